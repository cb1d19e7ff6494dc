"""Signal processing under PyTorch's names."""

from argand.errors import missing
from argand.signal import windows as windows


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
