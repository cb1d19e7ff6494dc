"""Tensors that a module owns: parameters, which are trained, and buffers, which are not."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import argand
from argand.autograd.node import AccumulateGrad
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


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


# ---- without a shape ----------------------------------------------------------------------------

_HINT = "it belongs to a lazy module: call the module once, which gives it a shape"


class _Uninitialized:
    """What the two have in common: a dtype, no shape, and no memory before `materialize`."""

    kind: Any
    node: Any
    cls_to_become: type

    @property
    def form(self) -> Any:
        """Every operation asks for the layout of its operands: there is none."""
        rule = "its values cannot be used before it has a shape"
        raise ValueError(message(type(self).__name__, rule, hint=_HINT))

    @property
    def shape(self) -> Any:
        """Not known: raises RuntimeError."""
        raise RuntimeError(message(type(self).__name__, "its shape is not known yet", hint=_HINT))

    @property
    def dtype(self) -> Any:
        """The type that the elements will have."""
        return self.kind

    @property
    def data(self) -> Any:
        """The same, still without values."""
        return self

    @data.setter
    def data(self, other: Any) -> None:
        self.kind = other.dtype

    def detach(self) -> Any:
        """The same, still without values."""
        return self

    def is_floating_point(self) -> bool:
        """Whether the type is a floating one."""
        return self.kind.is_floating_point

    def is_complex(self) -> bool:
        """Whether the type is complex."""
        return self.kind.is_complex

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """One of another type, if a type is given."""
        given = [*args, kwargs.get("dtype")]
        kind = next((x for x in given if isinstance(x, argand.dtype)), self.kind)
        return self if kind is self.kind else _make(type(self), self.node is not None, kind)

    def share_memory_(self) -> Any:
        """Not possible without memory: raises RuntimeError."""
        raise RuntimeError(message(type(self).__name__, "it has no memory to share", hint=_HINT))

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or tensor of a shape, with uninitialized values."""
        values = argand.empty(tuple(shape), dtype=self.kind if dtype is None else dtype)
        self.__dict__.pop("kind", None)
        own: Any = self
        own.__class__ = self.cls_to_become
        own.buffer, own.ptr, own.form = values.buffer, values.ptr, values.form

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _make(type(self), self.node is not None, self.kind)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _make, (type(self), self.node is not None, self.kind)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _make(cls: type, requires_grad: bool, dtype: Any) -> Any:
    """An instance without layout and memory."""
    out: Any = object.__new__(cls)
    out.buffer = None
    out.ptr = 0
    out.grad = out.base = None
    out.kind = argand.get_default_dtype() if dtype is None else dtype
    out.node = AccumulateGrad(out) if requires_grad else None
    return out


_Mixin: Any = _Uninitialized  # its attributes refuse what those of a tensor promise


class UninitializedParameter(_Mixin, Parameter):
    """A parameter whose shape is not known yet; `materialize` gives it one.

    Args:
        requires_grad (bool): whether `backward` accumulates a gradient. Default: True.
        dtype (dtype): of the elements. Default: the default floating type.

    Example:
        >>> from argand import nn
        >>> parameter = nn.UninitializedParameter()
        >>> parameter
        <UninitializedParameter>
        >>> parameter.materialize((2, 3))
        >>> type(parameter).__name__, parameter.shape
        ('Parameter', torch.Size([2, 3]))
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _make(cls, requires_grad, dtype)


class UninitializedBuffer(_Mixin, Tensor):
    """A buffer whose shape is not known yet; see `UninitializedParameter`."""

    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        out = _make(cls, requires_grad, dtype)
        out.persistent = persistent
        return out


def is_lazy(value: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(value, _Uninitialized)
