"""The matrix microkernel: a register tile of C, and the loop over k that fills it.

The tile has `rows` rows of `vectors` vectors. For every k the loop loads `vectors` vectors of a row
of B, broadcasts `rows` elements of a column of A, and adds their products to the tile (K. Goto and
R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34, 2008). Strides
tell where A and B lie, so the same code reads packed panels and matrices in place.

A tile has as many rows as `Target.tile_rows`, or a power of two below that. Rows of a matrix are
covered exactly by tiles of these heights.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer
from argand.kernels.target import Target

# A task describes the work on one panel (a block of columns as wide as the tile) of C to the
# functions that do it: 8-byte words with these names. Addresses are those of the first k, of row 0
# and of the first column of the panel; strides are in bytes.
TASK = (
    # read by the microkernel
    "depth",  # how many k
    "a_row",  # A from a row to the next
    "a_depth",  # A from k to the next
    "b_depth",  # B from k to the next; a row of B is contiguous
    "columns",  # how many columns of the panel exist
    # read by the loop over the tiles (gemm_drive)
    "a",
    "b",
    "c",
    "a_tile_row",  # A from a row to the next when it is not packed, else 0
    "a_tile",  # A from a tile to the next when it is packed, else 0
    "tile",  # first tile
    "tile_end",  # and the end
    "heights",  # address of a table of the tiles: see gemm_drive
    "height_count",
    "plain",  # 1: the microkernel may store to C, nothing else has to be done
    "deliver",  # address of the function that brings a tile to C otherwise
    "copy_row",  # bytes of a row of the tile that `deliver` is given
    # read by `deliver` (gemm_deliver)
    "c_row",
    "c_column",
    "bias",  # address or 0
    "bias_row",
    "bias_column",
    "load",  # 1: add to what C holds
    "finish",  # 1: these are the last k, so bias and activation follow
    "alpha",  # the product is multiplied by this float64
)

# How many k ahead of their use the lines of panels are fetched into the first cache.
PREFETCH_A = 16
PREFETCH_B = 8


class Micro(NamedTuple):
    """What distinguishes one microkernel from another, but for its height."""

    kind: dtype  # float32 or float64
    lanes: int
    vectors: int
    adjacent: bool  # the rows of a column of A are adjacent: packed, or A is transposed
    masked: bool  # fewer columns of B may exist than the tile has

    @property
    def vector(self) -> str:
        return f"<{self.lanes} x {self.kind.llvm}>"

    @property
    def width(self) -> int:
        return self.lanes * self.vectors


def heights(here: Target) -> tuple[int, ...]:
    """The heights of register tiles, falling: the full one, and powers of two below it."""
    powers = (1 << i for i in reversed(range(here.tile_rows.bit_length())))
    return (here.tile_rows, *(p for p in powers if p < here.tile_rows))


@cache
def microkernel(micro: Micro, rows: int, together: tuple[int, ...]) -> int:
    """The address of the microkernel with tiles of `rows` rows.

    It is ``void (ptr a, ptr b, ptr to, i64 to_row, ptr task)`` and writes the whole tile of A B to
    `to`. One module holds the kernels of the heights `together`.
    """
    return jit.address(micro_text(micro, together), f"micro{rows}")


def micro_text(micro: Micro, together: tuple[int, ...]) -> str:
    """The module with the microkernels of these heights."""
    declarations: set[str] = set()
    functions = []
    for rows in together:
        w = Writer()
        _write(w, micro, rows)
        declarations |= w.declarations
        signature = f"void @NAME.micro{rows}(ptr %a, ptr %b, ptr %to, i64 %to_row, ptr %task)"
        functions.append("\n".join((f"define {signature} {{", "entry:", *w.lines, "}", "")))
    return "\n".join((*sorted(declarations), *functions))


def _write(w: Writer, micro: Micro, rows: int) -> None:
    masks = column_masks(w, micro) if micro.masked else [None] * micro.vectors
    sums = _k_loop(w, micro, rows, masks)
    for row in range(rows):
        start = w.address("%to", w.let(f"mul i64 %to_row, {row}"), "i8") if row else "%to"
        for v in range(micro.vectors):
            place = w.address(start, v * micro.lanes, micro.kind.llvm)
            value = sums[row * micro.vectors + v]
            w.line(f"store {micro.vector} {value}, ptr {place}, align {micro.kind.itemsize}")
    w.line("ret void")


def field(w: Writer, name: str, kind: str = "i64") -> str:
    """Read a field of the task."""
    return w.word("%task", TASK.index(name), kind)


def column_masks(w: Writer, micro: Micro) -> list[str | None]:
    """For each vector of the tile, which of its lanes are columns that exist."""
    columns = w.splat(w.let(f"trunc i64 {field(w, 'columns')} to i32"), "i32", micro.lanes)
    masks: list[str | None] = []
    for v in range(micro.vectors):
        numbers = ", ".join(f"i32 {v * micro.lanes + i}" for i in range(micro.lanes))
        masks.append(w.let(f"icmp ugt <{micro.lanes} x i32> {columns}, <{numbers}>"))
    return masks


def _k_loop(w: Writer, micro: Micro, rows: int, masks: list[str | None]) -> list[str]:
    """Write the loop over k; returns the names of the sums, vectors fastest."""
    depth, a_step, b_step = (field(w, name) for name in ("depth", "a_depth", "b_depth"))
    lower = Lowering(w, micro.lanes)
    reader = _Adjacent(micro) if micro.adjacent else _Strided(w, micro, rows)
    sums = [(micro.vector, "zeroinitializer")] * (rows * micro.vectors)
    loop = w.begin_loop("0", depth, "1", (*sums, ("ptr", "%b"), *reader.carried))
    products, b, state = _split(loop.values, len(sums))
    row_of_b = [
        lower.load(micro.kind, w.address(b, v * micro.lanes, micro.kind.llvm), masks[v])
        for v in range(micro.vectors)
    ]
    function = f"llvm.fmuladd.v{micro.lanes}f{8 * micro.kind.itemsize}"
    vector = micro.vector
    w.declare(f"{vector} @{function}({vector}, {vector}, {vector})")
    following = []
    _prefetch(w, b, b_step, PREFETCH_B, [64 * v for v in range(_lines(micro.width, micro))])
    if micro.adjacent:
        _prefetch(w, state[0], a_step, PREFETCH_A, [0])
    elif rows > 4:
        line = w.let(f"mul i64 {w.let(f'and i64 {loop.index}, 15')}, {reader.stride}")
        block = w.let(f"add i64 {w.let(f'and i64 {loop.index}, -16')}, 32")
        at = w.address("%a", w.let(f"add i64 {line}, {w.let(f'mul i64 {block}, {a_step}')}"), "i8")
        w.line(f"call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 3, i32 1)")
    state = reader.begin(w, state)
    for row in range(rows):
        address = reader.row(w, state, row)
        one = w.let(f"load {micro.kind.llvm}, ptr {address}, align {micro.kind.itemsize}")
        many = w.splat(one, micro.kind.llvm, micro.lanes)
        for v in range(micro.vectors):
            operands = (many, row_of_b[v], products[row * micro.vectors + v])
            arguments = ", ".join(f"{vector} {x}" for x in operands)
            following.append(w.let(f"call {vector} @{function}({arguments})"))
    w.end_loop(loop, (*following, w.address(b, b_step, "i8"), *reader.next(w, state, a_step)))
    return loop.values[: len(sums)]


def _lines(elements: int, micro: Micro) -> int:
    return -(-elements * micro.kind.itemsize // 64)


def _prefetch(w: Writer, base: str, step: str, steps: int, lines: list[int]) -> None:
    """Fetch what will be read `steps` iterations from now."""
    w.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    ahead = w.address(base, w.let(f"mul i64 {step}, {steps}"), "i8")
    for line in lines:
        at = w.address(ahead, line, "i8")
        w.line(f"call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 3, i32 1)")


def _split(values: list[str], sums: int) -> tuple[list[str], str, list[str]]:
    return values[:sums], values[sums], values[sums + 1 :]


class _Adjacent:
    """Reads a column of A whose rows are adjacent."""

    def __init__(self, micro: Micro) -> None:
        self.micro = micro
        self.carried = [("ptr", "%a")]

    def begin(self, w: Writer, state: list[str]) -> list[str]:
        return state

    def row(self, w: Writer, state: list[str], row: int) -> str:
        return w.address(state[0], row, self.micro.kind.llvm)

    def next(self, w: Writer, state: list[str], step: str) -> list[str]:
        return [w.address(state[0], step, "i8")]


class _Strided:
    """Reads a column of A through a stride that is known when it runs.

    x86 adds an index times 1, 2, 4 or 8 for free: rows are reached from pointers to row 0, 5 and 10
    with the stride and three times the stride as the only indices. These two pass through an empty
    piece of assembly in each iteration; LLVM would otherwise see that they do not change and make a
    chain of dependent additions, slower than the multiplications, out of the addresses.
    """

    BASES = (0, 5, 10)
    ONE = (1, 2, 4, 8)
    THREE = (3, 6, 12)

    def __init__(self, w: Writer, micro: Micro, rows: int) -> None:
        self.bases = [base for base in self.BASES if base < rows]
        self.carried = [("ptr", "%a")]
        if rows == 1:
            return
        one = field(w, "a_row")
        self.stride = one
        for base in self.bases[1:]:
            offset = w.let(f"mul i64 {one}, {base}")
            self.carried.append(("ptr", w.address("%a", offset, "i8")))
        self.carried.append(("i64", one))
        self.carried.append(("i64", w.let(f"mul i64 {one}, 3")))

    def begin(self, w: Writer, state: list[str]) -> list[str]:
        count = len(self.bases)
        hide = 'call i64 asm "", "=r,0"(i64 {})'
        return [*state[:count], *(w.let(hide.format(index)) for index in state[count:])]

    def row(self, w: Writer, state: list[str], row: int) -> str:
        count = len(self.bases)
        for base, pointer in zip(self.bases, state):
            distance = row - base
            if distance == 0:
                return pointer
            if distance in self.ONE:
                return self._offset(w, pointer, state[count], distance)
            if distance in self.THREE:
                return self._offset(w, pointer, state[count + 1], distance // 3)
        raise AssertionError(f"row {row} has no address")

    def _offset(self, w: Writer, pointer: str, index: str, factor: int) -> str:
        if factor > 1:
            index = w.let(f"shl i64 {index}, {factor.bit_length() - 1}")
        return w.address(pointer, index, "i8")

    def next(self, w: Writer, state: list[str], step: str) -> list[str]:
        count = len(self.bases)
        return [*(w.address(pointer, step, "i8") for pointer in state[:count]), *state[count:]]
