"""Whole numbers: shifts of their bits, and common divisors."""

from __future__ import annotations

import numpy as np

from argand.kernels.expr import Expr
from argand.ops.map import elementwise
from argand.ops.samples import ANY, Range, operands

INTEGERS = "iu"
_PLACES = Range(0, 4)


def _within(value: Expr, places: Expr, shifted: Expr, beyond: Expr) -> Expr:
    """`shifted` where that many places exist, else `beyond`."""
    bits = 8 * value.dtype.itemsize
    inside = places < bits if places.dtype.kind == "u" else (places >= 0) & (places < bits)
    return inside.where(shifted, beyond)


def _left(value: Expr, places: Expr) -> Expr:
    return _within(value, places, value.shl(places), value.constant(0))


def _right(value: Expr, places: Expr) -> Expr:
    """What is moved in is the sign."""
    most = value.constant(8 * value.dtype.itemsize - 1)
    beyond = value.constant(0) if value.dtype.kind == "u" else value.shr(most)
    return _within(value, places, value.shr(places), beyond)


@elementwise(
    in_place=True,
    operators=("__lshift__",),
    kinds=INTEGERS,
    reference=np.left_shift,
    samples=operands(ANY, _PLACES),
)
def bitwise_left_shift(input: Expr, other: Expr) -> Expr:
    """``input << other``: the bits moved up.

    >>> import argand
    >>> argand.tensor([1, -3]) << 2
    tensor([  4, -12])
    """
    return _left(input, other)


@elementwise(
    in_place=True,
    operators=("__rshift__",),
    kinds=INTEGERS,
    reference=np.right_shift,
    samples=operands(ANY, _PLACES),
)
def bitwise_right_shift(input: Expr, other: Expr) -> Expr:
    """``input >> other``: the bits moved down; the sign stays.

    >>> import argand
    >>> argand.tensor([5, -8]) >> 1
    tensor([ 2, -4])
    """
    return _right(input, other)


@elementwise(
    operators=("__rlshift__",),
    as_function=False,
    as_method=False,
    kinds=INTEGERS,
    samples=operands(_PLACES, ANY),
)
def left_shift_of(input: Expr, other: Expr) -> Expr:
    """``other << input``."""
    return _left(other, input)


@elementwise(
    operators=("__rrshift__",),
    as_function=False,
    as_method=False,
    kinds=INTEGERS,
    samples=operands(_PLACES, ANY),
)
def right_shift_of(input: Expr, other: Expr) -> Expr:
    """``other >> input``."""
    return _right(other, input)


@elementwise(
    in_place=True,
    kinds=INTEGERS,
    reference=np.gcd,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def gcd(input: Expr, other: Expr) -> Expr:
    """The greatest common divisor.

    >>> import argand
    >>> argand.gcd(argand.tensor([4, 5]), argand.tensor([6, 0]))
    tensor([2, 5])
    """
    return input.common_divisor(other)


@elementwise(
    in_place=True,
    kinds=INTEGERS,
    reference=np.lcm,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("input", "other"),
)
def lcm(input: Expr, other: Expr) -> Expr:
    """The least common multiple.

    >>> import argand
    >>> argand.lcm(argand.tensor([4, 5]), argand.tensor([6, 0]))
    tensor([12,  0])
    """
    divisor = input.common_divisor(other)
    divisor = divisor.eq(0).where(divisor.constant(1), divisor)
    return (input / divisor * other).abs()
