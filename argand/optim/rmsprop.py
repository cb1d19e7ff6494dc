"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argand.kernels.expr import Expr
from argand.optim.fused import Bundle, descent
from argand.optim.optimizer import FusedOptimizer, check_settings, decay_number


class RMSprop(FusedOptimizer):
    """RMSprop (Hinton, lecture 6e, 2012): gradients divided by the root of their mean square.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        alpha: share of the running mean of squares that is kept.
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum: share of the last step that is kept.
        centered: divide by the deviation from the mean gradient (Graves, 2013).
        maximize: climb instead of descend.

    >>> import argand
    >>> p = argand.ones(1, requires_grad=True)
    >>> (p * 2).backward()
    >>> RMSprop([p], lr=0.01).step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    @staticmethod
    def _rule(
        p: Expr,
        g: Expr,
        square: Expr,
        *rest: Expr,
        momentum: bool,
        centered: bool,
        **settings: bool,
    ) -> tuple[Expr, ...]:
        buffers, (decay, lr, alpha, other, eps, share) = rest[:-6], rest[-6:]
        p, g = descent(p, g, decay, **settings)
        square = square * alpha + g * g * other
        root = square.sqrt()
        mean: tuple[Expr, ...] = ()
        if centered:
            center = buffers[-1] + (g - buffers[-1]) * other
            root, mean = (square - center * center).sqrt(), (center,)
        step = g / (root + eps)
        if not momentum:
            return p - lr * step, square, *mean
        velocity = share * buffers[0] + step
        return p - lr * velocity, square, velocity, *mean

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        names = ["square_avg", "momentum_buffer", "grad_avg"]
        used = [True, group["momentum"] > 0, group["centered"]]
        return {name: 0.0 for name, wanted in zip(names, used) if wanted}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        own = {"momentum": group["momentum"] > 0, "centered": group["centered"]}
        return {**own, **super()._settings(group, bundle)}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, alpha, momentum = float(group["lr"]), group["alpha"], group["momentum"]
        return decay_number(group), lr, alpha, 1.0 - alpha, group["eps"], momentum
