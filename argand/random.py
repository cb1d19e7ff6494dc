"""Seeds and states of the default generator, under the names of `torch.random`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from argand.errors import missing
from argand.ops.random import default_generator as default_generator
from argand.ops.random import get_rng_state as get_rng_state
from argand.ops.random import initial_seed as initial_seed
from argand.ops.random import manual_seed as manual_seed
from argand.ops.random import seed as seed
from argand.ops.random import set_rng_state as set_rng_state


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str = "cuda"
) -> Iterator[None]:
    """What is drawn inside does not count outside: the state from before is put back.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> with argand.random.fork_rng():
    ...     inside = argand.rand(1)
    >>> bool(argand.rand(1) == inside)
    True
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
