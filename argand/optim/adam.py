"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class Adam(FusedOptimizer):
    """Adam (Kingma and Ba, 2014).

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: shares of the running means of gradients and their squares that are kept.
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        amsgrad: divide by the largest mean of squares so far (Reddi et al., 2018).
        maximize: climb instead of descend.
        decoupled_weight_decay: shrink the parameter itself instead, as AdamW does.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> Adam([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, mean: Expr, square: Expr, *rest: Expr, amsgrad: bool, **settings: bool
    ) -> tuple[Expr, ...]:
        largest = rest[0] if amsgrad else None
        decay, beta2, rest1, rest2, step_size, scale, eps = rest[1:] if amsgrad else rest
        p, g = descent(p, g, decay, **settings)
        mean = mean + (g - mean) * rest1
        square = square * beta2 + g * g * rest2
        top = square if largest is None else largest.maximum(square)
        p = p - step_size * (mean * (top.quick_sqrt() * scale + eps).quick_reciprocal())
        return (p, mean, square) if largest is None else (p, mean, square, top)

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        starts = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return {**starts, "max_exp_avg_sq": 0.0} if group["amsgrad"] else starts

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        own = {"amsgrad": group["amsgrad"], "decoupled": group["decoupled_weight_decay"]}
        return {**own, **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        (beta1, beta2), step = group["betas"], bundle["step"]
        step_size = float(group["lr"]) / (1.0 - beta1**step)
        scale = 1.0 / math.sqrt(1.0 - beta2**step)
        rests = 1.0 - beta1, 1.0 - beta2
        return decay_number(group), beta2, *rests, step_size, scale, group["eps"]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2017); see `Adam`.

    >>> import argand
    >>> AdamW([argand.ones(1, requires_grad=True)]).param_groups[0]["weight_decay"]
    0.01
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad,
                         decoupled_weight_decay=True, **settings)  # fmt: skip
