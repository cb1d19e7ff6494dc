"""Rows of the tables, and how they are printed."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_UNITS = {"s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")), "B": ((2**20, "MiB"),)}
_WIDTHS = "{:<44} {:>11} {:>11} {:>8} {:>8}  {}"


class Row(NamedTuple):
    """One comparison; smaller is better in both figures."""

    work: str
    torch: float
    argand: float
    unit: str  # "s" or "B", bytes
    goal: float  # what `ratio` should be at least

    @property
    def ratio(self) -> float:
        return self.torch / self.argand

    @property
    def is_met(self) -> bool:
        return self.ratio >= self.goal


def median_row(work: str, figures: Mapping[str, Sequence[float]], unit: str, goal: float) -> Row:
    """The row of the medians of what was measured for each framework."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    return Row(work, medians["torch"], medians["argand"], unit, goal)


class Failure(NamedTuple):
    """A work that one of the frameworks could not do."""

    work: str
    reason: str


def summary(rows: Sequence[Row]) -> str:
    """The geometric mean of the ratios, and the lowest one.

    >>> summary([Row("a", 4.0, 1.0, "s", 1.0), Row("b", 1.0, 1.0, "s", 1.0)])
    'geometric mean 2.00x, lowest 1.00x (b)'
    """
    mean = statistics.geometric_mean([row.ratio for row in rows])
    lowest = min(rows, key=lambda row: row.ratio)
    return f"geometric mean {mean:.2f}x, lowest {lowest.ratio:.2f}x ({lowest.work})"


def quantity(value: float, unit: str) -> str:
    """`value` with the unit that suits it.

    >>> quantity(0.00205, "s"), quantity(3.5 * 2**20, "B")
    ('2.05 ms', '3.5 MiB')
    """
    scales = _UNITS[unit]
    scale, name = next((s for s in scales if value >= s[0]), scales[-1])
    scaled = value / scale
    digits = 1 if unit == "B" or scaled >= 100 else 2
    return f"{scaled:.{digits}f} {name}"


def header(title: str) -> str:
    columns = _WIDTHS.format("", "PyTorch", "Argand", "ratio", "goal", "met")
    return f"\n{title}\n{columns}"


def line(row: Row | Failure) -> str:
    if isinstance(row, Failure):
        return f"{row.work:<44} failed: {row.reason}"
    return _WIDTHS.format(
        row.work,
        quantity(row.torch, row.unit),
        quantity(row.argand, row.unit),
        f"{row.ratio:.2f}x",
        f"{row.goal:.2f}x",
        "yes" if row.is_met else "NO",
    )
