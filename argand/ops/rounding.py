"""Rounding, and limits."""

from __future__ import annotations

import numpy as np

from argand.kernels.expr import SCALAR, Expr
from argand.ops.map import EVERY, FLOATING, NUMERIC, elementwise
from argand.ops.samples import ANY, operands


@elementwise(out="exact", in_place=True, reference=np.floor, kinds=NUMERIC)
def floor(input: Expr) -> Expr:
    """The largest integer that is not larger.

    >>> import argand
    >>> argand.floor(argand.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """
    return input.floor() if input.dtype.kind == "f" else input


@elementwise(out="exact", in_place=True, reference=np.ceil, kinds=NUMERIC)
def ceil(input: Expr) -> Expr:
    """The smallest integer that is not smaller.

    >>> import argand
    >>> argand.ceil(argand.tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """
    return input.ceil() if input.dtype.kind == "f" else input


@elementwise(out="exact", in_place=True, aliases=("fix",), reference=np.trunc, kinds=NUMERIC)
def trunc(input: Expr) -> Expr:
    """The integer part.

    >>> import argand
    >>> argand.trunc(argand.tensor([-1.5, 1.5]))
    tensor([-1.,  1.])
    """
    return input.trunc() if input.dtype.kind == "f" else input


@elementwise(
    out="exact",
    in_place=True,
    reference=np.round,
    samples=operands(ANY, settings=[{"decimals": 1}, {"decimals": -1}]),
    kinds=NUMERIC,
    elsewhere=("special.round",),
)
def round(input: Expr, decimals: int = 0) -> Expr:
    """The nearest integer, halves to even; or the nearest multiple of ``10 ** -decimals``.

    >>> import argand
    >>> argand.round(argand.tensor([0.5, 1.5]))
    tensor([0., 2.])
    """
    if input.dtype.kind != "f":
        if decimals:
            raise NotImplementedError(f'"round" not implemented for \'{input.dtype.name}\'')
        return input
    if decimals == 0:
        return input.round()
    factor = 10.0 ** (decimals if decimals > 0 else -decimals)
    if decimals > 0:
        return (input * factor).round() / factor
    return (input / factor).round() * factor


@elementwise(out="exact", in_place=True, reference=lambda x: x - np.trunc(x), kinds=FLOATING)
def frac(input: Expr) -> Expr:
    """The part behind the point, with the sign of the input.

    >>> import argand
    >>> argand.frac(argand.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    return input - input.trunc()


@elementwise(
    reference=np.maximum,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def maximum(input: Expr, other: Expr) -> Expr:
    """The larger of two; NaN where one is.

    >>> import argand
    >>> argand.maximum(argand.tensor([1, 5]), argand.tensor([3, 2]))
    tensor([3, 5])
    """
    return input.maximum(other)


@elementwise(
    reference=np.minimum,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def minimum(input: Expr, other: Expr) -> Expr:
    """The smaller of two; NaN where one is.

    >>> import argand
    >>> argand.minimum(argand.tensor([1, 5]), argand.tensor([3, 2]))
    tensor([1, 2])
    """
    return input.minimum(other)


def _limited(x: Expr, low: Expr | None, high: Expr | None) -> Expr:
    """Clamp, with the whole gradient at the limits, as PyTorch has it."""
    for limit in (low, high):
        if limit is not None and limit.op == SCALAR and x.dtype.kind == "b":
            raise NotImplementedError("\"clamp\" not implemented for 'bool'")
    if low is not None:
        x = (x < low).where(low, x)
    if high is not None:
        x = (x > high).where(high, x)
    return x


@elementwise(in_place=True, as_method=False, as_function=False, kinds=NUMERIC, tensors=("input",))
def clamp_both(input: Expr, min: Expr, max: Expr) -> Expr:
    """Limit to ``min`` below and ``max`` above."""
    return _limited(input, min, max)


@elementwise(in_place=True, reference=np.maximum, tensors=("input",), kinds=EVERY)
def clamp_min(input: Expr, min: Expr) -> Expr:
    """Limit to ``min`` below.

    >>> import argand
    >>> argand.clamp_min(argand.tensor([-1.0, 1.0]), 0)
    tensor([0., 1.])
    """
    return _limited(input, min, None)


@elementwise(in_place=True, reference=np.minimum, tensors=("input",), kinds=EVERY)
def clamp_max(input: Expr, max: Expr) -> Expr:
    """Limit to ``max`` above.

    >>> import argand
    >>> argand.clamp_max(argand.tensor([-1.0, 1.0]), 0)
    tensor([-1.,  0.])
    """
    return _limited(input, None, max)
