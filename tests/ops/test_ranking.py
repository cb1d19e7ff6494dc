"""Orders by rank: equal elements keep theirs, whatever the type and the layout."""

import numpy as np
import pytest

import argand
from argand.ops.sorting import order_of

KINDS = ("float32", "float16", "bfloat16", "int32", "int16", "int8", "uint8", "bool")


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_orders(kind: str, dim: int, descending: bool) -> None:
    values = np.random.default_rng(0).integers(0, 9, (12, 37)).astype("f4")
    x = argand.tensor(values).to(getattr(argand, kind))
    exact = x.float().numpy()
    wanted = order_of(exact, dim, descending)
    for laid in (x, x.t().contiguous().t()):
        found = laid.sort(dim, descending)
        np.testing.assert_array_equal(found.indices.numpy(), wanted)
        np.testing.assert_array_equal(
            found.values.float().numpy(), np.take_along_axis(exact, wanted, dim)
        )
        if kind != "bool":
            first = laid.topk(5, dim, descending)
            np.testing.assert_array_equal(first.indices.numpy(), wanted.take(range(5), dim))


def test_nan_is_greatest_and_zeros_are_equal() -> None:
    nan, inf = float("nan"), float("inf")
    x = argand.tensor([nan, 0.0, -0.0, -inf, inf, -nan, 1e-45, -1e-45])
    assert x.sort().indices.tolist() == [3, 7, 1, 2, 6, 4, 0, 5]
    assert x.sort(descending=True).indices.tolist() == [0, 5, 4, 6, 1, 2, 7, 3]
    assert x.topk(3).indices.tolist() == [0, 5, 4]
    assert str(x.sort().values[2:4]) == "tensor([0., -0.])"
