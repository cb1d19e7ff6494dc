"""Plans of the kernels that read and write where an index says."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels import jit
from argand.kernels.gather import GATHER, index_kernel
from argand.kernels.loops import STRIDED, Operand
from argand.ops.arrays import as_array, from_array, new
from argand.ops.plans import BYTES_PER_NS, RELEASE_ABOVE, access_of, tiling
from argand.ops.record import describe
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense, iteration, strided
from argand.runtime.tensor_base import make

# elements that are only moved are moved as integers of their size
_BITS = {1: dtypes.uint8, 2: dtypes.int16, 4: dtypes.int32, 8: dtypes.int64}
_MOVING = (GATHER, "set")
_plans: dict[Any, memory.Plan] = {}


def positions(name: str, index: Any, size: int, wrap: bool = False) -> Any:
    """An index tensor as kernels take it: int32 or int64.

    With `wrap`, negative positions count from the end.

    Raises:
        RuntimeError: for other types.
        IndexError, RuntimeError: when there is no position at all; see `outside`.
    """
    kind = index.form.dtype
    if kind not in (dtypes.int64, dtypes.int32):
        if index.form.numel:
            raise RuntimeError(
                f"{name}(): Expected dtype int32/int64 for index, got {describe(index)}"
            )
        return new(dense(dtypes.int64, index.form.shape))
    if index.form.numel and not size:
        raise outside(name, index, size)
    if wrap and index.form.numel and as_array(index).min() < 0:
        array = as_array(index)
        return from_array(np.where(array < 0, array + size, array))
    return index


def move(name: str, mode: str, index: Any, data: Any, table: Any, dim: int) -> None:
    """Gather into `data` from `table`, or combine `data` into `table`.

    `index` and `data` have one shape; `table` has it too, but for the dimension `dim`, and may be
    larger in the others.

    Raises:
        IndexError, RuntimeError: when a position lies outside of that dimension; see `outside`.
    """
    if not index.form.numel:
        return
    kind = table.form.dtype
    if kind.kind == "c" and not (mode in _MOVING and kind.itemsize in _BITS):
        index, data, table = _repeated(index), _pairs(data), _pairs(table)
    key = (mode, index.form, data.form, table.form, dim)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _prepare(mode, index.form, data.form, table.form, dim)
    flag = ctypes.c_int64(0)
    plan.run(index.ptr, data.ptr, table.ptr, ctypes.addressof(flag))
    if flag.value:
        raise outside(name, index, table.form.shape[dim])


def outside(name: str, index: Any, size: int) -> Exception:
    """The error for positions of which some lie outside.

    PyTorch has a RuntimeError for those that read or write elements, an IndexError for slices.
    """
    array = as_array(index)
    wrong = int(array.max() if array.max() >= size else array.min())
    kind = RuntimeError if name.startswith(("gather", "scatter")) else IndexError
    return kind(f"{name}: index {wrong} is out of bounds for dimension with size {size}")


def _prepare(mode: str, index: Layout, data: Layout, table: Layout, dim: int) -> memory.Plan:
    kind = table.dtype
    if mode in _MOVING:
        kind = _BITS[kind.itemsize]
    shape = index.shape
    steady = list(table.strides)
    step, size = table.strides[dim], table.shape[dim]
    steady[dim] = 0
    walked = strided(kind, shape, steady)
    moved = strided(kind, shape, data.strides)
    nest = iteration(shape, [index, walked, moved])
    by_index, by_table, by_data = nest.strides
    length = nest.extents[-1]
    operand = Operand(index.dtype, access_of(by_index[-1], index.dtype, length))
    if length == 1:
        operand = Operand(index.dtype, "b")  # a row of one element is moved as a whole
    of_data = access_of(by_data[-1], kind, length)
    of_table = access_of(by_table[-1], kind, length)
    if mode == GATHER and of_data == "b":
        of_data = STRIDED
    text = index_kernel(mode, kind, operand, of_data, of_table, nest.rank)
    rows = 1
    for extent in nest.extents[:-1]:
        rows *= extent
    # two threads must not write one place: rows must be in different parts of the table
    apart = all(by_table[:-1])
    tile, tiles = tiling(length, rows) if mode == GATHER else (length, 1)
    per_element = (0.3 if operand.access == "b" else 1.0) + kind.itemsize / BYTES_PER_NS
    work = rows * (5.0 + length * per_element)
    parameters = [size, step * kind.itemsize, length, tile, tiles, *nest.extents[:-1]]
    for strides in (by_index, by_data, by_table):
        parameters += strides
    units = rows * tiles
    return memory.make_plan(
        jit.address(text),
        parameters,
        4,
        units=units,
        chunks=threads.chunks_for(work, units) if mode == GATHER or apart else 1,
        release_gil=work > RELEASE_ABOVE,
    )


# ---- one dimension ------------------------------------------------------------------------------


def _pairs(x: Any) -> Any:
    """Complex numbers as pairs of real ones, in a last dimension."""
    real = dtypes.float32 if x.form.dtype is dtypes.complex64 else dtypes.float64
    strides = [2 * s for s in x.form.strides]
    return make(x.buffer, strided(real, (*x.form.shape, 2), (*strides, 1)), x.ptr)


def _repeated(index: Any) -> Any:
    form = index.form
    layout = strided(form.dtype, (*form.shape, 2), (*form.strides, 0))
    return make(index.buffer, layout, index.ptr)


def spread_index(index: Any, shape: Sequence[int], dim: int) -> Any:
    """A vector of positions along `dim` of `shape`, repeated along all other dimensions."""
    strides = [0] * len(shape)
    strides[dim] = index.form.strides[0] if index.form.ndim else 0
    return make(index.buffer, strided(index.form.dtype, shape, strides), index.ptr)
