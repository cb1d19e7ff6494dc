"""Ordering elements: by their ranks (ranking.py), or for wide types by the order that NumPy finds.

The values are gathered along it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.copies import converted
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.gather import elements_at
from argand.ops.map import NUMERIC
from argand.ops.ranking import first_by_rank, has_ranks, order_by_rank
from argand.ops.record import Either
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.scatter import ordered_like
from argand.runtime.tensor_base import TensorBase

_Sort = result_type("sort", "values indices")
_TopK = result_type("topk", "values indices")
_KthValue = result_type("kthvalue", "values indices")
_Median = result_type("median", "values indices")
_NanMedian = result_type("nanmedian", "values indices")
_Mode = result_type("mode", "values indices")


def comparable(name: str, x: Any, kinds: str = "fiub") -> Any:
    """The elements as an array that NumPy can order; raises NotImplementedError for other types."""
    _check_kind(name, x, kinds)
    return as_array(converted.body(x, dtypes.float32) if x.form.dtype is dtypes.bfloat16 else x)


def _check_kind(name: str, x: Any, kinds: str = "fiub") -> None:
    kind = x.form.dtype
    if kind.kind not in kinds:
        raise NotImplementedError(f'"{name}" not implemented for \'{kind.name}\'')


def order_of(array: Any, axis: int, descending: bool) -> Any:
    """Positions in ascending or descending order; equal elements keep theirs, NaN is greatest."""
    if not descending:
        return array.argsort(axis, kind="stable")
    backwards = np.flip(array, axis).argsort(axis, kind="stable")
    return array.shape[axis] - 1 - np.flip(backwards, axis)


def picked(kind: Any, input: Any, dim: int, order: Any, keepdim: bool = True) -> Any:
    """The elements at `order`, and `order`, as a result of type `kind`."""
    indices = order
    if not isinstance(order, TensorBase):
        indices = from_array(np.ascontiguousarray(order, "i8"))
    values = elements_at(input, dim, indices)
    if keepdim:
        return kind((values, indices))
    return kind((values.squeeze(dim), indices.squeeze(dim)))


def _of_number(kind: Any, input: Any) -> Any:
    """The result for a tensor without dimensions."""
    return kind((input.clone(), input.new_zeros((), dtype=dtypes.int64)))


# ---- for tests ----------------------------------------------------------------------------------


def _sort_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 0)
    yield call(draw(2, 3, 4), 1, descending=True)
    yield call(draw())
    yield call(draw(0, 3), 0)


def _distinct(draw: Draw, *shape: int) -> Any:
    """Elements that all differ: of equal ones, PyTorch does not say which it chooses."""
    if str(draw.kind) in ("torch.float32", "torch.float64"):
        return draw(*shape)
    return draw.permutation(prod(shape)).view(shape).to(draw.kind)


def _order_reference(x: Any, dim: int = -1, descending: bool = False) -> Any:
    return order_of(x, dim, descending) if x.ndim else np.zeros((), "i8")


def _sorted_reference(x: Any, dim: int = -1, descending: bool = False) -> Any:
    if not x.ndim:
        return x, np.zeros((), "i8")
    order = order_of(x, dim, descending)
    return np.take_along_axis(x, order, dim), order


def _kth_reference(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    values, order = _sorted_reference(x, dim)
    found = [np.take(part, [k - 1], dim) for part in (values, order)]
    return tuple(part if keepdim else part.squeeze(dim) for part in found)


def _median_reference(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        return np.sort(x, None)[(x.size - 1) // 2]
    return _kth_reference(x, (x.shape[dim] + 1) // 2, dim, keepdim)


# ---- orders -------------------------------------------------------------------------------------


@composite(samples=_sort_samples, reference=_sorted_reference)
def sort(
    input: Any, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Either:
    """The elements of a dimension in order, and where they were.

    Equal elements keep their order, whether `stable` is asked for or not. NaN counts as greatest.

    >>> import argand
    >>> values, indices = argand.tensor([3, 1, 2]).sort()
    >>> values, indices
    (tensor([1, 2, 3]), tensor([1, 2, 0]))
    """
    at = normalize_dim(dim, input.ndim)
    _check_kind("sort", input)
    if not input.form.ndim:
        return _of_number(_Sort, input)
    if has_ranks(input.form):
        order = order_by_rank(input, at, descending)
    else:
        order = order_of(comparable("sort", input), at, descending)
    found = picked(_Sort, input, at, order)
    return found if input.form.contiguous else _Sort([ordered_like(p, input) for p in found])


@composite(samples=_sort_samples, reference=_order_reference)
def argsort(
    input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Any:
    """The positions of a dimension's elements in order.

    >>> import argand
    >>> argand.tensor([3, 1, 2]).argsort()
    tensor([1, 2, 0])
    """
    return sort.body(input.detach(), dim, descending)[1]


@composite(
    samples=lambda draw: [call(draw(3, 4)), call(draw(3)), call(draw(0, 2))],
    reference=lambda x: np.sort(x, 0),
)
def msort(input: Any) -> Any:
    """The elements of the first dimension in order.

    >>> import argand
    >>> argand.tensor([3, 1, 2]).msort()
    tensor([1, 2, 3])
    """
    return sort.body(input, 0)[0]


@composite(
    samples=lambda draw: [
        call(_distinct(draw, 3, 6), 2), call(_distinct(draw, 6, 3), 4, 0),
        call(_distinct(draw, 2, 6), 3, largest=False), call(draw(5), 0), call(draw(), 1),
    ],
    reference=lambda x, k, dim=-1, largest=True: tuple(
        np.take(part, range(k), dim) if x.ndim else part
        for part in _sorted_reference(x, dim, largest)
    ),
)
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Either:
    """The `k` largest (or smallest) elements of a dimension in order, and where they are.

    >>> import argand
    >>> values, indices = argand.tensor([3, 1, 2]).topk(2)
    >>> values, indices
    (tensor([3, 2]), tensor([0, 2]))
    """
    at = normalize_dim(dim, input.ndim)
    _check_kind("topk", input, NUMERIC)
    size = input.form.shape[at] if input.form.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"topk: selected index k out of range: {k} of {size} elements")
    if not input.ndim:
        return _of_number(_TopK, input)
    if has_ranks(input.form):
        return picked(_TopK, input, at, first_by_rank(input, at, k, largest))
    array = comparable("topk", input, NUMERIC)
    if size < 256 or 8 * k > size or not k:
        order = order_of(array, at, largest).take(range(k), at)
        return picked(_TopK, input, at, order)
    place = size - k if largest else k - 1
    side = range(size - k, size) if largest else range(k)
    found = np.sort(array.argpartition(place, at).take(side, at), at)  # equal ones by position
    values = np.take_along_axis(array, found, at)
    return picked(_TopK, input, at, np.take_along_axis(found, order_of(values, at, largest), at))


# ---- one element of the order -------------------------------------------------------------------


@composite(
    apart=("input",),
    samples=lambda draw: [
        call(_distinct(draw, 3, 4), 2), call(_distinct(draw, 3, 4), 3, 0),
        call(_distinct(draw, 2, 3, 4), 1, 1, True),
    ],
    reference=_kth_reference,
)
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Either:
    """The k-th smallest element of a dimension, counted from 1, and where it is.

    >>> import argand
    >>> argand.tensor([3, 1, 2]).kthvalue(2).values
    tensor(2)
    """
    at = normalize_dim(dim, input.ndim)
    array = comparable("kthvalue", input, NUMERIC)
    size = array.shape[at] if input.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {at}: {k}")
    if not input.ndim:
        return _of_number(_KthValue, input)
    return picked(_KthValue, input, at, order_of(array, at, False).take([k - 1], at), keepdim)


def _median(name: str, kind: Any, input: Any, dim: Any, keepdim: bool, skips: bool) -> Any:
    array = comparable(name, input, NUMERIC)
    if dim is None:
        if not array.size:
            return input.new_full((), np.nan if input.is_floating_point() else -(1 << 63))
        return _median(name, kind, input.reshape(-1), 0, False, skips)[0]
    at = normalize_dim(dim, input.ndim)
    if not input.ndim:
        return _of_number(kind, input)
    size = array.shape[at]
    if not size:
        raise IndexError(f"{name}(): Expected reduction dim {at} to have non-zero size.")
    order = order_of(array, at, False)
    missing = np.isnan(array).sum(at, keepdims=True) if array.dtype.kind == "f" else 0
    if skips:
        place = np.maximum(size - missing - 1, 0) // 2
    else:
        place = np.where(missing > 0, size - missing, (size - 1) // 2)
    shape = [1 if d == at else n for d, n in enumerate(array.shape)]
    found = np.take_along_axis(order, np.broadcast_to(place, shape), at)
    return picked(kind, input, at, found, keepdim)


def _median_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 1)
    yield call(draw(2, 3, 4), 0, True)
    yield call(draw())


@composite(samples=_median_samples, reference=_median_reference)
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Either:
    """The middle element in order, the lower one of two; with a dimension, also where it is.

    >>> import argand
    >>> argand.tensor([3, 1, 2, 7]).median()
    tensor(2)
    """
    return _median("median", _Median, input, dim, keepdim, False)


@composite(samples=_median_samples, reference=_median_reference)
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Either:
    """`median` without elements that are NaN.

    >>> import argand
    >>> argand.tensor([3.0, 1.0, float("nan")]).nanmedian()
    tensor(1.)
    """
    return _median("nanmedian", _NanMedian, input, dim, keepdim, True)


def _mode_reference(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if not x.ndim:
        return x, np.zeros((), "i8")
    places = np.apply_along_axis(_mode_of, dim, x)
    wide = np.expand_dims(places, dim)
    values = np.take_along_axis(x, wide, dim)
    return (values, wide) if keepdim else (values.squeeze(dim), places)


def _mode_of(line: Any) -> int:
    """Where the smallest of the most frequent values occurs last."""
    values, counts = np.unique(line, return_counts=True)
    return int(np.flatnonzero(line == values[counts.argmax()])[-1])


@composite(
    samples=lambda draw: [
        call(draw(3, 6)), call(draw(4, 3), 0), call(draw(2, 5, 2), 1, True), call(draw()),
    ],
    reference=_mode_reference,
)
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Either:
    """The value that occurs most often in a dimension, the smallest of several; and where.

    >>> import argand
    >>> argand.tensor([3, 1, 3]).mode().values
    tensor(3)
    """
    at = normalize_dim(dim, input.ndim)
    array = comparable("mode", input)
    if not input.ndim:
        return _of_number(_Mode, input)
    if not array.shape[at]:
        raise IndexError(f"mode(): Expected reduction dim {at} to have non-zero size.")
    places = np.expand_dims(np.apply_along_axis(_mode_of, at, array), at)
    return picked(_Mode, input, at, places, keepdim)


# ---- quantiles ----------------------------------------------------------------------------------

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    name: str, input: Any, q: Any, dim: int | None, keepdim: bool, how: str, skips: bool
) -> Any:
    if input.form.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if how not in INTERPOLATIONS:
        raise RuntimeError(f"{name}() interpolation must be one of {INTERPOLATIONS}, got {how}")
    if not isinstance(q, TensorBase):
        q = input.new_tensor(q)
    if q.form.dtype is not input.form.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    wanted = as_array(q.detach())
    if wanted.size and not ((wanted >= 0) & (wanted <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if not input.form.numel:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    rank = input.ndim
    at = None if dim is None else normalize_dim(dim, rank)
    lines = input.reshape(1, -1) if at is None or not rank else input.movedim(at, -1)
    lead = lines.shape[:-1] if at is not None and rank else ()
    lines = lines.reshape(-1, lines.shape[-1])  # (results, elements)
    ordered = sort.body(lines, 1)[0]
    ranks, last = _ranks(as_array(ordered.detach()), wanted.reshape(-1), skips)
    low, high = (from_array(np.ascontiguousarray(f(ranks), "i8")) for f in (np.floor, np.ceil))
    if how == "nearest":
        low = high = from_array(np.rint(ranks).astype("i8"))
    below, above = elements_at(ordered, 1, low), elements_at(ordered, 1, high)
    if how == "linear":
        share = q.reshape(1, -1) * from_array(last) - from_array(np.floor(ranks))
        found = below + (above - below) * share
    elif how == "midpoint":
        found = below + (above - below) * 0.5
    else:
        found = above if how == "higher" else below
    found = found.t().reshape((*q.shape, *lead))
    if not keepdim:
        return found
    if at is None:
        return found.reshape((*q.shape, *[1] * rank))
    return found.unsqueeze(at + q.ndim) if rank else found


def _ranks(ordered: Any, wanted: Any, skips: bool) -> tuple[Any, Any]:
    """Which elements of ordered lines to take, as fractions, and the last; NaN is at their end."""
    size = ordered.shape[1]
    missing = np.isnan(ordered).sum(1, keepdims=True)
    last = np.maximum(size - 1 - missing, 0) if skips else np.full_like(missing, size - 1)
    ranks = wanted[None, :] * last
    if not skips:
        ranks = np.where(missing > 0, size - 1, ranks)
    return ranks.astype(wanted.dtype), last.astype(wanted.dtype)


def _quantile_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), 0.3)
    yield call(draw(3, 4), 0.5, 1)
    yield call(draw(2, 3, 4), 0.25, 0, True)
    for how in INTERPOLATIONS:
        yield call(draw(3, 5), 0.4, 1, interpolation=how)


def _quantile_reference(
    x: Any, q: Any, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Any:
    return np.quantile(x, q, dim, keepdims=keepdim, method=interpolation)  # type: ignore[call-overload]


@composite(samples=_quantile_samples, reference=_quantile_reference)
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Any:  # fmt: skip
    """The values below which the fractions `q` of the elements lie.

    Args:
        q: a number between 0 and 1, or a vector of them, which becomes the first dimension.
        interpolation: between the two nearest elements: "linear", "lower", "higher", "midpoint" or
            "nearest".

    >>> import argand
    >>> argand.tensor([0.0, 1.0, 2.0]).quantile(0.25)
    tensor(0.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@composite(samples=_quantile_samples, reference=_quantile_reference)
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Any:  # fmt: skip
    """`quantile` without elements that are NaN.

    >>> import argand
    >>> argand.tensor([0.0, 1.0, float("nan")]).nanquantile(0.5)
    tensor(0.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
