"""Powers and limits whose kernels depend on what is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arithmetic import power_fixed, power_of
from argand.ops.function import composite
from argand.ops.rounding import clamp_both, clamp_max, clamp_min
from argand.ops.samples import Call, Draw, call
from argand.runtime.tensor_base import TensorBase

_FIXED = (0, 0.5, 1, 2, 3, -0.5, -1)


def _kernel_of(input: Any, exponent: Any) -> Any:
    """The record that computes a power: one with a fixed exponent where that pays."""
    if isinstance(exponent, (int, float)) and isinstance(input, TensorBase):
        if input.form.dtype.kind in "fc" and exponent in _FIXED:
            return power_fixed
        if isinstance(exponent, int) and input.form.dtype.kind in "ui":
            if exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            if exponent in (2, 3):
                return power_fixed
    return power_of


def _power_samples(draw: Draw) -> Iterable[Call]:
    for exponent in (0, 1, 2, 3, 5, *((0.5, -1, -0.5, 2.5) if draw.floating else ())):
        yield call(draw(3, 4, low=0.1, high=3.0), exponent)
    yield call(draw(3, 4, low=0.1, high=3.0), draw(4, low=0.0))
    yield call(draw(low=0.1), draw(low=0.0))
    yield call(draw(0, 2), 2)
    yield call(draw.number(1.0, 2.0), draw(3, low=0.0))


@composite(out="cast", operators=("__pow__",), reference=np.power, samples=_power_samples)
def pow(input: Any, exponent: Any) -> Any:
    """``input ** exponent``, broadcast.

    >>> import argand
    >>> argand.tensor([1.0, 2.0]) ** 2
    tensor([1., 4.])
    """
    return _kernel_of(input, exponent)(input, exponent)


@pow.in_place_form
def _pow_in_place(input: Any, exponent: Any) -> Any:
    return _change(_kernel_of(input, exponent), input, exponent)


def _change(record: Any, *arguments: Any) -> Any:
    return record.in_place_method()(*arguments)


@composite(
    operators=("__rpow__",),
    as_function=False,
    samples=lambda draw: [call(draw(3, 4), draw.number(0.5, 3.0))],
    reference=lambda x, base: np.power(base, x),
    as_method=False,
)
def rpow(input: Any, base: Any) -> Any:
    """``base ** input``.

    >>> import argand
    >>> 2 ** argand.tensor([1.0, 3.0])
    tensor([2., 8.])
    """
    return power_of(base, input)


def _as_double(value: Any) -> Any:
    """Tensors as float64 (or complex128), numbers as they are."""
    if not isinstance(value, TensorBase):
        return value
    wide = dtypes.complex128 if value.form.dtype.kind == "c" else dtypes.float64
    return value.to(wide)  # type: ignore[attr-defined]


@composite(
    samples=lambda draw: [
        call(draw(3, 4, low=0.1), draw(4, low=0.1)), call(draw(2, 3, low=0.1), 2),
        call(draw.number(1.0, 2.0), draw(3, low=0.1)),
    ],
    reference=lambda x, y: np.float_power(x, y),
)
def float_power(input: Any, exponent: Any) -> Any:
    """``input ** exponent`` in float64.

    >>> import argand
    >>> argand.float_power(argand.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    if not (isinstance(input, TensorBase) or isinstance(exponent, TensorBase)):
        raise TypeError("float_power(): one argument must be a Tensor")
    return pow.body(_as_double(input), _as_double(exponent))


@float_power.in_place_form
def _float_power_in_place(input: Any, exponent: Any) -> Any:
    if input.form.dtype not in (dtypes.float64, dtypes.complex128):
        raise RuntimeError(
            "float_power_: the base given to float_power_ has dtype "
            f"{input.form.dtype.name} but the operation's result requires dtype float64"
        )
    return _pow_in_place(input, _as_double(exponent))


def _limits(min: Any, max: Any) -> tuple[Any, tuple[Any, ...]]:
    """The record that limits, and the limits it takes."""
    if min is None and max is None:
        raise ValueError("clamp: At least one of 'min' or 'max' must not be None")
    if max is None:
        return clamp_min, (min,)
    if min is None:
        return clamp_max, (max,)
    return clamp_both, (min, max)


@composite(
    aliases=("clip",),
    samples=lambda draw: [
        call(draw(3, 4), 0, 1), call(draw(3, 4), max=1), call(draw(3, 4), min=0),
        call(draw(3, 4), draw(3, 4), draw(4)), call(draw(), 0, 1), call(draw(0, 2), 0),
    ],
    reference=lambda x, min=None, max=None: np.clip(x, min, max),
)
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Limit elements to the range from `min` to `max`; either may be None.

    >>> import argand
    >>> argand.clamp(argand.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    record, limits = _limits(min, max)
    return record(input, *limits)


@clamp.in_place_form
def _clamp_in_place(input: Any, min: Any = None, max: Any = None) -> Any:
    record, limits = _limits(min, max)
    return _change(record, input, *limits)
