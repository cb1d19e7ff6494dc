"""Powers and limits whose kernels depend on what is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arithmetic import power_fixed, power_of
from argand.ops.function import composite
from argand.ops.rounding import clamp_both, clamp_max, clamp_min
from argand.runtime.tensor_base import TensorBase

_FIXED = (0, 0.5, 1, 2, 3, -0.5, -1)


@composite(operators=("__pow__",), reference=np.power)
def pow(input: Any, exponent: Any) -> Any:
    """``input ** exponent``, broadcast.

    >>> import argand
    >>> argand.tensor([1.0, 2.0]) ** 2
    tensor([1., 4.])
    """
    if isinstance(exponent, (int, float)) and isinstance(input, TensorBase):
        if input.layout.dtype.kind == "f" and exponent in _FIXED:
            return power_fixed(input, exponent)
        if isinstance(exponent, int) and input.layout.dtype.kind in "ui":
            if exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            if exponent in (2, 3):
                return power_fixed(input, exponent)
    return power_of(input, exponent)


@composite(operators=("__rpow__",), as_function=False)
def rpow(input: Any, base: Any) -> Any:
    """``base ** input``.

    >>> import argand
    >>> 2 ** argand.tensor([1.0, 3.0])
    tensor([2., 8.])
    """
    return power_of(base, input)


@composite(aliases=("clip",))
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Limit elements to the range from `min` to `max`; either may be None.

    >>> import argand
    >>> argand.clamp(argand.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise ValueError("clamp: At least one of 'min' or 'max' must not be None")
    if max is None:
        return clamp_min(input, min)
    if min is None:
        return clamp_max(input, max)
    return clamp_both(input, min, max)
