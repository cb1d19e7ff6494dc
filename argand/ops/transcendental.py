"""Exponentials, logarithms, circular and hyperbolic functions."""

from __future__ import annotations

import numpy as np

from argand.kernels.expr import Expr
from argand.ops.map import FLOAT, elementwise
from argand.ops.samples import ANY, POSITIVE, Range, operands


@elementwise(promote=FLOAT, in_place=True, reference=np.exp)
def exp(input: Expr) -> Expr:
    """``e ** input``.

    >>> import argand
    >>> argand.exp(argand.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return input.exp()


@elementwise(promote=FLOAT, in_place=True, reference=np.exp2)
def exp2(input: Expr) -> Expr:
    """``2 ** input``.

    >>> import argand
    >>> argand.exp2(argand.tensor([3.0]))
    tensor([8.])
    """
    return input.exp2()


@elementwise(promote=FLOAT, in_place=True, reference=np.expm1)
def expm1(input: Expr) -> Expr:
    """``exp(input) - 1``, exact near 0.

    >>> import argand
    >>> argand.expm1(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.expm1()


@elementwise(promote=FLOAT, in_place=True, reference=np.log, samples=operands(POSITIVE))
def log(input: Expr) -> Expr:
    """The natural logarithm.

    >>> import argand
    >>> argand.log(argand.tensor([1.0, 0.0]))
    tensor([0., -inf])
    """
    return input.log()


@elementwise(promote=FLOAT, in_place=True, reference=np.log2, samples=operands(POSITIVE))
def log2(input: Expr) -> Expr:
    """The logarithm to base 2.

    >>> import argand
    >>> argand.log2(argand.tensor([8.0]))
    tensor([3.])
    """
    return input.log2()


@elementwise(promote=FLOAT, in_place=True, reference=np.log10, samples=operands(POSITIVE))
def log10(input: Expr) -> Expr:
    """The logarithm to base 10.

    >>> import argand
    >>> argand.log10(argand.tensor([1000.0]))
    tensor([3.])
    """
    return input.log10()


@elementwise(promote=FLOAT, in_place=True, reference=np.log1p, samples=operands(Range(-0.9, 3.0)))
def log1p(input: Expr) -> Expr:
    """``log(1 + input)``, exact near 0.

    >>> import argand
    >>> argand.log1p(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.log1p()


@elementwise(promote=FLOAT, in_place=True, reference=np.sqrt, samples=operands(POSITIVE))
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
)
def rsqrt(input: Expr) -> Expr:
    """``1 / sqrt(input)``.

    >>> import argand
    >>> argand.rsqrt(argand.tensor([4.0]))
    tensor([0.5000])
    """
    return 1 / input.sqrt()


@elementwise(promote=FLOAT, in_place=True, reference=np.sin)
def sin(input: Expr) -> Expr:
    """The sine of an angle in radians.

    >>> import argand
    >>> argand.sin(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.sin()


@elementwise(promote=FLOAT, in_place=True, reference=np.cos)
def cos(input: Expr) -> Expr:
    """The cosine of an angle in radians.

    >>> import argand
    >>> argand.cos(argand.tensor([0.0]))
    tensor([1.])
    """
    return input.cos()


@elementwise(promote=FLOAT, in_place=True, reference=np.tan, samples=operands(Range(-1.0, 1.0)))
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
)
def acos(input: Expr) -> Expr:
    """The arccosine, in radians.

    >>> import argand
    >>> argand.acos(argand.tensor([1.0]))
    tensor([0.])
    """
    return input.acos()


@elementwise(promote=FLOAT, in_place=True, aliases=("arctan",), reference=np.arctan)
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


@elementwise(promote=FLOAT, in_place=True, reference=np.sinh)
def sinh(input: Expr) -> Expr:
    """The hyperbolic sine.

    >>> import argand
    >>> argand.sinh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.sinh()


@elementwise(promote=FLOAT, in_place=True, reference=np.cosh)
def cosh(input: Expr) -> Expr:
    """The hyperbolic cosine.

    >>> import argand
    >>> argand.cosh(argand.tensor([0.0]))
    tensor([1.])
    """
    return input.cosh()


@elementwise(promote=FLOAT, in_place=True, reference=np.tanh)
def tanh(input: Expr) -> Expr:
    """The hyperbolic tangent.

    >>> import argand
    >>> argand.tanh(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.tanh()


@elementwise(promote=FLOAT, in_place=True)
def sigmoid(input: Expr) -> Expr:
    """``1 / (1 + exp(-input))``.

    >>> import argand
    >>> argand.sigmoid(argand.tensor([0.0]))
    tensor([0.5000])
    """
    return input.sigmoid()


@elementwise(promote=FLOAT, in_place=True)
def erf(input: Expr) -> Expr:
    """The error function.

    >>> import argand
    >>> argand.erf(argand.tensor([0.0]))
    tensor([0.])
    """
    return input.erf()
