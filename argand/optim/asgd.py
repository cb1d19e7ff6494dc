"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class ASGD(FusedOptimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992).

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        lambd: decay of the parameters and of the learning rate.
        alpha: power of the number of steps that the learning rate falls with.
        t0: the step from which on parameters are averaged; the mean is the state ``ax``.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> ASGD([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, mean: Expr, *numbers: Expr, averages: bool, **settings: bool
    ) -> tuple[Expr, ...]:
        decay, shrink, eta, mu = numbers
        now, g = descent(p, g, decay, **settings)
        now = now * shrink - eta * g
        return now, mean + (now - mean) * mu if averages else now

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    def _counters(self, group: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        return {"averages": bundle["mu"] != 1.0, **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        eta, mu, step = bundle["eta"], bundle["mu"], bundle["step"]
        lr, lambd = float(group["lr"]), group["lambd"]
        bundle["eta"] = lr / (1.0 + lambd * lr * step) ** group["alpha"]  # of the next step
        bundle["mu"] = 1.0 / max(1.0, step - group["t0"])
        return decay_number(group), 1.0 - lambd * eta, eta, mu
