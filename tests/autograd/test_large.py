"""Graphs of a million operations, and several threads that train at once."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import argand
from argand import nn

MILLION = 1_000_000


@pytest.fixture
def without_collector() -> Iterator[None]:
    """No garbage collection: it would look at every node again and again."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_a_graph_of_a_million_operations() -> None:
    x = argand.ones(1, requires_grad=True)
    y = x
    for _ in range(MILLION):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    gone = weakref.ref(y.grad_fn)
    del y
    assert gone() is None


@pytest.mark.usefixtures("without_collector")
def test_a_deep_graph_is_forgotten_without_a_backward_pass() -> None:
    x = argand.ones(1, requires_grad=True)
    y = x
    for _ in range(MILLION // 5):
        y = y * x  # saves both
    gone = weakref.ref(y.grad_fn)
    del y
    assert gone() is None


def train(seed: int, steps: int) -> list[float]:
    """The losses of a small network, which depend on nothing but the seed."""
    generator = argand.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    with argand.no_grad():
        for parameter in net.parameters():
            parameter.copy_(argand.randn(parameter.shape, generator=generator) * 0.3)
    optimizer = argand.optim.Adam(net.parameters(), lr=0.01)
    x = argand.randn(32, 4, generator=generator)
    y = x.sum(1, keepdim=True).sin()
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        if step % 5 == 0:
            with argand.no_grad():
                net(x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_eight_threads_train_like_one() -> None:
    expected = {seed: train(seed, 60) for seed in range(8)}
    found: dict[int, Any] = {}
    start = threading.Barrier(8)

    def run(seed: int) -> None:
        start.wait()
        found[seed] = train(seed, 60)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
    assert all(losses[-1] < losses[0] for losses in expected.values())
