"""Pooling layers: the largest element, the mean, or a power mean of windows; and the way back.

Where a class says nothing else, inputs are `(N, C, *)` or `(C, *)` with as many further dimensions
as its name says, and outputs have the same form with fewer elements.
"""

from __future__ import annotations

from typing import Any

from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.nn.modules.utils import _pair, _single, _triple
from argand.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxPoolNd(Module):
    __constants__ = [
        "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode",
    ]  # fmt: skip

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class _MaxUnpoolNd(Module):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        as_tuple = self._as_tuple
        self.kernel_size = as_tuple(kernel_size)
        self.stride = as_tuple(stride if stride is not None else kernel_size)
        self.padding = as_tuple(padding)

    _as_tuple: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _LPPoolNd(Module):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _AdaptivePoolNd(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class _FractionalMaxPoolNd(Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        name, as_tuple = self._get_name(), self._as_tuple
        self.kernel_size = as_tuple(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = as_tuple(output_size) if output_size is not None else None
        self.output_ratio = as_tuple(output_ratio) if output_ratio is not None else None
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name} requires specifying one of output_size and output_ratio")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    _as_tuple: Any


class MaxPool1d(_MaxPoolNd):
    """The largest element of every window that slides over rows.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how far the first window begins before the input; nothing there wins. Default: 0.
        dilation: how far the elements of a window are apart. Default: 1.
        return_indices (bool): return the numbers of the elements, too. Default: False.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.

    Shape:
        - Input: `(N, C, L)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.MaxPool1d(2)(argand.zeros(1, 1, 4)).shape
        torch.Size([1, 1, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxPool2d(_MaxPoolNd):
    """The largest element of every window that slides over images.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how far the first window begins before the input; nothing there wins. Default: 0.
        dilation: how far the elements of a window are apart. Default: 1.
        return_indices (bool): return the numbers of the elements, too. Default: False.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.

    Shape:
        - Input: `(N, C, H, W)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.MaxPool2d(2)(argand.zeros(1, 1, 4, 4)).shape
        torch.Size([1, 1, 2, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxPool3d(_MaxPoolNd):
    """The largest element of every window that slides over volumes.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how far the first window begins before the input; nothing there wins. Default: 0.
        dilation: how far the elements of a window are apart. Default: 1.
        return_indices (bool): return the numbers of the elements, too. Default: False.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.

    Shape:
        - Input: `(N, C, D, H, W)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.MaxPool3d(2)(argand.zeros(1, 1, 4, 4, 4)).shape
        torch.Size([1, 1, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts what `MaxPool1d` returned back to where it was; the rest is 0.

    Args:
        kernel_size, stride, padding: as they were given to `MaxPool1d`.
    """

    _as_tuple = staticmethod(_single)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts what `MaxPool2d` returned back to where it was; the rest is 0.

    Args:
        kernel_size, stride, padding: as they were given to `MaxPool2d`.
    """

    _as_tuple = staticmethod(_pair)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts what `MaxPool3d` returned back to where it was; the rest is 0.

    Args:
        kernel_size, stride, padding: as they were given to `MaxPool3d`.
    """

    _as_tuple = staticmethod(_triple)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class AvgPool1d(_AvgPoolNd):
    """The mean of every window that slides over rows.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how many zeros stand before and behind the input. Default: 0.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
        count_include_pad (bool): padding counts in the mean. Default: True.

    Shape:
        - Input: `(N, C, L)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AvgPool1d(2)(argand.tensor([[1.0, 3.0, 2.0, 0.0]]))
        tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(stride if stride is not None else kernel_size)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class _AvgPoolWithDivisor(_AvgPoolNd):
    __constants__ = [*_AvgPoolNd.__constants__, "divisor_override"]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolWithDivisor):
    """The mean of every window that slides over images.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how many zeros surround the input. Default: 0.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
        count_include_pad (bool): padding counts in the mean. Default: True.
        divisor_override (int): what sums are divided by. Default: the elements of a window.

    Shape:
        - Input: `(N, C, H, W)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AvgPool2d(2)(argand.zeros(1, 1, 4, 4)).shape
        torch.Size([1, 1, 2, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool3d(_AvgPoolWithDivisor):
    """The mean of every window that slides over volumes.

    Args:
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        padding: how many zeros surround the input. Default: 0.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
        count_include_pad (bool): padding counts in the mean. Default: True.
        divisor_override (int): what sums are divided by. Default: the elements of a window.

    Shape:
        - Input: `(N, C, D, H, W)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AvgPool3d(2)(argand.zeros(1, 1, 4, 4, 4)).shape
        torch.Size([1, 1, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class LPPool1d(_LPPoolNd):
    """The `norm_type`-th root of the sum of such powers, of every window.

    Args:
        norm_type (float): the power; 1 gives the sum, large ones come near the maximum.
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool2d(_LPPoolNd):
    """The `norm_type`-th root of the sum of such powers, of every window.

    Args:
        norm_type (float): the power; 1 gives the sum, large ones come near the maximum.
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class LPPool3d(_LPPoolNd):
    """The `norm_type`-th root of the sum of such powers, of every window.

    Args:
        norm_type (float): the power; 1 gives the sum, large ones come near the maximum.
        kernel_size: the size of a window.
        stride: how far windows are apart. Default: their size.
        ceil_mode (bool): a last window may reach beyond the end. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """The mean of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AdaptiveAvgPool1d(1)(argand.zeros(1, 3, 5)).shape
        torch.Size([1, 3, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest element of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.
        return_indices (bool): return the numbers of the elements, too. Default: False.
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """The mean of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AdaptiveAvgPool2d(1)(argand.zeros(1, 3, 5, 5)).shape
        torch.Size([1, 3, 1, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest element of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.
        return_indices (bool): return the numbers of the elements, too. Default: False.
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool3d(_AdaptivePoolNd):
    """The mean of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.AdaptiveAvgPool3d(1)(argand.zeros(1, 3, 5, 5, 5)).shape
        torch.Size([1, 3, 1, 1, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest element of windows whose size follows from that of the output.

    Args:
        output_size: the size of the output; None keeps a dimension.
        return_indices (bool): return the numbers of the elements, too. Default: False.
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The largest element of windows that lie at random; from Graham 2014.

    Args:
        kernel_size: the size of a window.
        output_size: the size of the output.
        output_ratio: shares of the input's size instead, between 0 and 1.
        return_indices (bool): return the numbers of the elements, too. Default: False.

    Raises:
        ValueError: both of output_size and output_ratio are given, or none.
    """

    _as_tuple = staticmethod(_pair)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The largest element of windows that lie at random; from Graham 2014.

    Args:
        kernel_size: the size of a window.
        output_size: the size of the output.
        output_ratio: shares of the input's size instead, between 0 and 1.
        return_indices (bool): return the numbers of the elements, too. Default: False.

    Raises:
        ValueError: both of output_size and output_ratio are given, or none.
    """

    _as_tuple = staticmethod(_triple)

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip
