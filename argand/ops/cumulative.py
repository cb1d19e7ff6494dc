"""Running sums, products and extrema along a dimension."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.scan import scan_kernel
from argand.ops.arrays import as_array, from_array, new, owned
from argand.ops.copies import compact
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.gather import elements_at
from argand.ops.plans import RELEASE_ABOVE
from argand.ops.record import Either
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.sorting import comparable
from argand.runtime import memory, threads
from argand.runtime.layout import dense

_CumMax = result_type("cummax", "values indices")
_CumMin = result_type("cummin", "values indices")
_KERNELS = (dtypes.float32, dtypes.float64, dtypes.int64)
_SAFE = 60.0  # exponentials of this are far from the largest float32
_plans: dict[Any, memory.Plan] = {}


def _samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), 0)
    yield call(draw(3, 4), 1)
    yield call(draw(2, 3, 4), -2)
    yield call(draw(), 0)
    yield call(draw(0, 3), 0)


def _wide_samples(draw: Draw) -> Iterable[Call]:
    if str(draw.kind) != "torch.bool":  # whose sums are integers: they have no in-place form
        yield from _samples(draw)


def _along(function: Any) -> Any:
    def reference(x: Any, dim: int, dtype: Any = None) -> Any:
        return function(x, dim) if x.ndim else x

    return reference


def _added_up(input: Any, dtype: dtype | None) -> Any:
    """The input in the type of the result: integers and bool are widened."""
    if dtype is not None:
        return input.to(dtype)
    return input.to(dtypes.int64) if input.form.dtype.kind in "bui" else input


def _scanned(operation: str, input: Any, dim: int) -> Any:
    kind = input.form.dtype
    if dim == input.ndim - 1 and kind in _KERNELS and input.form.numel:
        input = input if input.form.contiguous else compact.body(input)
        out = new(dense(kind, input.form.shape))
        _scan_plan(operation, input).run(input.ptr, out.ptr)
        return out
    if kind.kind == "b" and input.form.numel:
        raise NotImplementedError(f'"cum{operation}" not implemented for \'bool\'')
    function = np.add if operation == "sum" else np.multiply
    if kind in (dtypes.float16, dtypes.bfloat16):
        wide = as_array(input.detach().float())
        return from_array(np.ascontiguousarray(function.accumulate(wide, dim))).to(kind)
    array = as_array(input)
    return owned(function.accumulate(array, dim, array.dtype), kind)


def _scan_plan(operation: str, input: Any) -> memory.Plan:
    key = (operation, input.form)
    plan = _plans.get(key)
    if plan is None:
        length = input.form.shape[-1]
        rows = input.form.numel // length
        work = input.form.numel * 1.2
        plan = _plans[key] = memory.make_plan(
            jit.address(scan_kernel(operation, input.form.dtype)),
            [length],
            2,
            units=rows,
            chunks=threads.chunks_for(work, rows),
            release_gil=work > RELEASE_ABOVE,
        )
    return plan


@operation(as_method=False, as_function=False, graph_name="cumsum")
def running_sum(input: Any, dim: int) -> Any:
    """The sum of each element and those before it."""
    return _scanned("sum", input, dim)


@running_sum.vjp()
def _running_sum_vjp(g: Any, out: Any, input: Any, dim: int) -> Any:
    return running_sum(g.flip(dim), dim).flip(dim), None


@composite(out="typed", in_place=True, samples=_wide_samples, reference=_along(np.cumsum))
def cumsum(input: Any, dim: int, *, dtype: dtype | None = None) -> Any:
    """The sum of each element and those before it in a dimension.

    >>> import argand
    >>> argand.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    at = normalize_dim(dim, input.ndim)
    wide = _added_up(input, dtype)
    return running_sum(wide, at) if input.ndim else wide.clone()


@operation(as_method=False, as_function=False, graph_name="cumprod")
def running_product(input: Any, dim: int) -> Any:
    """The product of each element and those before it."""
    return _scanned("prod", input, dim)


@running_product.vjp(saves="input out")
def _running_product_vjp(g: Any, out: Any, input: Any, dim: int) -> Any:
    """``sum over j >= i of g[j] out[j] / x[i]``; at a zero, the products leave it out.

    Of complex numbers both factors are conjugated.
    """
    input, out = input.conj(), out.conj()
    zero = input == 0
    if not zero.any().item():
        return running_sum((g * out).flip(dim), dim).flip(dim) / input, None
    # the first zero of a line has a gradient, what is behind it has none
    number = running_sum(zero.to(dtypes.int64), dim)
    before = (number == 0).to(input.dtype)
    first = (zero & (number == 1)).to(input.dtype)
    between = (number == 1).to(input.dtype)
    plain = running_sum((g * out * before).flip(dim), dim).flip(dim)
    plain = plain * before / input.masked_fill(zero, 1)
    others = running_product(input.masked_fill(first.bool(), 1), dim)
    at_first = running_sum((g * others * between).flip(dim), dim).flip(dim) * first
    return plain + at_first, None


@composite(out="typed", in_place=True, samples=_wide_samples, reference=_along(np.cumprod))
def cumprod(input: Any, dim: int, *, dtype: dtype | None = None) -> Any:
    """The product of each element and those before it in a dimension.

    >>> import argand
    >>> argand.tensor([1, 2, 3]).cumprod(0)
    tensor([1, 2, 6])
    """
    at = normalize_dim(dim, input.ndim)
    wide = _added_up(input, dtype)
    return running_product(wide, at) if input.ndim else wide.clone()


@operation(as_method=False, as_function=False, graph_name="logcumsumexp")
def running_logsumexp(input: Any, dim: int) -> Any:
    """The logarithm of the running sum of exponentials."""
    kind = input.form.dtype
    half = kind in (dtypes.float16, dtypes.bfloat16)
    array = as_array(input.detach().float() if half else input)
    with np.errstate(all="ignore"):
        found = np.logaddexp.accumulate(array.astype("f8"), dim)
    return from_array(np.ascontiguousarray(found, array.dtype)).to(kind)


@running_logsumexp.vjp(saves="input out")
def _running_logsumexp_vjp(g: Any, out: Any, input: Any, dim: int) -> Any:
    """``exp(x[i]) * sum over j >= i of g[j] exp(-out[j])``; by logarithms where that overflows."""
    low, high = (f(as_array(out.detach().double())) for f in (np.min, np.max))
    if high - low < _SAFE:
        tail = running_sum((g * (high - out).exp()).flip(dim), dim).flip(dim)
        return tail * (input - high).exp(), None
    parts = []
    for share in (g, -g):
        tail = running_logsumexp((_log_of_positive(share) - out).flip(dim), dim).flip(dim)
        parts.append((tail + input).exp())
    return parts[0] - parts[1], None


def _log_of_positive(x: Any) -> Any:
    """The logarithm where `x` is positive, else minus infinity."""
    return x.masked_fill(x <= 0, 1).log().masked_fill(x <= 0, -np.inf)


@composite(
    samples=lambda draw: list(_samples(draw)) if draw.floating else [],
    reference=_along(lambda x, dim: np.log(np.cumsum(np.exp(x), dim))),
)
def logcumsumexp(input: Any, dim: int) -> Any:
    """The logarithm of the sum of exponentials of each element and those before it.

    >>> import argand
    >>> argand.zeros(2).logcumsumexp(0)
    tensor([0.0000, 0.6931])
    """
    kind = input.form.dtype
    if kind.kind not in "fc":
        raise NotImplementedError(f'"logcumsumexp" not implemented for \'{kind.name}\'')
    at = normalize_dim(dim, input.ndim)
    if not input.ndim or not input.form.numel:
        return input.clone()
    if kind.kind == "f":
        return running_logsumexp(input, at)
    top = input.detach().real.amax(at, True)
    return (input - top).exp().cumsum(at).log() + top


# ---- extrema ------------------------------------------------------------------------------------


def _running_places(array: Any, dim: int, function: Any) -> Any:
    """Where the extremum so far is: the last of equal ones, and of NaN."""
    best = function.accumulate(array, dim)
    hit = array == best
    if array.dtype.kind == "f":
        hit |= np.isnan(array)
    shape = [-1 if d == dim else 1 for d in range(array.ndim)]
    places = np.arange(array.shape[dim]).reshape(shape)
    return np.maximum.accumulate(np.where(hit, places, 0), dim)


def _extrema(name: str, input: Any, dim: int, function: Any, kind: Any) -> Any:
    at = normalize_dim(dim, input.ndim)
    array = comparable(name, input)
    if not input.ndim:
        return kind((input.clone(), input.new_zeros((), dtype=dtypes.int64)))
    places = from_array(np.ascontiguousarray(_running_places(array, at, function), "i8"))
    return kind((elements_at(input, at, places), places))


def _extrema_reference(function: Any) -> Any:
    def reference(x: Any, dim: int) -> Any:
        if not x.ndim:
            return x, np.zeros((), "i8")
        return function.accumulate(x, dim), _running_places(x, dim % x.ndim, function)

    return reference


@composite(samples=_samples, reference=_extrema_reference(np.maximum))
def cummax(input: Any, dim: int) -> Either:
    """The largest of each element and those before it in a dimension, and where it is.

    >>> import argand
    >>> argand.tensor([1, 3, 2]).cummax(0).values
    tensor([1, 3, 3])
    """
    return _extrema("cummax", input, dim, np.maximum, _CumMax)


@composite(samples=_samples, reference=_extrema_reference(np.minimum))
def cummin(input: Any, dim: int) -> Either:
    """The smallest of each element and those before it in a dimension, and where it is.

    >>> import argand
    >>> argand.tensor([3, 1, 2]).cummin(0).values
    tensor([3, 1, 1])
    """
    return _extrema("cummin", input, dim, np.minimum, _CumMin)
