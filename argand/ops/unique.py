"""The different elements of tensors."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.record import Either
from argand.ops.samples import call


def _unique_reference(x: Any, dim: int | None = None, **returned: bool) -> Any:
    return np.unique(x, axis=dim, **returned)  # type: ignore[call-overload]


@composite(
    out="",
    samples=lambda draw: [
        call(draw.index(3, 4, below=5)),
        call(draw.index(6, below=3), return_inverse=True, return_counts=True),
        call(draw(5).detach()), call(draw.index(4, 2, below=2), dim=0),
    ],
    reference=_unique_reference,
)
def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Either:
    """The different elements in ascending order.

    Args:
        return_inverse: also where each element is in the result.
        return_counts: also how often each occurs.
        dim: compare the slices of a dimension instead of single elements.

    >>> import argand
    >>> argand.tensor([3, 1, 3]).unique()
    tensor([1, 3])
    """
    source = input.detach()
    narrow = source.dtype is dtypes.bfloat16  # which NumPy does not have
    found = np.unique(  # type: ignore[call-overload]
        as_array(source.float() if narrow else source),
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=dim,
        equal_nan=False,
    )
    parts = found if isinstance(found, tuple) else (found,)
    first, *rest = [from_array(np.ascontiguousarray(part)) for part in parts]
    if return_inverse and dim is None:
        rest[0] = rest[0].reshape(input.shape)
    elif return_inverse:
        rest[0] = rest[0].reshape(-1)
    tensors = (first.to(source.dtype), *rest)
    return tensors if len(tensors) > 1 else tensors[0]


def _runs_reference(x: Any, dim: int | None = None, **returned: bool) -> Any:
    lines = x.reshape(-1, 1) if dim is None else np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
    found = _runs(lines)
    values = x.ravel()[found[0]] if dim is None else x.take(found[0], dim)
    inverse = found[1].reshape(x.shape) if dim is None else found[1]
    parts = [values]
    parts += [inverse] if returned.get("return_inverse") else []
    parts += [found[2]] if returned.get("return_counts") else []
    return tuple(parts) if len(parts) > 1 else values


def _runs(lines: Any) -> tuple[Any, Any, Any]:
    """Of rows: where runs of equal ones begin, which run each belongs to, how long they are."""
    begins = np.ones(len(lines), bool)
    begins[1:] = (lines[1:] != lines[:-1]).any(1)
    starts = np.flatnonzero(begins)
    return starts, np.cumsum(begins) - 1, np.diff(np.append(starts, len(lines)))


@composite(
    samples=lambda draw: [
        call(draw.index(8, below=2)), call(draw.index(3, 4, below=2), return_inverse=True),
        call(draw.index(8, below=2), return_inverse=True, return_counts=True),
        call(draw.index(5, 1, below=2), dim=0, return_counts=True),
    ],
    reference=_runs_reference,
)
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Either:
    """The elements without those that repeat the one before.

    Args:
        return_inverse: also where each element is in the result.
        return_counts: also how often each is repeated.
        dim: compare the slices of a dimension instead of single elements.

    >>> import argand
    >>> argand.tensor([1, 1, 2, 1]).unique_consecutive()
    tensor([1, 2, 1])
    """
    source = input.detach()
    at = None if dim is None else normalize_dim(dim, input.ndim)
    lines = source.reshape(-1, 1) if at is None else source.movedim(at, 0)
    rows = as_array(lines).reshape(lines.shape[0], prod(lines.shape[1:]))
    starts, inverse, counts = (from_array(part.astype("i8")) for part in _runs(rows))
    if at is None:
        found: list[Any] = [source.reshape(-1).index_select(0, starts)]
        inverse = inverse.reshape(input.shape)
    else:
        found = [source.index_select(at, starts)]
    found += [inverse] if return_inverse else []
    found += [counts] if return_counts else []
    return tuple(found) if len(found) > 1 else found[0]
