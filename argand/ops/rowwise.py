"""Operations along one dimension that keep it: the machinery behind ``@row``.

The body is traced like that of an elementwise operation, but may reduce over the row (`row_sum`,
`row_max`). Some operands have one element per row. The gradient is another row operation, derived
from the trace or written as one more expression.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from argand.autograd.grad_mode import mode
from argand.autograd.node import Node, Port
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import (
    INPUT,
    Expr,
    differentiate,
    leaf,
    leaves,
    row_sum,
    substitute,
    varies,
)
from argand.kernels.loops import BROADCAST, CONTIGUOUS, Operand, cost_of, input_leaf, lanes_for
from argand.kernels.rows import row_kernel
from argand.ops.dims import normalize_dim
from argand.ops.plans import BYTES_PER_NS, RELEASE_ABOVE, access_of
from argand.ops.record import Record, camel
from argand.runtime import memory, threads
from argand.runtime.layout import Iteration, Layout, dense, iteration, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make


class RowTrace(NamedTuple):
    """What is computed for a row; ``per_row`` flags tell which operands have one element a row."""

    roots: tuple[Expr, ...]
    kinds: tuple[dtype, ...]
    inputs_per_row: tuple[bool, ...]
    outputs_per_row: tuple[bool, ...]


class RowPlan:
    """A prepared kind of call."""

    __slots__ = ("new", "run", "layouts", "single", "trace", "gradients")

    def __init__(
        self, kernel: memory.Plan | None, layouts: Sequence[Layout], trace: RowTrace
    ) -> None:
        self.new: Callable[..., Any] = lambda *addresses: allocate(0)
        self.run: Callable[..., None] = lambda *addresses: None
        if kernel is not None:
            self.new, self.run = kernel.new, kernel.run
        self.layouts = tuple(layouts)
        self.single = len(self.layouts) == 1
        self.trace = trace
        self.gradients: dict[int, _RowGradient | None] = {}


class _RowGradient(NamedTuple):
    derived: RowOperation
    wanted: tuple[int, ...]
    saves: tuple[int, ...]
    saves_outputs: tuple[int, ...]
    cotangents: tuple[int, ...]


class RowOperation(Record):
    """An operation on rows along a dimension.

    The body gets one symbol per operand; `per_row` says which operands have one element per row,
    `outputs_per_row` the same of the results.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        per_row: Sequence[bool] = (),
        outputs_per_row: Sequence[bool] = (False,),
        **facts: Any,
    ) -> None:
        super().__init__(body, **facts)
        self.per_row = tuple(per_row) or (False,) * len(self.parameters)
        self.outputs_per_row = tuple(outputs_per_row)
        self._vjp: Callable[..., Any] | None = None

    def vjp(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: ``vjp(cotangents, outputs, *operands)`` gives the operands' cotangents."""
        self._vjp = function
        return function

    def apply(self, operands: tuple[TensorBase, ...], dim: int) -> Any:
        """Compute along `dim` of the first operand, and record."""
        plan, outputs = self.compute(operands, dim)
        for x in operands:
            if x.node is not None:
                if mode.enabled:
                    self._attach(plan, operands, outputs, dim)
                break
        return outputs[0] if plan.single else outputs

    def compute(
        self, operands: tuple[TensorBase, ...], dim: int
    ) -> tuple[RowPlan, tuple[Any, ...]]:
        """The plan and the outputs, outside of any graph."""
        one = len(operands) == 1
        key = (dim, operands[0].form) if one else (dim, *[x.form for x in operands])
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = self.prepare([x.form for x in operands], dim)
        if plan.single:
            buffer = plan.new(operands[0].ptr) if one else plan.new(*[x.ptr for x in operands])
            return plan, (make(buffer, plan.layouts[0]),)
        buffers = [allocate(layout.nbytes) for layout in plan.layouts]
        plan.run(*[x.ptr for x in operands], *[b.ptr for b in buffers])
        return plan, tuple([make(b, layout) for b, layout in zip(buffers, plan.layouts)])

    # ---- planning -------------------------------------------------------------------------

    def prepare(self, layouts: Sequence[Layout], dim: int) -> RowPlan:
        """The plan for operands with these layouts."""
        first = next(x for x, per_row in zip(layouts, self.per_row) if not per_row)
        axis = normalize_dim(dim, first.ndim)
        trace = self.trace(layouts)
        outputs = [
            dense(kind, _without(first.shape, axis) if per_row else first.shape)
            for kind, per_row in zip(trace.kinds, trace.outputs_per_row)
        ]
        kernel = row_plan(trace, layouts, outputs, first.shape, axis)
        return RowPlan(kernel, outputs, trace)

    def trace(self, layouts: Sequence[Layout]) -> RowTrace:
        symbols = [input_leaf(i, x.dtype) for i, x in enumerate(layouts)]
        roots = self.body(*symbols)
        roots = roots if isinstance(roots, tuple) else (roots,)
        source = layouts[0].dtype
        kinds = tuple(source if r.dtype is compute_dtype(source) else r.dtype for r in roots)
        return RowTrace(roots, kinds, self.per_row, self.outputs_per_row)

    # ---- gradients ------------------------------------------------------------------------

    def _attach(
        self, plan: RowPlan, operands: Sequence[TensorBase], outputs: Sequence[Any], dim: int
    ) -> None:
        mask = sum(1 << i for i, x in enumerate(operands) if x.node is not None)
        if mask not in plan.gradients:
            plan.gradients[mask] = self._gradient(plan, operands, mask)
        gradient = plan.gradients[mask]
        if gradient is None:
            return
        saved = [operands[i] for i in gradient.saves]
        versions = [x.buffer.version for x in saved]
        first_output = len(saved)
        for number in range(len(outputs)):
            if number in gradient.saves_outputs:
                saved.append(alias(outputs[number]))
                versions.append(outputs[number].buffer.version)
        derived, shapes = gradient.derived, plan.layouts

        def backward(node: Node, *arrived: Any) -> Sequence[Any]:
            given = [
                g if g is not None else _zeros(shapes[k]) for k, g in enumerate(arrived)
            ]
            chosen = [given[k] for k in gradient.cotangents]
            results = derived.apply((*chosen, *node.unpack()), dim)
            return results if isinstance(results, tuple) else (results,)

        edges = tuple([operands[i].node for i in gradient.wanted])
        name = self.graph_name + "0"
        node = Node(name, edges, backward, tuple(saved), tuple(versions), first_output,
                    len(outputs))  # fmt: skip
        for number, output in enumerate(outputs):
            output.node = node if len(outputs) == 1 else Port(node, number)

    def _gradient(
        self, plan: RowPlan, operands: Sequence[TensorBase], mask: int
    ) -> _RowGradient | None:
        trace = plan.trace
        count, size = len(operands), len(trace.roots)
        wanted = [i for i in range(count) if mask >> i & 1]
        symbols = [input_leaf(i, x.dtype) for i, x in enumerate(operands)]
        cotangents = [leaf(INPUT, count + k, compute_dtype(t)) for k, t in enumerate(trace.kinds)]
        outs = [leaf(INPUT, count + size + k, compute_dtype(t)) for k, t in enumerate(trace.kinds)]
        known = {id(s): not per_row for s, per_row in zip(symbols, trace.inputs_per_row)}
        for pair in (cotangents, outs):
            known |= {id(s): not flag for s, flag in zip(pair, trace.outputs_per_row)}
        roots = self._roots(trace, symbols, cotangents, outs, wanted, known)
        present = [(i, r) for i, r in zip(wanted, roots) if r is not None]
        if not present:
            return None
        read = {x.value for x in leaves([r for _, r in present], INPUT)}
        order = [count + k for k in range(size) if count + k in read]
        order += [i for i in range(count) if i in read]
        order += [count + size + k for k in range(size) if count + size + k in read]
        every = {s.value: (s, known[id(s)]) for s in (*symbols, *cotangents, *outs)}
        renamed = {every[v][0]: leaf(INPUT, n, every[v][0].dtype) for n, v in enumerate(order)}
        chosen = substitute([r for _, r in present], renamed)
        kinds = [operands[i].dtype for i, _ in present]
        made = RowTrace(
            tuple(r.to(compute_dtype(k)) for r, k in zip(chosen, kinds)),
            tuple(kinds),
            tuple(not every[v][1] for v in order),
            tuple(trace.inputs_per_row[i] for i, _ in present),
        )
        return _RowGradient(
            _DerivedRows(f"{self.name}_backward", made),
            tuple(i for i, _ in present),
            tuple(v for v in order if v < count),
            tuple(v - count - size for v in order if v >= count + size),
            tuple(v - count for v in order if count <= v < count + size),
        )

    def _roots(
        self,
        trace: RowTrace,
        symbols: Sequence[Expr],
        cotangents: Sequence[Expr],
        outs: Sequence[Expr],
        wanted: Sequence[int],
        known: dict[int, bool],
    ) -> list[Expr | None]:
        """The cotangents of the wanted operands, one element per row where the operand has."""
        if self._vjp is not None:
            written = self._vjp(cotangents, outs, *symbols)
            totals = [written[i] for i in wanted]
        else:
            totals = [None] * len(wanted)
            targets = [symbols[i] for i in wanted]
            for root, cotangent in zip(trace.roots, cotangents):
                parts = differentiate(root, cotangent, targets, rows=dict(known))
                totals = [p if t is None else t if p is None else t + p
                          for t, p in zip(totals, parts)]  # fmt: skip
        for n, i in enumerate(wanted):
            total = totals[n]
            if total is not None and trace.inputs_per_row[i] and varies(total, dict(known)):
                totals[n] = row_sum(total)
        return totals


class _DerivedRows(RowOperation):
    """The backward of a row operation, as an operation: its trace is given."""

    def __init__(self, name: str, trace: RowTrace) -> None:
        self.name = name
        self.graph_name = camel(name) + "Backward"
        self.given = trace
        self.per_row = trace.inputs_per_row
        self.outputs_per_row = trace.outputs_per_row
        self.plans = {}
        self._vjp = None

    def trace(self, layouts: Sequence[Layout]) -> RowTrace:
        return self.given


def _zeros(layout: Layout) -> Any:
    buffer = allocate(layout.nbytes)
    ctypes.memset(buffer.ptr, 0, layout.nbytes)
    return make(buffer, layout)


def _without(shape: Sequence[int], axis: int) -> list[int]:
    return [n for d, n in enumerate(shape) if d != axis]


def row_plan(
    trace: RowTrace,
    inputs: Sequence[Layout],
    outputs: Sequence[Layout],
    shape: Sequence[int],
    axis: int,
) -> memory.Plan | None:
    """The plan of a kernel that computes every row along `axis`; None when there is nothing."""
    layouts = [*inputs, *outputs]
    flags = (*trace.inputs_per_row, *trace.outputs_per_row)
    if prod(shape) == 0 and not any(o.numel for o in outputs):
        return None
    outer = _without(shape, axis) if shape else []
    walks, inner = [], []
    for layout, per_row in zip(layouts, flags):
        if per_row or not layout.ndim:
            walks.append(layout)
            inner.append(0)
            continue
        strides = layout.strides
        walks.append(strided(layout.dtype, outer, _without(strides, axis)))
        inner.append(strides[axis] * layout.dtype.itemsize)
    nest: Iteration = iteration(outer, walks)
    length = shape[axis] if shape else 1
    operands = []
    for layout, per_row, stride in zip(layouts, flags, inner):
        if per_row:
            access = BROADCAST
        else:
            access = access_of(stride, layout.dtype, length)
            access = CONTIGUOUS if access == BROADCAST and length == 1 else access
        operands.append(Operand(layout.dtype, access))
    split = len(inputs)
    text = row_kernel(
        trace.roots, tuple(operands[:split]), (), tuple(operands[split:]), nest.rank + 1
    )
    parameters = [length, 0, 0, *nest.extents]
    for strides, step in zip(nest.strides, inner):
        parameters += [*strides, step]
    rows = prod(nest.extents)
    lanes = lanes_for([x.dtype for x in outputs])
    moved = sum(x.dtype.itemsize for x in layouts)
    vectors = -(-length // lanes)
    work = rows * (20 + vectors * (cost_of(trace.roots) / 3.0 + lanes * moved / BYTES_PER_NS))
    return memory.make_plan(
        jit.address(text),
        parameters,
        len(layouts),
        units=rows,
        chunks=threads.chunks_for(work, rows),
        new_bytes=outputs[0].nbytes if len(outputs) == 1 else 0,
        release_gil=work > RELEASE_ABOVE,
    )


def row(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make a row operation; see `RowOperation` and `Record` for the facts."""
    if body is None:
        return lambda function: RowOperation(function, **facts)
    return RowOperation(body, **facts)
