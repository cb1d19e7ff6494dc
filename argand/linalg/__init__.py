"""Linear algebra under PyTorch's names."""

from typing import TYPE_CHECKING

from argand.errors import missing
from argand.ops.record import RECORDS

if TYPE_CHECKING:
    from argand.linalg._functions import *  # what `_export` adds


def _export() -> None:
    for record in RECORDS.values():
        if record.namespace == "linalg":
            globals()[record.name] = record.function()


_export()


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
