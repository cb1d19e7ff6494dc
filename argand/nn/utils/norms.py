"""What weight norm and spectral norm compute, for both of the forms that they have."""

from __future__ import annotations

from typing import Any

import argand
from argand.nn.modules.module import Module

__all__: list[str] = []


def without_dim(weight: Any, dim: int) -> Any:
    """The norm over all dimensions but `dim`, which stays; over all if `dim` is -1."""
    if dim == -1:
        return weight.norm()
    others = [d for d in range(weight.ndim) if d != dim % weight.ndim]
    return argand.linalg.vector_norm(weight, 2, others, keepdim=True) if others else weight.abs()


def normalized(x: Any, eps: float) -> Any:
    """A vector of length 1 in the same direction."""
    return x / argand.linalg.vector_norm(x, 2, 0, keepdim=True).clamp_min(eps)


def output_dim(module: Module) -> int:
    """The dimension of a layer's weight that belongs to its outputs."""
    transposed = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
    return int(any(cls.__name__ in transposed for cls in type(module).__mro__))


def weight_matrix(weight: Any, dim: int) -> Any:
    """A weight as a matrix with one row for each index of `dim`."""
    if dim:
        weight = weight.permute(dim, *(d for d in range(weight.ndim) if d != dim))
    return weight.flatten(1)


def power_iterations(matrix: Any, u: Any, v: Any, steps: int, eps: float) -> None:
    """Bring `u` and `v` closer to the first singular vectors of a matrix, in place."""
    with argand.no_grad():
        for _ in range(steps):
            u.copy_(normalized(argand.mv(matrix, v), eps))
            v.copy_(normalized(argand.mv(matrix.t(), u), eps))
