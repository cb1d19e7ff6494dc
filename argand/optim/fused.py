"""One native call per step: an optimizer's rule over all parameters of a group.

A rule is an ordinary function of one element's values, traced like any elementwise operation. The
parameters of a group are bundled by what must be equal for one call: type, and counters.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argand.autograd.grad_mode import no_grad
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import SCALAR, Expr, leaf
from argand.kernels.loops import input_leaf
from argand.kernels.multi import multi_kernel, tiles_of
from argand.ops.arrays import as_array
from argand.ops.create import empty_like, full_like
from argand.ops.plans import RELEASE_ABOVE, float_mask
from argand.runtime import memory, threads
from argand.tensor import Tensor

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
        self.table = array("q", bytes(8 * len(lengths) * len(columns)))
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
        self._places = (self.table.buffer_info()[0], self.tiles.ctypes.data)
        self._known: list[list[int]] = [[]] * len(columns)
        self.point(columns)

    def point(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take the addresses of these tensors, where they changed."""
        width = len(columns)
        for i, column in enumerate(columns):
            addresses = [x.ptr for x in column]
            if addresses != self._known[i]:
                self.table[i::width] = array("q", addresses)
                self._known[i] = addresses

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


def descent(
    p: Expr, g: Expr, decay: Expr, *, maximize: bool, decays: bool, decoupled: bool = False
) -> tuple[Expr, Expr]:
    """How most rules begin: the parameter and the gradient with weight decay, turned to climb."""
    g = -g if maximize else g
    if decays and decoupled:
        return p * decay, g
    return p, g + decay * p if decays else g


class Bundle:
    """Parameters that step alike, with their states and their launches.

    Args:
        params: parameters of one type.
        states: the state of each of them; what is not there yet is made.
        counters: numbers kept per parameter, equal for all of them. They are the elements of one
            vector each, so that all are changed at once.
        starts: states with an element for each of the parameter, and what these are at first.

    Attributes:
        fresh: whether the step to come is the first one with these states.
        counted: whether its steps are counted.
    """

    def __init__(
        self,
        params: Sequence[Any],
        states: Sequence[dict[str, Any]],
        counters: dict[str, float],
        starts: dict[str, float],
    ) -> None:
        if params[0].dtype.is_complex:
            raise NotImplementedError("optimizers do not step complex parameters (yet)")
        self.params = list(params)
        self.fresh = not any(s.get(name) is not None for s in states for name in starts)
        self.counted = "step" in counters
        self._scattered = not all(p.form.dense for p in params)
        self._counters = {}
        for name, value in counters.items():
            vector = Tensor([value] * len(states))
            self._counters[name] = as_array(vector)
            for i, state in enumerate(states):
                state[name] = vector[i]
        for p, state in zip(self._packed(), states):
            for name, start in starts.items():
                known = state.get(name)
                state[name] = (
                    full_like(p.detach(), start) if known is None else in_order_of(p, known)
                )
        self._columns = [[s[name] for s in states] for name in starts]
        self._launches: dict[Any, Launch] = {}

    def __getitem__(self, counter: str) -> float:
        return float(self._counters[counter][0])

    def __setitem__(self, counter: str, value: float) -> None:
        self._counters[counter].fill(value)

    def scale(self, counter: str, factor: float) -> None:
        """Multiply a counter, in the precision it is kept in."""
        self._counters[counter] *= factor

    def _packed(self) -> list[Any]:
        """The parameters; copies of those whose memory has holes."""
        if not self._scattered:
            return self.params
        return [p if p.form.dense else p.detach().contiguous() for p in self.params]

    def run(self, rule: Rule, numbers: Sequence[float], settings: dict[str, Any]) -> None:
        """Apply the rule to all of them."""
        params = self._packed()
        gradients = [in_order_of(q, p.grad) for p, q in zip(self.params, params)]
        columns = [params, gradients, *self._columns]
        key = (rule, *settings.values())
        launch = self._launches.get(key)
        if launch is None:
            launch = self._launches[key] = Launch(rule, columns, len(numbers), settings)
        else:
            launch.point(columns)
        launch(*numbers)
        self.fresh = False
        for p, q in zip(self.params, params):
            if p is q:
                p.buffer.version += 1
            else:
                with no_grad():
                    p.copy_(q)


def in_order_of(p: Any, x: Any) -> Any:
    """`x` in the type and the memory order of `p`: itself, or a copy."""
    if x.form is p.form:
        return x
    with no_grad():
        return empty_like(p.detach()).copy_(x)
