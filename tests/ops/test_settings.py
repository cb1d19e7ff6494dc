"""Settings of elementwise operations: numbers travel with the call, and values are checked."""

from collections.abc import Callable
from typing import Any

import pytest

import argand
from argand.autograd import gradcheck
from argand.kernels import jit
from argand.nn import functional as F
from argand.ops.map import Elementwise
from tests.ops.drawing import PUBLIC, Drawing, calls

X = argand.tensor([-1.5, -0.5, 0.25, 2.0])
NUMBERS = [0.3071 + 0.005 * i for i in range(100)]



def numbers_of_records() -> list[tuple[str, str]]:
    """Every setting that travels with the call: the record, and the parameter."""
    return [
        (key, record.parameters[record.arity + i])
        for key, record in PUBLIC.items()
        if isinstance(record, Elementwise)
        for i in record._moving
    ]


SETTINGS = numbers_of_records()


def prepared(key: str, name: str) -> tuple[Callable[..., Any], list[Any]]:
    """The operation as a function of a number and tensors, and such tensors."""
    record: Any = PUBLIC[key]
    call = calls(record, Drawing("float64"))[0]
    operands = list(call.args[: record.arity])
    return lambda number, *tensors: record(*tensors, **{name: number}), operands


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


@pytest.mark.parametrize(("key", "name"), SETTINGS)
def test_new_values_compile_nothing(key: str, name: str, compiled: set[str]) -> None:
    function, operands = prepared(key, name)
    function(NUMBERS[0], *operands)
    compiled.clear()
    for number in NUMBERS[1:]:
        function(number, *operands)
    assert not compiled


@pytest.mark.parametrize(("key", "name"), SETTINGS)
def test_gradients_with_given_numbers(key: str, name: str, compiled: set[str]) -> None:
    function, operands = prepared(key, name)
    wanted = [x for x in operands if getattr(x, "requires_grad", False)]
    if not wanted or not function(NUMBERS[0], *operands).requires_grad:
        pytest.skip("has no gradient")
    for number in (0.3, 0.4):
        assert gradcheck(lambda *given, number=number: function(number, *given), operands)
    count = len(compiled)
    for number in NUMBERS[:10]:
        function(number, *operands).sum().backward()
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
