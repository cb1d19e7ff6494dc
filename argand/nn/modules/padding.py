"""Layers that widen volumes: with one value, reflections, the edge, or the other side.

Inputs are `(N, C, *)` or `(C, *)` with as many further dimensions as a class's name says.
"""

from __future__ import annotations

from typing import Any

from argand.nn import functional as F
from argand.nn.modules.module import Module
from argand.nn.modules.utils import _ntuple
from argand.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Padding(Module):
    __constants__ = ["padding"]
    _sides = 2
    _mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(self._sides, "padding")(padding)

    def _check_input_dim(self, input: Tensor) -> None:
        rank = self._sides // 2
        if input.dim() not in (rank + 1, rank + 2):
            raise ValueError(
                f"expected {rank + 1}D or {rank + 2}D input (got {input.dim()}D input)"
            )

    def forward(self, input: Tensor) -> Tensor:
        if self._mode == "circular":
            self._check_input_dim(input)
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadding(_Padding):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadding(_ConstantPadding):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPadding):
    """Widens rows by one value.

    Args:
        padding: how many elements are added on all sides, or 2 numbers.
        value (float): what is added.
    """

    _sides = 2


class ConstantPad2d(_ConstantPadding):
    """Widens images by one value.

    Args:
        padding: how many elements are added on all sides, or 4 numbers.
        value (float): what is added.
    """

    _sides = 4


class ConstantPad3d(_ConstantPadding):
    """Widens volumes by one value.

    Args:
        padding: how many elements are added on all sides, or 6 numbers.
        value (float): what is added.
    """

    _sides = 6


class ZeroPad1d(_ZeroPadding):
    """Widens rows by zeros.

    Args:
        padding: how many elements are added on all sides, or 2 numbers.
    """

    _sides = 2


class ZeroPad2d(_ZeroPadding):
    """Widens images by zeros.

    Args:
        padding: how many elements are added on all sides, or 4 numbers.
    """

    _sides = 4


class ZeroPad3d(_ZeroPadding):
    """Widens volumes by zeros.

    Args:
        padding: how many elements are added on all sides, or 6 numbers.
    """

    _sides = 6


class ReflectionPad1d(_Padding):
    """Widens rows by reflections at the edges.

    Args:
        padding: how many elements are added on all sides, or 2 numbers.
    """

    _sides = 2
    _mode = "reflect"


class ReflectionPad2d(_Padding):
    """Widens images by reflections at the edges.

    Args:
        padding: how many elements are added on all sides, or 4 numbers.
    """

    _sides = 4
    _mode = "reflect"


class ReflectionPad3d(_Padding):
    """Widens volumes by reflections at the edges.

    Args:
        padding: how many elements are added on all sides, or 6 numbers.
    """

    _sides = 6
    _mode = "reflect"


class ReplicationPad1d(_Padding):
    """Widens rows by the elements at the edges.

    Args:
        padding: how many elements are added on all sides, or 2 numbers.
    """

    _sides = 2
    _mode = "replicate"


class ReplicationPad2d(_Padding):
    """Widens images by the elements at the edges.

    Args:
        padding: how many elements are added on all sides, or 4 numbers.
    """

    _sides = 4
    _mode = "replicate"


class ReplicationPad3d(_Padding):
    """Widens volumes by the elements at the edges.

    Args:
        padding: how many elements are added on all sides, or 6 numbers.
    """

    _sides = 6
    _mode = "replicate"


class CircularPad1d(_Padding):
    """Widens rows by the elements of the other side.

    Args:
        padding: how many elements are added on all sides, or 2 numbers.
    """

    _sides = 2
    _mode = "circular"


class CircularPad2d(_Padding):
    """Widens images by the elements of the other side.

    Args:
        padding: how many elements are added on all sides, or 4 numbers.
    """

    _sides = 4
    _mode = "circular"


class CircularPad3d(_Padding):
    """Widens volumes by the elements of the other side.

    Args:
        padding: how many elements are added on all sides, or 6 numbers.
    """

    _sides = 6
    _mode = "circular"
