"""The smallest numbers of each row, in order: a list of a few that is kept sorted.

Rows are int64 and contiguous. A number that is not smaller than the last of the list is passed
over, a vector at a time; the others are put in their place, which soon gets rare. Words of a call:
address of the rows, address of the lists. Parameters: length of a row, length of a list. A unit is
a row.
"""

from __future__ import annotations

from functools import cache

from argand.kernels import target
from argand.kernels.emit import KERNEL, Writer, function

_LARGEST = (1 << 63) - 1


@cache
def selection() -> str:
    """The module."""
    w = Writer()
    lanes = target.lanes(8)
    rows, lists = w.word("%words", 0, "ptr"), w.word("%words", 1, "ptr")
    length, count = w.word("%parameters", 0), w.word("%parameters", 1)
    last = w.let(f"sub i64 {count}, 1")
    unit = w.begin_loop("%first", "%end", "1")
    row = w.address(rows, w.let(f"mul i64 {unit.index}, {length}"))
    kept = w.address(lists, w.let(f"mul i64 {unit.index}, {count}"))
    place = w.begin_loop("0", count, "1")
    w.line(f"store i64 {_LARGEST}, ptr {w.address(kept, place.index)}")
    w.end_loop(place)
    worst = w.address(kept, last)
    rest = w.let(f"and i64 {length}, {lanes - 1}")
    middle = w.let(f"sub i64 {length}, {rest}")
    block = w.begin_loop("0", middle, str(lanes))
    _unless_passed_over(w, w.address(row, block.index), lanes, kept, worst, last)
    w.end_loop(block)
    single = w.begin_loop(middle, length, "1")
    _unless_passed_over(w, w.address(row, single.index), 1, kept, worst, last)
    w.end_loop(single)
    w.end_loop(unit)
    w.line("ret void")
    return function(w, KERNEL)


def _unless_passed_over(w: Writer, at: str, lanes: int, kept: str, worst: str, last: str) -> None:
    vector = f"<{lanes} x i64>"
    values = w.let(f"load {vector}, ptr {at}, align 8")
    limit = w.splat(w.let(f"load i64, ptr {worst}"), "i64", lanes)
    smaller = w.let(f"icmp slt {vector} {values}, {limit}")
    bits = w.let(f"bitcast <{lanes} x i1> {smaller} to i{lanes}")
    some = w.let(f"icmp ne i{lanes} {bits}, 0")
    look, on = w.fresh("look"), w.fresh("on")
    w.branch(some, look, on)
    w.label(look)
    each = w.begin_loop("0", str(lanes), "1")
    value = w.let(f"load i64, ptr {w.address(at, each.index)}")
    _insert(w, value, kept, worst, last)
    w.end_loop(each)
    w.jump(on)
    w.label(on)


def _insert(w: Writer, value: str, kept: str, worst: str, last: str) -> None:
    """Put `value` in its place, if it is smaller than the last one."""
    enters = w.let(f"icmp slt i64 {value}, {w.let(f'load i64, ptr {worst}')}")
    shift, again, put, done = (w.fresh(name) for name in ("shift", "again", "put", "done"))
    w.branch(enters, shift, done)
    before = w.block
    w.label(shift)
    place = w.fresh("place")
    entry = len(w.lines)
    w.line(f"%{place} = phi i64 [ {last}, %{before} ]")
    first = w.let(f"icmp eq i64 %{place}, 0")
    compare = w.fresh("compare")
    w.branch(first, put, compare)
    w.label(compare)
    left = w.let(f"sub i64 %{place}, 1")
    other = w.let(f"load i64, ptr {w.address(kept, left)}")
    larger = w.let(f"icmp sgt i64 {other}, {value}")
    w.branch(larger, again, put)
    w.label(again)
    w.line(f"store i64 {other}, ptr {w.address(kept, f'%{place}')}")
    w.lines[entry] += f", [ {left}, %{w.block} ]"
    w.jump(shift)
    w.label(put)
    w.line(f"store i64 {value}, ptr {w.address(kept, f'%{place}')}")
    w.jump(done)
    w.label(done)
