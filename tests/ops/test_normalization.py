"""Normalization: gradients in double precision, to the second order, and running statistics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import argand
from argand import nn
from argand.autograd import gradcheck, gradgradcheck
from argand.nn import functional as F

LEAVES = {"dtype": argand.float64, "requires_grad": True}

NORMS: dict[str, tuple[tuple[int, ...], int, Callable[..., Any]]] = {
    "batch": ((3, 4, 5), 4, lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
    "group": ((3, 4, 5), 4, lambda x, w, b: F.group_norm(x, 2, w, b)),
    "instance": ((3, 4, 5), 4, lambda x, w, b: F.instance_norm(x, weight=w, bias=b)),
    "layer": ((3, 2, 5), 5, lambda x, w, b: F.layer_norm(x, (5,), w, b)),
    "rms": ((3, 2, 5), 5, lambda x, w, b: F.rms_norm(x, (5,), w) + b),
}


@pytest.mark.parametrize("name", NORMS)
def test_gradients_to_the_second_order(name: str) -> None:
    shape, count, norm = NORMS[name]
    argand.manual_seed(0)
    leaves = [argand.randn(*s, **LEAVES) for s in (shape, (count,), (count,))]
    assert gradcheck(norm, leaves)
    assert gradgradcheck(norm, leaves)


@pytest.mark.parametrize("shape", [(64, 32, 6, 6), (300, 40), (7, 3, 1000)])
def test_large_means_do_not_cancel(shape: tuple[int, ...]) -> None:
    x = argand.randn(*shape) + 1000.0
    y = F.batch_norm(x, None, None, training=True)
    wide = x.double().numpy()
    dims = (0, *range(2, len(shape)))
    deviation = np.sqrt(wide.var(dims, keepdims=True) + 1e-5)
    wanted = (wide - wide.mean(dims, keepdims=True)) / deviation
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-3, atol=1e-3)


def test_running_statistics_follow() -> None:
    layer = nn.BatchNorm1d(2, momentum=0.5)
    layer(argand.tensor([[0.0, 1.0], [2.0, 1.0]]))
    assert layer.running_mean.tolist() == [0.5, 0.5]
    assert layer.running_var.tolist() == [1.5, 0.5]
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    out = layer(argand.tensor([[0.5, 0.5]]))
    assert out.tolist() == [[0.0, 0.0]]
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0, 1.0]


def test_one_value_per_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F.batch_norm(argand.zeros(1, 3), None, None, training=True)


def test_statistics_are_needed_in_evaluation() -> None:
    with pytest.raises(RuntimeError, match="running_mean must be defined"):
        F.batch_norm(argand.zeros(2, 3), None, None)


def test_statistics_of_groups_have_a_gradient() -> None:
    x = argand.randn(2, 4, 3, **LEAVES)

    def statistics(x: argand.Tensor) -> tuple[argand.Tensor, ...]:
        found = argand.native_group_norm(x, None, None, 2, 4, 3, 2, 1e-5)
        return found[1], found[2]

    assert gradcheck(statistics, [x])
    assert gradgradcheck(statistics, [x])


@pytest.mark.parametrize("shape", [(2, 40_000), (1, 20_000)])
def test_long_rows_keep_their_digits(shape: tuple[int, ...]) -> None:
    x = argand.rand(*shape) + 10.0
    wide = x.double().numpy()
    wanted = wide - wide.mean(1, keepdims=True)
    wanted /= np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(F.layer_norm(x, shape[1:]).numpy(), wanted, rtol=0, atol=2e-5)


def test_squares_do_not_cancel_in_float64() -> None:
    x = argand.randn(50, 3, dtype=argand.float64) + 1e8
    wide = x.numpy().astype(np.longdouble)
    wanted = (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5)
    own = F.batch_norm(x, None, None, training=True).numpy()
    np.testing.assert_allclose(own, wanted.astype(np.float64), rtol=0, atol=1e-6)
