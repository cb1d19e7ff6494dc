"""`nn.init`: shapes of the distributions, structure of the matrices, errors."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import argand
from argand import nn
from argand.nn import init


@pytest.fixture(autouse=True)
def seed() -> None:
    argand.manual_seed(0)


def spread(tensor: Any) -> tuple[float, float, float, float]:
    return tensor.mean().item(), tensor.std().item(), tensor.min().item(), tensor.max().item()


def test_uniform() -> None:
    mean, std, least, greatest = spread(init.uniform_(argand.empty(20000), -1.0, 3.0))
    assert mean == pytest.approx(1.0, abs=0.05)
    assert std == pytest.approx(4 / math.sqrt(12), abs=0.02)
    assert -1.0 <= least < -0.99
    assert 2.99 < greatest < 3.0


def test_normal() -> None:
    mean, std, _, _ = spread(init.normal_(argand.empty(20000), 2.0, 0.5))
    assert mean == pytest.approx(2.0, abs=0.02)
    assert std == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("a", "b"), [(-1.0, 2.0), (1.5, 1.6), (-0.1, 0.1)])
def test_truncated_normal_stays_inside(a: float, b: float) -> None:
    mean, _, least, greatest = spread(init.trunc_normal_(argand.empty(20000), 0.0, 1.0, a, b))
    assert a <= least
    assert greatest <= b
    density = [math.exp(-(x**2) / 2) for x in (a, b)]
    share = (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2))) / 2
    expected = (density[0] - density[1]) / math.sqrt(2 * math.pi) / share
    assert mean == pytest.approx(expected, abs=0.03)


def test_truncated_normal_far_off_warns() -> None:
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(argand.empty(4), mean=9.0)


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (lambda w: init.xavier_uniform_(w), math.sqrt(2 / (100 + 50))),
        (lambda w: init.xavier_normal_(w, gain=2.0), 2 * math.sqrt(2 / (100 + 50))),
        (lambda w: init.kaiming_uniform_(w), math.sqrt(2 / 100)),
        (lambda w: init.kaiming_normal_(w, mode="fan_out"), math.sqrt(2 / 50)),
        (lambda w: init.kaiming_normal_(w, nonlinearity="linear"), math.sqrt(1 / 100)),
        (lambda w: init.kaiming_uniform_(w, a=1.0), math.sqrt(1 / 100)),
    ],
)
def test_standard_deviation_follows_the_fans(fill: Callable[[Any], Any], expected: float) -> None:
    weight = nn.Parameter(argand.empty(50, 100))
    assert fill(weight) is weight
    assert weight.is_leaf
    mean, std, _, _ = spread(weight.detach())
    assert mean == pytest.approx(0.0, abs=expected / 20)
    assert std == pytest.approx(expected, rel=0.05)


def test_kernels_count_in_the_fans() -> None:
    weight = argand.empty(8, 4, 3, 5)
    assert init._calculate_fan_in_and_fan_out(weight) == (60, 120)
    bound = math.sqrt(6 / 60)
    greatest = init.kaiming_uniform_(weight).abs().max().item()
    assert 0.9 * bound < greatest <= bound


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = init.orthogonal_(argand.empty(*shape), gain=2.0).reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.t()
    product = matrix @ matrix.t()
    assert argand.allclose(product, 4 * argand.eye(product.shape[0]), atol=1e-5)


def test_structured_values() -> None:
    assert init.eye_(argand.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.ones_(argand.empty(2)).tolist() == [1, 1]
    assert init.zeros_(argand.empty(2)).tolist() == [0, 0]
    assert init.dirac_(argand.empty(2, 1, 3), groups=2).tolist() == [[[0, 1, 0]], [[0, 1, 0]]]
    sparse = init.sparse_(argand.empty(10, 3), sparsity=0.45)
    assert (sparse == 0).sum(dim=0).tolist() == [5, 5, 5]


def test_empty_weights_are_left_alone() -> None:
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(argand.empty(0, 3))
    with pytest.warns(UserWarning, match="no-op"):
        nn.Linear(3, 0)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: init.calculate_gain("softmax"), "recommended gain, but got softmax"),
        (lambda: init.calculate_gain("leaky_relu", "x"), "slope must be a number, but got 'x'"),
        (lambda: init.eye_(argand.empty(3)), "eye_: the tensor must have 2 dimensions, but got 1"),
        (lambda: init.dirac_(argand.empty(2, 2)), "must have 3, 4 or 5 dimensions, but got 2"),
        (lambda: init.dirac_(argand.empty(3, 3, 3), 2), "divisible by groups, but got 3 and 2"),
        (lambda: init.xavier_normal_(argand.empty(3)), "2 or more dimensions, but got shape"),
        (lambda: init.kaiming_normal_(argand.empty(3, 3), mode="x"), "mode must be one of"),
        (lambda: init.orthogonal_(argand.empty(3)), "2 or more dimensions, but got 1"),
    ],
)
def test_errors(wrong: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        wrong()


def test_former_names_warn() -> None:
    with pytest.warns(FutureWarning, match="nn.init.constant_"):
        assert init.constant(argand.empty(1), 2.0).tolist() == [2.0]
