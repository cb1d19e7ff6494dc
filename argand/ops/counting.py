"""Counting elements: histograms, places in sorted sequences, membership."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh, from_array
from argand.ops.dims import normalize_dims
from argand.ops.function import composite
from argand.ops.map import EVERY, NUMERIC
from argand.ops.record import NUMBERS, Either, describe
from argand.ops.results import result_type
from argand.ops.samples import call
from argand.ops.sorting import comparable
from argand.runtime.tensor_base import TensorBase

_Histogram = result_type("histogram", "hist bin_edges")
_HistogramDD = result_type("histogramdd", "hist bin_edges")


@composite(
    out="",
    samples=lambda draw: [call(draw(3, 4)), call(draw(3, 4), 1), call(draw(2, 3, 4), (0, 2))],
    reference=lambda x, dim=None: np.count_nonzero(x, dim),
)
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """The number of elements that are not zero, of all or over dimensions.

    >>> import argand
    >>> argand.count_nonzero(argand.tensor([0, 5, 7]))
    tensor(2)
    """
    dims = normalize_dims("count_nonzero", dim, input.ndim)
    counted = np.not_equal(as_array(input), 0)
    if input.form.dtype is dtypes.bfloat16:
        counted = (as_array(input) & 0x7FFF) != 0  # -0.0 is zero
    return fresh(np.asarray(np.count_nonzero(counted, dims)), dtypes.int64)


@composite(
    out="",
    samples=lambda draw: [
        call(draw.index(6, below=4)), call(draw.index(6, below=4), minlength=7),
        call(draw.index(5, below=3), draw(5).detach()), call(draw.index(0, below=3)),
    ] if not draw.complex else [],
    reference=lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
)
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of ``0, 1, 2, ...`` occurs in a vector, or the sum of its weights.

    >>> import argand
    >>> argand.bincount(argand.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input.form.dtype.kind not in "ui":
        raise NotImplementedError(f'"bincount" not implemented for \'{input.form.dtype.name}\'')
    if input.ndim != 1:
        raise RuntimeError(
            "bincount only supports 1-d non-negative integral inputs, but got " + describe(input)
        )
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    places = as_array(input)
    if places.size and places.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return from_array(np.bincount(places.astype("i8"), minlength=minlength))
    if weights.form.numel != input.form.numel:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if weights.form.dtype.kind == "c":
        raise NotImplementedError(f'"bincount" not implemented for \'{weights.form.dtype.name}\'')
    kind = weights.form.dtype if weights.form.dtype is dtypes.float32 else dtypes.float64
    found = np.bincount(places.astype("i8"), as_array(weights.to(kind)), minlength)
    return fresh(found, kind)


# ---- histograms ---------------------------------------------------------------------------------


def _limits(name: str, values: Any, low: float, high: float) -> tuple[float, float]:
    """The range of a histogram; that of the values when it is empty."""
    if low == high:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low == high:
        low, high = low - (1 if name == "histc" else 0.5), high + (1 if name == "histc" else 0.5)
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return low, high


@composite(
    samples=lambda draw: [
        call(draw(20).detach(), 5), call(draw(4, 5).detach(), 4, -1, 1),
    ],
    reference=lambda x, bins=100, low=0, high=0: np.histogram(
        x, bins, None if low == high else (low, high)
    )[0],
)  # fmt: skip
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements lie in each of `bins` equal intervals between `min` and `max`.

    When both are equal, the smallest and the largest element are taken.

    >>> import argand
    >>> argand.histc(argand.tensor([1.0, 2.0, 1.0]), 2, 0, 4)
    tensor([2., 1.])
    """
    kind = input.form.dtype
    if kind.kind != "f":
        raise NotImplementedError(f'"histc" not implemented for \'{kind.name}\'')
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    values = comparable("histc", input.detach()).ravel()
    low, high = _limits("histc", values, min, max)
    counts, _ = np.histogram(values[(values >= low) & (values <= high)], bins, (low, high))
    return from_array(counts).to(kind)


def _edges(name: str, values: Any, bins: Any, limits: Any) -> Any:
    """The edges of the bins of one dimension."""
    if isinstance(bins, TensorBase):
        return comparable(name, bins)
    if not isinstance(bins, int):
        raise TypeError(f"{name}(): bins must be a number or a Tensor, but got {describe(bins)}")
    low, high = limits if limits is not None else (0.0, 0.0)
    low, high = _limits(name, values, low, high)
    return np.linspace(low, high, int(bins) + 1, dtype=values.dtype)


def _counted(points: Any, edges: Sequence[Any], weights: Any) -> Any:
    """How many points lie in each cell; `points` has a row for each dimension.

    The upper edge belongs to the last bin. Edges need not be sorted: bins are found by bisection.
    """
    shape = [max(len(edge) - 1, 0) for edge in edges]
    inside = np.ones(len(points[0]), bool)
    cells = []
    for values, edge in zip(points, edges):
        place = np.searchsorted(edge, values, "right") - 1
        place = np.where(values == edge[-1], len(edge) - 2, place)
        inside &= (values >= edge[0]) & (values <= edge[-1])
        cells.append(place)
    spots = tuple(place[inside] for place in cells)
    counts = np.zeros(shape)
    np.add.at(counts, spots, 1 if weights is None else weights[inside])
    return counts


def _finished(counts: Any, edges: Sequence[Any], density: bool, kind: Any) -> Any:
    if density:
        counts = counts / counts.sum()
        for dim, edge in enumerate(edges):
            shape = [-1 if d == dim else 1 for d in range(counts.ndim)]
            counts = counts / np.diff(edge).reshape(shape)
    return from_array(np.asarray(counts, "f8")).to(kind)


@composite(
    samples=lambda draw: [
        call(draw(20).detach(), 5, range=(-1.0, 1.0)),
        call(draw(20).detach(), 4, range=(-2.0, 2.0), density=True),
    ],
    reference=lambda x, bins, range, density=False: np.histogram(x, bins, range, density=density),
)
def histogram(
    input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
) -> Either:
    """How many elements lie in each bin, and the edges of the bins.

    Args:
        bins: their number, or their edges as a tensor.
        range: the lower and the upper end, if `bins` is a number.
        weight: how much each element counts.
        density: whether the result is a density, whose integral is 1.

    >>> import argand
    >>> argand.histogram(argand.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 4.0)).hist
    tensor([2., 1.])
    """
    kind = input.form.dtype
    if kind.kind != "f":
        raise NotImplementedError(f'"histogram" not implemented for \'{kind.name}\'')
    values = comparable("histogram", input).ravel()
    weights = None if weight is None else comparable("histogram", weight).ravel()
    edges = _edges("histogram", values, bins, range)
    counts = _counted([values], [edges], weights)
    hist = _finished(counts.astype("f8"), [edges], density, kind)
    given = bins if isinstance(bins, TensorBase) else from_array(edges).to(kind)
    return _Histogram((hist, given))


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [],  # a result within a result: see test_counting.py
)
def histogramdd(
    input: Any, bins: Any, range: Any = None, weight: Any = None, density: bool = False
) -> Either:
    """How many points, which are the rows of `input`, lie in each cell of a grid; and its edges.

    Args:
        bins: a number for all dimensions, one for each, or their edges as tensors.
        range: the lower and the upper end for each dimension, in one list.

    >>> import argand
    >>> points = argand.tensor([[0.1, 0.9], [0.2, 0.2]])
    >>> argand.histogramdd(points, [1, 2], range=[0.0, 1.0, 0.0, 1.0]).hist
    tensor([[1., 1.]])
    """
    kind = input.form.dtype
    if kind not in (dtypes.float32, dtypes.float64):
        raise NotImplementedError(f'"histogramdd" not implemented for \'{kind.name}\'')
    if input.ndim < 2:
        raise RuntimeError("histogramdd: input tensor should have at least 2 dimensions")
    points = as_array(input.detach()).reshape(-1, input.shape[-1])
    count = points.shape[1]
    each = [bins] * count if isinstance(bins, int) else list(bins)
    if len(each) != count:
        raise RuntimeError(f"histogramdd: bins must have {count} entries, but got {len(each)}")
    spans = [None] * count if range is None else [tuple(range[i : i + 2]) for i in
                                                   np.arange(0, 2 * count, 2)]  # fmt: skip
    edges = [_edges("histogramdd", points[:, d], each[d], spans[d]) for d in np.arange(count)]
    weights = None if weight is None else as_array(weight.detach()).ravel()
    counts = _counted(points.T, edges, weights)
    hist = _finished(counts, edges, density, kind)
    shown = tuple(
        b if isinstance(b, TensorBase) else fresh(edge, kind) for b, edge in zip(each, edges)
    )
    return _HistogramDD((hist, shown))


# ---- sorted sequences ---------------------------------------------------------------------------


def _search_reference(sequence: Any, values: Any, right: bool = False, **ignored: Any) -> Any:
    return np.searchsorted(np.sort(sequence), values, "right" if right else "left")


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(5).sort()[0], draw(3)), call(draw(5).sort()[0], draw(2, 3), right=True),
        call(draw(5).sort()[0], draw(2), out_int32=True),
    ] if not draw.complex else [],
    reference=_search_reference,
)
def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: Any = None,
) -> Any:  # fmt: skip
    """Where elements would have to be put into sorted sequences (the last dimension).

    Args:
        right: behind equal elements instead of before them; also ``side="right"``.
        sorter: the order of a sequence that is not sorted.

    >>> import argand
    >>> argand.searchsorted(argand.tensor([1, 3, 5]), argand.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError("side and right can't be set to opposites")
    from_right = right or side == "right"
    kind = dtypes.int32 if out_int32 else dtypes.int64
    if sorter is not None:
        sorted_sequence = sorted_sequence.take_along_dim(sorter, -1)
    kinds = NUMERIC if isinstance(input, TensorBase) else EVERY
    sequence = comparable("searchsorted", sorted_sequence, kinds)
    if not isinstance(input, TensorBase):
        if not isinstance(input, NUMBERS):
            raise TypeError(f"searchsorted(): input must be Tensor or a number: {describe(input)}")
        found = np.searchsorted(sequence, input, "right" if from_right else "left")
        return fresh(np.asarray(found), kind)
    values = comparable("searchsorted", input)
    if sequence.ndim <= 1:
        return fresh(np.asarray(_search(sequence, values, from_right)), kind)
    if sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "searchsorted: the first N-1 dimensions of boundaries tensor and input value tensor "
            f"must match, but got {list(sequence.shape)} and {list(values.shape)}"
        )
    lines = sequence.reshape(prod(sequence.shape[:-1]), sequence.shape[-1])
    rows = values.reshape(len(lines), values.shape[-1])
    found = [_search(line, row, from_right) for line, row in zip(lines, rows)]
    return fresh(np.array(found, "i8").reshape(values.shape), kind)


def _search(sequence: Any, values: Any, right: bool) -> Any:
    common = np.result_type(sequence, values)
    found = np.searchsorted(sequence.astype(common), values.astype(common),
                            "right" if right else "left")  # fmt: skip
    if common.kind == "f":  # nothing is smaller than NaN
        found = np.where(np.isnan(values), len(sequence), found)
    return found


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4), draw(5).sort()[0]), call(draw(4), draw(3).sort()[0], right=True),
        call(1.5, draw(3).sort()[0]),
    ] if not draw.complex else [],
    reference=lambda x, boundaries, right=False: _search_reference(boundaries, x, right),
)
def bucketize(
    input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False
) -> Any:
    """For each element, the bucket between the sorted `boundaries` that it lies in.

    Args:
        right: whether a boundary belongs to the bucket above it.

    >>> import argand
    >>> argand.bucketize(argand.tensor([1, 4]), argand.tensor([1, 3, 5]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})"
        )
    return searchsorted.body(boundaries, input, out_int32=out_int32, right=right)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw.index(3, 4, below=6), draw.index(3, below=6)),
        call(draw.index(5, below=4), draw.index(2, below=4), invert=True),
        call(draw.index(4, below=3), 1),
    ],
    reference=lambda x, y, invert=False: np.isin(x, y, invert=invert),
)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:
    """Whether each element is among `test_elements`.

    >>> import argand
    >>> argand.isin(argand.tensor([1, 2]), argand.tensor([2, 3]))
    tensor([False,  True])
    """
    for x in (elements, test_elements):
        if not isinstance(x, (TensorBase, *NUMBERS)):
            raise TypeError(f"isin(): arguments must be Tensors or numbers: {describe(x)}")
    a, b = (
        comparable("isin", x) if isinstance(x, TensorBase) else np.asarray(x)
        for x in (elements, test_elements)
    )
    return fresh(np.asarray(np.isin(a, b, invert=invert)), dtypes.bool_)
