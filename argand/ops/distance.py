"""Distances between points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from argand.ops.arrays import from_array
from argand.ops.function import composite
from argand.ops.linalg import vector_norm
from argand.ops.matmul import product_of
from argand.ops.samples import call
from argand.runtime.layout import broadcast_shapes


def _distance_reference(x: Any, y: Any, p: float = 2.0) -> Any:
    size = np.abs(x - y)
    if p == 0:
        return np.count_nonzero(size)
    return size.max() if p == math.inf else (size**p).sum() ** (1 / p)


@composite(
    samples=lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(3, 4), draw(4), 1), call(draw(5), draw(5), 3.0),
        call(draw(5), draw(5), math.inf), call(draw(5), draw(5), 0),
    ],
    reference=_distance_reference,
)
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The `p`-norm of the difference of two tensors.

    >>> import argand
    >>> argand.dist(argand.tensor([0.0, 0.0]), argand.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return vector_norm.body(input - other, p)


def _pairs_reference(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "") -> Any:
    size = np.abs(x1[..., :, None, :] - x2[..., None, :, :])
    if p == 0:
        return np.count_nonzero(size, -1)
    return size.max(-1) if p == math.inf else (size**p).sum(-1) ** (1 / p)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4), draw(5, 4)), call(draw(2, 3, 2), draw(2, 4, 2), 1.0),
        call(draw(3, 4), draw(5, 4), math.inf), call(draw(3, 4), draw(5, 4), 3.0),
        call(draw(2, 1, 3, 2), draw(3, 4, 2)), call(draw(0, 2), draw(3, 2)),
        call(draw(3, 2), draw(4, 2), 0.0),
    ],
    reference=_pairs_reference,
)
def cdist(
    x1: Any, x2: Any, p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Any:  # fmt: skip
    """The distances of every point in one set to every point in another, as `p`-norms.

    Args:
        x1: ``(*, m, n)``: m points of n coordinates.
        x2: ``(*, r, n)``; leading sizes broadcast.
        compute_mode: ``use_mm_for_euclid_dist`` computes Euclidean distances through a matrix
            product, ``donot_use_mm_for_euclid_dist`` never does, and by default it is done where
            one set has more than 25 points.

    Shape:
        ``(*, m, r)``.

    >>> import argand
    >>> argand.cdist(argand.zeros(1, 2), argand.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    for number, x in enumerate((x1, x2), 1):
        if x.form.dtype.kind != "f":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, X{number} got: {x.dtype.name}"
            )
        if x.form.dtype.itemsize == 2:
            raise NotImplementedError(f"\"cdist\" not implemented for '{x.dtype.name}'")
        if x.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, X{number} got: {x.ndim}D"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"cdist: X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} "
            f"X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, but got {p}")
    modes = {
        "use_mm_for_euclid_dist_if_necessary": max(x1.shape[-2], x2.shape[-2]) > 25,
        "use_mm_for_euclid_dist": True,
        "donot_use_mm_for_euclid_dist": False,
    }
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    broadcast_shapes((x1.shape[:-2], x2.shape[:-2]))
    if p == 2 and modes[compute_mode]:
        return _euclidean_by_product(x1, x2)
    return vector_norm.body(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def _euclidean_by_product(x1: Any, x2: Any) -> Any:
    """``|a - b|`` from ``|a|^2 + |b|^2 - 2 a . b``: quick, and less exact for close points."""
    norm1 = (x1 * x1).sum(-1, keepdim=True)
    norm2 = (x2 * x2).sum(-1, keepdim=True)
    squares = norm1 + norm2.transpose(-2, -1) - 2 * product_of(x1, x2.transpose(-2, -1))
    vanishing = squares <= 0
    return squares.masked_fill(vanishing, 1.0).sqrt().masked_fill(vanishing, 0.0)


@composite(
    namespace="nn.functional",
    as_method=False,
    elsewhere=("pdist",),
    samples=lambda draw: [
        call(draw(4, 3)), call(draw(4, 3), 1.0), call(draw(3, 2), math.inf), call(draw(1, 2)),
        call(draw(0, 2)),
    ],
    reference=lambda x, p=2.0: _pairs_reference(x, x, p)[np.triu_indices(len(x), 1)],
)
def pdist(input: Any, p: float = 2.0) -> Any:
    """The distances of every pair of rows: (0, 1), (0, 2), ... (1, 2), ...

    >>> import argand
    >>> argand.pdist(argand.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if input.form.dtype.kind != "f":
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype.name}")
    if input.form.dtype.itemsize == 2:
        raise NotImplementedError(f"\"pdist\" not implemented for '{input.dtype.name}'")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, but got {p}")
    first, second = np.triu_indices(input.shape[0], 1)
    one, other = (input.index_select(0, from_array(places)) for places in (first, second))
    return vector_norm.body(one - other, p, -1)
