"""The older form of weight norm: a hook that computes the weight before each forward."""

from __future__ import annotations

import warnings
from typing import Any

from argand.errors import message
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.nn.utils.norms import without_dim

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]


class WeightNorm:
    """The hook, and the tensor that it is for."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Any:
        """The weight from its length and direction."""
        length, direction = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return direction * (length / without_dim(direction, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def find_hook(module: Module, kind: type, name: str) -> tuple[int, Any] | None:
    """The id and the hook of a kind that computes a tensor, or None."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:  # type: ignore[attr-defined]
            return key, hook
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """The deprecated form of `argand.nn.utils.parametrizations.weight_norm`.

    The module gets the parameters `weight_g` and `weight_v`, and `weight` is a plain tensor.

    Raises:
        RuntimeError: the tensor has weight norm already.

    Example:
        >>> import warnings
        >>> from argand import nn
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer = nn.utils.weight_norm(nn.Linear(20, 40))
        >>> layer.weight_g.shape
        torch.Size([40, 1])
    """
    warnings.warn(
        "nn.utils.weight_norm is deprecated in favor of nn.utils.parametrizations.weight_norm",
        FutureWarning,
        stacklevel=2,
    )
    if find_hook(module, WeightNorm, name) is not None:
        raise RuntimeError(message("weight_norm", f"'{name}' must not have weight norm already"))
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(without_dim(weight, hook.dim).detach()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo `weight_norm`: the weight is a parameter again, with its present value.

    Raises:
        ValueError: the tensor has no weight norm.
    """
    found = find_hook(module, WeightNorm, name)
    if found is None:
        rule = f"'{name}' must have weight norm"
        raise ValueError(message("remove_weight_norm", rule, type(module).__name__))
    key, hook = found
    weight = hook.compute_weight(module)
    for part in ("", "_g", "_v"):
        delattr(module, f"{name}{part}")
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    return module
