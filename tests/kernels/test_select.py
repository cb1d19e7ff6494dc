"""The smallest numbers of rows, between guards."""

import numpy as np
import pytest

from argand import dtypes
from argand.kernels import jit
from argand.kernels.select import selection
from tests.kernels.harness import _CALL, Guarded, assert_same


@pytest.mark.parametrize("length", [1, 7, 8, 9, 64, 131])
@pytest.mark.parametrize("count", [1, 2, 5, 32])
def test_the_smallest_of_each_row(length: int, count: int, machine: str) -> None:
    if count > length:
        pytest.skip("there are not so many")
    rng = np.random.default_rng(length)
    rows = rng.integers(-(2**62), 2**62, (5, length))
    rows[2] = np.sort(rows[2])[::-1]  # every one is smaller than those before
    rows[3] = rows[3, 0]
    lists = Guarded(dtypes.int64, (5, count))
    words = np.array([rows.ctypes.data, lists.array.ctypes.data], np.int64)
    sizes = np.array([length, count], np.int64)
    _CALL(jit.address(selection()))(words.ctypes.data, sizes.ctypes.data, 0, 5)
    lists.check()
    assert_same(lists.array, np.sort(rows, 1)[:, :count])
