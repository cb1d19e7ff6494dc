"""Writing elements where an index says, along one dimension."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.copies import compact
from argand.ops.create import Options, full_of
from argand.ops.dims import normalize_dim
from argand.ops.function import changing, composite, operation
from argand.ops.gather import check_places, elements_at, flat_positions, places
from argand.ops.history import check_written, is_recorded
from argand.ops.lookup import move, positions, spread_index
from argand.ops.record import describe
from argand.ops.samples import Call, Draw, call
from argand.runtime.layout import elementwise_strides, strided
from argand.runtime.tensor_base import TensorBase, make

# ---- the two ways of writing --------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="scatter")
def written_at(input: Any, dim: int, index: Any, src: Any, name: str = "scatter") -> Any:
    """A copy of `input` with `src`, which has the shape of `index`, where `index` says."""
    out = compact.body(input)
    move(name, "set", index, src, out, dim)
    return out


@written_at.vjp(saves="index")
def _written_at_vjp(
    g: Any, out: Any, input: Any, dim: int, index: Any, src: Any, name: str
) -> Any:
    return cleared_at(g, dim, index), None, None, elements_at(g, dim, index), None


def cleared_at(g: Any, dim: int, index: Any) -> Any:
    """`g` with zeros where `index` says."""
    zero = full_of(0, (), Options(dtype=g.form.dtype))
    return written_at(g, dim, index, _like_index(zero, index))


def _like_index(number: Any, index: Any) -> Any:
    """A 0-dimensional tensor repeated in the shape of `index`."""
    shape = index.form.shape
    return make(number.buffer, strided(number.form.dtype, shape, [0] * len(shape)), number.ptr)


@operation(as_method=False, as_function=False, graph_name="scatter_reduce")
def combined_at(
    input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool,
    name: str = "scatter_reduce",
) -> Any:  # fmt: skip
    """`input` combined with `src`, which has the shape of `index`, where `index` says."""
    out = compact.body(input)
    kind = out.form.dtype
    if not index.form.numel:
        return out
    if not include_self:
        start = full_of(_identity(reduce, kind), (), Options(dtype=kind))
        move(name, "set", index, _like_index(start, index), out, dim)
    if reduce == "prod" and kind.kind == "c":
        np.multiply.at(as_array(out), places(as_array(index), dim), as_array(src))
        return out
    move(name, "sum" if reduce == "mean" else reduce, index, src, out, dim)
    if reduce == "mean":
        count = _counts(input, dim, index, include_self)
        return out / count if kind.kind in "fc" else out.div(count, rounding_mode="floor")
    return out


def _identity(reduce: str, kind: Any) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    return dtypes.iinfo(kind).min if reduce == "amax" else dtypes.iinfo(kind).max


def _counts(input: Any, dim: int, index: Any, include_self: bool) -> Any:
    """How many elements meet at each place; at least one."""
    kind = input.form.dtype
    real = kind if kind.kind != "c" else kind.to_real()
    count = full_of(1 if include_self else 0, input.form.shape, Options(dtype=real))
    one = full_of(1, (), Options(dtype=real))
    move("scatter_reduce", "sum", index, _like_index(one, index), count, dim)
    return count if include_self else count.clamp(min=1)


@combined_at.vjp(saves="input index src out")
def _combined_at_vjp(
    g: Any, out: Any, input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool,
    name: str,
) -> Any:  # fmt: skip
    if not index.form.numel:
        return g, None, None, src.new_zeros(src.shape), None, None, None
    if reduce in ("sum", "mean"):
        shared = g / _counts(input, dim, index, include_self) if reduce == "mean" else g
        to_input, to_src = shared, elements_at(shared, dim, index)
    elif reduce == "prod":
        to_input, to_src = _product_gradients(g, out, input, dim, index, src, include_self)
    else:
        to_input, to_src = _extremum_gradients(g, out, input, dim, index, src, include_self)
    if not include_self:
        to_input = cleared_at(to_input, dim, index)
    return to_input, None, None, to_src, None, None, None


def _extremum_gradients(
    g: Any, out: Any, input: Any, dim: int, index: Any, src: Any, include_self: bool
) -> tuple[Any, Any]:
    """Those that are equal to the extremum share the gradient."""
    kind = input.dtype
    own = (input == out).to(kind)
    if not include_self:
        own = cleared_at(own, dim, index)
    given = (src == elements_at(out, dim, index)).to(kind)
    number = combined_at(own.detach(), dim, index, given.detach(), "sum", True)
    shared = g / number.clamp(min=1)
    return own * shared, given * elements_at(shared, dim, index)


def _product_gradients(
    g: Any, out: Any, input: Any, dim: int, index: Any, src: Any, include_self: bool
) -> tuple[Any, Any]:
    """The gradient of a factor is the product of the others, also where a factor is zero."""
    own = input.masked_fill(input == 0, 1)
    to_input = g * combined_at(own, dim, index, src, "prod", include_self) / own
    zero = src == 0
    none = input.new_zeros(input.shape)
    met = combined_at(none.detach(), dim, index, zero.to(src.dtype), "sum", True)
    lone = zero & (elements_at(met, dim, index) == 1)
    others = combined_at(input, dim, index, src.masked_fill(lone, 1), "prod", include_self)
    beside = elements_at(g * others, dim, index)
    plain = elements_at(g * out, dim, index) / src.masked_fill(zero, 1)
    return to_input, beside.where(lone, plain)


# ---- by elements --------------------------------------------------------------------------------


def _prepared(name: str, input: Any, dim: int, index: Any, src: Any) -> tuple[int, Any, Any]:
    """The dimension, the index, and the part of `src` that it walks, all checked."""
    at = normalize_dim(dim, input.ndim)
    check_places(name, input, at, index)
    if src.form.dtype is not input.form.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if index.form.numel:
        if max(src.ndim, 1) != max(index.ndim, 1):
            raise RuntimeError(
                f"{name}(): Index tensor must have the same number of dimensions as src tensor, "
                f"but got {describe(index)} and {describe(src)}"
            )
        for d, (n, m) in enumerate(zip(index.form.shape, src.form.shape)):
            if n > m:
                raise RuntimeError(
                    f"{name}(): Expected index {list(index.form.shape)} to be no larger than src "
                    f"{list(src.form.shape)}"
                )
            if n < m:
                src = src.narrow(d, 0, n)
    return at, positions(name, index, input.form.shape[at] if input.ndim else 1), src


def _scattered(
    name: str, input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True
) -> Any:
    if not input.ndim or not index.ndim:  # one element is a vector of one
        one, where, given = (x.reshape(-1) for x in (input, index, src))
        return _scattered(name, one, 0, where, given, reduce, include_self).reshape(input.shape)
    at, index, src = _prepared(name, input, dim, index, src)
    if not index.form.numel:
        return input.contiguous().clone()
    if reduce == "set":
        return written_at(input, at, index, src, name)
    return combined_at(input, at, index, src, reduce, include_self, name)


def _write_reference(write: Any) -> Any:
    def reference(x: Any, dim: int, index: Any, src: Any, *ignored: Any) -> Any:
        out = x.copy()
        values = src[tuple(slice(n) for n in index.shape)] if np.ndim(src) else src
        write(out, places(index, dim), values)
        return out

    return reference


@composite(
    in_place=True, apart=("index", "src"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.permutation(3).unsqueeze(1), draw(3, 1)),
        call(draw(3, 4), 1, draw.index(3, 1, below=4), draw.number()),
        call(draw(4), 0, draw.permutation(4), draw(4)),
        call(draw(3, 4), 1, draw.index(2, 0, below=4), draw(2, 0)),
    ],
    reference=_write_reference(operator.setitem),
)
def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None,
    reduce: str | None = None,
) -> Any:  # fmt: skip
    """`input` with elements of `src`, or one value, written where `index` says along `dim`.

    Args:
        reduce: "add" or "multiply" combine with what is there.

    >>> import argand
    >>> argand.zeros(1, 3).scatter(1, argand.tensor([[2]]), 1.0)
    tensor([[0., 0., 1.]])
    """
    if value is not None:
        src = value
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("scatter: reduce argument must be either add or multiply.")
    if not isinstance(src, TensorBase):
        if src is None:
            raise TypeError("scatter() missing 1 required argument: src or value")
        src = _like_index(full_of(src, (), Options(dtype=input.form.dtype)), index)
    mode = {None: "set", "add": "sum", "multiply": "prod"}[reduce]
    return _scattered("scatter", input, dim, index, src, mode)


@composite(
    in_place=True, apart=("index", "src"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(2, 4, below=3), draw(2, 4)),
        call(draw(3, 4), 1, draw.index(3, 5, below=4), draw(3, 6)),
        call(draw(2, 3, 4), 1, draw.index(2, 2, 3, below=3), draw(2, 2, 4)),
    ],
    reference=_write_reference(np.add.at),
)
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`input` with elements of `src` added where `index` says along `dim`.

    >>> import argand
    >>> argand.zeros(3).scatter_add(0, argand.tensor([0, 0]), argand.ones(2))
    tensor([2., 0., 0.])
    """
    return _scattered("scatter_add", input, dim, index, src, "sum")


def _write_directly(record: Any, mode: str) -> None:
    """Let ``name_`` write into the memory of its first argument where no gradient is wanted."""
    general, name = changing(record), record.name

    def method(self: Any, dim: int, index: Any, src: Any = None, **named: Any) -> Any:
        plain = isinstance(src, TensorBase) and src.buffer is not self.buffer and not named
        if not (plain and self.ndim and index.ndim) or is_recorded(name, self, (src,)):
            return general(self, dim, index, src, **named)
        check_written(f"{name}_", self.form)
        at, where, part = _prepared(name, self, dim, index, src)
        move(name, mode, where, part, self, at)
        self.buffer.version += 1
        return self

    record.in_place_form(method)


_write_directly(scatter, "set")
_write_directly(scatter_add, "sum")

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
_NUMPY = {
    "sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum,
}  # fmt: skip


def _reduce_reference(
    x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True
) -> Any:
    spots = places(index, dim)
    src = src[tuple(slice(n) for n in index.shape)]
    out = x.astype("f8") if reduce == "mean" and x.dtype.kind == "f" else x.copy()
    if not include_self:
        first = {"amax": src.min(initial=0), "amin": src.max(initial=0), "prod": 1}
        out[spots] = first.get(reduce, 0)
    _NUMPY[reduce].at(out, spots, src)
    if reduce == "mean":
        count = np.full(x.shape, int(include_self))
        np.add.at(count, spots, 1)
        count = np.maximum(count, 1)
        return out / count if x.dtype.kind == "f" else out // count
    return out


def _reduce_samples(draw: Draw) -> Iterable[Call]:
    for reduce in REDUCTIONS:
        yield call(draw(3, 4), 0, draw.index(5, 4, below=3), draw(5, 4), reduce)
        yield call(
            draw(3, 4), 1, draw.index(2, 3, below=4), draw(2, 3), reduce, include_self=False
        )


@composite(
    in_place=True, apart=("index", "src"), samples=_reduce_samples, reference=_reduce_reference
)
def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """`input` combined with elements of `src` where `index` says along `dim`.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether the elements of `input` at these places count.

    >>> import argand
    >>> argand.ones(2).scatter_reduce(0, argand.tensor([1, 1]), argand.tensor([3.0, 2.0]), "sum")
    tensor([1., 6.])
    """
    if reduce not in REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    _check_reducible("scatter_reduce", input, reduce)
    return _scattered("scatter_reduce", input, dim, index, src, reduce, include_self)


def _check_reducible(name: str, input: Any, reduce: str) -> None:
    kind = input.form.dtype
    refused = {"b": ("mean",), "c": ("amax", "amin")}
    if reduce in refused.get(kind.kind, ()):
        raise NotImplementedError(f'"{name}_{reduce}" not implemented for \'{kind.name}\'')


# ---- by slices ----------------------------------------------------------------------------------


def _slices(
    name: str, input: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True
) -> Any:
    """Slices of `source` combined with those of `input` at the positions of a vector."""
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    if source.form.dtype is not input.form.dtype:
        raise RuntimeError(
            f"{name}_(): self and source expected to have the same dtype, but got (self) "
            f"{input.form.dtype.name} and (source) {source.form.dtype.name}"
        )
    if not input.ndim:
        line = source.reshape(-1)
        return _slices(name, input.reshape(1), 0, index, line, reduce, include_self).reshape(())
    at = normalize_dim(dim, input.ndim)
    if not source.ndim and input.ndim == 1:
        source = source.reshape(1)
    rest, given = ([*x.shape[:at], *x.shape[at + 1 :]] for x in (input, source))
    if input.ndim != source.ndim or rest != given:
        many = name == "index_copy" and input.ndim != source.ndim
        raise (IndexError if many else RuntimeError)(
            f"{name}_(): source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    if index.form.numel != source.shape[at]:
        error = IndexError if name == "index_copy" else RuntimeError
        raise error(
            f"{name}_(): Number of indices ({index.form.numel}) should be equal to "
            f"source.size(dim): ({source.shape[at]}), for dim: {at}"
        )
    where = spread_index(positions(name, index, input.shape[at]), source.form.shape, at)
    if reduce == "set":
        return written_at(input, at, where, source, name)
    return combined_at(input, at, where, source, reduce, include_self, name)


def _slices_reference(write: Any) -> Any:
    def reference(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
        out = np.moveaxis(x, dim, 0).copy()
        write(out, index, np.moveaxis(source, dim, 0) * (alpha if alpha != 1 else True))
        return np.moveaxis(out, 0, dim)

    return reference


@composite(
    in_place=True, apart=("index", "source"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(5, below=3), draw(5, 4)),
        call(draw(3, 4), 1, draw.index(2, below=4), draw(3, 2), alpha=2),
    ],
    reference=_slices_reference(np.add.at),
)
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """`input` with the slices of `source` added at the positions in `index`.

    >>> import argand
    >>> argand.zeros(3).index_add(0, argand.tensor([0, 0]), argand.ones(2))
    tensor([2., 0., 0.])
    """
    if alpha != 1:
        source = (source * alpha).to(source.form.dtype)
    return _slices("index_add", input, dim, index, source, "sum")


@composite(
    in_place=True, apart=("index", "source"),
    samples=lambda draw: [
        call(draw(4, 2), 0, draw.permutation(4), draw(4, 2)),
        call(draw(2, 4), -1, draw.permutation(4).narrow(0, 0, 2), draw(2, 2)),
    ],
    reference=_slices_reference(operator.setitem),
)
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """`input` with the slices of `source` at the positions in `index`.

    >>> import argand
    >>> argand.zeros(3).index_copy(0, argand.tensor([2, 0]), argand.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return _slices("index_copy", input, dim, index, source, "set")


def _index_reduce_samples(draw: Draw) -> Iterable[Call]:
    for reduce in REDUCTIONS[1:]:
        yield call(draw(3, 4), 0, draw.index(5, below=3), draw(5, 4), reduce)
        yield call(draw(3, 4), 1, draw.index(2, below=4), draw(3, 2), reduce, include_self=False)


def _index_reduce_reference(
    x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True
) -> Any:
    shape = [1] * x.ndim
    shape[dim] = -1
    where = np.broadcast_to(index.reshape(shape), source.shape)
    return _reduce_reference(x, dim, where, source, reduce, include_self)


@composite(
    in_place=True,
    apart=("index", "source"),
    samples=_index_reduce_samples,
    reference=_index_reduce_reference,
)
def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """`input` combined with the slices of `source` at the positions in `index`.

    Args:
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the slices of `input` at these positions count.

    >>> import argand
    >>> index = argand.tensor([1, 1])
    >>> argand.ones(2).index_reduce(0, index, argand.tensor([3.0, 2.0]), "prod")
    tensor([1., 6.])
    """
    if reduce not in REDUCTIONS[1:]:
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    _check_reducible("index_reduce", input, reduce)
    if input.form.dtype.kind == "b" and not include_self:
        raise NotImplementedError("\"index_reduce\" without include_self is not there for 'bool'")
    return _slices("index_reduce", input, dim, index, source, reduce, include_self)


def _fill_reference(x: Any, dim: int, index: Any, value: Any) -> Any:
    out = np.moveaxis(x, dim, 0).copy()
    out[index] = value
    return np.moveaxis(out, 0, dim)


@composite(
    in_place=True, apart=("index", "value"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(2, below=3), draw.number()),
        call(draw(3, 4), -1, draw.index(2, below=4), draw()),
    ],
    reference=_fill_reference,
)
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """`input` with a number in the slices at the positions in `index`.

    >>> import argand
    >>> argand.zeros(3).index_fill(0, argand.tensor([0, 2]), 1)
    tensor([1., 0., 1.])
    """
    if index.form.dtype is not dtypes.int64:
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, got {describe(index)}")
    if index.ndim > 1:
        raise IndexError("index_fill_(): Index is supposed to be a vector")
    if not isinstance(value, TensorBase):
        value = full_of(value, (), Options(dtype=input.form.dtype))
    elif value.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    if not input.ndim:
        return index_fill.body(input.reshape(1), 0, index, value).reshape(())
    at = normalize_dim(dim, input.ndim)
    index = positions("index_fill", index, input.shape[at], wrap=True)
    once = from_array(np.unique(as_array(index)))  # the gradient of the value counts each but once
    shape = (*input.shape[:at], once.form.numel, *input.shape[at + 1 :])
    where = spread_index(once, shape, at)
    filled = written_at(input, at, where, value.to(input.dtype).expand(shape), "index_fill")
    return ordered_like(filled, input)


def ordered_like(x: Any, like: Any) -> Any:
    """The row-major `x` with its dimensions in memory as those of `like`."""
    strides = elementwise_strides(like.form.shape, [like.form])
    if strides == x.form.strides:
        return x
    order = sorted(range(x.ndim), key=lambda d: -strides[d])
    back = [order.index(d) for d in range(x.ndim)]
    return x.permute(order).contiguous().permute(back)


# ---- in the flattened tensor --------------------------------------------------------------------


def _put_reference(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    out = x.copy()
    if accumulate:
        np.add.at(out.reshape(-1), index.ravel(), source.ravel())
    else:
        np.put(out, index, source)
    return out


@composite(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), draw.permutation(5), draw(5)),
        call(draw(3, 4), draw.index(2, 3, below=12), draw(2, 3), accumulate=True),
    ],
    reference=_put_reference,
)
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """`input` with the elements of `source` at positions in the flattened tensor, or added there.

    >>> import argand
    >>> argand.zeros(2, 2).put(argand.tensor([1, -1]), argand.tensor([5.0, 7.0]))
    tensor([[0., 5.],
            [0., 7.]])
    """
    if source.form.dtype is not input.form.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.form.dtype.name} and source.dtype = {source.form.dtype.name}"
        )
    if index.form.numel != source.form.numel:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.form.numel}, index.numel() = {index.form.numel}"
        )
    flat = input.reshape(-1)
    where = flat_positions("put_", flat, index).reshape(-1)
    values = source.reshape(-1)
    if accumulate:
        flat = combined_at(flat, 0, where, values, "sum", True)
    else:
        flat = written_at(flat, 0, where, values)
    return ordered_like(flat.reshape(input.shape), input)
