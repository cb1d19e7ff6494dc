"""Every optimizer against its formula in NumPy, and what all of them have in common."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import argand
from argand import optim

State = dict[str, Any]
Formula = Callable[[State, Any, Any, int], Any]  # (state, parameter, gradient, step) -> parameter
LR = 0.05


def means(s: State, g: Any, beta1: float = 0.9, beta2: float = 0.999) -> tuple[Any, Any]:
    s["m"] = beta1 * s.get("m", 0.0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1 - beta2) * g * g
    return s["m"], s["v"]


def sgd(s: State, p: Any, g: Any, t: int) -> Any:
    g = g + 0.1 * p
    s["b"] = 0.9 * s["b"] + g if "b" in s else g
    return p - LR * (g + 0.9 * s["b"])


def dampened(s: State, p: Any, g: Any, t: int) -> Any:
    s["b"] = 0.9 * s["b"] + 0.6 * g if "b" in s else g
    return p - LR * s["b"]


def adam(s: State, p: Any, g: Any, t: int) -> Any:
    m, v = means(s, g + 0.1 * p)
    return p - LR * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def adamw(s: State, p: Any, g: Any, t: int) -> Any:
    m, v = means(s, g)
    s["top"] = np.maximum(s.get("top", 0.0), v)
    return p * (1 - LR * 0.1) - LR * (m / (1 - 0.9**t)) / (
        np.sqrt(s["top"] / (1 - 0.999**t)) + 1e-8
    )


def rmsprop(s: State, p: Any, g: Any, t: int) -> Any:
    m, v = means(s, g, 0.9, 0.9)
    s["b"] = 0.5 * s.get("b", 0.0) + g / (np.sqrt(v - m * m) + 1e-2)
    return p - LR * s["b"]


def adagrad(s: State, p: Any, g: Any, t: int) -> Any:
    s["sum"] = s.get("sum", 0.5) + g * g
    return p - LR / (1 + (t - 1) * 0.1) * g / (np.sqrt(s["sum"]) + 1e-10)


def adamax(s: State, p: Any, g: Any, t: int) -> Any:
    m, _ = means(s, g)
    s["u"] = np.maximum(0.999 * s.get("u", 0.0), np.abs(g) + 1e-8)
    return p - LR / (1 - 0.9**t) * m / s["u"]


def nadam(s: State, p: Any, g: Any, t: int) -> Any:
    m, v = means(s, g)
    mu, after = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.1)) for k in (t, t + 1))
    s["product"] = s.get("product", 1.0) * mu
    ahead = after * m / (1 - s["product"] * after) + (1 - mu) * g / (1 - s["product"])
    return p - LR * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def radam(s: State, p: Any, g: Any, t: int) -> Any:
    m, v = means(s, g, 0.9, 0.9)
    m = m / (1 - 0.9**t)
    end = 2 / (1 - 0.9) - 1
    now = end - 2 * t * 0.9**t / (1 - 0.9**t)
    if now <= 5:
        return p - LR * m
    share = math.sqrt((now - 4) * (now - 2) * end / ((end - 4) * (end - 2) * now))
    return p - LR * m * share * math.sqrt(1 - 0.9**t) / (np.sqrt(v) + 1e-8)


def adadelta(s: State, p: Any, g: Any, t: int) -> Any:
    s["v"] = 0.9 * s.get("v", 0.0) + 0.1 * g * g
    step = np.sqrt(s.get("d", 0.0) + 1e-6) / np.sqrt(s["v"] + 1e-6) * g
    s["d"] = 0.9 * s.get("d", 0.0) + 0.1 * step * step
    return p - LR * step


def asgd(s: State, p: Any, g: Any, t: int) -> Any:
    eta = float(np.float32(LR / (1 + 0.1 * LR * (t - 1)) ** 0.75))
    return p * (1 - 0.1 * eta) - eta * g


def rprop(s: State, p: Any, g: Any, t: int) -> Any:
    product = g * s.get("g", 0.0)
    factor = np.where(product > 0, 1.2, np.where(product < 0, 0.5, 1.0))
    s["size"] = np.clip(s.get("size", LR) * factor, 1e-6, 50)
    s["g"] = np.where(product < 0, 0.0, g)
    return p - np.sign(s["g"]) * s["size"]


FORMULAS: list[tuple[Formula, type[optim.Optimizer], dict[str, Any]]] = [
    (sgd, optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (dampened, optim.SGD, {"momentum": 0.9, "dampening": 0.4}),
    (adam, optim.Adam, {"weight_decay": 0.1}),
    (adamw, optim.AdamW, {"weight_decay": 0.1, "amsgrad": True}),
    (rmsprop, optim.RMSprop, {"alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-2}),
    (adagrad, optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    (adamax, optim.Adamax, {}),
    (nadam, optim.NAdam, {"momentum_decay": 0.1}),
    (radam, optim.RAdam, {"betas": (0.9, 0.9)}),
    (adadelta, optim.Adadelta, {}),
    (asgd, optim.ASGD, {"lambd": 0.1}),
    (rprop, optim.Rprop, {}),
]
each_formula = pytest.mark.parametrize(
    ("formula", "kind", "options"), FORMULAS, ids=[f.__name__ for f, _, _ in FORMULAS]
)
each_optimizer = pytest.mark.parametrize("kind", sorted({k for _, k, _ in FORMULAS}, key=str))


def tensor(values: Any, **options: Any) -> Any:
    return argand.tensor(values, requires_grad=True, **options)


@pytest.mark.parametrize("maximize", [False, True])
@each_formula
def test_formula(formula: Formula, kind: Any, options: dict[str, Any], maximize: bool) -> None:
    random = np.random.default_rng(0)
    shapes = [(3, 5), (), (4,)]
    expected = [random.normal(size=shape) for shape in shapes]
    params = [argand.from_numpy(np.array(e)).requires_grad_() for e in expected]
    optimizer = kind(params, lr=LR, maximize=maximize, **options)
    states: list[State] = [{} for _ in shapes]
    counts = [0] * len(shapes)
    for step in range(12):
        for i, p in enumerate(params):
            p.grad = None
            if (i + step) % 4 == 0:
                continue  # has no gradient in this step
            g = np.array(random.normal(size=shapes[i]))
            p.grad = argand.from_numpy(g)
            counts[i] += 1
            expected[i] = formula(states[i], expected[i], -g if maximize else g, counts[i])
        optimizer.step()
    for p, e in zip(params, expected):
        # some counters are kept in float32
        np.testing.assert_allclose(p.detach().numpy(), e, rtol=1e-6, atol=1e-7)
    if "step" in optimizer.state[params[0]]:
        assert [optimizer.state[p]["step"].item() for p in params] == counts


@each_optimizer
def test_types_beside_each_other(kind: Any) -> None:
    """Parameters of several types in one group, each in a kernel of its own."""
    types = [argand.float32, argand.float64, argand.bfloat16, argand.float16]
    params = [tensor([1.0, 2.0], dtype=t) for t in types]
    optimizer = kind(params, lr=0.1)
    for _ in range(3):
        for p in params:
            p.grad = argand.tensor([0.5, -0.25], dtype=p.dtype)
        optimizer.step()
    for p, t in zip(params, types):
        assert p.dtype is t
        np.testing.assert_allclose(p.tolist(), params[1].tolist(), rtol=3e-2)
        assert all(v.dtype is t for v in optimizer.state[p].values() if v.ndim)


@each_optimizer
def test_nothing_to_step(kind: Any) -> None:
    """No gradients at all, and parameters without elements."""
    p, empty = tensor([1.0, 2.0]), argand.zeros(0, 3).requires_grad_()
    optimizer = kind([p, empty])
    optimizer.step()
    assert p.tolist() == [1.0, 2.0]
    empty.grad = argand.zeros(0, 3)
    optimizer.step()
    p.grad = argand.ones(2)
    optimizer.step()
    assert p.tolist() != [1.0, 2.0]


@each_optimizer
def test_saved_and_loaded(kind: Any) -> None:
    def stepped(optimizer: Any, p: Any, steps: int) -> Any:
        for step in range(steps):
            p.grad = argand.tensor([0.5 + step, -1.0])
            optimizer.step()
        return p.tolist()

    p = tensor([1.0, 2.0])
    first = kind([p], lr=0.1)
    stepped(first, p, 3)
    q = tensor(p.tolist())
    second = kind([q])
    second.load_state_dict(first.state_dict())
    assert stepped(second, q, 4) == stepped(first, p, 4)


@each_optimizer
def test_a_fresh_start(kind: Any) -> None:
    """States that are taken away are made anew."""
    p, q = tensor([1.0]), tensor([1.0])
    ends = []
    for some, clears in ((p, False), (q, True)):
        optimizer = kind([some], lr=0.1)
        for _ in range(3):
            some.grad = argand.ones(1)
            optimizer.step()
        if clears:
            optimizer.state.clear()
        else:
            optimizer = kind([some], lr=0.1)
        some.grad = argand.ones(1)
        optimizer.step()
        ends.append(some.item())
    assert ends[0] == ends[1]


def test_settings_may_change() -> None:
    p = tensor([1.0])
    optimizer = optim.SGD([p], lr=argand.tensor(0.5))
    for changes, expected in (
        ({}, 0.5),
        ({"lr": 0.25}, 0.25),
        ({"maximize": True}, 0.5),
        ({"momentum": 0.5}, 0.75),
        ({"momentum": 0.5}, 1.125),
        ({"momentum": 0, "maximize": False}, 0.875),
    ):
        optimizer.param_groups[0].update(changes)
        p.grad = argand.ones(1)
        optimizer.step()
        assert p.item() == expected


def test_groups_that_come_later() -> None:
    p, q = tensor([1.0]), tensor([1.0])
    optimizer = optim.Adagrad([p], lr=0.5)
    p.grad = argand.ones(1)
    optimizer.step()
    optimizer.add_param_group({"params": [q], "lr": 0.25})
    q.grad = argand.ones(1)
    optimizer.step()
    assert q.item() == 0.75
    assert [optimizer.state[x]["step"].item() for x in (p, q)] == [2.0, 1.0]


def test_steps_count_as_changes() -> None:
    """The graph sees that a parameter changed after it was used."""
    p = tensor([1.0, 2.0])
    loss = (p * p).sum()
    p.grad = argand.ones(2)
    optim.SGD([p]).step()
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


def test_what_is_refused() -> None:
    p = tensor([1.0])
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optim.RMSprop([p], lr=-1)
    with pytest.raises(ValueError, match="Invalid epsilon value: -1"):
        optim.Adam([p], eps=-1)
    with pytest.raises(ValueError, match="Invalid beta parameter at index 1: 1"):
        optim.NAdam([p], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="1-element"):
        optim.SGD([p], lr=argand.ones(2))
    with pytest.raises(NotImplementedError, match="differentiable"):
        optim.SGD([p], differentiable=True)
    with pytest.raises(RuntimeError, match="exclude"):
        optim.Adam([p], fused=True, foreach=True)
    optimizer = optim.Adam([p], capturable=True)
    p.grad = argand.ones(1)
    with pytest.raises(AssertionError, match="capturable"):
        optimizer.step()
