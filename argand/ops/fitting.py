"""Gradients in the shape and type of what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.node import Node
from argand.runtime.layout import Layout


def pass_on(present: Sequence[bool], targets: Sequence[Layout]) -> Callable[..., Sequence[Any]]:
    """The gradient goes on unchanged."""

    def backward(node: Node, gradient: Any) -> Sequence[Any]:
        return [fit(gradient, t) if there else None for there, t in zip(present, targets)]

    return backward


def vanishing(targets: Sequence[Layout]) -> Callable[..., Sequence[Any]]:
    """The result does not change with the operands, except in jumps."""

    def backward(node: Node, gradient: Any) -> Sequence[Any]:
        return [gradient.new_zeros(t.shape, dtype=t.dtype) for t in targets]

    return backward


def fit(gradient: Any, target: Layout) -> Any:
    """A gradient in the operand's shape and type: summed over what was broadcast."""
    if gradient.form.shape != target.shape:
        gradient = gradient.sum_to_size(target.shape)
    if gradient.form.dtype is not target.dtype:
        gradient = gradient.to(target.dtype)
    return gradient
