"""Questions about tensors, answered in Python values."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.ops.function import composite
from argand.ops.logic import isclose
from argand.ops.record import NUMBERS
from argand.ops.samples import call
from argand.ops.traces import promoted
from argand.runtime.tensor_base import TensorBase


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2)), call(3)],
    reference=lambda x: isinstance(x, np.ndarray),
)
def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor.

    >>> is_tensor(3)
    False
    """
    return isinstance(obj, TensorBase)


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2))])
def is_floating_point(input: Any) -> bool:
    """Whether the type of `input` is a floating one.

    >>> import argand
    >>> argand.is_floating_point(argand.zeros(1))
    True
    """
    return input.is_floating_point()


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2))],
    reference=lambda x: x.dtype.kind == "c",
)
def is_complex(input: Any) -> bool:
    """Whether the type of `input` is complex.

    >>> import argand
    >>> argand.is_complex(argand.zeros(1))
    False
    """
    return input.is_complex()


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3)), call(draw())],
    reference=np.size,
)
def numel(input: Any) -> int:
    """The number of elements.

    >>> import argand
    >>> argand.numel(argand.zeros(2, 3))
    6
    """
    return input.numel()


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(2), 1), call(draw(2), 1.5), call(draw(2), draw.index(3, below=2)),
        call(draw(), draw.index(3, below=2)),
    ],
)
def result_type(tensor: Any, other: Any) -> dtype:
    """The type that arithmetic on two operands gives.

    >>> import argand
    >>> argand.result_type(argand.tensor([1]), 1.0)
    torch.float32
    """
    for x in (tensor, other):
        if not isinstance(x, (TensorBase, *NUMBERS)):
            raise TypeError(f"result_type(): arguments must be tensors or numbers, got {x!r}")
    return promoted((tensor, other))


@composite(
    out="",
    samples=lambda draw: [call(draw(2, 3), draw(2, 3)), call(draw(2), draw(2), rtol=10.0)],
    reference=np.allclose,
)
def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close: ``|a - b| <= atol + rtol |b|``.

    >>> import argand
    >>> argand.allclose(argand.ones(1), argand.ones(1) + 1e-9)
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


@composite(
    out="",
    samples=lambda draw: [
        call(draw(2, 3), draw(2, 3)), call(draw(2), draw(3)), call(draw(0), draw(0)),
    ],
    reference=np.array_equal,
)
def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements.

    >>> import argand
    >>> argand.equal(argand.ones(1), argand.ones(1))
    True
    """
    return input.shape == other.shape and bool((input == other).all().item())
