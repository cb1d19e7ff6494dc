"""The loops around the microkernel: blocks, panels and tiles, and packing (no arithmetic).

``compute`` is a kernel whose units are blocks of C. For each block of k it packs the parts of A and
B that cannot be read well in place, and then goes through the panels of B and, in a panel, through
the tiles: a panel of B stays in a near cache while A passes by. Packed panels are private to the
thread, in a slot of scratch memory that it claims for the length of a call: what another core has
just written would be slow to read, and nobody has to wait for anybody.

This module knows neither types nor tile sizes, for these come with the parameters as sizes in bytes
and addresses of functions. So it is generated once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from argand.kernels import jit
from argand.kernels.emit import Writer
from argand.kernels.gemm_micro import TASK

_OPERAND = (
    "{}_word",  # which argument is the operand
    "{}_row",  # strides: from a row of A, or a column of B, to the next
    "{}_depth",  # and along k
    "{}_packer",  # address of a packer; 0: the operand is read in place
    "{}_line",  # bytes of one k in a packed panel
    "{}_panel",  # bytes of a packed panel
)

# The parameters: words with these names, then the tables whose places they tell.
PARAMETERS = (
    *(name.format("a") for name in _OPERAND),
    *(name.format("b") for name in _OPERAND),
    "slots",  # address of scratch memory: a flag for each slot
    "slot_count",
    "slot_first",  # bytes from there to the first slot
    "slot_bytes",
    "slot_b",  # bytes from a slot to the panels of B
    "b_panel_bytes",  # from a panel of B to the next, where it is read in place
    "c_word",
    "c_row",
    "c_column",
    "panel_bytes",  # from a panel of C to the next
    "bias_word",  # -1: no bias
    "bias_row",
    "bias_column",
    "bias_panel_bytes",
    "columns",
    "depth",
    "panel_columns",
    "last_panel_columns",  # columns of the tile used for the last panel
    "copy_row",  # bytes of a row of a tile that `deliver` is given
    "alpha",
    "accumulate",
    "in_place",  # 1: the microkernel may store to C
    "finishing",  # 1: there is a bias or an activation
    "deliver",
    "last_deliver",
    "block_depth",  # k of a block
    "tiles",
    "panels",
    "block_tiles",  # tiles of a unit
    "block_panels",  # panels of a unit
    "row_blocks",  # units of a matrix: so many high
    "column_blocks",  # and so many wide
    "heights",  # rows of a table of tiles: end, base, rows of a tile, microkernel
    "tiles_at",  # place of the table of tiles, for whole panels
    "last_tiles_at",  # and for the last panel
    "batch_dims",
    "batch_at",  # place of the table of the batch: size, strides of A, B, C, bias
)
NUMBER = {name: number for number, name in enumerate(PARAMETERS)}
TILES_WORDS = 4


@cache
def compute() -> int:
    """The address of ``compute``."""
    return jit.address(text(), "compute")


@cache
def text() -> str:
    """The module."""
    return "\n".join(
        (
            _OFFSETS,
            _SLOT,
            _function("internal void @NAME.panel(ptr %task)", _panel),
            _function("internal void @NAME.pack_a(ptr %p, ptr %task, ptr %from, ptr %to)", _pack_a),
            _function(
                "internal void @NAME.pack_b(ptr %p, ptr %task, ptr %from, ptr %to, "
                "i64 %first, i64 %end)",
                _pack_b,
            ),
            _function(
                "void @NAME.compute(ptr %words, ptr %p, i64 %first, i64 %end)",
                _compute,
            ),
        )
    )


_OFFSETS = """
; Where the matrices with number %index of the batch begin, in bytes: A, B, C, bias.
define internal { i64, i64, i64, i64 } @NAME.offsets(ptr %table, i64 %dims, i64 %index) {
entry:
  br label %head
head:
  %dim = phi i64 [ %dims, %entry ], [ %inner, %body ]
  %left = phi i64 [ %index, %entry ], [ %quotient, %body ]
  %a = phi i64 [ 0, %entry ], [ %a.sum, %body ]
  %b = phi i64 [ 0, %entry ], [ %b.sum, %body ]
  %c = phi i64 [ 0, %entry ], [ %c.sum, %body ]
  %d = phi i64 [ 0, %entry ], [ %d.sum, %body ]
  %more = icmp ne i64 %dim, 0
  br i1 %more, label %body, label %end
body:
  %inner = sub i64 %dim, 1
  %row.at = getelementptr [5 x i64], ptr %table, i64 %inner
  %size = load i64, ptr %row.at
  %quotient = udiv i64 %left, %size
  %whole = mul i64 %quotient, %size
  %position = sub i64 %left, %whole
  %a.at = getelementptr i64, ptr %row.at, i64 1
  %a.stride = load i64, ptr %a.at
  %a.step = mul i64 %position, %a.stride
  %a.sum = add i64 %a, %a.step
  %b.at = getelementptr i64, ptr %row.at, i64 2
  %b.stride = load i64, ptr %b.at
  %b.step = mul i64 %position, %b.stride
  %b.sum = add i64 %b, %b.step
  %c.at = getelementptr i64, ptr %row.at, i64 3
  %c.stride = load i64, ptr %c.at
  %c.step = mul i64 %position, %c.stride
  %c.sum = add i64 %c, %c.step
  %d.at = getelementptr i64, ptr %row.at, i64 4
  %d.stride = load i64, ptr %d.at
  %d.step = mul i64 %position, %d.stride
  %d.sum = add i64 %d, %d.step
  br label %head
end:
  %r1 = insertvalue { i64, i64, i64, i64 } poison, i64 %a, 0
  %r2 = insertvalue { i64, i64, i64, i64 } %r1, i64 %b, 1
  %r3 = insertvalue { i64, i64, i64, i64 } %r2, i64 %c, 2
  %r4 = insertvalue { i64, i64, i64, i64 } %r3, i64 %d, 3
  ret { i64, i64, i64, i64 } %r4
}
"""
_FOUR = "{ i64, i64, i64, i64 }"

_SLOT = """
; Claim a slot: the number of the first whose flag could be raised. Flags are 64 bytes apart.
define internal i64 @NAME.claim(ptr %slots, i64 %count) {
entry:
  br label %try
try:
  %i = phi i64 [ 0, %entry ], [ %following, %taken ]
  %flag = getelementptr [8 x i64], ptr %slots, i64 %i
  %swap = cmpxchg ptr %flag, i64 0, i64 1 acquire monotonic
  %won = extractvalue { i64, i1 } %swap, 1
  br i1 %won, label %end, label %taken
taken:
  %next = add i64 %i, 1
  %last = icmp eq i64 %next, %count
  %following = select i1 %last, i64 0, i64 %next
  br label %try
end:
  ret i64 %i
}

define internal void @NAME.release(ptr %slots, i64 %i) {
  %flag = getelementptr [8 x i64], ptr %slots, i64 %i
  store atomic i64 0, ptr %flag release, align 8
  ret void
}
"""


class _Body(Writer):
    """A writer that knows the names of parameters and of the fields of a task."""

    def parameter(self, name: str, kind: str = "i64") -> str:
        return self.word("%p", NUMBER[name], kind)

    def parameters(self, *names: str) -> list[str]:
        return [self.parameter(name) for name in names]

    def task(self, name: str, kind: str = "i64") -> str:
        return self.word("%task", TASK.index(name), kind)

    def set_task(self, name: str, value: str, kind: str = "i64") -> None:
        self.line(f"store {kind} {value}, ptr {self.address('%task', TASK.index(name))}")

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

    def select(self, condition: str, yes: str, no: str, kind: str = "i64") -> str:
        """`yes` unless the word `condition` is 0."""
        flag = self.let(f"icmp ne i64 {condition}, 0")
        return self.let(f"select i1 {flag}, {kind} {yes}, {kind} {no}")

    def pointer(self, base: str, offset: str) -> str:
        return self.let(f"getelementptr i8, ptr {base}, i64 {offset}")

    def argument(self, number: str) -> str:
        """The address in this word of the call."""
        return self.let(f"load ptr, ptr {self.address('%words', number)}")

    def equals(self, a: str, b: str) -> str:
        return self.let(f"zext i1 {self.let(f'icmp eq i64 {a}, {b}')} to i64")

    def when(self, condition: str, body: Callable[[], None]) -> None:
        """Write `body` so that it runs unless the word `condition` is 0."""
        yes, after = self.fresh("yes"), self.fresh("after")
        self.branch(self.let(f"icmp ne i64 {condition}, 0"), yes, after)
        self.label(yes)
        body()
        self.jump(after)
        self.label(after)


def _function(signature: str, write: Callable[[_Body], None]) -> str:
    w = _Body()
    write(w)
    w.line("ret void")
    return "\n".join((f"define {signature} {{", "entry:", *w.lines, "}", ""))


def _for_tiles(w: _Body, body: Callable[[str, str, str, str], None]) -> None:
    """For each tile of the task ``body(tile, row, rows, microkernel)``: height by height."""
    table, count, last = w.task("heights", "ptr"), w.task("height_count"), w.task("tile_end")
    height = w.begin_loop("0", count, "1", [("i64", w.task("tile"))])
    line = w.let(f"getelementptr [{TILES_WORDS} x i64], ptr {table}, i64 {height.index}")
    end = w.smaller(w.word(line, 0), last)
    base, rows, micro = w.word(line, 1), w.word(line, 2), w.word(line, 3, "ptr")
    tile = w.begin_loop(height.values[0], end, "1")
    body(tile.index, w.add(w.mul(tile.index, rows), base), rows, micro)
    w.end_loop(tile)
    w.end_loop(height, [tile.index])


def _panel(w: _Body) -> None:
    """All tiles of a task."""
    copy = w.let("alloca [8192 x i8], align 64")
    a, b, c = (w.task(name, "ptr") for name in "abc")
    a_row, a_tile, c_row = (w.task(name) for name in ("a_tile_row", "a_tile", "c_row"))
    copy_row, plain = w.task("copy_row"), w.task("plain")
    deliver = w.task("deliver", "ptr")
    ready = w.equals(plain, "0")

    def compute(tile: str, row: str, rows: str, micro: str) -> None:
        a_at = w.pointer(a, w.add(w.mul(row, a_row), w.mul(tile, a_tile)))
        c_at = w.pointer(c, w.mul(row, c_row))
        to = w.select(plain, c_at, copy, "ptr")
        to_row = w.select(plain, c_row, copy_row)
        w.line(f"call void {micro}(ptr {a_at}, ptr {b}, ptr {to}, i64 {to_row}, ptr %task)")
        arguments = f"ptr %task, ptr {c_at}, ptr {copy}, i64 {row}, i64 {rows}"
        w.when(ready, lambda: w.line(f"call void {deliver}({arguments})"))

    _for_tiles(w, compute)


# ---- units ----------------------------------------------------------------------------------


def _compute(w: _Body) -> None:
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    _constant_fields(w)
    packs = w.let(f"or i64 {w.parameter('a_packer')}, {w.parameter('b_packer')}")
    slots, count = w.parameter("slots", "ptr"), w.parameter("slot_count")
    number = w.let("alloca i64")
    w.line(f"store i64 0, ptr {number}")

    def claim() -> None:
        won = w.let(f"call i64 @NAME.claim(ptr {slots}, i64 {count})")
        w.line(f"store i64 {won}, ptr {number}")

    w.when(packs, claim)
    mine = w.let(f"load i64, ptr {number}")
    place = w.add(w.mul(mine, w.parameter("slot_bytes")), w.parameter("slot_first"))
    _units(w, w.pointer(slots, place))
    w.when(packs, lambda: w.line(f"call void @NAME.release(ptr {slots}, i64 {mine})"))


def _constant_fields(w: _Body) -> None:
    """Fields of the task that are the same for all units."""
    for name in ("c_row", "c_column", "bias_row", "bias_column", "alpha", "copy_row"):
        w.set_task(name, w.parameter(name))
    w.set_task("height_count", w.parameter("heights"))
    packed = w.parameter("a_packer")
    row, depth, line, panel = w.parameters("a_row", "a_depth", "a_line", "a_panel")
    w.set_task("a_row", row)
    w.set_task("a_depth", w.select(packed, line, depth))
    w.set_task("a_tile_row", w.select(packed, "0", row))
    w.set_task("a_tile", w.select(packed, panel, "0"))
    b_line = w.select(w.parameter("b_packer"), w.parameter("b_line"), w.parameter("b_depth"))
    w.set_task("b_depth", b_line)


def _units(w: _Body, slot: str) -> None:
    row_blocks, tiles, block = w.parameters("row_blocks", "tiles", "block_tiles")
    blocks = w.mul(row_blocks, w.parameter("column_blocks"))
    depth, step = w.parameters("depth", "block_depth")
    nothing = w.equals(depth, "0")
    whole_depth = w.select(nothing, "1", depth)  # C is written even where there is no k
    unit = w.begin_loop("%first", "%end", "1", [("i64", "-1")])
    matrix, within = w.divided(unit.index, blocks)
    across, down = w.divided(within, row_blocks)
    first_tile = w.mul(down, block)
    w.set_task("tile", first_tile)
    w.set_task("tile_end", w.smaller(w.add(first_tile, block), tiles))
    first_panel = w.mul(across, w.parameter("block_panels"))
    end_panel = w.smaller(w.add(first_panel, w.parameter("block_panels")), w.parameter("panels"))
    a, b, c, bias = _starts(w, matrix)
    block_of_k = w.begin_loop("0", whole_depth, step, [("i64", unit.values[0])])
    k = block_of_k.index
    count = w.smaller(step, w.sub(depth, k))
    _fields_of_block(w, k, count)
    _place_a(w, w.pointer(a, w.mul(k, w.parameter("a_depth"))), slot)
    b_here = w.pointer(b, w.mul(k, w.parameter("b_depth")))
    columns = w.add(w.mul(matrix, w.parameter("column_blocks")), across)
    content = w.add(w.mul(columns, whole_depth), k)
    b_base = _place_b(w, b_here, slot, (first_panel, end_panel), content, block_of_k.values[0])
    panel = w.begin_loop(first_panel, end_panel, "1")
    _fields_of_panel(w, panel.index, b_base, c, bias)
    w.line("call void @NAME.panel(ptr %task)")
    w.end_loop(panel)
    w.end_loop(block_of_k, [content])
    w.end_loop(unit, [block_of_k.values[0]])


def _starts(w: _Body, matrix: str) -> tuple[str, str, str, str]:
    """Addresses of A, B, C and the bias for one matrix of the batch."""
    table = w.let(f"getelementptr i64, ptr %p, i64 {w.parameter('batch_at')}")
    dims = w.parameter("batch_dims")
    found = w.let(f"call {_FOUR} @NAME.offsets(ptr {table}, i64 {dims}, i64 {matrix})")
    offsets = [w.let(f"extractvalue {_FOUR} {found}, {i}") for i in range(4)]
    a, b, c = (
        w.pointer(w.argument(w.parameter(f"{name}_word")), offset)
        for name, offset in zip("abc", offsets)
    )
    word = w.parameter("bias_word")
    absent = w.let(f"icmp slt i64 {word}, 0")
    bias = w.argument(w.let(f"select i1 {absent}, i64 0, i64 {word}"))
    bias = w.let(f"select i1 {absent}, ptr null, ptr {w.pointer(bias, offsets[3])}")
    return a, b, c, bias


def _fields_of_block(w: _Body, k: str, count: str) -> None:
    w.set_task("depth", count)
    later = w.let(f"zext i1 {w.let(f'icmp ne i64 {k}, 0')} to i64")
    w.set_task("load", w.let(f"or i64 {later}, {w.parameter('accumulate')}"))
    w.set_task("finish", w.equals(w.add(k, count), w.parameter("depth")))


def _place_a(w: _Body, a: str, slot: str) -> None:
    """Let the task read A in place, or pack the tiles of the unit."""
    packer = w.parameter("a_packer")
    w.set_task("heights", w.let(f"getelementptr i64, ptr %p, i64 {w.parameter('tiles_at')}"), "ptr")
    before = w.mul(w.task("tile"), w.parameter("a_panel"))
    packed = w.pointer(slot, w.sub("0", before))
    w.set_task("a", w.select(packer, packed, a, "ptr"), "ptr")
    call = f"call void @NAME.pack_a(ptr %p, ptr %task, ptr {a}, ptr {packed})"
    w.when(packer, lambda: w.line(call))


def _place_b(
    w: _Body, b: str, slot: str, panels: tuple[str, str], content: str, present: str
) -> str:
    """Where panel 0 of B is or would be; packs the panels of the unit if they are not there."""
    packer = w.parameter("b_packer")
    before = w.mul(panels[0], w.parameter("b_panel"))
    packed = w.pointer(slot, w.sub(w.parameter("slot_b"), before))
    stale = w.let(f"zext i1 {w.let(f'icmp ne i64 {content}, {present}')} to i64")
    call = (
        f"call void @NAME.pack_b(ptr %p, ptr %task, ptr {b}, ptr {packed}, i64 {panels[0]}, "
        f"i64 {panels[1]})"
    )
    w.when(w.select(packer, stale, "0"), lambda: w.line(call))
    return w.select(packer, packed, b, "ptr")


def _fields_of_panel(w: _Body, panel: str, b: str, c: str, bias: str) -> None:
    stride = w.select(w.parameter("b_packer"), *w.parameters("b_panel", "b_panel_bytes"))
    w.set_task("b", w.pointer(b, w.mul(panel, stride)), "ptr")
    w.set_task("c", w.pointer(c, w.mul(panel, w.parameter("panel_bytes"))), "ptr")
    moved = w.pointer(bias, w.mul(panel, w.parameter("bias_panel_bytes")))
    none = w.let(f"icmp eq ptr {bias}, null")
    w.set_task("bias", w.let(f"select i1 {none}, ptr null, ptr {moved}"), "ptr")
    width = w.parameter("panel_columns")
    columns = w.smaller(w.sub(w.parameter("columns"), w.mul(panel, width)), width)
    w.set_task("columns", columns)
    last = w.equals(w.add(panel, 1), w.parameter("panels"))
    table = w.select(last, *w.parameters("last_tiles_at", "tiles_at"))
    w.set_task("heights", w.let(f"getelementptr i64, ptr %p, i64 {table}"), "ptr")
    w.set_task("deliver", w.select(last, *w.parameters("last_deliver", "deliver")))
    finishing = w.let(f"and i64 {w.task('finish')}, {w.parameter('finishing')}")
    extra = w.let(f"or i64 {finishing}, {w.task('load')}")
    tile_columns = w.select(last, w.parameter("last_panel_columns"), width)
    whole = w.let(f"and i64 {w.equals(columns, tile_columns)}, {w.parameter('in_place')}")
    w.set_task("plain", w.select(extra, "0", whole))


# ---- packing --------------------------------------------------------------------------------


def _pack_a(w: _Body) -> None:
    """Pack the tiles of the task; `to` is where tile 0 would be."""
    depth, packer = w.task("depth"), w.parameter("a_packer", "ptr")
    row_step, along, line, size = w.parameters("a_row", "a_depth", "a_line", "a_panel")

    def pack(tile: str, row: str, rows: str, micro: str) -> None:
        source = w.pointer("%from", w.mul(row, row_step))
        target = w.pointer("%to", w.mul(tile, size))
        w.line(
            f"call void {packer}(ptr {source}, i64 {row_step}, i64 {along}, ptr {target}, "
            f"i64 {line}, i64 {rows}, i64 {depth})"
        )

    _for_tiles(w, pack)


def _pack_b(w: _Body) -> None:
    """Pack panels `first` to `end`; `to` is where panel 0 would be."""
    depth, packer = w.task("depth"), w.parameter("b_packer", "ptr")
    across, along, line, size = w.parameters("b_row", "b_depth", "b_line", "b_panel")
    width, columns = w.parameters("panel_columns", "columns")
    panel = w.begin_loop("%first", "%end", "1")
    first = w.mul(panel.index, width)
    source = w.pointer("%from", w.mul(first, across))
    target = w.pointer("%to", w.mul(panel.index, size))
    existing = w.smaller(w.sub(columns, first), width)
    w.line(
        f"call void {packer}(ptr {source}, i64 {across}, i64 {along}, ptr {target}, i64 {line}, "
        f"i64 {existing}, i64 {depth})"
    )
    w.end_loop(panel)
