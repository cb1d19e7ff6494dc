"""Reduction kernels: many elements to one, for any associative way of combining.

A `Monoid` says what one element contributes (`lift`, on the leaves INPUT and INDEX), how two
contributions combine (LEFT and RIGHT), what contributes nothing (`identity`), and what is made of
the whole (`finish`, on LEFT; scalars of the call may take part). Contributions are tuples, so the
largest element together with its position is a monoid like the sum, and so is a complex number.

Two loop nests serve all cases: *along*, where the innermost dimension is reduced and vectors run
along it, and *across*, where it is kept and every lane has a result of its own. The reduced space
may be cut into parts whose contributions a second kernel combines. Parameters, in words::

    parts, reduced rows, tiles of a row, length of a row, length of a tile, tiles of kept elements,
    kept elements of a row (along: 1),
    extents of the outer kept dimensions..., of the outer reduced ones...,
    and for every input its strides in bytes:
        outer kept..., outer reduced..., inner reduced, inner kept

Words of a call: addresses of the inputs, scalars, addresses of the outputs (contiguous).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Lowering, Writer, element, function
from argand.kernels.expr import INDEX, LEFT, RIGHT, Expr, leaf, parts, row_index, topological
from argand.kernels.loops import (
    CONTIGUOUS,
    Access,
    Operand,
    access_to,
    input_leaf,
    lane_positions,
    lanes_for,
    load_scalars,
    real_roots,
    tail_mask,
)

HEAD = 7  # parameters before the extents


class Monoid(NamedTuple):
    """A way to reduce; see the top of the file. All tuples but `finish` have the same length."""

    lift: tuple[Expr, ...]
    combine: tuple[Expr, ...]
    identity: tuple[Expr, ...]
    finish: tuple[Expr, ...]

    @property
    def partial(self) -> Monoid:
        """The same up to the contributions: what a part leaves for the second kernel."""
        return self._replace(finish=tuple(leaf(LEFT, i, x.dtype) for i, x in enumerate(self.lift)))

    @property
    def second(self) -> Monoid:
        """Combines the contributions that parts have left."""
        inputs = tuple(input_leaf(i, x.dtype) for i, x in enumerate(self.lift))
        return self._replace(lift=inputs)


class Shape(NamedTuple):
    """The structure of the iteration space."""

    along: bool  # the innermost dimension is reduced
    kept: int  # outer kept dimensions
    reduced: int  # outer reduced dimensions


class _Nest:
    """What both loop nests share: the operands, the counters, and the monoid's three steps."""

    def __init__(
        self,
        monoid: Monoid,
        inputs: Sequence[Operand],
        scalars: Sequence[dtype],
        outputs: Sequence[dtype],
        shape: Shape,
    ) -> None:
        self.w = w = Writer()
        self.monoid, self.inputs, self.shape = monoid, inputs, shape
        kinds = [o.kind for o in inputs] + [x.dtype for x in monoid.lift]
        self.width = lanes_for(kinds)
        self.low = Lowering(w, self.width)
        self.scalar_kinds = tuple(scalars)
        self.output_kinds = tuple(outputs)
        self.bases = [w.word("%words", i, "ptr") for i in range(len(inputs))]
        first = len(inputs) + len(scalars)
        self.targets = [w.word("%words", first + i, "ptr") for i in range(len(outputs))]
        names = ("parts", "rows", "tiles", "length", "tile", "kept_tiles", "kept_length")
        head = [w.word("%parameters", i) for i in range(HEAD)]
        for name, value in zip(names, head):
            setattr(self, name, value)
        self.extents = [
            w.word("%parameters", HEAD + d) for d in range(shape.kept + shape.reduced)
        ]
        at = HEAD + shape.kept + shape.reduced
        self.rank = shape.kept + shape.reduced + 2
        self.strides = [
            [w.word("%parameters", at + i * self.rank + d) for d in range(self.rank)]
            for i in range(len(inputs))
        ]
        self.wants_index = any(n.op == INDEX for n in topological(monoid.lift))

    parts: str
    rows: str
    tiles: str
    length: str
    tile: str
    kept_tiles: str
    kept_length: str

    def split(self, number: str, extents: Sequence[str]) -> list[str]:
        """The index in each dimension of the element with this row-major number."""
        found: list[str] = []
        for extent in reversed(extents[1:]):
            found.append(self.w.let(f"urem i64 {number}, {extent}"))
            number = self.w.let(f"udiv i64 {number}, {extent}")
        return ([number] if extents else []) + found[::-1]

    def offset(self, bases: Sequence[str], indices: Sequence[str], first: int) -> list[str]:
        """`bases` moved by `indices` times the strides from the dimension `first` on."""
        moved = []
        for base, strides in zip(bases, self.strides):
            for index, stride in zip(indices, strides[first:]):
                base = self.w.address(base, self.w.let(f"mul i64 {index}, {stride}"), "i8")
            moved.append(base)
        return moved

    def part_bounds(self, part: str, total: str) -> tuple[str, str]:
        """The range of `total` that falls to `part`."""
        w = self.w
        after = w.let(f"add i64 {part}, 1")
        start = w.let(f"udiv i64 {w.let(f'mul i64 {part}, {total}')}, {self.parts}")
        stop = w.let(f"udiv i64 {w.let(f'mul i64 {after}, {total}')}, {self.parts}")
        return start, stop

    def carried(self, low: Lowering, copies: int) -> list[tuple[str, str]]:
        """Types and first values of the accumulators."""
        values = low.values(self.monoid.identity, {})
        return [(low.vector(x.dtype), v) for x, v in zip(self.monoid.identity, values)] * copies

    def combine(self, low: Lowering, left: Sequence[str], right: Sequence[str]) -> list[str]:
        known = {}
        for i, x in enumerate(self.monoid.lift):
            known[leaf(LEFT, i, x.dtype)] = left[i]
            known[leaf(RIGHT, i, x.dtype)] = right[i]
        return low.values(self.monoid.combine, known)

    def take(
        self, accesses: Sequence[Access], at: str, positions: str, mask: str | None,
        gathered: Sequence[str],
    ) -> list[str]:  # fmt: skip
        """Combine one vector of elements into `gathered`; lanes outside `mask` stay."""
        known: dict[Expr, str] = {}
        for i, access in enumerate(accesses):
            known.update(zip(parts(input_leaf(i, access.kind)), access.values(at, mask)))
        if self.wants_index:
            known[row_index()] = positions
        lifted = self.low.values(self.monoid.lift, known)
        merged = self.combine(self.low, gathered, lifted)
        if mask is None:
            return merged
        lanes = f"<{self.width} x i1> {mask}"
        kinds = [self.low.vector(x.dtype) for x in self.monoid.lift]
        return [
            self.w.let(f"select {lanes}, {kind} {new}, {kind} {old}")
            for kind, new, old in zip(kinds, merged, gathered)
        ]

    def fold(self, gathered: list[str]) -> list[str]:
        """Combine the lanes of a vector into one, by halves."""
        width = self.width
        while width > 1:
            half = width // 2
            low = Lowering(self.w, half)
            halves = []
            for first in (0, half):
                mask = ", ".join(f"i32 {first + i}" for i in range(half))
                halves.append([
                    self.w.let(
                        f"shufflevector <{width} x {element(x.dtype)}> {name}, "
                        f"<{width} x {element(x.dtype)}> poison, <{half} x i32> <{mask}>"
                    )
                    for x, name in zip(self.monoid.lift, gathered)
                ])  # fmt: skip
            gathered = self.combine(low, halves[0], halves[1])
            width = half
        return gathered

    def finish(self, low: Lowering, gathered: Sequence[str]) -> list[str]:
        known = load_scalars(low, self.scalar_kinds, len(self.inputs))
        known |= {leaf(LEFT, i, x.dtype): v
                  for i, (x, v) in enumerate(zip(self.monoid.lift, gathered))}  # fmt: skip
        return low.values(real_roots(self.monoid.finish, self.output_kinds), known)

    def write(
        self, low: Lowering, gathered: Sequence[str], at: str, mask: str | None
    ) -> None:
        values = iter(self.finish(low, gathered))
        for base, kind in zip(self.targets, self.output_kinds):
            access_to(low, Operand(kind, CONTIGUOUS), base, None).take(at, mask, values)


@cache
def reduce_kernel(
    monoid: Monoid,
    inputs: tuple[Operand, ...],
    scalars: tuple[dtype, ...],
    outputs: tuple[dtype, ...],
    shape: Shape,
) -> str:
    """The module of a reduction kernel; a unit is a part of one result, or of a tile of results."""
    nest = _Nest(monoid, inputs, scalars, outputs, shape)
    w = nest.w
    kept_extents = nest.extents[: shape.kept]
    units = w.begin_loop("%first", "%end", "1")
    if shape.along:
        result, part = _divide(w, units.index, nest.parts)
        bases = nest.offset(nest.bases, nest.split(result, kept_extents), 0)
        gathered = _reduce_along(nest, bases, part)
        place = _place_of(nest, part, result, _results(nest, kept_extents))
        nest.write(Lowering(w, 1), gathered, place, None)
    else:
        rest, part = _divide(w, units.index, nest.parts)
        row, tile = _divide(w, rest, nest.kept_tiles)
        bases = nest.offset(nest.bases, nest.split(row, kept_extents), 0)
        total = w.let(f"mul i64 {_results(nest, kept_extents)}, {nest.kept_length}")
        place = _place_of(nest, part, w.let(f"mul i64 {row}, {nest.kept_length}"), total)
        _reduce_across(nest, bases, part, tile, place)
    w.end_loop(units)
    w.line("ret void")
    return function(w, KERNEL)


def _divide(w: Writer, number: str, divisor: str) -> tuple[str, str]:
    return w.let(f"udiv i64 {number}, {divisor}"), w.let(f"urem i64 {number}, {divisor}")


def _results(nest: _Nest, extents: Sequence[str]) -> str:
    """How many rows of kept elements there are."""
    total = "1"
    for extent in extents:
        total = nest.w.let(f"mul i64 {total}, {extent}")
    return total


def _place_of(nest: _Nest, part: str, result: str, results: str) -> str:
    """Where a part's contribution goes: parts are the outer dimension of the outputs."""
    return nest.w.let(f"add i64 {nest.w.let(f'mul i64 {part}, {results}')}, {result}")


def _reduce_along(nest: _Nest, bases: Sequence[str], part: str) -> list[str]:
    """Reduce one part of a row space to one value; vectors run along the rows."""
    w, low, shape = nest.w, nest.low, nest.shape
    copies = 4 if len(nest.monoid.lift) == 1 else 2
    size = len(nest.monoid.lift)
    total = w.let(f"mul i64 {nest.rows}, {nest.tiles}")
    start, stop = nest.part_bounds(part, total)
    outer = w.begin_loop(start, stop, "1", nest.carried(low, copies))
    row, tile = _divide(w, outer.index, nest.tiles)
    moved = nest.offset(bases, nest.split(row, nest.extents[shape.kept :]), shape.kept)
    accesses = [
        access_to(low, operand, base, strides[-2])
        for operand, base, strides in zip(nest.inputs, moved, nest.strides)
    ]
    begin = w.let(f"mul i64 {tile}, {nest.tile}")
    end = w.smaller(w.let(f"add i64 {begin}, {nest.tile}"), nest.length)
    first = w.let(f"mul i64 {row}, {nest.length}") if nest.wants_index else "0"

    def step(at: str, mask: str | None, gathered: Sequence[str]) -> list[str]:
        positions = ""
        if nest.wants_index:
            positions = lane_positions(low, w.let(f"add i64 {first}, {at}"))
        return nest.take(accesses, at, positions, mask, gathered)

    block = nest.width * copies
    rest = w.let(f"and i64 {w.let(f'sub i64 {end}, {begin}')}, {block - 1}")
    middle = w.let(f"sub i64 {end}, {rest}")
    kinds = [kind for kind, _ in nest.carried(low, copies)]
    # each copy has a stretch of its own: memory is fetched ahead in several places at once
    stretch = w.let(f"udiv i64 {w.let(f'sub i64 {middle}, {begin}')}, {copies}")
    turn = w.let(f"add i64 {begin}, {stretch}")
    main = w.begin_loop(begin, turn, str(nest.width), list(zip(kinds, outer.values)))
    following: list[str] = []
    for k in range(copies):
        at = w.let(f"add i64 {main.index}, {w.let(f'mul i64 {stretch}, {k}')}")
        following += step(at, None, main.values[k * size : (k + 1) * size])
    w.end_loop(main, following)
    tail = w.begin_loop(middle, end, str(nest.width), list(zip(kinds, main.values[:size])))
    w.end_loop(tail, step(tail.index, tail_mask(low, tail.index, end), tail.values))
    w.end_loop(outer, [*tail.values, *main.values[size:]])
    gathered = outer.values[:size]
    for k in range(1, copies):
        gathered = nest.combine(low, gathered, outer.values[k * size : (k + 1) * size])
    return nest.fold(gathered)


def _reduce_across(nest: _Nest, bases: Sequence[str], part: str, tile: str, place: str) -> None:
    """Reduce one part of the rows for a tile of kept elements; every lane is a result."""
    w = nest.w
    copies = 4 if len(nest.monoid.lift) == 1 else 2
    block = nest.width * copies
    begin = w.let(f"mul i64 {tile}, {nest.tile}")
    end = w.smaller(w.let(f"add i64 {begin}, {nest.tile}"), nest.kept_length)
    rest = w.let(f"and i64 {w.let(f'sub i64 {end}, {begin}')}, {block - 1}")
    middle = w.let(f"sub i64 {end}, {rest}")
    start, stop = nest.part_bounds(part, nest.rows)
    for first, last, count, masked in ((begin, middle, copies, False), (middle, end, 1, True)):
        columns = w.begin_loop(first, last, str(nest.width * count))
        mask = tail_mask(nest.low, columns.index, end) if masked else None
        gathered = _across_columns(nest, bases, columns.index, mask, count, (start, stop))
        for k, values in enumerate(gathered):
            at = w.let(f"add i64 {columns.index}, {k * nest.width}")
            nest.write(nest.low, values, w.let(f"add i64 {place}, {at}"), mask)
        w.end_loop(columns)


def _across_columns(
    nest: _Nest, bases: Sequence[str], column: str, mask: str | None, count: int,
    bounds: tuple[str, str],
) -> list[list[str]]:  # fmt: skip
    """Walk the rows for `count` vectors of neighbouring results."""
    w, low, shape = nest.w, nest.low, nest.shape
    size = len(nest.monoid.lift)
    rows = w.begin_loop(*bounds, "1", nest.carried(low, count))
    indices = [rows.index]
    if shape.reduced:
        row, inner = _divide(w, rows.index, nest.length)
        indices = [*nest.split(row, nest.extents[shape.kept :]), inner]
    moved = nest.offset(bases, indices, shape.kept)
    accesses = [
        access_to(low, operand, base, strides[-1])
        for operand, base, strides in zip(nest.inputs, moved, nest.strides)
    ]
    positions = w.splat(rows.index, "i64", nest.width) if nest.wants_index else ""
    following: list[list[str]] = []
    for k in range(count):
        at = w.let(f"add i64 {column}, {k * nest.width}")
        values = rows.values[k * size : (k + 1) * size]
        following.append(nest.take(accesses, at, positions, mask, values))
    w.end_loop(rows, [value for values in following for value in values])
    return [rows.values[k * size : (k + 1) * size] for k in range(count)]


def monoid(
    lift: Sequence[Expr],
    combine: Sequence[Expr],
    identity: Sequence[Expr],
    finish: Sequence[Expr] | None = None,
) -> Monoid:
    """A monoid; without `finish` the result is what has been gathered."""
    made = Monoid(tuple(lift), tuple(combine), tuple(identity), ())
    return made._replace(finish=tuple(finish)) if finish is not None else made.partial
