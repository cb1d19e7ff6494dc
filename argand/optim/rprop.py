"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle
from argand.optim.optimizer import FusedOptimizer, check_settings


class Rprop(FusedOptimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993): only signs of gradients count.

    Args:
        params: parameters or groups of them.
        lr: size of the first step.
        etas: factors of a step's size when the sign changed, and when it did not.
        step_sizes: the smallest and the largest step.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> Rprop([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize":
            maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, before: Expr, size: Expr, *numbers: Expr, maximize: bool
    ) -> tuple[Expr, ...]:
        smaller, larger, least, most = numbers
        g = -g if maximize else g
        product = g * before
        turned = product < 0
        factor = (product > 0).where(larger, turned.where(smaller, 1.0))
        size = (size * factor).maximum(least).minimum(most)
        g = turned.where(0.0, g)  # a turn is no step, and the next one is not compared with it
        return p - g.sign() * size, g, size

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": float(group["lr"])}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        return {"maximize": group["maximize"]}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        return *group["etas"], *group["step_sizes"]
