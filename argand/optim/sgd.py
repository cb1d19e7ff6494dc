"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.optimizer import Bundle, Optimizer


def _plain_rule(p: Expr, g: Expr, lr: Expr, decay: Expr, *, maximize: bool) -> tuple[Expr, ...]:
    g = -g if maximize else g
    return (p - lr * (g + decay * p),)


def _momentum_rule(
    p: Expr, g: Expr, velocity: Expr, lr: Expr, decay: Expr, momentum: Expr, kept: Expr, *,
    nesterov: bool, maximize: bool,
) -> tuple[Expr, ...]:  # fmt: skip
    g = (-g if maximize else g) + decay * p
    velocity = momentum * velocity + kept * g
    step = g + momentum * velocity if nesterov else velocity
    return p - lr * step, velocity


class SGD(Optimizer):
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
        for name, value in (("learning rate", lr), ("momentum value", momentum),
                            ("weight_decay value", weight_decay)):  # fmt: skip
            if value < 0:
                raise ValueError(f"Invalid {name}: {value}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _step_group(self, number: int, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        lr, decay = float(group["lr"]), float(group["weight_decay"])
        settings: dict[str, Any] = {"maximize": group["maximize"]}
        if not group["momentum"]:
            bundle = self._bundle(number, params, [], False)
            bundle.run(_plain_rule, (lr, decay), settings)
            return
        settings["nesterov"] = group["nesterov"]
        momentum, kept = float(group["momentum"]), 1.0 - group["dampening"]
        fresh = [p for p in params if self.state[p].get("momentum_buffer") is None]
        for p in fresh:
            self.state[p]["momentum_buffer"] = p.detach().new_zeros(p.shape)
        old = [p for p in params if not any(p is f for f in fresh)] if fresh else params
        # the first step takes the whole gradient into the momentum, whatever the dampening
        for some, share in ((fresh, 1.0), (old, kept)):
            if some:
                bundle = self._bundle(number, some, ["momentum_buffer"], some is fresh)
                bundle.run(_momentum_rule, (lr, decay, momentum, share), settings)

    def _bundle(self, number: int, params: list[Any], names: list[str], fresh: bool) -> Bundle:
        known = self._bundles.get((number, tuple(names), fresh))
        if known is not None and len(known.params) == len(params) and all(
            a is b for a, b in zip(known.params, params)
        ):
            return known  # type: ignore[no-any-return]
        made = Bundle(params, [self.state[p] for p in params] if names else [], names)
        self._bundles[number, tuple(names), fresh] = made
        return made
