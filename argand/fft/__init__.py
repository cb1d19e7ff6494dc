"""Discrete Fourier transforms under PyTorch's names."""

from typing import TYPE_CHECKING

from argand.errors import missing
from argand.ops.record import functions_in

if TYPE_CHECKING:
    from argand.fft._functions import *  # what `_export` adds


def _export() -> None:
    for name, record in functions_in("fft").items():
        globals()[name] = record.function()


_export()


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
