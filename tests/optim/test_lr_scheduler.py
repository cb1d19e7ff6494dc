"""Schedules against their formulas, the order of steps, what is saved."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import argand
from argand import optim
from argand.optim import lr_scheduler


def optimizer_of(lr: Any = 1.0, **options: Any) -> optim.SGD:
    return optim.SGD([argand.ones(1, requires_grad=True)], lr=lr, **options)


def rates(optimizer: Any, scheduler: Any, epochs: int = 12) -> list[float]:
    noted = [scheduler.get_last_lr()[0]]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        noted.append(scheduler.get_last_lr()[0])
    return noted


FORMULAS: dict[str, tuple[dict[str, Any], Callable[[int], float]]] = {
    "LambdaLR": ({"lr_lambda": lambda e: 1 / (1 + e)}, lambda e: 1 / (1 + e)),
    "MultiplicativeLR": ({"lr_lambda": lambda e: 0.5}, lambda e: 0.5**e),
    "StepLR": ({"step_size": 3, "gamma": 0.5}, lambda e: 0.5 ** (e // 3)),
    "MultiStepLR": ({"milestones": [2, 5], "gamma": 0.5}, lambda e: 0.5 ** ((e >= 2) + (e >= 5))),
    "ConstantLR": ({"factor": 0.25, "total_iters": 4}, lambda e: 0.25 if e < 4 else 1.0),
    "LinearLR": ({"start_factor": 0.2, "total_iters": 8}, lambda e: 0.2 + 0.1 * min(e, 8)),
    "ExponentialLR": ({"gamma": 0.9}, lambda e: 0.9**e),
    "PolynomialLR": ({"total_iters": 6, "power": 2}, lambda e: (1 - min(e, 6) / 6) ** 2),
    "CosineAnnealingLR": (
        {"T_max": 5, "eta_min": 0.1},
        lambda e: 0.1 + 0.45 * (1 + math.cos(math.pi * e / 5)),
    ),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 4},
        lambda e: 0.5 * (1 + math.cos(math.pi * (e % 4) / 4)),
    ),
    "CyclicLR": (
        {"base_lr": 1.0, "max_lr": 2.0, "step_size_up": 4, "cycle_momentum": False},
        lambda e: 2 - abs(e % 8 - 4) / 4,
    ),
    "OneCycleLR": (
        {"max_lr": 1.0, "total_steps": 21, "pct_start": 5 / 21, "div_factor": 4.0,
         "anneal_strategy": "linear", "final_div_factor": 1.0, "cycle_momentum": False},
        lambda e: 0.25 + 0.75 * (e / 4 if e <= 4 else (20 - e) / 16),
    ),
}  # fmt: skip
each_schedule = pytest.mark.parametrize("name", list(FORMULAS))


def scheduled(name: str, **options: Any) -> tuple[Any, Any]:
    optimizer = optimizer_of(**options)
    return optimizer, getattr(lr_scheduler, name)(optimizer, **FORMULAS[name][0])


@each_schedule
def test_formula(name: str) -> None:
    expected = [FORMULAS[name][1](epoch) for epoch in range(13)]
    assert rates(*scheduled(name)) == pytest.approx(expected, abs=1e-12)


@each_schedule
def test_closed_forms_are_the_same(name: str) -> None:
    """A step to a given epoch, where each follows from the last otherwise."""
    optimizer, scheduler = scheduled(name)
    if not hasattr(scheduler, "_get_closed_form_lr"):
        return
    optimizer.step()
    for epoch in (3, 9, 1, 6):
        with pytest.warns(UserWarning, match="epoch"):
            scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([FORMULAS[name][1](epoch)], abs=1e-12)


@each_schedule
def test_saved_and_loaded(name: str) -> None:
    optimizer, scheduler = scheduled(name)
    rates(optimizer, scheduler, 5)
    other, again = scheduled(name)
    other.load_state_dict(optimizer.state_dict())
    saved = copy.deepcopy(scheduler.state_dict())
    assert "optimizer" not in saved
    again.load_state_dict(saved)
    assert saved == scheduler.state_dict()  # reading does not change it
    assert rates(other, again, 6) == rates(optimizer, scheduler, 6)


@each_schedule
def test_learning_rates_as_tensors(name: str) -> None:
    """The tensor stays the same one."""
    rate = argand.tensor(1.0, dtype=argand.float64)
    optimizer, scheduler = scheduled(name, lr=rate)
    for _ in range(6):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(FORMULAS[name][1](6))


def test_objects_as_functions_are_saved() -> None:
    class Factor:
        def __init__(self, base: float) -> None:
            self.base = base

        def __call__(self, epoch: int) -> float:
            return self.base**epoch

    first = lr_scheduler.LambdaLR(optimizer_of(), Factor(0.5))
    second = lr_scheduler.LambdaLR(optimizer_of(), Factor(0.25))
    second.load_state_dict(first.state_dict())
    assert rates(second.optimizer, second, 2) == [1.0, 0.5, 0.25]
    cyclic = [
        lr_scheduler.CyclicLR(optimizer_of(momentum=0.5), 1.0, 2.0, 2, scale_fn=Factor(base))
        for base in (0.5, 0.25)
    ]
    cyclic[1].load_state_dict(cyclic[0].state_dict())
    assert cyclic[1].scale_fn(1) == 0.5


def test_the_order_of_steps() -> None:
    scheduler = lr_scheduler.StepLR(optimizer_of(), 3)
    with pytest.warns(UserWarning, match=r"before optimizer\.step"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()  # says so once
        optimizer = optimizer_of()
        scheduler = lr_scheduler.StepLR(optimizer, 3)
        optimizer.step()
        scheduler.step()


def test_steps_of_own_optimizers_are_seen() -> None:
    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> Any:
            return "stepped"

    optimizer = Own([argand.ones(1)], {"lr": 1.0})
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    assert optimizer.step() == "stepped"
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]
    optimizer = Own([argand.ones(1)], {"lr": 1.0})
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step = lambda: None  # type: ignore[method-assign, assignment]
    with pytest.warns(UserWarning, match="replaced"):
        scheduler.step()


def test_get_lr_is_for_steps() -> None:
    scheduler = lr_scheduler.StepLR(optimizer_of(), 3)
    with pytest.warns(UserWarning, match="get_last_lr"):
        assert scheduler.get_lr() == [1.0]


def test_momentum_goes_the_other_way() -> None:
    optimizer = optim.Adam([argand.ones(1, requires_grad=True)])
    scheduler = lr_scheduler.CyclicLR(optimizer, 1.0, 2.0, 2)
    betas = []
    for _ in range(5):
        betas.append(optimizer.param_groups[0]["betas"])
        optimizer.step()
        scheduler.step()
    assert [b for b, _ in betas] == pytest.approx([0.9, 0.85, 0.8, 0.85, 0.9])
    assert {b for _, b in betas} == {0.999}
    with pytest.raises(ValueError, match="momentum"):
        lr_scheduler.OneCycleLR(optim.Adagrad([argand.ones(1)]), 0.1, 5)


def test_one_cycle_ends() -> None:
    optimizer = optimizer_of()
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, 3, cycle_momentum=False)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        rates(optimizer, scheduler, 4)


def test_combined() -> None:
    optimizer = optimizer_of()
    warm_up = lr_scheduler.LinearLR(optimizer, 0.25, total_iters=3)
    then = lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warm_up, then], [3])
    assert rates(optimizer, scheduler, 5) == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.5, 0.25])
    optimizer = optimizer_of()
    first, second = (lr_scheduler.ExponentialLR(optimizer, g) for g in (0.5, 0.1))
    chained = lr_scheduler.ChainedScheduler([first, second])
    assert rates(optimizer, chained, 2) == pytest.approx([1.0, 0.05, 0.0025])
    other = lr_scheduler.StepLR(optimizer_of(), 3)
    with pytest.raises(ValueError, match="same optimizer"):
        lr_scheduler.ChainedScheduler([first, other])


def test_plateau() -> None:
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, cooldown=2, min_lr=0.3
    )
    noted = []
    for metric in (5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0):
        scheduler.step(metric)
        noted.append(scheduler.get_last_lr()[0])
    assert noted == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    saved = scheduler.state_dict()
    again = lr_scheduler.ReduceLROnPlateau(optimizer_of(), mode="max")
    again.load_state_dict(saved)
    assert again.best == 3.0
    assert again.mode_worse == math.inf


def test_plateau_with_groups_that_came_later() -> None:
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.add_param_group({"params": [argand.ones(1)]})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match="min_lrs"):
        scheduler.step(1.0)


def test_names() -> None:
    assert optim.lr_scheduler is lr_scheduler
    assert lr_scheduler._LRScheduler is lr_scheduler.LRScheduler
    assert not hasattr(lr_scheduler, "NoSuchLR")
