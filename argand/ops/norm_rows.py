"""Rows less their mean and over their deviation: what layer, group and instance norm share.

A row is a group of channels with all their elements, in an input seen as ``(batch, groups, channels
of a group, elements of a channel)``; in a layer norm there is one group, and every element is a
channel. Weight and bias have one element per channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import LEFT, RIGHT, Expr, const, leaf, row_sum
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import monoid
from argand.ops.create import full
from argand.ops.fold import reduce_launcher
from argand.ops.function import Operation, operation
from argand.ops.plans import map_plan
from argand.ops.rowwise import RowOperation, row
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

_HIDDEN: dict[str, Any] = {"as_method": False, "as_function": False}
_LONG = 16_384  # elements of a row that are summed in float32

Dims = tuple[int, ...]
Slopes = tuple[Any, Any, Any]


# ---- kernels ------------------------------------------------------------------------------------


def _centered(
    input: Expr, weight: Expr, bias: Expr, share: Expr, eps: Expr, wide: dtype
) -> tuple[Expr, Expr, Expr]:
    kind = input.dtype
    mean = (row_sum(input.to(wide)) * share.to(wide)).to(kind)
    centered = input - mean
    variance = (row_sum((centered * centered).to(wide)) * share.to(wide)).to(kind)
    inverse = 1 / (variance + eps).sqrt()
    return centered * inverse * weight + bias, mean, inverse


_FORWARD: dict[str, Any] = {
    "per_row": (False, False, False, True, True), "outputs_per_row": (False, True, True), **_HIDDEN
}  # fmt: skip


@row(**_FORWARD)
def layer_norm_rows(
    input: Expr, weight: Expr, bias: Expr, share: Expr, eps: Expr
) -> tuple[Expr, Expr, Expr]:
    """A row less its mean, over its deviation; the mean; the inverse deviation."""
    return _centered(input, weight, bias, share, eps, input.dtype)


@row(**_FORWARD)
def layer_norm_long_rows(
    input: Expr, weight: Expr, bias: Expr, share: Expr, eps: Expr
) -> tuple[Expr, Expr, Expr]:
    """The same of rows so long that sums in float32 would lose digits."""
    return _centered(input, weight, bias, share, eps, dtypes.float64)


@row(per_row=(False, False, False, True, True, True), **_HIDDEN)
def layer_norm_slope(
    g: Expr, input: Expr, weight: Expr, mean: Expr, inverse: Expr, share: Expr
) -> Expr:
    """The gradient of the input of `layer_norm_rows`."""
    h = g * weight
    unit = (input - mean) * inverse
    along = row_sum(h * unit) * share
    return (h - row_sum(h) * share - unit * along) * inverse


@row(per_row=(False, False, True, True), outputs_per_row=(False, True), **_HIDDEN)
def rms_norm_rows(input: Expr, weight: Expr, share: Expr, eps: Expr) -> tuple[Expr, Expr]:
    """A row over the root of its mean square, and the inverse of that root."""
    inverse = 1 / (row_sum(input * input) * share + eps).sqrt()
    return input * inverse * weight, inverse


@row(per_row=(False, False, False, True, True), **_HIDDEN)
def rms_norm_slope(g: Expr, input: Expr, weight: Expr, inverse: Expr, share: Expr) -> Expr:
    """The gradient of the input of `rms_norm_rows`."""
    h = g * weight
    unit = input * inverse
    return (h - unit * (row_sum(h * unit) * share)) * inverse


# ---- plans --------------------------------------------------------------------------------------


class Rows(NamedTuple):
    """An input as rows; see the top of the file."""

    batch: int
    groups: int
    channels: int
    elements: int

    @property
    def length(self) -> int:
        return self.channels * self.elements


@lru_cache(256)
def _repeated(value: float, kind: dtype, shape: tuple[int, ...]) -> Any:
    """One number in the place of a tensor."""
    one = full.body((), value, dtype=kind)
    return make(one.buffer, strided(kind, shape, (0,) * len(shape)))


class _Channels:
    """Weight or bias as an operand of a row kernel: one element for every element of a row."""

    def __init__(self, given: Layout | None, missing: float, kind: dtype, rows: Rows) -> None:
        shape = (rows.batch, rows.groups, rows.length)
        self._spread: Callable[[int], Any] | None = None
        if given is None:
            self._constant = _repeated(missing, kind, shape)
            self.layout = self._constant.form
            return
        self._constant = None
        self.layout = strided(given.dtype, shape, (0, rows.length, 1))
        if rows.elements > 1:
            count = rows.groups * rows.channels
            source = strided(given.dtype, (count, rows.elements), (1, 0))
            root = input_leaf(0, given.dtype)
            target = dense(given.dtype, source.shape)
            self._spread = map_plan([root], [source], [], [target], source.shape).new

    def place(self, given: Any) -> tuple[int, Any]:
        """Where it is, and what must live as long as it is read."""
        if self._constant is not None:
            return self._constant.ptr, None
        if self._spread is None:
            return given.ptr, None
        made = self._spread(given.ptr)
        return made.ptr, made


class RowNorm:
    """How rows of one kind are normalized. Weight and bias are contiguous, as the input is."""

    def __init__(
        self, input: Layout, weight: Layout | None, bias: Layout | None, rows: Rows, eps: float,
        centered: bool = True,
    ) -> None:  # fmt: skip
        self.input, self.rows, self.eps, self.centered = input, rows, eps, centered
        kind = compute_dtype(input.dtype)
        per_row = (rows.batch, rows.groups)
        self._share = _repeated(1.0 / rows.length, kind, per_row)
        self._eps = _repeated(eps, kind, per_row)
        self._weight = _Channels(weight, 1.0, kind, rows)
        self._bias = _Channels(bias, 0.0, kind, rows)
        self._shape = (rows.batch, rows.groups, rows.length)
        self._out = dense(input.dtype, input.shape)
        operands = [dense(input.dtype, self._shape), self._weight.layout, self._bias.layout,
                    self._share.form, self._eps.form]  # fmt: skip
        if not centered:
            del operands[2]
        plan = self._kernel().prepare(operands, 2)
        self._run = plan.run
        self.statistics = plan.layouts[-1]
        self._weight_like, self._bias_like = weight, bias
        self._gradient: Any = None

    def _kernel(self) -> RowOperation:
        if not self.centered:
            kernel = rms_norm_rows
        elif self.rows.length > _LONG:
            kernel = layer_norm_long_rows
        else:
            kernel = layer_norm_rows
        assert isinstance(kernel, RowOperation)
        return kernel

    def forward(self, input: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
        """The result, and what is known of every row: mean (if centered), inverse deviation."""
        out, size = allocate(self._out.nbytes), self.statistics.nbytes
        scale, _held = self._weight.place(weight)
        share, eps = self._share.ptr, self._eps.ptr
        inverse = allocate(size)
        if not self.centered:
            self._run(input.ptr, scale, share, eps, out.ptr, inverse.ptr)
            return make(out, self._out), make(inverse, self.statistics)
        mean = allocate(size)
        offset, _also_held = self._bias.place(bias)
        self._run(input.ptr, scale, offset, share, eps, out.ptr, mean.ptr, inverse.ptr)
        return make(out, self._out), make(mean, self.statistics), make(inverse, self.statistics)

    def backward(self, g: Any, input: Any, weight: Any, statistics: Sequence[Any]) -> Slopes:
        """The gradients of input, weight and bias."""
        if self._gradient is None:
            self._gradient = (self._slope(g.form), self._sums(g.form))
        slope, (sums, layouts) = self._gradient
        places = [x.ptr for x in statistics]
        to_input = of_weight = of_bias = None
        if input.node is not None:
            scale, _held = self._weight.place(weight)
            to_input = make(slope(g.ptr, input.ptr, scale, *places, self._share.ptr), self._out)
        if self._weight_like is not None or self._bias_like is not None:
            made = sums(g.ptr, input.ptr, *places)
            if self._weight_like is not None:
                of_weight = make(made[0], layouts[0])
            if self._bias_like is not None:
                of_bias = make(made[1], layouts[1])
        return to_input, of_weight, of_bias

    def _slope(self, g: Layout) -> Callable[..., Any]:
        operands = [dense(x.dtype, self._shape) for x in (g, self.input)]
        operands += [self._weight.layout, *[self.statistics] * (1 + self.centered)]
        kernel = layer_norm_slope if self.centered else rms_norm_slope
        made: Callable[..., Any] = kernel.prepare([*operands, self._share.form], 2).new
        return made

    def _sums(self, g: Layout) -> tuple[Callable[..., Any], list[Layout]]:
        """A launcher for the gradients of weight and bias: sums over all but the channels."""
        kind = compute_dtype(self.input.dtype)
        first, second = input_leaf(0, g.dtype), input_leaf(1, self.input.dtype)
        if self.centered:
            second = second - input_leaf(2, kind)
        second = second * input_leaf(2 + self.centered, kind)
        wide = dtypes.float64 if self.rows.batch * self.rows.elements > _LONG else kind
        lift = ((first * second).to(wide), first.to(wide))
        joined = [leaf(LEFT, i, wide) + leaf(RIGHT, i, wide) for i in range(2)]
        fold = monoid(lift, joined, [const(0, wide)] * 2)
        column = strided(self.statistics.dtype, self.rows, (self.rows.groups, 1, 0, 0))
        sources = [dense(g.dtype, self.rows), dense(self.input.dtype, self.rows)]
        sources += [column] * (1 + self.centered)
        layouts = [
            dense(kind, (self.rows.groups * self.rows.channels,)) if x is None
            else dense(x.dtype, x.shape)
            for x in (self._weight_like, self._bias_like)
        ]  # fmt: skip
        return reduce_launcher(fold, sources, [0, 3], layouts), layouts


# ---- operations ---------------------------------------------------------------------------------


def recorded_slopes(
    g: Any, input: Any, weight: Any, bias: Any, dims: Dims, shared: Dims, eps: float,
    centered: bool = True,
) -> Slopes:  # fmt: skip
    """The gradients from operations that can be differentiated again.

    Rows are the dimensions `dims`; weight and bias (of which only the presence counts) have size 1
    in the dimensions `shared`.
    """
    plain = input - input.mean(dims, True) if centered else input
    inverse = ((plain * plain).mean(dims, True) + eps).rsqrt()
    unit = plain * inverse
    of_weight = None if weight is None else (g * unit).sum(shared, True)
    of_bias = None if bias is None else g.sum(shared, True)
    h = g if weight is None else g * weight
    slope = h - unit * (h * unit).mean(dims, True)
    if centered:
        slope = slope - h.mean(dims, True)
    return slope * inverse, of_weight, of_bias


def _recorded(g: Any, input: Any, weight: Any, bias: Any, plan: RowNorm) -> Slopes:
    rows = plan.rows
    shown = None if weight is None else weight.reshape(1, rows.groups, rows.channels, 1)
    slopes = recorded_slopes(
        g.reshape(rows), input.reshape(rows), shown, bias, (2, 3), (0, 3), plan.eps, plan.centered
    )
    likes = (input, weight, bias)
    to_input, of_weight, of_bias = (
        None if x is None else x.reshape(like.shape).to(like.dtype)
        for x, like in zip(slopes, likes)
    )
    return to_input, of_weight, of_bias


def _normalized(input: Any, weight: Any, bias: Any, plan: RowNorm) -> Any:
    return plan.forward(input, weight, bias)


def _gradient(
    g: Any, statistics: Any, input: Any, weight: Any, bias: Any, plan: RowNorm
) -> tuple[Any, ...]:
    if mode.enabled:
        return (*_recorded(g, input, weight, bias, plan), None)
    if not g.form.contiguous:
        g = g.contiguous()
    return (*plan.backward(g, input, weight, statistics), None)


def _operation(graph_name: str) -> Operation:
    made = operation(
        _normalized, name=f"{graph_name}_of", graph_name=graph_name, extras=True, **_HIDDEN
    )
    assert isinstance(made, Operation)
    made.vjp(saves="input weight")(_gradient)
    return made


layer_norm_of = _operation("native_layer_norm")
group_norm_of = _operation("native_group_norm")
instance_norm_of = _operation("native_batch_norm")
rms_norm_of = _operation("rms_norm")
