"""Ordering elements, through NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
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
    tensors = (first.to(source.dtype), *rest)
    return tensors if len(tensors) > 1 else tensors[0]
