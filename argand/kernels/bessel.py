"""Bessel functions of the orders 0 and 1, and Airy's.

Small arguments go by power series or Chebyshev series in the square of the argument, large ones by
Chebyshev series in its inverse (of the modulus and the phase where the function oscillates). The
coefficients were computed with 40 digits.
"""

from __future__ import annotations

import math

from argand.kernels.expr import Expr
from argand.kernels.primitive import chebyshev, polynomial, primitive

_I0_LARGE = (0.8044904110141088, 0.0033691164782556943, 6.889758346916825e-05,
    2.8913705208347567e-06, 2.0489185894690638e-07, 2.266668990498178e-08,
    3.3962320257083865e-09, 4.94060238822497e-10, 1.1889147107846439e-11,
    -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14, -4.150569347287222e-14,
    -9.554846698828307e-15, 3.8116806693526224e-15, 1.7725601330565263e-15,
    -3.425485619677219e-16, -2.8276239805165836e-16, 3.461222867697461e-17, 4.46562142029676e-17,
    -4.830504485944182e-18, -7.233180487874754e-18)
_I1_LARGE = (0.7785762350182801, -0.009761097491361469, -0.00011058893876262371,
    -3.882564808877691e-06, -2.512236237870209e-07, -2.6314688468895196e-08,
    -3.835380385964237e-09, -5.589743462196584e-10, -1.8974958123505413e-11,
    3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.1015418427726643e-14,
    4.272440016711951e-14, 1.0420276984128802e-14, -3.8144030724370075e-15,
    -1.8803547755107825e-15, 3.3082023109209285e-16, 2.96262899764595e-16,
    -3.209525921993424e-17, -4.6503053684893586e-17, 4.414348323071708e-18,
    7.517296310842105e-18)
_K0_LARGE = (2.388866152433477, -0.053855323307629495, 0.004362000068251702,
    -0.0005521270349863234, 8.959565555755952e-05, -1.7138726856421186e-05,
    3.695146089045472e-06, -8.737284518980525e-07, 2.225046272255236e-07, -6.025216756376064e-08,
    1.7186668629418083e-08, -5.1272057810909205e-09, 1.5907351467912106e-09,
    -5.10958325791419e-10, 1.6929517419961088e-10, -5.7683063818637606e-11,
    2.0159542597761383e-11, -7.210940065346495e-12, 2.6349075982806445e-12,
    -9.819576891759296e-13, 3.72695818784577e-13, -1.4388149744180521e-13,
    5.6436532735816866e-14, -2.2469288334596896e-14, 9.072046991627365e-15,
    -3.711589997838162e-15, 1.537582290719742e-15, -6.445464362724762e-16,
    2.7324144482527955e-16, -1.1707837700385628e-16, 5.067869397943657e-17,
    -2.215087912714289e-17, 9.77208135793031e-18)
_K1_LARGE = (2.906551335187683, 0.19051350202061165, -0.008406706460495654,
    0.0008815363164514389, -0.000129995769583983, 2.3441638979785087e-05, -4.853489413610226e-06,
    1.1139969511197356e-06, -2.772707643805077e-07, 7.37247184977708e-08,
    -2.0717892129028323e-08, 6.103966549420336e-09, -1.873778917957349e-09,
    5.963886884453419e-10, -1.96028004074301e-10, 6.632273899864202e-11, -2.3034250700407756e-11,
    8.193082518369976e-12, -2.9786645069974164e-12, 1.1049772078983365e-12,
    -4.1763277431648047e-13, 1.6061141914625803e-13, -6.277632672531289e-14,
    2.4911830875182032e-14, -1.002779686252293e-14, 4.091059996919741e-15,
    -1.690331071434488e-15, 7.068360792264328e-16, -2.9895680121763374e-16,
    1.2781913900252084e-16, -5.521491188037584e-17, 2.4087033253210474e-17)
_P0 = (1.9989206986950374, -0.0005365220468132117, 3.0751847875194745e-06,
    -5.1705945376060975e-08, 1.6306464635151382e-09, -7.86409137723707e-11,
    5.168262387349193e-12, -4.3045788699253914e-13, 4.3265957431549404e-14,
    -5.069034095935236e-15, 6.748072215733873e-16, -1.0011513723467786e-16,
    1.6305919233744186e-17)
_Q0 = (-0.24889367368539214, 0.0005470815954089319, -5.9315987288485175e-06,
    1.4377965798375193e-07, -5.817532749493056e-09, 3.376097523734991e-10,
    -2.565397936797308e-11, 2.404916100281365e-12, -2.6690625482579414e-13,
    3.4041800321963686e-14, -4.87994410531204e-15, 7.729703176242605e-16,
    -1.3348852171502517e-16, 2.4865952389390515e-17, -4.952892629886516e-18,
    1.0473158973776097e-18)
_P1 = (2.0018060817200274, 0.0008989898330859408, -3.987284300488908e-06, 6.177633960644299e-08,
    -1.8718907491063067e-09, 8.816898659582339e-11, -5.704863640395645e-12,
    4.699195515230542e-13, -4.6842237839904895e-14, 5.452674896044717e-15,
    -7.221180842274018e-16, 1.0667689114335412e-16, -1.7312313216116335e-17)
_Q1 = (0.7484445931125652, -0.0007702178839325664, 7.3108922063643636e-06,
    -1.676782510726674e-07, 6.583354662120443e-09, -3.749090950541556e-10,
    2.8121750359748866e-11, -2.61145253946232e-12, 2.8774212663332235e-13,
    -3.649001916061838e-14, 5.206626366226707e-15, -8.215318025458595e-16,
    1.4141084390211833e-16, -2.626761589838529e-17, 5.2192649196714085e-18)
_J0_SMALL = (0.31545594294978024, -0.008723442352852221, 0.2651786132033368,
    -0.37009499387264977, 0.15806710233209725, -0.034893769411408884, 0.004819180069467605,
    -0.00046062616620627504, 3.246032882100508e-05, -1.7619469077621507e-06,
    7.608163592418782e-08, -2.679253530557673e-09, 7.848696314479465e-11,
    -1.9438346867370164e-12, 4.125320595634374e-14, -7.588508125447546e-16,
    1.2218515873961411e-17)
_J1_SMALL = (0.16208969265131623, -0.1489751450676521, 0.1609992623572097, -0.08268049176681791,
    0.022213639654966037, -0.003646940600769276, 0.0004050337728354822, -3.255554866857259e-05,
    1.9858774049915165e-06, -9.521984756750436e-08, 3.687133759097148e-09,
    -1.178026622695885e-10, 3.160154580348003e-12, -7.221755239651773e-14,
    1.4232144003513942e-15, -2.4441972916190464e-17)
_Y0_SMALL = (-0.06629222640656988, -0.2744743055297453, 0.17903431407718265, 0.26156734625504663,
    -0.17730201278114358, 0.04719668959576339, -0.007287962479552079, 0.0007531135932577742,
    -5.632079141056987e-05, 3.206532537654801e-06, -1.44072332740187e-07, 5.248794787330516e-09,
    -1.5837552541812015e-10, 4.02633081830612e-12, -8.747341203310769e-14,
    1.6434898714919468e-15, -2.6977881152566837e-17)
_Y1_SMALL = (0.005076026471483563, -0.01608717304766875, -0.09591204536083074,
    0.08445197259652346, -0.028328123944594365, 0.005289897544167113, -0.0006414551451326356,
    5.505982873338744e-05, -3.53808001868935e-06, 1.7707804556154404e-07, -7.11055004989928e-09,
    2.344337905911516e-10, -6.4651518414115946e-12, 1.51429151205002e-13,
    -3.0511859694473254e-15, 5.34668038572867e-17, -8.224911372021585e-19)

_EULER = 0.5772156649015329
_HALF_ROOT = math.sqrt(0.5)


# ---- modified Bessel functions -------------------------------------------------------------------


def _inverse_factorials(order: int, count: int) -> list[float]:
    """``1 / (k! (k + order)!)``, the coefficients by powers of ``x**2 / 4``."""
    return [1 / (math.factorial(k) * math.factorial(k + order)) for k in range(count)]


_I0_SMALL = _inverse_factorials(0, 32)
_I1_SMALL = _inverse_factorials(1, 32)


def _harmonic(k: int) -> float:
    return math.fsum(1 / j for j in range(1, k + 1))


# what K has beside its logarithm, by powers of x**2 / 4 (DLMF 10.31.1 and 10.31.2)
_K0_SMALL = [_harmonic(k) / math.factorial(k) ** 2 for k in range(12)]
_K1_SMALL = [
    (_harmonic(k) + _harmonic(k + 1) - 2 * _EULER) / (math.factorial(k) * math.factorial(k + 1))
    for k in range(12)
]


def _scaled_i(x: Expr, order: int) -> Expr:
    """``exp(-|x|) I(x)``."""
    size = x.abs()
    quarter = size * size * 0.25
    series = polynomial(quarter, _I1_SMALL if order else _I0_SMALL) * (-size).exp()
    small = series * (x * 0.5) if order else series
    far = chebyshev(16 / size - 1, _I1_LARGE if order else _I0_LARGE) / size.sqrt()
    return (size <= 8).where(small, far.copysign(x) if order else far)


@primitive(lambda g, out, x: (g * (x.i1e() - x.sign() * out),))
def i0e(x: Expr) -> Expr:
    return _scaled_i(x, 0)


def _i1_over_x(x: Expr, i0: Expr, i1: Expr) -> Expr:
    """The derivative of I1, and its scaled form: at 0 it is 1/2."""
    zero = x.eq(0)
    return zero.where(0.5, i0 - i1 / zero.where(1.0, x))


@primitive(lambda g, out, x: (g * (_i1_over_x(x, x.i0e(), out) - x.sign() * out),))
def i1e(x: Expr) -> Expr:
    return _scaled_i(x, 1)


def _grown(scaled: Expr, x: Expr) -> Expr:
    """Times ``exp(|x|)``, in two steps where that alone would overflow."""
    half = (x.abs() * 0.5).exp()
    return scaled * half * half


@primitive(lambda g, out, x: (g * x.i1(),))
def i0(x: Expr) -> Expr:
    quarter = x * x * 0.25
    far = _grown(_scaled_i(x, 0), x)
    return (x.abs() <= 8).where(polynomial(quarter, _I0_SMALL), far)


@primitive(lambda g, out, x: (g * _i1_over_x(x, x.i0(), out),))
def i1(x: Expr) -> Expr:
    quarter = x * x * 0.25
    far = _grown(_scaled_i(x, 1), x)
    return (x.abs() <= 8).where(polynomial(quarter, _I1_SMALL) * (x * 0.5), far)


def _scaled_k(x: Expr, order: int) -> tuple[Expr, Expr]:
    """K for arguments up to 1, and ``exp(x) K(x)`` for those beyond."""
    quarter = x * x * 0.25
    logarithm = (x * 0.5).log()
    if order == 0:
        small = polynomial(quarter, _K0_SMALL)
        small = small - (logarithm + _EULER) * polynomial(quarter, _I0_SMALL[:12])
    else:
        inner = polynomial(quarter, _I1_SMALL[:12]) * logarithm
        small = 1 / x + x * 0.5 * (inner - 0.5 * polynomial(quarter, _K1_SMALL))
    far = chebyshev(2 / x - 1, _K1_LARGE if order else _K0_LARGE) / x.sqrt()
    return small, far


def _k_edges(x: Expr, result: Expr) -> Expr:
    """Endless at 0, and nothing below."""
    return x.eq(0).where(math.inf, (x < 0).where(math.nan, result))


def _modified_k(x: Expr, order: int) -> Expr:
    small, far = _scaled_k(x, order)
    return _k_edges(x, (x <= 1).where(small, far * (-x).exp()))


def _scaled_modified_k(x: Expr, order: int) -> Expr:
    small, far = _scaled_k(x, order)
    return _k_edges(x, (x <= 1).where(small * x.exp(), far))


@primitive()
def modified_bessel_k0(x: Expr) -> Expr:
    return _modified_k(x, 0)


@primitive()
def modified_bessel_k1(x: Expr) -> Expr:
    return _modified_k(x, 1)


@primitive()
def scaled_modified_bessel_k0(x: Expr) -> Expr:
    return _scaled_modified_k(x, 0)


@primitive()
def scaled_modified_bessel_k1(x: Expr) -> Expr:
    return _scaled_modified_k(x, 1)


# ---- Bessel functions ----------------------------------------------------------------------------


def _wave(x: Expr, order: int, second: bool) -> Expr:
    """J or Y of a large argument, from modulus and phase (DLMF 10.17.3 and 10.17.4)."""
    inverse = 8 / x
    place = 2 * (inverse * inverse) - 1
    p = chebyshev(place, _P1 if order else _P0)
    q = chebyshev(place, _Q1 if order else _Q0) / x
    sine, cosine = x.sin(), x.cos()
    # cosine and sine of x - pi/4 or x - 3 pi/4, without rounding the difference
    if order == 0:
        shifted = (cosine + sine, sine - cosine)
    else:
        shifted = (sine - cosine, -(sine + cosine))
    cosine, sine = shifted
    wave = p * sine + q * cosine if second else p * cosine - q * sine
    return wave * _HALF_ROOT * (2 / math.pi / x).sqrt()


def _place(x: Expr) -> Expr:
    return x * x * (1 / 32) - 1


def _first_kind(x: Expr, order: int) -> Expr:
    size = x.abs()
    near = chebyshev(_place(size), _J1_SMALL) * x if order else chebyshev(_place(size), _J0_SMALL)
    far = _wave(size, order, False)
    far = (x < 0).where(-far, far) if order else far
    return (size <= 8).where(near, far)


def _second_kind(x: Expr, order: int) -> Expr:
    place, logarithm = _place(x), x.log() * (2 / math.pi)
    if order == 0:
        near = chebyshev(place, _Y0_SMALL) + logarithm * chebyshev(place, _J0_SMALL)
    else:
        regular = chebyshev(place, _Y1_SMALL) + logarithm * chebyshev(place, _J1_SMALL)
        near = x * regular - (2 / math.pi) / x
    far = _wave(x, order, True)
    result = (x <= 8).where(near, far)
    return x.eq(0).where(-math.inf, (x < 0).where(math.nan, result))


@primitive(lambda g, out, x: (-g * x.bessel_j1(),))
def bessel_j0(x: Expr) -> Expr:
    return _first_kind(x, 0)


@primitive()
def bessel_j1(x: Expr) -> Expr:
    return _first_kind(x, 1)


@primitive()
def bessel_y0(x: Expr) -> Expr:
    return _second_kind(x, 0)


@primitive()
def bessel_y1(x: Expr) -> Expr:
    return _second_kind(x, 1)


@primitive()
def spherical_bessel_j0(x: Expr) -> Expr:
    wave = x.sin() / x
    return x.eq(0).where(1.0, x.abs().eq(math.inf).where(x.constant(0.0), wave))


# ---- Airy's function -----------------------------------------------------------------------------

_AI_LARGE = (1.9688106098343103, -0.014792784850104199, 0.0007327177465426715,
    -6.12595423417825e-05, 6.83476697557269e-06, -9.237229735403982e-07, 1.436225340438052e-07,
    -2.489319422322096e-08, 4.709793440054328e-09, -9.583863708112733e-10,
    2.0745855483677591e-10, -4.737267332192277e-11, 1.1336099808224236e-11,
    -2.827706782319351e-12, 7.320712095125598e-13, -1.9599793911089723e-13,
    5.4101162570683925e-14, -1.5356466802223836e-14, 4.472340393300025e-15,
    -1.3338094674756683e-15, 4.066582046456231e-16, -1.265583225645289e-16,
    4.015126334015871e-17, -1.2969972135960937e-17)
_AI_P = (1.9987417781485557, -0.0006216836584374116, 7.181193774368645e-06,
    -2.316269813501758e-07, 1.3216283888528755e-08, -1.0938736172758127e-09,
    1.1794620737908535e-10, -1.5518841909929856e-11, 2.386927411492466e-12,
    -4.16552889201035e-13, 8.071678110741467e-14, -1.708757321110567e-14, 3.902945148540815e-15,
    -9.523976784907064e-16, 2.4632810885752603e-16, -6.709077463464858e-17,
    1.913939683718707e-17)
_AI_Q = (0.13764341112616002, -0.0006089151840832694, 1.3174151014089972e-05,
    -6.014071912908298e-07, 4.327537342298499e-08, -4.247731732954726e-09, 5.232285376834493e-10,
    -7.672290975115024e-11, 1.2923809452698712e-11, -2.43852975710829e-12, 5.059047237872084e-13,
    -1.1378513792256329e-13, 2.7441377308322258e-14, -7.03448211263258e-15,
    1.9032114367198917e-15, -5.403040541409308e-16, 1.6016711026585234e-16,
    -4.9375274403528065e-17, 1.5773435797781153e-17, -5.206129581838458e-18,
    1.7706787947400164e-18, -6.191669620783275e-19)

_AI_0, _AI_SLOPE = 0.3550280538878172, 0.2588194037928068  # at 0


def _maclaurin(first: int, count: int) -> list[float]:
    """Ai's two power series by powers of ``x**3`` (DLMF 9.4.1)."""
    terms = [1.0]
    for k in range(1, count):
        step = 3 * k + first
        terms.append(terms[-1] / (step * (step - 1)))
    return terms


_EVEN, _ODD = _maclaurin(0, 20), _maclaurin(1, 20)


@primitive()
def airy_ai(x: Expr) -> Expr:
    """Between -4 and 2 by power series, beyond them by modulus and phase (DLMF 9.7)."""
    cube = x * x * x
    near = _AI_0 * polynomial(cube, _EVEN) - _AI_SLOPE * x * polynomial(cube, _ODD)
    size = x.abs()
    root = size.sqrt()
    z = size * root * (2 / 3)
    quarter = root.sqrt() * math.sqrt(math.pi)
    fading = chebyshev((2 * _AI_BEGIN) / z - 1, _AI_LARGE) * (-z).exp() / (2 * quarter)
    inverse = _AI_END / z
    place = 2 * (inverse * inverse) - 1
    p, q = chebyshev(place, _AI_P), chebyshev(place, _AI_Q) / z
    sine, cosine = z.sin(), z.cos()
    wave = (p * (cosine + sine) + q * (sine - cosine)) * _HALF_ROOT / quarter
    return (x > 2).where(fading, (x < -4).where(wave, near))


_AI_BEGIN = 2 / 3 * 2**1.5  # z at 2
_AI_END = 2 / 3 * 4**1.5  # z at -4
