"""Writing the loops of a product: words, addresses and conditions (no arithmetic on elements)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from argand.kernels.emit import Writer
from argand.kernels.gemm_micro import TASK

TILES_WORDS = 4  # a row of a table of tiles: end, base, rows of a tile, microkernel

# The parameters: what a task begins with, then words with these names, then the tables whose places
# they tell.
PARAMETERS = (
    *TASK,
    "a_word",  # which argument is the operand
    "a_across",  # strides: from a row of A to the next
    "a_along",  # and along k
    "a_packer",  # address of a packer; 0: the operand is not packed here
    "a_line",  # bytes of one k in a packed panel
    "a_panel",  # bytes of a packed panel
    "b_word",
    "b_across",  # from a column of B to the next
    "b_along",
    "b_packer",
    "b_line",
    "b_panel",  # bytes from a panel of B to the next, packed or not
    "slots",  # address of scratch memory: a flag for each slot
    "slot_count",
    "slot_first",  # bytes from there to the first slot
    "slot_bytes",
    "slot_b",  # bytes from a slot, or the shared panels, to the panels of B
    "scratch_word",
    "c_word",
    "c_panel",  # from a panel of C to the next
    "bias_word",
    "bias_panel",
    "width",  # columns of a panel
    "last_width",  # columns of the tile used for the last panel
    "column_count",
    "accumulate",
    "in_place",  # 1: the microkernel may store to C
    "finishing",  # 1: there is a bias or an activation
    "last_deliver",
    "whole_depth",
    "block_depth",  # k of a block
    "slice_depth",  # k from a matrix of the batch to the next where these are slices, else 0
    "tiles",
    "panels",
    "block_tiles",  # tiles of a unit
    "block_panels",  # panels of a unit
    "row_blocks",  # units of a matrix: so many high
    "column_blocks",  # and so many wide
    "row_step",  # units from a block to the one below
    "column_step",  # and to the one beside: one of the two steps is 1
    "tiles_at",  # place of the table of tiles for whole panels
    "last_tiles_at",  # and for the last panel
    "patches_at",  # place of the table of an operand that is an image: see conv_patch
    "image_depth",  # k of an image, where A and B go on in the next one after so many
    "a_jump",  # bytes from where A would go on
    "b_jump",
    "batch_dims",
    "batch_at",  # place of the table of the batch: size, strides of A, B, C, bias
    # a shared product: see gemm_share
    "depth_first",  # k of the rounds before
    "depth_count",  # k of this round
    "round_depth",  # at most so many k in a round
    "compute",
    "compute_chunks",
    "share_a",  # addresses of packers
    "share_b",
    "piece_a",  # k of a unit of packing
    "piece_b",
    "share_chunks",
    # slices: see gemm_split
    "units",
    "slices",
    "slice_bytes",  # from a slice of C to the next
    "slice_row",  # and from a row of it
    "length",  # words of all the parameters
    "arguments",
)
NUMBER = {name: number for number, name in enumerate(PARAMETERS)}


class Body(Writer):
    """A writer that knows the names of parameters (``%p``) and of the fields of a ``%task``."""

    number = NUMBER

    def parameter(self, name: str, kind: str = "i64") -> str:
        return self.word("%p", self.number[name], kind)

    def parameters(self, *names: str) -> list[str]:
        return [self.parameter(name) for name in names]

    def set_parameter(self, base: str, name: str, value: str) -> None:
        self.line(f"store i64 {value}, ptr {self.address(base, self.number[name])}")

    def task(self, name: str, kind: str = "i64") -> str:
        return self.word("%task", TASK.index(name), kind)

    def set_task(self, name: str, value: str, kind: str = "i64") -> None:
        self.line(f"store {kind} {value}, ptr {self.address('%task', TASK.index(name))}")

    def argument(self, name: str) -> str:
        """The address in the word of the call that a parameter names."""
        return self.let(f"load ptr, ptr {self.address('%words', self.parameter(name))}")

    def table(self, name: str) -> str:
        """The address of a table among the parameters."""
        return self.address("%p", self.parameter(name))

    def add(self, a: str, b: str | int) -> str:
        return self.let(f"add i64 {a}, {b}")

    def sub(self, a: str, b: str | int) -> str:
        return self.let(f"sub i64 {a}, {b}")

    def mul(self, a: str, b: str | int) -> str:
        return self.let(f"mul i64 {a}, {b}")

    def divided(self, a: str, b: str) -> tuple[str, str]:
        """Quotient and rest."""
        quotient = self.let(f"udiv i64 {a}, {b}")
        return quotient, self.sub(a, self.mul(quotient, b))

    def pointer(self, base: str, offset: str) -> str:
        return self.let(f"getelementptr i8, ptr {base}, i64 {offset}")

    def holds(self, condition: str, a: str, b: str) -> str:
        """1 where ``icmp condition a, b`` holds, else 0."""
        return self.let(f"zext i1 {self.let(f'icmp {condition} i64 {a}, {b}')} to i64")

    def select(self, condition: str, yes: str, no: str, kind: str = "i64") -> str:
        """`yes` unless the word `condition` is 0."""
        flag = self.let(f"icmp ne i64 {condition}, 0")
        return self.let(f"select i1 {flag}, {kind} {yes}, {kind} {no}")

    def when(
        self, condition: str, body: Callable[[], None], other: Callable[[], None] | None = None
    ) -> None:
        """Write `body` so that it runs unless the word `condition` is 0, when `other` runs."""
        yes, no, after = self.fresh("yes"), self.fresh("no"), self.fresh("after")
        self.branch(self.let(f"icmp ne i64 {condition}, 0"), yes, no if other else after)
        self.label(yes)
        body()
        self.jump(after)
        if other is not None:
            self.label(no)
            other()
            self.jump(after)
        self.label(after)

    def call(self, function: str, arguments: Sequence[str]) -> None:
        self.line(f"call void {function}({', '.join(arguments)})")


def define(signature: str, write: Callable[[Body], None]) -> str:
    """The text of a function whose body `write` writes."""
    w = Body()
    write(w)
    w.line("ret void")
    return "\n".join((f"define {signature} {{", "entry:", *w.lines, "}", ""))


def tile_rows(w: Body, tile: str, line: str) -> tuple[str, str]:
    """First row, and number of rows, of a tile whose height has this row of the table."""
    rows = w.word(line, 2)
    return w.add(w.mul(tile, rows), w.word(line, 1)), rows


def for_tiles(w: Body, body: Callable[[str, str, str, str], None]) -> None:
    """For each tile of the task ``body(tile, row, rows, microkernel)``: height by height."""
    table, count, last = w.task("heights", "ptr"), w.task("height_count"), w.task("tile_end")
    height = w.begin_loop("0", count, "1", [("i64", w.task("tile"))])
    line = w.let(f"getelementptr [{TILES_WORDS} x i64], ptr {table}, i64 {height.index}")
    end = w.smaller(w.word(line, 0), last)
    micro = w.word(line, 3, "ptr")
    tile = w.begin_loop(height.values[0], end, "1")
    row, rows = tile_rows(w, tile.index, line)
    body(tile.index, row, rows, micro)
    w.end_loop(tile)
    w.end_loop(height, [tile.index])


def pack(w: Body, operand: str, packer: str, lines: tuple[str, str], ends: tuple[str, str]) -> None:
    """Call a packer: `lines` are the first row or column and their number, `ends` from and to."""
    across, along, line = w.parameters(*(f"{operand}_{n}" for n in ("across", "along", "line")))
    source = w.pointer(ends[0], w.mul(lines[0], across))
    numbers = (line, lines[1], w.task("depth"), lines[0], w.task("step"))
    words = (*(f"i64 {x}" for x in numbers), f"ptr {w.table('patches_at')}")
    w.call(packer, (f"ptr {source}", f"i64 {across}", f"i64 {along}", f"ptr {ends[1]}", *words))
