"""Resizing images: every output pixel is a weighted sum along each dimension in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import from_array
from argand.ops.function import composite
from argand.ops.samples import call


@composite(
    namespace="nn.functional",
    as_method=False,
    samples=lambda draw: [
        call(draw(1, 2, 4), scale_factor=2.0), call(draw(1, 2, 4, 5), (2, 7)),
        call(draw(1, 2, 4, 5), (6, 3), mode="bilinear"),
        call(draw(1, 2, 4), 7, mode="linear", align_corners=True),
    ],
)
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Resize the dimensions behind batch and channels.

    Args:
        input: ``(N, C, d1, ...)``.
        size: the new sizes, or one for all dimensions.
        scale_factor: factors instead of sizes.
        mode: ``"nearest"``, or ``"linear"``, ``"bilinear"``, ``"trilinear"`` by dimensions.
        align_corners: whether the corner pixels keep their values.
        antialias: whether shrinking averages over all pixels.

    >>> import argand
    >>> x = argand.tensor([[[1.0, 2.0]]])
    >>> argand.nn.functional.interpolate(x, scale_factor=2.0)
    tensor([[[1., 1., 2., 2.]]])
    """
    kind, dims = input.form.dtype, input.ndim - 2
    if kind.kind != "f" and (kind is not dtypes.uint8 or (mode != "nearest" and dims != 2)):
        raise NotImplementedError(f"\"interpolate\" not implemented for '{kind.name}'")
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}.get(dims)
    if mode not in ("nearest", linear):
        raise NotImplementedError(f"interpolate: mode {mode!r} for {dims} dimensions is not there")
    old = tuple(input.shape[2:])
    if (size is None) == (scale_factor is None):
        raise ValueError("either size or scale_factor should be defined, and not both")
    if size is not None:
        new = (size,) * dims if isinstance(size, int) else tuple(size)
    else:
        factors = (
            tuple(scale_factor) if isinstance(scale_factor, Sequence) else (scale_factor,) * dims
        )
        new = tuple(int(n * f) for n, f in zip(old, factors))
    for dim in reversed(range(dims)):
        n, m = old[dim], new[dim]
        if n == m:
            continue
        if mode == "nearest":
            picks = np.minimum((np.arange(m) * (n / m)).astype(np.int64), n - 1)
            input = input.index_select(dim + 2, from_array(picks))
        else:
            make = _averaging if antialias else _between
            input = _combine(input, dim + 2, from_array(make(n, m, bool(align_corners))))
    return input.contiguous()


def _combine(input: Any, dim: int, weights: Any) -> Any:
    """Weighted sums along a dimension; bytes are rounded after each dimension."""
    kind = input.form.dtype
    wide = input if kind.kind == "f" else input.to(dtypes.float32)
    result = (wide.transpose(dim, -1) @ weights.to(wide.dtype).t()).transpose(dim, -1)
    return result if kind.kind == "f" else (result + 0.5).floor().to(kind)


def _between(n: int, m: int, corners: bool) -> Any:
    """The weights (m, n) of the two neighbours of every new pixel."""
    if corners:
        places = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        places = np.maximum((np.arange(m) + 0.5) * (n / m) - 0.5, 0.0)
    low = np.minimum(places.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    weights = np.zeros((m, n))
    np.add.at(weights, (np.arange(m), low), 1 - (places - low))
    np.add.at(weights, (np.arange(m), high), places - low)
    return weights


def _averaging(n: int, m: int, corners: bool) -> Any:
    """The weights (m, n) of a triangle as wide as the step between new pixels."""
    step = (n - 1) / (m - 1) if corners and m > 1 else n / m
    reach = max(step, 1.0)
    center = (np.arange(m) + 0.5) * step
    distance = np.arange(n)[None, :] + 0.5 - center[:, None]
    weights = np.maximum(0.0, 1 - np.abs(distance) / reach)
    return weights / weights.sum(1, keepdims=True)
