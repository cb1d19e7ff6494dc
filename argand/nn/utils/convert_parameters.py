"""All parameters of a module as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import argand
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """One vector of all elements of the parameters, in order. Gradients flow through it.

    Example:
        >>> from argand import nn
        >>> nn.utils.parameters_to_vector(nn.Linear(10, 20).parameters()).shape
        torch.Size([220])
    """
    return argand.cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let parameters have the values of consecutive slices of a vector, and share its memory.

    Args:
        vec (Tensor): as `parameters_to_vector` gives it.
        parameters (iterable of Tensor): what to set.

    Raises:
        TypeError: `vec` is no tensor.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.Linear(2, 1)
        >>> nn.utils.vector_to_parameters(argand.tensor([1.0, 2.0, 3.0]), layer.parameters())
        >>> layer(argand.tensor([10.0, 100.0])).item()
        213.0
    """
    if not isinstance(vec, Tensor):
        got = type(vec).__name__
        raise TypeError(message("vector_to_parameters", "vec must be a Tensor", got))
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view_as(parameter).data
        start = stop
