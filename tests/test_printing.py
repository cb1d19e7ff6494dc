"""Printed tensors, with expectations written out."""

import re
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from argand import printing
from argand.printing import tensor_repr


@pytest.fixture(autouse=True)
def restored_options() -> Iterator[None]:
    with printing.printoptions():
        yield


def show(values: object, dtype: str = "float32", *suffixes: str) -> str:
    is_default = dtype in ("float32", "complex64", "int64", "bool")
    return tensor_repr(np.array(values, dtype), dtype, is_default, suffixes)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (1.5, "float32", "tensor(1.5000)"),
        (3.0, "float64", "tensor(3., dtype=torch.float64)"),
        (True, "bool", "tensor(True)"),
        ([True, False], "bool", "tensor([ True, False])"),
        ([1, -20, 300], "int64", "tensor([  1, -20, 300])"),
        ([1, 2], "uint8", "tensor([1, 2], dtype=torch.uint8)"),
        ([0.0, 1.0, -2.0], "float32", "tensor([ 0.,  1., -2.])"),
        ([0.5, -0.0], "float32", "tensor([0.5000, -0.0000])"),
        ([1.0, np.nan, -np.inf], "float32", "tensor([1., nan, -inf])"),
        ([1e-5, 1.0], "float32", "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e9], "float32", "tensor([1.0000e+09])"),
        ([0.0, np.nan], "float32", "tensor([0., nan])"),
        ([1 + 2j, 0.5 - 1j], "complex64", "tensor([1.0000+2.j, 0.5000-1.j])"),
        (complex(1, -0.0), "complex64", "tensor(1.-0.j)"),
        (complex(0, np.nan), "complex128", "tensor(0.+nanj, dtype=torch.complex128)"),
        ([], "float32", "tensor([])"),
        ([], "int64", "tensor([], dtype=torch.int64)"),
        ([[], []], "float32", "tensor([], size=(2, 0))"),
        ([[], []], "bool", "tensor([], size=(2, 0), dtype=torch.bool)"),
    ],
)
def test_one_line(values: object, dtype: str, expected: str) -> None:
    assert show(values, dtype) == expected


@pytest.mark.parametrize(
    ("fixed", "scientific"),
    [([1.0, 1000.0], [1.0, 1001.0]), ([1e8], [1e8 + 8]), ([1e-4], [9.9e-5])],
)
def test_where_scientific_notation_begins(fixed: list[float], scientific: list[float]) -> None:
    """Fixed up to the bound itself: the ratio, the largest and the smallest magnitude."""
    exponent = re.compile(r"e[+-]\d\d")
    assert not exponent.search(show(fixed, "float64"))
    assert exponent.search(show(scientific, "float64"))


def test_nested_axes_are_set_apart_by_blank_lines() -> None:
    assert show(np.arange(8).reshape(2, 2, 2), "int64") == (
        "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])"
    )


def test_rows_wrap_at_the_line_width() -> None:
    printing.set_printoptions(linewidth=20)
    assert show(range(6), "int64") == "tensor([0, 1, 2, 3,\n        4, 5])"


def test_large_tensors_are_summarized() -> None:
    assert show(range(1000), "int64").count(",") == 999
    assert show(range(1001), "int64") == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    printing.set_printoptions(threshold=5, edgeitems=1)
    assert show(np.arange(9).reshape(3, 3), "int64") == (
        "tensor([[0,  ..., 2],\n        ...,\n        [6,  ..., 8]])"
    )


def test_only_the_shown_elements_are_read() -> None:
    """10**12 elements that share one number: any pass over them would not come back."""
    values = np.broadcast_to(np.float32(1.5), (10**6, 10**6))
    row = "[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]"
    lines = [row, row, row, "...", row, row, row]
    tracemalloc.start()
    text = tensor_repr(values, "float32", True, [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert text == "tensor([" + (",\n" + " " * 8).join(lines) + "])"
    assert peak < 100_000


def test_hidden_elements_do_not_widen_the_columns() -> None:
    values = np.zeros(2000)
    values[1000] = 1e6 + 0.5
    assert show(values) == "tensor([0., 0., 0.,  ..., 0., 0., 0.])"


def test_no_edge_items_prints_the_size() -> None:
    printing.set_printoptions(threshold=3, edgeitems=0)
    assert show(np.zeros((2, 2))) == "tensor([...], size=(2, 2))"
    assert show([1.0, 2.0]) == "tensor([1., 2.], size=(2,))"


def test_suffixes() -> None:
    assert show([1.0], "float32", "requires_grad=True") == "tensor([1.], requires_grad=True)"
    assert show([1.0], "float64", "grad_fn=<AddBackward0>") == (
        "tensor([1.], dtype=torch.float64, grad_fn=<AddBackward0>)"
    )
    assert show(range(15), "float32", "grad_fn=<AddBackward0>") == (
        "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
        "        14.], grad_fn=<AddBackward0>)"
    )
    assert show(range(14), "float32", "grad_fn=<AddBackward0>").endswith(
        "13.],\n       grad_fn=<AddBackward0>)"
    )


def test_widened_dtype_and_prefix() -> None:
    text = tensor_repr(np.array([0.5], np.float32), "bfloat16", False, [], prefix="Weight(")
    assert text == "Weight([0.5000], dtype=torch.bfloat16)"


def test_parameter() -> None:
    assert printing.parameter_repr(show([1.0])) == "Parameter containing:\ntensor([1.])"
    assert printing.parameter_repr("W([1.])", plain=False) == (
        "Parameter containing:\nParameter(W([1.]))"
    )


def test_profiles_and_overrides() -> None:
    printing.set_printoptions(profile="short", linewidth=70)
    assert show([1 / 3]) == "tensor([0.33])"
    expected = {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 70}
    assert printing.get_printoptions() == {**expected, "sci_mode": None}
    printing.set_printoptions(profile="full")
    assert "..." not in show(np.zeros(5000))
    printing.set_printoptions(profile="default")
    assert printing.get_printoptions() == printing.PrintOptions()._asdict()


def test_sci_mode_is_dropped_by_the_next_call() -> None:
    printing.set_printoptions(sci_mode=True)
    assert show([1.5]) == "tensor([1.5000e+00])"
    printing.set_printoptions(sci_mode=False)
    assert show([1e-9]) == "tensor([0.0000])"
    printing.set_printoptions(precision=3)
    assert show([1e-9]) == "tensor([1.000e-09])"


def test_options_come_back_after_an_error() -> None:
    before = printing.get_printoptions()
    with pytest.raises(KeyError), printing.printoptions(precision=1):
        raise KeyError
    assert printing.get_printoptions() == before
