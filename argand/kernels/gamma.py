"""The gamma function's relatives: its derivatives, zeta, and the incomplete integrals.

DLMF is the "Digital Library of Mathematical Functions", https://dlmf.nist.gov.
"""

from __future__ import annotations

import math

from argand.kernels.expr import Expr
from argand.kernels.iterate import iterate
from argand.kernels.primitive import polynomial, primitive

_EPSILON = 2.0**-53
# Bernoulli numbers B2, B4, ...
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip


def _whole(x: Expr) -> Expr:
    return x.floor().eq(x)


@primitive(lambda g, out, x: (g * x.trigamma(),))
def digamma(x: Expr) -> Expr:
    """Up to 10 by the recurrence, then by its asymptotic series (DLMF 5.5.2, 5.11.2)."""
    mirrored = x < 0

    def step(y: Expr, total: Expr) -> tuple[Expr, ...]:
        return y < 10, y + 1, total - 1 / y

    start = mirrored.where(1 - x, x)
    y, total = iterate(12, step, start, start.constant(0.0))
    square = 1 / (y * y)
    terms = [-b / (2 * k) for k, b in enumerate(_BERNOULLI[:8], 1)]
    result = total + (y.log() - 0.5 / y + square * polynomial(square, terms))
    result = (y < math.inf).where(result, y)
    turn = (x - x.trunc()) * math.pi
    result = mirrored.where(result - math.pi / turn.tan(), result)
    result = (mirrored & _whole(x)).where(math.nan, result)
    return x.eq(0).where(-x.constant(math.inf).copysign(x), result)


@primitive(lambda g, out, x: (g * (-2 * x.constant(3.0).zeta(x)),))
def trigamma(x: Expr) -> Expr:
    """The derivative of digamma; below 1/2 by reflection (DLMF 5.15.6)."""
    mirrored = x < 0.5
    result = zeta(x.constant(2.0), mirrored.where(1 - x, x))
    sine = ((x - x.round()) * math.pi).sin()
    turned = (math.pi * math.pi) / (sine * sine)
    return mirrored.where(turned - result, result)


@primitive(lambda g, out, s, q: (None, g * (-s * (s + 1).zeta(q))))
def zeta(s: Expr, q: Expr) -> Expr:
    """Some terms, then what Euler and Maclaurin make of the rest (DLMF 25.11.28)."""

    def step(a: Expr, total: Expr, count: Expr) -> tuple[Expr, ...]:
        return (count < 9) | (a <= 9), a + 1, total + a.pow(-s), count + 1

    zero = q.constant(0.0)
    a, total, _ = iterate(1 << 20, step, q, zero, zero)
    power = a.pow(-s)
    result = total + power * a / (s - 1) + power / 2
    factor, rising = power / a, s
    square = 1 / (a * a)
    for k, b in enumerate(_BERNOULLI, 1):
        result = result + rising * factor * (b / math.factorial(2 * k))
        factor = factor * square
        rising = rising * (s + (2 * k - 1)) * (s + 2 * k)
    result = q.eq(math.inf).where(zero, result)
    pole = (q <= 0) & _whole(q)
    result = (s < 1).where(math.nan, (q <= 0).where(_whole(s).where(result, math.nan), result))
    result = ((s > 1) & pole).where(math.inf, result)
    return s.eq(1).where(math.inf, result)


def _density(a: Expr, x: Expr) -> Expr:
    """``x**a exp(-x) / gamma(a)``; for large `a` with the large factors cancelled."""
    small = (a * x.log() - x - a.lgamma()).exp()
    inverse = 1 / a
    square = inverse * inverse
    series = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)  # Stirling's
    offset = (x - a) / a
    exponent = a * (offset.log1p() - offset) - inverse * polynomial(square, series)
    large = (a * (0.5 / math.pi)).sqrt() * exponent.exp()
    return (a < 10).where(small, large)


def _lower(a: Expr, x: Expr, density: Expr) -> Expr:
    """The lower integral by its power series (DLMF 8.11.4)."""

    def step(term: Expr, total: Expr, n: Expr) -> tuple[Expr, ...]:
        return term > total * _EPSILON, term * x / n, total + term * x / n, n + 1

    one = a.constant(1.0)
    _, total, _ = iterate(20_000, step, one, one, a + 1)
    return density * total / a


def _upper(a: Expr, x: Expr, density: Expr) -> Expr:
    """The upper integral by its continued fraction (DLMF 8.9.2), as Lentz evaluates one."""
    tiny = 1e-300

    def apart(value: Expr) -> Expr:
        return (value.abs() < tiny).where(tiny, value)

    def step(b: Expr, c: Expr, d: Expr, h: Expr, k: Expr, change: Expr) -> tuple[Expr, ...]:
        factor = k * (a - k)
        b = b + 2
        d = 1 / apart(factor * d + b)
        c = apart(b + factor / c)
        return (change - 1).abs() > _EPSILON * 2, b, c, d, h * (c * d), k + 1, c * d

    b = x + 1 - a
    first = 1 / apart(b)
    one = x.constant(1.0)
    found = iterate(20_000, step, b, x.constant(1 / tiny), first, first, one, one * 2)
    return density * found[3]


# the first two functions of Temme's uniform expansion, by powers of eta (DLMF 8.12.12)
_TEMME = (
    (-1 / 3, 1 / 12, -2 / 135, 1 / 864, 1 / 2835),
    (-1 / 540, -1 / 288, 1 / 378),
)


def _upper_for_large(a: Expr, x: Expr) -> Expr:
    """The upper integral for very large `a`: almost normal (DLMF 8.12.4)."""
    mu = (x - a) / a
    near = mu * mu * polynomial(mu, [(-1) ** n * 2 / (n + 2) for n in range(10)])
    eta = (mu.abs() < 0.02).where(near, 2 * (mu - mu.log1p())).sqrt().copysign(mu)
    correction = polynomial(eta, _TEMME[0]) + polynomial(eta, _TEMME[1]) / a
    bell = (-0.5 * a * eta * eta).exp() / (a * (2 * math.pi)).sqrt()
    return 0.5 * (eta * (a * 0.5).sqrt()).erfc() + bell * correction


def _incomplete(a: Expr, x: Expr) -> tuple[Expr, Expr]:
    """The two integrals as parts of the whole; where one is computed, the other is the rest."""
    huge = a > 1e6
    from_below = (x < a) | (x < 0.3)
    usual = (x > 0) & (x < math.inf) & (a > 0) & ~huge  # elsewhere no loop need run
    below, above = usual & from_below, usual & ~from_below
    one = a.constant(1.0)
    density = _density(a, x)
    lower = _lower(below.where(a, one), below.where(x, 0.0), density)
    upper = _upper(above.where(a, one), above.where(x, one * 1e3), density)
    tail = _upper_for_large(a, x)
    lower, upper = from_below.where(lower, 1 - upper), from_below.where(1 - lower, upper)
    lower, upper = huge.where(1 - tail, lower), huge.where(tail, upper)
    zero = a.constant(0.0)
    for edge, part in (
        (x.eq(0), (zero, one)),
        (x.eq(math.inf), (one, zero)),
        (a.eq(math.inf), (zero, one)),
        (a.eq(0), (one, zero)),
    ):
        lower, upper = edge.where(part[0], lower), edge.where(part[1], upper)
    allowed = (x >= 0) & (a >= 0)
    allowed = allowed & ~(a.eq(0) & x.eq(0)) & ~(a.eq(math.inf) & x.eq(math.inf))
    return allowed.where(lower, math.nan), allowed.where(upper, math.nan)


def _slope(g: Expr, a: Expr, x: Expr) -> Expr:
    return g * ((a - 1) * x.log() - x - a.lgamma()).exp()


@primitive(lambda g, out, a, x: (None, _slope(g, a, x)), cost=1000)
def igamma(a: Expr, x: Expr) -> Expr:
    return _incomplete(a, x)[0]


@primitive(lambda g, out, a, x: (None, -_slope(g, a, x)), cost=1000)
def igammac(a: Expr, x: Expr) -> Expr:
    return _incomplete(a, x)[1]
