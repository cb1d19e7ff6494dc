"""Embedding beyond the samples: gradients of rows that are read often, padding, limits, bags."""

import numpy as np
import pytest

import argand
from argand import nn
from argand.nn import functional as F


@pytest.mark.parametrize("columns", [1, 5, 64, 700])
def test_the_gradient_adds_up(columns: int) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, 11, (3, 50))
    table = argand.zeros(11, columns, requires_grad=True)
    weights = rng.standard_normal((3, 50, columns)).astype(np.float32)
    F.embedding(argand.from_numpy(chosen), table, 4).backward(argand.from_numpy(weights))
    wanted = np.zeros((11, columns), np.float32)
    np.add.at(wanted, chosen, weights)
    wanted[4] = 0
    np.testing.assert_allclose(table.grad.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_frequent_rows_get_the_mean() -> None:
    table = argand.zeros(3, 2, requires_grad=True)
    F.embedding(argand.tensor([1, 1, 2]), table, scale_grad_by_freq=True).sum().backward()
    assert table.grad.tolist() == [[0, 0], [1, 1], [1, 1]]


def test_long_rows_are_shortened_in_place() -> None:
    layer = nn.Embedding(2, 2, max_norm=1.0)
    with argand.no_grad():
        layer.weight.copy_(argand.tensor([[3.0, 4.0], [30.0, 40.0]]))
    np.testing.assert_allclose(layer(argand.tensor([0])).detach().numpy(), [[0.6, 0.8]], 1e-5)
    assert layer.weight[1].tolist() == [30.0, 40.0]


def test_second_gradient() -> None:
    table = argand.randn(4, 3, dtype=argand.float64, requires_grad=True)
    chosen = argand.tensor([[1, 2], [1, 0]])
    assert argand.autograd.gradgradcheck(lambda t: F.embedding(chosen, t, 2) ** 2, (table,))


def test_bags_with_offsets() -> None:
    table = argand.eye(4)
    numbers, begins = argand.tensor([0, 1, 1, 3]), argand.tensor([0, 1, 1])
    bags = F.embedding_bag(numbers, table, begins, mode="sum")
    assert bags.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 1]]
    assert F.embedding_bag(numbers, table, begins, mode="max")[2].tolist() == [0, 1, 0, 1]


def test_no_such_row() -> None:
    with pytest.raises(IndexError, match="index out of range"):
        F.embedding(argand.tensor([5]), argand.zeros(5, 1))
