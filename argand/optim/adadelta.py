"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class Adadelta(FusedOptimizer):
    """Adadelta (Zeiler, 2012): steps as large as those before them, without a learning rate.

    Args:
        params: parameters or groups of them.
        lr: factor of the steps.
        rho: share of the running means of squares that is kept.
        eps: added to both mean squares.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> Adadelta([p]).step()
    >>> p.detach()
    tensor([0.9968])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, square: Expr, steps: Expr, *numbers: Expr, **settings: bool
    ) -> tuple[Expr, ...]:
        decay, lr, rho, other, eps = numbers
        p, g = descent(p, g, decay, **settings)
        square = square * rho + g * g * other
        step = (steps + eps).sqrt() / (square + eps).sqrt() * g
        return p - lr * step, square, steps * rho + step * step * other

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, rho = float(group["lr"]), group["rho"]
        return decay_number(group), lr, rho, 1.0 - rho, group["eps"]
