"""Orthogonal polynomials of any degree, by their recurrences (DLMF 18.9).

The degree is a number like any other, of which the whole part counts. Polynomials of negative
degree are 0.
"""

from __future__ import annotations

from collections.abc import Callable

from argand.kernels.expr import Expr
from argand.kernels.iterate import iterate
from argand.kernels.primitive import primitive


def _recur(
    degree: Expr, zeroth: Expr, first: Expr, following: Callable[[Expr, Expr, Expr], Expr]
) -> Expr:
    """``p[k + 1] = following(k, p[k], p[k - 1])``."""

    def step(k: Expr, before: Expr, now: Expr) -> tuple[Expr, ...]:
        return k < degree, k + 1, now, following(k, now, before)

    one = zeroth.constant(1.0)
    _, _, found = iterate(1 << 30, step, one, zeroth, first)
    found = degree.eq(0).where(zeroth, found)
    return (degree >= 0).where(found, 0.0)


def _chebyshev(x: Expr, n: Expr, first: Expr, wave: Expr) -> Expr:
    """All four kinds share the recurrence; within -1 and 1 high degrees are a wave of an angle."""
    degree = n.trunc()
    by_wave = (x.abs() < 1) & (degree > 6)
    short = by_wave.where(degree.constant(0.0), degree)
    found = _recur(short, x.constant(1.0), first, lambda k, now, before: 2 * x * now - before)
    return by_wave.where(wave, found)


@primitive()
def chebyshev_polynomial_t(x: Expr, n: Expr) -> Expr:
    return _chebyshev(x, n, x, (n.trunc() * x.acos()).cos())


@primitive()
def chebyshev_polynomial_u(x: Expr, n: Expr) -> Expr:
    angle = x.acos()
    return _chebyshev(x, n, 2 * x, ((n.trunc() + 1) * angle).sin() / angle.sin())


@primitive()
def chebyshev_polynomial_v(x: Expr, n: Expr) -> Expr:
    angle = x.acos()
    wave = ((n.trunc() + 0.5) * angle).cos() / (angle * 0.5).cos()
    return _chebyshev(x, n, 2 * x - 1, wave)


@primitive()
def chebyshev_polynomial_w(x: Expr, n: Expr) -> Expr:
    angle = x.acos()
    wave = ((n.trunc() + 0.5) * angle).sin() / (angle * 0.5).sin()
    return _chebyshev(x, n, 2 * x + 1, wave)


@primitive()
def shifted_chebyshev_polynomial_t(x: Expr, n: Expr) -> Expr:
    return chebyshev_polynomial_t(2 * x - 1, n)


@primitive()
def shifted_chebyshev_polynomial_u(x: Expr, n: Expr) -> Expr:
    return chebyshev_polynomial_u(2 * x - 1, n)


@primitive()
def shifted_chebyshev_polynomial_v(x: Expr, n: Expr) -> Expr:
    return chebyshev_polynomial_v(2 * x - 1, n)


@primitive()
def shifted_chebyshev_polynomial_w(x: Expr, n: Expr) -> Expr:
    return chebyshev_polynomial_w(2 * x - 1, n)


@primitive()
def hermite_polynomial_h(x: Expr, n: Expr) -> Expr:
    """The physicists' form."""
    one = x.constant(1.0)
    return _recur(n.trunc(), one, 2 * x, lambda k, now, before: 2 * (x * now - k * before))


@primitive()
def hermite_polynomial_he(x: Expr, n: Expr) -> Expr:
    """The probabilists' form."""
    return _recur(n.trunc(), x.constant(1.0), x, lambda k, now, before: x * now - k * before)


@primitive()
def laguerre_polynomial_l(x: Expr, n: Expr) -> Expr:
    def following(k: Expr, now: Expr, before: Expr) -> Expr:
        return ((2 * k + 1 - x) * now - k * before) / (k + 1)

    return _recur(n.trunc(), x.constant(1.0), 1 - x, following)


@primitive()
def legendre_polynomial_p(x: Expr, n: Expr) -> Expr:
    def following(k: Expr, now: Expr, before: Expr) -> Expr:
        return ((2 * k + 1) * x * now - k * before) / (k + 1)

    return _recur(n.trunc(), x.constant(1.0), x, following)
