"""Derivatives that travel along with values: dual tensors.

A dual tensor is a tensor with a place of its own in the graph; its level remembers the tangent.
Operations on it are recorded as always, and `unpack_dual` finds the tangent of a result by
differentiating its gradient (see `argand.autograd.levels.Linearized`). So every operation that has
a gradient has a forward derivative, and a result costs two backward passes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from argand.autograd.levels import Linearized, close, enter, leave, reachable, reaches_out
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
           "unpack_dual"]  # fmt: skip


class UnpackedDualTensor(NamedTuple):
    """A dual tensor's parts; the tangent is None where there is none."""

    primal: Any
    tangent: Any


class _Level:
    """The dual tensors that were made since a level was entered."""

    def __init__(self) -> None:
        self.duals: list[tuple[Any, Any, Any]] = []  # dual, primal, tangent


_levels: list[_Level] = []


def enter_dual_level() -> int:
    """Begin a level, which holds the dual tensors made in it; returns its number.

    Raises:
        RuntimeError: in another level; there is only one at a time.
    """
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append(_Level())
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """End a level: its dual tensors lose their tangents.

    Raises:
        RuntimeError: if there is none, or `level` is not the innermost one.
    """
    current = len(_levels) - 1
    if current < 0 or (level is not None and level != current):
        rule = f"the level to exit must be the innermost, {current}"
        raise RuntimeError(message("exit_dual_level", rule, str(level)))
    close(dual for dual, _, _ in _levels.pop().duals)


class dual_level:
    """A level of dual tensors, for a ``with`` block.

    >>> import argand
    >>> from argand.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(argand.tensor(3.0), argand.tensor(1.0))
    ...     forward_ad.unpack_dual(x * x)
    UnpackedDualTensor(primal=tensor(9.), tangent=tensor(6.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *details: object) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor: the values of `tensor`, with the derivative `tangent`.

    Raises:
        RuntimeError: outside of a level, or if the two have different shapes.
        ValueError: if they are not floating-point or complex.
    """
    if not _levels:
        raise RuntimeError(message("make_dual", "there must be a level", "none",
                                   "use it within forward_ad.dual_level()"))  # fmt: skip
    for name, x in (("tensor", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            rule = f"the {name} must be floating point or complex"
            raise ValueError(message("make_dual", rule, str(x.dtype)))
    if tensor.shape != tangent.shape:
        rule = f"the tangent must have the tensor's shape {list(tensor.shape)}"
        raise RuntimeError(message("make_dual", rule, str(list(tangent.shape))))
    dual = enter(tensor)
    _levels[-1].duals.append((dual, tensor, tangent))
    return dual


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The values and the derivative of a tensor; the derivative is None for constants."""
    if not isinstance(tensor, Tensor) or not _levels or tensor.node is None:
        return UnpackedDualTensor(tensor, None)
    passed = reachable([tensor])
    duals = [entry for entry in _levels[-1].duals if entry[0].node in passed]
    if not duals:
        return UnpackedDualTensor(tensor, None)
    inputs = [dual for dual, _, _ in duals]
    tangents = [tangent for _, _, tangent in duals]
    outside = reaches_out([tensor], inputs)
    linear = Linearized([tensor], inputs)
    (tangent,) = linear(tangents, outside or reaches_out(tangents, ()))
    return UnpackedDualTensor(leave(tensor, outside), tangent)
