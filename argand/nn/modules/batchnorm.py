"""Layers that normalize channels: over a batch, or for every instance of it.

Inputs are `(N, C, *)` with as many further dimensions as a class's name says; outputs have the same
shape. Statistics of the input are used in training; running ones, which follow them, otherwise.
"""

from __future__ import annotations

from typing import Any

import argand
from argand.nn import functional as F
from argand.nn import init
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.bias: Parameter | None
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(argand.empty(num_features, **kind)) if wanted else None
            self.register_parameter(name, made)
        if track_running_stats:
            self.register_buffer("running_mean", argand.zeros(num_features, **kind))
            self.register_buffer("running_var", argand.ones(num_features, **kind))
            count = argand.tensor(0, dtype=argand.int64, device=device)
            self.register_buffer("num_batches_tracked", count)
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what has been followed: mean 0, variance 1."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start anew: weight 1, bias 0, running statistics forgotten."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    _ranks: tuple[int, ...] = ()

    def _check_input_dim(self, input: Tensor) -> None:
        if self._ranks and input.dim() not in self._ranks:
            wanted = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        # files of the first version do not count batches
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked
            state_dict[key] = argand.tensor(0) if count is None else count
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_NormBase):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        followed = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if followed else None,
            self.running_var if followed else None,
            self.weight,
            self.bias,
            by_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Every channel less its mean over the batch, over its deviation; from Ioffe and Szegedy 2015.

    Args:
        num_features (int): the number of channels C.
        eps (float): added to the variance. Default: 1e-5.
        momentum (float): how fast the running statistics follow; None weighs all batches equally.
            Default: 0.1.
        affine (bool): multiply by a weight and add a bias, which are learned. Default: True.
        track_running_stats (bool): keep running statistics. Default: True.

    Shape:
        - Input: `(N, C)` or `(N, C, L)`.

    Attributes:
        weight, bias: `(C,)`, at first 1 and 0.
        running_mean, running_var: `(C,)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.BatchNorm1d(1)(argand.tensor([[1.0], [3.0]])).detach()
        tensor([[-1.0000],
                [ 1.0000]])
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images.

    Shape:
        - Input: `(N, C, H, W)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.BatchNorm2d(3)(argand.randn(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes.

    Shape:
        - Input: `(N, C, D, H, W)`.
    """

    _ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm1d` for any shape; with one process, that is all there is to synchronize.

    Shape:
        - Input: `(N, C, *)`.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        rank = self._ranks[-1]
        alone = input.dim() == rank - 1
        channels = input.shape[-rank + 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={input.dim() - rank + 1} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        momentum = 0.0 if self.momentum is None else self.momentum
        out = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum,
            self.eps,
        )
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Every channel of every instance less its mean, over its deviation; from Ulyanov et al. 2016.

    Args:
        num_features (int): the number of channels C.
        eps (float): added to the variance. Default: 1e-5.
        momentum (float): how fast running statistics follow. Default: 0.1.
        affine (bool): multiply by a weight and add a bias, which are learned. Default: False.
        track_running_stats (bool): keep running statistics. Default: False.

    Shape:
        - Input: `(N, C, L)` or `(C, L)`.
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images.

    Shape:
        - Input: `(N, C, H, W)` or `(C, H, W)`.
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes.

    Shape:
        - Input: `(N, C, D, H, W)` or `(C, D, H, W)`.
    """

    _ranks = (4, 5)
