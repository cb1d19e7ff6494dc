"""Reductions and running sums of the elements where a mask is true."""

from __future__ import annotations

import math
from typing import Any

import argand
from argand.dtypes import dtype
from argand.ops.dims import normalize_dims


def filled(input: Any, mask: Any, value: Any, dtype: dtype | None = None) -> Any:
    """`input`, converted to `dtype`, with `value` where the mask is false."""
    if dtype is not None:
        input = input.to(dtype)
    return input if mask is None else argand.where(mask, input, value)


def lowest(kind: dtype) -> Any:
    """What no element of a type is below."""
    if kind.is_floating_point:
        return -math.inf
    return False if kind is argand.bool else argand.iinfo(kind).min


def highest(kind: dtype) -> Any:
    """What no element of a type is above."""
    if kind.is_floating_point:
        return math.inf
    return True if kind is argand.bool else argand.iinfo(kind).max


def _dims(input: Any, dim: Any) -> Any:
    """The dimensions to reduce; an empty sequence means none of PyTorch's, so all."""
    return normalize_dims("masked", dim, input.ndim) or None


def _summed_type(input: Any, dtype: dtype | None) -> dtype:
    if dtype is not None:
        return dtype
    return argand.int64 if input.dtype.kind in "bui" else input.dtype


def sum(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The sum where the mask is true.

    >>> import argand
    >>> argand.masked.sum(argand.tensor([1, 2, 4]), mask=argand.tensor([True, False, True]))
    tensor(5)
    """
    kind = _summed_type(input, dtype)
    return filled(input, mask, 0, kind).sum(_dims(input, dim), bool(keepdim))


def prod(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The product where the mask is true.

    >>> import argand
    >>> argand.masked.prod(argand.tensor([3, 2, 4]), mask=argand.tensor([True, False, True]))
    tensor(12)
    """
    found = filled(input, mask, 1, _summed_type(input, dtype))
    for d in normalize_dims("masked.prod", dim, input.ndim):
        found = found.prod(d, keepdim=True)
    return found if keepdim else found.squeeze(normalize_dims("masked.prod", dim, input.ndim))


def cumsum(input: Any, dim: int, *, dtype: dtype | None = None, mask: Any = None) -> Any:
    """The running sum where the mask is true.

    >>> import argand
    >>> argand.masked.cumsum(argand.tensor([1, 2, 4]), 0, mask=argand.tensor([True, False, True]))
    tensor([1, 1, 5])
    """
    return filled(input, mask, 0, _summed_type(input, dtype)).cumsum(dim)


def cumprod(input: Any, dim: int, *, dtype: dtype | None = None, mask: Any = None) -> Any:
    """The running product where the mask is true.

    >>> import argand
    >>> argand.masked.cumprod(argand.tensor([3, 2, 4]), 0, mask=argand.tensor([True, False, True]))
    tensor([ 3,  3, 12])
    """
    return filled(input, mask, 1, _summed_type(input, dtype)).cumprod(dim)


def amax(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The largest element where the mask is true.

    >>> import argand
    >>> argand.masked.amax(argand.tensor([1, 9, 4]), mask=argand.tensor([True, False, True]))
    tensor(4)
    """
    kind = dtype or input.dtype
    return filled(input, mask, lowest(kind), kind).amax(_dims(input, dim), bool(keepdim))


def amin(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The smallest element where the mask is true.

    >>> import argand
    >>> argand.masked.amin(argand.tensor([3, 0, 4]), mask=argand.tensor([True, False, True]))
    tensor(3)
    """
    kind = dtype or input.dtype
    return filled(input, mask, highest(kind), kind).amin(_dims(input, dim), bool(keepdim))


def argmax(
    input: Any, dim: int | None = None, *, keepdim: bool | None = False,
    dtype: dtype | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """Where the largest element is of those where the mask is true; in the type of `input`.

    >>> import argand
    >>> argand.masked.argmax(argand.tensor([1, 9, 4]), mask=argand.tensor([True, False, True]))
    tensor(2)
    """
    kind = dtype or input.dtype
    return filled(input, mask, lowest(kind), kind).argmax(dim, bool(keepdim)).to(kind)


def argmin(
    input: Any, dim: int | None = None, *, keepdim: bool | None = False,
    dtype: dtype | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """Where the smallest element is of those where the mask is true; in the type of `input`.

    >>> import argand
    >>> argand.masked.argmin(argand.tensor([3, 0, 4]), mask=argand.tensor([True, False, True]))
    tensor(0)
    """
    kind = dtype or input.dtype
    return filled(input, mask, highest(kind), kind).argmin(dim, bool(keepdim)).to(kind)


def logsumexp(
    input: Any, dim: Any = None, *, keepdim: bool = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The logarithm of the sum of exponentials where the mask is true.

    >>> import argand
    >>> argand.masked.logsumexp(argand.zeros(3), 0, mask=argand.tensor([True, False, True]))
    tensor(0.6931)
    """
    kind = dtype or input.dtype
    dims = normalize_dims("masked.logsumexp", dim, input.ndim)
    neutral = -math.inf if kind.is_complex else lowest(kind)
    return filled(input, mask, neutral, kind).logsumexp(dims, keepdim).to(kind)


def _counted(input: Any, dim: Any, keepdim: bool, mask: Any) -> Any:
    """How many elements count."""
    ones = argand.ones(input.shape, dtype=argand.int64)
    return sum(ones, dim, keepdim=keepdim, mask=mask)


def mean(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The mean where the mask is true; NaN where it never is.

    >>> import argand
    >>> argand.masked.mean(argand.tensor([1.0, 9.0, 3.0]), mask=argand.tensor([True, False, True]))
    tensor(2.)
    """
    kind = dtype or input.dtype
    if kind.kind in "bui":
        kind = argand.float32
    total = sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask)
    return total / _counted(input, dim, bool(keepdim), mask)


def median(
    input: Any, dim: int = -1, *, keepdim: bool = False, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The middle element of those where the mask is true.

    >>> import argand
    >>> mask = argand.tensor([True, False, True, True])
    >>> argand.masked.median(argand.tensor([1.0, 9.0, 3.0, 2.0]), mask=mask)
    tensor(2.)
    """
    kind = dtype or input.dtype
    if kind.is_floating_point:
        return filled(input, mask, math.nan, kind).nanmedian(dim, keepdim).values
    found = filled(input, mask, math.nan, argand.float64).nanmedian(dim, keepdim).values
    if found.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating")
    return found.to(kind)


def norm(
    input: Any, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool | None = False,
    dtype: dtype | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The vector norm of order `ord` where the mask is true.

    >>> import argand
    >>> mask = argand.tensor([True, False, True])
    >>> argand.masked.norm(argand.tensor([3.0, 9.0, 4.0]), mask=mask)
    tensor(5.)
    """
    order = 2.0 if ord is None else ord
    neutral = math.inf if order < 0 else 0
    dims = _dims(input, dim)
    source = filled(input, mask, neutral, dtype)
    return argand.linalg.vector_norm(source, order, dims, bool(keepdim))


def _spread(
    input: Any, dim: Any, unbiased: bool | None, correction: float | None, keepdim: bool,
    dtype: dtype | None, mask: Any,
) -> Any:  # fmt: skip
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    kind = dtype or input.dtype
    if kind.kind in "bui":
        kind = argand.float32
    x = input.to(kind)
    centered = x - mean(x, dim, keepdim=True, mask=mask)
    squares = centered * centered.conj() if x.is_complex() else centered * centered
    total = sum(squares, dim, keepdim=keepdim, mask=mask)
    left = (_counted(input, dim, keepdim, mask) - correction).clamp(min=0)
    return total / left


def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool | None = False, dtype: dtype | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The variance where the mask is true.

    >>> import argand
    >>> argand.masked.var(argand.tensor([1.0, 9.0, 3.0]), mask=argand.tensor([True, False, True]))
    tensor(2.)
    """
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask)


def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool | None = False, dtype: dtype | None = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The standard deviation where the mask is true.

    >>> import argand
    >>> argand.masked.std(argand.tensor([1.0, 9.0, 3.0]), mask=argand.tensor([True, False, True]))
    tensor(1.4142)
    """
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask).sqrt()
