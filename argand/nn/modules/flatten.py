"""Merging dimensions into one, and splitting one into several."""

from __future__ import annotations

from argand.errors import message
from argand.nn.modules.module import Module
from argand.tensor import Tensor

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Merges a range of dimensions into one.

    Args:
        start_dim (int): the first dimension to merge. Default: 1, which keeps the batch.
        end_dim (int): the last dimension to merge. Default: -1.

    Shape:
        - Input: `(*, S_start, ..., S_end, *)`.
        - Output: `(*, S_start * ... * S_end, *)`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Flatten()(argand.zeros(32, 1, 5, 5)).shape
        torch.Size([32, 25])
    """

    __constants__ = ["start_dim", "end_dim"]
    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several.

    Args:
        dim (int): the dimension to split.
        unflattened_size (tuple of int): the new sizes; one may be -1, which is computed.

    Shape:
        - Input: `(*, S, *)`, with S at the position `dim`.
        - Output: `(*, U_1, ..., U_n, *)`, with `U_1 * ... * U_n = S`.

    Raises:
        TypeError: `unflattened_size` is not a tuple or list of integers.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.Unflatten(1, (2, 5, 5))(argand.zeros(32, 50)).shape
        torch.Size([32, 2, 5, 5])
    """

    __constants__ = ["dim", "unflattened_size"]
    dim: int
    unflattened_size: tuple[int, ...] | list[int]

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            got = type(unflattened_size).__name__
            raise TypeError(message("Unflatten", "unflattened_size must be a tuple of ints", got))
        for place, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                got = f"{type(size).__name__} at position {place}"
                raise TypeError(
                    message("Unflatten", "unflattened_size must be a tuple of ints", got)
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
