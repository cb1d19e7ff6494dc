"""Keeping gradients small before an optimizer's step."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

import argand
from argand.errors import message
from argand.tensor import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]

Tensors = Tensor | Iterable[Tensor]


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of several tensors as if they were one vector.

    Args:
        tensors (iterable of Tensor or Tensor): the tensors.
        norm_type (float): the order; `inf` for the greatest absolute value. Default: 2.
        error_if_nonfinite (bool): refuse a norm that is nan or infinite. Default: False.
        foreach (bool): accepted for compatibility; it changes nothing.

    Returns:
        A tensor without dimensions; 0 for no tensors.

    Raises:
        RuntimeError: `error_if_nonfinite`, and the norm is not finite.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.utils.get_total_norm([argand.tensor([3.0]), argand.tensor([4.0])])
        tensor(5.)
    """
    order = float(norm_type)
    with argand.no_grad():
        norms = [argand.linalg.vector_norm(tensor, order) for tensor in _listed(tensors)]
        if not norms:
            return argand.zeros(())
        total = argand.linalg.vector_norm(argand.stack(norms), order)
    if error_if_nonfinite and not bool(argand.isfinite(total)):
        rule = f"the total norm of order {order} must be finite"
        hint = "error_if_nonfinite=False scales the gradients anyway"
        raise RuntimeError(message("get_total_norm", rule, str(total.item()), hint))
    return total


def clip_grads_with_norm_(
    parameters: Tensors,
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients by `max_norm / total_norm`, in place, where that makes them smaller.

    Args:
        parameters (iterable of Tensor or Tensor): whose gradients to scale.
        max_norm (float): the greatest norm they shall have.
        total_norm (Tensor): the norm they have, as `get_total_norm` gives it.
        foreach (bool): accepted for compatibility; it changes nothing.
    """
    with argand.no_grad():
        scale = argand.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
        for gradient in _gradients(_listed(parameters)):
            gradient.mul_(scale)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients in place so that their norm, as if they were one vector, has a bound.

    Args:
        parameters (iterable of Tensor or Tensor): whose gradients to scale.
        max_norm (float): the greatest norm they shall have.
        norm_type (float): the order; `inf` for the greatest absolute value. Default: 2.
        error_if_nonfinite (bool): refuse a norm that is nan or infinite. Default: False.
        foreach (bool): accepted for compatibility; it changes nothing.

    Returns:
        The norm before, a tensor without dimensions.

    Raises:
        RuntimeError: `error_if_nonfinite`, and the norm is not finite.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> w = nn.Parameter(argand.zeros(2))
        >>> (w * argand.tensor([3.0, 4.0])).sum().backward()
        >>> nn.utils.clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    if not listed and isinstance(parameters, types.GeneratorType):
        warnings.warn("clip_grad_norm_: the generator of parameters is empty", stacklevel=2)
    norm = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, norm)
    return norm


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The deprecated name of `clip_grad_norm_`."""
    message = "nn.utils.clip_grad_norm is deprecated in favor of nn.utils.clip_grad_norm_"
    warnings.warn(message, FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients to [-clip_value, clip_value], in place.

    Args:
        parameters (iterable of Tensor or Tensor): whose gradients to clamp.
        clip_value (float): the greatest absolute value.
        foreach (bool): accepted for compatibility; it changes nothing.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> w = nn.Parameter(argand.zeros(2))
        >>> (w * argand.tensor([-3.0, 0.5])).sum().backward()
        >>> nn.utils.clip_grad_value_([w], 1.0)
        >>> w.grad
        tensor([-1.0000,  0.5000])
    """
    bound = float(clip_value)
    with argand.no_grad():
        for gradient in _gradients(_listed(parameters)):
            gradient.clamp_(min=-bound, max=bound)


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
