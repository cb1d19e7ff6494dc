"""Adding rows to chosen rows of a table: the gradient of a look-up.

A unit of work is a block of columns, so that no two threads write the same element and rows are
added in order. Parameters, in words: rows, columns. Words of a call: numbers of the chosen rows
(int64), rows to add, table.
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, function
from argand.kernels.expr import LEFT, RIGHT, leaf
from argand.kernels.loops import Range, lanes_for

BLOCK = 256  # columns of a unit


@cache
def add_rows_kernel(kind: dtype) -> str:
    """``table[chosen[i]] += rows[i]`` for every i."""
    w = Writer()
    low = Lowering(w, lanes_for([kind]))
    chosen, rows, table = (w.word("%words", i, "ptr") for i in range(3))
    count, columns = (w.word("%parameters", i) for i in range(2))
    value = compute_dtype(kind)
    left, right = leaf(LEFT, 0, value), leaf(RIGHT, 0, value)
    units = w.begin_loop("%first", "%end", "1")
    start = w.let(f"mul i64 {units.index}, {BLOCK}")
    stop = w.smaller(w.let(f"add i64 {start}, {BLOCK}"), columns)
    each = w.begin_loop("0", count, "1")
    number = w.let(f"load i64, ptr {w.address(chosen, each.index)}")
    source = w.address(rows, w.let(f"mul i64 {each.index}, {columns}"), kind.llvm)
    target = w.address(table, w.let(f"mul i64 {number}, {columns}"), kind.llvm)

    def body(index: str, mask: str | None) -> None:
        place = w.address(target, index, kind.llvm)
        old = low.load(kind, place, mask)
        new = low.load(kind, w.address(source, index, kind.llvm), mask)
        (total,) = low.values([left + right], {left: old, right: new})
        low.store(kind, total, place, mask)

    Range(low, 2).emit(start, stop, body)
    w.end_loop(each)
    w.end_loop(units)
    w.line("ret void")
    return function(w, KERNEL)
