"""Kernels over many arrays at once: one expression applied to each of a list of arrays.

This is an optimizer's step: all parameters of a group, with their gradients and states, in a single
launch. Words of a call: address of the table of segments, address of the list of tiles, scalars.
The table has one row of addresses per segment (the operands in order); a tile is three words: the
row it belongs to, its first element, and its end. A unit of work is a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from argand.dtypes import dtype
from argand.kernels import target
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, function
from argand.kernels.expr import Expr
from argand.kernels.loops import (
    CONTIGUOUS,
    Access,
    Operand,
    Range,
    RangeBody,
    input_leaf,
    lanes_for,
    load_scalars,
)

TILE = 4096  # elements of a tile
_FLUSH = 0x8040  # of the SSE control register: denormal results and operands are 0


@cache
def multi_kernel(
    roots: tuple[Expr, ...],
    kinds: tuple[dtype, ...],
    scalars: tuple[dtype, ...],
    written: tuple[int, ...],
) -> str:
    """The module: ``operand[written[i]] = roots[i]`` for every element of every segment."""
    w = Writer()
    before = _flush_denormals(w)
    low = Lowering(w, lanes_for(kinds))
    roots = tuple(r.to(compute_dtype(kinds[i])) for r, i in zip(roots, written))
    table = w.word("%words", 0, "ptr")
    tiles = w.word("%words", 1, "ptr")
    known = load_scalars(low, scalars, 2)
    units = w.begin_loop("%first", "%end", "1")
    tile = w.address(tiles, w.let(f"mul i64 {units.index}, 3"))
    segment, start, stop = (w.word(tile, i) for i in range(3))
    row = w.address(table, w.let(f"mul i64 {segment}, {len(kinds)}"))
    accesses = [
        Access(low, Operand(kind, CONTIGUOUS), w.word(row, i, "ptr"), None)
        for i, kind in enumerate(kinds)
    ]
    reads = {input_leaf(i, a.kind): a for i, a in enumerate(accesses)}
    body = RangeBody(low, roots, reads, [accesses[i] for i in written], known)
    Range(low, 2).emit(start, stop, body)
    w.end_loop(units)
    if before:
        w.line(f"call void @llvm.x86.sse.ldmxcsr(ptr {before})")
    w.line("ret void")
    return function(w, KERNEL)


def _flush_denormals(w: Writer) -> str:
    """Let denormal numbers count as 0; returns where the present mode is kept, if it changes.

    Running means of gradients that have vanished decay into them, and most processors compute
    a hundred times slower there. A step of less than 1e-38 changes no parameter.
    """
    if not target.is_x86():
        return ""
    before, inside = w.let("alloca i32"), w.let("alloca i32")
    for name in ("stmxcsr", "ldmxcsr"):
        w.declare(f"void @llvm.x86.sse.{name}(ptr)")
    w.line(f"call void @llvm.x86.sse.stmxcsr(ptr {before})")
    mode = w.let(f"load i32, ptr {before}")
    w.line(f"store i32 {w.let(f'or i32 {mode}, {_FLUSH}')}, ptr {inside}")
    w.line(f"call void @llvm.x86.sse.ldmxcsr(ptr {inside})")
    return before


def tiles_of(lengths: Sequence[int]) -> list[int]:
    """The list of tiles for segments of these lengths."""
    words = []
    for row, length in enumerate(lengths):
        for start in range(0, length, TILE):
            words += [row, start, min(start + TILE, length)]
    return words
