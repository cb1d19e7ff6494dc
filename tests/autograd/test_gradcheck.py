"""`gradcheck` finds wrong gradients, and says so."""

from typing import Any

import pytest

import argand
from argand.autograd import Function, GradcheckError, gradcheck, gradgradcheck


def leaf(*shape: int) -> Any:
    made = argand.arange(1.0, 1.0 + argand.ones(shape).numel(), dtype=argand.float64)
    return (made / 3).reshape(shape).requires_grad_()


class Wrong(Function):
    """Twice the input, with a gradient that depends on what is wrong."""

    fault = ""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        if Wrong.fault == "factor":
            return g * 3
        if Wrong.fault == "seed":
            return g * 0 + 2
        if Wrong.fault == "noise":
            Wrong.noise += 1e-3
            return g * 2 + g * Wrong.noise * 1e-3
        if Wrong.fault == "graph":
            return g.detach() * 2
        return g * 2

    noise = 0.0


@pytest.fixture(autouse=True)
def _nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wrong, "fault", "")
    monkeypatch.setattr(Wrong, "noise", 0.0)


def test_right_gradients() -> None:
    x, y = leaf(2, 3), leaf(3)
    assert gradcheck(lambda a, b: (a * b, (a @ b).sin()), (x, y))
    assert gradgradcheck(lambda a, b: (a * b, (a @ b).sin()), (x, y))
    assert gradcheck(lambda a: a.exp().sum(), leaf(2))
    assert gradcheck(lambda a: a * 2, leaf())
    assert gradcheck(argand.sin, leaf(0, 3))
    assert gradcheck(Wrong.apply, x)


def test_inputs_are_as_before() -> None:
    x = leaf(2, 3)
    before = x.tolist()
    gradcheck(argand.exp, x)
    assert x.tolist() == before
    assert x.grad is None
    assert x._version == 0


def test_constants_and_other_values_among_the_inputs() -> None:
    c = argand.ones(3, dtype=argand.float64)
    assert gradcheck(lambda a, b, power: a**power * b, (leaf(3), c, 2))
    assert gradgradcheck(lambda a, b, power: a**power * b, (leaf(3), c, 2))


def test_outputs_without_gradients_are_left_out() -> None:
    assert gradcheck(lambda a: (a * 2, a.argmax(), a.detach()), leaf(3))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("factor", "Jacobian mismatch for output 0 with respect to input 0"),
        ("seed", "Jacobian mismatch|not multiplied"),
        ("noise", "not reentrant"),
    ],
)
def test_wrong_gradients(monkeypatch: pytest.MonkeyPatch, fault: str, text: str) -> None:
    monkeypatch.setattr(Wrong, "fault", fault)
    with pytest.raises(GradcheckError, match=text):
        gradcheck(Wrong.apply, leaf(3))
    assert not gradcheck(Wrong.apply, leaf(3), raise_exception=False)
    assert issubclass(GradcheckError, RuntimeError)


def test_noise_may_be_tolerated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wrong, "fault", "noise")
    assert gradcheck(Wrong.apply, leaf(3), nondet_tol=1e-3)


def test_tolerances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wrong, "fault", "factor")
    assert gradcheck(Wrong.apply, leaf(3), atol=2.0)
    assert gradcheck(Wrong.apply, leaf(3), rtol=0.6)
    assert not gradcheck(Wrong.apply, leaf(3), rtol=0.4, raise_exception=False)


def test_gradients_that_cannot_be_differentiated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wrong, "fault", "graph")
    assert gradcheck(Wrong.apply, leaf(3))
    with pytest.raises((GradcheckError, RuntimeError)):
        gradgradcheck(Wrong.apply, leaf(3))


def test_a_missing_dependence_is_found() -> None:
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda a: a.detach() * 2, leaf(3))
    assert gradcheck(lambda a: argand.ones(2, dtype=argand.float64), leaf(3))


def test_missing_gradients_of_outputs() -> None:
    class Careless(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            return a * 2 + b * 3

    with pytest.raises((GradcheckError, TypeError)):
        gradcheck(Careless.apply, leaf(2))


def test_what_is_asked_of_inputs() -> None:
    with pytest.raises(ValueError, match="at least one input tensor"):
        gradcheck(argand.sin, argand.ones(2, dtype=argand.float64))
    with pytest.warns(UserWarning, match="double precision"):
        gradcheck(argand.neg, argand.ones(2, requires_grad=True), eps=1e-2, atol=1e-2)
    wide = argand.ones(1, dtype=argand.float64).expand(3).requires_grad_()
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(argand.sin, wide)


def test_gradients_of_gradients_with_given_seeds() -> None:
    x = leaf(3)
    seed = argand.ones(3, dtype=argand.float64, requires_grad=True)
    assert gradgradcheck(argand.exp, x, seed)
    assert gradgradcheck(argand.exp, x, gen_non_contig_grad_outputs=True)


def test_strided_inputs() -> None:
    x = argand.arange(12.0, dtype=argand.float64).reshape(3, 4).t()[::2].detach().requires_grad_()
    assert not x.is_contiguous()
    assert gradcheck(lambda a: (a * a).sum(0), x)


def test_forward_mode_is_compared_too() -> None:
    x = argand.tensor([0.5, -1.0], dtype=argand.float64, requires_grad=True)
    y = argand.tensor([2.0, 0.1], dtype=argand.float64, requires_grad=True)

    def both(x: Any, y: Any) -> Any:
        return x.sin() * y, (x * y).sum()

    options = {"check_batched_grad": True, "fast_mode": True}
    assert gradcheck(both, (x, y), check_forward_ad=True, **options)
    assert gradgradcheck(both, (x, y), check_fwd_over_rev=True, **options)

    class Wrong(argand.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3

    alone = {"check_backward_ad": False, "raise_exception": False}
    assert gradcheck(Wrong.apply, x, **alone)
    assert not gradcheck(Wrong.apply, x, check_forward_ad=True, **alone)
