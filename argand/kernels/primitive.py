"""Primitives that are expressions of simpler ones, with a derivative of their own.

`primitive` enters a row in the scalar table and keeps its expansion, which is put in its place when
a kernel is written. On floating numbers an expansion computes in float64, whatever the type of the
operation: so the same formula serves all types, and results of float32 are right to the last bit
or two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from argand import dtypes
from argand.kernels.expr import INPUT, Expr, evaluate, leaf
from argand.kernels.iterate import iterate
from argand.kernels.scalar import TABLE, Primitive, Vjp

F64 = dtypes.float64

EXPANSIONS: dict[str, Callable[..., Expr]] = {}


def primitive(
    vjp: Vjp | None = None, cost: int = 100
) -> Callable[[Callable[..., Expr]], Callable[..., Expr]]:
    """Decorator: the function becomes a row of the scalar table, with this derivative."""

    def enter(function: Callable[..., Expr]) -> Callable[..., Expr]:
        name = function.__name__
        arity = function.__code__.co_argcount
        EXPANSIONS[name] = function
        TABLE[name] = Primitive(name, arity, {}, _by_numpy(name), vjp, cost=cost)
        return function

    return enter


@cache
def expansion(name: str, kind: dtypes.dtype) -> tuple[Expr, tuple[Expr, ...]]:
    """The expression of a primitive on values of a type, and the leaves that stand for them."""
    symbols = tuple([leaf(INPUT, k, kind) for k in range(TABLE[name].arity)])
    wide = [x.to(F64) if kind.kind == "f" else x for x in symbols]
    return EXPANSIONS[name](*wide).to(kind), symbols


def _by_numpy(name: str) -> Callable[..., Any]:
    """The primitive on arrays, from its expansion."""

    def compute(*arguments: Any) -> Any:
        kind = dtypes.from_numpy(arguments[0].dtype)
        root, symbols = expansion(name, kind)
        return evaluate([root], dict(zip(symbols, arguments)))[0]

    return compute


def polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """``c[0] + c[1] x + ...`` by Horner's rule with fused multiply-adds."""
    result = x.constant(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = result.fma(x, x.constant(c))
    return result


def chebyshev(x: Expr, coefficients: Sequence[float]) -> Expr:
    """``c[0] / 2 + c[1] T1(x) + c[2] T2(x) + ...`` by Clenshaw's recurrence."""
    twice = x + x
    later = last = x.constant(0.0)
    for c in reversed(coefficients[1:]):
        later, last = twice.fma(later, x.constant(c) - last), later
    return x.fma(later, x.constant(coefficients[0] / 2) - last)


@primitive()
def common_divisor(a: Expr, b: Expr) -> Expr:
    """Of integers, by Euclid."""

    def step(a: Expr, b: Expr) -> tuple[Expr, ...]:
        return b.ne(0), b, a.rem(b)

    return iterate(100, step, a.abs(), b.abs())[0]
