"""The order of elements by one number each: what is compared above, the position below.

A *rank* is an int64 whose upper half orders like the element and whose lower half is its position,
so that sorting ranks keeps equal elements in order, and tells where each has come from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

from argand import dtypes
from argand.kernels import jit
from argand.kernels.expr import Expr
from argand.kernels.loops import input_leaf
from argand.kernels.select import selection
from argand.ops.arrays import as_array, new
from argand.ops.create import arange
from argand.ops.map import elementwise
from argand.ops.plans import map_plan
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

_HALF = 32
SHORT = 32  # lists up to this length are kept sorted while the rows are read


def rank(input: Expr, place: Expr, descending: bool) -> Expr:
    """The rank of an element at a position; NaN is greatest, and zeros are equal."""
    if input.dtype.kind == "f":
        bits = input.eq(0).where(input.constant(0), input).bitcast(dtypes.int32)
        key = bits ^ (bits.shr(bits.constant(31)) & 0x7FFFFFFF)
        key = input.ne(input).where(key.constant(0x7FFFFFFF), key).to(dtypes.int64)
    else:
        key = input.to(dtypes.int64)
    key = ~key if descending else key
    return key.shl(key.constant(_HALF)) | place


@elementwise(as_method=False, as_function=False)
def position(rank: Expr) -> Expr:
    """The position that a rank holds."""
    return rank & ((1 << _HALF) - 1)


def has_ranks(form: Layout) -> bool:
    """Whether the elements are narrow enough, and not too many, to have ranks."""
    return form.dtype.itemsize <= 4 and form.dtype.kind in "fiub" and form.numel < 1 << 31


class _Ranks:
    """Makes the ranks along a dimension, which comes last."""

    def __init__(self, form: Layout, dim: int, descending: bool) -> None:
        order = [d for d in range(form.ndim) if d != dim] + [dim]
        shape = [form.shape[d] for d in order]
        rows = strided(form.dtype, shape, [form.strides[d] for d in order])
        self._places = arange.body(shape[-1])
        places = strided(dtypes.int64, shape, [0] * (form.ndim - 1) + [1])
        self._layout = dense(dtypes.int64, shape)
        root = rank(input_leaf(0, form.dtype), input_leaf(1, dtypes.int64), descending)
        self._new: Callable[..., Any] = lambda *addresses: allocate(0)
        if form.numel:
            self._new = map_plan([root], [rows, places], (), [self._layout], shape).new

    def __call__(self, input: Any) -> Any:
        return make(self._new(input.ptr, self._places.ptr), self._layout)


_ranks = lru_cache(maxsize=256)(_Ranks)


def _positions(ranks: Any, dim: int) -> Any:
    """What ranks along the last dimension say, along `dim`, as a contiguous tensor."""
    found = position(ranks)
    return found if dim == found.form.ndim - 1 else found.movedim(-1, dim).contiguous()


def order_by_rank(input: Any, dim: int, descending: bool) -> Any:
    """Positions in order along `dim`, as a contiguous int64 tensor."""
    ranks = _ranks(input.form, dim, descending)(input)
    as_array(ranks).sort(axis=-1)
    return _positions(ranks, dim)


def first_by_rank(input: Any, dim: int, count: int, descending: bool) -> Any:
    """The first `count` of these positions."""
    ranks = _ranks(input.form, dim, descending)(input)
    if count > SHORT:
        as_array(ranks).sort(axis=-1)
        return _positions(ranks.narrow(-1, 0, count), dim).contiguous()
    *outer, size = ranks.form.shape
    found = new(dense(dtypes.int64, (*outer, count)))
    if found.form.numel:
        _selection(prod(outer), size, count)(ranks.ptr, found.ptr)
    return _positions(found, dim)


@lru_cache(maxsize=256)
def _selection(rows: int, size: int, count: int) -> Callable[..., None]:
    chunks = threads.chunks_for(rows * size * 1.5, rows)
    address = jit.address(selection())
    return memory.make_plan(address, [size, count], 2, units=rows, chunks=chunks).run
