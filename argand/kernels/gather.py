"""Kernels that read or write where an index says: gather, scatter, index_select, index_add.

Three operands are walked together: the index, the data, and the table, whose stride along the
indexed dimension is 0 here. An index `p` moves the table by ``p * step``::

    gather:  data = table[p]        otherwise:  table[p] = combine(table[p], data)

The iteration space is that of a map kernel (`loops.py`), and so are the parameters, after two: the
number of positions, and `step` in bytes. Words of a call: addresses of the index, the data and the
table, and of a word that becomes 1 when an index lies outside; such an element counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, function
from argand.kernels.expr import Expr
from argand.kernels.loops import (
    BROADCAST,
    CONTIGUOUS,
    HEAD,
    STRIDED,
    Access,
    Operand,
    Range,
    Space,
    all_lanes,
    input_leaf,
    lanes_for,
)

GATHER = "gather"
COMBINE: dict[str, Callable[[Expr, Expr], Expr]] = {
    "set": lambda old, new: new,
    "sum": lambda old, new: old | new if new.dtype.kind == "b" else old + new,
    "prod": lambda old, new: old & new if new.dtype.kind == "b" else old * new,
    "amax": lambda old, new: old | new if new.dtype.kind == "b" else old.maximum(new),
    "amin": lambda old, new: old & new if new.dtype.kind == "b" else old.minimum(new),
}


@cache
def index_kernel(
    mode: str, kind: dtype, index: Operand, data_access: str, table_access: str, rank: int
) -> str:
    """The module of a kernel; `mode` is `GATHER` or a key of `COMBINE`.

    `index` says how the innermost dimension walks the index, and so on.
    """
    w = Writer()
    along = index.access == BROADCAST  # one index for the whole row
    vectors = along and not (mode != GATHER and table_access == BROADCAST)
    kinds = [kind] if along else [kind, dtypes.int64]
    low = Lowering(w, lanes_for(kinds) if vectors or mode == GATHER else 1)
    bases = [w.word("%words", place, "ptr") for place in range(3)]
    flag = w.word("%words", 3, "ptr")
    size, step, length, tile, tiles = (w.word("%parameters", i) for i in range(2 + HEAD))
    space = Space(w, rank, 2 + HEAD)
    strides = [space.strides(i) for i in range(3)]
    units = w.begin_loop("%first", "%end", "1")
    row = w.let(f"udiv i64 {units.index}, {tiles}")
    within = w.let(f"urem i64 {units.index}, {tiles}")
    indices = space.indices(row)
    starts = [space.begin(base, indices, s) for base, s in zip(bases, strides)]
    start = w.let(f"mul i64 {within}, {tile}")
    stop = w.smaller(w.let(f"add i64 {start}, {tile}"), length)
    walk = _Walk(low, mode, kind, size, step, flag)
    if along:
        place = walk.moved(starts[0], index.kind, starts[2])
        data = Access(low, Operand(kind, data_access), starts[1], strides[1][-1])
        if not vectors and table_access == BROADCAST:
            table_access = STRIDED  # it changes under way
        table = Access(low, Operand(kind, table_access), place, strides[2][-1])
        unroll = 2 if vectors else 1
        Range(low, unroll).emit(start, stop, lambda at, mask: walk.row(data, table, at, mask))
    elif mode == GATHER:
        positions = Access(low, index, starts[0], strides[0][-1])
        data = Access(low, Operand(kind, data_access), starts[1], strides[1][-1])
        table = Access(low, Operand(kind, STRIDED), starts[2], strides[2][-1])
        Range(low, 1).emit(
            start, stop, lambda at, mask: walk.lanes(positions, data, table, at, mask)
        )
    else:
        inner = [s[-1] for s in strides]
        loop = w.begin_loop(start, stop, "1")
        here = [
            w.address(base, w.let(f"mul i64 {loop.index}, {s}"), "i8")
            for base, s in zip(starts, inner)
        ]
        place = walk.moved(here[0], index.kind, here[2])
        one = Operand(kind, CONTIGUOUS)
        walk.row(Access(low, one, here[1], None), Access(low, one, place, None), "0", None)
        w.end_loop(loop)
    w.end_loop(units)
    w.line("ret void")
    return function(w, KERNEL)


class _Walk:
    """Writes what happens at one place, or at a vector of places."""

    def __init__(
        self, low: Lowering, mode: str, kind: dtype, size: str, step: str, flag: str
    ) -> None:
        self.low = low
        self.mode = mode
        self.kind = kind
        self.size, self.step, self.flag = size, step, flag

    def moved(self, index: str, kind: dtype, table: str) -> str:
        """The address of the table, moved by the index at an address."""
        w = self.low.w
        position = w.let(f"load {kind.llvm}, ptr {index}, align {kind.itemsize}")
        if kind.itemsize < 8:
            position = w.let(f"sext {kind.llvm} {position} to i64")
        outside = w.let(f"icmp uge i64 {position}, {self.size}")
        self._note(outside)
        position = w.let(f"select i1 {outside}, i64 0, i64 {position}")
        return w.address(table, w.let(f"mul i64 {position}, {self.step}"), "i8")

    def row(self, data: Access, table: Access, at: str, mask: str | None) -> None:
        """One vector of a row that an index moved as a whole."""
        if self.mode == GATHER:
            data.write(at, mask, table.read(at, mask))
            return
        old, new = input_leaf(0, self.kind), input_leaf(1, self.kind)
        known = {new: data.read(at, mask)}
        if self.mode != "set":
            known[old] = table.read(at, mask)
        combined = COMBINE[self.mode](old, new).to(compute_dtype(self.kind))
        (value,) = self.low.values([combined], known)
        table.write(at, mask, value)

    def lanes(
        self, positions: Access, data: Access, table: Access, at: str, mask: str | None
    ) -> None:
        """A vector of elements of the table, each with an index of its own."""
        w, n = self.low.w, self.low.width
        found = positions.read(at, mask)
        if positions.kind.itemsize < 8:
            found = w.let(f"sext <{n} x {positions.kind.llvm}> {found} to <{n} x i64>")
        size = w.splat(self.size, "i64", n)
        outside = w.let(f"icmp uge <{n} x i64> {found}, {size}")
        packed = w.let(f"bitcast <{n} x i1> {outside} to i{n}")
        self._note(w.let(f"icmp ne i{n} {packed}, 0"))
        lanes = f"<{n} x i64>"
        found = w.let(f"select <{n} x i1> {outside}, {lanes} zeroinitializer, {lanes} {found}")
        step = w.splat(self.step, "i64", n)
        offsets = w.let(f"mul <{n} x i64> {found}, {step}")
        addresses = w.let(
            f"getelementptr i8, <{n} x ptr> {table.addresses(at)}, <{n} x i64> {offsets}"
        )
        data.write(at, mask, self.low.gather(self.kind, addresses, mask or all_lanes(self.low)))

    def _note(self, outside: str) -> None:
        """Raise the flag, which is rare."""
        w = self.low.w
        wrong, go_on = w.fresh("outside"), w.fresh("inside")
        w.branch(outside, wrong, go_on)
        w.label(wrong)
        w.line(f"store i64 1, ptr {self.flag}")
        w.jump(go_on)
        w.label(go_on)
