"""`Variable`, the name that tensors with gradients had in early PyTorch."""

from __future__ import annotations

from typing import Any

from argand.runtime.tensor_base import TensorBase


class _Variables(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, TensorBase)


class Variable(metaclass=_Variables):
    """``Variable(data, requires_grad)`` is a tensor over the memory of `data`.

    >>> import argand
    >>> Variable(argand.ones(1), requires_grad=True)
    tensor([1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        return data.detach().requires_grad_(requires_grad)
