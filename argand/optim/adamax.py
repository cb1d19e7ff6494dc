"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class Adamax(FusedOptimizer):
    """Adamax (Kingma and Ba, 2014): Adam with the largest gradient instead of the mean square.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: shares of the running mean and of the largest gradient that are kept.
        eps: added to the size of a gradient.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> Adamax([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach":
            foreach, "maximize": maximize, "differentiable": differentiable, "capturable":
            capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, mean: Expr, largest: Expr, *numbers: Expr, **settings: bool
    ) -> tuple[Expr, ...]:
        decay, rest1, beta2, step_size, eps = numbers
        p, g = descent(p, g, decay, **settings)
        mean = mean + (g - mean) * rest1
        largest = (largest * beta2).maximum(g.abs() + eps)
        return p - step_size * (mean / largest), mean, largest

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        step_size = float(group["lr"]) / (1.0 - beta1 ** bundle["step"])
        return decay_number(group), 1.0 - beta1, beta2, step_size, group["eps"]
