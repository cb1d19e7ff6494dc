"""Samples: calls of an operation that show what it does, for tests.

A record's `samples` is a function of a `Draw`, which makes arguments: the tests decide which type
their elements have, how they lie in memory, and whose tensors they are (Argand's, PyTorch's, or
NumPy arrays). It returns calls, made by `call`::

    @operation(samples=lambda draw: [call(draw(3, 4), 0), call(draw(3, 4), dim=-1)])
    def unsqueeze(input, dim): ...

A record's `reference` takes the same arguments with arrays in place of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Call(NamedTuple):
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args: Any, **kwargs: Any) -> Call:
    """A call with these arguments."""
    return Call(args, kwargs)


class Draw(Protocol):
    """Makes arguments."""

    kind: Any  # the dtype under test
    floating: bool  # whether it is a floating or complex type
    complex: bool

    def __call__(
        self, *shape: int, low: float = -2.0, high: float = 2.0, nonzero: bool = False
    ) -> Any:
        """A tensor of the type under test, with values between `low` and `high`.

        With `nonzero`, values keep a distance from 0. Integers are whole numbers within the range,
        unsigned ones from 0 on; bool takes no notice of it.
        """

    def number(self, low: float = -2.0, high: float = 2.0, nonzero: bool = False) -> Any:
        """A Python number of the category of the type under test."""

    def index(self, *shape: int, below: int) -> Any:
        """An int64 tensor with values from 0 to ``below - 1``."""

    def permutation(self, count: int) -> Any:
        """An int64 vector with each of ``0 ... count - 1`` once."""

    def mask(self, *shape: int) -> Any:
        """A bool tensor."""

    def array(self, *shape: int) -> Any:
        """A NumPy array of the type under test."""

    def dtype(self, name: str) -> Any:
        """The dtype of that name."""


Samples = Callable[[Draw], Iterable[Call]]


class Range(NamedTuple):
    """Where the elements of an operand may lie."""

    low: float = -2.0
    high: float = 2.0
    nonzero: bool = False


ANY = Range()
POSITIVE = Range(0.1, 3.0)
NONZERO = Range(nonzero=True)


def operands(
    *ranges: Range,
    numbers: Sequence[int] | None = None,
    settings: Iterable[Mapping[str, Any]] = (),
) -> Samples:
    """Samples for an elementwise operation: one range per operand.

    Operands of one shape, broadcast, 0-dimensional, empty, and Python numbers for the operands
    listed in `numbers` (all but the first, if left out); then one call with each of `settings`.
    """
    may_be_numbers = range(1, len(ranges)) if numbers is None else numbers

    def samples(draw: Draw) -> Iterable[Call]:
        def drawn(*shapes: tuple[int, ...]) -> list[Any]:
            count = len(ranges)
            return [draw(*shapes[i % len(shapes)], **ranges[i]._asdict()) for i in range(count)]

        yield call(*drawn((3, 4)))
        yield call(*drawn(()))
        yield call(*drawn((0, 3)))
        yield call(*drawn((1, 2, 3), (1, 1, 1)))
        if len(ranges) > 1:
            yield call(*drawn((3, 1), (4,)))
            yield call(*drawn((5,), ()))
        if may_be_numbers:
            mixed = drawn((2, 3))
            for i in may_be_numbers:
                mixed[i] = draw.number(**ranges[i]._asdict())
            yield call(*mixed)
        for setting in settings:
            yield call(*drawn((3, 4)), **setting)

    return samples
