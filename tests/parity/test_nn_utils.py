"""Checkpoints, parametrizations, norms of weights and lazy modules in Argand and in PyTorch."""

import copy
import importlib
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import attempt, compare, registries, values

SCENARIOS: list[Callable[[ModuleType], Any]] = []


def scenario(function: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda f: f.__name__)
def test_scenario(function: Callable[[ModuleType], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(function)


@scenario
def checkpoints(t: ModuleType) -> Any:
    tools = importlib.import_module(f"{t.__name__}.utils.checkpoint")
    t.manual_seed(0)
    net = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Dropout(0.5), t.nn.Tanh(), t.nn.Linear(4, 2))
    x = t.randn(5, 3, requires_grad=True)
    found = []
    for kind in (None, True, False):
        net.zero_grad()
        x.grad = None
        t.manual_seed(1)
        y = net(x) if kind is None else tools.checkpoint(net, x, use_reentrant=kind)
        (y * y).sum().backward()
        found.append([values((y, x.grad, t.rand(2))), [values(p.grad) for p in net.parameters()]])
    y = tools.checkpoint_sequential(net.eval(), 2, x, use_reentrant=False)
    return [*found, values(y)]


@scenario
def faults_of_checkpoints(t: ModuleType) -> Any:
    tools = importlib.import_module(f"{t.__name__}.utils.checkpoint")
    x, runs = t.ones(2, requires_grad=True), []

    def changing(second: Callable[[Any], Any]) -> Callable[[Any], Any]:
        runs.clear()

        def run(x: Any) -> Any:
            runs.append(1)
            return (x.sin() if len(runs) == 1 else second(x)).exp()

        return run

    def back(second: Callable[[Any], Any], **options: Any) -> Any:
        y = tools.checkpoint(changing(second), x, use_reentrant=False, **options)
        return attempt(lambda: y.sum().backward()), len(runs)

    reentrant = tools.checkpoint(t.sin, x, use_reentrant=True)
    twice = tools.checkpoint(t.sin, x, use_reentrant=False).sum()
    twice.backward(retain_graph=True)
    twice.backward()
    return [
        back(t.sin),
        back(lambda x: x),
        back(lambda x: x[:1].sin()),
        back(lambda x: x.sin().cos()),
        attempt(lambda: tools.checkpoint(t.sin, x, other=3, use_reentrant=True)),
        attempt(lambda: t.autograd.grad(reentrant.sum(), x)),
        values(x.grad),
    ]


@scenario
def parametrized_modules(t: ModuleType) -> Any:
    tools = importlib.import_module(f"{t.__name__}.nn.utils.parametrize")

    class Scaled(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, x: Any) -> Any:
            return x / 2

    class Split(t.nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return a + b

        def right_inverse(self, x: Any) -> Any:
            return x * 0.25, x * 0.75

    class Longer(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return t.cat([x, x])

    found: list[Any] = []
    t.manual_seed(0)
    layer = t.nn.Linear(2, 2)
    parameter = layer.weight
    before = layer.weight.tolist()
    tools.register_parametrization(layer, "weight", Scaled())
    found += [
        repr(layer), list(layer.state_dict()), registries(layer), type(layer).__name__,
        layer.weight.tolist() == before, values(layer.weight),
        layer.parametrizations.weight.original is parameter,
        tools.is_parametrized(layer), tools.is_parametrized(layer, "bias"),
        tools.type_before_parametrizations(layer).__name__, isinstance(layer, t.nn.Linear),
    ]  # fmt: skip
    layer.weight = t.ones(2, 2)
    tools.register_parametrization(layer, "weight", Scaled())
    found += [values(layer.weight), values(layer.parametrizations.weight.original)]
    layer(t.ones(1, 2)).sum().backward()
    found.append(values(layer.parametrizations.weight.original.grad))
    other = copy.deepcopy(layer)
    other.parametrizations.weight.original.data.fill_(3.0)
    found += [values(other.weight), values(layer.weight), repr(other)]
    with tools.cached():
        found.append(layer.weight is layer.weight)
    found.append(layer.weight is layer.weight)
    tools.remove_parametrizations(layer, "weight")
    found += [repr(layer), values(layer.weight), layer.weight is parameter, registries(layer)]
    tools.register_parametrization(layer, "weight", Split())
    found += [list(layer.state_dict()), values(layer.weight)]
    found.append(attempt(lambda: tools.remove_parametrizations(layer, "weight", False)))
    plain = t.nn.Linear(2, 2)
    found += [
        attempt(lambda: tools.register_parametrization(plain, "other", Scaled())),
        attempt(lambda: tools.register_parametrization(plain, "weight", Longer())),
        attempt(lambda: tools.remove_parametrizations(plain, "weight")),
        repr(plain),
    ]
    tools.register_parametrization(plain, "weight", Longer(), unsafe=True)
    return [*found, list(plain.weight.shape), attempt(lambda: plain.__setattr__("weight", 1))]


@scenario
def norms_of_weights(t: ModuleType) -> Any:
    new = importlib.import_module(f"{t.__name__}.nn.utils.parametrizations")
    old = t.nn.utils
    found: list[Any] = []
    for norm, remove in (
        (new.weight_norm, None),
        (new.spectral_norm, None),
        (old.weight_norm, old.remove_weight_norm),
        (old.spectral_norm, old.remove_spectral_norm),
    ):
        t.manual_seed(0)
        layer = norm(t.nn.Linear(3, 2))
        x = t.randn(4, 3)
        layer(x)
        layer(x).square().sum().backward()
        found += [
            repr(layer),
            [[name, values(v)] for name, v in layer.state_dict().items()],
            [[name, values(p.grad)] for name, p in layer.named_parameters()],
        ]
        layer.eval()
        found.append(values(layer(x)))
        found.append(attempt(lambda: norm(t.nn.Linear(3, 2), "other")))  # noqa: B023
        if remove is not None:
            remove(layer)
            found += [list(layer.state_dict()), values(layer(x)), attempt(lambda: remove(layer))]  # noqa: B023
    whole = new.weight_norm(t.nn.Linear(3, 2), dim=None)
    found.append(list(whole.parametrizations.weight.original0.shape))
    state = {"weight_g": t.ones(2, 1), "weight_v": t.ones(2, 3), "bias": t.zeros(2)}
    layer = new.weight_norm(t.nn.Linear(3, 2))
    layer.load_state_dict(state)
    return [*found, values(layer.weight)]


@scenario
def lazy_modules(t: ModuleType) -> Any:
    nn, found = t.nn, []
    for make, shape in (
        (lambda: nn.LazyLinear(3), (2, 4)),
        (lambda: nn.LazyConv1d(4, 3), (2, 6, 8)),
        (lambda: nn.LazyConv2d(4, 3, 1, 1, groups=2, bias=False), (2, 6, 5, 5)),
        (lambda: nn.LazyConv2d(4, 3), (6, 8, 8)),
        (lambda: nn.LazyConv3d(4, 2), (2, 6, 3, 3, 3)),
        (lambda: nn.LazyConvTranspose1d(4, 3), (2, 6, 8)),
        (lambda: nn.LazyConvTranspose2d(4, 3, output_padding=1, stride=2), (2, 6, 4, 4)),
        (lambda: nn.LazyConvTranspose3d(4, 3), (2, 6, 2, 2, 2)),
        (lambda: nn.LazyBatchNorm1d(track_running_stats=False), (4, 6)),
        (lambda: nn.LazyBatchNorm2d(momentum=None), (2, 6, 3, 3)),
        (lambda: nn.LazyBatchNorm3d(affine=False), (2, 6, 2, 2, 2)),
        (lambda: nn.LazyInstanceNorm1d(), (2, 6, 3)),
        (lambda: nn.LazyInstanceNorm2d(affine=True, track_running_stats=True), (2, 6, 3, 3)),
        (lambda: nn.LazyInstanceNorm3d(), (2, 6, 2, 2, 2)),
        (lambda: nn.LazyConv2d(4, 3), (3, 3)),
        (lambda: nn.LazyBatchNorm2d(), (3, 3)),
        (lambda: nn.LazyConv2d(3, 3, groups=3), (1, 4, 5, 5)),
    ):
        t.manual_seed(0)
        layer = make()
        found.append([repr(layer), [[k, type(v).__name__] for k, v in layer.state_dict().items()]])
        x = t.arange(float(t.ones(shape).numel())).reshape(shape).sin()
        y = attempt(lambda: layer(x))  # noqa: B023
        found.append(y if isinstance(y, str) else [list(y.shape), y.abs().sum().item()])
        found.append([repr(layer), len(layer._forward_pre_hooks)])
    return found


@scenario
def orthogonal_matrices(t: ModuleType) -> Any:
    tools, found = importlib.import_module(f"{t.__name__}.nn.utils.parametrizations"), []
    for shape in ((3, 3), (2, 4), (4, 2)):
        for kind in (None, "cayley", "householder", "matrix_exp"):
            t.manual_seed(0)
            layer = tools.orthogonal(t.nn.Linear(*shape), orthogonal_map=kind)
            x = t.randn(5, shape[0])
            layer(x).square().sum().backward()
            original = layer.parametrizations.weight.original
            found.append([repr(layer), values(layer.weight), values(original.grad.abs() > 1e-4)])
            with t.no_grad():
                original += 0.1 * t.ones(original.shape)
            found.append(values(layer.weight) if kind != "householder" else 0)
            free = t.nn.Linear(*shape)
            found.append(
                attempt(lambda: values(tools.orthogonal(
                    free, orthogonal_map=kind, use_trivialization=False).weight))  # noqa: B023
            )  # fmt: skip
    bad = [{"orthogonal_map": "other"}, {"name": "bias"}, {"name": "other"}]
    return [*found, [attempt(lambda: tools.orthogonal(t.nn.Linear(2, 2), **b)) for b in bad]]  # noqa: B023
