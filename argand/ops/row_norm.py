"""Normalization of rows: layer norm and its relative without a mean, as row kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.function import composite
from argand.ops.linalg import vector_norm
from argand.ops.norm_rows import RowNorm, Rows, layer_norm_of, rms_norm_of
from argand.ops.normalization import check_rows, checked_kind
from argand.ops.padding import pad
from argand.ops.pooling import avg_pool2d
from argand.ops.samples import call

NN = "nn.functional"


def _plan_of(
    name: str, input: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float,
    centered: bool = True,
) -> RowNorm:  # fmt: skip
    scale, offset = (None if x is None else x.form for x in (weight, bias))
    key = (input.form, tuple(shape), scale, offset, eps, centered)
    plans = layer_norm_of.plans
    found: RowNorm | None = plans.get(key)
    if found is None:
        length = check_rows(name, input, shape, weight, bias)
        rows = Rows(input.form.numel // length, 1, length, 1)
        found = plans[key] = RowNorm(input.form, scale, offset, rows, eps, centered)
    return found


def _over_rows(
    name: str, input: Any, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> Any:
    """The result; mean and inverse deviation of every row."""
    form = input.form
    if form.dtype.kind != "f" or form.numel == 0:
        checked_kind(name, input)
        check_rows(name, input, shape, weight, bias)
        empty = input.new_zeros(0)
        return input.clone(), empty, empty
    if not form.contiguous:
        input = input.contiguous()
    if weight is not None and not weight.form.contiguous:
        weight = weight.contiguous()
    if bias is not None and not bias.form.contiguous:
        bias = bias.contiguous()
    if type(shape) is not tuple:
        check_rows(name, input, shape, weight, bias)
    plan = _plan_of(name, input, shape, weight, bias, eps)
    return layer_norm_of.with_extras(input, weight, bias, plan)


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


@composite(
    name="layer_norm",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3, 4), (4,), draw(4), draw(4), 1e-4)]
    if draw.floating and not draw.complex else [],
)  # fmt: skip
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
    out, *found = _over_rows("native_layer_norm", input, normalized_shape, weight, bias, eps)
    count = len(normalized_shape)
    lead = (*input.shape[: input.ndim - count], *(1,) * count)
    if input.form.numel == 0:
        mean, inverse = (input.new_zeros(lead) for _ in found)
    else:
        mean, inverse = (x.reshape(lead) for x in found)
    return out, mean, inverse


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
    check_rows("rms_norm", input, normalized_shape, weight, None)
    real = dtypes.float64 if kind.name in ("float64", "complex128") else dtypes.float32
    offset = float(np.finfo(real.numpy).eps) if eps is None else float(eps)
    if kind.kind == "c" or input.form.numel == 0:
        dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
        unit = input * (input.abs().square().mean(dims, True) + offset).rsqrt()
        return unit if weight is None else unit * weight
    input = input.contiguous()
    weight = None if weight is None else weight.contiguous()
    plan = _plan_of("rms_norm", input, normalized_shape, weight, None, offset, False)
    return rms_norm_of(input, weight, None, plan)


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
