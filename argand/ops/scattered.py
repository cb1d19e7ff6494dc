"""Copies of a tensor with new values in the part that a view or a mask shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array, new
from argand.ops.copies import copier
from argand.ops.diagonals import diagonal
from argand.ops.function import composite, operation
from argand.ops.samples import call
from argand.ops.scatter import written_at
from argand.ops.slicing import as_strided, repeats_elements, select, slice
from argand.runtime.layout import broadcast_shapes, dense
from argand.runtime.tensor_base import make


def _with(input: Any, src: Any, part: Any, *args: Any) -> Any:
    """A copy of `input` with `src` in what ``part(copy, *args)`` shows."""
    out = like_in_memory(input)
    shown = part(out, *args)
    if shown.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(shown.shape)}"
        )
    shown.copy_(src)
    return out


@operation(as_method=False, as_function=False, graph_name="clone")
def like_in_memory(input: Any) -> Any:
    """A copy with the same strides, also where these leave holes."""
    layout = input.form
    if layout.dense or repeats_elements(layout):
        return input.detach().clone()
    low, high = layout.span()
    room = new(dense(layout.dtype, (high - low + 1,)))
    out = make(room.buffer, layout, room.ptr - low * layout.dtype.itemsize)
    copier.into(out, input)
    return out


@like_in_memory.vjp()
def _like_in_memory_vjp(g: Any, out: Any, input: Any) -> Any:
    return (g,)


def _reference(part: Any) -> Any:
    def reference(x: Any, src: Any, *args: Any, **named: Any) -> Any:
        out = x.copy()
        part(out, *args, **named)[...] = src
        return out

    return reference


def _numpy_diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    shown = np.diagonal(x, offset, dim1, dim2)
    shown.flags.writeable = True
    return shown


def _numpy_slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return np.moveaxis(np.moveaxis(x, dim, 0)[start:end:step], 0, dim)


@composite(
    samples=lambda draw: [
        call(draw(3, 4), draw(3)),
        call(draw(3, 4), draw(2), -1),
        call(draw(2, 3, 4), draw(3, 2), 0, 0, 2),
    ],
    reference=_reference(_numpy_diagonal),
)
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of `input` with `src` on a diagonal.

    >>> import argand
    >>> argand.zeros(2, 2).diagonal_scatter(argand.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _with(input, src, diagonal.body, offset, dim1, dim2)


@composite(
    samples=lambda draw: [call(draw(3, 4), draw(4), 0, 1), call(draw(3, 4), draw(3), -1, -2)],
    reference=_reference(lambda x, dim, index: np.moveaxis(x, dim, 0)[index]),
)
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of `input` with `src` as the slice at `index` of a dimension.

    >>> import argand
    >>> argand.zeros(2, 2).select_scatter(argand.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _with(input, src, select, dim, index)


@composite(
    samples=lambda draw: [
        call(draw(5, 2), draw(2, 2), 0, 1, 3),
        call(draw(2, 5), draw(2, 2), 1, 1, None, 2),
        call(draw(3), draw(3)),
    ],
    reference=_reference(_numpy_slice),
)
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Any:  # fmt: skip
    """A copy of `input` with `src` in ``[start:end:step]`` of a dimension.

    >>> import argand
    >>> argand.zeros(3).slice_scatter(argand.ones(2), start=1)
    tensor([0., 1., 1.])
    """
    return _with(input, src, slice.body, dim, start, end, step)


@composite(
    samples=lambda draw: [
        call(draw(4, 4).contiguous(), draw(2, 2), (2, 2), (1, 2)),
        call(draw(6).contiguous(), draw(3), (3,), (2,), 1),
    ],
)
def as_strided_scatter(
    input: Any, src: Any, size: Sequence[int], stride: Sequence[int],
    storage_offset: int | None = None,
) -> Any:  # fmt: skip
    """A copy of `input` with `src` where a view with these sizes and strides has its elements.

    >>> import argand
    >>> argand.zeros(4).as_strided_scatter(argand.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """

    def part(x: Any) -> Any:
        start = input.storage_offset() if storage_offset is None else storage_offset
        moved = x.storage_offset() - input.storage_offset()
        return as_strided.body(x, size, stride, start + moved)

    return _with(input, src, part)


def _masked_reference(x: Any, mask: Any, source: Any) -> Any:
    x, mask = (a.copy() for a in np.broadcast_arrays(x, mask))
    x[mask] = source.ravel()[: mask.sum()]
    return x


@composite(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), draw.mask(3, 4), draw(12)), call(draw(3, 4), draw.mask(4), draw(3, 4)),
        call(draw(0), draw.mask(0), draw(2)),
    ],
    reference=_masked_reference,
)
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """`input` with the elements of `source`, one after the other, where the mask is true.

    >>> import argand
    >>> mask = argand.tensor([False, True, True])
    >>> argand.zeros(3).masked_scatter(mask, argand.tensor([5.0, 7.0]))
    tensor([0., 5., 7.])
    """
    if mask.form.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    if source.form.dtype is not input.form.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{input.form.dtype.name} and {source.form.dtype.name}"
        )
    shape = broadcast_shapes((input.shape, mask.shape))
    where = np.flatnonzero(np.broadcast_to(as_array(mask), shape))
    if where.size > source.form.numel:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    values = source.reshape(-1).narrow(0, 0, where.size)
    flat = input.expand(shape).reshape(-1)
    if not where.size:
        return flat.clone().reshape(shape)
    return written_at(flat, 0, from_array(where), values).reshape(shape)
