"""Parts of tensors as views: slices, rows, and any strides."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, owned
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation, view
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.shape import Strided, sizes_of
from argand.ops.viewing import viewing, with_copy
from argand.runtime.layout import Layout, strided
from argand.runtime.tensor_base import TensorBase


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
    if repeats_elements(whole):
        raise NotImplementedError("the gradient of as_strided for an input that repeats elements")
    (low, high), (first, last) = whole.span(), part.span()
    low, high = min(low, first + distance), max(high, last + distance)
    room = g.new_zeros(high - low + 1)
    if repeats_elements(part):
        places = g.new_tensor(np.arange(high - low + 1), dtype=dtypes.int64)
        places = places.as_strided(sizes, strides, distance - low).reshape(-1)
        room = room.index_add(0, places, g.reshape(-1))
    else:
        room.as_strided(sizes, strides, distance - low).copy_(g)
    return room.as_strided(whole.shape, whole.strides, -low)


def repeats_elements(layout: Layout) -> bool:
    """Whether different indices may lead to the same element."""
    reach = 0
    for stride, extent in sorted((abs(s), n) for n, s in zip(layout.shape, layout.strides)):
        if extent > 1:
            if stride <= reach:
                return True
            reach += stride * (extent - 1)
    return False


@viewing(
    in_place=True,
    copy="(x, (2,), (1,))",
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


with_copy(select, "(x, 0, 1)")


@select.vjp
def _select_vjp(g: Any, input: Layout, dim: int, index: int) -> Any:
    at = normalize_dim(dim, input.ndim)
    return embed_slice(g.unsqueeze(at), input.shape, at, index % input.shape[at], 1)


@viewing(
    copy="(x, 0, 0, 1)",
    copy_method=True,
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
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at = normalize_dim(dim, input.ndim)
    size = input.shape[at]
    if isinstance(start, TensorBase):
        if start.form.ndim or start.form.dtype.kind not in "iu":
            raise RuntimeError(f"narrow: start must be an 0-dim integral Tensor, {describe(start)}")
        start = start.item()
    start = operator.index(start)
    if not -size <= start <= size and length >= 0:
        rule = f"start out of range (expected to be in range of [{-size}, {size}]"
        raise IndexError(f"narrow: {rule}, but got {start})")
    begin = start + size if start < 0 else start
    if length < 0 or begin + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_dim(input, at, begin, 1, length)


@viewing(
    as_method=False,
    as_function=False,
    copy="(x, 0, 0, 1)",
    samples=lambda draw: [
        call(draw(3, 5), 1, 1, 3), call(draw(3, 5), 0, -2), call(draw(4), 0, 0, 9, 2),
        call(draw(4), 0, 3, 1),
    ],
    reference=lambda x, dim=0, start=None, end=None, step=1: np.moveaxis(
        np.moveaxis(x, dim, 0)[start:end:step], 0, dim
    ),
)
def slice(
    input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """``input[start:end:step]`` of a dimension.

    >>> import argand
    >>> slice(argand.arange(5), 0, 1, None, 2)
    tensor([1, 3])
    """
    if not input.ndim:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError(f"slice step must be positive, but got {step}")
    at = normalize_dim(dim, input.ndim)
    covered = range(input.shape[at])[start:end:step]
    return slice_dim(input, at, covered.start if covered else 0, step, len(covered))


@viewing(
    as_function=False,
    samples=lambda draw: [
        call(draw(7), 0, 3, 2), call(draw(3, 5), 1, 2, 1), call(draw(3, 5), -2, 3, 4),
        call(draw(3, 5), 0, 0, 2),
    ],
    reference=lambda x, dimension, size, step: np.moveaxis(
        np.stack([
            np.moveaxis(x, dimension, 0)[i : i + size]
            for i in range(0, x.shape[dimension] - size + 1, step)
        ]),
        (0, 1), (dimension if dimension >= 0 else dimension - 1, -1),
    ),
)
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of `size` elements of a dimension, `step` apart, with the windows' elements last.

    >>> import argand
    >>> argand.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    at = normalize_dim(dimension, input.ndim)
    extent = input.shape[at] if input.ndim else 1
    if size < 0 or step <= 0:
        raise RuntimeError(f"unfold: size must be >= 0 and step > 0, but got {size} and {step}")
    if size > extent:
        raise RuntimeError(
            f"maximum size for tensor at dimension {at} is {extent} but size is {size}"
        )
    return windows(input, at, size, step)


with_copy(unfold, "(x, 0, 2, 1)")


@view(as_method=False, as_function=False, graph_name="unfold")
def windows(input: Layout, dim: int, size: int, step: int) -> Strided:
    """Windows of a dimension, as a last dimension."""
    if not input.ndim:
        return strided(input.dtype, (size,), (1,)), 0
    count = (input.shape[dim] - size) // step + 1
    shape = (*input.shape[:dim], count, *input.shape[dim + 1 :], size)
    stride = input.strides[dim]
    strides = (*input.strides[:dim], stride * step, *input.strides[dim + 1 :], stride)
    return strided(input.dtype, shape, strides), 0


@windows.vjp
def _windows_vjp(g: Any, input: Layout, dim: int, size: int, step: int) -> Any:
    """Each place of the windows in turn is a slice of the input."""
    if not input.ndim:
        return g.sum()
    total = g.new_zeros(input.shape)
    count = g.shape[dim]
    if step >= size and count:  # windows do not overlap
        return _spread_windows(g, input, dim, size, step)
    for k in range(size):
        total = total + embed_slice(g.select(-1, k), input.shape, dim, k, step)
    return total


def _spread_windows(g: Any, input: Layout, dim: int, size: int, step: int) -> Any:
    parts = g.movedim(-1, dim + 1)  # (..., count, size, ...)
    shape = (*input.shape[:dim], g.shape[dim], step, *input.shape[dim + 1 :])
    parts = embed_slice(parts, shape, dim + 1, 0, 1).flatten(dim, dim + 1)
    kept = min(parts.shape[dim], input.shape[dim])
    return embed_slice(slice_dim(parts, dim, 0, 1, kept), input.shape, dim, 0, 1)


@composite(
    out="",
    samples=lambda draw: [
        call(draw(3, 4), (0,)), call(draw(2, 3, 4), (0, -1)), call(draw(0, 2), (0,)),
    ],
    reference=lambda x, dims: np.flip(x, dims),
)
def flip(input: Any, dims: Any, *more: int) -> Any:
    """The order of elements reversed along dimensions; a copy.

    >>> import argand
    >>> argand.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    view, seen = input, set()
    for dim in sizes_of("flip", (dims, *more)):
        at = normalize_dim(dim, input.ndim)
        if at in seen:
            raise RuntimeError(f"dim {at} appears multiple times in the list of dims")
        seen.add(at)
        size = input.shape[at] if input.ndim else 1
        if size > 1:
            view = slice_dim(view, at, size - 1, -1, size)
    return view.clone()


@composite(
    samples=lambda draw: [call(draw(3, 4)), call(draw(2, 3, 2))],
    reference=np.fliplr,
)
def fliplr(input: Any) -> Any:
    """The order of columns reversed; a copy.

    >>> import argand
    >>> argand.fliplr(argand.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip.body(input, 1)


@composite(
    samples=lambda draw: [call(draw(3, 4)), call(draw(3))],
    reference=np.flipud,
)
def flipud(input: Any) -> Any:
    """The order of rows reversed; a copy.

    >>> import argand
    >>> argand.flipud(argand.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip.body(input, 0)


@composite(
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), 2), call(draw(2, 3, 4), -1, (0, 2)), call(draw(2, 2), 4),
        call(draw(2, 3, 4), 1, [2, -2]),
    ],
    reference=lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims),
)
def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turned by `k` times 90 degrees in the plane of two dimensions, from the first to the second.

    >>> import argand
    >>> argand.rot90(argand.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    first, second = (normalize_dim(d, input.ndim) for d in dims)
    if first == second:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = k % 4
    if turns == 0:
        return input.clone().contiguous()
    if turns == 2:
        return flip.body(input, (first, second))
    if turns == 1:
        return flip.body(input, second).transpose(first, second)
    return flip.body(input, first).transpose(first, second)


@composite(
    samples=lambda draw: [
        call(draw(3, 4), 1, 0), call(draw(3, 4), (1, -2), (0, 1)), call(draw(3, 4), 5),
        call(draw(0, 2), 1, 0), call(draw(), 1),
    ],
    reference=lambda x, shifts, dims=None: np.roll(x, shifts, dims),
)
def roll(input: Any, shifts: Any, dims: Any = ()) -> Any:
    """Elements moved along dimensions; those pushed out at the end come in at the begin.

    Without `dims` the flattened tensor is rolled.

    >>> import argand
    >>> argand.roll(argand.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    steps = sizes_of("roll", (shifts,))
    at = () if dims is None else sizes_of("roll", (dims,))
    if not steps:
        raise RuntimeError("`shifts` required")
    if not at and len(steps) == 1:
        return roll.body(input.contiguous().view(-1), steps, 0).view(input.shape)
    if len(steps) != len(at):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(at)}"
        )
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return rolled(input, steps, tuple(normalize_dim(d, input.ndim) for d in at))


@operation(as_method=False, as_function=False, graph_name="roll")
def rolled(input: Any, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """Elements moved along dimensions, in a circle."""
    return owned(np.roll(as_array(input), shifts, dims), input.form.dtype)


@rolled.vjp()
def _rolled_vjp(g: Any, out: Any, input: Any, shifts: tuple[int, ...], dims: Any) -> Any:
    return rolled(g, tuple(-n for n in shifts), dims), None, None
