"""The error function's relatives, and the normal distribution.

Coefficients are those of Chebyshev series, computed with 40 digits.
"""

from __future__ import annotations

import math

from argand.kernels.expr import Expr
from argand.kernels.primitive import chebyshev, primitive

_ERFCX = (2.3551578691348034, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189,
    -0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086,
    -6.916973302501207e-05, 4.13902798607301e-06, 7.74038306619849e-07, -2.1886401049234397e-07,
    1.076499946567091e-08, 4.521959811218287e-09, -7.754400208831351e-10, -6.318088340886684e-11,
    2.86879501093067e-11, 1.9455868545777344e-13, -9.65469674843344e-13, 3.252548148148739e-14,
    3.347811948286805e-14, -1.8645628804193146e-15, -1.2507950530688614e-15,
    7.418235256624875e-17, 5.068148904797436e-17)
_ERFINV_CENTRE = (1.9226607896009866, 0.08189732458522293, 0.007567269231219138,
    0.0008716463187191139, 0.00011153113578030974, 1.5175873010149238e-05,
    2.1498862190630345e-06, 3.133492509990149e-07, 4.664648217672383e-08, 7.058192577850235e-09,
    1.0819339320093302e-09, 1.6760719010104249e-10, 2.6193177120173456e-11,
    4.123725936267203e-12, 6.533263812914509e-13, 1.0407276631077005e-13, 1.6657473788547234e-14,
    2.6773118077357927e-15, 4.3191772163892666e-16, 6.99105550165787e-17, 1.1349527647476344e-17)
_ERFINV_TAIL = (1.6469985894849397, -0.18784374202828477, -0.004480854017432285,
    0.007069182503352093, -0.0018330164983490897, 0.00037937620369009014, -0.0001007841720333249,
    3.797080667663185e-05, -1.6235852331958206e-05, 7.183700529973502e-06,
    -3.2928977904154126e-06, 1.5706420272552309e-06, -7.762361696863391e-07,
    3.951338065052826e-07, -2.0617171092264698e-07, 1.0984747276801313e-07,
    -5.9578084362675096e-08)

_ROOT_2 = math.sqrt(2)


def _inverse_centre(x: Expr) -> Expr:
    """erfinv for arguments up to sqrt(1/2)."""
    return x * chebyshev(4 * (x * x) - 1, _ERFINV_CENTRE)


_NEAR, _FAR = 1 / 27.4, 1.0  # where `_ERFINV_TAIL` holds: 1 / sqrt(-log(q))


def _inverse_tail(q: Expr) -> Expr:
    """The y with ``erfc(y) = q`` for q up to exp(-1): a start, and one step of Halley's method."""
    root = (-q.log()).sqrt()
    place = ((1 / root) * 2 - (_NEAR + _FAR)) * (1 / (_FAR - _NEAR))
    y = root * chebyshev(place, _ERFINV_TAIL)
    excess = (y.erfc() - q) / ((-(y * y)).exp() * (-2 / math.sqrt(math.pi)))
    y = y - excess / (1 + y * excess)
    return q.eq(0).where(math.inf, y)


@primitive(lambda g, out, x: (g * ((out * out).exp() * (math.sqrt(math.pi) / 2)),))
def erfinv(x: Expr) -> Expr:
    size = x.abs()
    outside = _inverse_tail(1 - size).copysign(x)
    result = (size <= math.sqrt(0.5)).where(_inverse_centre(x), outside)
    return (size <= 1).where(result, math.nan)


@primitive(lambda g, out, p: (g * ((out * out * 0.5).exp() * math.sqrt(2 * math.pi)),))
def ndtri(p: Expr) -> Expr:
    """The normal quantile."""
    tail = (p < 0.5).where(p, 1 - p) * 2
    far = (_inverse_tail(tail) * _ROOT_2).copysign(p - 0.5)
    centre = _inverse_centre(2 * p - 1) * _ROOT_2
    result = ((2 * p - 1).abs() <= math.sqrt(0.5)).where(centre, far)
    return ((p >= 0) & (p <= 1)).where(result, math.nan)


def _scaled(x: Expr) -> Expr:
    """``exp(x * x) * erfc(x)`` for x from 0 on (as Schonfelder, Math. Comp. 32, 1978)."""
    # an endless argument is as good as a large one
    x = (x > 1e300).where(1e300, x)
    return chebyshev((x - 3.75) / (x + 3.75), _ERFCX) / (1 + 2 * x)


@primitive(lambda g, out, x: (g * (2 * (x * out) - 2 / math.sqrt(math.pi)),))
def erfcx(x: Expr) -> Expr:
    result = _scaled(x.abs())
    square = x * x
    lost = x.fma(x, -square)
    mirrored = 2 * (square.exp() * (1 + lost)) - result
    mirrored = (x < -26.7).where(math.inf, mirrored)
    result = x.eq(math.inf).where(x.constant(0.0), result)
    return (x < 0).where(mirrored, result)


@primitive(lambda g, out, x: (-g * (x.log() + 1),))
def entr(x: Expr) -> Expr:
    """``-x log(x)``."""
    result = x.eq(0).where(x.constant(0.0), -x * x.log())
    return (x < 0).where(-math.inf, result)


@primitive(
    lambda g, out, x: (g * (math.sqrt(2 / math.pi) / (x * -math.sqrt(0.5)).erfcx()),)
)
def log_ndtr(x: Expr) -> Expr:
    """The logarithm of the normal distribution function."""
    scaled = x * math.sqrt(0.5)
    low = (_scaled(scaled.abs()) * 0.5).log() - scaled * scaled
    return (x < -1).where(low, (-0.5 * scaled.erfc()).log1p())
