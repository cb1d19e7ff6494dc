"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class SGD(FusedOptimizer):
    """Stochastic gradient descent, with momentum (Sutskever et al., 2013) and weight decay.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        momentum: share of the last step that is kept.
        dampening: share of the gradient that does not enter the momentum.
        weight_decay: factor of the parameter that is added to its gradient.
        nesterov: look ahead by the momentum.
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> SGD([p], lr=0.1).step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr, g: Expr, *rest: Expr, momentum: bool, nesterov: bool, **settings: bool
    ) -> tuple[Expr, ...]:
        if not momentum:
            decay, lr = rest
            p, g = descent(p, g, decay, **settings)
            return (p - lr * g,)
        velocity, decay, lr, share, kept = rest
        p, g = descent(p, g, decay, **settings)
        velocity = share * velocity + kept * g
        step = g + share * velocity if nesterov else velocity
        return p - lr * step, velocity

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def _counters(self, group: dict[str, Any]) -> dict[str, float]:
        return {}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        own = {"momentum": group["momentum"] != 0, "nesterov": group["nesterov"]}
        return {**own, **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        decay, lr, momentum = decay_number(group), float(group["lr"]), float(group["momentum"])
        if not momentum:
            return decay, lr
        # the first step takes the whole gradient into the momentum, whatever the dampening
        return decay, lr, momentum, 1.0 if bundle.fresh else 1.0 - group["dampening"]
