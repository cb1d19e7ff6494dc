"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from argand.kernels.expr import Expr
from argand.ops.create import as_array
from argand.optim.optimizer import Bundle, Optimizer
from argand.tensor import Tensor


def _rule(
    p: Expr, g: Expr, mean: Expr, square: Expr, *rest: Expr,
    amsgrad: bool, maximize: bool, decoupled: bool, decays: bool,
) -> tuple[Expr, ...]:  # fmt: skip
    """One step for one element; the numbers are combined by `Adam._numbers`."""
    largest = rest[0] if amsgrad else None
    decay, beta1, beta2, rest1, rest2, step_size, root, eps = rest[1:] if amsgrad else rest
    g = -g if maximize else g
    if decays and decoupled:
        p = p * decay
    elif decays:
        g = g + decay * p
    mean = mean + (g - mean) * rest1
    square = square * beta2 + g * g * rest2
    top = square if largest is None else largest.maximum(square)
    p = p - step_size * (mean / (top.sqrt() / root + eps))
    return (p, mean, square) if largest is None else (p, mean, square, top)


class Adam(Optimizer):
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
        for name, value in (("learning rate", lr), ("epsilon value", eps),
                            ("weight_decay value", weight_decay)):  # fmt: skip
            if value < 0:
                raise ValueError(f"Invalid {name}: {value}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _step_group(self, number: int, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        known = self._bundles.get(number)
        if known is None or len(known.params) != len(params) or not all(
            a is b for a, b in zip(known.params, params)
        ):
            known = self._bundles[number] = _Stepped(self, params, group["amsgrad"])
        settings = {
            "amsgrad": group["amsgrad"],
            "maximize": group["maximize"],
            "decoupled": group["decoupled_weight_decay"],
            "decays": group["weight_decay"] != 0,
        }
        for bundle, step in known.advance():
            bundle.run(_rule, self._numbers(group, step), settings)

    def _numbers(self, group: dict[str, Any], step: float) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        lr, decay = float(group["lr"]), float(group["weight_decay"])
        if group["decoupled_weight_decay"]:
            decay = 1.0 - lr * decay
        step_size = lr / (1.0 - beta1**step)
        root = math.sqrt(1.0 - beta2**step)
        return decay, beta1, beta2, 1.0 - beta1, 1.0 - beta2, step_size, root, group["eps"]


class _Stepped:
    """The parameters of a group, bundled by how many steps they have made.

    The counts are one vector whose elements are the ``step`` states, so that all are raised at once.
    """

    def __init__(self, optimizer: Optimizer, params: list[Any], amsgrad: bool) -> None:
        self.params = params
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * amsgrad
        states = [optimizer.state[p] for p in params]
        counts = [float(s["step"]) if "step" in s else 0.0 for s in states]
        vector = Tensor(counts)
        self.counts = as_array(vector)
        for i, (p, state) in enumerate(zip(params, states)):
            state["step"] = vector[i]
            for name in names:
                if name not in state:
                    state[name] = p.detach().new_zeros(p.shape)
        self.bundles = []
        for count in sorted(set(counts)):
            same = [i for i, c in enumerate(counts) if c == count]
            bundle = Bundle([params[i] for i in same], [states[i] for i in same], names)
            self.bundles.append((bundle, np.array(same)))

    def advance(self) -> list[tuple[Bundle, float]]:
        """Count a step; the bundles with the number of the step each of them makes."""
        self.counts += 1
        return [(bundle, float(self.counts[same[0]])) for bundle, same in self.bundles]


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
