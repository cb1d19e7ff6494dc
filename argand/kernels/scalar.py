"""The table of scalar primitives: all that generated kernels can compute.

A row says how the primitive is written in LLVM IR (a template per kind of type; ``{t}`` is the
vector type), what NumPy function it is, and how a cotangent `g` of its result becomes cotangents of
its arguments. Everything else is an expression over these rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from argand.kernels.expr import Expr

Vjp = Callable[..., "tuple[Expr | None, ...]"]  # vjp(g, out, *arguments) -> cotangents


class Primitive(NamedTuple):
    """One row of the table; templates are keyed by kind: f, i, u, b (floating ... bool)."""

    name: str
    arity: int
    templates: dict[str, str]
    numpy: Callable[..., Any]
    vjp: Vjp | None = None  # None: the derivative is zero everywhere
    result: str = "same"  # "same" as the arguments or "bool"
    cost: int = 1  # rough cycles per vector, to choose unrolling and grain
    libm: str = ""  # function of the C library, called per lane when there is no template


TABLE: dict[str, Primitive] = {}


def _row(
    name: str,
    arity: int,
    templates: dict[str, str],
    function: Callable[..., Any],
    vjp: Vjp | None = None,
    **facts: Any,
) -> None:
    TABLE[name] = Primitive(name, arity, templates, function, vjp, **facts)


def _everywhere(float_template: str, int_template: str) -> dict[str, str]:
    return {"f": float_template, "i": int_template, "u": int_template}


def _compare(float_code: str, signed: str, unsigned: str) -> dict[str, str]:
    return {
        "f": f"fcmp {float_code} {{t}} {{0}}, {{1}}",
        "i": f"icmp {signed} {{t}} {{0}}, {{1}}",
        "u": f"icmp {unsigned} {{t}} {{0}}, {{1}}",
        "b": f"icmp {unsigned} {{t}} {{0}}, {{1}}",
    }


def _intrinsic(name: str, arguments: int = 1) -> str:
    places = ", ".join(f"{{t}} {{{i}}}" for i in range(arguments))
    return f"call {{t}} @llvm.{name}.{{m}}({places})"


def _quotient(a: Any, b: Any) -> Any:
    """Of integers truncated, as the machine divides."""
    if np.result_type(a, b).kind == "f":
        return np.divide(a, b)
    return np.floor_divide(a - np.fmod(a, b), b)


def _logical_shift(a: Any, b: Any) -> Any:
    """The bits of `a` moved down, whatever its sign."""
    unsigned = np.dtype(a.dtype.str.replace("i", "u"))
    return np.right_shift(a.view(unsigned), b.view(unsigned)).view(a.dtype)


# ---- arithmetic -----------------------------------------------------------------------------

_row("add", 2, _everywhere("fadd {t} {0}, {1}", "add {t} {0}, {1}"), np.add,
     lambda g, out, a, b: (g, g))  # fmt: skip
_row("sub", 2, _everywhere("fsub {t} {0}, {1}", "sub {t} {0}, {1}"), np.subtract,
     lambda g, out, a, b: (g, -g))  # fmt: skip
_row("mul", 2, _everywhere("fmul {t} {0}, {1}", "mul {t} {0}, {1}"), np.multiply,
     lambda g, out, a, b: (g * b, g * a))  # fmt: skip
_row("div", 2, {"f": "fdiv {t} {0}, {1}", "i": "sdiv {t} {0}, {1}", "u": "udiv {t} {0}, {1}"},
     _quotient, lambda g, out, a, b: (g / b, -g * ((a / b) / b)), cost=8)  # fmt: skip
_row("rem", 2, {"i": "srem {t} {0}, {1}", "u": "urem {t} {0}, {1}"}, np.fmod,
     lambda g, out, a, b: (g, -g * (a / b).trunc()), cost=30, libm="fmod")  # fmt: skip
_row("neg", 1, _everywhere("fneg {t} {0}", "sub {t} zeroinitializer, {0}"), np.negative,
     lambda g, out, a: (-g,))  # fmt: skip
_row("fma", 3, {"f": _intrinsic("fma", 3)}, lambda a, b, c: a * b + c,
     lambda g, out, a, b, c: (g * b, g * a, g))  # fmt: skip
_row("abs", 1, {"f": _intrinsic("fabs"), "i": "call {t} @llvm.abs.{m}({t} {0}, i1 false)",
     "u": "or {t} {0}, zeroinitializer"}, np.abs, lambda g, out, a: (g * a.sign(),))  # fmt: skip
_row("sqrt", 1, {"f": _intrinsic("sqrt")}, np.sqrt,
     lambda g, out, a: (g / (2 * out),), cost=12)  # fmt: skip
# within 1 ulp in float32, but cheaper than a division or a root: see `Lowering._quick`
_row("quick_reciprocal", 1, {"f": "fdiv {t} splat ({e} 1.0), {0}"}, np.reciprocal,
     lambda g, out, a: (-g * (out * out),), cost=6)  # fmt: skip
_row("quick_sqrt", 1, {"f": _intrinsic("sqrt")}, np.sqrt,
     lambda g, out, a: (g / (2 * out),), cost=6)  # fmt: skip
_row("copysign", 2, {"f": _intrinsic("copysign", 2)}, np.copysign,
     lambda g, out, a, b: (g * (a.sign() * out.sign()), None))  # fmt: skip


def _minmax_vjp(chosen: str) -> Vjp:
    def vjp(g: Expr, out: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
        # ties share the cotangent in halves, as PyTorch does
        half = g / 2
        zero = g.constant(0)
        first = (a < b) if chosen == "minimum" else (a > b)
        tie = a.eq(b)
        left = tie.where(half, first.where(g, zero))
        return left, tie.where(half, first.where(zero, g))

    return vjp


_row("minimum", 2, {"f": _intrinsic("minimum", 2), "i": _intrinsic("smin", 2),
     "u": _intrinsic("umin", 2), "b": "and {t} {0}, {1}"}, np.minimum,
     _minmax_vjp("minimum"), cost=3)  # fmt: skip
_row("maximum", 2, {"f": _intrinsic("maximum", 2), "i": _intrinsic("smax", 2),
     "u": _intrinsic("umax", 2), "b": "or {t} {0}, {1}"}, np.maximum,
     _minmax_vjp("maximum"), cost=3)  # fmt: skip
_row("floor", 1, {"f": _intrinsic("floor")}, np.floor)
_row("ceil", 1, {"f": _intrinsic("ceil")}, np.ceil)
_row("trunc", 1, {"f": _intrinsic("trunc")}, np.trunc)
_row("round", 1, {"f": _intrinsic("roundeven")}, np.round)

# ---- comparison, logic, bits ------------------------------------------------------------------

_row("lt", 2, _compare("olt", "slt", "ult"), np.less, result="bool")
_row("le", 2, _compare("ole", "sle", "ule"), np.less_equal, result="bool")
_row("gt", 2, _compare("ogt", "sgt", "ugt"), np.greater, result="bool")
_row("ge", 2, _compare("oge", "sge", "uge"), np.greater_equal, result="bool")
_row("eq", 2, _compare("oeq", "eq", "eq"), np.equal, result="bool")
_row("ne", 2, _compare("une", "ne", "ne"), np.not_equal, result="bool")


def _integers(template: str) -> dict[str, str]:
    return {"i": template, "u": template, "b": template}


_row("and", 2, _integers("and {t} {0}, {1}"), np.bitwise_and)
_row("or", 2, _integers("or {t} {0}, {1}"), np.bitwise_or)
_row("xor", 2, _integers("xor {t} {0}, {1}"), np.bitwise_xor)
_row("not", 1, _integers("xor {t} {0}, splat ({e} -1)"), np.invert)
_row("shl", 2, _integers("shl {t} {0}, {1}"), np.left_shift)
_row("shr", 2, {"i": "ashr {t} {0}, {1}", "u": "lshr {t} {0}, {1}"}, np.right_shift)
_row("lshr", 2, _integers("lshr {t} {0}, {1}"), _logical_shift)
# where(condition, a, b); the condition is bool, the others share a type
_row("where", 3, dict.fromkeys("fiub", "select {c} {0}, {t} {1}, {t} {2}"), np.where,
     lambda g, out, c, a, b: (None, c.where(g, g.constant(0)), c.where(g.constant(0), g)),
     )  # fmt: skip

# ---- transcendental: float32 by the polynomials of vecmath.py, float64 by the C library ----------


def _library(name: str, function: Callable[..., Any], vjp: Vjp | None, arity: int = 1) -> None:
    _row(name, arity, {}, function, vjp, libm=_LIBM.get(name, name), cost=15)


_LIBM = {"asin": "asin", "erf": "erf", "pow": "pow"}


def _per_element(function: Callable[[float], float]) -> Callable[..., Any]:
    """A function of the standard library for arrays."""
    return lambda x: np.vectorize(function, otypes=[np.result_type(x, np.float32)])(x)


def _log_gamma(x: float) -> float:
    """As the C library has it, where Python raises."""
    if math.isfinite(x) and (x > 0 or x % 1):
        return math.lgamma(x) if x < 1e305 else math.inf
    return math.inf if not math.isnan(x) else x


_library("exp", np.exp, lambda g, out, a: (g * out,))
_library("exp2", np.exp2, lambda g, out, a: (g * out * 0.6931471805599453,))
_library("expm1", np.expm1, lambda g, out, a: (g * (out + 1),))
_library("log", np.log, lambda g, out, a: (g / a,))
_library("log2", np.log2, lambda g, out, a: (g / (a * 0.6931471805599453),))
_library("log10", np.log10, lambda g, out, a: (g / (a * 2.302585092994046),))
_library("log1p", np.log1p, lambda g, out, a: (g / (a + 1),))
_library("tanh", np.tanh, lambda g, out, a: (g * (1 - out * out),))
_library("erf", _per_element(math.erf),
         lambda g, out, a: (g * (1.1283791670955126 * (-(a * a)).exp()),))  # fmt: skip
_library("sin", np.sin, lambda g, out, a: (g * a.cos(),))
_library("cos", np.cos, lambda g, out, a: (-g * a.sin(),))
_library("tan", np.tan, lambda g, out, a: (g * (1 + out * out),))
_library("asin", np.arcsin, lambda g, out, a: (g / (1 - a * a).sqrt(),))
_library("acos", np.arccos, lambda g, out, a: (-g / (1 - a * a).sqrt(),))
_library("atan", np.arctan, lambda g, out, a: (g / (1 + a * a),))
_library("sinh", np.sinh, lambda g, out, a: (g * a.cosh(),))
_library("cosh", np.cosh, lambda g, out, a: (g * a.sinh(),))
_library("asinh", np.arcsinh, lambda g, out, a: (g / (a * a + 1).sqrt(),))
_library("acosh", np.arccosh, lambda g, out, a: (g / (a * a - 1).sqrt(),))
_library("atanh", np.arctanh, lambda g, out, a: (g / (1 - a * a),))
_library("erfc", _per_element(math.erfc),
         lambda g, out, a: (-g * (1.1283791670955126 * (-(a * a)).exp()),))  # fmt: skip
_library("lgamma", _per_element(_log_gamma), lambda g, out, a: (g * a.digamma(),))
_library("hypot", np.hypot, lambda g, out, a, b: (g * (a / out), g * (b / out)), 2)


def _atan2_vjp(g: Expr, out: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    square = a * a + b * b
    share = square.eq(0).where(g.constant(0), g / square)  # at the origin PyTorch has 0
    return share * b, -share * a


_library("atan2", np.arctan2, _atan2_vjp, 2)
# x * 2**n for floating n without fraction
_row("scaled", 2, {}, lambda x, n: np.ldexp(x, n.astype(np.int32)), cost=4)
# the normal distribution function, where an absolute error of 1e-7 is good enough
_row("normal_cdf", 1, {}, _per_element(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5))),
     lambda g, out, a: (g * (0.3989422804014327 * (a * a * -0.5).exp()),), cost=20)  # fmt: skip
_row("sigmoid", 1, {}, lambda x: 1 / (1 + np.exp(-x)),
     lambda g, out, a: (g * ((1 - out) * out),), cost=15)  # fmt: skip


def _pow_vjp(g: Expr, out: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    zero = g.constant(0)
    base = b.eq(0).where(zero, g * (b * a.pow(b - 1)))
    vanishes = a.eq(0) & (b >= 0)
    return base, g * vanishes.where(zero, out * a.log())


_library("pow", np.power, _pow_vjp, 2)
# the identity whose cotangent is dropped
_row("stop_gradient", 1, {}, lambda x: x, None, cost=0)
# the first, with the cotangent passed to the second
_row("through", 2, {}, lambda x, y: x, lambda g, out, a, b: (None, g), cost=0)
