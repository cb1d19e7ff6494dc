"""The matrix microkernel: a register tile of C, and the loop over k that fills it.

The tile has `rows` rows of `vectors` vectors. For every k the loop loads `vectors` vectors of a row
of B, broadcasts `rows` elements of a column of A, and adds their products to the tile (K. Goto and
R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34, 2008). Strides
tell where A and B lie, so the same code reads packed panels and matrices in place.

A tile has as many rows as `Target.tile_rows`, or a power of two below that. Rows of a matrix are
covered exactly by tiles of these heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer

# A task describes the work on one panel (a block of columns as wide as the tile) of C to the
# functions that do it: 8-byte words with these names. Addresses are those of the first k, of row 0
# and of the first column of the panel; strides are in bytes.
TASK = (
    # read by the microkernel
    "depth",  # how many k
    "a_row",  # A from a row to the next
    "a_depth",  # A from k to the next
    "b_depth",  # B from k to the next; a row of B is contiguous
    "b_column",  # B from a column to the next, for dot products
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
    "biased",  # 1: there is a bias
    "bias",
    "bias_row",
    "bias_column",
    "load",  # 1: add to what C holds
    "finish",  # 1: these are the last k, so bias and activation follow
    "alpha",  # the product is multiplied by this float64
    # read by packers
    "step",  # number of the first k
)

# How many k ahead of their use the lines of panels are fetched into the first cache.
PREFETCH_A = 16
PREFETCH_B = 8
LINE = 64  # bytes of a cache line


class Micro(NamedTuple):
    """What distinguishes one microkernel from another, but for its height."""

    kind: dtype  # float32 or float64
    lanes: int
    vectors: int
    adjacent: bool  # the rows of a column of A are adjacent: packed, or A is transposed
    masked: bool = False  # fewer columns of B may exist than the tile has
    clipped: bool = False  # only as many are stored, which makes reading them back at once slow

    @property
    def vector(self) -> str:
        return f"<{self.lanes} x {self.kind.llvm}>"

    @property
    def width(self) -> int:
        """How many columns a tile has."""
        return self.lanes * self.vectors

    def kernel(self, rows: int, sizes: tuple[int, ...]) -> int:
        """The address of the kernel of one height among `sizes`; the two largest go together."""
        return microkernel(self, rows, sizes[:2] if rows in sizes[:2] else sizes[2:])


def heights(rows: int) -> tuple[int, ...]:
    """The heights of register tiles, falling: the full one, and powers of two below it."""
    powers = (1 << i for i in reversed(range(rows.bit_length())))
    return (rows, *(p for p in powers if p < rows))


@cache
def microkernel(micro: Micro, rows: int, together: tuple[int, ...]) -> int:
    """The address of the microkernel with tiles of `rows` rows.

    It is ``void (ptr a, ptr b, ptr to, i64 to_row, ptr task)`` and writes the tile of A B to `to`.
    One module holds the kernels of the heights `together`.
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
    everything: list[str | None] = [None] * micro.vectors
    masks = column_masks(w, micro) if micro.masked or micro.clipped else everything
    sums = _k_loop(w, micro, rows, masks if micro.masked else everything)
    lower = Lowering(w, micro.lanes)
    for row in range(rows):
        start = w.address("%to", w.let(f"mul i64 %to_row, {row}"), "i8") if row else "%to"
        for v in range(micro.vectors):
            place = w.address(start, v * micro.lanes, micro.kind.llvm)
            mask = masks[v] if micro.clipped else None
            lower.store(micro.kind, sums[row * micro.vectors + v], place, mask)
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


def _k_loop(w: Writer, micro: Micro, rows: int, masks: Sequence[str | None]) -> list[str]:
    """Write the loop over k; returns the names of the sums, vectors fastest."""
    depth, a_step, b_step = (field(w, name) for name in ("depth", "a_depth", "b_depth"))
    lower = Lowering(w, micro.lanes)
    vector, count = micro.vector, rows * micro.vectors
    function = f"llvm.fmuladd.v{micro.lanes}f{8 * micro.kind.itemsize}"
    w.declare(f"{vector} @{function}({vector}, {vector}, {vector})")
    column = _Adjacent(micro) if micro.adjacent else _Strided(w, rows)
    sums = [(vector, "zeroinitializer")] * count
    loop = w.begin_loop("0", depth, "1", (*sums, ("ptr", "%b"), *column.carried))
    products, b = loop.values[:count], loop.values[count]
    column.begin(w, loop.values[count + 1 :])
    row_of_b = [
        lower.load(micro.kind, w.address(b, v * micro.lanes, micro.kind.llvm), masks[v])
        for v in range(micro.vectors)
    ]
    _fetch_ahead(w, b, b_step, PREFETCH_B, micro.width * micro.kind.itemsize)
    if micro.adjacent:
        _fetch_ahead(w, column.pointers[0], a_step, PREFETCH_A, 1)
    following = []
    for row in range(rows):
        address = column.address(w, row)
        one = w.let(f"load {micro.kind.llvm}, ptr {address}, align {micro.kind.itemsize}")
        many = w.splat(one, micro.kind.llvm, micro.lanes)
        for v in range(micro.vectors):
            operands = (many, row_of_b[v], products[row * micro.vectors + v])
            arguments = ", ".join(f"{vector} {x}" for x in operands)
            following.append(w.let(f"call {vector} @{function}({arguments})"))
    w.end_loop(loop, (*following, w.address(b, b_step, "i8"), *column.next(w, a_step)))
    return loop.values[:count]


def _fetch_ahead(w: Writer, base: str, step: str, steps: int, size: int) -> None:
    """Fetch the `size` bytes that will be read `steps` iterations from now."""
    ahead = w.address(base, w.let(f"mul i64 {step}, {steps}"), "i8")
    for offset in range(0, size, LINE):
        prefetch(w, w.address(ahead, offset, "i8"))


def prefetch(w: Writer, address: str) -> None:
    """Fetch a cache line that will soon be read; any address will do."""
    w.declare("void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    w.line(f"call void @llvm.prefetch.p0(ptr {address}, i32 0, i32 3, i32 1)")


class _Column:
    """Where the elements of a column of A are, in the loop over k."""

    def __init__(self) -> None:
        self.carried: list[tuple[str, str]] = [("ptr", "%a")]  # types and initial values
        self.pointers: list[str] = []  # to some of the rows
        self.strides: list[str] = []

    def begin(self, w: Writer, values: list[str]) -> None:
        """Begin an iteration; `values` are those that the loop carries."""
        self.pointers = values

    def address(self, w: Writer, row: int) -> str:
        """The address of the element in a row."""
        raise NotImplementedError

    def next(self, w: Writer, step: str) -> list[str]:
        """What the loop carries into the next iteration."""
        return [*(w.address(pointer, step, "i8") for pointer in self.pointers), *self.strides]


class _Adjacent(_Column):
    """The rows of the column lie side by side."""

    def __init__(self, micro: Micro) -> None:
        super().__init__()
        self.kind = micro.kind

    def address(self, w: Writer, row: int) -> str:
        return w.address(self.pointers[0], row, self.kind.llvm)


class _Strided(_Column):
    """The rows are as far apart as the task tells.

    x86 adds an index times 1, 2, 4 or 8 for free: rows are reached from pointers to row 0, 5 and 10
    with the stride and three times the stride as the only indices. These two pass through an empty
    piece of assembly in each iteration; LLVM would otherwise see that they do not change and make a
    chain of dependent additions, slower than the multiplications, out of the addresses.
    """

    BASES = (0, 5, 10)
    FACTORS = ((1, 2, 4, 8), (3, 6, 12))  # distances reached with one and with three strides

    def __init__(self, w: Writer, rows: int) -> None:
        super().__init__()
        self.bases = [base for base in self.BASES if base < rows]
        if rows == 1:
            return
        one = field(w, "a_row")
        for base in self.bases[1:]:
            offset = w.let(f"mul i64 {one}, {base}")
            self.carried.append(("ptr", w.address("%a", offset, "i8")))
        self.carried += [("i64", one), ("i64", w.let(f"mul i64 {one}, 3"))]

    def begin(self, w: Writer, values: list[str]) -> None:
        count = len(self.bases)
        self.pointers = values[:count]
        hide = 'call i64 asm "", "=r,0"(i64 {})'
        self.strides = [w.let(hide.format(stride)) for stride in values[count:]]

    def address(self, w: Writer, row: int) -> str:
        for base, pointer in zip(self.bases, self.pointers):
            distance = row - base
            if distance == 0:
                return pointer
            for stride, factors in zip(self.strides, self.FACTORS):
                if distance in factors:
                    shift = (distance // factors[0]).bit_length() - 1
                    index = w.let(f"shl i64 {stride}, {shift}") if shift else stride
                    return w.address(pointer, index, "i8")
        raise AssertionError(f"row {row} has no address")
