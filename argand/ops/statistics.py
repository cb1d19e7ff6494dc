"""Statistics: extrema, means and spreads together, sums without NaN, covariances, segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.record import Either, describe
from argand.ops.reduce import amax, amin, mean, std, sum, var
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.scatter import combined_at

_AMinMax = result_type("aminmax", "min max")


@composite(
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), dim=1), call(draw(3, 4), dim=0, keepdim=True),
    ],
    reference=lambda x, dim=None, keepdim=False: (
        x.min(dim, keepdims=keepdim), x.max(dim, keepdims=keepdim)
    ),
)  # fmt: skip
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Either:
    """The smallest and the largest element, of all or in a dimension.

    >>> import argand
    >>> low, high = argand.tensor([3, 1, 2]).aminmax()
    >>> low, high
    (tensor(1), tensor(3))
    """
    if dim is None and not input.form.numel:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            "identity."
        )
    dims = None if dim is None else normalize_dim(dim, input.ndim)
    low, high = (f.body(input, dims, keepdim) for f in (amin, amax))
    return _AMinMax((low, high))


# ---- means and spreads --------------------------------------------------------------------------


def _spread_samples(draw: Draw) -> Iterable[Call]:
    if draw.floating:
        yield call(draw(3, 4))
        yield call(draw(3, 4), 1, keepdim=True)
        yield call(draw(2, 3, 4), (0, 2), correction=0)


def _both_reference(spread: Any) -> Any:
    def reference(x: Any, dim: Any = None, *, correction: int = 1, keepdim: bool = False) -> Any:
        return spread(x, dim, ddof=correction, keepdims=keepdim), x.mean(dim, keepdims=keepdim)

    return reference


def _with_mean(spread: Any, input: Any, dim: Any, correction: Any, keepdim: bool,
               unbiased: bool | None) -> tuple[Any, Any]:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    found = spread.body(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased)
    return found, mean.body(input, None if dim == () else dim, keepdim)


@composite(as_method=False, samples=_spread_samples, reference=_both_reference(np.var))
def var_mean(
    input: Any, dim: Any = None, *, correction: float | None = 1, keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The variance and the mean.

    >>> import argand
    >>> argand.var_mean(argand.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    return _with_mean(var, input, dim, correction, keepdim, unbiased)


@composite(as_method=False, samples=_spread_samples, reference=_both_reference(np.std))
def std_mean(
    input: Any, dim: Any = None, *, correction: float | None = 1, keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The standard deviation and the mean.

    >>> import argand
    >>> argand.std_mean(argand.tensor([1.0, 3.0]))
    (tensor(1.4142), tensor(2.))
    """
    return _with_mean(std, input, dim, correction, keepdim, unbiased)


# ---- without NaN --------------------------------------------------------------------------------


def _present(input: Any) -> Any:
    """`input` with zeros in place of NaN."""
    if input.form.dtype.kind not in "fc":
        return input
    return input.masked_fill(input.isnan(), 0)


def _nan_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 1)
    yield call(draw(2, 3, 4), (0, 2), True)


@composite(
    out="typed",
    samples=_nan_samples,
    reference=lambda x, dim=None, keepdim=False: np.nansum(x, dim, keepdims=keepdim),
)
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of all elements but NaN, or over dimensions.

    >>> import argand
    >>> argand.tensor([1.0, float("nan")]).nansum()
    tensor(1.)
    """
    if input.form.dtype.kind == "c":
        raise RuntimeError("nansum does not support complex inputs")
    if dtype is dtypes.bool_ and input.is_floating_point():
        raise NotImplementedError("\"nansum\" not implemented for 'bool'")
    return sum.body(_present(input), dim, keepdim, dtype=dtype)


@composite(
    samples=lambda draw: list(_nan_samples(draw)) if draw.floating else [],
    reference=lambda x, dim=None, keepdim=False: np.nanmean(x, dim, keepdims=keepdim),
)
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean of all elements but NaN, or over dimensions.

    >>> import argand
    >>> argand.tensor([1.0, float("nan")]).nanmean()
    tensor(1.)
    """
    if input.form.dtype.kind not in "fc":
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.name}"
        )
    if input.form.dtype.kind == "c":
        raise RuntimeError("nanmean: complex numbers are not supported")
    total = sum.body(_present(input), dim, keepdim, dtype=dtype)
    return total / sum.body(~input.isnan(), dim, keepdim).to(total.dtype)


# ---- covariances --------------------------------------------------------------------------------


@composite(
    out="",
    samples=lambda draw: [
        call(draw(3, 6)), call(draw(6)), call(draw(2, 5), correction=0),
    ] if draw.floating else [],
    reference=lambda x, *, correction=1: np.cov(x, ddof=correction),
)  # fmt: skip
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariances of variables, which are rows; columns are observations.

    Args:
        fweights: how often each observation was made.
        aweights: how important each observation is.

    >>> import argand
    >>> argand.cov(argand.tensor([[0.0, 2.0], [0.0, 4.0]]))
    tensor([[2., 4.],
            [4., 8.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if input.form.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.ndim < 2 else input
    weight = None
    for given in (fweights, aweights):
        if given is not None:
            if given.ndim > 1 or given.form.numel != x.shape[1]:
                raise RuntimeError(f"cov(): expected one weight per column, got {describe(given)}")
            weight = given if weight is None else weight * given
    if x.form.dtype.kind not in "fc":
        x = x.float()
    if weight is None:
        center, total = x.mean(1, True), x.shape[1]
    else:
        total = weight.sum()
        center = (x * weight).sum(1, True) / total
    if aweights is None or not correction:
        norm = total - correction
    else:
        norm = total - correction * (weight * aweights).sum() / total
    norm = norm.clamp(min=0) if hasattr(norm, "clamp") else max(norm, 0)
    centered = x - center
    scaled = centered if weight is None else centered * weight
    other = centered.conj() if x.is_complex() else centered
    product = scaled @ other.t() if x.shape[1] else x.new_zeros((x.shape[0], x.shape[0]))
    return (product / norm if x.form.numel or norm else product * float("nan")).squeeze()


@composite(
    out="",
    samples=lambda draw: [call(draw(3, 6)), call(draw(6))] if draw.floating else [],
    reference=np.corrcoef,
)
def corrcoef(input: Any) -> Any:
    """The correlations of variables, which are rows; columns are observations.

    >>> import argand
    >>> argand.corrcoef(argand.tensor([[0.0, 2.0], [0.0, 4.0]]))
    tensor([[1., 1.],
            [1., 1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    found = cov.body(input)
    if not found.ndim:
        return found / found
    deviation = found.diag().sqrt()
    found = found / deviation.view(-1, 1) / deviation.view(1, -1)
    return found if found.is_complex() else found.clamp(-1, 1)


# ---- slices and segments ------------------------------------------------------------------------


def _renorm_reference(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    rest = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    norms = (np.abs(x) ** p).sum(rest, keepdims=True) ** (1 / p)
    return np.where(norms > maxnorm, x * (maxnorm / (norms + 1e-7)), x)


@composite(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), 2, 0, 1.0), call(draw(2, 3, 2), 1, -1, 2.5),
    ] if draw.floating else [],
    reference=_renorm_reference,
)  # fmt: skip
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """The slices along a dimension, made smaller where their `p`-norm is above `maxnorm`.

    >>> import argand
    >>> argand.tensor([[3.0, 4.0], [0.0, 1.0]]).renorm(2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if input.form.dtype.kind not in "fc":
        raise RuntimeError(f"renorm: expected a floating type, but got {input.dtype.name}")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim}")
    at = normalize_dim(dim, input.ndim)
    rest = tuple(d for d in range(input.ndim) if d != at)
    norms = input.norm(p, rest, True)
    factor = (maxnorm / (norms + 1e-7)).masked_fill(norms <= maxnorm, 1)
    return input.contiguous() * factor


_MODES = {"sum": "sum", "mean": "sum", "max": "amax", "min": "amin", "prod": "prod"}
_STARTS = {"sum": 0.0, "mean": 0.0, "max": -np.inf, "min": np.inf, "prod": 1.0}


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(5), reduce, offsets=draw.permutation(1).new_tensor([0, 2, 2, 5]), initial=1.0)
        for reduce in _MODES
    ] if draw.name in ("float32", "float64") else [],
)  # fmt: skip
def segment_reduce(
    data: Any, reduce: str, *, lengths: Any = None, indices: Any = None, offsets: Any = None,
    axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Any:  # fmt: skip
    """Consecutive parts of a dimension, each reduced to one element.

    Args:
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: the length of each segment; or `offsets`, where each begins, and the end.
        initial: what every segment begins with.

    >>> import argand
    >>> data = argand.tensor([1.0, 2.0, 3.0])
    >>> argand.segment_reduce(data, "sum", lengths=argand.tensor([1, 2]))
    tensor([1., 5.])
    """
    if reduce not in _MODES:
        raise RuntimeError(f"unsupported reduction given: {reduce}")
    if (lengths is None) == (offsets is None):
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if indices is not None:
        raise NotImplementedError("segment_reduce: indices are not there yet")
    counts = as_array(lengths) if offsets is None else np.diff(as_array(offsets), axis=-1)
    at = normalize_dim(axis, data.ndim)
    if (counts < 0).any():
        raise RuntimeError("segment_reduce(): lengths contains negative value!")
    size, segments = data.shape[at], counts.shape[-1]
    if not unsafe and offsets is None and (counts.sum(-1) != size).any():
        raise RuntimeError("segment_reduce(): lengths must add up to the size of the dimension")
    starts = np.zeros((*counts.shape[:-1], size + 1), "i8")
    ends = np.cumsum(counts, -1)
    np.put_along_axis(starts, np.minimum(ends, size), 0, -1)
    np.add.at(starts, (*np.indices(ends.shape, sparse=True)[:-1], np.minimum(ends, size)), 1)
    places = np.cumsum(starts, -1)[..., :size]  # those behind the last segment are in one more
    shape = (*data.shape[:at], segments + 1, *data.shape[at + 1 :])
    places = places.reshape(places.shape + (1,) * (data.ndim - places.ndim))
    index = from_array(np.ascontiguousarray(np.broadcast_to(places, data.shape)))
    start = _STARTS[reduce] if initial is None else initial
    target = data.new_full(shape, start)
    found = combined_at(target, at, index, data, _MODES[reduce], True).narrow(at, 0, segments)
    if reduce != "mean":
        return found
    number = from_array(counts.astype(as_array(data.detach()).dtype))
    number = number.reshape(number.shape + (1,) * (data.ndim - number.ndim))
    if initial is not None:
        number = number.clamp(min=1)
    return found / number
