"""The normal distribution, entropy, and other functions of `torch.special`.

Those of the gamma function are in `gamma.py`, Bessel's in `bessel.py`.
"""

from __future__ import annotations

import math

from argand.kernels.expr import Expr
from argand.ops.map import FLOAT, elementwise
from argand.ops.restricted import restricted
from argand.ops.samples import ANY, POSITIVE, Range, operands

SPECIAL = "special"


@elementwise(
    promote=FLOAT,
    in_place=True,
    elsewhere=("special.erfinv",),
    samples=operands(Range(-0.95, 0.95)),
)
def erfinv(input: Expr) -> Expr:
    """The inverse of `erf`.

    >>> import argand
    >>> argand.erfinv(argand.tensor([0.0, 0.5]))
    tensor([0.0000, 0.4769])
    """
    return input.erfinv()


@elementwise(namespace=SPECIAL, as_method=False, promote=FLOAT)
def ndtr(input: Expr) -> Expr:
    """The normal distribution function: the part of it below `input`.

    >>> import argand
    >>> argand.special.ndtr(argand.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    return 0.5 * (input * -math.sqrt(0.5)).erfc()


@restricted(
    namespace=SPECIAL,
    as_method=False,
    promote=FLOAT,
    halves=False,
    samples=operands(Range(0.05, 0.95)),
)
def ndtri(input: Expr) -> Expr:
    """The inverse of `ndtr`.

    >>> import argand
    >>> argand.special.ndtri(argand.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    return input.ndtri()


@restricted(namespace=SPECIAL, as_method=False, promote=FLOAT, halves=False)
def log_ndtr(input: Expr) -> Expr:
    """The logarithm of `ndtr`, exact where that vanishes.

    >>> import argand
    >>> argand.special.log_ndtr(argand.tensor([0.0, -100.0]))
    tensor([-6.9315e-01, -5.0055e+03])
    """
    return input.log_ndtr()


@restricted(namespace=SPECIAL, as_method=False, promote=FLOAT, halves=False)
def erfcx(input: Expr) -> Expr:
    """``exp(input ** 2) * erfc(input)``, which does not vanish.

    >>> import argand
    >>> argand.special.erfcx(argand.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return input.erfcx()


@elementwise(namespace=SPECIAL, as_method=False, promote=FLOAT, samples=operands(POSITIVE))
def entr(input: Expr) -> Expr:
    """``-input * log(input)``: 0 at 0, and minus infinity below.

    >>> import argand
    >>> argand.special.entr(argand.tensor([0.0, 0.5]))
    tensor([0.0000, 0.3466])
    """
    return input.entr()


@elementwise(
    namespace=SPECIAL,
    as_method=False,
    promote=FLOAT,
    samples=operands(ANY, Range(-0.9, 3.0)),
)
def xlog1py(input: Expr, other: Expr) -> Expr:
    """``input * log1p(other)``, and 0 where `input` is 0 and `other` is a number.

    >>> import argand
    >>> argand.special.xlog1py(argand.tensor([0.0, 2.0]), argand.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    vanishes = input.eq(0) & ((other <= -1) | other.eq(math.inf))
    return vanishes.where(0.0, input * other.log1p())
