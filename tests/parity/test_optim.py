"""Optimizers and schedulers against PyTorch's: steps, saved states, learning rates."""

import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import attempt, torch

STEPS = 20
SHAPES = [(3, 4), (5,), (), (2, 3, 7)]
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}

# every option of every optimizer, and how they act together
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.8, "maximize": True}),
    ("SGD", {"maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"betas": (0.4, 0.9), "eps": 1e-3}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"amsgrad": True, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"amsgrad": True, "weight_decay": 0.2}),
    ("AdamW", {"maximize": True, "weight_decay": 0}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.4, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9, "maximize": True}),
    ("RMSprop", {"centered": True, "eps": 1e-2}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1, "eps": 1e-2}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"initial_accumulator_value": 0.3, "maximize": True, "eps": 1e-3}),
    ("Adamax", {}),
    ("Adamax", {"betas": (0.4, 0.9), "weight_decay": 0.1}),
    ("Adamax", {"maximize": True, "eps": 1e-2}),
    ("NAdam", {}),
    ("NAdam", {"momentum_decay": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("RAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.7, "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lambd": 0.1, "weight_decay": 0.1, "t0": 5.0}),
    ("ASGD", {"t0": 0.0, "alpha": 0.5, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.05), "maximize": True}),
]
each_option = pytest.mark.parametrize(
    ("name", "options"), OPTIONS, ids=[f"{name} {options}" for name, options in OPTIONS]
)
OPTIMIZERS = sorted({name for name, _ in OPTIONS})


def parameters(framework: ModuleType, kind: str = "float64") -> list[Any]:
    random = np.random.default_rng(0)
    made = [framework.from_numpy(np.array(random.normal(size=s), dtype=kind)) for s in SHAPES]
    return [p.requires_grad_() for p in made]


def give_gradients(framework: ModuleType, params: list[Any], step: int) -> None:
    """Gradients that any two runs share; one parameter now and then has none."""
    random = np.random.default_rng(step + 1)
    for i, p in enumerate(params):
        values = np.array(random.normal(size=tuple(p.shape)))
        p.grad = framework.from_numpy(values).to(p.dtype)
        if i == 1 and step % 3 == 1:
            p.grad = None


def train(
    framework: ModuleType,
    name: str,
    options: dict[str, Any],
    kind: str = "float64",
    steps: int = STEPS,
) -> tuple[list[Any], Any]:
    """Two groups with learning rates of their own that change on the way."""
    params = parameters(framework, kind)
    groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.003}]
    optimizer = getattr(framework.optim, name)(groups, lr=0.02, **options)
    schedule = framework.optim.lr_scheduler.StepLR(optimizer, 7, gamma=0.5)
    for step in range(steps):
        give_gradients(framework, params, step)
        optimizer.step()
        schedule.step()
    return params, optimizer


def assert_close(own: Any, expected: Any, tolerance: float) -> None:
    scale = max(1.0, float(expected.detach().abs().max()))
    np.testing.assert_allclose(
        own.detach().numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance * scale
    )


@pytest.mark.parametrize("kind", ["float32", "float64"])
@each_option
def test_steps(name: str, options: dict[str, Any], kind: str) -> None:
    own, _ = train(argand, name, options, kind)
    expected, _ = train(torch, name, options, kind)
    before = parameters(torch, kind)
    for one, other, start in zip(own, expected, before):
        assert not torch.equal(other, start)
        assert_close(one, other, TOLERANCE[kind])


def structure(value: Any) -> Any:
    """All of a saved state but the elements of tensors."""
    if isinstance(value, dict):
        return {key: structure(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(structure(item) for item in value)
    if hasattr(value, "dtype"):
        return str(value.dtype), tuple(value.shape), tuple(value.stride())
    return value


@pytest.mark.parametrize("steps", [0, 4])
@each_option
def test_what_is_saved(name: str, options: dict[str, Any], steps: int) -> None:
    _, own = train(argand, name, options, "float32", steps)
    _, expected = train(torch, name, options, "float32", steps)
    own, expected = own.state_dict(), expected.state_dict()
    assert structure(own) == structure(expected)
    for number, state in expected["state"].items():
        assert list(own["state"][number]) == list(state)  # in the same order
        for key, value in state.items():
            assert_close(own["state"][number][key], value, 1e-6)
    for one, other in zip(own["param_groups"], expected["param_groups"]):
        assert list(one) == list(other)


def carried(value: Any, target: ModuleType) -> Any:
    """A saved state with the tensors of the other framework."""
    if isinstance(value, dict):
        return {key: carried(item, target) for key, item in value.items()}
    if isinstance(value, list):
        return [carried(item, target) for item in value]
    return target.from_numpy(value.numpy().copy()) if hasattr(value, "numpy") else value


@pytest.mark.parametrize(("source", "target"), [(torch, argand), (argand, torch)])
@each_option
def test_training_goes_on_in_the_other(
    name: str, options: dict[str, Any], source: ModuleType, target: ModuleType
) -> None:
    params, optimizer = train(source, name, options, steps=8)
    copies = [carried(p.detach(), target).requires_grad_() for p in params]
    other = getattr(target.optim, name)([{"params": copies[:2]}, {"params": copies[2:]}])
    other.load_state_dict(carried(optimizer.state_dict(), target))
    for step in range(6):
        for framework, some, stepped in ((source, params, optimizer), (target, copies, other)):
            give_gradients(framework, some, step)
            stepped.step()
    for p, q in zip(params, copies):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_closure(name: str) -> None:
    losses, ends = [], []
    for framework in (argand, torch):
        p = framework.tensor([1.0, -2.0], dtype=framework.float64, requires_grad=True)
        optimizer = getattr(framework.optim, name)([p])

        def closure() -> Any:
            optimizer.zero_grad()  # noqa: B023  (called at once)
            loss = (p * p).sum()  # noqa: B023
            loss.backward()
            return loss

        losses.append([optimizer.step(closure).item() for _ in range(3)])
        ends.append(p.tolist())
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_memory_in_another_order(name: str) -> None:
    """Parameters that are transposed, and parameters with holes between their elements."""
    ends = []
    for framework in (argand, torch):
        whole = framework.arange(24.0).reshape(4, 6)
        turned = framework.arange(6.0).reshape(2, 3).t().requires_grad_()
        part = whole[:, 1:4].requires_grad_()
        optimizer = getattr(framework.optim, name)([turned, part], lr=0.01)
        for _ in range(4):
            optimizer.zero_grad()
            ((turned - 7) ** 2).sum().backward()
            ((part * framework.arange(12.0).reshape(4, 3)) ** 2).sum().backward()
            optimizer.step()
        states = [optimizer.state[p] for p in (turned, part)]
        saved = [v for s in states for key, v in s.items() if v is not None]
        ends.append([turned, part, whole, *saved])
    for own, expected in zip(*ends):
        assert_close(own, expected, 1e-6)


WRONG: list[tuple[str, dict[str, Any]]] = [
    *((name, {"lr": -1.0}) for name in OPTIMIZERS),
    *((name, {"lr": float("nan")}) for name in OPTIMIZERS if name != "SGD"),
    *((name, {"weight_decay": -0.1}) for name in OPTIMIZERS if name != "Rprop"),
    *((name, {"betas": (1.0, 0.9)}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")),
    *((name, {"betas": (0.9, -0.1)}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")),
    *((name, {"eps": -1e-8}) for name in ("Adam", "Adagrad", "Adamax", "RMSprop", "Adadelta")),
    ("SGD", {"momentum": -0.5}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("SGD", {"fused": True, "foreach": True}),
    ("RMSprop", {"alpha": -0.1}),
    ("RMSprop", {"momentum": -0.1}),
    ("Adagrad", {"lr_decay": -0.5}),
    ("Adagrad", {"initial_accumulator_value": -0.5}),
    ("NAdam", {"momentum_decay": -0.2}),
    ("Adadelta", {"rho": 1.1}),
    ("Rprop", {"etas": (1.0, 0.5)}),
]


@pytest.mark.parametrize(("name", "options"), WRONG, ids=str)
def test_what_is_refused(name: str, options: dict[str, Any]) -> None:
    own, expected = (
        attempt(lambda: getattr(framework.optim, name)(parameters(framework), **options))  # noqa: B023
        for framework in (argand, torch)
    )
    assert own == expected in ("ValueError", "RuntimeError")


@pytest.mark.parametrize("name", sorted({*OPTIMIZERS} - {"SGD", "Adagrad"}))
def test_capturable_is_for_accelerators(name: str) -> None:
    for framework in (argand, torch):
        params = parameters(framework)
        give_gradients(framework, params, 0)
        optimizer = getattr(framework.optim, name)(params, capturable=True)
        with pytest.raises(AssertionError):
            optimizer.step()


# ---- schedulers ---------------------------------------------------------------------------------

Schedule = Callable[[Any, Any], Any]  # of the module with schedulers and the optimizer

SCHEDULES: dict[str, Schedule] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch),
    "LambdaLR per group": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 1 - 0.001 * epoch),
    "StepLR": lambda s, o: s.StepLR(o, 7, gamma=0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], gamma=0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=8),
    "ConstantLR by default": lambda s, o: s.ConstantLR(o),
    "LinearLR": lambda s, o: s.LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=11),
    "LinearLR by default": lambda s, o: s.LinearLR(o),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=20, power=1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 11, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, eta_min=0.01),
    "CosineAnnealingWarmRestarts, longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 5, 8),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 5, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.97),
    "CyclicLR by function": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "CyclicLR without momentum": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, cycle_momentum=False),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, [0.5, 0.7], total_steps=51),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=17, steps_per_epoch=3, anneal_strategy="linear", pct_start=0.4
    ),
    "OneCycleLR of three": lambda s, o: s.OneCycleLR(
        o, 0.5, total_steps=60, three_phase=True, div_factor=10.0, cycle_momentum=False
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.9)],
        [5, 25],
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 9)]
    ),
}  # fmt: skip
OPTIMIZED = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.1},
}
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))


def scheduled(framework: ModuleType, schedule: Schedule, name: str = "SGD") -> tuple[Any, Any]:
    params = parameters(framework)
    groups = [{"params": params[:2]}, {"params": params[2:], "lr": 0.03}]
    optimizer = getattr(framework.optim, name)(groups, **OPTIMIZED[name])
    return optimizer, schedule(framework.optim.lr_scheduler, optimizer)


def settings_of(optimizer: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


def sequence(optimizer: Any, scheduler: Any, epochs: int = 50) -> list[Any]:
    noted = [(scheduler.get_last_lr(), settings_of(optimizer))]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        noted.append((scheduler.get_last_lr(), settings_of(optimizer)))
    return noted


@pytest.mark.parametrize("name", list(OPTIMIZED))
@each_schedule
def test_sequences_are_equal(schedule: Schedule, name: str) -> None:
    own = sequence(*scheduled(argand, schedule, name))
    expected = sequence(*scheduled(torch, schedule, name))
    assert own == expected
    assert len({str(rates) for rates, _ in expected}) > 1


@pytest.mark.filterwarnings("ignore")  # PyTorch warns of the inner one's first steps
def test_a_sequence_within_a_sequence() -> None:
    def schedule(s: Any, o: Any) -> Any:
        inner = s.SequentialLR(o, [s.StepLR(o, 2), s.StepLR(o, 3, 0.5)], [9])
        return s.SequentialLR(o, [inner, s.ExponentialLR(o, 0.9)], [15])

    own = sequence(*scheduled(argand, schedule))
    assert own == sequence(*scheduled(torch, schedule))


@each_schedule
def test_what_schedulers_save(schedule: Schedule) -> None:
    saved = []
    for framework in (argand, torch):
        optimizer, scheduler = scheduled(framework, schedule)
        sequence(optimizer, scheduler, 6)
        saved.append(scheduler.state_dict())
    assert _plain(saved[0]) == _plain(saved[1])


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return [_plain(value) for value in state] if isinstance(state, list) else state


@each_schedule
def test_schedules_go_on_from_torch(schedule: Schedule) -> None:
    optimizer, scheduler = scheduled(torch, schedule)
    sequence(optimizer, scheduler, 13)
    own_optimizer, own = scheduled(argand, schedule)
    own_optimizer.load_state_dict(carried(optimizer.state_dict(), argand))
    own.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    assert sequence(own_optimizer, own, 20) == sequence(optimizer, scheduler, 20)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("epoch", [0, 3, 10, 29])
@each_schedule
def test_a_given_epoch(schedule: Schedule, epoch: int) -> None:
    noted = []
    for framework in (argand, torch):
        optimizer, scheduler = scheduled(framework, schedule)
        optimizer.step()
        done = attempt(lambda: scheduler.step(epoch))  # noqa: B023
        scheduler.step()
        noted.append((done, scheduler.get_last_lr(), settings_of(optimizer)))
    assert noted[0] == noted[1]


RESUMED: list[tuple[str, dict[str, Any]]] = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.9}),
    ("StepLR", {"step_size": 3}),
    ("MultiStepLR", {"milestones": [2, 5, 8]}),
    ("ConstantLR", {}),
    ("LinearLR", {}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {"total_iters": 20}),
    ("CosineAnnealingLR", {"T_max": 5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 40}),
]


@pytest.mark.parametrize(("kind", "options"), RESUMED, ids=[kind for kind, _ in RESUMED])
def test_resumed(kind: str, options: dict[str, Any]) -> None:
    """With `last_epoch`, from groups that have an initial learning rate."""
    noted = []
    for framework in (argand, torch):
        make = getattr(framework.optim.lr_scheduler, kind)
        optimizer = framework.optim.SGD(parameters(framework), lr=0.1, momentum=0.5)
        fresh = attempt(lambda: make(optimizer, **options, last_epoch=4))  # noqa: B023
        assert fresh == "KeyError"
        first = make(optimizer, **options)
        sequence(optimizer, first, 5)
        again = make(optimizer, **options, last_epoch=4)
        noted.append(sequence(optimizer, again, 9))
    assert noted[0] == noted[1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 1, "factor": 0.5},
        {"patience": 2, "mode": "max", "threshold": 0.05},
        {"patience": 0, "threshold_mode": "abs", "threshold": 0.01, "cooldown": 3},
        {"patience": 0, "mode": "max", "threshold_mode": "abs", "min_lr": [0.01, 0.02]},
        {"patience": 0, "factor": 0.01, "eps": 1e-4, "min_lr": 1e-3},
    ],
    ids=str,
)
def test_plateaus(options: dict[str, Any]) -> None:
    metrics = np.random.default_rng(3).uniform(0.5, 1.0, 50).cumprod() + 0.2
    noted = []
    for framework in (argand, torch):
        optimizer, scheduler = scheduled(framework, lambda s, o: s.ReduceLROnPlateau(o, **options))
        rates = []
        for metric in metrics:
            scheduler.step(framework.tensor(metric))
            rates.append(scheduler.get_last_lr())
        noted.append((rates, settings_of(optimizer), scheduler.state_dict()))
    assert noted[0] == noted[1]


REFUSED: dict[str, Schedule] = {
    "no optimizer": lambda s, o: s.StepLR("no", 3),
    "too few functions": lambda s, o: s.LambdaLR(o, [lambda e: e]),
    "no function": lambda s, o: s.MultiplicativeLR(o, 3),
    "factor": lambda s, o: s.ConstantLR(o, 1.5),
    "start": lambda s, o: s.LinearLR(o, 0.0),
    "end": lambda s, o: s.LinearLR(o, 0.5, 1.5),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_0 is no integer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 1, "no"),
    "too few rates": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    "mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="no"),
    "steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    "no steps": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3),
    "share": lambda s, o: s.OneCycleLR(o, 0.1, 5, pct_start=2.0),
    "strategy": lambda s, o: s.OneCycleLR(o, 0.1, 5, anneal_strategy="no"),
    "plateau's factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau's mode": lambda s, o: s.ReduceLROnPlateau(o, "no"),
    "plateau's threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="no"),
    "plateau's rates": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1.0]),
    "none in sequence": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [3]),
    "plateau in sequence": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "none in chain": lambda s, o: s.ChainedScheduler([]),
    "something else in chain": lambda s, o: s.ChainedScheduler([s.StepLR(o, 3), 3]),
    "no schedule": lambda s, o: s.LRScheduler(o),
}


@pytest.mark.parametrize("schedule", REFUSED.values(), ids=list(REFUSED))
def test_what_schedulers_refuse(schedule: Schedule) -> None:
    own, expected = (
        attempt(lambda: scheduled(framework, schedule))  # noqa: B023
        for framework in (argand, torch)
    )
    assert own == expected
    assert isinstance(own, str)


def test_optimizers_with_schedules_are_pickled() -> None:
    for framework in (argand, torch):
        optimizer, _ = scheduled(framework, SCHEDULES["StepLR"])
        optimizer.step()
        again = copy.deepcopy(optimizer)
        assert settings_of(again) == settings_of(optimizer)
        assert not hasattr(again.step, "_wrapped_by_lr_sched")


# ---- L-BFGS -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.05, "max_iter": 5, "history_size": 2},
        {"max_iter": 7, "max_eval": 4, "lr": 0.1},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 3},
        {"line_search_fn": "strong_wolfe", "max_eval": 9, "lr": 3.0},
        {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3},
    ],
    ids=str,
)
def test_lbfgs(options: dict[str, Any]) -> None:
    """A curved valley, with every evaluation of the loss the same."""
    seen, states = [], []
    for framework in (argand, torch):
        p = framework.tensor([-1.2, 1.0], dtype=framework.float64, requires_grad=True)
        q = framework.tensor([[0.3], [0.9]], dtype=framework.float64, requires_grad=True)
        optimizer = framework.optim.LBFGS([p, q], **options)
        noted: list[float] = []

        def closure() -> Any:
            optimizer.zero_grad()  # noqa: B023  (called at once)
            valley = 5 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2  # noqa: B023
            loss = valley + ((q - p[0]) ** 4).sum()  # noqa: B023
            loss.backward()
            noted.append(loss.item())  # noqa: B023
            return loss

        ends = [optimizer.step(closure).item() for _ in range(3)]
        seen.append([*noted, *ends, *p.tolist(), *q.flatten().tolist()])
        states.append(structure(optimizer.state_dict()))
    assert seen[0] == pytest.approx(seen[1], rel=1e-6, abs=1e-9)
    own, expected = (s["state"][0] for s in states)
    assert set(own) == set(expected)
    for name in ("func_evals", "n_iter", "d", "old_dirs", "old_stps", "prev_flat_grad"):
        assert own[name] == expected[name]
    assert states[0]["param_groups"] == states[1]["param_groups"]
