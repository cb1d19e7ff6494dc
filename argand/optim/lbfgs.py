"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from argand.autograd.grad_mode import enable_grad, no_grad
from argand.ops.join import cat
from argand.optim.line_search import Point, strong_wolfe
from argand.optim.optimizer import Optimizer, check_settings


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989), for few parameters and exact losses.

    All parameters are one group; each step evaluates the closure several times.

    Args:
        params: parameters.
        lr: length of a step, in units of the direction.
        max_iter: iterations of a step.
        max_eval: evaluations of the closure in a step; 5/4 of `max_iter` by default.
        tolerance_grad: the largest element of a gradient that counts as none.
        tolerance_change: changes of the loss or the parameters that count as none.
        history_size: how many of the last changes are kept.
        line_search_fn: None, or ``"strong_wolfe"``.

    >>> import argand
    >>> p = argand.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(13., grad_fn=<SumBackward0>)
    >>> closure().item() < 1e-9
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_settings(lr)
        defaults = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            raise TypeError("LBFGS.step: a closure that computes the loss is needed")
        with no_grad():
            return _Step(self, closure).run()


class _Step:
    """One step: the closure, the settings, and the state, which is that of the first parameter."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        self.group = optimizer.param_groups[0]
        self.params = self.group["params"]
        self.closure = closure
        self.state = optimizer.state[self.params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)

    def loss(self) -> Any:
        self.state["func_evals"] += 1
        with enable_grad():
            return self.closure()

    def gradient(self) -> Any:
        """All gradients in one row."""
        return cat([
            p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self.params
        ])  # fmt: skip

    def move(self, t: Any, direction: Any) -> None:
        start = 0
        for p in self.params:
            end = start + p.numel()
            p.add_(direction[start:end].reshape(p.shape), alpha=float(t))
            start = end

    def run(self) -> Any:
        """Iterate until something says enough; the loss at the start."""
        group, state, before = self.group, self.state, self.state["func_evals"]
        first = self.loss()
        loss, gradient = float(first), self.gradient()
        if float(gradient.abs().max()) <= group["tolerance_grad"]:
            return first
        for left in reversed(range(group["max_iter"])):
            state["n_iter"] += 1
            direction = self.direction(gradient)
            state["prev_flat_grad"] = gradient.clone()
            state["prev_loss"] = loss
            t = group["lr"]
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / gradient.abs().sum()) * t
            state["t"] = t
            slope = gradient.dot(direction)
            if slope > -group["tolerance_change"]:
                break
            spent = state["func_evals"] - before
            start = Point(0, loss, gradient, slope)
            t, loss, gradient = self.advance(start, t, direction, group["max_eval"] - spent, left)
            state["t"] = t
            if (
                state["func_evals"] - before >= group["max_eval"]
                or float(gradient.abs().max()) <= group["tolerance_grad"]
                or float((direction * t).abs().max()) <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first

    def direction(self, gradient: Any) -> Any:
        """Against the gradient, times the inverse of the curvature as far as it is known."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(d=-gradient, old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return state["d"]
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(step)
        if curvature > 1e-10:
            if len(changes) == self.group["history_size"]:
                for memory in (changes, steps, inverses):
                    memory.pop(0)
            changes.append(change)
            steps.append(step)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        shares = state.setdefault("al", [None] * self.group["history_size"])
        d = -gradient
        for i in reversed(range(len(changes))):
            shares[i] = steps[i].dot(d) * inverses[i]
            d = d - changes[i] * shares[i]
        d = d * state["H_diag"]
        for i in range(len(changes)):
            d = d + steps[i] * (shares[i] - changes[i].dot(d) * inverses[i])
        state["d"] = d
        return d

    def advance(
        self, start: Point, t: Any, direction: Any, evaluations: int, left: int
    ) -> tuple[Any, float, Any]:
        """Go along the direction: how far, the loss and the gradient there."""
        search = self.group["line_search_fn"]
        if search is None:
            self.move(t, direction)
            if not left:  # the loss of the last iteration is not used
                return t, start.loss, start.gradient
            return t, float(self.loss()), self.gradient()
        if search != "strong_wolfe":
            raise RuntimeError(f"LBFGS: only 'strong_wolfe' is supported, but got {search!r}")
        origin = [p.clone() for p in self.params]

        def evaluate(t: Any) -> Point:
            self.move(t, direction)
            loss, gradient = float(self.loss()), self.gradient()
            for p, old in zip(self.params, origin):
                p.copy_(old)
            return Point(t, loss, gradient, gradient.dot(direction))

        end, _ = strong_wolfe(evaluate, start, t, direction.abs().max(), evaluations)
        self.move(end.t, direction)
        return end.t, end.loss, end.gradient
