"""What the comparisons of `nn` with PyTorch share: scenarios, and how what they note is compared.

A scenario takes the framework and returns plain values: numbers, strings, lists, and the names of
exceptions.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import argand

torch = pytest.importorskip("torch")

Scenario = Callable[[ModuleType], Any]


def attempt(function: Callable[[], Any]) -> Any:
    """What a call returns, or the type of the exception it raises."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001  (its type is the result)
        return type(error).__name__


def values(tensor: Any) -> Any:
    """A tensor, or a tuple with tensors in it, as plain values."""
    if isinstance(tensor, (tuple, list)):
        return [values(item) for item in tensor]
    if not hasattr(tensor, "tolist"):
        return tensor
    return [str(tensor.dtype), tensor.requires_grad, tensor.tolist()]


def assert_equal(own: Any, expected: Any, where: str = "") -> None:
    """Equal, floats up to the rounding of float32."""
    assert type(own) is type(expected), (where, own, expected)
    if isinstance(expected, (list, tuple)):
        assert len(own) == len(expected), (where, own, expected)
        for place, (one, other) in enumerate(zip(own, expected)):
            assert_equal(one, other, f"{where}[{place}]")
    elif isinstance(expected, float):
        assert own == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True), where
    else:
        assert own == expected, where


def compare(scenario: Scenario) -> None:
    assert_equal(scenario(argand), scenario(torch))


def print_nothing(*args: Any) -> None:
    """A hook that can be pickled."""


def registries(module: Any) -> list[list[str]]:
    return [list(module._parameters), list(module._buffers), list(module._modules)]
