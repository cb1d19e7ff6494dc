"""Well-known parametrizations: weight norm, spectral norm and orthogonal matrices."""

from __future__ import annotations

from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.module import Module
from argand.nn.utils.norms import (
    normalized,
    output_dim,
    power_iterations,
    weight_matrix,
    without_dim,
)
from argand.nn.utils.orthogonal import orthogonal as orthogonal
from argand.nn.utils.parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """The direction and the length of a weight, apart from each other."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return weight_v * (weight_g / without_dim(weight_v, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        return without_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a weight apart: `weight = g * v / |v|`.

    Args:
        module (Module): whose weight it is.
        name (str): the attribute. Default: "weight".
        dim (int): the dimension that has a length for each index; None for one length of all.

    Returns:
        The module. `parametrizations.weight.original0` are the lengths `g`, `original1` is `v`.

    Source: Salimans and Kingma, "Weight Normalization", 2016, https://arxiv.org/abs/1602.07868.

    Example:
        >>> from argand import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.shape
        torch.Size([40, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_old_names(state_dict: Any, prefix: str, *others: Any) -> None:
        for old, new in (("g", "original0"), ("v", "original1")):
            key = f"{prefix}{name}_{old}"
            if key in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_old_names)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration estimates."""

    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            rule = f"dim must lie between {-ndim} and {ndim - 1}"
            raise IndexError(message("spectral_norm", rule, str(dim)))
        if n_power_iterations <= 0:
            rule = "n_power_iterations must be positive"
            raise ValueError(message("spectral_norm", rule, str(n_power_iterations)))
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = weight_matrix(weight, self.dim)
            rows, columns = matrix.shape
            u = matrix.detach().new_empty(rows).normal_(0, 1)
            v = matrix.detach().new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", normalized(u, eps))
            self.register_buffer("_v", normalized(v, eps))
            power_iterations(matrix, self._u, self._v, 15, eps)

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalized(weight, self.eps)
        matrix = weight_matrix(weight, self.dim)
        if self.training:
            power_iterations(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        u, v = self._u.clone(), self._v.clone()  # another forward may change them before backward
        return weight / argand.dot(u, argand.mv(matrix, v))

    def right_inverse(self, value: Any) -> Any:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its spectral norm, which power iteration estimates.

    Args:
        module (Module): whose weight it is.
        name (str): the attribute. Default: "weight".
        n_power_iterations (int): steps of the iteration in each forward in training. Default: 1.
        eps (float): against division by 0. Default: 1e-12.
        dim (int): the dimension of the outputs. Default: 0, and 1 for transposed convolutions.

    Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018,
    https://arxiv.org/abs/1802.05957.

    Example:
        >>> from argand import nn
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
        >>> list(layer.state_dict())[1:3]
        ['parametrizations.weight.original', 'parametrizations.weight.0._u']
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, argand.Tensor):
        rule = f"the module must have a tensor '{name}'"
        raise ValueError(message("spectral_norm", rule, type(module).__name__))
    chosen = output_dim(module) if dim is None else dim
    made = _SpectralNorm(weight, n_power_iterations, chosen, eps)
    return register_parametrization(module, name, made)
