"""Distributions and normalized tensors over the elements where a mask is true."""

from __future__ import annotations

import math
from typing import Any

import argand
from argand.dtypes import dtype
from argand.masked.reductions import filled, norm


def softmax(input: Any, dim: int, *, dtype: dtype | None = None, mask: Any = None) -> Any:
    """`softmax` over the elements where the mask is true; the others get 0.

    >>> import argand
    >>> argand.masked.softmax(argand.zeros(3), 0, mask=argand.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return filled(input, mask, -math.inf, dtype).softmax(dim)


def log_softmax(input: Any, dim: int, *, dtype: dtype | None = None, mask: Any = None) -> Any:
    """`log_softmax` over the elements where the mask is true.

    >>> import argand
    >>> argand.masked.log_softmax(argand.zeros(3), 0, mask=argand.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    return filled(input, mask, -math.inf, dtype).log_softmax(dim)


def softmin(input: Any, dim: int, *, dtype: dtype | None = None, mask: Any = None) -> Any:
    """`softmax` of ``-input`` over the elements where the mask is true; the others get 0.

    >>> import argand
    >>> argand.masked.softmin(argand.zeros(3), 0, mask=argand.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return (-filled(input, mask, math.inf, dtype)).softmax(dim)


def normalize(
    input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: dtype | None = None,
    mask: Any = None,
) -> Any:  # fmt: skip
    """The elements where the mask is true, divided by their norm (or by `eps`); the others get 0.

    >>> import argand
    >>> mask = argand.tensor([True, False, True])
    >>> argand.masked.normalize(argand.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=mask)
    tensor([0.6000, 0.0000, 0.8000])
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return filled(input, mask, 0, dtype) / length.clamp(min=eps)


def logaddexp(
    input: Any, other: Any, *, dtype: dtype | None = None, input_mask: Any = None,
    other_mask: Any = None,
) -> Any:  # fmt: skip
    """``log(exp(input) + exp(other))``, where a masked element counts as an exponential of 0.

    >>> import argand
    >>> a, b = argand.zeros(2), argand.zeros(2)
    >>> argand.masked.logaddexp(a, b, other_mask=argand.tensor([True, False]))
    tensor([0.6931, 0.0000])
    """
    first = filled(input, input_mask, -math.inf, dtype)
    return argand.logaddexp(first, filled(other, other_mask, -math.inf, dtype))
