"""One native call per step: an optimizer's rule over all parameters of a group.

A rule is an ordinary function of one element's values, traced like any elementwise operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import SCALAR, leaf
from argand.kernels.loops import input_leaf
from argand.kernels.multi import multi_kernel, tiles_of
from argand.ops.plans import RELEASE_ABOVE, float_mask
from argand.runtime import memory, threads

Rule = Callable[..., tuple[Any, ...]]
NANOSECONDS_PER_ELEMENT = 1.0


class Launch:
    """A rule bound to lists of tensors; their addresses may change from call to call.

    Args:
        rule: ``rule(parameter, gradient, *states, *numbers) -> (parameter, *states)``.
        columns: for each operand of the rule (parameter, gradient, states...) its tensors.
        numbers: how many numbers each call gives.
        settings: further arguments of the rule that shape the kernel.
    """

    def __init__(
        self,
        rule: Rule,
        columns: Sequence[Sequence[Any]],
        numbers: int,
        settings: dict[str, Any],
    ) -> None:
        kinds = tuple(column[0].dtype for column in columns)
        work = compute_dtype(kinds[0])
        text = _kernel_text(rule, kinds, numbers, tuple(sorted(settings.items())))
        lengths = [x.numel() for x in columns[0]]
        self.tiles = np.array(tiles_of(lengths), dtype=np.int64)
        self.table = np.zeros((len(lengths), len(columns)), dtype=np.int64)
        units = len(self.tiles) // 3
        nanoseconds = sum(lengths) * NANOSECONDS_PER_ELEMENT * len(columns) / 6
        plan = memory.make_plan(
            jit.address(text),
            [],
            2 + numbers,
            units=units,
            chunks=threads.chunks_for(nanoseconds, units),
            floats=float_mask((work,) * numbers, 2),
            release_gil=nanoseconds > RELEASE_ABOVE,
        )
        self._run = plan.run
        self._places = (self.table.ctypes.data, self.tiles.ctypes.data)
        self._known: list[list[int]] = []
        self.point(columns)

    def point(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take the addresses of these tensors, where they changed."""
        addresses = [[x.ptr for x in column] for column in columns]
        if addresses != self._known:
            for i, column in enumerate(addresses):
                self.table[:, i] = column
            self._known = addresses

    def __call__(self, *numbers: float) -> None:
        """Apply the rule."""
        self._run(*self._places, *numbers)


_texts: dict[tuple[Any, ...], str] = {}


def _kernel_text(
    rule: Rule, kinds: tuple[dtype, ...], numbers: int, settings: tuple[Any, ...]
) -> str:
    key = (rule, kinds, numbers, settings)
    text = _texts.get(key)
    if text is None:
        work = compute_dtype(kinds[0])
        operands = [input_leaf(i, kind).to(work) for i, kind in enumerate(kinds)]
        scalars = [leaf(SCALAR, i, work) for i in range(numbers)]
        results = rule(*operands, *scalars, **dict(settings))
        written = (0, *range(2, 1 + len(results)))
        text = multi_kernel(tuple(results), kinds, (work,) * numbers, written)
        _texts[key] = text
    return text
