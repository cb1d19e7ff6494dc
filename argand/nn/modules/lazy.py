"""Modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.linear import Linear
from argand.nn.modules.module import Module
from argand.nn.uninitialized import UninitializedParameter, is_lazy

__all__ = ["LazyLinear"]


class LazyModuleMixin(Module):
    """What makes a lazy form of a module: inherit from it first, and then from the module.

    The subclass puts `UninitializedParameter` in the place of parameters of unknown shape, and
    defines `initialize_parameters`, which gets the arguments of the first call. After that call
    the module is of the class `cls_to_become`.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(_take_shapes, with_module=True)
        self._initialize_hook = self.register_forward_pre_hook(_initialize, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give all parameters their shapes and initial values; every subclass defines it."""
        rule = "a lazy module must define initialize_parameters"
        raise NotImplementedError(message(type(self).__name__, rule))

    def has_uninitialized_params(self) -> bool:
        """Whether there is a parameter or buffer without a shape."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))


def _initialize(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the first forward: sizes are known, and the module becomes an ordinary one."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        rule = "initialize_parameters must give every parameter a shape"
        raise RuntimeError(message(type(module).__name__, rule))
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _take_shapes(module: Any, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
    """Before a state is loaded: parameters without a shape get those of the state."""
    for name, value in (*module._parameters.items(), *module._buffers.items()):
        source = state_dict.get(prefix + name)
        if is_lazy(value) and source is not None and not is_lazy(source):
            with argand.no_grad():
                value.materialize(source.shape)


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes `in_features` from its first input.

    Args:
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add a bias. Default: True.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.LazyLinear(3)
        >>> layer(argand.zeros(2, 5)).shape
        torch.Size([2, 3])
        >>> layer
        Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take the number of input features from an input."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            weight: Any = self.weight
            weight.materialize((self.out_features, self.in_features))
            bias: Any = self.bias
            if bias is not None:
                bias.materialize((self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:
            self.in_features = self.weight.shape[-1]
