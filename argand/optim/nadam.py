"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class NAdam(FusedOptimizer):
    """NAdam (Dozat, 2016): Adam that looks ahead by its momentum, as Nesterov's does.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas: shares of the running means of gradients and their squares that are kept.
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum_decay: how fast the momentum reaches the first of `betas`.
        decoupled_weight_decay: shrink the parameter itself instead.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> NAdam([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.8944])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay":
            momentum_decay, "decoupled_weight_decay": decoupled_weight_decay, "maximize":
            maximize, "foreach": foreach, "capturable": capturable, "differentiable":
            differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, mean: Expr, square: Expr, *numbers: Expr, **settings: bool
    ) -> tuple[Expr, ...]:
        decay, beta2, rest1, rest2, now, ahead, scale, eps = numbers
        p, g = descent(p, g, decay, **settings)
        mean = mean + (g - mean) * rest1
        square = square * beta2 + g * g * rest2
        denominator = (square * scale).sqrt() + eps
        return p - now * (g / denominator) - ahead * (mean / denominator), mean, square

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _counters(self, group: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "mu_product": 1.0}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        return {"decoupled": group["decoupled_weight_decay"], **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        (beta1, beta2), lr, step = group["betas"], float(group["lr"]), bundle["step"]
        share, share_next = (
            beta1 * (1.0 - 0.5 * 0.96 ** (count * group["momentum_decay"]))
            for count in (step, step + 1.0)
        )
        bundle.scale("mu_product", share)
        product = bundle["mu_product"]
        now = lr * (1.0 - share) / (1.0 - product)
        ahead = lr * share_next / (1.0 - product * share_next)
        scale = 1.0 / (1.0 - beta2**step)
        rests = 1.0 - beta1, 1.0 - beta2
        return decay_number(group), beta2, *rests, now, ahead, scale, group["eps"]
