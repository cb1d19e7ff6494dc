"""A line search for the strong Wolfe conditions (Nocedal and Wright, 2006, section 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

SUFFICIENT = 1e-4  # share of the slope at the start by which the loss must fall
FLATTER = 0.9  # share of it that may be left


class Point(NamedTuple):
    """A place on the line: how far, the loss, the gradient, and its part along the line."""

    t: Any
    loss: float
    gradient: Any
    slope: Any


def strong_wolfe(
    evaluate: Callable[[Any], Point],
    start: Point,
    t: Any,
    length: Any,
    limit: int,
    tolerance: float = 1e-9,
) -> tuple[Point, int]:
    """A point where the loss and the slope have fallen enough, and the number of evaluations.

    Args:
        evaluate: the point at a distance.
        start: the point at distance 0.
        t: the first distance to try.
        length: the largest element of the direction.
        limit: evaluations after the first.
        tolerance: the smallest change of an element.
    """
    ends, found, count = _bracket(evaluate, start, t, limit)
    low = 0 if ends[0].loss <= ends[-1].loss else 1
    near_the_end = False
    while not found and count < limit:
        if abs(ends[1].t - ends[0].t) * length < tolerance:
            break
        t, near_the_end = _kept_inside(_interpolated(ends[0], ends[1]), ends, near_the_end)
        new = evaluate(t)
        count += 1
        high = 1 - low
        if not _falls(start, new) or new.loss >= ends[low].loss:
            ends[high] = new
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if abs(new.slope) <= -FLATTER * start.slope:
            found = True
        elif new.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = new
    return ends[low], count + 1


def _falls(start: Point, point: Point) -> bool:
    return not point.loss > start.loss + SUFFICIENT * point.t * start.slope


def _bracket(
    evaluate: Callable[[Any], Point], start: Point, t: Any, limit: int
) -> tuple[list[Point], bool, int]:
    """Two points with such a place between them, or the place itself."""
    before, new = start, evaluate(t)
    for count in range(limit):
        if not _falls(start, new) or (count > 1 and new.loss >= before.loss):
            return [before, new], False, count
        if abs(new.slope) <= -FLATTER * start.slope:
            return [new], True, count
        if new.slope >= 0:
            return [before, new], False, count
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        t = _interpolated(before, new, bounds)
        before, new = new, evaluate(t)
    return [start, new], False, max(limit, 0)


def _interpolated(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points, with their slopes, is lowest."""
    least, most = bounds or ((a.t, b.t) if a.t <= b.t else (b.t, a.t))
    first = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = first**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    root = square**0.5
    if a.t > b.t:
        a, b = b, a
    place = b.t - (b.t - a.t) * ((b.slope + root - first) / (b.slope - a.slope + 2 * root))
    return min(max(place, least), most)


def _kept_inside(t: Any, ends: list[Point], again: bool) -> tuple[Any, bool]:
    """Keep a trial off the ends, the second time it comes near one; whether it is near one."""
    least, most = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not (again or t >= most or t <= least):
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False
