"""From layouts to kernel plans: iteration space, access of every operand, tiles and threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.expr import Expr
from argand.kernels.loops import (
    BROADCAST,
    CONTIGUOUS,
    STRIDED,
    Operand,
    cost_of,
    lanes_for,
    map_kernel,
    real_roots,
    words_of,
)
from argand.runtime import memory, threads
from argand.runtime.layout import Iteration, Layout, iteration

RELEASE_ABOVE = 50_000.0  # nanoseconds of work above which other Python threads may run
NARROW = 256  # elements of a tile whose neighbours lie in cache lines of their own
BYTES_PER_NS = 20.0  # what one thread streams through memory


def access_of(stride: int, kind: dtype, extent: int) -> str:
    """How a kernel walks an operand whose inner stride is `stride` bytes."""
    if stride == kind.itemsize or extent == 1:
        return CONTIGUOUS
    return BROADCAST if stride == 0 else STRIDED


def operands_of(nest: Iteration, layouts: Sequence[Layout], stores: int = 0) -> list[Operand]:
    """The operands of a kernel over `nest`; the last `stores` of them are written."""
    found = []
    for i, (layout, strides) in enumerate(zip(layouts, nest.strides)):
        access = access_of(strides[-1], layout.dtype, nest.extents[-1])
        if i >= len(layouts) - stores and access == BROADCAST:
            access = STRIDED
        found.append(Operand(layout.dtype, access))
    return found


def tiling(length: int, rows: int) -> tuple[int, int]:
    """Length of a tile and tiles in a row: some hundred units, none shorter than 1,024."""
    if rows >= 64 or length <= 2048:
        return length, 1
    wanted = max(1024, -(-length * rows // 256))
    tile = -(-wanted // 64) * 64
    return tile, -(-length // tile)


def map_plan(
    roots: Sequence[Expr],
    inputs: Sequence[Layout],
    scalars: Sequence[dtype],
    outputs: Sequence[Layout],
    shape: Sequence[int],
) -> memory.Plan:
    """The plan of a map kernel over operands that broadcast to `shape`."""
    layouts = [*inputs, *outputs]
    nest = iteration(shape, layouts)
    operands = operands_of(nest, layouts, len(outputs))
    split = len(inputs)
    below = nest.rank > 1 and any(o.access == STRIDED for o in operands)
    text = map_kernel(
        tuple(roots),
        tuple(operands[:split]),
        tuple(scalars),
        tuple(operands[split:]),
        nest.rank,
        below,
    )
    rows = 1
    for extent in nest.extents[:-1]:
        rows *= extent
    length = nest.extents[-1]
    tile, tiles = (NARROW, -(-length // NARROW)) if below else tiling(length, rows)
    units = rows * tiles
    elements = rows * length
    lanes = lanes_for([x.dtype for x in layouts])
    moved = sum(x.dtype.itemsize for x in layouts)
    cost = cost_of(real_roots(roots, [x.dtype for x in outputs]))
    work = elements * (cost / (3.0 * lanes) + moved / BYTES_PER_NS)
    parameters = [length, tile, tiles, *nest.extents[:-1]]
    for strides in nest.strides:
        parameters += strides
    count = len(inputs) + words_of(scalars) + len(outputs)
    return memory.make_plan(
        jit.address(text),
        parameters,
        count,
        units=units,
        chunks=threads.chunks_for(work, units),
        floats=float_mask(scalars, len(inputs)),
        new_bytes=outputs[0].nbytes if len(outputs) == 1 else 0,
        release_gil=work > RELEASE_ABOVE,
    )


def float_mask(scalars: Sequence[dtype], first: int) -> int:
    """Which arguments of a call are passed as doubles."""
    floats = [kind.kind in "fc" for kind in scalars for _ in range(words_of([kind]))]
    return sum(1 << (first + i) for i, is_float in enumerate(floats) if is_float)


def nothing(*arguments: Any) -> None:
    """Stands for a kernel on empty operands."""
