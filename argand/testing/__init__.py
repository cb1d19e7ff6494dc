"""Comparisons for tests, under PyTorch's names."""

from argand.errors import missing
from argand.testing.closeness import assert_close as assert_close
from argand.testing.making import make_tensor as make_tensor


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
