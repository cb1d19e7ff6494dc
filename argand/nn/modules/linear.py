"""Affine maps of the last dimension, and the identity."""

from __future__ import annotations

import math
from typing import Any

import argand
from argand.errors import message
from argand.nn import functional as F
from argand.nn import init
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Returns its input. It takes any arguments and ignores them.

    Shape:
        - Input: anything.
        - Output: the same.

    Example:
        >>> from argand import nn
        >>> nn.Identity(54, unused=True)(7)
        7
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """An affine map of the last dimension: `y = x @ weight.T + bias`.

    Args:
        in_features (int): size of the last dimension of the input.
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add a bias. Default: True.

    Shape:
        - Input: `(*, in_features)`, where `*` is any number of dimensions, none too.
        - Output: `(*, out_features)`.

    Attributes:
        weight (Parameter): `(out_features, in_features)`, from U(-k, k) with
            k = 1 / sqrt(in_features).
        bias (Parameter or None): `(out_features,)`, from the same distribution.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.Linear(20, 30)
        >>> layer(argand.zeros(128, 20)).shape
        torch.Size([128, 30])
    """

    __constants__ = ["in_features", "out_features"]
    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(argand.empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(argand.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # With a = sqrt(5) the bound of the weight is 1 / sqrt(in_features), that of the bias.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """A bilinear map of two last dimensions: `y[k] = x1 @ weight[k] @ x2 + bias[k]`.

    Args:
        in1_features (int): size of the last dimension of the first input.
        in2_features (int): size of the last dimension of the second input.
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add a bias. Default: True.

    Shape:
        - Input1: `(*, in1_features)`.
        - Input2: `(*, in2_features)`, with the same `*`.
        - Output: `(*, out_features)`.

    Attributes:
        weight (Parameter): `(out_features, in1_features, in2_features)`, from U(-k, k) with
            k = 1 / sqrt(in1_features).
        bias (Parameter or None): `(out_features,)`, from the same distribution.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Bilinear(2, 3, 4)(argand.zeros(5, 2), argand.zeros(5, 3)).shape
        torch.Size([5, 4])
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]
    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            rule = "in1_features must be above 0"
            raise ValueError(message("Bilinear", rule, str(in1_features)))
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        sizes = (out_features, in1_features, in2_features)
        self.weight = Parameter(argand.empty(sizes, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(argand.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
