"""Joining tensors, and splitting them into views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import new
from argand.ops.copies import copier
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.samples import call
from argand.ops.shape import view_of
from argand.ops.slicing import slice_dim
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import TensorBase, make


@composite(
    out="cast",
    as_method=False,
    aliases=("concat", "concatenate"),
    samples=lambda draw: [
        call([draw(2, 3), draw(1, 3)]), call([draw(2, 3), draw(2, 1), draw(2, 2)], 1),
        call([draw(2), draw(0)], dim=-1), call([draw(0, 2), draw(3, 2)]),
    ],
    reference=lambda tensors, dim=0: np.concatenate(tensors, dim),
)
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along a dimension.

    Raises:
        RuntimeError: when other sizes differ.

    >>> import argand
    >>> argand.cat([argand.ones(1), argand.zeros(2)])
    tensor([1., 0., 0.])
    """
    if isinstance(tensors, TensorBase):
        raise TypeError(
            "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    parts = list(tensors)
    if not parts:
        raise RuntimeError("cat: expected a non-empty list of Tensors")
    return join(dim, *parts)


@operation(as_method=False, as_function=False, graph_name="cat")
def join(dim: int, *tensors: Any) -> Any:
    """Tensors joined along a dimension; vectors without elements do not count."""
    key = (dim, *[x.form for x in tensors])
    plan = join.plans.get(key)
    if plan is None:
        plan = join.plans[key] = _prepare_join(dim, tensors)
    layout, parts = plan
    out = new(layout)
    for x, (place, offset) in zip(tensors, parts):
        if place is not None:
            copier.into(make(out.buffer, place, out.ptr + offset), x)
    return out


def _prepare_join(dim: int, tensors: Sequence[Any]) -> tuple[Layout, list[Any]]:
    """The layout of the result; for each tensor that of its place, and the bytes before it."""
    full = [x for x in tensors if x.form.shape != (0,)] or list(tensors[:1])
    first = full[0]
    if not first.ndim:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    at = normalize_dim(dim, first.ndim)
    kind = first.form.dtype
    for number, x in enumerate(full):
        kind = dtypes.promote_types(kind, x.form.dtype)
        _check_joins(first, x, at, number)
    shape = list(first.shape)
    shape[at] = sum(x.shape[at] for x in full)
    layout = dense(kind, shape)
    parts: list[Any] = []
    offset = 0
    for x in tensors:
        if x.ndim != first.ndim:
            parts.append((None, 0))
            continue
        parts.append((strided(kind, x.shape, layout.strides), offset))
        offset += x.shape[at] * layout.strides[at] * kind.itemsize
    return layout, parts


def _check_joins(first: Any, x: Any, at: int, number: int) -> None:
    if x.ndim != first.ndim:
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}"
        )
    for d in range(first.ndim):
        if d != at and x.shape[d] != first.shape[d]:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {at}. Expected size "
                f"{first.shape[d]} but got size {x.shape[d]} for tensor number {number} in the "
                "list."
            )


@join.vjp()
def _join_vjp(g: Any, out: Any, dim: int, *tensors: Any) -> Any:
    full = [x for x in tensors if x.shape != (0,)] or list(tensors[:1])
    at = normalize_dim(dim, full[0].ndim)
    found: list[Any] = [None]
    start = 0
    for x in tensors:
        if x.shape == (0,) and len(full[0].shape) != 1:
            found.append(None)
            continue
        found.append(slice_dim(g, at, start, 1, x.shape[at]).to(x.dtype))
        start += x.shape[at]
    return found


@composite(
    out="cast",
    as_method=False,
    samples=lambda draw: [
        call([draw(2, 3), draw(2, 3)]), call([draw(3), draw(3)], -1), call([draw(), draw()]),
    ],
    reference=lambda tensors, dim=0: np.stack(tensors, dim),
)
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension.

    >>> import argand
    >>> argand.stack([argand.zeros(2), argand.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    parts = list(tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    for number, x in enumerate(parts):
        if x.shape != parts[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at "
                f"entry 0 and {list(x.shape)} at entry {number}"
            )
    at = normalize_dim(dim, parts[0].ndim + 1)
    return join(at, *[x.unsqueeze(at) for x in parts])


# ---- splitting ----------------------------------------------------------------------------------


def _split_reference(x: Any, pieces: Any, dim: int = 0) -> tuple[Any, ...]:
    cuts: Any
    if isinstance(pieces, int):
        cuts = range(pieces, x.shape[dim], pieces)
    else:
        cuts = np.cumsum(pieces)[:-1]
    return tuple(np.split(x, cuts, dim))


@operation(as_method=False, as_function=False, graph_name="split")
def pieces_of(input: Any, lengths: tuple[int, ...], dim: int) -> tuple[Any, ...]:
    """Consecutive pieces of a dimension, as views."""
    layout, found, start = input.form, [], 0
    for length in lengths:
        shape = (*layout.shape[:dim], length, *layout.shape[dim + 1 :])
        piece = strided(layout.dtype, shape, layout.strides)
        found.append(view_of(input, piece, start * layout.strides[dim] if layout.numel else 0))
        start += length
    return tuple(found)


@pieces_of.vjp()
def _pieces_vjp(g: Any, out: Any, input: Any, lengths: tuple[int, ...], dim: int) -> Any:
    return _rejoined(g, [(*input.shape[:dim], n, *input.shape[dim + 1 :]) for n in lengths], dim)


def _rejoined(gradients: Any, shapes: Sequence[Sequence[int]], dim: int) -> Any:
    """Gradients of pieces as that of the whole; those that are missing are zero."""
    given = gradients if isinstance(gradients, tuple) else (gradients,)
    some = next(g for g in given if g is not None)
    whole = [some.new_zeros(s) if g is None else g for g, s in zip(given, shapes)]
    return join(dim, *whole), None, None


@composite(
    view=True,
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), [1, 2, 3], 1), call(draw(0, 2), 3)],
    reference=_split_reference,
)
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of a dimension: of one size (the last may be smaller), or of the sizes given.

    >>> import argand
    >>> [len(piece) for piece in argand.arange(5).split(2)]
    [2, 2, 1]
    """
    at = normalize_dim(dim, tensor.ndim)
    size = tensor.shape[at]
    pieces = split_size_or_sections
    if isinstance(pieces, int):
        if pieces < 0 or (pieces == 0 and size):
            raise RuntimeError(f"split expects split_size be non-negative, but got {pieces}")
        step = pieces or 1
        pieces = [min(step, size - first) for first in range(0, max(size, 1), step)]
    elif sum(pieces) != size:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size "
            f"at dimension {at}), but got split_sizes={list(pieces)}"
        )
    return pieces_of(tensor, tuple(pieces), at)


@composite(
    view=True,
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), 4, -1), call(draw(2), 5)],
    reference=lambda x, chunks, dim=0: _split_reference(x, -(-x.shape[dim] // chunks), dim),
)
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most `chunks` pieces of equal size; the last may be smaller.

    >>> import argand
    >>> [len(piece) for piece in argand.arange(5).chunk(2)]
    [3, 2]
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input.shape[normalize_dim(dim, input.ndim)]
    return split.body(input, max(1, -(-size // chunks)), dim)


@operation(as_method=False, as_function=False, graph_name="unbind")
def slices_of(input: Any, dim: int) -> tuple[Any, ...]:
    """All slices along a dimension, as views."""
    layout = input.form
    shape = (*layout.shape[:dim], *layout.shape[dim + 1 :])
    strides = (*layout.strides[:dim], *layout.strides[dim + 1 :])
    piece, step = strided(layout.dtype, shape, strides), layout.strides[dim]
    return tuple([view_of(input, piece, i * step) for i in range(layout.shape[dim])])


@slices_of.vjp()
def _slices_vjp(g: Any, out: Any, input: Any, dim: int) -> Any:
    given = g if isinstance(g, tuple) else (g,)
    shape = (*input.shape[:dim], 1, *input.shape[dim + 1 :])
    lifted = tuple([None if x is None else x.unsqueeze(dim) for x in given])
    return _rejoined(lifted, [shape] * len(lifted), dim)[:2]


@composite(
    view=True,
    samples=lambda draw: [call(draw(3, 2)), call(draw(2, 3), 1), call(draw(1)), call(draw(0, 2))],
    reference=lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
)
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices along a dimension.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """
    at = normalize_dim(dim, input.ndim)
    if not input.ndim:
        raise RuntimeError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return slices_of(input, at)
