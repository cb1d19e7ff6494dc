"""What floating numbers are made of: signs, exponents, neighbours, infinities and NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels.expr import Expr, const, pair, parts
from argand.ops.function import composite
from argand.ops.map import COMPLEX, EVERY, FLOAT, FLOATING, elementwise
from argand.ops.record import Either
from argand.ops.restricted import restricted
from argand.ops.results import result_type
from argand.ops.samples import ANY, call, operands
from argand.runtime.tensor_base import TensorBase

_Frexp = result_type("frexp", "mantissa exponent")


@composite(
    operators=("__pos__",),
    reference=np.positive,
    samples=lambda draw: [call(draw(3, 4)), call(draw()), call(draw(0, 3))],
)
def positive(input: Any) -> Any:
    """The input itself.

    >>> import argand
    >>> +argand.tensor([1, -2])
    tensor([ 1, -2])
    """
    if input.form.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@elementwise(reference=np.signbit)
def signbit(input: Expr) -> Expr:
    """Whether the sign is set; that of a floating 0 may be.

    >>> import argand
    >>> argand.signbit(argand.tensor([-0.0, 0.0, -1.0]))
    tensor([ True, False,  True])
    """
    if input.dtype.kind == "f":
        return input.constant(1).copysign(input) < 0
    return input < 0 if input.dtype.kind == "i" else input.ne(input)


@elementwise(promote=FLOAT, in_place=True, reference=np.copysign, tensors=("input",))
def copysign(input: Expr, other: Expr) -> Expr:
    """The size of `input` with the sign of `other`.

    >>> import argand
    >>> argand.copysign(argand.tensor([1.0, 2.0]), -1)
    tensor([-1., -2.])
    """
    return input.copysign(other)


@elementwise(
    in_place=True, as_method=False, as_function=False, kinds=FLOATING, graph_name="nextafter"
)
def next_of(input: Expr, other: Expr, spare: int = 0) -> Expr:
    """The neighbour of `input` in the direction of `other`, by its bits.

    `spare` says how many bits of the computed type the one in memory lacks.
    """
    integer = dtypes.int64 if input.dtype is dtypes.float64 else dtypes.int32
    step = const(1 << spare, integer)
    bits = input.bitcast(integer)  # of one sign, these are in the order of the numbers
    outwards = (input < other) ^ (input < 0)
    moved = outwards.where(bits + step, bits - step).bitcast(input.dtype)
    moved = input.eq(0).where(step.bitcast(input.dtype).copysign(other), moved)
    moved = (input.ne(input) | other.ne(other)).where(input + other, moved)
    return input.eq(other).where(other.stop_gradient(), moved.through(input))


def _neighbours(input: Any, other: Any) -> Any:
    kind = dtypes.promote_types(input.form.dtype, other.form.dtype)
    if kind is dtypes.float16:
        raise NotImplementedError("nextafter is not there for float16")
    return 16 if kind is dtypes.bfloat16 else 0


@composite(
    reference=np.nextafter,
    samples=lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(), draw()), call(draw(3, 1), draw(4)),
    ] if draw.kind not in (draw.dtype("float16"), draw.dtype("bfloat16")) else [],
)  # fmt: skip
def nextafter(input: Any, other: Any) -> Any:
    """The next floating number after `input` in the direction of `other`.

    >>> import argand
    >>> one = argand.tensor([1.0])
    >>> argand.nextafter(one, one * 2) - one
    tensor([1.1921e-07])
    """
    return next_of(input, other, _neighbours(input, other))


@nextafter.in_place_form
def _next_in_place(input: Any, other: Any) -> Any:
    return next_of.in_place_method()(input, other, _neighbours(input, other))


@elementwise(
    as_method=False,
    as_function=False,
    graph_name="frexp",
    kinds=FLOATING,
)
def frexp_parts(input: Expr) -> tuple[Expr, Expr]:
    """Mantissa and exponent from the bits."""
    wide = input.to(dtypes.float64)
    # a denormal float64 becomes normal; float32 ones are so already
    tiny = (wide.abs() < 2.0**-1022) & wide.ne(0)
    scaled = tiny.where(wide * 2.0**64, wide)
    bits = scaled.bitcast(dtypes.int64)
    plain = wide.ne(0) & (wide.abs() < math.inf)
    exponent = (bits.shr(const(52, dtypes.int64)) & 0x7FF) - tiny.where(
        const(1022 + 64, dtypes.int64), const(1022, dtypes.int64)
    )
    exponent = plain.where(exponent, exponent.constant(0))
    half = ((bits & 0x000FFFFFFFFFFFFF) | (1022 << 52)).bitcast(dtypes.float64)
    mantissa = plain.where(half.copysign(wide), wide).to(input.dtype)
    # PyTorch's derivative: the mantissa is the input times a power of two that stays
    factor = ((1023 - exponent).maximum(1).shl(const(52, dtypes.int64))).bitcast(dtypes.float64)
    passing = input * factor.to(input.dtype).stop_gradient()
    return mantissa.through(passing), exponent.to(dtypes.int32)


@composite(
    reference=np.frexp,
    samples=lambda draw: [call(draw(3, 4)), call(draw()), call(draw(0, 3))],
)
def frexp(input: Any) -> Either:
    """Mantissas of size 0.5 to 1 and int32 exponents: ``mantissa * 2 ** exponent`` is the input.

    >>> import argand
    >>> mantissa, exponent = argand.frexp(argand.tensor([3.0]))
    >>> mantissa, exponent
    (tensor([0.7500]), tensor([2], dtype=torch.int32))
    """
    if input.form.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return _Frexp(frexp_parts(input))


@composite(
    reference=lambda x, n: x * np.power(2.0, n),
    samples=lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(2, 3), draw.index(3, below=5)),
        call(draw(), draw()),
    ],
)  # fmt: skip
def ldexp(input: Any, other: Any) -> Any:
    """``input * 2 ** other``.

    >>> import argand
    >>> argand.ldexp(argand.tensor([1.5]), argand.tensor([3]))
    tensor([12.])
    """
    if not isinstance(other, TensorBase):
        rule = f"argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        raise TypeError(f"ldexp(): {rule}")
    return input * _power_of_two(input, other)


def _power_of_two(input: Any, exponent: Any) -> Any:
    """In the type of the input, so that whole exponents do not widen it."""
    return (input.new_full((), 2.0) if input.form.dtype.kind == "f" else 2.0) ** exponent


@ldexp.in_place_form
def _ldexp_in_place(input: Any, other: Any) -> Any:
    return input.mul_(_power_of_two(input, other))


@elementwise(reference=np.isposinf)
def isposinf(input: Expr) -> Expr:
    """Whether elements are positive infinity.

    >>> import argand
    >>> argand.isposinf(argand.tensor([float("inf"), 1.0]))
    tensor([ True, False])
    """
    return input.eq(math.inf) if input.dtype.kind == "f" else input.ne(input)


@elementwise(reference=np.isneginf)
def isneginf(input: Expr) -> Expr:
    """Whether elements are negative infinity.

    >>> import argand
    >>> argand.isneginf(argand.tensor([float("-inf"), 1.0]))
    tensor([ True, False])
    """
    return input.eq(-math.inf) if input.dtype.kind == "f" else input.ne(input)


@elementwise(
    in_place=True,
    as_method=False,
    as_function=False,
    graph_name="nan_to_num",
    kinds=EVERY + COMPLEX,
)
def finite_of(input: Expr, nan: float = 0.0, posinf: float = 0.0, neginf: float = 0.0) -> Expr:
    """The input with other numbers in place of NaN and the infinities."""
    if input.dtype.kind == "c":
        return pair(*(finite_of.body(part, nan, posinf, neginf) for part in parts(input)))
    if input.dtype.kind != "f":
        return input
    result = input.ne(input).where(nan, input)
    result = input.eq(math.inf).where(posinf, result)
    return input.eq(-math.inf).where(neginf, result)


def _replacements(input: Any, nan: Any, posinf: Any, neginf: Any) -> tuple[float, float, float]:
    kind = input.form.dtype
    largest = dtypes.finfo(kind).max if kind.kind in "fc" else 0.0
    return (
        0.0 if nan is None else float(nan),
        largest if posinf is None else float(posinf),
        -largest if neginf is None else float(neginf),
    )


@composite(
    reference=lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(
        x, nan=nan, posinf=posinf, neginf=neginf
    ),
    samples=lambda draw: [call(draw(3, 4)), call(draw(), 1.0), call(draw(0, 3), posinf=2.0)],
)
def nan_to_num(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """The input with other numbers in place of NaN and the infinities.

    Args:
        nan: what replaces NaN: 0 if left out.
        posinf, neginf: what replaces the infinities: the largest and smallest number of the type.

    >>> import argand
    >>> argand.nan_to_num(argand.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    return finite_of(input, *_replacements(input, nan, posinf, neginf))


@nan_to_num.in_place_form
def _nan_to_num_in_place(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Any:
    return finite_of.in_place_method()(input, *_replacements(input, nan, posinf, neginf))


@restricted(
    in_place=True,
    fixed=("input", "values"),
    reference=lambda x, values: np.heaviside(x, values),
    samples=lambda draw: [
        call(draw(3, 4).detach(), draw(3, 4).detach()), call(draw().detach(), draw().detach()),
        call(draw(3, 1).detach(), draw(4).detach()),
    ],
    tensors=("input", "values"),
)  # fmt: skip
def heaviside(input: Expr, values: Expr) -> Expr:
    """0 below 0, 1 above, and `values` at 0.

    >>> import argand
    >>> argand.heaviside(argand.tensor([-1.0, 0.0, 2.0]), argand.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    zero, one = input.constant(0), input.constant(1)
    sign = input if input.dtype.kind == "b" else input > 0
    return input.eq(0).where(values, sign.where(one, zero))


def _larger(input: Expr, other: Expr) -> Expr:
    if input.dtype.kind == "b":
        return input | other
    return ((input >= other) | other.ne(other)).where(input, other)


def _smaller(input: Expr, other: Expr) -> Expr:
    if input.dtype.kind == "b":
        return input & other
    return ((input <= other) | other.ne(other)).where(input, other)


@elementwise(
    reference=np.fmax, samples=operands(ANY, ANY, numbers=[]), tensors=("input", "other")
)
def fmax(input: Expr, other: Expr) -> Expr:
    """The larger of two; where one is NaN, the other.

    >>> import argand
    >>> argand.fmax(argand.tensor([1.0, float("nan")]), argand.tensor([0.0, 2.0]))
    tensor([1., 2.])
    """
    return _larger(input, other)


@elementwise(
    reference=np.fmin, samples=operands(ANY, ANY, numbers=[]), tensors=("input", "other")
)
def fmin(input: Expr, other: Expr) -> Expr:
    """The smaller of two; where one is NaN, the other.

    >>> import argand
    >>> argand.fmin(argand.tensor([1.0, float("nan")]), argand.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """
    return _smaller(input, other)
