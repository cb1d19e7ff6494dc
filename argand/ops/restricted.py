"""Elementwise operations that PyTorch has for some types only, or without all derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.node import Node
from argand.dtypes import dtype
from argand.ops.map import Elementwise, Gradient, MapPlan


class Restricted(Elementwise):
    """An elementwise operation with limits of its own.

    Args:
        halves: whether it takes float16 and bfloat16.
        differentiable: whether results belong to the graph.
        fixed: operands without a derivative: a backward pass that comes to one of them fails.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        halves: bool = True,
        differentiable: bool = True,
        fixed: Sequence[str] = (),
        **facts: Any,
    ) -> None:
        super().__init__(body, **facts)
        self._halves = halves
        self._differentiable = differentiable
        self._fixed = frozenset(fixed)

    def result_dtype(self, operands: Sequence[Any], static: tuple[Any, ...] = ()) -> dtype:
        result = super().result_dtype(operands, static)
        if result.kind == "f" and result.itemsize < 4 and not self._halves:
            raise NotImplementedError(f'"{self.name}_cpu" not implemented for \'{result.name}\'')
        return result

    def _gradient(self, plan: MapPlan, operands: Sequence[Any], mask: int) -> Gradient | None:
        if not self._differentiable:
            return None
        names = [n for i, n in enumerate(self.operand_names) if mask >> i & 1 and n in self._fixed]
        if not names:
            return super()._gradient(plan, operands, mask)
        text = f"the derivative for '{self.name}: {names[0]}' is not implemented."
        wanted = tuple(i for i in range(len(operands)) if mask >> i & 1)

        def refuse(node: Node, *gradients: Any) -> Sequence[Any]:
            raise NotImplementedError(text)

        return Gradient(self.graph_name + "0", refuse, wanted, (), ())


def restricted(**facts: Any) -> Any:
    """Make a `Restricted` operation from a function of scalars."""
    return lambda body: Restricted(body, **facts)
