"""Generators in child processes, states that are put back, gradients of what is drawn."""

import os
import subprocess
import sys

import pytest

import argand

FORKED = """
import os, threading, warnings
import argand
warnings.simplefilter("ignore")
generator = argand.Generator()
held, done = threading.Event(), threading.Event()

def hold():
    with generator._lock:
        held.set()
        done.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    argand.rand(3, generator=generator)
    os._exit(7)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
done.set()
print(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
def test_a_lock_of_the_parent_does_not_hold_up_its_child() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.strip() == "7", run.stderr


def test_fork_rng() -> None:
    argand.manual_seed(5)
    expected = argand.rand(4).tolist()
    argand.manual_seed(5)
    with argand.random.fork_rng():
        argand.manual_seed(9)
        argand.randn(3)
    assert argand.rand(4).tolist() == expected
    with argand.random.fork_rng(enabled=False):
        argand.manual_seed(5)
    assert argand.rand(4).tolist() == expected


def test_what_is_drawn_has_the_gradient_zero() -> None:
    rate = argand.full((3,), 4.0, requires_grad=True)
    count = argand.full((3, 1), 9.0, requires_grad=True)
    prob = argand.full((2,), 0.4, requires_grad=True)
    drawn = argand.binomial(count, prob)
    assert drawn.shape == (3, 2)
    (argand.poisson(rate).sum() + drawn.sum()).backward()
    for x in (rate, count, prob):
        assert x.grad.shape == x.shape
        assert not x.grad.any()


def test_generators_are_independent() -> None:
    one, other = argand.Generator().manual_seed(3), argand.Generator().manual_seed(3)
    argand.manual_seed(0)
    plain = argand.rand(2).tolist()
    argand.manual_seed(0)
    rates = argand.full((40,), 25.0)
    first = argand.poisson(rates, generator=one)
    assert argand.rand(2).tolist() == plain
    assert (argand.poisson(rates, generator=other) == first).all()
    copy = one.clone_state()
    drawn = argand.empty(9).cauchy_(generator=one)
    assert (argand.empty(9).cauchy_(generator=copy) == drawn).all()


def test_moments() -> None:
    argand.manual_seed(1)
    for rate in (0.3, 4.0, 60.0):
        x = argand.poisson(argand.full((4000,), rate))
        assert abs(float(x.mean()) - rate) < 6 * (rate / 4000) ** 0.5
        assert abs(float(x.var()) / rate - 1) < 0.2
    for count, p in ((9.0, 0.2), (9.0, 0.9), (400.0, 0.3), (400.0, 0.75)):
        x = argand.binomial(argand.full((4000,), count), argand.full((4000,), p))
        spread = count * p * (1 - p)
        assert abs(float(x.mean()) - count * p) < 6 * (spread / 4000) ** 0.5
        assert abs(float(x.var()) / spread - 1) < 0.2
