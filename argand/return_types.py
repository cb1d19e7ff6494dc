"""The types of results with named parts, under PyTorch's names.

>>> import argand
>>> type(argand.ones(2).max(0)) is argand.return_types.max
True
"""

from argand.errors import missing
from argand.ops.results import RESULT_TYPES

globals().update(RESULT_TYPES)


def __getattr__(name: str) -> type:
    raise missing(__name__, name)
