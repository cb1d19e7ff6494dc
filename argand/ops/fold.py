"""Reductions: the machinery behind ``@reduction``.

The body of a reduction gets the symbol of one element and its position, and returns a `Fold`: how
elements combine. Which loop nest serves a call, and into how many parts it is cut, is decided here
once per layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.autograd.node import Node, Port
from argand.dtypes import dtype
from argand.errors import message
from argand.kernels import jit
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import (
    LEFT,
    RIGHT,
    SCALAR,
    Expr,
    const,
    leaf,
    leaves,
    pair,
    parts,
    row_index,
)
from argand.kernels.loops import Operand, input_leaf
from argand.kernels.reduce import Monoid, Shape, monoid, reduce_kernel
from argand.ops.dims import normalize_dims
from argand.ops.plans import BYTES_PER_NS, RELEASE_ABOVE, access_of, float_mask
from argand.ops.record import Record
from argand.ops.shape import view_as_sizes
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make

Operands = tuple[Expr, ...]


class Fold(NamedTuple):
    """How elements combine into one value.

    Attributes:
        lift: what one element contributes: one expression, or several.
        combine: ``combine(left, right) -> contributions``; takes tuples when there are several.
        identity: numbers that contribute nothing.
        finish: ``finish(*contributions, count)``: the results; None: the contributions.
    """

    lift: Operands
    combine: Callable[..., Any]
    identity: tuple[Any, ...]
    finish: Callable[..., Any] | None = None


class ReducePlan:
    """A prepared kind of call."""

    __slots__ = ("new", "layouts", "name", "backward")

    def __init__(
        self,
        new: Callable[[int], Any],
        layouts: Sequence[Layout],
        name: str,
        backward: Callable[..., Sequence[Any]],
    ) -> None:
        self.new = new
        self.layouts = tuple(layouts)
        self.name = name
        self.backward = backward


class Reduction(Record):
    """An operation that reduces dimensions; ``dim=None`` reduces all of them."""

    def __init__(
        self,
        body: Callable[[Expr, Expr], Fold],
        *,
        differentiable: bool = True,
        empty: bool = True,
        one_dim: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(body, **facts)
        self.differentiable = differentiable
        self.empty = empty  # whether no elements at all have a result
        self.one_dim = one_dim  # whether dim must be a single one
        self._vjp: Callable[..., Any] | None = None
        self.saves_input = self.saves_output = False

    def vjp(self, saves_input: bool = False, saves_output: bool = False) -> Any:
        """Decorator: ``vjp(g, outputs, input, dims)`` gives the gradient of the input.

        `g` and `outputs` have kept dimensions; what is not saved arrives as its layout.
        """

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            self._vjp = function
            self.saves_input, self.saves_output = saves_input, saves_output
            return function

        return keep

    # ---- calling --------------------------------------------------------------------------

    def apply(
        self, x: TensorBase, dim: Any = None, keepdim: bool = False, kind: dtype | None = None
    ) -> Any:
        """Reduce `x` over `dim`: an int, a sequence, or None for all."""
        if type(dim) is list:
            dim = tuple(dim)
        key = (x.form, dim, keepdim, kind)
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = self._prepare(x, dim, keepdim, kind)
        if len(plan.layouts) == 1:
            out = make(plan.new(x.ptr), plan.layouts[0])
            if x.node is not None and mode.enabled and self._vjp is not None:
                self._attach(plan, x, (out,))
            return out
        outputs = tuple([make(b, y) for b, y in zip(plan.new(x.ptr), plan.layouts)])
        if x.node is not None and mode.enabled and self._vjp is not None:
            self._attach(plan, x, outputs)
        return outputs

    def _attach(self, plan: ReducePlan, x: TensorBase, outputs: Sequence[Any]) -> None:
        if outputs[0].form.dtype.kind not in "fc":
            return
        saved: list[Any] = []
        if self.saves_input:
            saved.append(x)
        first_output = len(saved)
        if self.saves_output:
            saved += [alias(o) for o in outputs]
        versions = [s.buffer.version for s in saved]
        node = Node(plan.name, (x.node,), plan.backward, tuple(saved), tuple(versions),
                    first_output, len(outputs))  # fmt: skip
        if len(outputs) == 1:
            outputs[0].node = node
            return
        for i, o in enumerate(outputs):
            if o.form.dtype.kind in "fc":
                o.node = Port(node, i)

    def _backward(self, source: Layout, dims: tuple[int, ...], keepdim: bool) -> Any:
        """The function of the nodes of calls that reduce `dims` of `source`."""
        vjp, saves_input = self._vjp, self.saves_input
        like = source
        kept = tuple([1 if d in dims else n for d, n in enumerate(source.shape)])

        def backward(node: Node, g: Any, *ignored: Any) -> Sequence[Any]:
            assert vjp is not None
            results = node.unpack()
            given = results.pop(0) if saves_input else like
            if not keepdim:
                g = view_as_sizes(g, kept)
                results = [view_as_sizes(r, kept) for r in results]
            return (vjp(g, results, given, dims),)

        return backward

    # ---- planning -------------------------------------------------------------------------

    def _prepare(self, x: TensorBase, dim: Any, keepdim: bool, kind: dtype | None) -> ReducePlan:
        dims = normalize_dims(self.name, dim, x.form.ndim)
        source = x.form
        reduced = prod(source.shape[d] for d in dims)
        shape = [1 if d in dims else n for d, n in enumerate(source.shape)]
        if not self.empty and reduced == 0 and (dim is None or prod(shape)):
            raise _no_identity(self.name, source, dim)
        if not keepdim:
            shape = [n for d, n in enumerate(source.shape) if d not in dims]
        fold, kinds = self._trace(source.dtype, kind)
        layouts = [dense(k, shape) for k in kinds]
        wants_count = bool(leaves(fold.finish, SCALAR))
        numbers = [float(reduced)] if wants_count else []
        new = reduce_launcher(fold, [source], dims, layouts, numbers)
        name = f"{self.graph_name}{0 if len(dims) == source.ndim else 1}"
        return ReducePlan(new, layouts, name, self._backward(source, dims, keepdim))

    def _trace(self, source: dtype, kind: dtype | None) -> tuple[Monoid, list[dtype]]:
        """The monoid for elements of type `source`, and the types of the results in memory."""
        element = input_leaf(0, source)
        if kind is not None:
            element = element.to(compute_dtype(kind))
        fold = self.body(element, row_index())
        size = len(fold.lift)
        left, right = _gathered(fold.lift, LEFT), _gathered(fold.lift, RIGHT)
        joined = fold.combine(left[0], right[0]) if size == 1 else fold.combine(left, right)
        identity = [const(v, e.dtype) for v, e in zip(fold.identity, fold.lift)]
        made = monoid(_real(fold.lift), _real(joined if size > 1 else (joined,)), _real(identity))
        made = made._replace(finish=left)
        if fold.finish is not None:
            count = leaf(SCALAR, 0, dtypes.float64)
            finished = fold.finish(*left, count)
            made = made._replace(finish=finished if isinstance(finished, tuple) else (finished,))
        wanted = source if kind is None else kind
        if kind is not None:
            finish = tuple(e.to(compute_dtype(kind)) for e in made.finish)
            return made._replace(finish=finish), [kind] * len(finish)
        kinds = [
            wanted if e.dtype is compute_dtype(wanted) and wanted.kind == "f" else e.dtype
            for e in made.finish
        ]
        return made, kinds


def _real(values: Sequence[Expr]) -> list[Expr]:
    """Complex expressions as their parts, which kernels gather one by one."""
    return [part for value in values for part in parts(value)]


def _gathered(lift: Sequence[Expr], op: str) -> Operands:
    """What stands for the contributions `lift` when two of them combine."""
    found: list[Expr] = []
    count = 0
    for value in lift:
        symbols = [leaf(op, count + k, part.dtype) for k, part in enumerate(parts(value))]
        found.append(pair(*symbols) if len(symbols) > 1 else symbols[0])
        count += len(symbols)
    return tuple(found)


def _no_identity(name: str, source: Layout, dim: Any) -> Exception:
    if dim is None:
        rule = "the input tensor has no elements: specify the reduction dim with the 'dim' argument"
        return RuntimeError(message(name, rule, f"shape {list(source.shape)}"))
    rule = "cannot reduce a dimension of size 0: the operation has no identity"
    return IndexError(message(name, rule, f"dim {dim} of shape {list(source.shape)}"))


Walk = tuple[int, tuple[int, ...]]  # an extent, and the stride of every source in bytes


class _Space(NamedTuple):
    """Kept and reduced dimensions, merged where all sources allow it."""

    kept: list[Walk]
    reduced: list[Walk]


def _space(sources: Sequence[Layout], dims: Sequence[int], ordered: bool) -> _Space:
    every: list[Walk] = [
        (n, tuple([s.strides[d] * s.dtype.itemsize for s in sources]))
        for d, n in enumerate(sources[0].shape)
    ]
    kept = [walk for d, walk in enumerate(every) if d not in dims]
    reduced = [every[d] for d in dims]
    if not ordered:
        reduced.sort(key=lambda walk: -abs(walk[1][0]))
    return _Space(_merge(kept), _merge(reduced))


def _merge(dims: Sequence[Walk]) -> list[Walk]:
    merged: list[Walk] = []
    for extent, strides in dims:
        if extent == 1:
            continue
        if merged and all(a == extent * b for a, b in zip(merged[-1][1], strides)):
            merged[-1] = (merged[-1][0] * extent, strides)
        else:
            merged.append((extent, strides))
    return merged


def reduce_launcher(
    fold: Monoid,
    sources: Sequence[Layout],
    dims: Sequence[int],
    outputs: Sequence[Layout],
    numbers: Sequence[float] = (),
) -> Callable[..., Any]:
    """A function from the addresses of the inputs to the buffer (or buffers) of the results.

    The sources have one shape; a stride may be 0.
    """
    kinds = [o.dtype for o in outputs]
    ordered = any(e.dtype is dtypes.int64 for e in fold.lift)
    space = _space(sources, dims, ordered)
    total = max(1, sources[0].numel)
    results = outputs[0].numel
    if results == 0:
        return lambda *ptrs: allocate(0) if len(kinds) == 1 else [allocate(0) for _ in kinds]
    types = [s.dtype for s in sources]
    parts = _parts(total, results, _units(space))
    if parts > 1:
        first = _kernel(fold.partial, types, space, [e.dtype for e in fold.lift], parts, [])
        return _two_stages(first, fold, parts, outputs, numbers)
    plan = _kernel(fold, types, space, kinds, 1, numbers, new=outputs)
    if len(outputs) == 1 and not numbers:
        return plan.new
    if len(outputs) == 1:
        return lambda *ptrs: plan.new(*ptrs, *numbers)

    def several(*ptrs: int) -> list[Any]:
        buffers = [allocate(o.nbytes) for o in outputs]
        plan.run(*ptrs, *numbers, *[b.ptr for b in buffers])
        return buffers

    return several


def _units(space: _Space) -> int:
    """How many results, or tiles of results, a kernel could share among threads."""
    results = prod(n for n, _ in space.kept)
    if not space.reduced or _runs_along(space.kept, space.reduced):
        return results
    return results // space.kept[-1][0] * -(-space.kept[-1][0] // TILE)


def _parts(total: int, results: int, units: int) -> int:
    """Into how many parts to cut each result's elements so that threads have work."""
    if total < 65_536 or units >= 64:
        return 1
    wanted = min(64, total // (16_384 * max(1, units // 16)))
    return int(max(1, min(wanted, total // (8 * results))))  # what is gathered again stays little


TILE = 256  # results side by side, where vectors run across them


def _two_stages(
    first: memory.Plan,
    fold: Monoid,
    parts: int,
    outputs: Sequence[Layout],
    numbers: Sequence[float],
) -> Callable[..., Any]:
    results = outputs[0].numel
    stage = [dense(e.dtype, (parts, results)) for e in fold.lift]
    second = _kernel(
        fold.second, [s.dtype for s in stage], _space(stage, [0], True),
        [o.dtype for o in outputs], 1, numbers, new=outputs,
    )  # fmt: skip

    def run(*ptrs: int) -> Any:
        scratch = [allocate(s.nbytes) for s in stage]
        places = [b.ptr for b in scratch]
        first.run(*ptrs, *places)
        if len(outputs) == 1:
            return second.new(*places, *numbers)
        buffers = [allocate(o.nbytes) for o in outputs]
        second.run(*places, *numbers, *[b.ptr for b in buffers])
        return buffers

    return run


def _kernel(
    fold: Monoid,
    sources: Sequence[dtype],
    space: _Space,
    outputs: Sequence[dtype],
    parts: int,
    numbers: Sequence[float],
    new: Sequence[Layout] = (),
) -> memory.Plan:
    """The plan of one reduction kernel."""
    sizes = tuple([s.itemsize for s in sources])
    kept, reduced = space.kept, space.reduced or [(1, sizes)]
    along = _runs_along(kept, reduced)
    inner_kept = (1, (0,) * len(sizes)) if along else kept[-1]
    outer_kept = kept if along else kept[:-1]
    count = prod(n for n, _ in reduced)
    length = reduced[-1][0]
    tile, tiles = _tile(length) if along else (TILE, 1)
    rows = count // length if along and length else count
    kept_tiles = -(-inner_kept[0] // TILE) if not along else 1
    if along:
        head = [parts, rows if length else 0, tiles, length, tile, 1, 1]
    else:
        head = [parts, rows, 1, max(length, 1), TILE, kept_tiles, inner_kept[0]]
    parameters = head + [n for n, _ in outer_kept] + [n for n, _ in reduced[:-1]]
    for i in range(len(sizes)):
        parameters += [strides[i] for _, strides in (*outer_kept, *reduced, inner_kept)]
    units = prod(n for n, _ in outer_kept) * kept_tiles * parts
    shape = Shape(along, len(outer_kept), len(reduced) - 1)
    walk = reduced[-1] if along else inner_kept
    operands = [
        Operand(kind, access_of(stride, kind, walk[0])) for kind, stride in zip(sources, walk[1])
    ]
    scalars = (dtypes.float64,) * len(numbers)
    text = reduce_kernel(fold, tuple(operands), scalars, tuple(outputs), shape)
    work = max(1, count) * prod(n for n, _ in kept) * (sum(sizes) / BYTES_PER_NS + 0.05)
    return memory.make_plan(
        jit.address(text),
        parameters,
        len(sources) + len(numbers) + len(outputs),
        units=units,
        chunks=threads.chunks_for(work, units),
        floats=float_mask(scalars, len(sources)),
        new_bytes=new[0].nbytes if len(new) == 1 else 0,
        release_gil=work > RELEASE_ABOVE,
    )


def _runs_along(kept: Sequence[Walk], reduced: Sequence[Walk]) -> bool:
    """Whether vectors run along the reduced dimension rather than across results."""
    if not kept:
        return True
    length, strides = reduced[-1]
    if length < 8 and kept[-1][0] >= 8:
        return False
    return abs(strides[0]) <= abs(kept[-1][1][0])


def _tile(length: int) -> tuple[int, int]:
    if length <= 8192:
        return max(length, 1), 1
    return 4096, -(-length // 4096)


def reduction(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make a reduction from a function of one element; see `Record` and `Reduction`."""
    if body is None:
        return lambda function: Reduction(function, **facts)
    return Reduction(body, **facts)
