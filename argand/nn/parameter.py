"""Tensors that a module owns: parameters, which are trained, and buffers, which are not."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import argand
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A leaf tensor that a `Module` lists among its parameters when it is assigned as an attribute.

    Args:
        data (Tensor): the values. The parameter shares their memory. Without it, an empty tensor.
        requires_grad (bool): whether `backward` accumulates a gradient. Default: True.

    Results of operations on a parameter are plain tensors.

    Raises:
        RuntimeError: `requires_grad=True` with an integer or boolean dtype.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Parameter(argand.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = argand.empty(0)
        if not isinstance(data, Tensor):
            hint = "convert it first, for example with argand.tensor(data)"
            raise AttributeError(
                message(cls.__name__, "data must be a Tensor", type(data).__name__, hint)
            )
        return Tensor._make_subclass(cls, data, requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            values = self.data.clone(memory_format=argand.preserve_format)
            memo[id(self)] = type(self)(values, self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # The same fields as PyTorch's own reduction, so that a checkpoint can map one on the other.
        hooks: OrderedDict[int, Any] = OrderedDict()  # functions do not travel
        built_from = (self.data, self.requires_grad, hooks)
        if not self.__dict__:
            return _rebuild_parameter, built_from
        return _rebuild_parameter_with_state, (*built_from, self.__dict__.copy())


class Buffer(Tensor):
    """A tensor that a `Module` lists among its buffers when it is assigned as an attribute.

    Args:
        data (Tensor): the values. The buffer shares their memory. Without it, an empty tensor.
        persistent (bool): whether `state_dict` saves it. Default: True.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> module = nn.Module()
        >>> module.mean = nn.Buffer(argand.zeros(3))
        >>> list(module.state_dict())
        ['mean']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = argand.empty(0)
        buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            values = self.data.clone(memory_format=argand.preserve_format)
            memo[id(self)] = type(self)(values, persistent=self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuild_buffer, (self.data, self.persistent)


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: OrderedDict) -> Parameter:
    """A pickled parameter again."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, hooks: OrderedDict, state: dict[str, Any]
) -> Parameter:
    """A pickled parameter again, with the attributes a program has put on it."""
    parameter = Parameter(data, requires_grad)
    parameter.__dict__.update(state)
    return parameter


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
