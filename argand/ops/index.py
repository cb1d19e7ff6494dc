"""Indexing, gathering and scattering."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.ops.arrays import as_array, fresh, from_array, new
from argand.ops.copies import compact, converted
from argand.ops.create import fill
from argand.ops.dims import normalize_dim
from argand.ops.function import operation
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.slicing import select, slice_dim
from argand.runtime.layout import dense
from argand.runtime.tensor_base import TensorBase

# ---- basic and advanced indexing ----------------------------------------------------------------


def get_item(x: Any, index: Any) -> Any:
    """``x[index]`` with PyTorch's rules; slices may also have negative steps."""
    if type(index) is int:
        return select(x, 0, index)
    parts = index if isinstance(index, tuple) else (index,)
    view, advanced = _basic(x, parts)
    if not advanced:
        return view if view is not x else view_of_self(x)
    return take_at(view, advanced)


def set_item(x: Any, index: Any, value: Any) -> None:
    """``x[index] = value``, also recorded in the graph."""
    parts = index if isinstance(index, tuple) else (index,)
    view, advanced = _basic(x, parts)
    if advanced:
        put_at(view, advanced, value)
    elif isinstance(value, TensorBase):
        view.copy_(_trimmed(value, view))
    else:
        view.fill_(value)


def _trimmed(value: Any, target: Any) -> Any:
    """A value without leading dimensions of size 1 that the target has not."""
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = value.squeeze(0)
    return value


def view_of_self(x: Any) -> Any:
    """A new view of the whole tensor."""
    return x.view(x.shape) if x.form.contiguous else x.permute(*range(x.ndim))


def _basic(x: Any, parts: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Apply ints, slices, None and ``...``; what is left are arrays per dimension, or nothing."""
    parts = [_as_part(p) for p in parts]
    given = builtins.sum(_consumed(p) for p in parts)
    if given > x.form.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.form.ndim}")
    advanced: list[Any] = []
    dim = 0
    for part in parts:
        if part is None:
            x = x.unsqueeze(dim)
            dim += 1
        elif part is Ellipsis:
            dim += x.form.ndim - dim - _rest(parts, part)
        elif isinstance(part, slice):
            x = _slice(x, dim, part)
            dim += 1
        elif isinstance(part, int) and not isinstance(part, bool):
            x = _select_index(x, dim, part)
        else:
            consumed = _consumed(part)
            if consumed == 0:  # a bool
                x = x.unsqueeze(dim)
                part = np.array([0] if part else [], "i8")
                consumed = 1
            advanced += [None] * (dim - len(advanced)) + [part] + [_COVERED] * (consumed - 1)
            dim += consumed
    return x, tuple(advanced)


_COVERED = object()  # a dimension that the mask before it also consumes


def _rest(parts: Sequence[Any], ellipsis: Any) -> int:
    """How many dimensions the indices behind the ellipsis consume."""
    place = next(i for i, p in enumerate(parts) if p is ellipsis)
    return builtins.sum(_consumed(p) for p in parts[place + 1 :])


def _as_part(part: Any) -> Any:
    if isinstance(part, TensorBase):
        kind = part.form.dtype
        if kind.kind in "fc":
            raise IndexError(
                "tensors used as indices must be long, int, byte or bool tensors, but got "
                f"{describe(part)}"
            )
        array = as_array(part)
        if part.form.ndim == 0 and kind.kind != "b":
            return int(array)
        return array.astype("bool") if kind is dtypes.uint8 else array
    if isinstance(part, (list, range)):
        array = np.asarray(part)
        return array.astype("i8") if array.size == 0 else array
    if isinstance(part, np.integer):
        return int(part)
    if part is None or part is Ellipsis or isinstance(part, (int, slice, np.ndarray)):
        return part
    if isinstance(part, Sequence):
        return np.asarray(part)
    if hasattr(part, "__index__"):
        return int(part.__index__())
    raise TypeError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {type(part).__name__})"
    )


def _consumed(part: Any) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return 1


def _select_index(x: Any, dim: int, index: int) -> Any:
    size = x.form.shape[dim]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return select(x, dim, index)


def _slice(x: Any, dim: int, part: slice) -> Any:
    size = x.form.shape[dim]
    if part.step == 0:
        raise ValueError("slice step cannot be zero")
    start, stop, step = part.indices(size)
    length = len(range(start, stop, step))
    if length == size and step == 1:
        return x
    return slice_dim(x, dim, start if length else 0, step, length)


def _expand_index(advanced: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        slice(None) if part is None else part for part in advanced if part is not _COVERED
    )


@operation(as_method=False, as_function=False, graph_name="index")
def take_at(input: Any, advanced: tuple[Any, ...]) -> Any:
    """Advanced indexing: arrays of positions and masks."""
    source = as_array(input)
    index = _checked(input, advanced)
    if len(index) == 1 and index[0].dtype != bool:
        found = source.take(index[0], 0)
    else:
        found = source[index]
    return _owned(found, input.form.dtype)


def _owned(array: Any, kind: dtype) -> Any:
    if kind is dtypes.bfloat16 or not array.flags.owndata or not array.flags.c_contiguous:
        return fresh(array, kind)
    return from_array(array)


def _checked(input: Any, advanced: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index, once its positions are known to be inside."""
    dim = 0
    for part in advanced:
        if part is None or part is _COVERED:
            dim += 1
            continue
        size = input.form.shape[dim]
        if part.dtype == bool:
            if part.shape != tuple(input.form.shape[dim : dim + part.ndim]):
                raise IndexError(
                    f"The shape of the mask {list(part.shape)} at index {dim} does not match the "
                    f"shape of the indexed tensor {list(input.form.shape)} at index {dim}"
                )
        elif part.size and (part.max() >= size or part.min() < -size):
            wrong = int(part.max() if part.max() >= size else part.min())
            raise IndexError(
                f"index {wrong} is out of bounds for dimension {dim} with size {size}"
            )
        dim += 1
    return _expand_index(advanced)


@take_at.vjp()
def _take_vjp(g: Any, out: Any, input: Any, advanced: Any) -> Any:
    return scatter_at(g, advanced, tuple(input.shape)), None


@operation(as_method=False, as_function=False)
def scatter_at(values: Any, advanced: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `values` are added at the indexed places."""
    if values.form.dtype is dtypes.bfloat16:
        return _in_float32(scatter_at.body, values, advanced, shape)
    out = fill(new(dense(values.form.dtype, shape)), 0)
    np.add.at(as_array(out), _expand_index(advanced), as_array(values))
    return out


@scatter_at.vjp()
def _scatter_at_vjp(g: Any, out: Any, values: Any, advanced: Any, shape: Any) -> Any:
    return take_at(g, advanced), None, None


def put_at(x: Any, advanced: tuple[Any, ...], value: Any, accumulate: bool = False) -> None:
    """Write `value` at the indexed places of `x`, in place."""
    index = _checked(x, advanced)
    x.place_values_(value, index, accumulate)


# ---- along one dimension ----------------------------------------------------------------------


def _places(index: Any, dim: int) -> tuple[Any, ...]:
    """The NumPy index of what `index` names along `dim`."""
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim] = index
    return tuple(grid)


def _gathered_reference(x: Any, dim: int, index: Any) -> Any:
    return x[_places(index, dim)]


def _scattered_reference(
    x: Any, dim: int, index: Any, src: Any, write: Any = operator.setitem
) -> Any:
    out = x.copy()
    values = src[tuple(slice(n) for n in index.shape)] if np.ndim(src) else src
    write(out, _places(index, dim), values)
    return out


def _added_reference(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    out = np.moveaxis(x, dim, 0).copy()
    np.add.at(out, index, np.moveaxis(source, dim, 0) * alpha)
    return np.moveaxis(out, 0, dim)


def _in_float32(body: Any, input: Any, *args: Any) -> Any:
    """Compute with float32 in place of bfloat16, which NumPy does not have."""
    wide = [
        converted.body(x, dtypes.float32)
        if isinstance(x, TensorBase) and x.form.dtype is dtypes.bfloat16
        else x
        for x in (input, *args)
    ]
    return converted.body(body(*wide), input.form.dtype)


def _positions(name: str, index: Any, size: int) -> Any:
    """The positions in an index tensor, checked."""
    if index.form.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {describe(index)}")
    array = as_array(index)
    if array.size and (array.max() >= size or array.min() < 0):
        wrong = int(array.max() if array.max() >= size else array.min())
        raise IndexError(f"{name}: index {wrong} is out of bounds for a dimension of size {size}")
    return array


@operation(
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(5, below=3)), call(draw(3, 4), -1, draw.index(2, below=4)),
        call(draw(3, 4), 0, draw.index(0, below=3)),
    ],
    reference=lambda x, dim, index: x.take(index, dim),
)
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of a dimension at the positions in `index`.

    >>> import argand
    >>> argand.tensor([10, 20, 30]).index_select(0, argand.tensor([2, 0]))
    tensor([30, 10])
    """
    at = normalize_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    size = input.shape[at] if input.ndim else 1
    positions = np.atleast_1d(_positions("index_select", index, size))
    source = np.atleast_1d(as_array(input))
    found = source.take(positions, at)
    return _owned(found.reshape(()) if input.ndim == 0 else found, input.form.dtype)


@index_select.vjp(saves="index")
def _index_select_vjp(g: Any, out: Any, input: Any, dim: int, index: Any) -> Any:
    return g.new_zeros(input.shape).index_add(dim, index, g), None, None


@operation(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(5, below=3), draw(5, 4)),
        call(draw(3, 4), 1, draw.index(2, below=4), draw(3, 2), alpha=2),
    ],
    reference=_added_reference,
)
def index_add(input: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """`input` with the slices of `source` added at the positions in `index`.

    >>> import argand
    >>> argand.zeros(3).index_add(0, argand.tensor([0, 0]), argand.ones(2))
    tensor([2., 0., 0.])
    """
    if input.form.dtype is dtypes.bfloat16:
        return _in_float32(index_add.body, input, dim, index, source, alpha)
    if not input.ndim:
        line = index_add.body(input.detach().view(1), dim, index, source.view(1), alpha)
        return line.view(())
    at = normalize_dim(dim, input.ndim)
    rest, given = (tuple(x.shape[:at] + x.shape[at + 1 :]) for x in (input, source))
    if input.ndim != source.ndim or rest != given:
        raise RuntimeError(
            f"index_add: source tensor shape {list(source.shape)} must match self tensor shape "
            f"{list(input.shape)}, excluding dimension {dim}"
        )
    out = compact.body(input)
    positions = _positions("index_add", index, input.shape[at])
    values = as_array(source if alpha == 1 else source.detach() * alpha)
    np.add.at(as_array(out), (slice(None),) * at + (positions,), values)
    return out


@index_add.vjp(saves="index")
def _index_add_vjp(
    g: Any, out: Any, input: Any, dim: int, index: Any, source: Any, alpha: float
) -> Any:
    picked = g.index_select(dim, index)
    if picked.shape != source.shape:  # a single number has no dimension
        picked = picked.reshape(source.shape)
    return g, None, None, picked if alpha == 1 else picked * alpha, None


@operation(
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(2, 4, below=3)),
        call(draw(3, 4), 1, draw.index(3, 5, below=4)), call(draw(3), -1, draw.index(4, below=3)),
        call(draw(3, 4), 1, draw.index(3, 0, below=4)),
    ],
    reference=_gathered_reference,
)
def gather(input: Any, dim: int, index: Any, sparse_grad: bool = False) -> Any:
    """For each place of `index`, the element of `input` at that place with `dim` replaced by it.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).gather(1, argand.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    at = normalize_dim(dim, input.ndim)
    if input.ndim != index.ndim and index.form.numel:
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor"
        )
    _fits("gather", index.shape, input.shape, at)
    return _owned(as_array(input)[_lines(input, at, index, "gather")], input.form.dtype)


@gather.vjp(saves="index")
def _gather_vjp(g: Any, out: Any, input: Any, dim: int, index: Any, sparse_grad: Any) -> Any:
    return g.new_zeros(input.shape).scatter_add(dim, index, g), None, None, None


def _fits(name: str, index: Sequence[int], target: Sequence[int], dim: int) -> None:
    for d, (n, m) in enumerate(zip(index, target)):
        if d != dim and n > m:
            raise RuntimeError(
                f"{name}: Size does not match at dimension {d} expected index {list(index)} to be "
                f"no larger than self {list(target)} apart from dimension {dim}"
            )


def _lines(x: Any, dim: int, index: Any, name: str) -> tuple[Any, ...]:
    """The NumPy index of the elements that `index` names along `dim`."""
    positions = _positions(name, index, x.shape[dim] if x.ndim else 1)
    if not x.ndim:
        return ()
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in positions.shape)])
    grid[dim] = positions
    return tuple(grid)


@operation(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.permutation(3).unsqueeze(1), draw(3, 1)),
        call(draw(3, 4), 1, draw.index(3, 1, below=4), draw.number()),
        call(draw(4), 0, draw.permutation(4), draw(4)),
    ],
    reference=_scattered_reference,
)
def scatter(input: Any, dim: int, index: Any, src: Any, reduce: str | None = None) -> Any:
    """`input` with elements of `src` written where `index` says along `dim`.

    >>> import argand
    >>> argand.zeros(1, 3).scatter(1, argand.tensor([[2]]), 1.0)
    tensor([[0., 0., 1.]])
    """
    if input.form.dtype is dtypes.bfloat16:
        return _in_float32(scatter.body, input, dim, index, src, reduce)
    at = normalize_dim(dim, input.ndim)
    _same_rank("scatter", input, index, src)
    out = compact.body(input)
    values: Any = src
    if isinstance(src, TensorBase):
        if src.dtype is not input.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        values = as_array(src)[tuple(slice(n) for n in index.shape)]
    lines = _lines(input, at, index, "scatter")
    if reduce is None:
        as_array(out)[lines] = values
    elif reduce in ("add", "multiply"):
        (np.add if reduce == "add" else np.multiply).at(as_array(out), lines, values)
    else:
        raise RuntimeError("reduce argument must be either add or multiply.")
    return out


@scatter.vjp(saves="index")
def _scatter_vjp(
    g: Any, out: Any, input: Any, dim: int, index: Any, src: Any, reduce: Any
) -> Any:
    if reduce is not None:
        raise NotImplementedError("scatter: the gradient with reduce= is not there yet")
    to_input = g.scatter(dim, index, 0)
    to_src = None
    if not isinstance(src, (int, float)):
        picked = g.gather(dim, index)
        to_src = picked if picked.shape == src.shape else _padded(picked, src.shape)
    return to_input, None, None, to_src, None


def _same_rank(name: str, input: Any, index: Any, src: Any) -> None:
    """A scatter walks all its tensors together."""
    if not index.form.numel:
        return
    for x in (index, src):
        if isinstance(x, TensorBase) and max(x.ndim, 1) != max(input.ndim, 1):
            raise RuntimeError(
                f"{name}: index and src must have the same number of dimensions as the input "
                f"({input.ndim}), but got {describe(x)}"
            )


def _padded(x: Any, shape: Sequence[int]) -> Any:
    out = x.new_zeros(tuple(shape))
    out[tuple(slice(n) for n in x.shape)] = x
    return out


@operation(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(2, 4, below=3), draw(2, 4)),
        call(draw(3, 4), 1, draw.index(3, 5, below=4), draw(3, 6)),
    ],
    reference=lambda x, dim, index, src: _scattered_reference(x, dim, index, src, np.add.at),
)
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`input` with elements of `src` added where `index` says along `dim`.

    >>> import argand
    >>> argand.zeros(3).scatter_add(0, argand.tensor([0, 0]), argand.ones(2))
    tensor([2., 0., 0.])
    """
    if input.form.dtype is dtypes.bfloat16:
        return _in_float32(scatter_add.body, input, dim, index, src)
    at = normalize_dim(dim, input.ndim)
    _same_rank("scatter_add", input, index, src)
    out = compact.body(input)
    values = as_array(src)[tuple(slice(n) for n in index.shape)]
    np.add.at(as_array(out), _lines(input, at, index, "scatter_add"), values)
    return out


@scatter_add.vjp(saves="index")
def _scatter_add_vjp(g: Any, out: Any, input: Any, dim: int, index: Any, src: Any) -> Any:
    picked = g.gather(dim, index)
    return g, None, None, picked if picked.shape == src.shape else _padded(picked, src.shape)
