"""Elements and whole tensors repeated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.shape import expand_to, sizes_of
from argand.ops.viewing import viewing
from argand.runtime.tensor_base import TensorBase


def _tiled_reference(x: Any, *repeats: Any) -> Any:
    return np.tile(x, repeats if isinstance(repeats[0], int) else repeats[0])


@composite(
    as_function=False,
    samples=lambda draw: [
        call(draw(2, 3), 2, 3), call(draw(2, 3), (2, 1, 2)), call(draw(2), (0,)), call(draw(), 2),
        call(draw(), (2, 3)),
    ],
    reference=_tiled_reference,
)
def repeat(input: Any, repeats: Any, *more: int) -> Any:
    """The whole tensor repeated along each dimension; a copy.

    >>> import argand
    >>> argand.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = sizes_of("repeat", (repeats, *more))
    lead = len(times) - input.ndim
    if lead < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor: {list(times)} for a tensor of {input.ndim} dimensions"
        )
    if any(n < 0 for n in times):
        raise RuntimeError(f"repeat: sizes must not be negative, but got repeats {list(times)}")
    shape = (1,) * lead + tuple(input.shape)
    apart = input.reshape([n for size in shape for n in (1, size)])
    wide = expand_to(apart, tuple(n for pair in zip(times, shape) for n in pair))
    joined = wide.clone() if wide.form.contiguous else wide.contiguous()
    return joined.view([n * size for n, size in zip(times, shape)])


@composite(
    samples=lambda draw: [
        call(draw(2, 3), (2, 1, 2)), call(draw(2, 3), (2,)), call(draw(2, 3), ()),
    ],
    reference=_tiled_reference,
)
def tile(input: Any, dims: Any, *more: int) -> Any:
    """`repeat`, where dimensions that are not given count as 1.

    >>> import argand
    >>> argand.tensor([[1, 2]]).tile((2,))
    tensor([[1, 2, 1, 2]])
    """
    times = sizes_of("tile", (dims, *more))
    return repeat.body(input, (1,) * (input.ndim - len(times)) + times)


@composite(
    samples=lambda draw: [
        call(draw(2, 3), 2), call(draw(2, 3), 2, 1), call(draw(3, 2), draw.index(3, below=3), 0),
        call(draw(3), draw.index(3, below=4)), call(draw(2, 3), 2, dim=-1), call(draw(), 3),
    ],
    reference=lambda x, repeats, dim=None: np.repeat(x, repeats, dim),
)
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element of a dimension repeated on its own.

    Args:
        repeats: how often: a number, or a vector with one for each element.
        dim: the dimension; without it, the tensor is flattened.
        output_size: the size of the dimension in the result, if known.

    >>> import argand
    >>> argand.repeat_interleave(argand.tensor([1, 2]), argand.tensor([1, 2]))
    tensor([1, 2, 2])
    """
    if repeats is None:  # the positions themselves
        _check_repeats(input)
        return from_array(np.repeat(np.arange(input.form.numel), as_array(input)))
    if dim is None:
        input, dim = input.reshape(-1), 0
    at = normalize_dim(dim, input.ndim)
    if not input.ndim:
        input = input.reshape(1)
    size = input.shape[at]
    if isinstance(repeats, TensorBase):
        _check_repeats(repeats)
        counts = as_array(repeats)
        if counts.size not in (1, size):
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got "
                f"repeats.size(0) = {counts.size} and input.size({at}) = {size}"
            )
        if counts.size != 1:
            positions = from_array(np.repeat(np.arange(size), counts))
            _check_output_size(output_size, positions.form.numel)
            return input.index_select(at, positions)
        repeats = int(counts.item())
    elif not isinstance(repeats, int):
        raise TypeError(f"repeat_interleave(): repeats must be int or Tensor: {describe(repeats)}")
    if repeats < 0:
        raise RuntimeError("repeats can not be negative")
    _check_output_size(output_size, size * repeats)
    shape = input.shape
    wide = expand_to(input.unsqueeze(at + 1), (*shape[: at + 1], repeats, *shape[at + 1 :]))
    whole = (*shape[:at], size * repeats, *shape[at + 1 :])
    joined = wide.clone() if wide.form.contiguous else wide.contiguous()
    return joined.view(whole)


def _check_repeats(repeats: Any) -> None:
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if repeats.form.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError("repeats has to be Long or Int tensor")
    if repeats.form.numel and as_array(repeats).min() < 0:
        raise RuntimeError("repeats can not be negative")


def _check_output_size(given: int | None, actual: int) -> None:
    if given is not None and given != actual:
        raise RuntimeError(f"repeat_interleave: allocated size {given} does not match {actual}")


# ---- shapes -------------------------------------------------------------------------------------


@viewing(
    samples=lambda draw: [call(draw(3, 4)), call(draw())],
    reference=np.ravel,
)
def ravel(input: Any) -> Any:
    """All elements as a vector: a view where possible.

    >>> import argand
    >>> argand.ones(2, 2).ravel().shape
    torch.Size([4])
    """
    return input.contiguous().view(-1)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw.index(5, below=12), (3, 4)), call(draw.index(2, 2, below=7), 7),
        call(draw.index(below=4), (2, 2)),
    ],
    reference=lambda indices, shape: np.unravel_index(indices, shape),
)
def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """The indices, one tensor for each dimension, of positions in a flattened tensor of `shape`.

    >>> import argand
    >>> argand.unravel_index(argand.tensor(5), (2, 3))
    (tensor(1), tensor(2))
    """
    kind = indices.form.dtype
    if kind.kind in "fcb":
        raise TypeError(f"unravel_index: expected 'indices' to be integer dtype, but got {kind}")
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    positions = as_array(indices)
    steps = [max(prod(sizes[place + 1 :]), 1) for place in range(len(sizes))]
    found = [positions // step % max(size, 1) for step, size in zip(steps, sizes)]
    return from_array(np.stack(found, -1)).unbind(-1) if found else ()


def same_shape(name: str, tensors: Sequence[Any]) -> list[Any]:
    """Tensors given as ``f(a, b)`` or as ``f([a, b])``."""
    parts: Any = tensors
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        parts = tensors[0]
    for x in parts:
        if not isinstance(x, TensorBase):
            raise TypeError(f"{name}(): expected Tensors, but got {describe(x)}")
    return list(parts)
