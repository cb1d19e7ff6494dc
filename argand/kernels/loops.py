"""Map kernels: one expression per output, over any number of operands.

The iteration space has been collapsed to `rank` dimensions; its innermost one is walked in vectors,
cut into tiles, and a unit of work is one tile. Parameters of a kernel, in words::

    length of a row, length of a tile, tiles in a row, extents of the outer dimensions...,
    and for every operand its strides in bytes: outer dimensions..., inner dimension

Words of a call: addresses of the inputs, scalars, addresses of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import target
from argand.kernels.complex import expanded
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, element, function
from argand.kernels.expr import (
    CONST,
    INDEX,
    INPUT,
    ROW_REDUCTIONS,
    SCALAR,
    Expr,
    leaf,
    parts,
    row_index,
    topological,
)
from argand.kernels.scalar import TABLE

CONTIGUOUS = "c"  # neighbours in the row are neighbours in memory
BROADCAST = "b"  # one element serves the whole row
STRIDED = "s"

HEAD = 3  # parameters before the extents


class Operand(NamedTuple):
    """An array as a kernel meets it: its type, and how the inner dimension walks through it."""

    kind: dtype
    access: str


class Access:
    """The elements of one operand in the current row."""

    def __init__(self, low: Lowering, operand: Operand, base: str, stride: str | None) -> None:
        self.low = low
        self.kind = operand.kind
        self.access = operand.access
        self.base = base
        self.stride = stride
        self.splat = self._broadcast() if operand.access == BROADCAST else ""

    def _broadcast(self) -> str:
        one = Lowering(self.low.w, 1)
        value = one.load(self.kind, self.base, None)
        return spread(self.low, value, element(self.kind))

    def read(self, index: str, mask: str | None) -> str:
        """The computed values from `index` on."""
        if self.access == BROADCAST:
            return self.splat
        if self.access == CONTIGUOUS:
            return self.low.load(self.kind, self._address(index), mask)
        return self.low.gather(self.kind, self.addresses(index), mask or all_lanes(self.low))

    def write(self, index: str, mask: str | None, value: str) -> None:
        if self.access == CONTIGUOUS:
            self.low.store(self.kind, value, self._address(index), mask)
        else:
            lanes = mask or all_lanes(self.low)
            self.low.scatter(self.kind, value, self.addresses(index), lanes)

    def _address(self, index: str) -> str:
        return self.low.w.address(self.base, index, self.kind.llvm)

    def addresses(self, index: str) -> str:
        w, n = self.low.w, self.low.width
        positions = lane_positions(self.low, index)
        assert self.stride is not None
        stride = w.splat(self.stride, "i64", n)
        offsets = w.let(f"mul <{n} x i64> {positions}, {stride}")
        return w.let(f"getelementptr i8, ptr {self.base}, <{n} x i64> {offsets}")


    def values(self, index: str, mask: str | None) -> tuple[str, ...]:
        """The real values of what is read: one, or two parts."""
        return (self.read(index, mask),)

    @property
    def constants(self) -> tuple[str, ...]:
        """The same, of an operand that is one element."""
        return (self.splat,)

    def take(self, index: str, mask: str | None, values: Iterator[str]) -> None:
        """Write the next of `values`."""
        self.write(index, mask, next(values))


class ComplexAccess(Access):
    """The elements of a complex operand: their parts are read and written as real numbers."""

    def __init__(self, low: Lowering, operand: Operand, base: str, stride: str | None) -> None:
        self.low, self.kind, self.access, self.base = low, operand.kind, operand.access, base
        self.part = self.kind.to_real()
        self.sides: list[Access] = []
        if self.access != CONTIGUOUS:
            beside = low.w.address(base, self.part.itemsize, "i8")
            side = Operand(self.part, self.access)
            self.sides = [Access(low, side, place, stride) for place in (base, beside)]

    @property
    def constants(self) -> tuple[str, ...]:
        return tuple([side.splat for side in self.sides])

    def values(self, index: str, mask: str | None) -> tuple[str, ...]:
        if self.sides:
            return tuple([side.read(index, mask) for side in self.sides])
        wide, n = Lowering(self.low.w, 2 * self.low.width), self.low.width
        both = wide.load(self.part, self._address(index), self._both(mask))
        return tuple([self._shuffle(both, both, 2 * n, range(k, 2 * n, 2)) for k in (0, 1)])

    def take(self, index: str, mask: str | None, values: Iterator[str]) -> None:
        re, im = next(values), next(values)
        if self.sides:
            for side, value in zip(self.sides, (re, im)):
                side.write(index, mask, value)
            return
        wide, n = Lowering(self.low.w, 2 * self.low.width), self.low.width
        both = self._shuffle(re, im, n, [k // 2 + k % 2 * n for k in range(2 * n)])
        wide.store(self.part, both, self._address(index), self._both(mask))

    def _shuffle(self, a: str, b: str, width: int, lanes: Sequence[int], kind: str = "") -> str:
        vector = f"<{width} x {kind or element(self.part)}>"
        order = ", ".join(f"i32 {k}" for k in lanes)
        return self.low.w.let(f"shufflevector {vector} {a}, {vector} {b}, <{len(lanes)} x i32> "
                              f"<{order}>")

    def _both(self, mask: str | None) -> str | None:
        """The mask of elements as one of their parts."""
        if mask is None:
            return None
        n = self.low.width
        return self._shuffle(mask, mask, n, [k // 2 for k in range(2 * n)], "i1")


def access_to(low: Lowering, operand: Operand, base: str, stride: str | None) -> Access:
    """The access to an operand of any type."""
    kind = ComplexAccess if operand.kind.kind == "c" else Access
    return kind(low, operand, base, stride)


def all_lanes(low: Lowering) -> str:
    return "splat (i1 true)"


def iota(width: int) -> str:
    return "<" + ", ".join(f"i64 {i}" for i in range(width)) + ">"


def spread(low: Lowering, value: str, kind: str) -> str:
    """A vector of one lane copied to all lanes."""
    mask = f"<{low.width} x i32> zeroinitializer"
    return low.w.let(f"shufflevector <1 x {kind}> {value}, <1 x {kind}> poison, {mask}")


def lane_positions(low: Lowering, index: str) -> str:
    """``index + (0, 1, 2, ...)`` as int64."""
    n = low.width
    start = low.w.splat(index, "i64", n)
    return low.w.let(f"add <{n} x i64> {start}, {iota(n)}")


def tail_mask(low: Lowering, index: str, stop: str) -> str:
    """The lanes whose position lies before `stop`."""
    w, n = low.w, low.width
    left = w.let(f"sub i64 {stop}, {index}")
    limit = w.splat(left, "i64", n)
    return w.let(f"icmp ult <{n} x i64> {iota(n)}, {limit}")


def lanes_for(kinds: Sequence[dtype]) -> int:
    """The width of vectors for operands of these types: the widest fills a register."""
    return target.lanes(max((compute_dtype(k).itemsize for k in kinds), default=4))


def cost_of(roots: Sequence[Expr]) -> int:
    """Rough cycles for one vector."""
    return sum(TABLE[n.op].cost if n.op in TABLE else 1 for n in topological(roots))


def unrolling(roots: Sequence[Expr]) -> int:
    """How many vectors one round of the main loop computes: more of cheap ones."""
    cost = cost_of(roots)
    return 4 if cost <= 12 else 2 if cost <= 30 else 1


def load_scalars(low: Lowering, kinds: Sequence[dtype], first: int) -> dict[Expr, str]:
    """Spread the numbers that came with the call; floats travel as doubles, others as int64."""
    w = low.w
    known: dict[Expr, str] = {}
    leaves = [leaf(SCALAR, i, compute_dtype(kind)) for i, kind in enumerate(kinds)]
    symbols = [part for symbol in leaves for part in parts(symbol)]
    for place, symbol in enumerate(symbols, first):
        computed = symbol.dtype
        if computed.kind == "f":
            value = w.word("%words", place, "double")
            if computed.itemsize == 4:
                value = w.let(f"fptrunc double {value} to float")
        else:
            value = w.word("%words", place)
            if computed.kind == "b":
                value = w.let(f"icmp ne i64 {value}, 0")
            elif computed.itemsize < 8:
                value = w.let(f"trunc i64 {value} to {element(computed)}")
        known[symbol] = w.splat(value, element(computed), low.width)
    return known


def words_of(kinds: Sequence[dtype]) -> int:
    """The words in which numbers of these types travel."""
    return sum(2 if kind.kind == "c" else 1 for kind in kinds)


class Space:
    """The outer dimensions: from the number of a row to the addresses where it begins."""

    def __init__(self, w: Writer, rank: int, first: int) -> None:
        self.w = w
        self.rank = rank
        self.extents = [w.word("%parameters", first + d) for d in range(rank - 1)]
        self.strides_at = first + rank - 1

    def strides(self, operand: int) -> list[str]:
        at = self.strides_at + operand * self.rank
        return [self.w.word("%parameters", at + d) for d in range(self.rank)]

    def indices(self, row: str) -> list[str]:
        """The index in each outer dimension."""
        found: list[str] = []
        rest = row
        for extent in reversed(self.extents[1:]):
            found.append(self.w.let(f"urem i64 {rest}, {extent}"))
            rest = self.w.let(f"udiv i64 {rest}, {extent}")
        if self.extents:
            found.append(rest)
        return found[::-1]

    def begin(self, base: str, indices: Sequence[str], strides: Sequence[str]) -> str:
        """The address where the row with these outer indices begins."""
        for index, stride in zip(indices, strides):
            offset = self.w.let(f"mul i64 {index}, {stride}")
            base = self.w.address(base, offset, "i8")
        return base


class Range:
    """Walks part of a row: unrolled vectors first, then masked ones."""

    def __init__(self, low: Lowering, unroll: int) -> None:
        self.low = low
        self.unroll = unroll

    def emit(self, start: str, stop: str, body: Callable[[str, str | None], None]) -> None:
        """Write ``body(index, mask)`` for all vectors; the mask is None where all lanes count."""
        w, width = self.low.w, self.low.width
        block = width * self.unroll
        length = w.let(f"sub i64 {stop}, {start}")
        whole = w.let(f"urem i64 {length}, {block}") if block & (block - 1) else w.let(
            f"and i64 {length}, {block - 1}"
        )
        middle = w.let(f"sub i64 {stop}, {whole}")
        main = w.begin_loop(start, middle, str(block))
        for k in range(self.unroll):
            at = main.index if k == 0 else w.let(f"add i64 {main.index}, {k * width}")
            body(at, None)
        w.end_loop(main)
        rest = w.begin_loop(middle, stop, str(width))
        body(rest.index, tail_mask(self.low, rest.index, stop))
        w.end_loop(rest)


def hoist(low: Lowering, roots: Sequence[Expr], known: dict[Expr, str]) -> None:
    """Compute, before a loop, what `known` alone determines; adds it to `known`."""
    fixed = set(map(id, known))
    for node in topological(roots, map(id, known)):
        if node.op == CONST:
            fixed.add(id(node))
        elif node.args and node.op not in ROW_REDUCTIONS and all(id(a) in fixed for a in node.args):
            fixed.add(id(node))
            (known[node],) = low.values([node], known)


class RangeBody:
    """Computes one vector: reads the inputs, evaluates the expressions, writes the outputs."""

    def __init__(
        self,
        low: Lowering,
        roots: Sequence[Expr],
        reads: dict[Expr, Access],
        writes: Sequence[Access],
        known: dict[Expr, str],
    ) -> None:
        self.low = low
        self.roots = roots
        self.reads = [(parts(e), a) for e, a in reads.items() if a.access != BROADCAST]
        self.writes = writes
        self.known = dict(known)
        for expr, access in reads.items():
            if access.access == BROADCAST:
                self.known.update(zip(parts(expr), access.constants))
        hoist(low, roots, self.known)
        self.wants_index = any(n.op == INDEX for n in topological(roots))

    def __call__(self, index: str, mask: str | None) -> None:
        known = dict(self.known)
        if self.wants_index:
            known[row_index()] = lane_positions(self.low, index)
        for symbols, access in self.reads:
            known.update(zip(symbols, access.values(index, mask)))
        values = iter(self.low.values(self.roots, known))
        for access in self.writes:
            access.take(index, mask, values)


def input_leaf(number: int, kind: dtype) -> Expr:
    """The expression that stands for an operand's computed value."""
    return leaf(INPUT, number, compute_dtype(kind))


def real_roots(roots: Sequence[Expr], kinds: Sequence[dtype]) -> tuple[Expr, ...]:
    """`roots` as they are written into outputs of these types: real expressions of table rows."""
    flat = [part for r, kind in zip(roots, kinds) for part in parts(r.to(compute_dtype(kind)))]
    return tuple(expanded(flat))


@cache
def map_kernel(
    roots: tuple[Expr, ...],
    inputs: tuple[Operand, ...],
    scalars: tuple[dtype, ...],
    outputs: tuple[Operand, ...],
    rank: int,
    columns_first: bool = False,
) -> str:
    """The module of a map kernel; `roots` are the values of `outputs`.

    Units go along the rows, or with `columns_first` down through all rows, tile by tile: where an
    operand's neighbours lie below each other, so that cache lines are used again soon.
    """
    w = Writer()
    low = Lowering(w, lanes_for([o.kind for o in (*inputs, *outputs)]))
    roots = real_roots(roots, [o.kind for o in outputs])
    operands = (*inputs, *outputs)
    behind = len(inputs) + words_of(scalars)
    places = [*range(len(inputs)), *range(behind, behind + len(outputs))]
    bases = [w.word("%words", place, "ptr") for place in places]
    known = load_scalars(low, scalars, len(inputs))
    length, tile, tiles = (w.word("%parameters", i) for i in range(HEAD))
    space = Space(w, rank, HEAD)
    strides = [space.strides(i) for i in range(len(operands))]
    rows = "1"
    for extent in space.extents if columns_first else ():
        rows = w.let(f"mul i64 {rows}, {extent}")

    units = w.begin_loop("%first", "%end", "1")
    row, within = "0", units.index
    if rank > 1:
        step = rows if columns_first else tiles
        parts = [w.let(f"{op} i64 {units.index}, {step}") for op in ("udiv", "urem")]
        row, within = reversed(parts) if columns_first else parts
    indices = space.indices(row)
    accesses = [
        access_to(low, operand, space.begin(base, indices, s), s[-1])
        for operand, base, s in zip(operands, bases, strides)
    ]
    reads = {input_leaf(i, o.kind): accesses[i] for i, o in enumerate(inputs)}
    start = w.let(f"mul i64 {within}, {tile}")
    stop = w.smaller(w.let(f"add i64 {start}, {tile}"), length)
    body = RangeBody(low, roots, reads, accesses[len(inputs) :], known)
    Range(low, unrolling(roots)).emit(start, stop, body)
    w.end_loop(units)
    w.line("ret void")
    return function(w, KERNEL)
