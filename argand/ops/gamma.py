"""The gamma function and its relatives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import CAST, Expr
from argand.ops.function import composite
from argand.ops.map import FLOAT, FLOATING, elementwise
from argand.ops.restricted import restricted
from argand.ops.samples import POSITIVE, Call, Draw, call, operands

SPECIAL = "special"


@elementwise(
    promote=FLOAT, in_place=True, elsewhere=("special.gammaln",), samples=operands(POSITIVE)
)
def lgamma(input: Expr) -> Expr:
    """The logarithm of the size of the gamma function.

    >>> import argand
    >>> argand.lgamma(argand.tensor([1.0, 4.0]))
    tensor([0.0000, 1.7918])
    """
    return input.lgamma()


@elementwise(
    promote=FLOAT,
    in_place=True,
    elsewhere=("special.digamma", "special.psi"),
    samples=operands(POSITIVE),
)
def digamma(input: Expr) -> Expr:
    """The derivative of `lgamma`.

    >>> import argand
    >>> argand.digamma(argand.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return input.digamma()


def _checked(n: int) -> int:
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, but got n={n}")
    return n


@elementwise(
    promote=FLOAT,
    in_place=True,
    as_function=False,
    samples=lambda draw: [
        call(draw(*shape, low=0.2, high=3.0), n) for n, shape in enumerate([(3,), (2, 3), (), (4,)])
    ],
)
def polygamma(input: Expr, n: int = 1) -> Expr:
    """The derivative number `n` of `digamma`.

    >>> import argand
    >>> argand.tensor([1.0, 0.5]).polygamma(1)
    tensor([1.6449, 4.9348])
    """
    if _checked(n) < 2:
        return input.trigamma() if n else input.digamma()
    factorial = float(math.factorial(n)) if n <= 170 else math.inf
    result = input.constant(n + 1.0).zeta(input) * factorial  # DLMF 5.15.1
    return result if n % 2 else -result


@composite(
    name="polygamma",
    namespace=SPECIAL,
    as_method=False,
    elsewhere=("polygamma",),
    samples=lambda draw: [
        call(n, draw(*shape, low=0.2, high=3.0)) for n, shape in enumerate([(3,), (2, 3), (), (4,)])
    ],
)
def polygamma_function(n: int, input: Any) -> Any:
    """The derivative number `n` of `digamma`.

    Raises:
        RuntimeError: when `n` is negative.

    >>> import argand
    >>> argand.polygamma(1, argand.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    return polygamma(input, n)


def _multivariate_samples(draw: Draw) -> Iterable[Call]:
    return [call(draw(3, 4, low=1.2, high=4.0), p) for p in (1, 2, 3)]


def _shifts(p: int) -> list[float]:
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, but got {p}")
    return [j / 2 for j in range(p)]


@elementwise(
    promote=FLOAT,
    in_place=True,
    row_major=True,
    elsewhere=("special.multigammaln",),
    samples=_multivariate_samples,
)
def mvlgamma(input: Expr, p: int = 1) -> Expr:
    """The logarithm of the gamma function of `p` dimensions (DLMF 35.3.4).

    >>> import argand
    >>> argand.mvlgamma(argand.tensor([3.0]), 2)
    tensor([1.5502])
    """
    if input.op == CAST and input.args[0].dtype.kind == "b":
        raise RuntimeError("mvlgamma: the input tensor may not be a boolean tensor")
    result = input.constant(math.log(math.pi) * p * (p - 1) / 4)
    for shift in _shifts(p):
        result = result + (input - shift).lgamma()
    return result


def _incomplete_samples(draw: Draw) -> Iterable[Call]:
    """The first operand has no derivative."""
    for shapes in (((3, 4), (3, 4)), ((), ()), ((0, 3), (0, 3)), ((3, 1), (4,)), ((5,), ())):
        first, second = (draw(*shape, low=0.2, high=4.0) for shape in shapes)
        yield call(first.detach(), second)


def _zeta_samples(draw: Draw) -> Iterable[Call]:
    for first, second in ((c.args[0], c.args[1]) for c in _incomplete_samples(draw)):
        yield call(first + 1, second)
    yield call(draw.number(1.5, 4.0), draw(2, 3, low=0.2, high=4.0))
    yield call(draw(2, 3, low=1.5, high=4.0).detach(), draw.number(1.0, 4.0))


@restricted(
    in_place=True,
    kinds=FLOATING,
    elsewhere=("special.gammainc",),
    fixed=("input",),
    tensors=("input", "other"),
    samples=_incomplete_samples,
)
def igamma(input: Expr, other: Expr) -> Expr:
    """The lower incomplete gamma function, as a part of the whole; `input` is its parameter.

    >>> import argand
    >>> argand.igamma(argand.tensor([1.0]), argand.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6321])
    """
    return input.igamma(other)


@restricted(
    in_place=True,
    kinds=FLOATING,
    elsewhere=("special.gammaincc",),
    fixed=("input",),
    tensors=("input", "other"),
    samples=_incomplete_samples,
)
def igammac(input: Expr, other: Expr) -> Expr:
    """The upper incomplete gamma function: ``1 - igamma(input, other)``.

    >>> import argand
    >>> argand.igammac(argand.tensor([1.0]), argand.tensor([0.0, 1.0]))
    tensor([1.0000, 0.3679])
    """
    return input.igammac(other)


@restricted(
    namespace=SPECIAL,
    as_method=False,
    promote=FLOAT,
    halves=False,
    fixed=("input",),
    samples=_zeta_samples,
)
def zeta(input: Expr, other: Expr) -> Expr:
    """Hurwitz's zeta function: the sum of ``(k + other) ** -input`` over k from 0 on.

    >>> import argand
    >>> argand.special.zeta(argand.tensor([2.0]), 1)
    tensor([1.6449])
    """
    return input.zeta(other)
