"""Transcendental functions in float32 as expressions of simpler primitives, within 2 ulp.

Each function reduces its argument to a short interval, evaluates a polynomial there (coefficients
fitted by weighted least squares, iterated towards the smallest largest error) and scales back.
The schemes are the classical ones of Cody and Waite, "Software Manual for the Elementary Functions"
(1980). float64 goes through the C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from argand import dtypes
from argand.kernels.expr import Expr, const

F32 = dtypes.float32
F64 = dtypes.float64
I32 = dtypes.int32
I64 = dtypes.int64


def polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """``c[0] + c[1] x + ...`` with fused multiply-adds: the even and the odd terms side by side.

    Each half is Horner's rule in the square of `x`; a single one would wait for itself.
    """
    if len(coefficients) < 4:
        return _horner(x, coefficients)
    square = x * x
    return _horner(square, coefficients[1::2]).fma(x, _horner(square, coefficients[::2]))


def _horner(x: Expr, coefficients: Sequence[float]) -> Expr:
    result = x.constant(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = result.fma(x, x.constant(c))
    return result


def limited(x: Expr, low: float, high: float) -> Expr:
    """`x` within the limits, NaN kept: one machine instruction for each limit."""
    x = (x < low).where(low, x)
    return (x > high).where(high, x)


_SHIFT = 1.5 * 2.0**23  # added to a float below 2**22 it leaves an integer in the lowest bits
_BIASED = _SHIFT + 127  # the exponent of a float, when these bits are moved to their place


def whole(n: Expr) -> Expr:
    """A floating number without fraction, below 2**22, as int32: quicker than a conversion."""
    return (n + _SHIFT).bitcast(I32) - 0x4B400000


def power_of_two(n: Expr) -> Expr:
    """2 to a floating `n` without fraction between -126 and 127, put together from its bits."""
    return _from_biased(n + _BIASED)


def _from_biased(shifted: Expr) -> Expr:
    bits = shifted.bitcast(I32)
    return bits.shl(bits.constant(23)).bitcast(F32)


def scaled(x: Expr, n: Expr) -> Expr:
    """``x * 2**n`` in two steps, so that overflow and denormal results come out right."""
    half = (n * 0.5).floor()
    return x * power_of_two(half) * power_of_two(n - half)


_EXPM1 = (0.1666666669658438, 0.0416665546079182, 0.008333300963196111, 0.0013926184026007607,
          0.00019899282995849084)  # fmt: skip
_LN2_HIGH = 0.693145751953125  # 15 bits, so that products with small integers are exact
_LN2_LOW = math.log(2) - 0.693145751953125
_LOG2_E = 1 / math.log(2)


def _exp_reduced(x: Expr) -> tuple[Expr, Expr, Expr]:
    """n and expm1(r) with ``x = n ln 2 + r``, and in between n + `_BIASED`."""
    shifted = x.fma(x.constant(_LOG2_E), x.constant(_BIASED))
    n = shifted - _BIASED
    r = n.fma(x.constant(-_LN2_LOW), n.fma(x.constant(-_LN2_HIGH), x))
    tail = polynomial(r, (0.5, *_EXPM1))
    return n, (r * r).fma(tail, r), shifted


def exp(x: Expr) -> Expr:
    clamped = limited(x, -104.0, 89.0)
    n, reduced, _ = _exp_reduced(clamped)
    return (reduced + 1).scaled(n)


def expm1(x: Expr) -> Expr:
    clamped = limited(x, -18.0, 89.0)
    n, reduced, _ = _exp_reduced(clamped)
    # 2**n * reduced + (2**n - 1), where 2**n may overflow although the result does not
    power = x.constant(1).scaled(n)
    small = power.fma(reduced, power - 1)
    large = (reduced + 1).scaled(n) - 1
    result = (n > 64).where(large, small)
    return x.eq(0).where(x, result)


_LOG = (-0.5, 0.33333331256771287, -0.24999981190024728, 0.20000688102698383, -0.16669150681043565,
        0.14251154850032094, -0.12396707304234732, 0.11634677254097624, -0.11659887183912546,
        0.07332437123031944)  # fmt: skip
_SQRT_HALF_BITS = 0x3F3504F3  # the bits of sqrt(1/2)


def _log_reduced(x: Expr) -> tuple[Expr, Expr]:
    """e and f with ``x = 2**e (1 + f)``, for positive normal x; f between sqrt(1/2)-1, sqrt 2-1."""
    bits = x.bitcast(I32) - _SQRT_HALF_BITS
    e = bits.shr(bits.constant(23))
    mantissa = (bits & 0x007FFFFF) + _SQRT_HALF_BITS
    return e, mantissa.bitcast(F32) - 1


def _log_positive(x: Expr) -> Expr:
    denormal = x < 1.1754943508222875e-38
    e, f = _log_reduced(denormal.where(x * float(2**24), x))
    exponent = (e - denormal.where(e.constant(24), e.constant(0))).to(F32)
    tail = polynomial(f, _LOG)
    low = exponent.fma(x.constant(_LN2_LOW), f * f * tail)
    return exponent.fma(x.constant(_LN2_HIGH), f + low)


def _log_edges(x: Expr, result: Expr) -> Expr:
    result = x.eq(0).where(-math.inf, result)
    result = (x < 0).where(math.nan, result)
    return (x < math.inf).where(result, x + x.abs())  # inf stays inf, NaN stays NaN


def log(x: Expr) -> Expr:
    return _log_edges(x, _log_positive(x))


def log1p(x: Expr) -> Expr:
    u = x + 1
    e, f_rounded = _log_reduced(u)
    # what rounding 1 + x lost, at the scale of the mantissa
    lost = (x > 1).where(1 - (u - x), x - (u - 1))
    f = f_rounded + (e < 60).where(lost * power_of_two((-e).maximum(-100).to(F32)), 0.0)
    exponent = e.to(F32)
    tail = polynomial(f, _LOG)
    low = exponent.fma(x.constant(_LN2_LOW), f * f * tail)
    result = exponent.fma(x.constant(_LN2_HIGH), f + low)
    result = x.abs().eq(0).where(x, result)
    result = (x < math.inf).where(result, x)
    result = x.eq(-1.0).where(-math.inf, result)
    return (x >= -1.0).where(result, x.ne(x).where(x, math.nan))


def tanh(x: Expr) -> Expr:
    """By ``expm1(2 |x|) / (expm1(2 |x|) + 2)``; above 10 the result rounds to 1."""
    doubled = x.abs() * 2
    _, reduced, shifted = _exp_reduced((doubled > 20.0).where(20.0, doubled))
    power = _from_biased(shifted)
    grown = power.fma(reduced, power - 1)
    below = grown + 2
    lost = grown - (below - 2)  # what rounding the sum lost
    inverse = below.quick_reciprocal()
    quotient = grown * inverse
    rest = (-quotient).fma(lost, (-quotient).fma(below, grown))
    return rest.fma(inverse, quotient).copysign(x)


def sigmoid(x: Expr) -> Expr:
    """Below -88.7 the result, which would be denormal, is 0."""
    return (exp(-x) + 1).quick_reciprocal()


_ERF_SMALL = (0.1283791665798033, -0.37612633188385636, 0.11283687188154465, -0.026858941481672352,
              0.00519990660524244, -0.0008130011991517684, 8.316772539566518e-05)  # fmt: skip
_ERF_LARGE = (-0.00017587456341380171, 1.1295208233404352, 0.6333346530010041, 0.10829394664326045,
              -0.02512862459970919, 0.004174643024909055, -0.00043521888702280186,
              2.1161906593200508e-05)  # fmt: skip


def erf(x: Expr) -> Expr:
    square = x * x
    small = polynomial(square, _ERF_SMALL).fma(x, x)
    size = limited(x.abs(), 0.0, 4.0)
    large = 1 - exp(-polynomial(size, _ERF_LARGE))
    result = (size < 0.921875).where(small, large.copysign(x))
    return x.ne(x).where(x, result)


_TAIL = (0.7978853275870275, 0.31829886677389824, 0.03638757811081301,
         -0.004895989886002197, 9.491715753190398e-05, 0.00012905027362564893,
         -2.729452978279524e-05, 1.9650115052076505e-06)  # fmt: skip


def normal_cdf(x: Expr) -> Expr:
    """The normal distribution function within 1e-7, by the logarithm of its tail."""
    size = x.abs()
    _, reduced, shifted = _exp_reduced(polynomial(size, _TAIL) * -size)
    tail = (size > 5.5).where(0.0, (reduced + 1) * (_from_biased(shifted) * 0.5))
    return (x < 0).where(tail, 1 - tail)


_SIN = (-0.16666666663849633, 0.008333331871967761, -0.00019840085078712678, 2.724969589840245e-06)
_COS = (0.0416666666643157, -0.00138888876695208, 2.4800598906529672e-05, -2.7300757895717845e-07)
# pi/2 in three parts; the products with integers below 2**17 are exact up to the last
_HALF_PI = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
TRIGONOMETRIC_LIMIT = 100_000.0  # beyond it the reduction loses bits


def _circular(x: Expr, shift: int) -> Expr:
    n = (x * (2 / math.pi)).round()
    r = x
    for part in _HALF_PI:
        r = n.fma(x.constant(-part), r)
    square = r * r
    sine = (r * square).fma(polynomial(square, _SIN), r)
    begin = square.fma(x.constant(-0.5), x.constant(1))
    cosine = (square * square).fma(polynomial(square, _COS), begin)
    quadrant = whole(n) + shift
    value = (quadrant & 1).ne(0).where(cosine, sine)
    return (quadrant & 2).ne(0).where(-value, value)


def sin(x: Expr) -> Expr:
    return x.eq(0).where(x, _circular(x, 0))


def cos(x: Expr) -> Expr:
    return _circular(x, 1)


_LOG2_64 = (0.33333333333330933, 0.20000000005692492, 0.1428571204343842, 0.11111433729555534,
            0.09069990747523816, 0.08312428013431487)  # fmt: skip
_EXP2_64 = (0.6931471805568309, 0.24022650695737716, 0.055504109063303206, 0.009618129183486866,
            0.0013333478469173177, 0.00015403436595147675, 1.530370184914662e-05,
            1.3259624097787763e-06)  # fmt: skip


def pow(x: Expr, y: Expr) -> Expr:  # noqa: A001 - it is called like its primitive
    """By base-2 logarithm and exponential in float64, so that large powers stay within 1 ulp."""
    size = x.abs().to(F64)
    bits = size.bitcast(I64) - 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
    e = bits.shr(bits.constant(52))
    mantissa = ((bits & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD).bitcast(F64)
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    logarithm = s * (square * polynomial(square, _LOG2_64) + 1)
    exponent = logarithm * (2 / math.log(2)) + e.to(F64)
    t = limited(exponent * y.to(F64), -1000.0, 1000.0)
    n = t.round()
    r = t - n
    whole = (n.to(I64) + 1023).shl(const(52, I64)).bitcast(F64)
    result = ((r * polynomial(r, _EXP2_64) + 1) * whole).to(F32)
    return _pow_edges(x, y, result)


def _pow_edges(x: Expr, y: Expr, result: Expr) -> Expr:
    size = x.abs()
    whole = y.trunc().eq(y)
    odd = whole & (y * 0.5).trunc().ne(y * 0.5) & (y.abs() < 16777216.0)
    result = size.eq(0).where((y < 0).where(math.inf, y.constant(0)), result)
    result = size.eq(math.inf).where((y < 0).where(y.constant(0), math.inf), result)
    result = odd.where(result.copysign(x), result)
    invalid = (x < 0) & ~whole & size.ne(math.inf)
    result = invalid.where(math.nan, result)
    grows = (size > 1) ^ (y < 0)
    endless = size.eq(1).where(x.constant(1), grows.where(math.inf, y.constant(0)))
    result = y.abs().eq(math.inf).where(endless, result)
    result = (x.ne(x) | y.ne(y)).where(math.nan, result)
    return (y.eq(0) | x.eq(1)).where(x.constant(1), result)


def exp2(x: Expr) -> Expr:
    clamped = limited(x, -151.0, 129.0)
    n = clamped.round()
    r = (clamped - n) * math.log(2)
    tail = polynomial(r, (0.5, *_EXPM1))
    return x.ne(x).where(x, ((r * r).fma(tail, r) + 1).scaled(n))


def log2(x: Expr) -> Expr:
    return _log_in_double(x, 1 / math.log(2))


def log10(x: Expr) -> Expr:
    return _log_in_double(x, 1 / math.log(10))


def _log_in_double(x: Expr, factor: float) -> Expr:
    e, f = _log_reduced(x * (x < 1.1754943508222875e-38).where(x.constant(2.0**24), x.constant(1)))
    exponent = e.to(F64) - (x < 1.1754943508222875e-38).where(const(24.0, F64), const(0.0, F64))
    f = f.to(F64)
    s = f / (f + 2)
    square = s * s
    natural = s * (square * polynomial(square, _LOG2_64) + 1) * 2 + exponent * math.log(2)
    return _log_edges(x, (natural * factor).to(F32))


def hypot(a: Expr, b: Expr) -> Expr:
    """In float64, where no square of a float32 overflows; an infinity beats NaN."""
    wide, other = a.to(F64), b.to(F64)
    size = (wide * wide + other * other).sqrt().to(F32)
    infinite = a.abs().eq(math.inf) | b.abs().eq(math.inf)
    return infinite.where(math.inf, size)


_EXPANDED = (
    scaled, exp, exp2, expm1, log, log2, log10, log1p, tanh, sigmoid, erf, normal_cdf, sin, cos,
    pow,
    hypot,
)  # fmt: skip
EXPANSIONS: dict[str, Callable[..., Expr]] = {f.__name__: f for f in _EXPANDED}
# functions whose expansion holds for small arguments only; beyond, the C library is called
LIMITED = {"sin": TRIGONOMETRIC_LIMIT, "cos": TRIGONOMETRIC_LIMIT}
