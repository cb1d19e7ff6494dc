"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class Adagrad(FusedOptimizer):
    """Adagrad (Duchi et al., 2011): gradients divided by the root of the sum of their squares.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        lr_decay: how fast the learning rate falls with the number of steps.
        weight_decay: factor of the parameter that is added to its gradient.
        initial_accumulator_value: the sum before the first step.
        eps: added to the denominator.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> Adagrad([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(lr, lr_decay=lr_decay, weight_decay=weight_decay,
                       initial_accumulator_value=initial_accumulator_value, eps=eps)  # fmt: skip
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:  # the sums are there before the first step
            self._bundle(group["params"], self._counters(group), self._starts(group))

    @staticmethod
    def _rule(
        p: Expr, g: Expr, total: Expr, decay: Expr, lr: Expr, eps: Expr, **settings: bool
    ) -> tuple[Expr, ...]:
        p, g = descent(p, g, decay, **settings)
        total = total + g * g
        return p - lr * (g / (total.sqrt() + eps)), total

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"sum": self.defaults["initial_accumulator_value"]}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr = float(group["lr"]) / (1.0 + (bundle["step"] - 1.0) * group["lr_decay"])
        return decay_number(group), lr, group["eps"]
