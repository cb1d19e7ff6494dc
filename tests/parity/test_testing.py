"""`testing.assert_close` in Argand and in PyTorch: the same verdicts, in the same words."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import torch

nan = float("nan")


def pairs(f: ModuleType) -> list[tuple[Any, Any, dict[str, Any]]]:
    one = f.ones(2, 2)
    return [
        (one, one + f.tensor([[0, 1], [0, 2.0]]), {}),
        (one, one + 1e-7, {}),
        (f.ones(2), f.ones(3), {}),
        (f.ones(2), f.ones(2).double(), {}),
        (f.ones(2), f.ones(2).double(), {"check_dtype": False}),
        (f.ones(2).long(), f.ones(2).long() + 1, {}),
        (f.tensor([True]), f.tensor([False]), {}),
        (f.ones(2).half(), f.ones(2).half() * 1.01, {}),
        (f.ones(2).bfloat16(), f.ones(2).bfloat16() * 1.1, {}),
        (1.0, 1.1, {}),
        (1, 2, {}),
        (True, False, {}),
        (1.0, 1, {}),
        (1.0 + 1j, 1.0 + 2j, {}),
        ([1, f.ones(1)], [1, f.zeros(1)], {}),
        ({"a": f.ones(1)}, {"b": f.ones(1)}, {}),
        ({"a": [f.ones(1)]}, {"a": [f.zeros(1)]}, {}),
        ([1], [1, 2], {}),
        ("a", "b", {}),
        (1, f.ones(1), {}),
        (f.ones(1), 1.0, {}),
        (f.tensor(nan), f.tensor(nan), {}),
        (f.tensor(nan), f.tensor(nan), {"equal_nan": True}),
        (f.tensor([nan]), f.tensor([1.0]), {}),
        (f.ones(1), f.ones(1), {"rtol": 1e-3}),
        (f.ones(3), f.ones(3) * 1.00001, {"rtol": 0, "atol": 0, "msg": "own words"}),
        (f.ones(3), f.ones(3) * 2, {"msg": lambda text: "more: " + text}),
        (f.ones(3), f.ones(3) * 2, {"rtol": 0.1, "atol": 0.2}),
        (None, None, {}),
        (np.ones(2), np.ones(2), {}),
        (np.ones(2), f.ones(2), {}),
        (f.ones(3, 2).t(), f.ones(2, 3), {"check_stride": True}),
        (f.ones(()), f.zeros(()), {}),
        (f.ones(0), f.ones(0), {}),
    ]


def verdict(f: ModuleType, case: tuple[Any, Any, dict[str, Any]]) -> Any:
    actual, expected, options = case
    try:
        f.testing.assert_close(actual, expected, **options)
    except Exception as error:  # noqa: BLE001  (it is the verdict)
        text = str(error).replace("argand.tensor.Tensor", "torch.Tensor")
        return type(error).__name__, text
    return None


@pytest.mark.parametrize("number", range(len(pairs(torch))))
def test_verdicts(number: int) -> None:
    assert verdict(argand, pairs(argand)[number]) == verdict(torch, pairs(torch)[number])


def test_make_tensor() -> None:
    for name in ("float32", "int64", "bool", "uint8", "float64"):
        for options in ({}, {"low": 1, "high": 2}, {"noncontiguous": True}, {"exclude_zero": True}):
            made = []
            for f in (argand, torch):
                f.manual_seed(0)
                kind = getattr(f, name)
                made.append(f.testing.make_tensor(3, 4, dtype=kind, device="cpu", **options))
            own, theirs = made
            assert own.shape == theirs.shape
            assert str(own.dtype) == str(theirs.dtype)
            assert own.is_contiguous() == theirs.is_contiguous()
            low = options.get("low", {"bool": 0, "uint8": 0}.get(name, -9))
            assert low <= own.double().min().item() <= own.double().max().item() <= 10
            if options.get("exclude_zero"):
                assert (own != 0).all()
