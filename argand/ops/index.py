"""Indexing, gathering and scattering."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from argand import dtypes
from argand.autograd.node import Node
from argand.kernels.gather import GATHER
from argand.ops.arrays import as_array, from_array, new
from argand.ops.copies import compact, copier
from argand.ops.create import Options, fill, full_of
from argand.ops.function import composite, operation
from argand.ops.gather import rows_added, rows_at
from argand.ops.history import check_written, is_recorded
from argand.ops.inplace import finish
from argand.ops.lookup import move, spread_index
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.shape import strides_for
from argand.ops.slicing import select, slice_dim
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import TensorBase, make

Advanced = tuple[Any, ...]  # for each dimension an array of positions, or None

# ---- basic and advanced indexing ----------------------------------------------------------------


def get_item(x: Any, index: Any) -> Any:
    """``x[index]`` with PyTorch's rules."""
    if type(index) is int:
        return select(x, 0, index)
    if isinstance(index, TensorBase) and _is_plain(index.form) and x.form.numel:
        try:
            return slices_at(x, index)
        except IndexError:  # a negative position, or none at all
            pass
    view, advanced = _basic(x, _parts(index))
    if not advanced:
        return view if view is not x else view_of_self(x)
    return take_at(view, advanced)


def _is_plain(form: Layout) -> bool:
    return form.dtype is dtypes.int64 and form.ndim == 1


@operation(as_method=False, as_function=False, graph_name="index")
def slices_at(input: Any, index: Any) -> Any:
    """The slices of the first dimension at the positions of a vector, none of them negative."""
    return rows_at.body(input, 0, index)


@slices_at.vjp(saves="index")
def _slices_at_vjp(g: Any, out: Any, input: Any, index: Any) -> Any:
    return rows_added(g, 0, index, input.shape[0]), None


def set_item(x: Any, index: Any, value: Any) -> None:
    """``x[index] = value``, also recorded in the graph."""
    view, advanced = _basic(x, _parts(index))
    if advanced:
        put_at(view, advanced, value)
    elif isinstance(value, TensorBase):
        view.copy_(_trimmed(value, view))
    else:
        check_written("__setitem__", view.form)
        view.fill_(value)


def _trimmed(value: Any, target: Any) -> Any:
    """A value without leading dimensions of size 1 that the target has not."""
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = value.squeeze(0)
    return value


def view_of_self(x: Any) -> Any:
    """A new view of the whole tensor."""
    return x.view(x.shape) if x.form.contiguous else x.permute(*range(x.ndim))


def _parts(index: Any) -> Sequence[Any]:
    """The parts of an index; a list of anything but numbers is one as well, as in old NumPy."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and any(
        isinstance(p, (list, tuple, slice, TensorBase)) or p is None or p is Ellipsis for p in index
    ):
        return tuple(index)
    return (index,)


_PLAIN_PARTS = frozenset((int, slice, type(None), type(Ellipsis)))


def _basic(x: Any, parts: Sequence[Any]) -> tuple[Any, Advanced]:
    """Apply ints, slices, None and ``...``; what is left are positions per dimension."""
    parts = [p if type(p) in _PLAIN_PARTS else _as_part(p) for p in parts]
    if len(parts) > x.form.ndim and builtins.sum(map(_consumed, parts)) > x.form.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.form.ndim}")
    advanced: list[Any] = []
    dim = 0
    for part in parts:
        if isinstance(part, slice):
            x = _slice(x, dim, part)
            dim += 1
        elif part is None:
            x = x.unsqueeze(dim)
            dim += 1
        elif part is Ellipsis:
            dim += x.form.ndim - dim - _rest(parts, part)
        elif isinstance(part, int) and not isinstance(part, bool):
            x = _select_index(x, dim, part)
        else:
            if _consumed(part) == 0:  # a bool
                x = x.unsqueeze(dim)
                part = np.array([part]).reshape(-1)
            found = _positions_of(x, dim, part)
            advanced += [None] * (dim - len(advanced)) + found
            dim += len(found)
    return x, tuple(advanced)


def _positions_of(x: Any, dim: int, part: Any) -> list[Any]:
    """Positions in a dimension; for a mask those where it is true, in each of its dimensions."""
    shape = x.form.shape
    if part.dtype == bool:
        if part.shape != tuple(shape[dim : dim + part.ndim]):
            raise IndexError(
                f"The shape of the mask {list(part.shape)} at index {dim} does not match the "
                f"shape of the indexed tensor {list(shape)} at index {dim}"
            )
        return list(np.nonzero(part))
    size = shape[dim]
    if part.size:
        low, high = part.min(), part.max()
        if high >= size or low < -size:
            wrong = int(high if high >= size else low)
            raise IndexError(
                f"index {wrong} is out of bounds for dimension {dim} with size {size}"
            )
        if low < 0:
            part = np.where(part < 0, part + size, part)
    return [part]


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
    if part.start is None and part.stop is None and part.step is None:
        return x
    size = x.form.shape[dim]
    start, stop, step = part.indices(size)
    length = len(range(start, stop, step))
    if length == size and step == 1:
        return x
    return slice_dim(x, dim, start if length else 0, step, length)


# ---- positions in several dimensions ------------------------------------------------------------


class Lookup(NamedTuple):
    """What advanced indices say about a tensor.

    Attributes:
        offsets: for each position, how many elements it lies behind the begin; a vector.
        before, after: the dimensions without indices in front of the positions, and behind them.
        shape: the shape of the positions.
    """

    offsets: Any
    before: list[int]
    after: list[int]
    shape: tuple[int, ...]

    def shape_of(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The shape of the result for a tensor of these sizes."""
        return (*(sizes[d] for d in self.before), *self.shape, *(sizes[d] for d in self.after))


def _look(layout: Layout, advanced: Advanced) -> Lookup:
    """Positions become distances in memory. They take the place of the indexed dimensions, or are
    put first when these are not neighbours."""
    dims = [d for d, part in enumerate(advanced) if part is not None]
    try:
        grids = np.broadcast_arrays(*[advanced[d] for d in dims])
    except ValueError:
        shapes = ", ".join(str(list(advanced[d].shape)) for d in dims)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    offsets = sum(grid.astype("i8", copy=False) * layout.strides[d] for d, grid in zip(dims, grids))
    rest = [d for d in range(layout.ndim) if d not in dims]
    adjacent = dims[-1] - dims[0] + 1 == len(dims)
    before = [d for d in rest if adjacent and d < dims[0]]
    after = [d for d in rest if d not in before]
    shape = grids[0].shape
    return Lookup(np.ascontiguousarray(offsets).reshape(-1), before, after, shape)


_ANY = 1 << 62  # the size of a dimension of distances, which were checked before


def _walk(mode: str, x: Any, look: Lookup, data: Any) -> None:
    """Gather from `x` into `data`, which has the shape of the lookup, or combine it into `x`."""
    if not data.form.numel:
        return
    form = x.form
    before, after = look.before, look.after
    sizes = look.shape_of(form.shape)
    flat = (*sizes[: len(before)], look.offsets.size, *sizes[len(sizes) - len(after) :])
    lines = strides_for(data.form, flat)
    if lines is None:
        data = compact.body(data)
        lines = strides_for(data.form, flat)
    assert lines is not None
    kind = form.dtype
    shape = (*(form.shape[d] for d in before), _ANY, *(form.shape[d] for d in after))
    strides = (*(form.strides[d] for d in before), 1, *(form.strides[d] for d in after))
    table = make(x.buffer, strided(kind, shape, strides), x.ptr)
    values = make(data.buffer, strided(kind, flat, lines), data.ptr)
    at = len(before)
    index = spread_index(from_array(look.offsets), flat, at)
    move("index", mode, index, values, table, at)


@operation(as_method=False, as_function=False, graph_name="index")
def take_at(input: Any, advanced: Advanced) -> Any:
    """Advanced indexing: arrays of positions."""
    if any(s < 0 for s in input.form.strides):
        input = compact.body(input)
    look = _look(input.form, advanced)
    out = new(dense(input.form.dtype, look.shape_of(input.form.shape)))
    _walk(GATHER, input, look, out)
    return out


@take_at.vjp()
def _take_vjp(g: Any, out: Any, input: Any, advanced: Any) -> Any:
    return scatter_at(g, advanced, tuple(input.shape)), None


@operation(as_method=False, as_function=False)
def scatter_at(values: Any, advanced: Advanced, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `values` are added at the indexed places."""
    out = fill(new(dense(values.form.dtype, shape)), 0)
    _walk("sum", out, _look(out.form, advanced), values)
    return out


@scatter_at.vjp()
def _scatter_at_vjp(g: Any, out: Any, values: Any, advanced: Any, shape: Any) -> Any:
    return take_at(g, advanced), None, None


def put_at(x: Any, advanced: Advanced, value: Any, accumulate: bool = False) -> Any:
    """Write `value` at the indexed places of `x`, in place, or add it there."""
    kind = x.form.dtype
    if not isinstance(value, TensorBase):
        value = full_of(value, (), Options(dtype=kind))
    elif value.form.dtype is not kind:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{kind.name} for the destination and {value.form.dtype.name} for the source."
        )
    recorded = is_recorded("index_put", x, (value,))
    check_written("index_put_", x.form)
    shape = _look(x.form, advanced).shape_of(x.form.shape)
    given = tuple(value.form.shape)
    while len(given) > len(shape) and given[0] == 1:
        given = given[1:]
    try:
        spread = value.detach().view(given) if given != value.form.shape else value.detach()
        spread = spread.expand(shape)
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.form.shape)} cannot be broadcast "
            f"to indexing result of shape {list(shape)}"
        ) from None
    if spread.buffer is x.buffer:
        spread = spread.clone()
    target = x
    if any(s < 0 for s in x.form.strides):
        target = compact.body(x)
    _walk("sum" if accumulate else "set", target, _look(target.form, advanced), spread)
    if target is not x:
        copier.into(x, target)
    return finish(x, _put_node(x, advanced, value, accumulate) if recorded else None)


def _put_node(x: Any, advanced: Advanced, value: Any, accumulate: bool) -> Node:
    like = value.form

    def backward(node: Node, g: Any) -> Any:
        rest = g
        if not accumulate and node.edges[0] is not None:
            rest = g.clone()
            put_at(rest, advanced, 0)
        if node.edges[1] is None:
            return rest, None
        return rest, take_at(g, advanced).sum_to_size(like.shape).reshape(like.shape)

    return Node("IndexPutBackward0", (x.node, value.node), backward)


# ---- as functions -------------------------------------------------------------------------------


def _put_reference(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    out = x.copy()
    if accumulate:
        np.add.at(out, tuple(indices), values)
    else:
        out[tuple(indices)] = values
    return out


@composite(
    samples=lambda draw: [
        call(draw(3, 4), [draw.index(2, below=2)], draw(4), accumulate=True),
        call(draw(3, 4), (draw.permutation(3),), draw(3, 4)),
        call(draw(3, 4), (draw.index(2, below=3), draw.index(2, below=4)), draw(2), True),
        call(draw(3, 4), (draw.mask(3, 4),), draw()),
    ],
    reference=_put_reference,
)
def index_put(
    input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Any:
    """A copy of `input` with `values` at the indexed places, or added there.

    >>> import argand
    >>> argand.zeros(3).index_put((argand.tensor([0, 2]),), argand.tensor(1.0))
    tensor([1., 0., 1.])
    """
    return _put_in_place(input.clone(), indices, values, accumulate)


@index_put.in_place_form
def _put_in_place(
    input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False
) -> Any:
    for x in indices:
        if x is not None and not isinstance(x, TensorBase):
            raise TypeError(f"index_put: expected Tensors as indices, but got {describe(x)}")
    view, advanced = _basic(input, indices)
    if advanced:
        put_at(view, advanced, values, accumulate)
    elif accumulate:
        view.add_(values)
    else:
        view.copy_(values)
    return input


def _clamped(input: Any, indices: Sequence[Any]) -> list[Any]:
    sizes = input.form.shape
    return [x if x is None else x.clamp(-n, n - 1) for x, n in zip(indices, sizes)]


@composite(
    name="_unsafe_masked_index",
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4), draw.mask(2, 2), [draw.index(2, 1, below=3), draw.index(2, below=4)], 1)
    ],
    reference=lambda x, mask, indices, fill: np.where(mask, x[tuple(indices)], fill),
)
def masked_index(input: Any, mask: Any, indices: Sequence[Any], fill: Any) -> Any:
    """``input[indices]`` where the mask is true, else `fill`; elsewhere indices may lie outside.

    >>> import argand
    >>> mask = argand.tensor([True, False])
    >>> masked_index(argand.tensor([5, 6]), mask, [argand.tensor([1, 9])], 0)
    tensor([6, 0])
    """
    return get_item(input, tuple(_clamped(input, indices))).masked_fill(~mask, fill)


@composite(
    name="_unsafe_masked_index_put_accumulate",
    as_method=False,
    samples=lambda draw: [
        call(
            draw(3, 4), draw.mask(2, 2), [draw.index(2, 1, below=3), draw.index(2, below=4)],
            draw(2, 2),
        )
    ],
    reference=lambda x, mask, indices, values: _put_reference(
        x, indices, np.where(mask, values, 0), True
    ),
)
def masked_index_put(input: Any, mask: Any, indices: Sequence[Any], values: Any) -> Any:
    """A copy of `input` with `values` added at the indices where the mask is true.

    >>> import argand
    >>> mask, index = argand.tensor([True, False]), argand.tensor([1, 9])
    >>> masked_index_put(argand.tensor([5, 6]), mask, [index], argand.tensor([1, 1]))
    tensor([5, 7])
    """
    return index_put.body(input, _clamped(input, indices), values.masked_fill(~mask, 0), True)
