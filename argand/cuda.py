"""What programs ask about GPUs, answered as PyTorch's CPU build answers it: there are none.

>>> import argand
>>> "cuda" if argand.cuda.is_available() else "cpu"
'cpu'
"""

from __future__ import annotations

from typing import Any

from argand.errors import missing


def is_available() -> bool:
    """Whether a GPU can be used: no.

    >>> is_available()
    False
    """
    return False


def is_initialized() -> bool:
    """Whether a GPU is in use: no."""
    return False


def device_count() -> int:
    """The number of GPUs: 0.

    >>> device_count()
    0
    """
    return 0


def manual_seed(seed: int) -> None:
    """Seed the GPU's generator: there is none to seed."""


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs: there are none to seed."""


def empty_cache() -> None:
    """Give the GPU's unused memory back: there is none."""


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("Torch not compiled with CUDA enabled")


synchronize = current_device = set_device = get_device_name = _refuse
get_device_properties = get_device_capability = current_stream = get_rng_state = init = _refuse


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU has bfloat16: there is none."""
    return False


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def get_arch_list() -> list[str]:
    """The GPU architectures that code is there for: none."""
    return []


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
