"""Loops within an expression: series, recurrences and continued fractions of unknown length.

`iterate` makes a node that is lowered to a loop whose values travel in registers. The lanes of a
vector go on until each of them is done; one that is done keeps what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from argand import dtypes
from argand.kernels.expr import (
    CONST,
    ITERATE,
    LEFT,
    PART,
    RIGHT,
    Expr,
    evaluate,
    leaf,
    make,
    substitute,
    topological,
)

if TYPE_CHECKING:
    from argand.kernels.emit import Lowering


class Loop:
    """What a loop does: roots over LEFT leaves (its state) and RIGHT leaves (what stays the same).

    The first root says whether a lane goes on with the new state, which are the other roots.
    """

    def __init__(self, limit: int, roots: Sequence[Expr], size: int) -> None:
        self.limit = limit
        self.roots = tuple(roots)
        self.size = size  # values of the state

    def __repr__(self) -> str:  # by which nodes are interned; expressions live forever
        return f"Loop({self.limit}, {[id(r) for r in self.roots]})"

    def lower(self, low: Lowering, arguments: Sequence[str]) -> list[str]:
        """Write the loop; the names of the final state."""
        w = low.w
        kinds = [root.dtype for root in self.roots[1:]]
        fixed = {leaf(RIGHT, k, kind): name for k, (kind, name)
                 in enumerate(zip(self.fixed, arguments[self.size :]))}  # fmt: skip
        lanes, bits = f"<{low.width} x i1>", f"i{low.width}"
        carried = [(low.vector(k), name) for k, name in zip(kinds, arguments)]
        carried.append((lanes, "splat (i1 true)"))
        loop = w.begin_loop("0", str(self.limit), "1", carried)
        *state, active = loop.values
        some = w.let(f"icmp ne {bits} {w.let(f'bitcast {lanes} {active} to {bits}')}, 0")
        body = w.fresh("body")
        w.branch(some, body, loop.exit)
        w.label(body)
        known = {leaf(LEFT, k, kind): name for k, (kind, name) in enumerate(zip(kinds, state))}
        going, *found = low.values(self.roots, known | fixed)
        active = w.let(f"and {lanes} {active}, {going}")
        following = [
            w.let(f"select {lanes} {active}, {low.vector(k)} {new}, {low.vector(k)} {old}")
            for k, new, old in zip(kinds, found, state)
        ]
        w.end_loop(loop, [*following, active])
        return state

    @property
    def fixed(self) -> list[dtypes.dtype]:
        """The types of what stays the same, by number."""
        found = {n.value: n.dtype for n in topological(self.roots) if n.op == RIGHT}
        return [found[k] for k in sorted(found)]

    def run(self, arguments: Sequence[Any]) -> list[Any]:
        """The final state, by NumPy."""
        kinds = [root.dtype for root in self.roots[1:]]
        shape = np.broadcast_shapes(*(np.shape(a) for a in arguments))
        state = [np.broadcast_to(a, shape) for a in arguments[: self.size]]
        fixed = {leaf(RIGHT, k, kind): value for k, (kind, value)
                 in enumerate(zip(self.fixed, arguments[self.size :]))}  # fmt: skip
        active = np.ones(shape, bool)
        for _ in range(self.limit):
            known = {leaf(LEFT, k, kind): x for k, (kind, x) in enumerate(zip(kinds, state))}
            going, *found = evaluate(self.roots, known | fixed)
            active = active & going
            state = [np.where(active, new, old) for new, old in zip(found, state)]
            if not active.any():
                break
        return state


def iterate(
    limit: int,
    step: Callable[..., tuple[Expr, ...]],
    *start: Expr,
) -> tuple[Expr, ...]:
    """The state after at most `limit` steps from `start`.

    ``step(*state)`` returns whether to go on and the new state. When an element does not go on, it
    keeps the state from before this step. A loop has no derivative: the primitive that it computes
    has one.
    """
    symbols = [leaf(LEFT, k, x.dtype) for k, x in enumerate(start)]
    going, *following = step(*symbols)
    roots = [going.to(dtypes.bool_), *(x.to(s.dtype) for x, s in zip(following, start))]
    outer = _outer(roots, symbols)
    places = {x: leaf(RIGHT, k, x.dtype) for k, x in enumerate(outer)}
    loop = Loop(limit, substitute(roots, places), len(start))
    whole = make(ITERATE, (*start, *outer), start[0].dtype, loop)
    return tuple(make(PART, (whole,), x.dtype, k) for k, x in enumerate(start))


def _outer(roots: Sequence[Expr], symbols: Sequence[Expr]) -> list[Expr]:
    """The largest parts of `roots` that do not depend on the state, but for constants."""
    order = topological(roots)
    inside = {id(s) for s in symbols}
    for node in order:
        if any(id(a) in inside for a in node.args):
            inside.add(id(node))
    edges = [*roots, *(a for node in order if id(node) in inside for a in node.args)]
    found = {id(x): x for x in edges if id(x) not in inside and x.op != CONST}
    return list(found.values())
