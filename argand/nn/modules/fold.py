"""Windows of images as columns, and back."""

from __future__ import annotations

from typing import Any

from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Images of windows that are columns: where windows overlap, their values are added.

    Args:
        output_size (int or tuple): height and width of the images.
        kernel_size, dilation, padding, stride (int or tuple): of the windows.

    Shape:
        - Input: `(N, C * kernel height * kernel width, windows)`, or the same without N.
        - Output: `(N, C, *output_size)`, or the same without N.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Fold((4, 5), (2, 2))(argand.zeros(1, 12, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Every window of an image as a column.

    Args:
        kernel_size, dilation, padding, stride (int or tuple): of the windows.

    Shape:
        - Input: `(N, C, H, W)` or `(C, H, W)`.
        - Output: `(N, C * kernel height * kernel width, windows)`, or the same without N.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Unfold((2, 3))(argand.zeros(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )
