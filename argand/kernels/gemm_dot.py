"""The microkernel of dot products, for few rows where the columns of B are contiguous.

Packing B pays only if several rows use it. For a product with a transposed matrix and very few
rows, this kernel computes a tile of `rows` x `columns` dot products instead, each in a vector of
partial sums along k: B is streamed once, from where it lies.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer
from argand.kernels.gemm_micro import field


class Dot(NamedTuple):
    """What distinguishes one kernel of dot products from another."""

    kind: dtype
    lanes: int
    rows: int
    columns: int  # a power of two; rows * columns are at most `lanes`

    @property
    def width(self) -> int:
        """How many columns a tile has."""
        return self.columns

    def kernel(self, rows: int, sizes: tuple[int, ...]) -> int:
        """The address of the kernel; there is one height only."""
        assert (rows,) == sizes == (self.rows,)
        return dot_kernel(self)


@cache
def dot_kernel(dot: Dot) -> int:
    """The address of the kernel: ``void (ptr a, ptr b, ptr to, i64 to_row, ptr task)``."""
    return jit.address(dot_text(dot), "dot")


def dot_text(dot: Dot) -> str:
    """The module with the kernel."""
    w = Writer()
    depth, a_row, b_column = (field(w, name) for name in ("depth", "a_row", "b_column"))
    last = w.let(f"sub i64 {field(w, 'columns')}, 1")
    a_lines = [w.let(f"mul i64 {a_row}, {row}") for row in range(dot.rows)]
    b_lines = [  # beyond the last column that one is read again
        w.let(f"mul i64 {b_column}, {w.smaller(str(column), last)}")
        for column in range(dot.columns)
    ]
    sums = [(f"<{dot.lanes} x {dot.kind.llvm}>", "zeroinitializer")] * (dot.rows * dot.columns)
    whole = w.let(f"and i64 {depth}, {-dot.lanes}")
    loop = w.begin_loop("0", whole, str(dot.lanes), sums)
    w.end_loop(loop, _step(w, dot, loop.index, loop.values, a_lines, b_lines, None))
    left = w.splat(w.let(f"sub i64 {depth}, {whole}"), "i64", dot.lanes)
    numbers = ", ".join(f"i64 {i}" for i in range(dot.lanes))
    mask = w.let(f"icmp ugt <{dot.lanes} x i64> {left}, <{numbers}>")
    rest = w.begin_loop(whole, depth, str(dot.lanes), list(zip((k for k, _ in sums), loop.values)))
    w.end_loop(rest, _step(w, dot, rest.index, rest.values, a_lines, b_lines, mask))
    _store(w, dot, totals(w, rest.values, dot.lanes, dot.kind))
    w.line("ret void")
    signature = "void @NAME.dot(ptr %a, ptr %b, ptr %to, i64 %to_row, ptr %task)"
    declarations = sorted(w.declarations)
    return "\n".join((*declarations, f"define {signature} {{", "entry:", *w.lines, "}", ""))


def _step(
    w: Writer,
    dot: Dot,
    k: str,
    sums: list[str],
    a_lines: list[str],
    b_lines: list[str],
    mask: str | None,
) -> list[str]:
    """Add the products of one vector of k."""
    lower = Lowering(w, dot.lanes)
    vector = f"<{dot.lanes} x {dot.kind.llvm}>"
    function = f"llvm.fmuladd.v{dot.lanes}f{8 * dot.kind.itemsize}"
    w.declare(f"{vector} @{function}({vector}, {vector}, {vector})")

    def load(base: str, line: str) -> str:
        start = w.address(base, k, dot.kind.llvm)
        return lower.load(dot.kind, w.address(start, line, "i8"), mask)

    a = [load("%a", line) for line in a_lines]
    following = list(sums)
    for column, line in enumerate(b_lines):
        b = load("%b", line)
        for row in range(dot.rows):
            number = row * dot.columns + column
            arguments = ", ".join(f"{vector} {x}" for x in (a[row], b, sums[number]))
            following[number] = w.let(f"call {vector} @{function}({arguments})")
    return following


def totals(w: Writer, sums: list[str], lanes: int, kind: dtype) -> str:
    """A vector whose lane i is the total of all lanes of ``sums[i]``."""
    vector = f"<{lanes} x {kind.llvm}>"
    half = lanes // 2
    count = 1 << (len(sums) - 1).bit_length()
    sums = sums + ["zeroinitializer"] * (count - len(sums))
    low, high = (
        ", ".join(f"i32 {start + i // 2 + lanes * (i % 2)}" for i in range(lanes))
        for start in (0, half)
    )
    while len(sums) > 1:  # interleave halves: lane bits move up, and the pair's bit comes last
        middle = len(sums) // 2
        pairs = zip(sums[:middle], sums[middle:])
        sums = []
        for a, b in pairs:
            x, y = (
                w.let(f"shufflevector {vector} {a}, {vector} {b}, <{lanes} x i32> <{mask}>")
                for mask in (low, high)
            )
            sums.append(w.let(f"fadd {vector} {x}, {y}"))
    result = sums[0]
    distance = half
    while distance >= count:
        numbers = ", ".join(f"i32 {(i + distance) % lanes}" for i in range(lanes))
        other = w.let(
            f"shufflevector {vector} {result}, {vector} poison, <{lanes} x i32> <{numbers}>"
        )
        result = w.let(f"fadd {vector} {result}, {other}")
        distance //= 2
    return result


def _store(w: Writer, dot: Dot, total: str) -> None:
    vector = f"<{dot.lanes} x {dot.kind.llvm}>"
    for row in range(dot.rows):
        numbers = ", ".join(f"i32 {row * dot.columns + i}" for i in range(dot.columns))
        line = w.let(
            f"shufflevector {vector} {total}, {vector} poison, <{dot.columns} x i32> <{numbers}>"
        )
        place = w.address("%to", w.let(f"mul i64 %to_row, {row}"), "i8")
        w.line(
            f"store <{dot.columns} x {dot.kind.llvm}> {line}, ptr {place}, "
            f"align {dot.kind.itemsize}"
        )
