"""Random numbers: PyTorch's streams, bit for bit; normal numbers within rounding."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.ops.drawing import as_exact, is_tensor
from tests.parity.scenarios import attempt, torch
from tests.tolerances import NORMALS

SEEDS = (0, 1, 42, 2**31 - 1, 2**32 + 5, -3, 12345678901234567)
SIZES = ((1,), (15,), (16,), (17,), (100,), (3, 5), (7, 33), (0,), ())

Draw = Callable[[ModuleType, Any], Any]


def streams(draw: Draw, seed: int, size: Any) -> tuple[Any, Any]:
    """What both frameworks draw, and then the next uniform numbers: the states must agree, too."""
    found = []
    for t in (argand, torch):
        t.manual_seed(seed)
        found.append((as_exact(draw(t, size)), t.rand(3).tolist(), t.randn(2).tolist()))
    return found[0], found[1]


def assert_same_stream(draw: Draw, seed: int, size: Any, tolerance: float = 0.0) -> None:
    (own, own_next, own_normals), (theirs, their_next, their_normals) = streams(draw, seed, size)
    assert own.shape == theirs.shape
    largest = float(np.abs(theirs).max(initial=0)) if tolerance else 0.0
    np.testing.assert_allclose(own, theirs, rtol=0, atol=tolerance * (1 + largest))
    assert own_next == their_next
    np.testing.assert_allclose(own_normals, their_normals, rtol=0, atol=NORMALS["float32"].atol)


EXACT: dict[str, Draw] = {
    "rand": lambda t, s: t.rand(s),
    "rand float64": lambda t, s: t.rand(s, dtype=t.float64),
    "rand float16": lambda t, s: t.rand(s, dtype=t.float16),
    "rand bfloat16": lambda t, s: t.rand(s, dtype=t.bfloat16),
    "uniform_": lambda t, s: t.empty(s).uniform_(-3.5, 2.25),
    "uniform_ float64": lambda t, s: t.empty(s, dtype=t.float64).uniform_(-3.5, 2.25),
    "randint": lambda t, s: t.randint(0, 10, s),
    "randint negative": lambda t, s: t.randint(-7, 100_000, s),
    "randint wide": lambda t, s: t.randint(0, 2**28 - 1, s),
    "randint wider": lambda t, s: t.randint(0, 2**28, s),
    "randint widest": lambda t, s: t.randint(-(2**40), 2**62, s),
    "randint as float": lambda t, s: t.randint(0, 1000, s, dtype=t.float32),
    "randint uint8": lambda t, s: t.randint(0, 256, s, dtype=t.uint8),
    "random_": lambda t, s: t.empty(s, dtype=t.int64).random_(),
    "random_ int32": lambda t, s: t.empty(s, dtype=t.int32).random_(),
    "random_ uint8": lambda t, s: t.empty(s, dtype=t.uint8).random_(),
    "random_ bool": lambda t, s: t.empty(s, dtype=t.bool).random_(),
    "random_ float32": lambda t, s: t.empty(s).random_(),
    "random_ float64": lambda t, s: t.empty(s, dtype=t.float64).random_(),
    "random_ to": lambda t, s: t.empty(s, dtype=t.int64).random_(9),
    "random_ from to": lambda t, s: t.empty(s).random_(-5, 9),
    "randperm": lambda t, s: t.randperm(int(np.prod(s))),
    "bernoulli": lambda t, s: t.bernoulli(t.full(s, 0.3)),
    "bernoulli float64": lambda t, s: t.bernoulli(t.full(s, 0.3, dtype=t.float64)),
    "bernoulli_": lambda t, s: t.empty(s).bernoulli_(0.7),
    "bernoulli_ int": lambda t, s: t.empty(s, dtype=t.int64).bernoulli_(),
    "bernoulli_ of tensor": lambda t, s: t.empty(s).bernoulli_(t.full(s, 0.4)),
    "rand_like": lambda t, s: t.rand_like(t.zeros(s)),
    "dropout": lambda t, s: t.nn.functional.dropout(t.ones(s), 0.3),
    "dropout float64": lambda t, s: t.nn.functional.dropout(t.ones(s, dtype=t.float64), 0.5),
    "geometric_": lambda t, s: t.empty(s).geometric_(0.1),
    "geometric_ int": lambda t, s: t.empty(s, dtype=t.int64).geometric_(0.03),
    "poisson small": lambda t, s: t.poisson(t.full(s, 2.5)),
    "poisson large": lambda t, s: t.poisson(t.full(s, 40.0, dtype=t.float64)),
    "binomial small": lambda t, s: t.binomial(t.full(s, 9.0), t.full(s, 0.3)),
    "binomial likely": lambda t, s: t.binomial(t.full(s, 9.0), t.full(s, 0.8)),
    "binomial large": lambda t, s: t.binomial(t.full(s, 500.0), t.full(s, 0.4)),
    "binomial large likely": lambda t, s: t.binomial(t.full(s, 500.0), t.full(s, 0.9)),
    "randint_like": lambda t, s: t.randint_like(t.zeros(s), -3, 70),
    "uniform_ transposed": lambda t, s: t.empty((3, *s)).transpose(0, -1).uniform_(),
    "uniform_ strided": lambda t, s: t.zeros((4, *s))[::2].uniform_(),
    "bernoulli_ transposed": lambda t, s: t.empty((3, *s)).transpose(0, -1).bernoulli_(0.5),
    "random_ transposed": lambda t, s: t.empty((3, *s)).transpose(0, -1).random_(0, 50),
}

NORMAL: dict[str, Draw] = {
    "randn": lambda t, s: t.randn(s),
    "randn float64": lambda t, s: t.randn(s, dtype=t.float64),
    "normal_": lambda t, s: t.empty(s).normal_(1.5, 0.25),
    "normal_ float64": lambda t, s: t.empty(s, dtype=t.float64).normal_(-3, 2),
    "randn_like": lambda t, s: t.randn_like(t.zeros(s)),
    "normal of numbers": lambda t, s: t.normal(2.0, 3.0, s),
    "normal of means": lambda t, s: t.normal(t.full(s, 2.0), 3.0),
    "normal of deviations": lambda t, s: t.normal(2.0, t.full(s, 3.0)),
    "normal of both": lambda t, s: t.normal(t.full(s, 1.0), t.full(s, 2.0)),
    "normal_ transposed": lambda t, s: t.empty((3, *s)).transpose(0, -1).normal_(),
    "normal_ strided": lambda t, s: t.zeros((4, *s))[::2].normal_(),
    "exponential_": lambda t, s: t.empty(s).exponential_(2.0),
    "log_normal_": lambda t, s: t.empty(s).log_normal_(0.5, 0.7),
    "log_normal_ float64": lambda t, s: t.empty(s, dtype=t.float64).log_normal_(),
    "cauchy_ angles": lambda t, s: t.empty(s).cauchy_(0.25, 2).atan(),
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("draw", EXACT.values(), ids=EXACT)
def test_exact_streams(draw: Draw, size: Any) -> None:
    for seed in SEEDS:
        assert_same_stream(draw, seed, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("draw", NORMAL.values(), ids=NORMAL)
def test_normal_streams(draw: Draw, size: Any) -> None:
    for seed in SEEDS:
        assert_same_stream(draw, seed, size, NORMALS["float32"].atol)


def test_calls_that_follow_each_other() -> None:
    """Also the second normal number of a pair, which waits for the next call."""
    steps: list[Callable[[ModuleType], Any]] = [
        lambda t: t.rand(3),
        lambda t: t.randn(1),
        lambda t: t.rand(1),
        lambda t: t.randn(1),
        lambda t: t.randn(3),
        lambda t: t.randint(0, 9, (5,)),
        lambda t: t.randn(1),
        lambda t: t.randn(20),
        lambda t: t.randn(2, dtype=t.float64),
        lambda t: t.randn(1),
        lambda t: t.randperm(6),
        lambda t: t.bernoulli(t.full((4,), 0.5)),
        lambda t: t.randn(17),
        lambda t: t.rand(2, dtype=t.float64),
        lambda t: t.randn(15),
        lambda t: t.empty(3).normal_(5, 2),
        lambda t: t.nn.functional.dropout(t.ones(5), 0.4),
        lambda t: t.randn(1, dtype=t.float64),
        lambda t: t.empty(700).uniform_(),
        lambda t: t.randn(1),
    ]
    for seed in SEEDS:
        argand.manual_seed(seed)
        torch.manual_seed(seed)
        for number, step in enumerate(steps):
            own, theirs = as_exact(step(argand)), as_exact(step(torch))
            np.testing.assert_allclose(own, theirs, rtol=3e-7, atol=3e-7, err_msg=f"step {number}")


def test_generators() -> None:
    for seed in SEEDS:
        found = []
        for t in (argand, torch):
            t.manual_seed(99)
            a, b = t.Generator().manual_seed(seed), t.Generator()
            b.manual_seed(seed + 1)
            parts = [
                t.rand(4, generator=a),
                t.rand(4, generator=b),
                t.randint(0, 50, (4,), generator=a),
                t.randperm(5, generator=b),
                t.empty(4).uniform_(generator=a),
                t.empty(4).bernoulli_(0.5, generator=b),
                t.bernoulli(t.full((4,), 0.5), generator=a),
                t.empty(4).random_(0, 20, generator=b),
                t.rand(4),
                t.empty(20).normal_(generator=a),
                t.randn(3, generator=b),
            ]
            found.append([as_exact(x) for x in parts])
            assert a.initial_seed() == seed % 2**64
        for one, other in zip(*found):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


def test_states() -> None:
    """A state that was taken brings its numbers back, kept normal numbers included."""
    for t in (argand, torch):
        t.manual_seed(5)
        t.randn(1)
        state = t.get_rng_state()
        first = [t.randn(3).tolist(), t.rand(700).tolist(), t.randint(0, 9, (4,)).tolist()]
        t.set_rng_state(state)
        assert [t.randn(3).tolist(), t.rand(700).tolist(), t.randint(0, 9, (4,)).tolist()] == first
        g = t.Generator().manual_seed(7)
        t.rand(3, generator=g)
        kept = g.get_state()
        numbers = t.rand(5, generator=g).tolist()
        other = t.Generator()
        other.set_state(kept)
        assert t.rand(5, generator=other).tolist() == numbers
        assert kept.dtype is t.uint8
        assert is_tensor(kept)


@pytest.mark.parametrize("before", [0, 1, 623, 624, 625, 2000])
def test_states_go_from_one_framework_to_the_other(before: int) -> None:
    for giver, taker in ((argand, torch), (torch, argand)):
        giver.manual_seed(before + 3)
        giver.rand(before)
        giver.randn(1)  # keeps a second one
        taker.set_rng_state(taker.from_numpy(giver.get_rng_state().numpy()))
        assert taker.initial_seed() == giver.initial_seed()
        np.testing.assert_allclose(as_exact(taker.randn(3)), as_exact(giver.randn(3)), atol=3e-7)
        assert taker.rand(700).tolist() == giver.rand(700).tolist()


def test_seeds() -> None:
    for t in (argand, torch):
        g = t.manual_seed(11)
        assert g.initial_seed() == 11
        assert t.initial_seed() == 11
        first = t.seed()
        assert t.initial_seed() == first
        assert t.seed() != first
        assert isinstance(t.Generator().seed(), int)
    assert argand.Generator().initial_seed() == torch.Generator().initial_seed()


REFUSED: dict[str, Draw] = {
    "uniform_ backwards": lambda t, s: t.empty(3).uniform_(1, 0),
    "uniform_ of integers": lambda t, s: t.empty(3, dtype=t.int64).uniform_(),
    "normal_ with a negative deviation": lambda t, s: t.empty(3).normal_(0, -1),
    "normal_ of integers": lambda t, s: t.empty(3, dtype=t.int64).normal_(),
    "randint of nothing": lambda t, s: t.randint(3, 3, (2,)),
    "randint backwards": lambda t, s: t.randint(3, 1, (2,)),
    "randint too large": lambda t, s: t.randint(0, 300, (2,), dtype=t.uint8),
    "random_ backwards": lambda t, s: t.empty(3).random_(4, 2),
    "bernoulli_ beyond 1": lambda t, s: t.empty(3).bernoulli_(1.5),
    "randperm of less than nothing": lambda t, s: t.randperm(-1),
    "rand of less than nothing": lambda t, s: t.rand(-1),
    "seed of text": lambda t, s: t.manual_seed("text"),
    "seed too large": lambda t, s: t.manual_seed(2**64),
    "state of another size": lambda t, s: t.set_rng_state(t.zeros(3, dtype=t.uint8)),
    "dropout beyond 1": lambda t, s: t.nn.functional.dropout(t.ones(3), 1.5),
    "exponential_ of rate 0": lambda t, s: t.empty(3).exponential_(0),
    "exponential_ of integers": lambda t, s: t.empty(3, dtype=t.int64).exponential_(),
    "cauchy_ of integers": lambda t, s: t.empty(3, dtype=t.int64).cauchy_(),
    "cauchy_ without width": lambda t, s: t.empty(3).cauchy_(0, 0),
    "geometric_ beyond 1": lambda t, s: t.empty(3).geometric_(1.0),
    "geometric_ of bool": lambda t, s: t.empty(3, dtype=t.bool).geometric_(0.5),
    "log_normal_ of integers": lambda t, s: t.empty(3, dtype=t.int64).log_normal_(),
    "log_normal_ without width": lambda t, s: t.empty(3).log_normal_(0, 0),
    "poisson of integers": lambda t, s: t.poisson(t.ones(3, dtype=t.int64)),
    "poisson of a negative rate": lambda t, s: t.poisson(-t.ones(3)),
    "binomial of integers": lambda t, s: t.binomial(t.ones(3, dtype=t.int64), t.ones(3)),
}


@pytest.mark.parametrize("draw", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(draw: Draw) -> None:
    assert attempt(lambda: draw(argand, ())) == attempt(lambda: draw(torch, ()))
