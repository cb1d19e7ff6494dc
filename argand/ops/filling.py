"""More ways to make and to fill tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.create import Options, _copy_in, _number, full_of
from argand.ops.function import composite
from argand.ops.record import _Defaults
from argand.ops.samples import call
from argand.runtime.tensor_base import TensorBase


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(3), call(2, dtype=draw.kind)],
    reference=lambda s, dtype=None: np.float64(s),
)
def scalar_tensor(s: Any, **kwargs: Any) -> Any:
    """A tensor without dimensions, of the default floating type.

    >>> import argand
    >>> argand.scalar_tensor(3)
    tensor(3.)
    """
    options = Options(**kwargs)
    options.kind = options.kind or _Defaults.float_dtype
    return full_of(_number("scalar_tensor", s), (), options)


@composite(
    as_method=False,
    samples=lambda draw: [call(0, 2, 5), call(-1.0, 1.0, 3, 2.0), call(0, 1, 1), call(0, 1, 0)],
    reference=lambda start, end, steps, base=10.0: np.logspace(start, end, steps, base=base),
)
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **kwargs: Any) -> Any:
    """``base ** x`` for `steps` evenly spaced numbers x from `start` to `end`, both included.

    >>> import argand
    >>> argand.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    first, last = _number("logspace", start), _number("logspace", end)
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, but got {steps}")
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    if kind.kind in "ui":
        first, last = int(first), int(last)
    if kind.kind == "b":
        raise NotImplementedError("\"logspace\" not implemented for 'bool'")
    with np.errstate(all="ignore"):
        values = np.power(np.asarray(base, "c16" if kind.kind == "c" else "f8"),
                          np.linspace(first, last, steps))  # fmt: skip
    return options.finish(_copy_in(values, kind))


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(2, 3), 2), call(draw(3), draw()), call(draw(0), 1)],
    reference=lambda x, value: np.full(x.shape, value),
)
def fill(input: Any, value: Any) -> Any:
    """A tensor of the shape and type of `input` with one value everywhere.

    >>> import argand
    >>> argand.fill(argand.ones(2), 3)
    tensor([3., 3.])
    """
    if isinstance(value, TensorBase) and value.ndim:
        raise RuntimeError(
            "fill only supports 0-dimension value tensor but got tensor with "
            f"{value.ndim} dimensions."
        )
    if not isinstance(value, TensorBase):
        value = _number("fill", value)
    return input.clone().fill_(value)


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3).clone(), draw(3, 2))],
    unpredictable=True,
)
def resize_as_(input: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Change the shape of `input`, in place, to that of another; new elements are uninitialized.

    >>> import argand
    >>> argand.resize_as_(argand.ones(4), argand.ones(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return input.resize_(the_template.shape)
