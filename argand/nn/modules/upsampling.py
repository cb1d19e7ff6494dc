"""Layers that resize images."""

from __future__ import annotations

from typing import Any

from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Resizes what lies behind batch and channels; see `functional.interpolate`.

    Args:
        size (int or tuple): the new sizes.
        scale_factor (float or tuple): factors instead of sizes.
        mode (str): how pixels are made of others. Default: ``"nearest"``.
        align_corners (bool): whether the corner pixels keep their values.
        recompute_scale_factor (bool): whether factors only give the sizes.

    Shape:
        - Input: `(N, C, d1, ...)`.
        - Output: `(N, C, e1, ...)`.
    """

    __constants__ = [
        "size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor"
    ]  # fmt: skip

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        resized: Tensor = F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )  # fmt: skip
        return resized

    def extra_repr(self) -> str:
        given = "size" if self.scale_factor is None else "scale_factor"
        return f"{given}={getattr(self, given)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images with ``mode="nearest"``.

    Args:
        size (int or tuple): the new sizes.
        scale_factor (float or tuple): factors instead of sizes.
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images with ``mode="bilinear"`` and ``align_corners=True``.

    Args:
        size (int or tuple): the new sizes.
        scale_factor (float or tuple): factors instead of sizes.
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
