"""What the base of optimizers does: hooks, closures, groups, saved states of other ages; L-BFGS."""

from typing import Any

import pytest

import argand
from argand import optim


def parameter(*values: float) -> Any:
    return argand.tensor(list(values), requires_grad=True)


def test_hooks_see_and_change_the_call() -> None:
    p = parameter(1.0)
    p.grad = argand.ones(1)
    optimizer = optim.SGD([p], lr=0.5)
    calls: list[Any] = []
    optimizer.register_step_post_hook(lambda *call: calls.append(call))
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: "new"), kwargs))
    assert optimizer.step(lambda: "old") == "new"
    assert calls[0][0] is optimizer
    assert calls[0][1][0] is optimizer
    handle.remove()
    assert optimizer.step(lambda: "old") == "old"
    assert optimizer.step() is None
    assert calls[2][1:] == ((optimizer,), {})


def test_closures_record_a_graph() -> None:
    p = parameter(3.0)
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with argand.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 1.5


def test_states_saved_before_a_setting_was_there() -> None:
    first = optim.Adam([("weight", parameter(1.0))])
    saved = first.state_dict()
    for group in saved["param_groups"]:
        for name in ("maximize", "decoupled_weight_decay", "param_names"):
            group.pop(name, None)
    second = optim.Adam([("bias", parameter(1.0))], maximize=True)
    second.load_state_dict(saved)
    assert second.param_groups[0]["maximize"] is True
    assert second.param_groups[0]["param_names"] == ["bias"]


def test_loaded_states_are_in_the_parameters_type_and_order() -> None:
    turned = argand.arange(6.0).reshape(2, 3).t().requires_grad_()
    optimizer = optim.SGD([turned], lr=1.0, momentum=0.5)
    buffer = argand.arange(6.0, dtype=argand.float64).reshape(3, 2)
    saved = optimizer.state_dict()
    optimizer.load_state_dict({**saved, "state": {0: {"momentum_buffer": buffer}}})
    before = turned.detach().clone()
    turned.grad = argand.zeros(3, 2)
    optimizer.step()
    assert (before - turned.detach()).tolist() == (0.5 * buffer).tolist()
    assert optimizer.state[turned]["momentum_buffer"].dtype is argand.float32


def rosenbrock(optimizer: Any, p: Any) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2
        loss.backward()
        return loss

    return closure


def test_lbfgs_finds_the_end_of_a_valley() -> None:
    p = argand.tensor([-1.2, 1.0], dtype=argand.float64, requires_grad=True)
    optimizer = optim.LBFGS([p], max_iter=100, line_search_fn="strong_wolfe")
    first = optimizer.step(rosenbrock(optimizer, p))
    assert first.item() == pytest.approx(24.2)
    assert p.tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
    assert optimizer.state[p]["func_evals"] < 125


def test_lbfgs_goes_on_from_what_was_saved() -> None:
    ends = []
    for pauses in (False, True):
        p = argand.tensor([-1.2, 1.0], dtype=argand.float64, requires_grad=True)
        optimizer = optim.LBFGS([p], max_iter=4, line_search_fn="strong_wolfe")
        optimizer.step(rosenbrock(optimizer, p))
        if pauses:
            saved = optimizer.state_dict()
            optimizer = optim.LBFGS([p])
            optimizer.load_state_dict(saved)
        optimizer.step(rosenbrock(optimizer, p))
        ends.append(p.tolist())
    assert ends[0] == ends[1]


def test_lbfgs_refuses() -> None:
    p, q = parameter(1.0), parameter(2.0)
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([p]).step()
    r = parameter(-1.2, 1.0)
    optimizer = optim.LBFGS([r], line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        optimizer.step(rosenbrock(optimizer, r))
