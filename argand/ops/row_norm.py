"""Normalization of rows: layer norm and its relative without a mean, as row kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import LEFT, RIGHT, Expr, const, leaf, row_sum
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import monoid
from argand.ops.create import full
from argand.ops.fold import reduce_launcher
from argand.ops.function import composite, operation
from argand.ops.linalg import vector_norm
from argand.ops.normalization import _recorded_slopes, check_rows, checked_kind
from argand.ops.padding import pad
from argand.ops.pooling import avg_pool2d
from argand.ops.rowwise import row
from argand.ops.samples import call
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import make

NN = "nn.functional"
_HIDDEN: dict[str, Any] = {"as_method": False, "as_function": False}


@row(per_row=(False, False, False, True, True), outputs_per_row=(False, True, True), **_HIDDEN)
def layer_norm_rows(
    input: Expr, weight: Expr, bias: Expr, share: Expr, eps: Expr
) -> tuple[Expr, Expr, Expr]:
    """A row less its mean, over its deviation; the mean; the inverse deviation."""
    mean = row_sum(input) * share
    centered = input - mean
    inverse = 1 / (row_sum(centered * centered) * share + eps).sqrt()
    return centered * inverse * weight + bias, mean, inverse


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


@lru_cache(256)
def _repeated(value: float, kind: dtype, shape: tuple[int, ...]) -> Any:
    """One number in the place of a tensor."""
    one = full.body((), value, dtype=kind)
    return make(one.buffer, strided(kind, shape, (0,) * len(shape)))


def _spread(x: Any, rows: int) -> Any:
    """A row in the place of many."""
    return make(x.buffer, strided(x.form.dtype, (rows, *x.form.shape), (0, 1)), x.ptr)


@lru_cache(256)
def _column_sums(
    g: Layout, input: Layout, statistics: Layout, centered: bool
) -> tuple[Callable[..., Any], Layout]:
    """A launcher for the gradients of weight and bias: sums over the rows."""
    kind = compute_dtype(input.dtype)
    first, second = input_leaf(0, g.dtype).to(kind), input_leaf(1, input.dtype)
    inverse = input_leaf(2, statistics.dtype).to(kind)
    column = strided(statistics.dtype, g.shape, (1, 0))
    sources = [g, input, column]
    if centered:
        second = second - input_leaf(3, statistics.dtype).to(kind)
        sources.append(column)
    lift = (first * (second * inverse), first)
    joined = [leaf(LEFT, i, kind) + leaf(RIGHT, i, kind) for i in range(2)]
    out = dense(kind, g.shape[1:])
    fold = monoid(lift, joined, [const(0, kind)] * 2)
    return reduce_launcher(fold, sources, [0], [out, out]), out


def _prepared(input: Any, weight: Any, bias: Any, eps: float, kind: dtype) -> list[Any]:
    """The operands of a row kernel besides the rows: weight, bias, 1 / length, eps."""
    rows, length = input.form.shape
    return [
        _repeated(1.0, kind, (rows, length)) if weight is None else _spread(weight, rows),
        _repeated(0.0, kind, (rows, length)) if bias is None else _spread(bias, rows),
        _repeated(1.0 / length, kind, (rows,)),
        _repeated(eps, kind, (rows,)),
    ]


@operation(graph_name="native_layer_norm", extras=True, **_HIDDEN)
def layer_norm_of(input: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Layer norm of the rows of a matrix; mean and inverse deviation of every row."""
    kind = compute_dtype(input.form.dtype)
    operands = (input, *_prepared(input, weight, bias, eps, kind))
    out, mean, inverse = layer_norm_rows.compute(operands, 1)[1]
    return (out, mean, inverse), mean, inverse


@layer_norm_of.vjp(saves="input weight")
def _layer_norm_vjp(
    g: Any, extras: Any, input: Any, weight: Any, bias: Any, eps: float
) -> Any:
    if mode.enabled:
        return (*_recorded(g, input, weight, bias, eps, True), None)
    mean, inverse = extras
    g = g.contiguous()
    return (*_slopes(g, input, weight, bias, (mean, inverse)), None)


@operation(graph_name="rms_norm", extras=True, **_HIDDEN)
def rms_norm_of(input: Any, weight: Any, eps: float) -> Any:
    """The rows of a matrix over the roots of their mean squares."""
    kind = compute_dtype(input.form.dtype)
    weights, _, share, offset = _prepared(input, weight, None, eps, kind)
    return rms_norm_rows.compute((input, weights, share, offset), 1)[1]


@rms_norm_of.vjp(saves="input weight")
def _rms_norm_vjp(g: Any, extras: Any, input: Any, weight: Any, eps: float) -> Any:
    if mode.enabled:
        return (*_recorded(g, input, weight, None, eps, False)[:2], None)
    return (*_slopes(g.contiguous(), input, weight, None, (extras[0],))[:2], None)


def _recorded(
    g: Any, input: Any, weight: Any, bias: Any, eps: float, centered: bool
) -> tuple[Any, Any, Any]:
    slopes = _recorded_slopes(g, input, weight, bias, (1,), (0,), eps, centered)
    to_input, of_weight, of_bias = slopes
    return (
        to_input,
        None if of_weight is None else of_weight.squeeze(0),
        None if of_bias is None else of_bias.squeeze(0),
    )


def _slopes(
    g: Any, input: Any, weight: Any, bias: Any, statistics: Sequence[Any]
) -> tuple[Any, Any, Any]:
    rows, length = input.form.shape
    kind = statistics[0].form.dtype
    to_input = of_weight = of_bias = None
    if input.node is not None:
        weights = _prepared(input, weight, None, 0.0, compute_dtype(kind))[0]
        share = _repeated(1.0 / length, compute_dtype(kind), (rows,))
        slope = layer_norm_slope if len(statistics) == 2 else rms_norm_slope
        to_input = slope.compute((g, input, weights, *statistics, share), 1)[1][0]
    if weight is not None or bias is not None:
        launch, layout = _column_sums(
            g.form, input.form, statistics[0].form, len(statistics) == 2
        )
        sums = launch(g.ptr, input.ptr, *[s.ptr for s in reversed(statistics)])
        made = [make(b, layout) for b in sums]
        of_weight = None if weight is None else _typed(made[0], weight)
        of_bias = None if bias is None else _typed(made[1], bias)
    return to_input, of_weight, of_bias


def _typed(x: Any, like: Any) -> Any:
    return x if x.form.dtype is like.form.dtype else x.to(like.form.dtype)


def _over_rows(
    name: str, input: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, Any, Any]:
    checked_kind(name, input)
    length = check_rows(name, input, shape, weight, bias)
    lead = (*input.shape[: input.ndim - len(shape)], *(1,) * len(shape))
    if input.form.numel == 0:
        empty = input.new_zeros(lead)
        return input.clone(), empty, empty
    if input.form.ndim != 2 or len(shape) != 1 or not input.form.contiguous:
        rows = input.contiguous().reshape(-1, length)
    else:
        rows = input
    if weight is not None and not (weight.form.ndim == 1 and weight.form.contiguous):
        weight = weight.contiguous().reshape(length)
    if bias is not None and not (bias.form.ndim == 1 and bias.form.contiguous):
        bias = bias.contiguous().reshape(length)
    out, mean, inverse = layer_norm_of(rows, weight, bias, float(eps))
    if rows is not input:
        out = out.reshape(input.shape)
    return out, mean.detach().reshape(lead), inverse.detach().reshape(lead)


def _layer_reference(
    x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    dims = tuple(range(-len(shape), 0))
    y = (x - x.mean(dims, keepdims=True)) / np.sqrt(x.var(dims, keepdims=True) + eps)
    return y * (1 if weight is None else weight) + (0 if bias is None else bias)


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 5), (5,)), call(draw(2, 3, 4), (3, 4), draw(3, 4), draw(3, 4)),
        call(draw(2, 40), [40], draw(40)), call(draw(4), (4,), None, draw(4)),
    ] if draw.floating else [],
    reference=_layer_reference,
)  # fmt: skip
def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None,
    eps: float = 1e-5,
) -> Any:  # fmt: skip
    """The last dimensions less their mean, over their deviation (Ba et al., 2016).

    Args:
        input: ``(*, *normalized_shape)``.
        normalized_shape: the sizes of the dimensions that are normalized together.
        weight, bias: of this shape, or None.
        eps: added to the variance.

    Raises:
        RuntimeError: when the sizes differ.

    >>> import argand
    >>> argand.nn.functional.layer_norm(argand.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    return _over_rows("layer_norm", input, normalized_shape, weight, bias, eps)[0]


@composite(name="layer_norm", as_method=False)
def layer_norm_package(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Any:  # fmt: skip
    """`nn.functional.layer_norm` with one argument more, which means nothing here.

    >>> import argand
    >>> argand.layer_norm(argand.tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]])
    """
    return _over_rows("layer_norm", input, normalized_shape, weight, bias, eps)[0]


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(2, 3, 4), (4,), draw(4), draw(4), 1e-5)]
    if draw.floating else [],
)  # fmt: skip
def native_layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, Any, Any]:
    """`layer_norm`, and the mean and the inverse deviation of every row.

    >>> import argand
    >>> argand.native_layer_norm(argand.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)[1]
    tensor([[2.]])
    """
    return _over_rows("native_layer_norm", input, normalized_shape, weight, bias, eps)


def _rms_reference(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    dims = tuple(range(-len(shape), 0))
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    y = x / np.sqrt((x * x).mean(dims, keepdims=True) + eps)
    return y * (1 if weight is None else weight)


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("rms_norm",),
    samples=lambda draw: [
        call(draw(3, 5), (5,)), call(draw(2, 3, 4), (3, 4), draw(3, 4)),
        call(draw(2, 40), [40], draw(40), 1e-3),
    ] if draw.kind in (draw.dtype("float32"), draw.dtype("float64")) else [],
    reference=_rms_reference,
)  # fmt: skip
def rms_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> Any:
    """The last dimensions over the root of their mean square (Zhang and Sennrich, 2019).

    Args:
        input: ``(*, *normalized_shape)``.
        normalized_shape: the sizes of the dimensions that are normalized together.
        weight: of this shape, or None.
        eps: added to the mean square; by default the roundoff of the input's type.

    >>> import argand
    >>> argand.nn.functional.rms_norm(argand.tensor([[1.0, -1.0]]), (2,), eps=0.0)
    tensor([[ 1., -1.]])
    """
    kind = checked_kind("rms_norm", input, "fc")
    length = check_rows("rms_norm", input, normalized_shape, weight, None)
    real = dtypes.float64 if kind.name in ("float64", "complex128") else dtypes.float32
    offset = float(np.finfo(real.numpy).eps) if eps is None else float(eps)
    if kind.kind == "c" or input.form.numel == 0:
        dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
        unit = input * (input.abs().square().mean(dims, True) + offset).rsqrt()
        return unit if weight is None else unit * weight
    rows = input.contiguous().reshape(-1, length)
    weight = None if weight is None else weight.contiguous().reshape(length)
    return rms_norm_of(rows, weight, offset).reshape(input.shape)


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [call(draw(2, 5, 4), 2), call(draw(2, 5, 3, 2), 3, 0.1, 0.5, 2.0)]
    if draw.kind in (draw.dtype("float32"), draw.dtype("float64")) else [],
)  # fmt: skip
def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """Divides by ``(k + alpha * mean square of size neighbouring channels) ** beta``.

    From Krizhevsky et al., 2012.

    Args:
        input: ``(N, C, *)``.

    >>> import argand
    >>> argand.nn.functional.local_response_norm(argand.zeros(1, 2, 3), 2).shape
    torch.Size([1, 2, 3])
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if input.form.numel == 0:
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    wide = pad.body(squares, (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d.body(wide, (size, 1), 1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)


@composite(
    out="cast",
    namespace=NN,
    as_method=False,
    samples=lambda draw: [call(draw(3, 4, nonzero=True)), call(draw(3, 4, nonzero=True), 1.0, 0)]
    if draw.floating else [],
)  # fmt: skip
def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divides by the norm along a dimension, or by `eps` where that is larger.

    >>> import argand
    >>> argand.nn.functional.normalize(argand.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    length = vector_norm.body(input, p, dim, True).clamp_min(eps).expand_as(input)
    return input / length
