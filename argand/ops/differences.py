"""Differences of neighbours, and integrals by trapezoids."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.join import cat
from argand.ops.samples import call
from argand.runtime.tensor_base import TensorBase


@composite(
    samples=lambda draw: [
        call(draw(5)), call(draw(3, 4), 2), call(draw(3, 4), 1, 0),
        call(draw(3, 4), 1, 1, draw(3, 1), draw(3, 2)),
    ],
    reference=lambda x, n=1, dim=-1, prepend=None, append=None: np.diff(
        x, n, dim, **{k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}
    ),
)
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours in a dimension, `n` times.

    >>> import argand
    >>> argand.diff(argand.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    at = normalize_dim(dim, input.ndim)
    if n == 0:
        return input.clone()
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat.body(parts, at) if len(parts) > 1 else input
    if n >= x.shape[at]:
        return x.narrow(at, 0, 0).clone()
    for _ in range(n):
        size = x.shape[at]
        after, before = x.narrow(at, 1, size - 1), x.narrow(at, 0, size - 1)
        x = after.logical_xor(before) if x.form.dtype is dtypes.bool_ else after - before
    return x


# ---- gradients of samples -----------------------------------------------------------------------


def _gradient_along(x: Any, at: int, spacing: Any, edge_order: int) -> Any:
    """Second-order differences inside, one-sided ones of `edge_order` at both ends."""
    size = x.shape[at]
    coordinates = spacing

    def part(first: int, length: int) -> Any:
        return x.narrow(at, first if first >= 0 else size + first, length)

    if not isinstance(spacing, TensorBase):
        inner = (part(2, size - 2) - part(0, size - 2)) / (2 * spacing)
        if edge_order == 1:
            left, right = (part(1, 1) - part(0, 1)), (part(-1, 1) - part(-2, 1))
        else:
            left = -1.5 * part(0, 1) + 2 * part(1, 1) - 0.5 * part(2, 1)
            right = 1.5 * part(-1, 1) - 2 * part(-2, 1) + 0.5 * part(-3, 1)
        return cat.body([left / spacing, inner, right / spacing], at)
    steps = diff.body(
        coordinates if coordinates.form.dtype.kind in "fc" else coordinates.to(x.dtype)
    )
    shape = [-1 if d == at else 1 for d in range(x.ndim)]
    a, b = steps[:-1].reshape(shape), steps[1:].reshape(shape)
    first, last = steps[:1].reshape(shape), steps[-1:].reshape(shape)
    inner = (
        part(0, size - 2) * (-b / (a * (a + b)))
        + part(1, size - 2) * ((b - a) / (a * b))
        + part(2, size - 2) * (a / (b * (a + b)))
    )
    if edge_order == 1:
        left, right = (part(1, 1) - part(0, 1)) / first, (part(-1, 1) - part(-2, 1)) / last
    else:
        second, third = steps[1:2].reshape(shape), steps[-2:-1].reshape(shape)
        left = _one_sided(first, second, part(0, 1), part(1, 1), part(2, 1))
        right = -_one_sided(last, third, part(-1, 1), part(-2, 1), part(-3, 1))
    return cat.body([left, inner, right], at)


def _one_sided(a: Any, b: Any, x: Any, y: Any, z: Any) -> Any:
    """The derivative at the first of three samples that are `a` and `b` apart."""
    return -(2 * a + b) / (a * (a + b)) * x + (a + b) / (a * b) * y - a / (b * (a + b)) * z


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(5)), call(draw(4, 3), dim=0), call(draw(4, 3), spacing=2.0, edge_order=2),
        call(draw(4, 5), spacing=(0.5, 2.0)),
    ] if draw.floating else [],
)  # fmt: skip
def gradient(
    input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Any, ...]:
    """The derivative of a sampled function along each dimension, by differences.

    Args:
        spacing: the distance of samples, one for each dimension, or their coordinates as tensors.
        dim: the dimensions; by default all.
        edge_order: 1 or 2, the accuracy at the ends.

    >>> import argand
    >>> argand.gradient(argand.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        several = isinstance(spacing, (list, tuple))
        dims = list(range(len(spacing) if several else input.ndim))
    else:
        given = [dim] if isinstance(dim, int) else list(dim)
        dims = [normalize_dim(d, input.ndim) for d in given]
    if spacing is None:
        spacing = 1
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to have {len(dims)} entries, but got {len(spacings)}"
        )
    for d in dims:
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    source = input if input.form.dtype.kind in "fc" else input.float()
    return tuple(_gradient_along(source, d, s, edge_order) for d, s in zip(dims, spacings))


# ---- trapezoids ---------------------------------------------------------------------------------


def _trapezoids(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The area of each trapezoid along a dimension."""
    at = normalize_dim(dim, y.ndim)
    if not y.ndim:
        raise RuntimeError(f"{name}: y must have at least one dimension")
    count = max(y.shape[at] - 1, 0)
    both = y.narrow(at, min(1, y.shape[at]), count) + y.narrow(at, 0, count)
    if x is None:
        return both * (dx / 2) if not isinstance(dx, complex) else both * dx / 2, at
    if not x.ndim:
        raise RuntimeError(f"{name}: x must have at least one dimension")
    if x.ndim == 1:
        if x.shape[0] != y.shape[at]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        shape = [-1 if d == at else 1 for d in range(y.ndim)]
        steps = diff.body(x).reshape(shape)
    else:
        lead = x.reshape([1] * (y.ndim - x.ndim) + list(x.shape))
        steps = diff.body(lead, 1, at)
    return both * steps / 2, at


def _trapezoid_reference(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    size = y.shape[dim]
    upper, lower = (y.take(range(s, s + size - 1), dim) for s in (1, 0))
    areas = (upper.astype(np.result_type(upper, "f8")) + lower) / 2
    if x is None:
        return (areas * dx).sum(dim)
    shape = [-1 if d == dim % y.ndim else 1 for d in range(y.ndim)]
    return (areas * np.diff(x).reshape(shape)).sum(dim)


@composite(
    out="",
    as_method=False,
    aliases=("trapz",),
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), dx=0.5), call(draw(3, 4), draw(3), dim=0),
    ] if draw.floating else [],
    reference=_trapezoid_reference,
)  # fmt: skip
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integral of samples along a dimension by the trapezoidal rule.

    Args:
        x: the coordinates of the samples; without them they are `dx` apart.

    >>> import argand
    >>> argand.trapezoid(argand.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    areas, at = _trapezoids("trapezoid", y, x, dx, dim)
    return areas.sum(at)


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), dx=0.5), call(draw(3, 4), draw(3), dim=0),
    ] if draw.floating else [],
)  # fmt: skip
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The running integral of samples along a dimension; see `trapezoid`.

    >>> import argand
    >>> argand.cumulative_trapezoid(argand.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    areas, at = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return areas.cumsum(at)

