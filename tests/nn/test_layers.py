"""Layers, activations, losses and helpers, with expectations written out or computed by NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import argand
from argand import nn

X = [-3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0]


def test_linear_is_affine() -> None:
    layer = nn.Linear(2, 3)
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    expected = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(argand.tensor(x)).detach().numpy(), expected, rtol=1e-5)
    assert layer(argand.ones(4, 1, 2)).shape == (4, 1, 3)
    assert layer(argand.ones(2)).shape == (3,)


def test_linear_starts_within_its_bound_and_by_the_seed() -> None:
    argand.manual_seed(1)
    one = nn.Linear(16, 200)
    argand.manual_seed(1)
    two = nn.Linear(16, 200)
    assert argand.equal(one.weight, two.weight)
    assert argand.equal(one.bias, two.bias)
    for parameter in one.parameters():
        assert 0.2 < parameter.abs().max().item() <= 0.25
    assert nn.Linear(2, 2, bias=False).bias is None
    assert nn.Linear(2, 2, dtype=argand.float64).bias.dtype == argand.float64


def test_linear_learns() -> None:
    argand.manual_seed(0)
    layer = nn.Linear(1, 1)
    x = argand.tensor([[1.0], [2.0], [3.0]])
    for _ in range(200):
        layer.zero_grad()
        nn.MSELoss()(layer(x), 2 * x + 1).backward()
        with argand.no_grad():
            for parameter in layer.parameters():
                parameter -= 0.1 * parameter.grad
    assert layer(argand.tensor([10.0])).item() == pytest.approx(21.0, abs=0.5)


def test_bilinear() -> None:
    layer = nn.Bilinear(2, 3, 4)
    a, b = np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 4.0, 5.0]], np.float32)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.einsum("ni,kij,nj->nk", a, weight, b) + bias
    output = layer(argand.tensor(a), argand.tensor(b)).detach().numpy()
    np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_shapes() -> None:
    assert nn.Flatten()(argand.zeros(2, 3, 4)).shape == (2, 12)
    assert nn.Flatten(0, 1)(argand.zeros(2, 3, 4)).shape == (6, 4)
    assert nn.Unflatten(-1, (2, -1))(argand.zeros(3, 8)).shape == (3, 2, 4)
    assert nn.Identity(1, a=2)(argand.zeros(2)).shape == (2,)
    with pytest.raises(TypeError, match="tuple of ints, but got float at position 1"):
        nn.Unflatten(1, (2, 4.0))  # type: ignore[arg-type]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def phi(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


ACTIVATIONS: list[tuple[Callable[[], nn.Module], Callable[[float], float]]] = [
    (nn.ReLU, lambda x: max(x, 0)),
    (nn.ReLU6, lambda x: min(max(x, 0), 6)),
    (lambda: nn.LeakyReLU(0.2), lambda x: x if x > 0 else 0.2 * x),
    (lambda: nn.RReLU(0.2, 0.4).eval(), lambda x: x if x > 0 else 0.3 * x),
    (nn.PReLU, lambda x: x if x > 0 else 0.25 * x),
    (lambda: nn.ELU(2.0), lambda x: x if x > 0 else 2 * math.expm1(x)),
    (lambda: nn.CELU(2.0), lambda x: x if x > 0 else 2 * math.expm1(x / 2)),
    (nn.SELU, lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x))),
    (nn.GELU, lambda x: x * phi(x)),
    (nn.SiLU, lambda x: x * sigmoid(x)),
    (nn.Mish, lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    (nn.Sigmoid, sigmoid),
    (nn.LogSigmoid, lambda x: math.log(sigmoid(x))),
    (nn.Tanh, math.tanh),
    (nn.Tanhshrink, lambda x: x - math.tanh(x)),
    (nn.Softsign, lambda x: x / (1 + abs(x))),
    (lambda: nn.Softplus(2.0), lambda x: math.log1p(math.exp(2 * x)) / 2),
    (lambda: nn.Softplus(2.0, 1.0), lambda x: x if 2 * x > 1 else math.log1p(math.exp(2 * x)) / 2),
    (nn.Hardtanh, lambda x: min(max(x, -1), 1)),
    (nn.Hardsigmoid, lambda x: min(max(x / 6 + 0.5, 0), 1)),
    (nn.Hardswish, lambda x: x * min(max(x / 6 + 0.5, 0), 1)),
    (nn.Hardshrink, lambda x: x if abs(x) > 0.5 else 0),
    (nn.Softshrink, lambda x: math.copysign(max(abs(x) - 0.5, 0), x)),
    (lambda: nn.Threshold(0.5, 9.0), lambda x: x if x > 0.5 else 9),
]


@pytest.mark.parametrize(("make", "function"), ACTIVATIONS)
def test_activation(make: Callable[[], nn.Module], function: Callable[[float], float]) -> None:
    output = make()(argand.tensor(X)).tolist()
    assert output == pytest.approx([function(x) for x in X], rel=1e-5, abs=1e-6)


def test_activation_in_place_changes_its_input() -> None:
    x = argand.tensor([-1.0, 1.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 1.0]


def test_softmax_family() -> None:
    x = argand.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert nn.Softmax(1)(x).sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert nn.Softmax(0)(x)[:, 0].tolist() == pytest.approx([sigmoid(-2), sigmoid(2)])
    assert nn.LogSoftmax(1)(x)[0].tolist() == pytest.approx([math.log(sigmoid(s)) for s in (-1, 1)])
    assert argand.allclose(nn.Softmin(1)(x), nn.Softmax(1)(-x))
    assert argand.allclose(nn.Softmax2d()(argand.zeros(2, 4, 1, 1)), argand.tensor(0.25))
    with pytest.raises(ValueError, match="Softmax2d: the input must have the shape"):
        nn.Softmax2d()(x)


def test_dropout() -> None:
    argand.manual_seed(0)
    layer = nn.Dropout(0.25)
    output = layer(argand.ones(4000))
    kept = output[output != 0]
    assert kept.unique().tolist() == pytest.approx([1 / 0.75])
    assert kept.numel() == pytest.approx(3000, abs=120)
    assert layer.eval()(argand.ones(5)).tolist() == [1.0] * 5
    assert nn.Dropout(1.0)(argand.ones(3)).tolist() == [0.0] * 3
    with pytest.raises(ValueError, match=r"Dropout: dropout probability .* but got -0.5"):
        nn.Dropout(-0.5)


INPUT = [[0.5, -1.0, 2.0], [0.0, 0.25, -0.5]]
TARGET = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.5]]


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def each_loss(x: np.ndarray, y: np.ndarray) -> dict[str, tuple[nn.Module, np.ndarray]]:
    d = np.abs(x - y)
    s = 1 / (1 + np.exp(-x))
    smooth = np.where(d < 0.5, d**2 / (2 * 0.5), d - 0.25)
    return {
        "l1": (nn.L1Loss(reduction="none"), d),
        "mse": (nn.MSELoss(reduction="none"), d**2),
        "smooth l1": (nn.SmoothL1Loss(reduction="none", beta=0.5), smooth),
        "huber": (nn.HuberLoss("none", 0.5), smooth * 0.5),
        "kl": (nn.KLDivLoss(reduction="none", log_target=True), np.exp(y) * (y - x)),
        "bce": (
            nn.BCEWithLogitsLoss(reduction="none", pos_weight=argand.tensor(2.0)),
            -(2 * y * np.log(s) + (1 - y) * np.log(1 - s)),
        ),
    }


@pytest.mark.parametrize("name", ["l1", "mse", "smooth l1", "huber", "kl", "bce"])
def test_elementwise_loss(name: str) -> None:
    x, y = np.array(INPUT), np.array(TARGET)
    loss, expected = each_loss(x, y)[name]
    inputs = argand.tensor(INPUT), argand.tensor(TARGET)
    np.testing.assert_allclose(loss(*inputs).numpy(), expected, rtol=1e-5, atol=1e-6)
    for reduction, total in (("mean", expected.mean()), ("sum", expected.sum())):
        loss.reduction = reduction
        if name != "kl" or reduction == "sum":  # the mean of the divergence warns
            assert loss(*inputs).item() == pytest.approx(total, rel=1e-5)


def test_binary_cross_entropy_of_probabilities() -> None:
    p, y = np.array([0.1, 0.5, 0.9]), np.array([0.0, 1.0, 0.5])
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)) * [1, 2, 3]
    loss = nn.BCELoss(argand.tensor([1.0, 2.0, 3.0]), reduction="sum")
    output = loss(argand.tensor(p).float(), argand.tensor(y).float())
    assert output.item() == pytest.approx(expected.sum(), rel=1e-5)
    assert list(loss.state_dict()) == ["weight"]


def test_cross_entropy() -> None:
    logits, classes = argand.tensor(INPUT), argand.tensor([2, 0])
    logs = log_softmax(np.array(INPUT))
    picked = -logs[[0, 1], [2, 0]]
    assert nn.CrossEntropyLoss()(logits, classes).item() == pytest.approx(picked.mean())
    assert nn.NLLLoss()(argand.tensor(logs).float(), classes).item() == pytest.approx(picked.mean())
    smoothed = 0.8 * picked - 0.2 * logs.mean(-1)
    loss = nn.CrossEntropyLoss(label_smoothing=0.2, reduction="none")
    assert loss(logits, classes).tolist() == pytest.approx(smoothed.tolist(), rel=1e-5)
    weighted = nn.CrossEntropyLoss(argand.tensor([1.0, 1.0, 3.0]))
    expected = (3 * picked[0] + picked[1]) / 4
    assert weighted(logits, classes).item() == pytest.approx(expected, rel=1e-5)
    ignoring = nn.CrossEntropyLoss(ignore_index=0)
    assert ignoring(logits, classes).item() == pytest.approx(picked[0], rel=1e-5)
    soft = nn.CrossEntropyLoss(reduction="sum")(logits, argand.tensor(TARGET))
    assert soft.item() == pytest.approx(-(np.array(TARGET) * logs).sum(), rel=1e-5)


def test_deprecated_arguments_of_losses() -> None:
    for arguments, reduction in (((True,), "mean"), ((False,), "sum"), ((None, False), "none")):
        with pytest.warns(UserWarning, match=f"use reduction='{reduction}'"):
            assert nn.L1Loss(*arguments).reduction == reduction
    with pytest.raises(TypeError, match="delta must be a number, but got str"):
        nn.HuberLoss(delta="1")  # type: ignore[arg-type]


def with_gradients() -> list[Any]:
    parameters = [nn.Parameter(argand.zeros(2)), nn.Parameter(argand.zeros(1)), nn.Parameter()]
    parameters[0].grad = argand.tensor([3.0, 0.0])
    parameters[1].grad = argand.tensor([-4.0])
    return parameters


@pytest.mark.parametrize(("order", "norm"), [(2.0, 5.0), (1.0, 7.0), (math.inf, 4.0)])
def test_clipping_by_the_norm(order: float, norm: float) -> None:
    parameters = with_gradients()
    assert nn.utils.clip_grad_norm_(parameters, 2.0, order).item() == pytest.approx(norm)
    assert parameters[0].grad.tolist() == pytest.approx([3 * 2 / norm, 0.0], rel=1e-5)
    assert parameters[1].grad.tolist() == pytest.approx([-4 * 2 / norm], rel=1e-5)
    assert parameters[2].grad is None


def test_clipping_leaves_small_gradients() -> None:
    parameters = with_gradients()
    nn.utils.clip_grad_norm_(iter(parameters), 100.0)
    assert parameters[0].grad.tolist() == [3.0, 0.0]
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="generator of parameters is empty"):
        nn.utils.clip_grad_norm_(nn.Tanh().parameters(), 1.0)
    parameters[0].grad.fill_(math.inf)
    with pytest.raises(RuntimeError, match="must be finite, but got inf"):
        nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)


def test_clipping_by_value() -> None:
    parameters = with_gradients()
    nn.utils.clip_grad_value_(parameters, 2.0)
    assert [p.grad.tolist() for p in parameters[:2]] == [[2.0, 0.0], [-2.0]]


def test_parameters_as_a_vector() -> None:
    layer = nn.Linear(2, 2)
    nn.utils.vector_to_parameters(argand.arange(6.0), layer.parameters())
    assert layer.weight.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert layer.bias.tolist() == [4.0, 5.0]
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    (vector * vector).sum().backward()
    assert layer.bias.grad.tolist() == [8.0, 10.0]


def test_linear_cross_entropy_is_both_in_one() -> None:
    x, bias = argand.randn(2, 3), argand.randn(4, 5)
    weight, target = argand.randn(4, 5, 3), argand.tensor([[0, 1, 2, 3, -100], [1, 1, 0, 2, 3]])
    logits = (argand.einsum("ni,cdi->ncd", x, weight)) + bias
    wanted = nn.functional.cross_entropy(logits, target)
    own = nn.functional.linear_cross_entropy(x, weight, target, linear_bias=bias)
    assert own.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert nn.functional.relu_(x) is x
