"""Convolutions and transposed convolutions as modules.

A class per number of dimensions; they differ in the function they call. Weights and biases are
drawn from U(-k, k) with k = 1 / sqrt(channels that enter an output * positions of the kernel).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import argand
from argand.errors import message
from argand.nn import functional as F
from argand.nn import init
from argand.nn.modules.module import Module
from argand.nn.modules.utils import _ntuple
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share: settings, parameters, and how they are shown."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    rank: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | str,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._edges()
        first, second = (
            (in_channels, out_channels) if transposed else (out_channels, in_channels)
        )
        shape = (first, second // groups, *kernel_size)
        self.weight = Parameter(argand.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(argand.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _edges(self) -> list[int]:
        """The padding as `nn.functional.pad` takes it: the last dimension first, both ends."""
        if isinstance(self.padding, str):
            whole = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            if self.padding == "valid":
                whole = [0] * len(whole)
            return [part for t in reversed(whole) for part in (t // 2, t - t // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # With a = sqrt(5) the bound of the weight is 1 / sqrt(fan-in), that of the bias.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        ones, zeros = (1,) * self.rank, (0,) * self.rank
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "padding_mode"):  # saved before there was a choice
            self.padding_mode = "zeros"


def _check(
    in_channels: int,
    out_channels: int,
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    groups: int,
    padding_mode: str,
) -> None:
    if groups <= 0:
        raise ValueError(message("Conv", "groups must be a positive integer", str(groups)))
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            got = f"{channels} and {groups}"
            raise ValueError(message("Conv", f"{name} must be divisible by groups", got))
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {{'valid', 'same'}}"
            )
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _MODES:
        raise ValueError(f"padding_mode must be one of {_MODES}, but got {padding_mode!r}")


class _Convolution(_ConvNd):
    """A convolution of any rank."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        several = _ntuple(self.rank, "several")
        super().__init__(
            in_channels,
            out_channels,
            several(kernel_size),
            several(stride),
            padding if isinstance(padding, str) else several(padding),
            several(dilation),
            False,
            several(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        images, padding = input, self.padding
        if self.padding_mode != "zeros":
            images = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self.rank
        convolve = getattr(F, f"conv{self.rank}d")
        result: Tensor = convolve(
            images, weight, bias, self.stride, padding, self.dilation, self.groups
        )
        return result

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class _TransposedConvolution(_ConvNd):
    """A transposed convolution of any rank."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, but got '
                f"{padding_mode!r}"
            )
        several = _ntuple(self.rank, "several")
        super().__init__(
            in_channels,
            out_channels,
            several(kernel_size),
            several(stride),
            several(padding),
            several(dilation),
            True,
            several(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """How much larger than the least size the output has to be."""
        if output_size is None:
            return self.output_padding
        lead = input.ndim - self.rank
        wanted = tuple(output_size)
        if len(wanted) == self.rank + lead:
            wanted = wanted[lead:]
        if len(wanted) != self.rank:
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have "
                f"{self.rank} or {lead + self.rank} elements (got {len(wanted)})"
            )
        assert not isinstance(self.padding, str)
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride)]
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{most} (for an input of {input.shape[lead:]})"
            )
        return tuple(n - low for n, low in zip(wanted, least))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        convolve = getattr(F, f"conv_transpose{self.rank}d")
        more = self._output_padding(input, output_size)
        result: Tensor = convolve(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip
        return result


class Conv1d(_Convolution):
    """A convolution (cross-correlation) of sequences.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int, tuple or str): how far the input is widened on each side; `"same"` for an
            output as large as the input, or `"valid"` for none. Default: 0.
        dilation (int or tuple): distance of a window's positions. Default: 1.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        padding_mode (str): `"zeros"`, `"reflect"`, `"replicate"` or `"circular"`.

    Shape:
        - Input: `(N, in_channels, L)` or `(in_channels, L)`.
        - Output: `(N, out_channels, L_out)` (or the same without N), where
          `n_out = (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`.

    Attributes:
        weight (Parameter): `(out_channels, in_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Conv1d(3, 8, 3, padding=1)(argand.zeros(2, 3, 5)).shape
        torch.Size([2, 8, 5])
    """

    rank = 1


class Conv2d(_Convolution):
    """A convolution (cross-correlation) of images.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int, tuple or str): how far the input is widened on each side; `"same"` for an
            output as large as the input, or `"valid"` for none. Default: 0.
        dilation (int or tuple): distance of a window's positions. Default: 1.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        padding_mode (str): `"zeros"`, `"reflect"`, `"replicate"` or `"circular"`.

    Shape:
        - Input: `(N, in_channels, H, W)` or `(in_channels, H, W)`.
        - Output: `(N, out_channels, H_out, W_out)` (or the same without N), where
          `n_out = (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`.

    Attributes:
        weight (Parameter): `(out_channels, in_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Conv2d(3, 8, 3, padding=1)(argand.zeros(2, 3, 5, 6)).shape
        torch.Size([2, 8, 5, 6])
    """

    rank = 2


class Conv3d(_Convolution):
    """A convolution (cross-correlation) of volumes.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int, tuple or str): how far the input is widened on each side; `"same"` for an
            output as large as the input, or `"valid"` for none. Default: 0.
        dilation (int or tuple): distance of a window's positions. Default: 1.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        padding_mode (str): `"zeros"`, `"reflect"`, `"replicate"` or `"circular"`.

    Shape:
        - Input: `(N, in_channels, D, H, W)` or `(in_channels, D, H, W)`.
        - Output: `(N, out_channels, D_out, H_out, W_out)` (or the same without N), where
          `n_out = (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`.

    Attributes:
        weight (Parameter): `(out_channels, in_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Conv3d(3, 8, 3, padding=1)(argand.zeros(2, 3, 3, 4, 5)).shape
        torch.Size([2, 8, 3, 4, 5])
    """

    rank = 3


class ConvTranspose1d(_TransposedConvolution):
    """A transposed convolution of sequences: the gradient of `Conv1d` with respect to its input.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int or tuple): by how much the output is narrowed on each side. Default: 0.
        output_padding (int or tuple): by how much it is widened at the end. Default: 0.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        dilation (int or tuple): distance of a window's positions. Default: 1.

    Shape:
        - Input: `(N, in_channels, L)` or `(in_channels, L)`.
        - Output: `(N, out_channels, L_out)` (or the same without N), where
          `n_out = (n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1 +
          output_padding`.

    Attributes:
        weight (Parameter): `(in_channels, out_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.ConvTranspose1d(3, 8, 2, stride=2)(argand.zeros(2, 3, 5)).shape
        torch.Size([2, 8, 10])
    """

    rank = 1


class ConvTranspose2d(_TransposedConvolution):
    """A transposed convolution of images: the gradient of `Conv2d` with respect to its input.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int or tuple): by how much the output is narrowed on each side. Default: 0.
        output_padding (int or tuple): by how much it is widened at the end. Default: 0.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        dilation (int or tuple): distance of a window's positions. Default: 1.

    Shape:
        - Input: `(N, in_channels, H, W)` or `(in_channels, H, W)`.
        - Output: `(N, out_channels, H_out, W_out)` (or the same without N), where
          `n_out = (n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1 +
          output_padding`.

    Attributes:
        weight (Parameter): `(in_channels, out_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.ConvTranspose2d(3, 8, 2, stride=2)(argand.zeros(2, 3, 5, 6)).shape
        torch.Size([2, 8, 10, 12])
    """

    rank = 2


class ConvTranspose3d(_TransposedConvolution):
    """A transposed convolution of volumes: the gradient of `Conv3d` with respect to its input.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the windows.
        stride (int or tuple): distance of the windows. Default: 1.
        padding (int or tuple): by how much the output is narrowed on each side. Default: 0.
        output_padding (int or tuple): by how much it is widened at the end. Default: 0.
        groups (int): into how many independent convolutions the channels are split. Default: 1.
        bias (bool): whether to add a bias. Default: True.
        dilation (int or tuple): distance of a window's positions. Default: 1.

    Shape:
        - Input: `(N, in_channels, D, H, W)` or `(in_channels, D, H, W)`.
        - Output: `(N, out_channels, D_out, H_out, W_out)` (or the same without N), where
          `n_out = (n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + 1 +
          output_padding`.

    Attributes:
        weight (Parameter): `(in_channels, out_channels / groups, *kernel_size)`.
        bias (Parameter or None): `(out_channels,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.ConvTranspose3d(3, 8, 2, stride=2)(argand.zeros(2, 3, 3, 4, 5)).shape
        torch.Size([2, 8, 6, 8, 10])
    """

    rank = 3
