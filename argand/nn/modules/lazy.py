"""Modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _NormBase,
)
from argand.nn.modules.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _ConvNd,
)
from argand.nn.modules.linear import Linear
from argand.nn.modules.module import Module
from argand.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
]


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


# ---- convolutions -------------------------------------------------------------------------------


class _LazyConvNd(LazyModuleMixin, _ConvNd):
    """What lazy convolutions share: `in_channels` comes from the first input."""

    _settings: tuple[str, ...] = (
        "stride", "padding", "dilation", "groups", "bias", "padding_mode", "device", "dtype",
    )  # fmt: skip

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        settings = {**dict(zip(self._settings, args)), **kwargs}
        has_bias = settings.pop("bias", True)
        super().__init__(0, 0, kernel_size, bias=False, **settings)
        kind: dict[str, Any] = {name: settings.get(name) for name in ("device", "dtype")}
        self.weight = UninitializedParameter(**kind)
        self.out_channels = out_channels
        if has_bias:
            self.bias = UninitializedParameter(**kind)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take the number of input channels from an input."""
        if not self.has_uninitialized_params():
            return
        if input.ndim not in (self.rank + 1, self.rank + 2):
            rule = f"the input must have {self.rank + 1} or {self.rank + 2} dimensions"
            raise RuntimeError(message(type(self).__name__, rule, str(list(input.shape))))
        self.in_channels = input.shape[-self.rank - 1]
        if self.in_channels % self.groups:
            rule = f"in_channels must be divisible by groups ({self.groups})"
            raise ValueError(message(type(self).__name__, rule, str(self.in_channels)))
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        weight: Any = self.weight
        weight.materialize((first, second // self.groups, *self.kernel_size))
        bias: Any = self.bias
        if bias is not None:
            bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConvTransposeNd(_LazyConvNd):
    _settings = (
        "stride", "padding", "output_padding", "groups", "bias", "dilation", "padding_mode",
        "device", "dtype",
    )  # fmt: skip


class LazyConv1d(_LazyConvNd, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input; see there for the others."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvNd, Conv2d):
    """A `Conv2d` that takes `in_channels` from its first input; see there for the others.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.LazyConv2d(4, kernel_size=3)
        >>> layer(argand.zeros(1, 3, 8, 8)).shape
        torch.Size([1, 4, 6, 6])
        >>> layer
        Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvNd, Conv3d):
    """A `Conv3d` that takes `in_channels` from its first input; see there for the others."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTransposeNd, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeNd, ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeNd, ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d


# ---- norms --------------------------------------------------------------------------------------


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """What lazy norms share: `num_features` comes from the first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(dtype=dtype)
            self.running_var = UninitializedBuffer(dtype=dtype)
            self.num_batches_tracked = argand.tensor(0, dtype=argand.int64)

    def reset_parameters(self) -> None:
        """Start anew, if the number of features is known."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take the number of features from an input."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for value in (*self._parameters.values(), *self._buffers.values()):
                if is_lazy(value):
                    lazy: Any = value
                    lazy.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """A `BatchNorm2d` that takes `num_features` from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """A `BatchNorm3d` that takes `num_features` from its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """An `InstanceNorm1d` that takes `num_features` from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """An `InstanceNorm2d` that takes `num_features` from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """An `InstanceNorm3d` that takes `num_features` from its first input."""

    cls_to_become = InstanceNorm3d
