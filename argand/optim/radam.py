"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class RAdam(FusedOptimizer):
    """RAdam (Liu et al., 2019): Adam whose first steps, of uncertain scale, are plain momentum.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: shares of the running means of gradients and their squares that are kept.
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        decoupled_weight_decay: shrink the parameter itself instead.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> RAdam([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize":
            maximize, "foreach": foreach, "capturable": capturable, "decoupled_weight_decay":
            decoupled_weight_decay, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr,
        g: Expr,
        mean: Expr,
        square: Expr,
        *numbers: Expr,
        rectified: bool,
        **settings: bool,
    ) -> tuple[Expr, ...]:
        decay, beta2, rest1, rest2, step_size, eps = numbers
        p, g = descent(p, g, decay, **settings)
        mean = mean + (g - mean) * rest1
        square = square * beta2 + g * g * rest2
        step = mean / (square.sqrt() + eps) if rectified else mean
        return p - step_size * step, mean, square

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        rectified = _certainty(group["betas"][1], bundle["step"])[0] > 5.0
        own = {"rectified": rectified, "decoupled": group["decoupled_weight_decay"]}
        return {**own, **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        (beta1, beta2), step = group["betas"], bundle["step"]
        step_size = float(group["lr"]) / (1.0 - beta1**step)
        now, end = _certainty(beta2, step)
        if now > 5.0:
            share = (now - 4) * (now - 2) * end / ((end - 4) * (end - 2) * now)
            step_size *= math.sqrt(share * (1.0 - beta2**step))
        rests = 1.0 - beta1, 1.0 - beta2
        return decay_number(group), beta2, *rests, step_size, group["eps"]


def _certainty(beta2: float, step: float) -> tuple[float, float]:
    """How many gradients the mean square stands for: now, and in the end."""
    end = 2.0 / (1.0 - beta2) - 1.0
    return end - 2.0 * step * beta2**step / (1.0 - beta2**step), end
