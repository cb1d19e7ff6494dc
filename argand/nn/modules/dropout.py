"""Layers that set random parts of their input to zero during training."""

from __future__ import annotations

from argand.errors import message
from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    __constants__ = ["p", "inplace"]
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            rule = "dropout probability has to be between 0 and 1"
            raise ValueError(message(self._get_name(), rule, str(p)))
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Sets each element to zero with probability `p`, and scales the others by `1 / (1 - p)`.

    In evaluation it returns its input. From Srivastava et al. 2014, "Dropout: a simple way to
    prevent neural networks from overfitting".

    Args:
        p (float): the probability of an element to become zero. Default: 0.5.
        inplace (bool): change the input itself. Default: False.

    Shape:
        - Input: any shape.
        - Output: the same shape.

    Raises:
        ValueError: `p` is not between 0 and 1.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.Dropout(0.5)
        >>> set(layer(argand.ones(100)).tolist()) <= {0.0, 2.0}
        True
        >>> layer.eval()(argand.ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Like `Dropout`, for whole channels: each row of length L becomes zero or stays.

    Shape:
        - Input: `(N, C, L)` or `(C, L)`.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Like `Dropout`, for whole channels: each image of `H` by `W` becomes zero or stays.

    From Tompson et al. 2015, "Efficient object localization using convolutional networks".

    Shape:
        - Input: `(N, C, H, W)`.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Like `Dropout`, for whole channels: each volume of `D` by `H` by `W` becomes zero or stays.

    Shape:
        - Input: `(N, C, D, H, W)` or `(C, D, H, W)`.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for `SELU` networks: keeps the mean and the variance of the input.

    Elements become the negative limit of SELU rather than zero, and the result is scaled and
    shifted. From Klambauer et al. 2017, "Self-normalizing neural networks".

    Shape:
        - Input: any shape.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """Like `AlphaDropout`, for whole channels.

    Shape:
        - Input: `(N, C, *)`.
        - Output: the same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
