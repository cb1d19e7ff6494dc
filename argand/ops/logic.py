"""Comparison, logic and bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels.expr import Expr
from argand.ops.map import COMPLEX, EVERY, WHOLE, elementwise
from argand.ops.samples import ANY, operands


@elementwise(
    in_place=True,
    operators=("__eq__",),
    reference=np.equal,
    tensors=("input",),
    kinds=EVERY + COMPLEX,
)
def eq(input: Expr, other: Expr) -> Expr:
    """Whether elements are equal.

    >>> import argand
    >>> argand.tensor([1, 2]) == argand.tensor([1, 3])
    tensor([ True, False])
    """
    return input.eq(other)


@elementwise(
    in_place=True,
    operators=("__ne__",),
    aliases=("not_equal",),
    reference=np.not_equal,
    tensors=("input",),
    kinds=EVERY + COMPLEX,
)
def ne(input: Expr, other: Expr) -> Expr:
    """Whether elements differ.

    >>> import argand
    >>> argand.tensor([1, 2]) != 1
    tensor([False,  True])
    """
    return input.ne(other)


@elementwise(
    in_place=True,
    operators=("__lt__",),
    aliases=("less",),
    reference=np.less,
    tensors=("input",),
)
def lt(input: Expr, other: Expr) -> Expr:
    """``input < other``.

    >>> import argand
    >>> argand.tensor([1, 2]) < 2
    tensor([ True, False])
    """
    return input < other


@elementwise(
    in_place=True,
    operators=("__le__",),
    aliases=("less_equal",),
    reference=np.less_equal,
    tensors=("input",),
)
def le(input: Expr, other: Expr) -> Expr:
    """``input <= other``.

    >>> import argand
    >>> argand.tensor([1, 2, 3]) <= 2
    tensor([ True,  True, False])
    """
    return input <= other


@elementwise(
    in_place=True,
    operators=("__gt__",),
    aliases=("greater",),
    reference=np.greater,
    tensors=("input",),
)
def gt(input: Expr, other: Expr) -> Expr:
    """``input > other``.

    >>> import argand
    >>> argand.tensor([1, 2]) > 1
    tensor([False,  True])
    """
    return input > other


@elementwise(
    in_place=True,
    operators=("__ge__",),
    aliases=("greater_equal",),
    reference=np.greater_equal,
    tensors=("input",),
)
def ge(input: Expr, other: Expr) -> Expr:
    """``input >= other``.

    >>> import argand
    >>> argand.tensor([1, 2]) >= 2
    tensor([False,  True])
    """
    return input >= other


@elementwise(
    in_place=True,
    reference=np.logical_and,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
    kinds=EVERY + COMPLEX,
)
def logical_and(input: Expr, other: Expr) -> Expr:
    """Whether both are nonzero.

    >>> import argand
    >>> argand.logical_and(argand.tensor([0, 2]), argand.tensor(1))
    tensor([False,  True])
    """
    return input.to(dtypes.bool_) & other.to(dtypes.bool_)


@elementwise(
    in_place=True,
    reference=np.logical_or,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
    kinds=EVERY + COMPLEX,
)
def logical_or(input: Expr, other: Expr) -> Expr:
    """Whether one is nonzero.

    >>> import argand
    >>> argand.logical_or(argand.tensor([0, 2]), argand.tensor(0))
    tensor([False,  True])
    """
    return input.to(dtypes.bool_) | other.to(dtypes.bool_)


@elementwise(
    in_place=True,
    reference=np.logical_xor,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
    kinds=EVERY + COMPLEX,
)
def logical_xor(input: Expr, other: Expr) -> Expr:
    """Whether exactly one is nonzero.

    >>> import argand
    >>> argand.logical_xor(argand.tensor([0, 2]), argand.tensor(1))
    tensor([ True, False])
    """
    return input.to(dtypes.bool_) ^ other.to(dtypes.bool_)


@elementwise(in_place=True, reference=np.logical_not, kinds=EVERY + COMPLEX)
def logical_not(input: Expr) -> Expr:
    """Whether the element is zero.

    >>> import argand
    >>> argand.logical_not(argand.tensor([0, 2]))
    tensor([ True, False])
    """
    return ~input.to(dtypes.bool_)


@elementwise(
    in_place=True,
    operators=("__and__", "__rand__"),
    reference=np.bitwise_and,
    kinds=WHOLE,
)
def bitwise_and(input: Expr, other: Expr) -> Expr:
    """The bits that both have.

    >>> import argand
    >>> argand.tensor([6]) & 3
    tensor([2])
    """
    return input & other


@elementwise(in_place=True, operators=("__or__", "__ror__"), reference=np.bitwise_or, kinds=WHOLE)
def bitwise_or(input: Expr, other: Expr) -> Expr:
    """The bits that one has.

    >>> import argand
    >>> argand.tensor([6]) | 3
    tensor([7])
    """
    return input | other


@elementwise(
    in_place=True,
    operators=("__xor__", "__rxor__"),
    reference=np.bitwise_xor,
    kinds=WHOLE,
)
def bitwise_xor(input: Expr, other: Expr) -> Expr:
    """The bits that exactly one has.

    >>> import argand
    >>> argand.tensor([6]) ^ 3
    tensor([5])
    """
    return input ^ other


@elementwise(
    out="exact",
    in_place=True,
    operators=("__invert__",),
    reference=np.invert,
    kinds=WHOLE,
)
def bitwise_not(input: Expr) -> Expr:
    """All bits inverted; for bool, the logical not.

    >>> import argand
    >>> ~argand.tensor([True, False])
    tensor([False,  True])
    """
    return ~input


@elementwise(out="", reference=np.isnan, kinds=EVERY + COMPLEX)
def isnan(input: Expr) -> Expr:
    """Whether elements are not a number.

    >>> import argand
    >>> argand.isnan(argand.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    return input.ne(input)


@elementwise(out="", reference=np.isinf, kinds=EVERY + COMPLEX)
def isinf(input: Expr) -> Expr:
    """Whether elements are infinite.

    >>> import argand
    >>> argand.isinf(argand.tensor([1.0, float("inf")]))
    tensor([False,  True])
    """
    if input.dtype.kind == "c":
        return isinf.body(input.real) | isinf.body(input.imag)
    if input.dtype.kind != "f":
        return input.ne(input)
    return input.abs().eq(math.inf)


@elementwise(out="", reference=np.isfinite, kinds=EVERY + COMPLEX)
def isfinite(input: Expr) -> Expr:
    """Whether elements are neither infinite nor NaN.

    >>> import argand
    >>> argand.isfinite(argand.tensor([1.0, float("inf")]))
    tensor([ True, False])
    """
    if input.dtype.kind == "c":
        return isfinite.body(input.real) & isfinite.body(input.imag)
    if input.dtype.kind != "f":
        return input.eq(input)
    return input.abs() < math.inf


def _check_tolerances(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    for name, value in zip(("rtol", "atol"), settings):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")


@elementwise(
    out="",
    reference=np.isclose,
    samples=operands(ANY, ANY, numbers=[], settings=[{"rtol": 0.5}, {"equal_nan": True}]),
    tensors=("input", "other"),
    check=_check_tolerances,
    kinds=EVERY + COMPLEX,
)
def isclose(
    input: Expr, other: Expr, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Expr:
    """Whether ``|input - other| <= atol + rtol |other|``.

    >>> import argand
    >>> argand.isclose(argand.tensor([1.0, 2.0]), argand.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    same = input.eq(other)
    if input.dtype.kind not in "fc":
        return _near(input, other, rtol, atol)
    close = same | (((input - other).abs() <= atol + rtol * other.abs()) & (other.abs() < math.inf))
    return close | (input.ne(input) & other.ne(other)) if equal_nan else close


def _near(a: Expr, b: Expr, rtol: float, atol: float) -> Expr:
    a, b = a.to(dtypes.float64), b.to(dtypes.float64)
    return (a - b).abs() <= atol + rtol * b.abs()
