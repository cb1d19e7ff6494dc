"""Exponentials, logarithms, circular and hyperbolic functions."""

from __future__ import annotations

import math

import numpy as np

from argand.kernels.expr import Expr
from argand.ops.map import COMPLEX, EVERY, FLOAT, FLOATING, elementwise
from argand.ops.samples import ANY, POSITIVE, Range, operands


@elementwise(promote=FLOAT, in_place=True, reference=np.exp, kinds=EVERY + COMPLEX)
def exp(input: Expr) -> Expr:
    """``e ** input``.

    >>> import argand
    >>> argand.exp(argand.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return input.exp()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.exp2,
    elsewhere=("special.exp2",),
    kinds=EVERY + COMPLEX,
)
def exp2(input: Expr) -> Expr:
    """``2 ** input``.

    >>> import argand
    >>> argand.exp2(argand.tensor([3.0]))
    tensor([8.])
    """
    return input.exp2()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.expm1,
    elsewhere=("special.expm1",),
    kinds=EVERY + COMPLEX,
)
def expm1(input: Expr) -> Expr:
    """``exp(input) - 1``, exact near 0.

    >>> import argand
    >>> argand.expm1(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.expm1()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.log,
    samples=operands(POSITIVE),
    kinds=EVERY + COMPLEX,
)
def log(input: Expr) -> Expr:
    """The natural logarithm.

    >>> import argand
    >>> argand.log(argand.tensor([1.0, 0.0]))
    tensor([0., -inf])
    """
    return input.log()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.log2,
    samples=operands(POSITIVE),
    kinds=EVERY + COMPLEX,
)
def log2(input: Expr) -> Expr:
    """The logarithm to base 2.

    >>> import argand
    >>> argand.log2(argand.tensor([8.0]))
    tensor([3.])
    """
    return input.log2()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.log10,
    samples=operands(POSITIVE),
    kinds=EVERY + COMPLEX,
)
def log10(input: Expr) -> Expr:
    """The logarithm to base 10.

    >>> import argand
    >>> argand.log10(argand.tensor([1000.0]))
    tensor([3.])
    """
    return input.log10()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.log1p,
    samples=operands(Range(-0.9, 3.0)),
    elsewhere=("special.log1p",),
    kinds=EVERY + COMPLEX,
)
def log1p(input: Expr) -> Expr:
    """``log(1 + input)``, exact near 0.

    >>> import argand
    >>> argand.log1p(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.log1p()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.sqrt,
    samples=operands(POSITIVE),
    kinds=EVERY + COMPLEX,
)
def sqrt(input: Expr) -> Expr:
    """The square root.

    >>> import argand
    >>> argand.sqrt(argand.tensor([4.0]))
    tensor([2.])
    """
    return input.sqrt()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=lambda x: 1 / np.sqrt(x),
    samples=operands(POSITIVE),
    kinds=EVERY + COMPLEX,
)
def rsqrt(input: Expr) -> Expr:
    """``1 / sqrt(input)``.

    >>> import argand
    >>> argand.rsqrt(argand.tensor([4.0]))
    tensor([0.5000])
    """
    return 1 / input.sqrt()


@elementwise(promote=FLOAT, in_place=True, reference=np.sin, kinds=EVERY + COMPLEX)
def sin(input: Expr) -> Expr:
    """The sine of an angle in radians.

    >>> import argand
    >>> argand.sin(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.sin()


@elementwise(promote=FLOAT, in_place=True, reference=np.cos, kinds=EVERY + COMPLEX)
def cos(input: Expr) -> Expr:
    """The cosine of an angle in radians.

    >>> import argand
    >>> argand.cos(argand.tensor([0.0]))
    tensor([1.])
    """
    return input.cos()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.tan,
    samples=operands(Range(-1.0, 1.0)),
    kinds=EVERY + COMPLEX,
)
def tan(input: Expr) -> Expr:
    """The tangent of an angle in radians.

    >>> import argand
    >>> argand.tan(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.tan()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arcsin",),
    reference=np.arcsin,
    samples=operands(Range(-0.9, 0.9)),
    kinds=EVERY + COMPLEX,
)
def asin(input: Expr) -> Expr:
    """The arcsine, in radians.

    >>> import argand
    >>> argand.asin(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.asin()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arccos",),
    reference=np.arccos,
    samples=operands(Range(-0.9, 0.9)),
    kinds=EVERY + COMPLEX,
)
def acos(input: Expr) -> Expr:
    """The arccosine, in radians.

    >>> import argand
    >>> argand.acos(argand.tensor([1.0]))
    tensor([0.])
    """
    return input.acos()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arctan",),
    reference=np.arctan,
    kinds=EVERY + COMPLEX,
)
def atan(input: Expr) -> Expr:
    """The arctangent, in radians.

    >>> import argand
    >>> argand.atan(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.atan()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arctan2",),
    reference=np.arctan2,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def atan2(input: Expr, other: Expr) -> Expr:
    """The angle of the point (other, input), in radians.

    >>> import argand
    >>> argand.atan2(argand.tensor([0.0]), argand.tensor([1.0]))
    tensor([0.])
    """
    return input.atan2(other)


@elementwise(promote=FLOAT, in_place=True, reference=np.sinh, kinds=EVERY + COMPLEX)
def sinh(input: Expr) -> Expr:
    """The hyperbolic sine.

    >>> import argand
    >>> argand.sinh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.sinh()


@elementwise(promote=FLOAT, in_place=True, reference=np.cosh, kinds=EVERY + COMPLEX)
def cosh(input: Expr) -> Expr:
    """The hyperbolic cosine.

    >>> import argand
    >>> argand.cosh(argand.tensor([0.0]))
    tensor([1.])
    """
    return input.cosh()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.tanh,
    elsewhere=("nn.functional.tanh",),
    kinds=EVERY + COMPLEX,
)
def tanh(input: Expr) -> Expr:
    """The hyperbolic tangent.

    >>> import argand
    >>> argand.tanh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.tanh()


@elementwise(
    promote=FLOAT,
    in_place=True,
    elsewhere=("special.expit", "nn.functional.sigmoid"),
    kinds=EVERY + COMPLEX,
)
def sigmoid(input: Expr) -> Expr:
    """``1 / (1 + exp(-input))``.

    >>> import argand
    >>> argand.sigmoid(argand.tensor([0.0]))
    tensor([0.5000])
    """
    return input.sigmoid()


@elementwise(promote=FLOAT, in_place=True, elsewhere=("special.erf",))
def erf(input: Expr) -> Expr:
    """The error function.

    >>> import argand
    >>> argand.erf(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.erf()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arcsinh",),
    reference=np.arcsinh,
    kinds=EVERY + COMPLEX,
)
def asinh(input: Expr) -> Expr:
    """The inverse hyperbolic sine.

    >>> import argand
    >>> argand.asinh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.asinh()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arccosh",),
    reference=np.arccosh,
    samples=operands(Range(1.1, 3.0)),
    kinds=EVERY + COMPLEX,
)
def acosh(input: Expr) -> Expr:
    """The inverse hyperbolic cosine.

    >>> import argand
    >>> argand.acosh(argand.tensor([1.0]))
    tensor([0.])
    """
    return input.acosh()


@elementwise(
    promote=FLOAT,
    in_place=True,
    aliases=("arctanh",),
    reference=np.arctanh,
    samples=operands(Range(-0.9, 0.9)),
    kinds=EVERY + COMPLEX,
)
def atanh(input: Expr) -> Expr:
    """The inverse hyperbolic tangent.

    >>> import argand
    >>> argand.atanh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.atanh()


@elementwise(promote=FLOAT, in_place=True, reference=np.deg2rad)
def deg2rad(input: Expr) -> Expr:
    """Degrees in radians.

    >>> import argand
    >>> argand.deg2rad(argand.tensor([180.0]))
    tensor([3.1416])
    """
    return input * (math.pi / 180)


@elementwise(promote=FLOAT, in_place=True, reference=np.rad2deg)
def rad2deg(input: Expr) -> Expr:
    """Radians in degrees.

    >>> import argand
    >>> argand.rad2deg(argand.tensor([argand.pi]))
    tensor([180.])
    """
    return input * (180 / math.pi)


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=np.sinc,
    elsewhere=("special.sinc",),
    kinds=EVERY + COMPLEX,
)
def sinc(input: Expr) -> Expr:
    """``sin(pi * input) / (pi * input)``, and 1 at 0.

    >>> import argand
    >>> argand.sinc(argand.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    angle = input * math.pi
    if input.dtype.kind != "c":
        # the first terms of the series, in whose derivative nothing cancels
        square = angle * angle
        near = 1 - square / 6 * (1 - square / 20 * (1 - square / 42))
        return (square < 1e-3).where(near, angle.sin() / angle)
    return input.eq(0).where(input.constant(1), angle.sin() / angle)


@elementwise(
    reference=lambda a, b: np.log(np.exp(a) + np.exp(b)),
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
    kinds=FLOATING + COMPLEX,
)
def logaddexp(input: Expr, other: Expr) -> Expr:
    """``log(exp(input) + exp(other))``, without overflow.

    >>> import argand
    >>> argand.logaddexp(argand.tensor([0.0]), argand.tensor([0.0]))
    tensor([0.6931])
    """
    return _log_of_sum(input, other, (input - other).exp(), (other - input).exp(), 1.0)


@elementwise(
    kinds=FLOATING,
    reference=np.logaddexp2,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def logaddexp2(input: Expr, other: Expr) -> Expr:
    """``log2(2 ** input + 2 ** other)``, without overflow.

    >>> import argand
    >>> argand.logaddexp2(argand.tensor([3.0]), argand.tensor([3.0]))
    tensor([4.])
    """
    return _log_of_sum(input, other, (input - other).exp2(), (other - input).exp2(), math.log(2))


def _log_of_sum(a: Expr, b: Expr, up: Expr, down: Expr, unit: float) -> Expr:
    """The larger one, and the logarithm of 1 and what the smaller is of it."""
    total = (a.real >= b.real).where(a + down.log1p() / unit, b + up.log1p() / unit)
    return (a.eq(b) & (a.abs().eq(math.inf))).where(a, total)


@elementwise(
    in_place=True,
    kinds=FLOATING,
    reference=np.hypot,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def hypot(input: Expr, other: Expr) -> Expr:
    """``sqrt(input ** 2 + other ** 2)``, without overflow.

    >>> import argand
    >>> argand.hypot(argand.tensor([3.0]), argand.tensor([4.0]))
    tensor([5.])
    """
    return input.hypot(other)


@elementwise(
    promote=FLOAT,
    in_place=True,
    samples=operands(Range(0.1, 0.9), settings=[{"eps": 0.2}]),
    elsewhere=("special.logit",),
)
def logit(input: Expr, eps: float | None = None) -> Expr:
    """``log(input / (1 - input))``, the inverse of `sigmoid`.

    Args:
        eps: when given, the input is limited to ``[eps, 1 - eps]`` first.

    >>> import argand
    >>> argand.logit(argand.tensor([0.5, 0.25]))
    tensor([ 0.0000, -1.0986])
    """
    if eps is not None:
        low, high = input.constant(eps), input.constant(1) - eps
        input = (input < low).where(low, (input > high).where(high, input))
    # at 0 and 1 the derivative of the quotient is no number, that of the difference infinite
    at_end = input.eq(0) | input.eq(1)
    return at_end.where(input.log() - (1 - input).log(), (input / (1 - input)).log())


@elementwise(promote=FLOAT, in_place=True, elsewhere=("special.erfc",))
def erfc(input: Expr) -> Expr:
    """``1 - erf(input)``, exact where it is small.

    >>> import argand
    >>> argand.erfc(argand.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """
    return input.erfc()


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=lambda x, y: np.where(x == 0, 0, x * np.log(y)),
    samples=operands(ANY, POSITIVE),
    elsewhere=("special.xlogy",),
)
def xlogy(input: Expr, other: Expr) -> Expr:
    """``input * log(other)``, and 0 where `input` is 0 and `other` is a number.

    >>> import argand
    >>> argand.xlogy(argand.tensor([0.0, 2.0]), argand.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    vanishes = input.eq(0) & other.eq(other)
    return vanishes.where(0.0, input * other.log())
