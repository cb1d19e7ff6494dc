"""Layers that normalize rows, groups of channels, or neighbouring channels.

Outputs have the shape of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import argand
from argand.nn import functional as F
from argand.nn import init
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class LocalResponseNorm(Module):
    """Divides by a power of the squares of neighbouring channels; from Krizhevsky et al. 2012.

    Args:
        size (int): how many channels are neighbours.
        alpha (float): the factor of the mean square. Default: 1e-4.
        beta (float): the power. Default: 0.75.
        k (float): what is added before. Default: 1.

    Shape:
        - Input: `(N, C, *)`.
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` for images, as older programs call it."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)


class LayerNorm(Module):
    """The last dimensions less their mean, over their deviation; from Ba et al. 2016.

    Args:
        normalized_shape: the sizes of these dimensions, or the size of the last.
        eps (float): added to the variance. Default: 1e-5.
        elementwise_affine (bool): multiply by a weight, which is learned. Default: True.
        bias (bool): add a bias, which is learned. Default: True.

    Shape:
        - Input: `(*, *normalized_shape)`.

    Attributes:
        weight, bias: of shape `normalized_shape`, at first 1 and 0.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.LayerNorm(2)(argand.tensor([[1.0, 3.0]])).detach()
        tensor([[-1.0000,  1.0000]])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    normalized_shape: tuple[int, ...]

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)  # type: ignore[assignment, arg-type]
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (
            ("weight", elementwise_affine), ("bias", elementwise_affine and bias),
        ):  # fmt: skip
            made = argand.empty(self.normalized_shape, device=device, dtype=dtype)
            self.register_parameter(name, Parameter(made) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """The last dimensions over the root of their mean square; from Zhang and Sennrich 2019.

    Args:
        normalized_shape: the sizes of these dimensions, or the size of the last.
        eps (float): added to the mean square. Default: the roundoff of the input's type.
        elementwise_affine (bool): multiply by a weight, which is learned. Default: True.

    Shape:
        - Input: `(*, *normalized_shape)`.
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    normalized_shape: tuple[int, ...]

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)  # type: ignore[assignment, arg-type]
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = argand.empty(self.normalized_shape, device=device, dtype=dtype)
        self.register_parameter("weight", Parameter(made) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Groups of channels, each less its mean and over its deviation; from Wu and He 2018.

    Args:
        num_groups (int): into how many groups the channels are divided.
        num_channels (int): the number of channels C.
        eps (float): added to the variance. Default: 1e-5.
        affine (bool): multiply channels by a weight and add a bias, both learned. Default: True.

    Shape:
        - Input: `(N, C, *)`.

    Attributes:
        weight, bias: `(C,)`, at first 1 and 0.

    Raises:
        ValueError: the channels cannot be divided into so many groups.
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            rule = "must be divisible by num_groups"
            raise ValueError(f"num_channels ({num_channels}) {rule} ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = argand.empty(num_channels, device=device, dtype=dtype)
            self.register_parameter(name, Parameter(made) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
