"""Numbers of `nn` against PyTorch's: initial values, layers, losses, clipped gradients."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import attempt, torch

Make = Callable[[ModuleType], Any]


def numbers(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(low, high, shape).astype(np.float32)


def with_both(scenario: Callable[[ModuleType], list[Any]]) -> None:
    """Run a scenario with both frameworks and compare the tensors it returns."""
    try:
        own = scenario(argand)
    except NotImplementedError as missing:
        pytest.skip(f"not there yet: {missing}")
    expected = scenario(torch)
    assert len(own) == len(expected)
    for one, other in zip(own, expected):
        assert str(one.dtype) == str(other.dtype)
        assert tuple(one.shape) == tuple(other.shape)
        tolerance = 1e-10 if other.dtype == torch.float64 else 1e-5
        np.testing.assert_allclose(
            one.detach().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance
        )


# ---- initial values -----------------------------------------------------------------------------

INITIALIZERS: dict[str, Callable[[ModuleType, Any], Any]] = {
    "uniform_": lambda init, w: init.uniform_(w, -1.0, 3.0),
    "normal_": lambda init, w: init.normal_(w, 1.0, 0.5),
    "trunc_normal_ near the mean": lambda init, w: init.trunc_normal_(w, std=1.5),
    "trunc_normal_ far from the mean": lambda init, w: init.trunc_normal_(w, 0.0, 1.0, 1.5, 2.0),
    "constant_": lambda init, w: init.constant_(w, 0.3),
    "ones_": lambda init, w: init.ones_(w),
    "zeros_": lambda init, w: init.zeros_(w),
    "eye_": lambda init, w: init.eye_(w),
    "xavier_uniform_": lambda init, w: init.xavier_uniform_(w, gain=2.0),
    "xavier_normal_": lambda init, w: init.xavier_normal_(w),
    "kaiming_uniform_": lambda init, w: init.kaiming_uniform_(w, a=math.sqrt(5)),
    "kaiming_normal_": lambda init, w: init.kaiming_normal_(w, 0.1, "fan_out", "leaky_relu"),
    "kaiming_normal_ for relu": lambda init, w: init.kaiming_normal_(w, nonlinearity="relu"),
    "orthogonal_": lambda init, w: init.orthogonal_(w, gain=1.5),
    "sparse_": lambda init, w: init.sparse_(w, 0.4, std=2.0),
}


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (3, 3)])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_same_seed_gives_the_same_initial_values(name: str, shape: tuple[int, ...]) -> None:
    def scenario(t: ModuleType) -> list[Any]:
        t.manual_seed(11)
        weight = t.nn.Parameter(t.empty(*shape))
        assert INITIALIZERS[name](t.nn.init, weight) is weight
        assert weight.requires_grad
        assert weight.grad_fn is None
        return [weight, t.rand(3)]  # what is drawn next shows how much was drawn

    with_both(scenario)


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 2, 3), 1), ((6, 2, 3, 4), 3), ((2, 3, 1, 2, 3), 2)]
)
def test_weights_of_convolutions(shape: tuple[int, ...], groups: int) -> None:
    def scenario(t: ModuleType) -> list[Any]:
        t.manual_seed(2)
        init = t.nn.init
        return [
            init.dirac_(t.empty(*shape), groups),
            init.kaiming_uniform_(t.empty(*shape), mode="fan_out", nonlinearity="relu"),
            init.xavier_normal_(t.empty(*shape)),
            init.orthogonal_(t.empty(*shape)),
        ]

    with_both(scenario)


def test_own_generator_leaves_the_global_one_alone() -> None:
    def scenario(t: ModuleType) -> list[Any]:
        t.manual_seed(1)
        generator = t.Generator().manual_seed(5)
        init = t.nn.init
        drawn = [
            init.uniform_(t.empty(20), generator=generator),
            init.normal_(t.empty(20), generator=generator),
            init.trunc_normal_(t.empty(20), generator=generator),
            init.kaiming_uniform_(t.empty(4, 5), generator=generator),
            init.xavier_uniform_(t.empty(4, 5), generator=generator),
            init.orthogonal_(t.empty(4, 4), generator=generator),
        ]
        return [*drawn, t.rand(2)]

    with_both(scenario)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: t.nn.init.calculate_gain("softmax"),
        lambda t: t.nn.init.calculate_gain("leaky_relu", True),
        lambda t: t.nn.init.eye_(t.empty(3)),
        lambda t: t.nn.init.dirac_(t.empty(3, 3)),
        lambda t: t.nn.init.dirac_(t.empty(3, 3, 3), 2),
        lambda t: t.nn.init.xavier_uniform_(t.empty(3)),
        lambda t: t.nn.init.kaiming_uniform_(t.empty(3, 3), mode="fan"),
        lambda t: t.nn.init.orthogonal_(t.empty(3)),
        lambda t: t.nn.init.sparse_(t.empty(3), 0.1),
        lambda t: t.nn.Hardtanh(1, 1),
        lambda t: t.nn.Dropout(1.5),
        lambda t: t.nn.Bilinear(0, 2, 3),
        lambda t: t.nn.HuberLoss(delta="1"),
        lambda t: t.nn.Unflatten(1, 5),
        lambda t: t.nn.Unflatten(1, (2.0, 3)),
        lambda t: t.nn.Softmax2d()(t.zeros(2, 2)),
        lambda t: t.nn.utils.vector_to_parameters([1.0], []),
        lambda t: t.nn.utils.clip_grad_norm_(with_gradients(t, math.nan), 1.0, 2.0, True),
    ],
)
def test_same_exceptions(wrong: Make) -> None:
    own, expected = attempt(lambda: wrong(argand)), attempt(lambda: wrong(torch))
    assert isinstance(expected, str)
    assert own == expected


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        *[
            (name, None)
            for name in ("linear", "conv_transpose2d", "sigmoid", "tanh", "relu", "selu")
        ],
        ("leaky_relu", None),
        ("leaky_relu", 0.3),
    ],
)
def test_gains(name: str, parameter: float | None) -> None:
    expected = torch.nn.init.calculate_gain(name, parameter)
    assert argand.nn.init.calculate_gain(name, parameter) == expected


# ---- layers and losses --------------------------------------------------------------------------

LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "Linear": (lambda t: t.nn.Linear(4, 3), (5, 4)),
    "Linear of a vector": (lambda t: t.nn.Linear(4, 3), (4,)),
    "Linear of more dimensions": (lambda t: t.nn.Linear(4, 3, bias=False), (2, 5, 4)),
    "Sequential": (lambda t: t.nn.Sequential(t.nn.Linear(4, 3), t.nn.Tanh()), (5, 4)),
    "Flatten": (lambda t: t.nn.Flatten(), (2, 3, 4)),
    "Unflatten": (lambda t: t.nn.Unflatten(1, (2, -1)), (2, 6)),
    "Dropout": (lambda t: t.nn.Dropout(0.3), (40,)),
    "Dropout in evaluation": (lambda t: t.nn.Dropout(0.3).eval(), (4,)),
    "PReLU": (lambda t: t.nn.PReLU(3), (2, 3, 4)),
    "RReLU in evaluation": (lambda t: t.nn.RReLU().eval(), (9,)),
    "Threshold": (lambda t: t.nn.Threshold(0.5, 7.0), (9,)),
    "LeakyReLU": (lambda t: t.nn.LeakyReLU(0.3), (9,)),
    "Softplus": (lambda t: t.nn.Softplus(2.0, 3.0), (9,)),
    "Hardtanh": (lambda t: t.nn.Hardtanh(-0.5, 0.7), (9,)),
    "GELU with tanh": (lambda t: t.nn.GELU("tanh"), (9,)),
    "GLU": (lambda t: t.nn.GLU(0), (4, 3)),
    "Softmax": (lambda t: t.nn.Softmax(1), (3, 4)),
    "LogSoftmax": (lambda t: t.nn.LogSoftmax(-1), (3, 4)),
    "Softmin": (lambda t: t.nn.Softmin(0), (3, 4)),
    "Softmax2d": (lambda t: t.nn.Softmax2d(), (2, 3, 4, 5)),
}
PLAIN = (
    ["ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish", "Sigmoid", "Tanh"],
    ["LogSigmoid", "Softsign", "Tanhshrink", "GELU", "ELU", "CELU", "Hardshrink", "Softshrink"],
)
for _name in (*PLAIN[0], *PLAIN[1]):
    LAYERS[_name] = (lambda t, name=_name: getattr(t.nn, name)(), (3, 7))


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, shape = LAYERS[name]

    def scenario(t: ModuleType) -> list[Any]:
        t.manual_seed(0)
        layer = make(t)
        x = t.tensor(numbers(*shape)).requires_grad_()
        output = layer(x)
        (output * t.tensor(numbers(*output.shape, seed=1))).sum().backward()
        return [output, x.grad, *(parameter.grad for parameter in layer.parameters())]

    with_both(scenario)


def test_layer_with_two_inputs() -> None:
    def scenario(t: ModuleType) -> list[Any]:
        t.manual_seed(0)
        layer = t.nn.Bilinear(2, 3, 4)
        return [layer(t.tensor(numbers(5, 2)), t.tensor(numbers(5, 3)))]

    with_both(scenario)


PROBABILITIES = {"low": 0.05, "high": 0.95}
LOSSES: dict[str, tuple[Callable[..., Any], Make, Make]] = {
    # name: the loss, its input, its target
    "L1Loss": (
        lambda t, **kw: t.nn.L1Loss(**kw),
        lambda t: numbers(3, 4),
        lambda t: numbers(3, 4, seed=1),
    ),
    "MSELoss": (
        lambda t, **kw: t.nn.MSELoss(**kw),
        lambda t: numbers(3, 4),
        lambda t: numbers(3, 4, seed=1),
    ),
    "SmoothL1Loss": (
        lambda t, **kw: t.nn.SmoothL1Loss(beta=0.5, **kw),
        lambda t: numbers(3, 4),
        lambda t: numbers(3, 4, seed=1),
    ),
    "HuberLoss": (
        lambda t, **kw: t.nn.HuberLoss(delta=0.5, **kw),
        lambda t: numbers(3, 4),
        lambda t: numbers(3, 4, seed=1),
    ),
    "CrossEntropyLoss": (
        lambda t, **kw: t.nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=2, **kw),
        lambda t: numbers(4, 3),
        lambda t: np.array([0, 2, 1, 1]),
    ),
    "CrossEntropyLoss with weights": (
        lambda t, **kw: t.nn.CrossEntropyLoss(t.tensor([1.0, 2.0, 3.0]), **kw),
        lambda t: numbers(4, 3),
        lambda t: np.array([0, 2, 1, 1]),
    ),
    "CrossEntropyLoss with probabilities": (
        lambda t, **kw: t.nn.CrossEntropyLoss(**kw),
        lambda t: numbers(4, 3),
        lambda t: numbers(4, 3, low=0.0, high=1.0, seed=1),
    ),
    "NLLLoss": (
        lambda t, **kw: t.nn.NLLLoss(t.tensor([1.0, 2.0, 3.0]), **kw),
        lambda t: numbers(4, 3),
        lambda t: np.array([0, 2, -100, 1]),
    ),
    "BCELoss": (
        lambda t, **kw: t.nn.BCELoss(t.tensor([1.0, 0.5, 2.0]), **kw),
        lambda t: numbers(4, 3, **PROBABILITIES),
        lambda t: numbers(4, 3, **PROBABILITIES, seed=1),
    ),
    "BCEWithLogitsLoss": (
        lambda t, **kw: t.nn.BCEWithLogitsLoss(pos_weight=t.tensor([1.0, 0.5, 2.0]), **kw),
        lambda t: numbers(4, 3),
        lambda t: numbers(4, 3, **PROBABILITIES, seed=1),
    ),
    "KLDivLoss": (
        lambda t, **kw: t.nn.KLDivLoss(log_target=True, **kw),
        lambda t: numbers(4, 3),
        lambda t: numbers(4, 3, seed=1),
    ),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_loss(name: str, reduction: str) -> None:
    make, inputs, targets = LOSSES[name]

    def scenario(t: ModuleType) -> list[Any]:
        x = t.tensor(inputs(t)).requires_grad_()
        loss = make(t, reduction=reduction)(x, t.tensor(targets(t)))
        loss.sum().backward()
        return [loss, x.grad]

    with_both(scenario)


@pytest.mark.parametrize(
    ("size_average", "reduce"), [(True, None), (False, None), (None, False), (False, True)]
)
def test_deprecated_reductions(size_average: bool | None, reduce: bool | None) -> None:
    with pytest.warns(UserWarning, match="reduction='"):
        own = argand.nn.MSELoss(size_average, reduce).reduction
    with pytest.warns(UserWarning, match="reduction='"):
        assert own == torch.nn.MSELoss(size_average, reduce).reduction


# ---- nn.utils -----------------------------------------------------------------------------------


def with_gradients(t: ModuleType, scale: float = 1.0) -> list[Any]:
    parameters = [t.nn.Parameter(t.zeros(3, 2)), t.nn.Parameter(t.zeros(4)), t.nn.Parameter()]
    for seed, parameter in enumerate(parameters[:2]):
        parameter.grad = t.tensor(numbers(*parameter.shape, seed=seed) * np.float32(scale))
    return parameters


@pytest.mark.parametrize("order", [1, 2, 3.5, math.inf, 0])
@pytest.mark.parametrize("bound", [0.5, 100.0])
def test_clip_grad_norm(order: float, bound: float) -> None:
    def scenario(t: ModuleType) -> list[Any]:
        parameters = with_gradients(t)
        norm = t.nn.utils.clip_grad_norm_(parameters, bound, order)
        return [norm, *(parameter.grad for parameter in parameters[:2])]

    with_both(scenario)


def test_other_helpers() -> None:
    def scenario(t: ModuleType) -> list[Any]:
        utils = t.nn.utils
        parameters = with_gradients(t)
        utils.clip_grad_value_(iter(parameters), 0.7)
        layer = t.nn.Linear(2, 2)
        vector = t.tensor(numbers(6))
        utils.vector_to_parameters(vector, layer.parameters())
        log = [parameters[0].grad, layer.weight, layer.bias]
        log += [utils.parameters_to_vector(layer.parameters()), layer.weight.grad_fn]
        single = with_gradients(t)[0]
        log += [utils.clip_grad_norm_(single, 1.0), single.grad]
        log += [utils.clip_grad_norm_([], 1.0), utils.get_total_norm(vector)]
        return [entry for entry in log if entry is not None]

    with_both(scenario)
