"""Parts of tensors as views: slices, rows, and any strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation, view
from argand.ops.samples import call
from argand.ops.shape import Strided, sizes_of
from argand.runtime.layout import Layout, strided


@view(as_method=False, as_function=False, graph_name="as_strided")
def restrided(
    input: Layout, sizes: tuple[int, ...], strides: tuple[int, ...], distance: int
) -> Strided:
    """Any sizes and strides, from the element `distance` behind the first of `input` on."""
    return strided(input.dtype, sizes, strides), distance


@restrided.vjp
def _restrided_vjp(
    g: Any, input: Layout, sizes: tuple[int, ...], strides: tuple[int, ...], distance: int
) -> Any:
    whole, part = input.form, strided(input.dtype, sizes, strides)
    if _repeats(whole):
        raise NotImplementedError("the gradient of as_strided for an input that repeats elements")
    (low, high), (first, last) = whole.span(), part.span()
    low, high = min(low, first + distance), max(high, last + distance)
    room = g.new_zeros(high - low + 1)
    if _repeats(part):
        places = g.new_tensor(np.arange(high - low + 1), dtype=dtypes.int64)
        places = places.as_strided(sizes, strides, distance - low).reshape(-1)
        room = room.index_add(0, places, g.reshape(-1))
    else:
        room.as_strided(sizes, strides, distance - low).copy_(g)
    return room.as_strided(whole.shape, whole.strides, -low)


def _repeats(layout: Layout) -> bool:
    """Whether different indices may lead to the same element."""
    reach = 0
    for stride, extent in sorted((abs(s), n) for n, s in zip(layout.shape, layout.strides)):
        if extent > 1:
            if stride <= reach:
                return True
            reach += stride * (extent - 1)
    return False


@composite(
    in_place=True,
    view=True,
    samples=lambda draw: [
        call(draw(4, 4).contiguous(), (2, 2), (1, 1)),
        call(draw(6).contiguous(), (3, 2), (2, 1), 0),
        call(draw(12).contiguous(), (2, 3), (6, 2), 1),
    ],
)
def as_strided(input: Any, size: Sequence[int], stride: Sequence[int],
               storage_offset: int | None = None) -> Any:  # fmt: skip
    """A view with any sizes and strides (in elements) over the storage of `input`.

    >>> import argand
    >>> argand.arange(4).as_strided((2, 2), (1, 1))
    tensor([[0, 1],
            [1, 2]])
    """
    layout = strided(input.form.dtype, tuple(size), tuple(stride))
    here = input.storage_offset()
    at = here if storage_offset is None else storage_offset
    low, high = layout.span()
    capacity = input.buffer.nbytes // layout.dtype.itemsize
    if layout.numel and (at + low < 0 or at + high >= capacity):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {at}, and "
            f"itemsize {layout.dtype.itemsize} requiring a storage size of "
            f"{(at + high + 1) * layout.dtype.itemsize} are out of bounds for storage of size "
            f"{input.buffer.nbytes}"
        )
    return restrided(input, tuple(size), tuple(stride), at - here)


@view(as_method=False, as_function=False, graph_name="slice")
def slice_dim(input: Layout, dim: int, start: int, step: int, length: int) -> Strided:
    """``length`` elements of a dimension from `start` on, `step` apart (it may be negative)."""
    shape, strides = list(input.shape), list(input.strides)
    offset = start * strides[dim] if input.numel else 0
    shape[dim] = length
    strides[dim] *= step
    return strided(input.dtype, shape, strides), offset


@slice_dim.vjp
def _slice_vjp(g: Any, input: Layout, dim: int, start: int, step: int, length: int) -> Any:
    return embed_slice(g, input.shape, dim, start, step)


@operation(as_method=False, as_function=False)
def embed_slice(g: Any, shape: Sequence[int], dim: int, start: int, step: int) -> Any:
    """Zeros of `shape` with `g` in one of their slices."""
    out = g.new_zeros(tuple(shape))
    slice_dim(out, dim, start, step, g.shape[dim]).copy_(g.detach())
    return out


@embed_slice.vjp()
def _embed_slice_vjp(gg: Any, out: Any, g: Any, shape: Any, dim: int, start: int, step: int) -> Any:
    return slice_dim(gg, dim, start, step, g.shape[dim]), None, None, None, None


@view(
    samples=lambda draw: [call(draw(3, 4), 0, 1), call(draw(3, 4), -1, -1), call(draw(3), 0, 2)],
    reference=lambda x, dim, index: x.take(index, dim),
)
def select(input: Layout, dim: int, index: int) -> Strided:
    """The slice at `index` of a dimension, without that dimension.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    layout = input
    if not layout.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = normalize_dim(dim, layout.ndim)
    size = layout.shape[at]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(layout.shape)} at "
            f"dimension {at}"
        )
    shape = layout.shape[:at] + layout.shape[at + 1 :]
    strides = layout.strides[:at] + layout.strides[at + 1 :]
    return strided(layout.dtype, shape, strides), index % size * layout.strides[at]


@select.vjp
def _select_vjp(g: Any, input: Layout, dim: int, index: int) -> Any:
    at = normalize_dim(dim, input.ndim)
    return embed_slice(g.unsqueeze(at), input.shape, at, index % input.shape[at], 1)


@composite(
    view=True,
    samples=lambda draw: [
        call(draw(3, 5), 1, 1, 3), call(draw(3, 5), 0, -2, 2), call(draw(4), 0, 4, 0),
    ],
    reference=lambda x, dim, start, length: x.take(range(start, start + length), dim),
)
def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """``length`` elements of a dimension from `start` on.

    >>> import argand
    >>> argand.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    at = normalize_dim(dim, input.ndim)
    size = input.shape[at]
    start = int(start)
    begin = start + size if start < 0 else start
    if not 0 <= begin <= size or length < 0 or begin + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_dim(input, at, begin, 1, length)


@composite(
    out="",
    samples=lambda draw: [
        call(draw(3, 4), (0,)), call(draw(2, 3, 4), (0, -1)), call(draw(0, 2), (0,)),
    ],
    reference=lambda x, dims: np.flip(x, dims),
)
def flip(input: Any, *dims: Any) -> Any:
    """The order of elements reversed along dimensions; a copy.

    >>> import argand
    >>> argand.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    view = input
    for dim in sizes_of("flip", dims):
        at = normalize_dim(dim, input.ndim)
        size = input.shape[at]
        if size > 1:
            view = slice_dim(view, at, size - 1, -1, size)
    return view.clone()


@composite(
    view=True,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), 1), call(draw(3, 4), -1), call(draw(2, 3, 4), 0, 1, 2),
    ],
    reference=np.diagonal,
)
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two dimensions as the last dimension: a view.

    Args:
        offset: which diagonal: above the main one if positive, below if negative.

    >>> import argand
    >>> argand.eye(2).diagonal()
    tensor([1., 1.])
    """
    first, second = normalize_dim(dim1, input.ndim), normalize_dim(dim2, input.ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_view(input, offset, first, second)


@view(as_method=False, as_function=False, graph_name="diagonal")
def diagonal_view(input: Layout, offset: int, first: int, second: int) -> Strided:
    """The diagonal of two dimensions, moved to the end."""
    rows, columns = input.shape[first], input.shape[second]
    down, right = input.strides[first], input.strides[second]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = (offset * right if offset >= 0 else -offset * down) if length else 0
    rest = [d for d in range(input.ndim) if d not in (first, second)]
    shape = (*(input.shape[d] for d in rest), length)
    strides = (*(input.strides[d] for d in rest), down + right)
    return strided(input.dtype, shape, strides), start


@diagonal_view.vjp
def _diagonal_vjp(g: Any, input: Layout, offset: int, first: int, second: int) -> Any:
    out = g.new_zeros(input.shape)
    diagonal_view(out, offset, first, second).copy_(g)
    return out


@composite(
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), -1), call(draw(3)), call(draw(3), 1), call(draw(3), -2),
    ],
    reference=np.diag,
)
def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal.

    >>> import argand
    >>> argand.diag(argand.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 2:
        return diagonal_view(input, diagonal, 0, 1).clone()
    if input.ndim != 1:
        raise RuntimeError(
            f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D"
        )
    size = input.shape[0] + (diagonal if diagonal >= 0 else -diagonal)
    out = input.new_zeros((size, size))
    diagonal_view(out, diagonal, 0, 1).copy_(input)
    return out
