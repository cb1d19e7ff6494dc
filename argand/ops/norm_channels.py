"""Channels less their mean and over their deviation: batch norm, as prepared kernels.

Forward: sums over everything but the channels, then a small kernel for what follows from them (mean
and inverse deviation, and the running statistics in place), then one that writes the result. The
gradient has the same three parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import LEFT, RIGHT, SCALAR, Expr, const, leaf
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import monoid
from argand.ops.fold import reduce_launcher
from argand.ops.function import operation
from argand.ops.history import check_written
from argand.ops.norm_rows import Slopes, recorded_slopes
from argand.ops.plans import map_plan
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

_WIDE = dtypes.float64
Launcher = Callable[..., Any]


def _sums(lift: tuple[Expr, ...], sources: Sequence[Layout], dims: Sequence[int]) -> Launcher:
    """A launcher for sums in float64, one buffer each."""
    joined = [leaf(LEFT, i, _WIDE) + leaf(RIGHT, i, _WIDE) for i in range(len(lift))]
    fold = monoid(lift, joined, [const(0, _WIDE)] * len(lift))
    kept = dense(_WIDE, [1 if d in dims else n for d, n in enumerate(sources[0].shape)])
    return reduce_launcher(fold, sources, dims, [kept] * len(lift))


class _Inputs:
    """The operands of a kernel while its expressions are written."""

    def __init__(self) -> None:
        self.layouts: list[Layout] = []

    def add(self, layout: Layout, kind: dtype) -> Expr:
        """An operand, computed in `kind`."""
        self.layouts.append(layout)
        return input_leaf(len(self.layouts) - 1, layout.dtype).to(kind)

    def optional(self, layout: Layout | None, kind: dtype, missing: float) -> Expr:
        return const(missing, kind) if layout is None else self.add(layout, kind)


class ChannelNorm:
    """How the channels (dimension 1) of contiguous inputs with one layout are normalized."""

    def __init__(
        self, x: Layout, weight: Layout | None, bias: Layout | None,
        running_mean: Layout | None, running_var: Layout | None,
    ) -> None:  # fmt: skip
        for name, running in (("running_mean", running_mean), ("running_var", running_var)):
            if running is not None:
                check_written(name, running)
        self.x, self.weight, self.bias = x, weight, bias
        self.kind = compute_dtype(x.dtype)
        self.dims = (0, *range(2, x.ndim))
        count = prod(x.shape[d] for d in self.dims)
        self.share = 1.0 / count
        self.unbiased = count / max(count - 1, 1)
        self.statistics = dense(self.kind, (x.shape[1],))
        self._out = dense(x.dtype, x.shape)
        self._gather = self._gathering()
        self._settle = self._settling(running_mean, running_var)
        self._scale = self._scaling()
        self._gradient: tuple[Launcher, Launcher, Launcher] | None = None

    def _along(self, layout: Layout) -> Layout:
        """One element per channel, as an operand of the input's shape."""
        strides = [0] * self.x.ndim
        strides[1] = layout.strides[0]
        return strided(layout.dtype, self.x.shape, strides)

    # ---- forward --------------------------------------------------------------------------

    def _origin(self) -> Layout | None:
        """Where in the input values lie that sums are taken from, so that squares do not cancel.

        Narrower types need none: their squares are exact in float64.
        """
        if self.kind is not _WIDE:
            return None
        return strided(self.x.dtype, (self.x.shape[1],), (self.x.strides[1],))

    def _gathering(self) -> Launcher:
        origin = self._origin()
        inputs = _Inputs()
        value = inputs.add(self.x, _WIDE)
        if origin is not None:
            value = value - inputs.add(self._along(origin), _WIDE)
        return _sums((value, value * value), inputs.layouts, self.dims)

    def _settling(
        self, running_mean: Layout | None, running_var: Layout | None
    ) -> Launcher:
        """From sums to mean and inverse deviation; the running statistics follow."""
        inputs = _Inputs()
        sums = dense(_WIDE, self.statistics.shape)
        total, squares = inputs.add(sums, _WIDE), inputs.add(sums, _WIDE)
        origin = inputs.optional(self._origin(), _WIDE, 0.0)
        share, eps, momentum, unbiased = (leaf(SCALAR, i, _WIDE) for i in range(4))
        offset = total * share
        mean = origin + offset
        variance = (squares * share - offset * offset).maximum(0.0)
        roots = [mean, 1 / (variance + eps).sqrt()]
        outputs = [self.statistics, self.statistics]
        current = (mean, variance * unbiased)
        for layout, value in zip((running_mean, running_var), current):
            if layout is not None:
                old = inputs.add(layout, _WIDE)
                roots.append(old + momentum * (value - old))
                outputs.append(layout)
        kinds = [_WIDE] * 4
        return map_plan(roots, inputs.layouts, kinds, outputs, self.statistics.shape).run

    def _scaling(self) -> Launcher:
        inputs, kind = _Inputs(), self.kind
        x = inputs.add(self.x, kind)
        mean = inputs.add(self._along(self.statistics), kind)
        inverse = inputs.add(self._along(self.statistics), kind)
        weight, bias = (x if x is None else self._along(x) for x in (self.weight, self.bias))
        scale = inverse * inputs.optional(weight, kind, 1.0)
        root = (x - mean) * scale + inputs.optional(bias, kind, 0.0)
        return map_plan([root], inputs.layouts, [], [self._out], self.x.shape).new

    def forward(
        self, x: Any, weight: Any, bias: Any, running: Sequence[Any], momentum: float, eps: float
    ) -> tuple[Any, Any, Any]:
        """The result, the mean, and the inverse deviation; moves the `running` statistics."""
        ptr = x.ptr
        again = (ptr,) if self.kind is _WIDE else ()
        total, squares = self._gather(ptr, *again)
        mean = make(allocate(self.statistics.nbytes), self.statistics)
        inverse = make(allocate(self.statistics.nbytes), self.statistics)
        places = [r.ptr for r in running]
        self._settle(total.ptr, squares.ptr, *again, *places, self.share, eps, momentum,
                     self.unbiased, mean.ptr, inverse.ptr, *places)  # fmt: skip
        for r in running:
            r.buffer.version += 1
        given = [v.ptr for v in (weight, bias) if v is not None]
        return make(self._scale(ptr, mean.ptr, inverse.ptr, *given), self._out), mean, inverse

    # ---- backward -------------------------------------------------------------------------

    def backward(self, g: Any, x: Any, weight: Any, statistics: Sequence[Any]) -> Slopes:
        """The gradients of input, weight and bias."""
        if self._gradient is None:
            self._gradient = self._slopes(g.form)
        gather, settle, slope = self._gradient
        mean, inverse = (s.ptr for s in statistics)
        sums, products = gather(g.ptr, x.ptr, mean)
        made = [make(allocate(layout.nbytes), layout) for layout in self._settled()]
        places = [x.ptr for x in made]
        given = () if weight is None else (weight.ptr,)
        settle(sums.ptr, products.ptr, inverse, *given, self.share, *places)
        to_input = None
        if x.node is not None:
            to_input = make(slope(g.ptr, x.ptr, mean, *places[:3]), self._out)
        learned = iter(made[3:])
        of_weight = None if self.weight is None else next(learned)
        return to_input, of_weight, None if self.bias is None else next(learned)

    def _settled(self) -> list[Layout]:
        """Three numbers per channel for the gradient of the input; those of weight and bias."""
        learned = [dense(x.dtype, x.shape) for x in (self.weight, self.bias) if x is not None]
        return [*[self.statistics] * 3, *learned]

    def _slopes(self, g: Layout) -> tuple[Launcher, Launcher, Launcher]:
        kind = self.kind
        inputs = _Inputs()
        first, x = inputs.add(g, kind), inputs.add(self.x, kind)
        centered = x - inputs.add(self._along(self.statistics), kind)
        lift = (first.to(_WIDE), (first * centered).to(_WIDE))
        gather = _sums(lift, inputs.layouts, self.dims)

        inputs = _Inputs()
        wide = dense(_WIDE, self.statistics.shape)
        sums, products = inputs.add(wide, _WIDE), inputs.add(wide, _WIDE)
        inverse = inputs.add(self.statistics, _WIDE)
        scale = inverse * inputs.optional(self.weight, _WIDE, 1.0)
        share = leaf(SCALAR, 0, _WIDE)
        roots = [scale, -scale * inverse * inverse * products * share, -scale * sums * share]
        roots += [products * inverse] if self.weight is not None else []
        roots += [sums] if self.bias is not None else []
        settle = map_plan(roots, inputs.layouts, [_WIDE], self._settled(), wide.shape).run

        inputs = _Inputs()
        first, x = inputs.add(g, kind), inputs.add(self.x, kind)
        mean, a, b, c = (inputs.add(self._along(self.statistics), kind) for _ in range(4))
        root = first * a + (x - mean) * b + c
        slope = map_plan([root], inputs.layouts, [], [self._out], self.x.shape).new
        return gather, settle, slope


@operation(
    as_method=False, as_function=False, graph_name="native_batch_norm", extras=True
)
def batch_norm_of(
    input: Any, weight: Any, bias: Any, running: Sequence[Any], momentum: float, eps: float,
    plan: ChannelNorm,
) -> Any:  # fmt: skip
    """A contiguous input, its channels normalized by what they are; the statistics follow."""
    return plan.forward(input, weight, bias, running, momentum, eps)


@batch_norm_of.vjp(saves="input weight")
def _batch_norm_vjp(
    g: Any, statistics: Any, input: Any, weight: Any, bias: Any, running: Sequence[Any],
    momentum: float, eps: float, plan: ChannelNorm,
) -> tuple[Any, ...]:  # fmt: skip
    rest = (None,) * 4
    if mode.enabled:
        return (*_recorded(g, input, weight, bias, eps, plan.dims), *rest)
    if not g.form.contiguous:
        g = g.contiguous()
    return (*plan.backward(g, input, weight, statistics), *rest)


def _recorded(
    g: Any, input: Any, weight: Any, bias: Any, eps: float, dims: tuple[int, ...]
) -> Slopes:
    shape = [1 if d in dims else n for d, n in enumerate(input.shape)]
    shown = None if weight is None else weight.reshape(shape)
    to_input, of_weight, of_bias = recorded_slopes(g, input, shown, bias, dims, dims, eps)
    if weight is not None:
        of_weight = of_weight.reshape(weight.shape).to(weight.dtype)
    if bias is not None:
        of_bias = of_bias.reshape(bias.shape).to(bias.dtype)
    return to_input.to(input.dtype), of_weight, of_bias
