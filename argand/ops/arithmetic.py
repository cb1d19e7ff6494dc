"""Arithmetic: each operation is its formula; gradients follow from the scalar table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels.expr import CAST, SCALAR, Expr, like
from argand.ops.map import COMPLEX, EVERY, FLOAT, FLOATING, NUMERIC, SAME, elementwise
from argand.ops.samples import ANY, NONZERO, POSITIVE, operands
from argand.ops.traces import promoted
from argand.runtime.tensor_base import TensorBase


@elementwise(
    in_place=True,
    operators=("__add__", "__radd__"),
    reference=np.add,
    samples=operands(ANY, ANY, settings=[{"alpha": 2}]),
    kinds=EVERY + COMPLEX,
)
def add(input: Expr, other: Expr, alpha: float = 1) -> Expr:
    """``input + alpha * other``, broadcast.

    Args:
        input, other: tensors or numbers whose shapes broadcast.
        alpha: multiplies `other`.

    >>> import argand
    >>> argand.add(argand.tensor([1, 2]), 3)
    tensor([4, 5])
    """
    if input.dtype.kind == "b":
        return input | other
    return input + other * _factor(alpha, input)


def _factor(alpha: Expr | float, input: Expr) -> Expr | float:
    """`alpha`, if it is of a type that may multiply integers, or bool."""
    kind = input.dtype.kind
    if isinstance(alpha, Expr) and alpha.dtype.kind == "f" and kind in "ui":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return alpha


@elementwise(
    in_place=True,
    operators=("__sub__",),
    aliases=("subtract",),
    reference=np.subtract,
    samples=operands(ANY, ANY, settings=[{"alpha": 2}]),
    kinds=EVERY + COMPLEX,
)
def sub(input: Expr, other: Expr, alpha: float = 1) -> Expr:
    """``input - alpha * other``, broadcast.

    >>> import argand
    >>> argand.tensor([1.0, 2.0]) - 1
    tensor([0., 1.])
    """
    _no_bool(input, other)
    return input - other * _factor(alpha, input)


def _no_bool(*operands: Expr) -> None:
    given = [x.real.args[0] if x.real.op == CAST else x.real for x in operands]
    if any(x.dtype.kind == "b" for x in given):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )


@elementwise(
    out="",
    operators=("__rsub__",),
    tensors=("input",),
    samples=operands(ANY, ANY, settings=[{"alpha": 2}]),
    kinds=EVERY + COMPLEX,
)
def rsub(input: Expr, other: Expr, alpha: float = 1) -> Expr:
    """``other - alpha * input``, broadcast.

    >>> import argand
    >>> 1 - argand.tensor([1.0, 2.0])
    tensor([ 0., -1.])
    """
    _no_bool(input, other)
    return other - input * _factor(alpha, input)


@elementwise(
    in_place=True,
    operators=("__mul__", "__rmul__"),
    aliases=("multiply",),
    reference=np.multiply,
    kinds=EVERY + COMPLEX,
)
def mul(input: Expr, other: Expr) -> Expr:
    """``input * other``, broadcast.

    >>> import argand
    >>> argand.tensor([1.0, 2.0]) * argand.tensor([[2.0], [3.0]])
    tensor([[2., 4.],
            [3., 6.]])
    """
    return input & other if input.dtype.kind == "b" else input * other


def _check_divisor(
    operands: Sequence[Any], settings: Sequence[Any] = (), divisor: int = 1
) -> None:
    """Refuse to divide integers by 0.

    Raises:
        RuntimeError: ``ZeroDivisionError``, as PyTorch words it.
    """
    kind = promoted(operands)
    if kind.kind not in "ui":
        return
    if any(isinstance(x, TensorBase) and not x.form.numel for x in operands):
        return
    value = operands[divisor]
    if isinstance(value, TensorBase):
        some = not value.all().item()  # type: ignore[attr-defined]
    else:
        some = value % (1 << 8 * kind.itemsize) == 0
    if some:
        raise RuntimeError("ZeroDivisionError: integers have no quotient by 0")


def _check_dividing(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    _check_divisor(operands, divisor=0)


def _check_whole_quotient(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    if settings[0] is not None:
        _check_divisor(operands)


@elementwise(
    in_place=True,
    operators=("__truediv__", "__div__"),
    aliases=("divide", "true_divide"),
    reference=np.divide,
    samples=operands(
        ANY, NONZERO, settings=[{"rounding_mode": "trunc"}, {"rounding_mode": "floor"}]
    ),
    check=_check_whole_quotient,
    promote=lambda rounding_mode: FLOAT if rounding_mode is None else SAME,
    kinds=EVERY + COMPLEX,
)
def div(input: Expr, other: Expr, rounding_mode: str | None = None) -> Expr:
    """``input / other``, broadcast; integers divide as floating numbers.

    Args:
        rounding_mode: None, ``"trunc"`` (towards zero) or ``"floor"`` (downwards).

    >>> import argand
    >>> argand.tensor([1, 2]) / 2
    tensor([0.5000, 1.0000])
    """
    if rounding_mode is None:
        return input / other
    if input.dtype.kind in "bc":
        rule = f'"div_{rounding_mode}" not implemented for'
        raise NotImplementedError(f"{rule} '{input.dtype.name}'")
    if rounding_mode == "trunc":
        return (input / other).trunc() if input.dtype.kind == "f" else _whole(input, other)
    if rounding_mode == "floor":
        return _floor_divide(input, other)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


@elementwise(
    promote=FLOAT,
    operators=("__rtruediv__", "__rdiv__"),
    as_function=False,
    as_method=False,
    samples=operands(NONZERO, ANY),
    kinds=EVERY + COMPLEX,
)
def rdiv(input: Expr, other: Expr) -> Expr:
    """``other / input``, broadcast."""
    return other / input


def _floor_divide(a: Expr, b: Expr) -> Expr:
    """As Python's ``//``: exact for floats by way of the remainder, checked for integers."""
    if a.dtype.kind == "f":
        rest = a.rem(b)
        whole = (a - rest) / b
        whole = (rest.ne(0) & ((b < 0) ^ (rest < 0))).where(whole - 1, whole)
        floored = whole.floor()
        floored = (whole - floored > 0.5).where(floored + 1, floored)
        return b.eq(0).where(a / b, floored)
    whole = _whole(a, b)
    if a.dtype.kind == "u":
        return whole
    inexact = (whole * b).ne(a)
    return (inexact & ((a < 0) ^ (b < 0))).where(whole - 1, whole)


def _whole(a: Expr, b: Expr) -> Expr:
    """``a / b`` of integers, rounded towards zero; never what makes a processor stop."""
    if a.dtype.kind == "u":
        return a / b.eq(0).where(b.constant(1), b)
    whole = a / (b.eq(0) | b.eq(-1)).where(b.constant(1), b)
    return b.eq(-1).where(-a, whole)


@elementwise(
    in_place=True,
    operators=("__floordiv__",),
    check=_check_divisor,
    reference=np.floor_divide,
    samples=operands(ANY, NONZERO),
    kinds=NUMERIC,
)
def floor_divide(input: Expr, other: Expr) -> Expr:
    """``input // other``: the quotient rounded downwards.

    >>> import argand
    >>> argand.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """
    return _floor_divide(input, other)


@elementwise(
    operators=("__rfloordiv__",),
    check=_check_dividing,
    as_function=False,
    as_method=False,
    samples=operands(NONZERO, ANY),
    kinds=NUMERIC,
)
def rfloor_divide(input: Expr, other: Expr) -> Expr:
    """``other // input``."""
    return _floor_divide(other, input)


def _remainder(a: Expr, b: Expr) -> Expr:
    if a.dtype.kind == "f":
        rest = a.rem(b)
        return (rest.ne(0) & ((b < 0) ^ (rest < 0))).where(rest + b, rest)
    return a - _floor_divide(a, b) * b


@elementwise(
    in_place=True,
    operators=("__mod__",),
    check=_check_divisor,
    reference=np.remainder,
    samples=operands(ANY, NONZERO),
    kinds=NUMERIC,
)
def remainder(input: Expr, other: Expr) -> Expr:
    """``input % other``, with the sign of `other`, as Python's ``%``.

    >>> import argand
    >>> argand.tensor([7, -7]) % 4
    tensor([3, 1])
    """
    return _remainder(input, other)


@elementwise(
    operators=("__rmod__",),
    check=_check_dividing,
    as_function=False,
    as_method=False,
    samples=operands(NONZERO, ANY),
    kinds=NUMERIC,
)
def rremainder(input: Expr, other: Expr) -> Expr:
    """``other % input``."""
    return _remainder(other, input)


@elementwise(
    in_place=True,
    reference=np.fmod,
    samples=operands(ANY, NONZERO),
    kinds=NUMERIC,
    check=_check_divisor,
    tensors=("input",),
)
def fmod(input: Expr, other: Expr) -> Expr:
    """The remainder of the quotient rounded towards zero: it has the sign of `input`.

    >>> import argand
    >>> argand.fmod(argand.tensor([-7.0]), 4)
    tensor([-3.])
    """
    if input.dtype.kind == "f":
        return input.rem(other)
    return input - _whole(input, other) * other


def _integer_power(base: Expr, exponent: Expr) -> Expr:
    """Powers of integers by repeated squaring; negative exponents give 0 but for 1 and -1."""
    result = base.constant(1)
    square, rest = base, exponent.maximum(0) if exponent.dtype.kind == "i" else exponent
    for _ in range(6):  # exponents of 64 and more overflow but for -1, 0 and 1
        result = (rest & 1).ne(0).where(result * square, result)
        square = square * square
        rest = rest.shr(rest.constant(1))
    if exponent.dtype.kind == "u":
        return result
    odd = (exponent & 1).ne(0)
    unit = base.eq(1).where(base.constant(1), base.eq(-1).where(
        odd.where(base.constant(-1), base.constant(1)), base.constant(0)))  # fmt: skip
    return ((exponent < 0) | (exponent >= 64)).where(
        (exponent < 0).where(unit, (base.abs() <= 1).where(
            base.eq(-1).where(odd.where(base.constant(-1), base.constant(1)), base), result)),
        result,
    )  # fmt: skip


@elementwise(
    in_place=True,
    operators=(),
    as_method=False,
    as_function=False,
    samples=operands(POSITIVE, ANY),
    graph_name="pow",
    kinds=EVERY + COMPLEX,
)
def power_of(input: Expr, other: Expr) -> Expr:
    """``input ** other`` for an exponent that varies from call to call."""
    if input.dtype.kind == "b":
        if other.op != SCALAR:
            raise NotImplementedError("\"pow\" not implemented for 'bool'")
        return input | ~other
    return input.pow(other) if input.dtype.kind in "fc" else _integer_power(input, other)


@elementwise(
    in_place=True,
    as_method=False,
    as_function=False,
    graph_name="pow",
    kinds=EVERY + COMPLEX,
)
def power_fixed(input: Expr, exponent: Any = 2) -> Expr:
    """``input ** exponent`` for one of the exponents that have a kernel of their own."""
    return input.pow(exponent)


@elementwise(
    out="exact",
    in_place=True,
    operators=("__neg__",),
    aliases=("negative",),
    reference=np.negative,
    kinds=EVERY + COMPLEX,
)
def neg(input: Expr) -> Expr:
    """``-input``.

    >>> import argand
    >>> -argand.tensor([1, -2])
    tensor([-1,  2])
    """
    if input.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return -input


@elementwise(
    out="exact",
    in_place=True,
    operators=("__abs__",),
    aliases=("absolute",),
    reference=np.abs,
    kinds=NUMERIC + COMPLEX,
)
def abs(input: Expr) -> Expr:
    """The absolute value.

    >>> import argand
    >>> argand.abs(argand.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    return input.abs()


@elementwise(out="exact", in_place=True, reference=np.sign)
def sign(input: Expr) -> Expr:
    """-1, 0 or 1.

    >>> import argand
    >>> argand.sign(argand.tensor([-3.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return input.sign()


@elementwise(in_place=True, reference=np.square, kinds=EVERY + COMPLEX)
def square(input: Expr) -> Expr:
    """``input * input``.

    >>> import argand
    >>> argand.square(argand.tensor([3.0]))
    tensor([9.])
    """
    number = input.to(dtypes.int64) if input.dtype.kind == "b" else input
    return number * number


@elementwise(
    promote=FLOAT,
    in_place=True,
    reference=lambda x: 1 / x,
    samples=operands(NONZERO),
    kinds=EVERY + COMPLEX,
)
def reciprocal(input: Expr) -> Expr:
    """``1 / input``.

    >>> import argand
    >>> argand.reciprocal(argand.tensor([4.0]))
    tensor([0.2500])
    """
    return 1 / input


@elementwise(
    in_place=True,
    reference=lambda a,
    b,
    w: a + w * (b - a),
    samples=operands(ANY, ANY, ANY, numbers=[2]),
    tensors=("input", "end"),
    kinds=FLOATING + COMPLEX,
)
def lerp(input: Expr, end: Expr, weight: Expr) -> Expr:
    """``input + weight * (end - input)``.

    >>> import argand
    >>> argand.lerp(argand.tensor([0.0]), argand.tensor([10.0]), 0.3)
    tensor([3.])
    """
    step = end - input
    return (weight.abs() < 0.5).where(input + weight * step, end - step * (1 - weight))


@elementwise(
    in_place=True,
    reference=lambda x,
    a,
    b,
    value=1: x + value * a * b,
    samples=operands(ANY, ANY, ANY, numbers=[], settings=[{"value": 2}]),
    tensors=("input", "tensor1", "tensor2"),
    kinds=NUMERIC + COMPLEX,
)
def addcmul(input: Expr, tensor1: Expr, tensor2: Expr, value: float = 1) -> Expr:
    """``input + value * tensor1 * tensor2``.

    >>> import argand
    >>> one = argand.ones(1)
    >>> argand.addcmul(one, one, one, value=0.5)
    tensor([1.5000])
    """
    return input + tensor1 * like(input, value) * tensor2


@elementwise(
    in_place=True,
    reference=lambda x,
    a,
    b,
    value=1: x + value * a / b,
    samples=operands(ANY, ANY, NONZERO, numbers=[], settings=[{"value": 2}]),
    tensors=("input", "tensor1", "tensor2"),
    kinds=FLOATING + COMPLEX,
)
def addcdiv(input: Expr, tensor1: Expr, tensor2: Expr, value: float = 1) -> Expr:
    """``input + value * tensor1 / tensor2``.

    >>> import argand
    >>> one = argand.ones(1)
    >>> argand.addcdiv(one, one, one * 2, value=0.5)
    tensor([1.2500])
    """
    return input + tensor1 * value / tensor2
