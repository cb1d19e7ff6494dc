"""Joining tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import new
from argand.ops.copies import copier
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.plans import nothing
from argand.ops.samples import call
from argand.ops.shape import view_as_sizes
from argand.ops.slicing import slice_dim
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import TensorBase


@composite(
    out="cast",
    apart=("tensors",),
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
        ValueError: when there is no tensor.
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
        raise ValueError("cat: expected a non-empty list of Tensors")
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
    for x, (run, offset) in zip(tensors, parts):
        run(x.ptr, out.ptr + offset)
    return out


def _prepare_join(dim: int, tensors: Sequence[Any]) -> tuple[Layout, list[Any]]:
    """The layout of the result; for each tensor what copies it, and the bytes before its place."""
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
            parts.append((nothing, 0))
            continue
        parts.append((copier.runner(strided(kind, x.shape, layout.strides), x), offset))
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
    first = parts[0].form
    for number, x in enumerate(parts):
        if x.form is not first and x.shape != first.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at "
                f"entry 0 and {list(x.shape)} at entry {number}"
            )
    at = normalize_dim(dim, first.ndim + 1)
    if at == first.ndim or not first.numel:
        return join(at, *[x.unsqueeze(at) for x in parts])
    sizes = tuple(first.shape)
    return view_as_sizes(join(at, *parts), (*sizes[:at], len(parts), *sizes[at:]))
