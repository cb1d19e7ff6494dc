"""Row kernels: several maps and reductions over a row while it stays in cache.

The expressions may contain reductions of the row (`row_sum`, `row_max`). Each reduction has a
*level*: one more than the deepest reduction it depends on. All reductions of a level are gathered
in one pass over the row; the last pass writes the outputs. A unit of work is a row. Parameters::

    length of a row, 0, 0, extents of the outer dimensions...,
    and for every operand its strides in bytes: outer dimensions..., along the row

An operand with access BROADCAST has one element per row. Words of a call: addresses of the inputs,
scalars, addresses of the outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, element, function
from argand.kernels.expr import (
    INDEX,
    LEFT,
    RIGHT,
    ROW_MAX,
    ROW_REDUCTIONS,
    Expr,
    const,
    leaf,
    row_index,
    topological,
)
from argand.kernels.loops import (
    BROADCAST,
    CONTIGUOUS,
    HEAD,
    Access,
    Operand,
    Range,
    Space,
    hoist,
    input_leaf,
    lane_positions,
    lanes_for,
    load_scalars,
    tail_mask,
    unrolling,
)
from argand.kernels.scalar import TABLE


def levels(roots: Sequence[Expr]) -> list[list[Expr]]:
    """The reductions below `roots`, grouped into the passes that gather them."""
    level: dict[int, int] = {}
    groups: list[list[Expr]] = []
    for node in topological(roots):
        below = max((level[id(a)] for a in node.args), default=0)
        if node.op in ROW_REDUCTIONS:
            if below == len(groups):
                groups.append([])
            groups[below].append(node)
            below += 1
        level[id(node)] = below
    return groups


class _RowKernel:
    """The parts of one row kernel while it is written."""

    def __init__(self, roots: Sequence[Expr], inputs: Sequence[Operand], width: int) -> None:
        self.w = Writer()
        self.low = Lowering(self.w, width)
        self.roots = roots
        self.inputs = inputs
        self.known: dict[Expr, str] = {}
        self.reads: dict[Expr, Access] = {}
        self.kept: dict[Expr, Access] = {}  # costly values that wait in an output row
        self.stored: set[Expr] = set()  # those of them that are there already
        self.length = ""

    def set_row(self, accesses: Sequence[Access], length: str) -> None:
        self.length = length
        self.reads = {}
        for i, access in enumerate(accesses):
            expr = input_leaf(i, access.kind)
            if access.access == BROADCAST:
                self.known[expr] = access.splat
            else:
                self.reads[expr] = access

    def gather(self, reductions: Sequence[Expr]) -> None:
        """One pass over the row that gathers `reductions`; their results become known."""
        w, low = self.w, self.low
        insides = [node.args[0] for node in reductions]
        hoist(low, insides, self.known)
        kinds = [low.vector(node.dtype) for node in reductions]
        starts = low.values([_identity(node) for node in reductions], {})
        copies = min(2, unrolling(insides))
        block = low.width * copies
        rest = w.let(f"and i64 {self.length}, {block - 1}")
        middle = w.let(f"sub i64 {self.length}, {rest}")
        main = w.begin_loop("0", middle, str(block), list(zip(kinds, starts)) * copies)
        size = len(reductions)
        following: list[str] = []
        for k in range(copies):
            at = w.let(f"add i64 {main.index}, {k * low.width}")
            following += self._step(reductions, at, None, main.values[k * size : (k + 1) * size])
        w.end_loop(main, following)
        tail = w.begin_loop(
            middle, self.length, str(low.width), list(zip(kinds, main.values[:size]))
        )
        mask = tail_mask(low, tail.index, self.length)
        w.end_loop(tail, self._step(reductions, tail.index, mask, tail.values))
        for k, node in enumerate(reductions):
            total = tail.values[k]
            if copies == 2:
                (total,) = low.values([_join(node)], _pair(node, total, main.values[size + k]))
            self.known[node] = self._fold(node, total)
        self.stored |= {e for e in self.kept if e in _reached(insides, {})}

    def _step(
        self, reductions: Sequence[Expr], at: str, mask: str | None, gathered: Sequence[str]
    ) -> list[str]:
        low = self.low
        insides = [node.args[0] for node in reductions]
        known = self.at(insides, at, mask)
        reached = _reached(insides, known)
        keeping = [e for e in self.kept if e in reached and e not in self.stored]
        values = low.values([*insides, *keeping], known)
        for expr, value in zip(keeping, values[len(insides) :]):
            self.kept[expr].write(at, mask, value)
        following = []
        for node, value, old in zip(reductions, values, gathered):
            (new,) = low.values([_join(node)], _pair(node, old, value))
            if mask is not None:
                kind = low.vector(node.dtype)
                new = self.w.let(
                    f"select <{low.width} x i1> {mask}, {kind} {new}, {kind} {old}"
                )
            following.append(new)
        return following

    def at(self, roots: Sequence[Expr], index: str, mask: str | None) -> dict[Expr, str]:
        """What is known at a position: the row's values and the operands read there."""
        known = dict(self.known)
        waiting = dict.fromkeys(self.stored, "")
        needed = _reached(roots, known | waiting)
        for expr in self.stored & _reached(roots, known):
            known[expr] = self.kept[expr].read(index, mask)
        if any(node.op == INDEX for node in needed):
            known[row_index()] = lane_positions(self.low, index)
        for expr, access in self.reads.items():
            if expr in needed:
                known[expr] = access.read(index, mask)
        return known

    def _fold(self, node: Expr, vector: str) -> str:
        """All lanes combined by halves, and the result in every lane."""
        w, kind = self.w, element(node.dtype)
        width = self.low.width
        while width > 1:
            half = width // 2
            parts = []
            for first in (0, half):
                lanes = ", ".join(f"i32 {first + i}" for i in range(half))
                parts.append(w.let(f"shufflevector <{width} x {kind}> {vector}, <{width} x {kind}> "
                                   f"poison, <{half} x i32> <{lanes}>"))  # fmt: skip
            (vector,) = Lowering(w, half).values([_join(node)], _pair(node, *parts))
            width = half
        mask = f"<{self.low.width} x i32> zeroinitializer"
        return w.let(f"shufflevector <1 x {kind}> {vector}, <1 x {kind}> poison, {mask}")


def _identity(node: Expr) -> Expr:
    if node.op != ROW_MAX:
        return const(0, node.dtype)
    if node.dtype.kind == "f":
        return const(float("-inf"), node.dtype)
    signed = node.dtype.kind == "i"
    return const(-(1 << (8 * node.dtype.itemsize - 1)) if signed else 0, node.dtype)


def _join(node: Expr) -> Expr:
    left, right = leaf(LEFT, 0, node.dtype), leaf(RIGHT, 0, node.dtype)
    if node.op == ROW_MAX:  # a NaN need not win: what is shifted by the maximum is NaN anyway
        return (left < right).where(right, left)
    return left + right


def _pair(node: Expr, left: str, right: str) -> dict[Expr, str]:
    return {leaf(LEFT, 0, node.dtype): left, leaf(RIGHT, 0, node.dtype): right}


def _reached(roots: Sequence[Expr], known: dict[Expr, str]) -> set[Expr]:
    """The nodes below `roots` that must be computed when `known` is given."""
    return set(topological(roots, map(id, known)))


@cache
def row_kernel(
    roots: tuple[Expr, ...],
    inputs: tuple[Operand, ...],
    scalars: tuple[dtype, ...],
    outputs: tuple[Operand, ...],
    rank: int,
) -> str:
    """The module of a row kernel; outputs with access BROADCAST are written once per row."""
    roots = tuple(r.to(compute_dtype(o.kind)) for r, o in zip(roots, outputs))
    kinds = [o.kind for o in (*inputs, *outputs) if o.kind is not dtypes.int64]
    kernel = _RowKernel(roots, inputs, lanes_for(kinds))
    w, low = kernel.w, kernel.low
    operands = (*inputs, *outputs)
    places = [*range(len(inputs)), *(len(inputs) + len(scalars) + i for i in range(len(outputs)))]
    bases = [w.word("%words", place, "ptr") for place in places]
    kernel.known = load_scalars(low, scalars, len(inputs))
    length = w.word("%parameters", 0)
    space = Space(w, rank, HEAD)
    strides = [space.strides(i) for i in range(len(operands))]

    units = w.begin_loop("%first", "%end", "1")
    indices = space.indices(units.index)
    begins = [space.begin(b, indices, s) for b, s in zip(bases, strides)]
    accesses = [
        Access(low, operand, base, s[-1])
        for operand, base, s in zip(inputs, begins, strides)
    ]
    kernel.set_row(accesses, length)
    targets = list(zip(roots, outputs, begins[len(inputs) :], strides[len(inputs) :]))
    varying = [t for t in targets if t[1].access != BROADCAST]
    writes = [Access(low, o, base, steps[-1]) for _, o, base, steps in varying]
    kernel.kept = _waiting(roots, [root for root, *_ in varying], writes)
    for reductions in levels(roots):
        kernel.gather(reductions)
    hoist(low, roots, kernel.known)
    if varying:
        _write_varying(kernel, [root for root, *_ in varying], writes)
    for root, operand, base, _ in targets:
        if operand.access == BROADCAST:
            one = Lowering(w, 1)
            (value,) = low.values([root], kernel.known)
            kind = element(operand.kind)
            first = w.let(f"shufflevector <{low.width} x {kind}> {value}, <{low.width} x {kind}> "
                          "poison, <1 x i32> zeroinitializer")  # fmt: skip
            one.store(operand.kind, first, base, None)
    w.end_loop(units)
    w.line("ret void")
    return function(w, KERNEL)


def _waiting(
    roots: Sequence[Expr], varying: Sequence[Expr], writes: Sequence[Access]
) -> dict[Expr, Access]:
    """Costly values that a reduction and the last pass both need, each with a row to wait in.

    They are computed once, in the pass of the reduction, and read back in the last pass.
    """
    inside = _reached([node.args[0] for group in levels(roots) for node in group], {})
    reductions = {node: "" for group in levels(roots) for node in group}
    last = _reached(varying, reductions)
    costly = [
        node for node in topological(roots)
        if node in inside and node in last and node.op in TABLE and TABLE[node.op].cost >= 15
    ]  # fmt: skip
    free = [a for a in writes if a.access == CONTIGUOUS]
    found = {}
    for node in reversed(costly):
        fitting = [a for a in free if a.kind is node.dtype]
        if fitting:
            found[node] = fitting[0]
            free.remove(fitting[0])
    return found


def _write_varying(kernel: _RowKernel, roots: Sequence[Expr], writes: Sequence[Access]) -> None:
    """The last pass: the outputs that differ along the row."""

    def body(index: str, mask: str | None) -> None:
        values = kernel.low.values(roots, kernel.at(roots, index, mask))
        for access, value in zip(writes, values):
            access.write(index, mask, value)

    Range(kernel.low, min(2, unrolling(roots))).emit("0", kernel.length, body)
