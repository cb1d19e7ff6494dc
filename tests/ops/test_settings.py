"""Settings of elementwise operations: numbers travel with the call, and values are checked."""

from typing import Any

import pytest

import argand
from argand.autograd import gradcheck
from argand.kernels import jit
from argand.nn import functional as F

X = argand.tensor([-1.5, -0.5, 0.25, 2.0])
NUMBERS = [0.3071 + 0.01 * i for i in range(100)]

CALLS = {
    "add": lambda x, n: argand.add(x, x, alpha=n),
    "sub_": lambda x, n: x.clone().sub_(x, alpha=n),
    "addcmul": lambda x, n: argand.addcmul(x, x, x, value=n),
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "elu": F.elu,
    "celu": F.celu,
    "softshrink": F.softshrink,
    "hardtanh": lambda x, n: F.hardtanh(x, -n, n),
    "huber_loss": lambda x, n: F.huber_loss(x, x * 2, delta=n),
    "clamp": lambda x, n: x.clamp(-n, n),
    "isclose": lambda x, n: argand.isclose(x, x + 0.1, atol=n),
}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The texts of the modules that are asked for."""
    texts: set[str] = set()
    plain = jit.address

    def address(text: str, part: str = "kernel") -> int:
        texts.add(text)
        return plain(text, part)

    monkeypatch.setattr(jit, "address", address)
    return texts


@pytest.mark.parametrize("name", CALLS)
def test_new_values_compile_nothing(name: str, compiled: set[str]) -> None:
    function: Any = CALLS[name]
    function(X, NUMBERS[0])
    compiled.clear()
    for number in NUMBERS[1:]:
        function(X, number)
    assert not compiled


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("isclose",)])
def test_gradients_with_given_numbers(name: str, compiled: set[str]) -> None:
    function: Any = CALLS[name]
    x = argand.tensor([-1.5, -0.45, 0.25, 2.0], dtype=argand.float64, requires_grad=True)
    for number in (0.7, 1.3):
        assert gradcheck(lambda t, number=number: function(t, number), [x])
    count = len(compiled)
    for number in NUMBERS[:10]:
        function(x, number).sum().backward()
    assert len(compiled) - count <= 2


def test_values_are_those_of_the_setting() -> None:
    one = argand.ones(2)
    for number in (2, 2.5, -1, argand.tensor(3.0), argand.tensor(2)):
        assert argand.add(one, one, alpha=number).tolist() == [1 + float(number)] * 2
    whole = argand.tensor([1, 2])
    assert argand.add(whole, whole, alpha=3).tolist() == [4, 8]
    assert argand.addcmul(whole, whole, whole, value=2.9).tolist() == [3, 10]
    assert F.hardtanh(whole, -1.5, 1.5).tolist() == [1, 1]


def test_settings_that_are_refused() -> None:
    whole = argand.tensor([1, 2])
    with pytest.raises(RuntimeError, match="must not be a floating point number"):
        argand.add(whole, whole, alpha=2.5)
    with pytest.raises(TypeError, match="alpha"):
        argand.add(whole, whole, alpha="2")
    with pytest.raises(RuntimeError, match="lambda"):
        F.softshrink(X, -1.0)
    with pytest.raises(RuntimeError, match="unsigned"):
        F.hardtanh(whole.to(argand.uint8), -2, 2)
    with pytest.raises(ValueError, match="min_val"):
        F.hardtanh(X, 2.0, 1.0)
    with pytest.raises(RuntimeError, match="rtol"):
        argand.isclose(X, X, rtol=-1.0)


DIVISIONS = {
    "floor_divide": argand.floor_divide,
    "remainder": argand.remainder,
    "fmod": argand.fmod,
    "trunc": lambda a, b: argand.div(a, b, rounding_mode="trunc"),
    "//": lambda a, b: a // b,
    "%=": lambda a, b: a.clone().remainder_(b),
}


@pytest.mark.parametrize("name", DIVISIONS)
def test_integers_are_not_divided_by_zero(name: str) -> None:
    divide: Any = DIVISIONS[name]
    whole, zeros = argand.tensor([1, 2, 3]), argand.tensor([1, 0, 2])
    for kind in (argand.int64, argand.uint8, argand.int8):
        for divisor in (0, zeros.to(kind), argand.tensor(0, dtype=kind)):
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                divide(whole.to(kind), divisor)
        assert divide(whole.to(kind), zeros.to(kind) + 1).shape == (3,)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        divide(whole.to(argand.uint8), 256)
    assert divide(whole[:0], 0).shape == (0,)
    assert divide(whole.float(), 0).dtype is argand.float32


def test_numbers_are_not_divided_by_integers_of_zero() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        5 // argand.tensor([0])
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        5 % argand.tensor([0])
