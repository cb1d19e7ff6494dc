"""Softmax and its relatives as modules."""

from __future__ import annotations

from argand.errors import message
from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _AlongDim(Module):
    """An activation that normalizes along a dimension."""

    __constants__ = ["dim"]
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """`exp(x) / sum(exp(x))` along a dimension: positive values with the sum 1.

    Args:
        dim (int): the dimension along which the sum is 1. Leaving it out is deprecated.

    Shape:
        - Input: any shape.
        - Output: the same shape.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Softmax(dim=1)(argand.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class Softmin(_AlongDim):
    """`softmax(-x)`.

    Args:
        dim (int): the dimension along which the sum is 1. Leaving it out is deprecated.

    Shape:
        - Input: any shape.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class LogSoftmax(_AlongDim):
    """`log(softmax(x))`, computed so that it does not underflow.

    Args:
        dim (int): the dimension along which the probabilities have the sum 1. Leaving it out is
            deprecated.

    Shape:
        - Input: any shape.
        - Output: the same shape.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.LogSoftmax(dim=-1)(argand.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of an image, for each pixel.

    Shape:
        - Input: `(N, C, H, W)` or `(C, H, W)`.
        - Output: the same shape.

    Raises:
        ValueError: the input has another number of dimensions.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            rule = "the input must have the shape (N, C, H, W) or (C, H, W)"
            raise ValueError(message("Softmax2d", rule, str(tuple(input.shape))))
        return F.softmax(input, -3)
