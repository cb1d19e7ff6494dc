"""Activation functions as modules: each keeps its options and calls a function of `nn.functional`.

The smooth ones are here, those made of pieces in `piecewise.py`, softmax and its relatives in
`softmax.py`; this module has them all. Where a class says nothing else: the input may have any
shape, and the output has the same.
"""

from __future__ import annotations

import argand
from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.nn.modules.piecewise import (
    Hardshrink as Hardshrink,
)
from argand.nn.modules.piecewise import (
    Hardsigmoid as Hardsigmoid,
)
from argand.nn.modules.piecewise import (
    Hardswish as Hardswish,
)
from argand.nn.modules.piecewise import (
    Hardtanh as Hardtanh,
)
from argand.nn.modules.piecewise import (
    LeakyReLU as LeakyReLU,
)
from argand.nn.modules.piecewise import (
    PReLU as PReLU,
)
from argand.nn.modules.piecewise import (
    ReLU as ReLU,
)
from argand.nn.modules.piecewise import (
    ReLU6 as ReLU6,
)
from argand.nn.modules.piecewise import (
    RReLU as RReLU,
)
from argand.nn.modules.piecewise import (
    Softshrink as Softshrink,
)
from argand.nn.modules.piecewise import (
    Threshold as Threshold,
)
from argand.nn.modules.piecewise import _InplaceOnly, _options
from argand.nn.modules.softmax import LogSoftmax as LogSoftmax
from argand.nn.modules.softmax import Softmax as Softmax
from argand.nn.modules.softmax import Softmax2d as Softmax2d
from argand.nn.modules.softmax import Softmin as Softmin
from argand.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class SiLU(_InplaceOnly):
    """`x * sigmoid(x)`, also called swish; from Hendrycks and Gimpel 2016.

    Args:
        inplace (bool): change the input itself. Default: False.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.SiLU()(argand.tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_InplaceOnly):
    """`x * tanh(softplus(x))`; from Misra 2019.

    Args:
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class SELU(_InplaceOnly):
    """`scale * (max(0, x) + min(0, alpha * (exp(x) - 1)))`; from Klambauer et al. 2017.

    alpha = 1.6733 and scale = 1.0507 keep mean and variance from layer to layer, if the weights
    come from `nn.init.kaiming_normal_` with `nonlinearity="linear"`.

    Args:
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Sigmoid()(argand.tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return argand.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Tanh()(argand.tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return argand.tanh(input)


class LogSigmoid(Module):
    """`log(1 / (1 + exp(-x)))`, computed so that it does not underflow."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """`x / (1 + |x|)`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """`x - tanh(x)`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class GELU(Module):
    """`x * P(X <= x)` for a standard normal X; from Hendrycks and Gimpel 2016.

    Args:
        approximate (str): "none", or "tanh" for the approximation
            `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`. Default: "none".

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.GELU()(argand.tensor([0.0]))
        tensor([0.])
    """

    __constants__ = ["approximate"]
    approximate: str

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class _AlphaAndInplace(Module):
    """An activation with an `alpha`."""

    __constants__ = ["alpha", "inplace"]
    alpha: float
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self) -> str:
        return _options(self, "alpha")


class ELU(_AlphaAndInplace):
    """`x` where it is positive, `alpha * (exp(x) - 1)` elsewhere; from Clevert et al. 2015.

    Args:
        alpha (float): minus the limit for small x. Default: 1.
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_AlphaAndInplace):
    """`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`; from Barron 2017.

    Args:
        alpha (float): minus the limit for small x. Default: 1.
        inplace (bool): change the input itself. Default: False.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class Softplus(Module):
    """`log(1 + exp(beta * x)) / beta`, a smooth ReLU.

    Args:
        beta (float): how sharp the bend is. Default: 1.
        threshold (float): where `beta * x` is above it, the result is x. Default: 20.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Softplus()(argand.tensor([0.0]))
        tensor([0.6931])
    """

    __constants__ = ["beta", "threshold"]
    beta: float
    threshold: float

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class GLU(Module):
    """`a * sigmoid(b)`, where a and b are the halves of a dimension; from Dauphin et al. 2016.

    Args:
        dim (int): the dimension to halve. Default: -1.

    Shape:
        - Input: `(*, S, *)` with an even size S.
        - Output: `(*, S / 2, *)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.GLU()(argand.zeros(4, 2)).shape
        torch.Size([4, 1])
    """

    __constants__ = ["dim"]
    dim: int

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
