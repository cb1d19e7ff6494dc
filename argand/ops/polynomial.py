"""Orthogonal polynomials under the names of `torch.special`: of `x`, of degree `n`."""

from __future__ import annotations

from collections.abc import Iterable

from argand.kernels.expr import Expr
from argand.ops.map import FLOAT
from argand.ops.restricted import restricted
from argand.ops.samples import Call, Draw, call

SPECIAL = "special"


def _samples(draw: Draw) -> Iterable[Call]:
    """Points within and beyond -1 and 1, low and high degrees."""
    for (shape, degrees), below in zip((((3, 4), (3, 4)), ((), ()), ((3, 1), (4,))), (4, 5, 20)):
        yield call(draw(*shape, low=-1.2, high=1.2), draw.index(*degrees, below=below))
    yield call(draw(2, 3, low=-1.2, high=1.2), 3)
    yield call(draw.number(-1.0, 1.0), draw(2, 3, low=0.0, high=3.0))


polynomial = restricted(
    namespace=SPECIAL,
    as_method=False,
    promote=FLOAT,
    differentiable=False,
    halves=False,
    samples=_samples,
)


@polynomial
def chebyshev_polynomial_t(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the first kind.

    >>> import argand
    >>> argand.special.chebyshev_polynomial_t(argand.tensor([0.5]), 2)
    tensor([-0.5000])
    """
    return x.chebyshev_polynomial_t(n)


@polynomial
def chebyshev_polynomial_u(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the second kind.

    >>> import argand
    >>> argand.special.chebyshev_polynomial_u(argand.tensor([0.5]), 2)
    tensor([0.])
    """
    return x.chebyshev_polynomial_u(n)


@polynomial
def chebyshev_polynomial_v(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the third kind.

    >>> import argand
    >>> argand.special.chebyshev_polynomial_v(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.chebyshev_polynomial_v(n)


@polynomial
def chebyshev_polynomial_w(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the fourth kind.

    >>> import argand
    >>> argand.special.chebyshev_polynomial_w(argand.tensor([0.5]), 2)
    tensor([1.])
    """
    return x.chebyshev_polynomial_w(n)


@polynomial
def shifted_chebyshev_polynomial_t(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the first kind, of ``2 x - 1``.

    >>> import argand
    >>> argand.special.shifted_chebyshev_polynomial_t(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.shifted_chebyshev_polynomial_t(n)


@polynomial
def shifted_chebyshev_polynomial_u(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the second kind, of ``2 x - 1``.

    >>> import argand
    >>> argand.special.shifted_chebyshev_polynomial_u(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.shifted_chebyshev_polynomial_u(n)


@polynomial
def shifted_chebyshev_polynomial_v(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the third kind, of ``2 x - 1``.

    >>> import argand
    >>> argand.special.shifted_chebyshev_polynomial_v(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.shifted_chebyshev_polynomial_v(n)


@polynomial
def shifted_chebyshev_polynomial_w(x: Expr, n: Expr) -> Expr:
    """Chebyshev's polynomials of the fourth kind, of ``2 x - 1``.

    >>> import argand
    >>> argand.special.shifted_chebyshev_polynomial_w(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.shifted_chebyshev_polynomial_w(n)


@polynomial
def hermite_polynomial_h(x: Expr, n: Expr) -> Expr:
    """Hermite's polynomials in the physicists' form.

    >>> import argand
    >>> argand.special.hermite_polynomial_h(argand.tensor([0.5]), 2)
    tensor([-1.])
    """
    return x.hermite_polynomial_h(n)


@polynomial
def hermite_polynomial_he(x: Expr, n: Expr) -> Expr:
    """Hermite's polynomials in the probabilists' form.

    >>> import argand
    >>> argand.special.hermite_polynomial_he(argand.tensor([0.5]), 2)
    tensor([-0.7500])
    """
    return x.hermite_polynomial_he(n)


@polynomial
def laguerre_polynomial_l(x: Expr, n: Expr) -> Expr:
    """Laguerre's polynomials.

    >>> import argand
    >>> argand.special.laguerre_polynomial_l(argand.tensor([0.5]), 2)
    tensor([0.1250])
    """
    return x.laguerre_polynomial_l(n)


@polynomial
def legendre_polynomial_p(x: Expr, n: Expr) -> Expr:
    """Legendre's polynomials.

    >>> import argand
    >>> argand.special.legendre_polynomial_p(argand.tensor([0.5]), 2)
    tensor([-0.1250])
    """
    return x.legendre_polynomial_p(n)
