"""Reductions: each says how two elements combine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.expr import Expr
from argand.ops.dims import normalize_dims
from argand.ops.fold import Fold, reduction
from argand.ops.function import composite
from argand.ops.record import Either, _Defaults
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.shape import expand_to


def _widened(x: Expr) -> Expr:
    """Integers and bool are summed as int64."""
    return x.to(dtypes.int64) if x.dtype.kind in "bui" else x


@reduction(as_method=False, as_function=False, reference=np.sum, graph_name="sum")
def sum_fold(x: Expr, index: Expr) -> Fold:
    """Adds all elements."""
    return Fold((_widened(x),), lambda a, b: a + b, (0,))


@sum_fold.vjp()
def _sum_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    return expand_to(_typed(g, input), input.form.shape)


def _typed(g: Any, input: Any) -> Any:
    return g if g.form.dtype is input.form.dtype else g.to(input.dtype)


@reduction(as_method=False, as_function=False, graph_name="linalg_vector_norm")
def euclidean_fold(x: Expr, index: Expr) -> Fold:
    """The root of the sum of squares."""
    return Fold((x * x,), lambda a, b: a + b, (0,), lambda total, n: total.sqrt())


@euclidean_fold.vjp(saves_input=True, saves_output=True)
def _euclidean_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    (length,) = outputs
    return input * (g / length).masked_fill(length == 0, 0.0)  # at 0 PyTorch has 0


@reduction(as_method=False, as_function=False, reference=np.mean, graph_name="mean")
def mean_fold(x: Expr, index: Expr) -> Fold:
    """Adds all elements and divides by their number."""
    return Fold((x,), lambda a, b: a + b, (0,), lambda total, n: total / n.to(total.dtype))


@mean_fold.vjp()
def _mean_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    count = math.prod(input.shape[d] for d in dims)
    return expand_to(_typed(g, input) / count, input.form.shape)


@reduction(as_method=False, as_function=False, reference=np.prod, graph_name="prod")
def prod_fold(x: Expr, index: Expr) -> Fold:
    """Multiplies all elements."""
    return Fold((_widened(x),), lambda a, b: a * b, (1,))


@prod_fold.vjp(saves_input=True, saves_output=True)
def _prod_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    zeros = input == 0
    if not zeros.any().item():
        return g * (outputs[0] / input).conj()
    # beside one zero only that element has a gradient, beside several none has
    nonzero = input.masked_fill(zeros, 1.0)
    others, count = nonzero, zeros
    for d in dims:
        others = prod_fold.apply(others, d, True)
        count = sum_fold.apply(count, d, True)
    lone = (zeros & (count == 1)).to(input.dtype)
    plain = (count == 0).to(input.dtype)
    return g * (others * (lone + plain / nonzero)).conj()


@reduction(as_method=False, as_function=False, reference=np.any, graph_name="any")
def any_fold(x: Expr, index: Expr) -> Fold:
    """Whether some element is nonzero."""
    return Fold((x.to(dtypes.bool_),), lambda a, b: a | b, (False,))


@reduction(as_method=False, as_function=False, reference=np.all, graph_name="all")
def all_fold(x: Expr, index: Expr) -> Fold:
    """Whether every element is nonzero."""
    return Fold((x.to(dtypes.bool_),), lambda a, b: a & b, (True,))


def _lowest(kind: dtype) -> float | int | bool:
    if kind.kind == "f":
        return -math.inf
    if kind.kind == "b":
        return False
    return 0 if kind.kind == "u" else -(1 << (8 * kind.itemsize - 1))


def _highest(kind: dtype) -> float | int | bool:
    if kind.kind == "f":
        return math.inf
    if kind.kind == "b":
        return True
    return (1 << (8 * kind.itemsize - (kind.kind == "i"))) - 1


@reduction(as_method=False, as_function=False, empty=False, reference=np.max, graph_name="amax")
def amax_fold(x: Expr, index: Expr) -> Fold:
    """The largest element; NaN where there is one."""
    return Fold((x,), lambda a, b: a.maximum(b), (_lowest(x.dtype),))


@reduction(as_method=False, as_function=False, empty=False, reference=np.min, graph_name="amin")
def amin_fold(x: Expr, index: Expr) -> Fold:
    """The smallest element; NaN where there is one."""
    return Fold((x,), lambda a, b: a.minimum(b), (_highest(x.dtype),))


def _extremum_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    """Equal extrema share the gradient evenly."""
    chosen = (input == outputs[0]).to(input.dtype)
    return g * (chosen / sum_fold.apply(chosen, dims, True))


amax_fold.vjp(saves_input=True, saves_output=True)(_extremum_vjp)
amin_fold.vjp(saves_input=True, saves_output=True)(_extremum_vjp)


def _first_best(x: Expr, index: Expr, better: Any, worst: Any) -> Fold:
    """The best element with its position; NaN is best of all, the first of equals counts."""

    def combine(left: Any, right: Any) -> tuple[Expr, Expr]:
        (a, i), (b, j) = left, right
        wins = better(b, a) | (b.eq(a) & (j < i))
        if a.dtype.kind == "f":
            both = b.ne(b) & a.ne(a)
            wins = a.ne(a).where(both & (j < i), wins | b.ne(b))
        return wins.where(b, a), wins.where(j, i)

    return Fold((x, index), combine, (worst, 2**62))


@reduction(as_method=False, as_function=False, empty=False, graph_name="max")
def max_fold(x: Expr, index: Expr) -> Fold:
    """The largest element and its position."""
    x = x.to(dtypes.uint8) if x.dtype.kind == "b" else x
    return _first_best(x, index, lambda b, a: b > a, _lowest(x.dtype))


@reduction(as_method=False, as_function=False, empty=False, graph_name="min")
def min_fold(x: Expr, index: Expr) -> Fold:
    """The smallest element and its position."""
    x = x.to(dtypes.uint8) if x.dtype.kind == "b" else x
    return _first_best(x, index, lambda b, a: b < a, _highest(x.dtype))


def _selected_vjp(g: Any, outputs: Any, input: Any, dims: Any) -> Any:
    """The gradient goes to the element that was chosen."""
    zeros = g.new_zeros(input.shape)
    return zeros.scatter(dims[0] if dims else 0, outputs[1], g)


max_fold.vjp(saves_output=True)(_selected_vjp)
min_fold.vjp(saves_output=True)(_selected_vjp)

Dims = int | Sequence[int] | None


# ---- for tests ----------------------------------------------------------------------------------


def _full_dim_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 0)
    yield call(draw(2, 3, 4), 1, keepdim=True)
    yield call(draw(2, 3, 4), dim=-1)
    yield call(draw(), 0)
    yield call(draw(0, 3), 1)
    yield call(draw(37, 5), 0)
    yield call(draw(5, 37), 1)


def _full_dims_samples(draw: Draw) -> Iterable[Call]:
    yield from _full_dim_samples(draw)
    yield call(draw(2, 3, 4), (0, 2))
    yield call(draw(2, 3, 4), (0, 1), True)


def _dim_samples(draw: Draw) -> Iterable[Call]:
    yield from _full_dim_samples(draw)
    yield call(draw(0, 3))
    yield call(draw(0, 3), 0)


def _dims_samples(draw: Draw) -> Iterable[Call]:
    yield from _full_dims_samples(draw)
    yield call(draw(0, 3))
    yield call(draw(2, 0, 3), (0, 1))


def _extremum_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 0)
    yield call(draw(2, 3, 4), -2, keepdim=True)
    yield call(draw(), 0)
    yield call(draw(3, 4), draw(3, 4))


def _spread_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(3, 4), 0)
    yield call(draw(3, 4), (0, 1), keepdim=True)
    yield call(draw(3, 4), 1, correction=0)
    yield call(draw(3, 4), unbiased=False)


def _along(function: Any) -> Any:
    """A reduction of NumPy with this package's arguments."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        return function(x, dim if x.ndim else None, keepdims=keepdim)

    return reference


def _extremum_reference(every: Any, places: Any, pairwise: Any) -> Any:
    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, np.ndarray):
            return pairwise(x, dim)
        if dim is None or not x.ndim:
            return every(x) if dim is None else (x, 0)
        return every(x, dim, keepdims=keepdim), places(x, dim, keepdims=keepdim)

    return reference


def _spread_reference(function: Any) -> Any:
    def reference(
        x: Any, dim: Any = None, correction: int = 1, keepdim: bool = False, unbiased: bool = True
    ) -> Any:
        return function(x, dim, ddof=correction if unbiased else 0, keepdims=keepdim)

    return reference


# ---- public reductions --------------------------------------------------------------------------


@composite(out="typed", samples=_dims_samples, reference=_along(np.sum))
def sum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Any:
    """The sum of all elements, or over dimensions.

    Args:
        dim: a dimension or several; None: all.
        keepdim: keep reduced dimensions with size 1.
        dtype: the type to add in; integers and bool are added as int64.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).sum(dim=0)
    tensor([4, 6])
    """
    return sum_fold.apply(input, dim, keepdim, dtype)


@composite(out="exact", samples=_dims_samples, reference=_along(np.mean))
def mean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Any:
    """The mean of all elements, or over dimensions.

    >>> import argand
    >>> argand.tensor([1.0, 2.0]).mean()
    tensor(1.5000)
    """
    kind = input.form.dtype if dtype is None else dtype
    if kind.kind not in "fc":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} "
            f"dtype must be either a floating point or complex dtype. Got: {kind.name}"
        )
    return mean_fold.apply(input, dim, keepdim, dtype)


@composite(out="typed", samples=_dim_samples, reference=_along(np.prod))
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *,
         dtype: dtype | None = None) -> Any:  # fmt: skip
    """The product of all elements, or over a dimension.

    >>> import argand
    >>> argand.tensor([2, 3, 4]).prod()
    tensor(24)
    """
    return prod_fold.apply(input, dim, keepdim, dtype)


@composite(samples=_dims_samples, reference=_along(np.any))
def any(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether some element is nonzero.

    >>> import argand
    >>> argand.tensor([0, 1]).any()
    tensor(True)
    """
    return _as_mask(any_fold.apply(input, dim, keepdim), input)


@composite(samples=_dims_samples, reference=_along(np.all))
def all(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether every element is nonzero.

    >>> import argand
    >>> argand.tensor([0, 1]).all()
    tensor(False)
    """
    return _as_mask(all_fold.apply(input, dim, keepdim), input)


def _as_mask(result: Any, input: Any) -> Any:
    """uint8 keeps its type in `any` and `all`."""
    return result.to(input.dtype) if input.dtype is dtypes.uint8 else result


@composite(samples=_full_dims_samples, reference=_along(np.max))
def amax(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """The largest element over dimensions; equal ones share the gradient.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).amax(1)
    tensor([2, 4])
    """
    return amax_fold.apply(input, dim, keepdim)


@composite(samples=_full_dims_samples, reference=_along(np.min))
def amin(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """The smallest element over dimensions; equal ones share the gradient.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).amin(1)
    tensor([1, 3])
    """
    return amin_fold.apply(input, dim, keepdim)


@composite(samples=_full_dim_samples, reference=_along(np.argmax))
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The position of the largest element; without `dim`, in the flattened tensor.

    >>> import argand
    >>> argand.tensor([[1, 5], [7, 4]]).argmax(1)
    tensor([1, 0])
    """
    return _position("argmax", max_fold, input, dim, keepdim)


@composite(samples=_full_dim_samples, reference=_along(np.argmin))
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The position of the smallest element; without `dim`, in the flattened tensor.

    >>> import argand
    >>> argand.tensor([[1, 5], [7, 4]]).argmin(1)
    tensor([0, 1])
    """
    return _position("argmin", min_fold, input, dim, keepdim)


def _position(name: str, fold: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    if input.form.dtype.kind == "b":
        raise NotImplementedError(f'"{name}" not implemented for \'bool\'')
    return fold.apply(input.detach(), dim, keepdim)[1]


_Max = result_type("max", "values indices")
_Min = result_type("min", "values indices")


@composite(samples=_extremum_samples, reference=_extremum_reference(np.max, np.argmax, np.maximum))
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Either:
    """The largest element; with a dimension, values and indices; with a tensor, `maximum`.

    >>> import argand
    >>> values, indices = argand.tensor([[1, 5], [7, 4]]).max(1)
    >>> indices
    tensor([1, 0])
    """
    return _extremum(input, dim, keepdim, amax_fold, max_fold, _Max, "maximum")


@composite(samples=_extremum_samples, reference=_extremum_reference(np.min, np.argmin, np.minimum))
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Either:
    """The smallest element; with a dimension, values and indices; with a tensor, `minimum`.

    >>> import argand
    >>> argand.tensor([[1, 5], [7, 4]]).min()
    tensor(1)
    """
    return _extremum(input, dim, keepdim, amin_fold, min_fold, _Min, "minimum")


def _extremum(
    input: Any, dim: Any, keepdim: bool, every: Any, along: Any, kind: Any, pairwise: str
) -> Any:
    if dim is None:
        return every.apply(input)
    if not isinstance(dim, int):
        return getattr(input, pairwise)(dim)
    values, indices = along.apply(input, dim, keepdim)
    return kind((values.to(input.dtype), indices))


@composite(out="cast", samples=_spread_samples, reference=_spread_reference(np.var))
def var(input: Any, dim: Dims = None, *, correction: float | None = 1, keepdim: bool = False,
        unbiased: bool | None = None) -> Any:  # fmt: skip
    """The variance; the sum of squares is divided by the count less `correction`.

    >>> import argand
    >>> argand.tensor([1.0, 3.0]).var()
    tensor(2.)
    """
    if input.form.dtype.kind not in "fc":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    elif correction is None:
        correction = 1
    dims = normalize_dims("var", dim, input.ndim)
    if input.form.dtype.kind == "c":
        real, imag = (
            var.body(part, dim, correction=correction, keepdim=keepdim)
            for part in (input.real, input.imag)
        )
        return real + imag
    count = math.prod(input.shape[d] for d in dims)
    centered = input - mean_fold.apply(input, dims or None, True)
    total = sum_fold.apply(centered * centered, dims or None, keepdim)
    left = count - correction
    return total / (left if left > 0 else 0.0)


@composite(out="cast", samples=_spread_samples, reference=_spread_reference(np.std))
def std(input: Any, dim: Dims = None, *, correction: float | None = 1, keepdim: bool = False,
        unbiased: bool | None = None) -> Any:  # fmt: skip
    """The standard deviation: the root of `var`.

    >>> import argand
    >>> argand.tensor([1.0, 3.0]).std()
    tensor(1.4142)
    """
    return var.body(
        input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased
    ).sqrt()


@composite(
    out="cast",
    elsewhere=("special.logsumexp",),
    samples=lambda draw: [
        call(draw(3, 4), 0), call(draw(3, 4), (0, 1)), call(draw(3, 4), 1, keepdim=True),
        call(draw(), 0),
    ],
    reference=_along(lambda x, dims, keepdims: np.log(np.exp(x).sum(dims, keepdims=keepdims))),
)
def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """``log(sum(exp(input)))``, shifted so that nothing overflows.

    >>> import argand
    >>> argand.tensor([0.0, 0.0]).logsumexp(0)
    tensor(0.6931)
    """
    if input.form.dtype.kind not in "fc":
        input = input.to(_Defaults.float_dtype)
    dims = normalize_dims("logsumexp", dim, input.ndim)
    shown = input.detach()
    top = amax_fold.apply(shown.real if shown.is_complex() else shown, dims or None, True)
    top = top.masked_fill(top.abs() == math.inf, 0.0)
    total = sum_fold.apply((input - top).exp(), dims or None, True).log() + top
    return total if keepdim else total.squeeze(dims)
