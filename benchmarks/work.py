"""What a benchmark inside of a process is made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

Call = Callable[[], object]


class Work(NamedTuple):
    """Something to time.

    Attributes:
        name: as the table shows it.
        prepare: gets the framework's module, argand or torch, and returns the call to time.
            It is asked again for every round, so a training does not go on until nothing is left.
        goal: how many times as fast as PyTorch it should be.
        group: works that follow each other and are timed in one turn of a framework have the same.
    """

    name: str
    prepare: Callable[[Any], Call]
    goal: float
    group: str = ""
