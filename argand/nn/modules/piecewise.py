"""Activation functions made of pieces: ReLU, its leaky forms, and what cuts or shrinks its input.

Where a class says nothing else: the input may have any shape, and the output has the same.
"""

from __future__ import annotations

import warnings
from typing import Any

import argand
from argand.errors import message
from argand.nn import functional as F
from argand.nn import init as initializers
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


def _options(module: Module, *names: str) -> str:
    """The printed options of an activation; `inplace` is shown only if it is on."""
    shown = [f"{name}={getattr(module, name)}" for name in names]
    if module.inplace:
        shown.append("inplace=True")
    return ", ".join(shown)


class _InplaceOnly(Module):
    """An activation whose only option is whether to change the input itself."""

    __constants__ = ["inplace"]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return _options(self)


class ReLU(_InplaceOnly):
    """`max(0, x)`.

    Args:
        inplace (bool): change the input itself. Default: False.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.ReLU()(argand.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class LeakyReLU(Module):
    """`x` where it is positive, `negative_slope * x` elsewhere.

    Args:
        negative_slope (float): the slope below zero. Default: 0.01.
        inplace (bool): change the input itself. Default: False.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.LeakyReLU(0.1)(argand.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]
    inplace: bool
    negative_slope: float

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return _options(self, "negative_slope")


class RReLU(Module):
    """A leaky ReLU whose slope below zero is drawn from U(lower, upper) for each element.

    In evaluation the slope is the mean of the two. From Xu et al. 2015.

    Args:
        lower (float): the least slope. Default: 1/8.
        upper (float): the greatest slope. Default: 1/3.
        inplace (bool): change the input itself. Default: False.
    """

    __constants__ = ["lower", "upper", "inplace"]
    lower: float
    upper: float
    inplace: bool

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return _options(self, "lower", "upper")


class PReLU(Module):
    """A leaky ReLU whose slope below zero is learned; from He et al. 2015.

    Args:
        num_parameters (int): 1, or the number of channels for a slope each. Default: 1.
        init (float): where the slope starts. Default: 0.25.

    Shape:
        - Input: any shape; dimension 1 has the channels.
        - Output: the same shape.

    Attributes:
        weight (Parameter): `(num_parameters,)`, the slopes. Weight decay would pull them to zero.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.PReLU()(argand.tensor([4.0])).shape
        torch.Size([1])
    """

    __constants__ = ["num_parameters"]
    num_parameters: int

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(argand.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to where they start."""
        initializers.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Hardtanh(Module):
    """`clamp(x, min_val, max_val)`.

    Args:
        min_val (float): the least value. Default: -1.
        max_val (float): the greatest value. Default: 1.
        inplace (bool): change the input itself. Default: False.
        min_value, max_value (float): deprecated names of the first two.

    Raises:
        AssertionError: `max_val` is not above `min_val`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Hardtanh(-2, 2)(argand.tensor([-3.0, 1.0, 3.0]))
        tensor([-2.,  1.,  2.])
    """

    __constants__ = ["min_val", "max_val", "inplace"]
    min_val: float
    max_val: float
    inplace: bool

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = _renamed("min_val", min_val, "min_value", min_value)
        self.max_val = _renamed("max_val", max_val, "max_value", max_value)
        self.inplace = inplace
        if self.max_val <= self.min_val:
            got = f"max_val={self.max_val}, min_val={self.min_val}"
            raise AssertionError(message("Hardtanh", "max_val must be above min_val", got))

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return _options(self, "min_val", "max_val")


def _renamed(name: str, value: float, former_name: str, former_value: float | None) -> float:
    if former_value is None:
        return value
    message = f"keyword argument `{former_name}` is deprecated and renamed to `{name}`"
    warnings.warn(message, FutureWarning, stacklevel=3)
    return former_value


class ReLU6(Hardtanh):
    """`min(max(0, x), 6)`.

    Args:
        inplace (bool): change the input itself. Default: False.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return _options(self)


class Threshold(Module):
    """`x` where it is above a threshold, a fixed value elsewhere.

    Args:
        threshold (float): what x must exceed.
        value (float): the value where it does not.
        inplace (bool): change the input itself. Default: False.
    """

    __constants__ = ["threshold", "value", "inplace"]
    threshold: float
    value: float
    inplace: bool

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return _options(self, "threshold", "value")


class Hardsigmoid(_InplaceOnly):
    """`clamp(x / 6 + 1 / 2, 0, 1)`.

    Args:
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_InplaceOnly):
    """`x * clamp(x / 6 + 1 / 2, 0, 1)`; from Howard et al. 2019, "Searching for MobileNetV3".

    Args:
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class _Shrink(Module):
    """An activation that is zero between `-lambd` and `lambd`."""

    __constants__ = ["lambd"]
    lambd: float

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """`x` where its size is above `lambd`, 0 elsewhere.

    Args:
        lambd (float): the size. Default: 0.5.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """`x` moved towards 0 by `lambd`, and 0 where that would change the sign.

    Args:
        lambd (float): how far. Default: 0.5.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)
