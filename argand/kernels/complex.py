"""Complex numbers in expressions: a pair of real ones, made by the primitives themselves.

The body of an operation does not see the difference: ``x * y`` of complex symbols is the node
``complex(re, im)`` whose parts are real expressions, so kernels, loops and the derivative know real
numbers only. `RULES` says what the rows of the scalar table mean for complex arguments.

The derivative with regard to both parts is PyTorch's gradient, ``dL/dRe + i dL/dIm``. It follows
from the real rows for sums and products. Analytic functions have long formulas whose derivatives,
written out, are neither short nor exact; such a function stays one node, with its derivative as
everybody knows it, and `expanded` replaces it by its formula when the kernel is written. Formulas
for the inverse functions are those of W. Kahan, "Branch Cuts for Complex Elementary Functions, or
Much Ado About Nothing's Sign Bit" (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from argand.kernels.expr import (
    ANALYTIC,
    ANALYTIC_COTANGENTS,
    ANALYTIC_VALUES,
    CONST,
    RULES,
    Expr,
    like,
    make,
    pair,
    parts,
    power,
    substitute,
    topological,
)
from argand.kernels.scalar import TABLE


class Analytic(NamedTuple):
    """An analytic function of one complex number or two."""

    formula: Callable[..., Expr]
    derivative: Callable[..., Sequence[Expr]]  # of the result and the arguments: one per argument
    numpy: Callable[..., Any]


FUNCTIONS: dict[str, Analytic] = {}


def analytic(name: str, *arguments: Expr) -> Expr:
    """The function `name` of complex expressions, as one node per part."""
    flat = tuple(p for a in arguments for p in parts(a))
    return pair(*(make(ANALYTIC, flat, flat[0].dtype, (name, k)) for k in range(2)))


def _arguments(flat: Sequence[Any], join: Callable[[Any, Any], Any]) -> list[Any]:
    return [join(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]


def _cotangents(node: Expr, g: Expr) -> tuple[Expr, ...]:
    """Those of the parts of the arguments, by the equations of Cauchy and Riemann."""
    name, part = node.value
    arguments = _arguments(node.args, pair)
    found: list[Expr] = []
    for slope in FUNCTIONS[name].derivative(analytic(name, *arguments), *arguments):
        p, q = parts(slope)
        found += [g * q, g * p] if part else [g * p, -(g * q)]
    return tuple(found)


def _values(node: Expr, args: Sequence[Any]) -> Any:
    name, part = node.value
    kind = node.dtype.to_complex().numpy.type
    values = _arguments(args, lambda re, im: np.asarray(re) + kind(1j) * np.asarray(im))
    found = FUNCTIONS[name].numpy(*values)
    return found.imag if part else found.real


ANALYTIC_COTANGENTS.append(_cotangents)
ANALYTIC_VALUES.append(_values)


def expanded(roots: Sequence[Expr]) -> list[Expr]:
    """`roots` with every analytic function replaced by its formula."""
    roots = list(roots)
    while True:
        found = [n for n in topological(roots) if n.op == ANALYTIC]
        if not found:
            return roots
        formulas = {}
        for node in found:
            name, part = node.value
            formulas[node] = parts(FUNCTIONS[name].formula(*_arguments(node.args, pair)))[part]
        roots = substitute(roots, formulas)


# ---- the primitives -----------------------------------------------------------------------------


def rule(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """Decorator: what a row of the scalar table means for complex arguments."""
    RULES[function.__name__.rstrip("_")] = function
    return function


@rule
def add(a: Expr, b: Expr) -> Expr:
    return pair(a.real + b.real, a.imag + b.imag)


@rule
def sub(a: Expr, b: Expr) -> Expr:
    return pair(a.real - b.real, a.imag - b.imag)


@rule
def neg(a: Expr) -> Expr:
    return pair(-a.real, -a.imag)


@rule
def mul(a: Expr, b: Expr) -> Expr:
    return pair(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)


@rule
def fma(a: Expr, b: Expr, c: Expr) -> Expr:
    return a * b + c


@rule
def eq(a: Expr, b: Expr) -> Expr:
    return a.real.eq(b.real) & a.imag.eq(b.imag)


@rule
def ne(a: Expr, b: Expr) -> Expr:
    return a.real.ne(b.real) | a.imag.ne(b.imag)


@rule
def where(condition: Expr, a: Expr, b: Expr) -> Expr:
    return pair(condition.where(a.real, b.real), condition.where(a.imag, b.imag))


@rule
def stop_gradient(a: Expr) -> Expr:
    return pair(a.real.stop_gradient(), a.imag.stop_gradient())


@rule
def abs_(a: Expr) -> Expr:
    """The modulus; its gradient at 0 is 0."""
    zero = a.eq(0)
    return zero.where(0.0, zero.where(1.0, a.real).hypot(a.imag))


@rule
def sigmoid(a: Expr) -> Expr:
    return 1 / (1 + (-a).exp())


def conj(x: Expr) -> Expr:
    """The complex conjugate; real numbers are their own."""
    return pair(x.real, -x.imag) if x.dtype.kind == "c" else x


def angle(x: Expr) -> Expr:
    """The argument, in radians."""
    return x.imag.atan2(x.real)


def sgn(x: Expr) -> Expr:
    """``x / |x|``, and 0 at 0."""
    size = x.abs()
    zero = size.eq(0)
    scaled = zero.where(1.0, size)
    return pair(x.real / scaled, x.imag / scaled)


# ---- analytic functions -------------------------------------------------------------------------


def _function(
    numpy: Callable[..., Any], derivative: Callable[..., Expr | tuple[Expr, ...]]
) -> Callable[[Callable[..., Expr]], Callable[..., Expr]]:
    """Decorator: a formula, with its derivative; for functions in the scalar table also a rule."""

    def keep(formula: Callable[..., Expr]) -> Callable[..., Expr]:
        name = formula.__name__

        def slopes(*arguments: Expr) -> Sequence[Expr]:
            found = derivative(*arguments)
            return found if isinstance(found, tuple) else (found,)

        def call(*arguments: Expr) -> Expr:
            return analytic(name, *arguments)

        FUNCTIONS[name] = Analytic(formula, slopes, numpy)
        if name in TABLE:
            RULES[name] = call
        return call

    return keep


@_function(np.divide, lambda out, a, b: ((slope := 1 / b), -out * slope))
def div(a: Expr, b: Expr) -> Expr:
    """R. L. Smith, Algorithm 116 (1962): divided by the larger part first."""
    c, d = parts(b)
    upright = d.abs() > c.abs()
    large, small = upright.where(d, c), upright.where(c, d)
    x, y = upright.where(a.imag, a.real), upright.where(a.real, a.imag)
    ratio = large.eq(0).where(large, small / large)
    scale = large + small * ratio
    im = (y - x * ratio) / scale
    return pair((x + y * ratio) / scale, upright.where(-im, im))


@_function(np.exp, lambda out, a: out)
def exp(a: Expr) -> Expr:
    x, y = parts(a)
    return _turned(x.exp(), y)


def _turned(size: Expr, angle: Expr) -> Expr:
    return pair(size * angle.cos(), _times(size, angle.sin()))


def _times(size: Expr, factor: Expr) -> Expr:
    """The product, which is 0 where `factor` is, however large `size` has become."""
    signed = factor * like(size, 1.0).copysign(size)
    return factor.eq(0).where(signed, size * factor)


def _scaled(a: Expr, factor: float) -> Expr:
    return pair(a.real * factor, a.imag * factor)


@_function(np.log, lambda out, a: 1 / a)
def log(a: Expr) -> Expr:
    size = a.real.hypot(a.imag)
    x, y = a.real.abs().maximum(a.imag.abs()), a.real.abs().minimum(a.imag.abs())
    beside_one = 0.5 * ((x - 1) * (x + 1) + y * y).log1p()
    return pair(((size > 0.5) & (size < 2)).where(beside_one, size.log()), angle(a))


@_function(np.log1p, lambda out, a: 1 / (a + 1))
def log1p(a: Expr) -> Expr:
    x, y = parts(a)
    near = 0.5 * (x * (x + 2) + y * y).log1p()
    far = (x + 1).hypot(y).log()
    return pair((x.abs().maximum(y.abs()) < 0.5).where(near, far), y.atan2(x + 1))


@_function(np.expm1, lambda out, a: out + 1)
def expm1(a: Expr) -> Expr:
    x, y = parts(a)
    half = (y * 0.5).sin()
    return pair(x.expm1() * y.cos() - 2 * half * half, x.exp() * y.sin())


@rule
def exp2(a: Expr) -> Expr:
    return _scaled(a, math.log(2)).exp()


@rule
def log2(a: Expr) -> Expr:
    return _scaled(a.log(), 1 / math.log(2))


@rule
def log10(a: Expr) -> Expr:
    return _scaled(a.log(), 1 / math.log(10))


@_function(np.sqrt, lambda out, a: 0.5 / out)
def sqrt(a: Expr) -> Expr:
    """The root with the larger part directly, the other one by division."""
    x, y = parts(a)
    half = x.abs() * 0.5 + (x * 0.5).hypot(y * 0.5)
    large = half.sqrt()
    small = large.eq(0).where(y.abs(), y.abs() / (2 * large))
    right = x >= 0
    infinite = y.abs().eq(math.inf)
    re = infinite.where(math.inf, right.where(large, small))
    im = infinite.where(math.inf, right.where(small, large))
    return pair(re, im.copysign(y))


@_function(np.sin, lambda out, a: a.cos())
def sin(a: Expr) -> Expr:
    x, y = parts(a)
    return pair(_times(y.cosh(), x.sin()), _times(x.cos(), y.sinh()))


@_function(np.cos, lambda out, a: -a.sin())
def cos(a: Expr) -> Expr:
    x, y = parts(a)
    return pair(x.cos() * y.cosh(), -_times(y.sinh(), x.sin()))


@_function(np.sinh, lambda out, a: a.cosh())
def sinh(a: Expr) -> Expr:
    x, y = parts(a)
    return pair(_times(y.cos(), x.sinh()), _times(x.cosh(), y.sin()))


@_function(np.cosh, lambda out, a: a.sinh())
def cosh(a: Expr) -> Expr:
    x, y = parts(a)
    return pair(x.cosh() * y.cos(), _times(x.sinh(), y.sin()))


@_function(np.tanh, lambda out, a: 1 - out * out)
def tanh(a: Expr) -> Expr:
    x, y = parts(a)
    t, s = y.tan(), x.sinh()
    b = 1 + t * t
    below = 1 + b * s * s
    far = x.abs() > 20  # where the square of sinh would drown what is beside it, or overflow
    shrunk = 4 * y.sin() * y.cos() * (-2 * x.abs()).exp()
    one = like(x, 1.0).copysign(x)
    return pair(far.where(one, b * (1 + s * s).sqrt() * s / below), far.where(shrunk, t / below))


def _times_i(a: Expr) -> Expr:
    return pair(-a.imag, a.real)


def _over_i(a: Expr) -> Expr:
    return pair(a.imag, -a.real)


@_function(np.tan, lambda out, a: 1 + out * out)
def tan(a: Expr) -> Expr:
    return _over_i(_times_i(a).tanh())


def _beside_one(a: Expr) -> tuple[Expr, Expr]:
    """The roots of ``1 - a`` and ``1 + a``; the signs of zeros tell the side of the cut."""
    return pair(1 - a.real, -a.imag).sqrt(), pair(1 + a.real, a.imag).sqrt()


def _real_asinh(x: Expr) -> Expr:
    size = x.abs()
    near = (size + size * size / (1 + (size * size + 1).sqrt())).log1p()
    far = size.log() + math.log(2)
    return (size > 1e8).where(far, near).copysign(x)


@_function(np.arcsin, lambda out, a: 1 / ((1 - a).sqrt() * (1 + a).sqrt()))
def asin(a: Expr) -> Expr:
    left, right = _beside_one(a)
    re = a.real.atan2((left * right).real)
    return pair(re, _real_asinh((conj(left) * right).imag))


@_function(np.arccos, lambda out, a: -1 / ((1 - a).sqrt() * (1 + a).sqrt()))
def acos(a: Expr) -> Expr:
    left, right = _beside_one(a)
    return pair(2 * left.real.atan2(right.real), _real_asinh((conj(right) * left).imag))


@_function(np.arcsinh, lambda out, a: 1 / ((1 - _times_i(a)).sqrt() * (1 + _times_i(a)).sqrt()))
def asinh(a: Expr) -> Expr:
    return _over_i(asin(_times_i(a)))


@_function(np.arccosh, lambda out, a: 1 / ((a - 1).sqrt() * (a + 1).sqrt()))
def acosh(a: Expr) -> Expr:
    left, right = pair(a.real - 1, a.imag).sqrt(), pair(a.real + 1, a.imag).sqrt()
    return pair(_real_asinh((conj(left) * right).real), 2 * left.imag.atan2(right.real))


@_function(np.arctanh, lambda out, a: 1 / ((1 - a) * (1 + a)))
def atanh(a: Expr) -> Expr:
    x, y = parts(a)
    size = x.abs()
    beside = 1 - size
    away = 0.25 * (4 * size / (beside * beside + y * y)).log1p()
    near = 0.5 * ((1 + size).hypot(y) / beside.hypot(y)).log()  # where squares underflow
    re = (beside.abs() + y.abs() < 1e-3).where(near, away)
    im = 0.5 * (2 * y).atan2(beside * (1 + size) - y * y)
    modulus = x.hypot(y)
    far = modulus > 1e16  # before squares overflow
    re = far.where(size / modulus / modulus, re).copysign(x)
    return pair(re, far.where(math.pi / 2, im.abs()).copysign(y))


@_function(np.arctan, lambda out, a: 1 / ((1 - _times_i(a)) * (1 + _times_i(a))))
def atan(a: Expr) -> Expr:
    return _over_i(atanh(_times_i(a)))


def _pow_slopes(out: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    zero = like(out, 0)
    vanishes = a.eq(0) & (b.real >= 0)
    return b.eq(0).where(zero, b * a.pow(b - 1)), vanishes.where(zero, out * a.log())


@_function(np.power, _pow_slopes)
def general_power(a: Expr, b: Expr) -> Expr:
    general = (b * a.log()).exp()
    at_zero = (b.real > 0).where(like(a, 0), general)
    powers = a.eq(0).where(at_zero, general)
    return b.eq(0).where(like(a, 1), powers)


@rule
def pow_(a: Expr, b: Expr) -> Expr:
    fixed = power(a, b.real.value) if b.real.op == CONST and b.imag is b.imag.constant(0) else None
    return analytic("general_power", a, b) if fixed is None else fixed
