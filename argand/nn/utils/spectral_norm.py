"""The older form of spectral norm: a hook that computes the weight before each forward."""

from __future__ import annotations

from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.nn.utils.norms import normalized, output_dim, power_iterations, weight_matrix
from argand.nn.utils.weight_norm import find_hook

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]


class SpectralNorm:
    """The hook, and the tensor that it is for."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            rule = "n_power_iterations must be positive"
            raise ValueError(message("spectral_norm", rule, str(n_power_iterations)))
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module: Module, iterate: bool) -> Any:
        """The weight divided by its largest singular value, after steps of the iteration."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = weight_matrix(weight, self.dim)
        if iterate:
            power_iterations(matrix.t(), v, u, self.n_power_iterations, self.eps)
            u, v = u.clone(), v.clone()  # another forward may change them before backward
        return weight / argand.dot(u, argand.mv(matrix, v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """The older form of `argand.nn.utils.parametrizations.spectral_norm`.

    The module gets the parameter `weight_orig` and the buffers `weight_u` and `weight_v`.

    Raises:
        RuntimeError: the tensor has spectral norm already.

    Example:
        >>> from argand import nn
        >>> list(nn.utils.spectral_norm(nn.Linear(20, 40)).state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if find_hook(module, SpectralNorm, name) is not None:
        rule = f"'{name}' must not have spectral norm already"
        raise RuntimeError(message("spectral_norm", rule))
    hook = SpectralNorm(name, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(message("spectral_norm", f"'{name}' must not be None"))
    matrix = weight_matrix(weight.detach(), hook.dim)
    u, v = (normalized(matrix.new_empty(n).normal_(0, 1), eps) for n in matrix.shape)
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo `spectral_norm`: the weight is a parameter again, with its present value.

    Raises:
        ValueError: the tensor has no spectral norm.
    """
    found = find_hook(module, SpectralNorm, name)
    if found is None:
        rule = f"'{name}' must have spectral norm"
        raise ValueError(message("remove_spectral_norm", rule, type(module).__name__))
    key, hook = found
    with argand.no_grad():
        weight = hook.compute_weight(module, False)
    for part in ("", "_orig", "_u", "_v"):
        delattr(module, f"{name}{part}")
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    return module
