"""Reading elements where an index says, along one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand.kernels.gather import GATHER
from argand.ops.arrays import as_array, new
from argand.ops.create import fill
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.lookup import move, outside, positions, spread_index
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.shape import expand_to
from argand.runtime.layout import broadcast_shapes, dense


def places(index: Any, dim: int) -> tuple[Any, ...]:
    """The NumPy index of what the array `index` names along `dim`."""
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim] = index
    return tuple(grid)


# ---- whole slices -------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="index_select")
def rows_at(input: Any, dim: int, index: Any) -> Any:
    """The slices of a dimension at the positions of a vector."""
    shape = (*input.form.shape[:dim], index.form.numel, *input.form.shape[dim + 1 :])
    out = new(dense(input.form.dtype, shape))
    move("index_select", GATHER, spread_index(index, shape, dim), out, input, dim)
    return out


@rows_at.vjp(saves="index")
def _rows_at_vjp(g: Any, out: Any, input: Any, dim: int, index: Any) -> Any:
    return rows_added(g, dim, index, input.shape[dim]), None, None


@operation(as_method=False, as_function=False, graph_name="index_add")
def rows_added(g: Any, dim: int, index: Any, size: int) -> Any:
    """Zeros with `size` slices in a dimension; those of `g` are added where a vector says."""
    shape = (*g.form.shape[:dim], size, *g.form.shape[dim + 1 :])
    out = fill(new(dense(g.form.dtype, shape)), 0)
    move("index_add", "sum", spread_index(index, g.form.shape, dim), g, out, dim)
    return out


@rows_added.vjp(saves="index")
def _rows_added_vjp(gg: Any, out: Any, g: Any, dim: int, index: Any, size: int) -> Any:
    return rows_at(gg, dim, index), None, None, None


@composite(
    apart=("input", "index"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(5, below=3)),
        call(draw(3, 4), -1, draw.index(2, below=4)),
        call(draw(3, 4), 0, draw.index(0, below=3)),
        call(draw(3), 0, draw.index(below=3)),
    ],
    reference=lambda x, dim, index: x.take(np.atleast_1d(index), dim),
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
    if not input.ndim:
        return index_select.body(input.reshape(1), 0, index).reshape(())
    index = positions("index_select", index, input.form.shape[at])
    return rows_at(input, at, index)


# ---- elements -----------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="gather")
def elements_at(input: Any, dim: int, index: Any) -> Any:
    """The element of `input` at each place of `index`, with `dim` replaced by what it says."""
    out = new(dense(input.form.dtype, index.form.shape))
    move("gather", GATHER, index, out, input, dim)
    return out


@elements_at.vjp(saves="index")
def _elements_at_vjp(g: Any, out: Any, input: Any, dim: int, index: Any) -> Any:
    return elements_added(g, dim, index, tuple(input.shape)), None, None


@operation(as_method=False, as_function=False, graph_name="scatter_add")
def elements_added(g: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, to which the elements of `g` are added where `index` says."""
    out = fill(new(dense(g.form.dtype, shape)), 0)
    move("scatter_add", "sum", index, g, out, dim)
    return out


@elements_added.vjp(saves="index")
def _elements_added_vjp(gg: Any, out: Any, g: Any, dim: int, index: Any, shape: Any) -> Any:
    return elements_at(gg, dim, index), None, None, None


def check_places(name: str, input: Any, dim: int, index: Any) -> None:
    """Refuse an index that does not fit: it walks `input` in all dimensions but `dim`."""
    if not index.form.numel:
        return
    if max(input.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(
            f"{name}: Index tensor must have the same number of dimensions as input tensor, but "
            f"got {index.ndim} and {input.ndim}"
        )
    for d, (n, m) in enumerate(zip(index.form.shape, input.form.shape)):
        if d != dim and n > m:
            raise RuntimeError(
                f"{name}: Size does not match at dimension {d} expected index "
                f"{list(index.form.shape)} to be no larger than self {list(input.form.shape)} "
                f"apart from dimension {dim}"
            )


@composite(
    apart=("input", "index"),
    samples=lambda draw: [
        call(draw(3, 4), 0, draw.index(2, 4, below=3)),
        call(draw(3, 4), 1, draw.index(3, 5, below=4)),
        call(draw(3), -1, draw.index(4, below=3)),
        call(draw(3, 4), 1, draw.index(3, 0, below=4)),
        call(draw(2, 3, 4), 1, draw.index(2, 5, 2, below=3)),
    ],
    reference=lambda x, dim, index: x[places(index, dim)],
)
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """For each place of `index`, the element of `input` at that place with `dim` replaced by it.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).gather(1, argand.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    key = (input.form, dim, index.form)
    known = gather.plans.get(key)  # what follows concerns layouts alone
    if known is not None:
        return elements_at(input, known, index)
    at = normalize_dim(dim, input.ndim)
    check_places("gather", input, at, index)
    if not input.ndim:
        return gather.body(input.reshape(1), 0, index.reshape(-1)).reshape(index.shape)
    if not index.ndim:
        return gather.body(input, dim, index.reshape(1)).reshape(())
    found = positions("gather", index, input.form.shape[at])
    if found is index:
        gather.plans[key] = at
    return elements_at(input, at, found)


@composite(
    apart=("input", "index"),
    samples=lambda draw: [
        call(draw(3, 4), draw.index(2, 3, below=12)),
        call(draw(3, 4), draw.index(below=12)),
        call(draw(3, 4), draw.index(0, below=12)),
    ],
    reference=lambda x, index: x.take(index),
)
def take(input: Any, index: Any) -> Any:
    """The elements at positions in the flattened tensor; negative ones count from the end.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).take(argand.tensor([0, -1]))
    tensor([1, 4])
    """
    flat = input.reshape(-1)
    wanted = flat_positions("take", flat, index)
    return elements_at(flat, 0, wanted.reshape(-1)).reshape(index.shape)


def flat_positions(name: str, flat: Any, index: Any) -> Any:
    """Positions in a flattened tensor, none of them negative."""
    size = flat.form.numel
    if index.form.dtype.name != "int64":
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {describe(index)}")
    if index.form.numel:
        array = as_array(index)
        if array.max() >= size or array.min() < -size:
            raise IndexError(f"{name}(): out of range: " + str(outside(name, index, size)))
    return positions(name, index, size, wrap=True)


def _along_reference(x: Any, indices: Any, dim: int | None = None) -> Any:
    if dim is None:
        return x.ravel().take(indices.ravel())
    return np.take_along_axis(x, indices, dim)


@composite(
    apart=("input", "indices"),
    samples=lambda draw: [
        call(draw(3, 4), draw.index(3, 2, below=4), 1),
        call(draw(3, 4), draw.index(1, 4, below=3), 0),
        call(draw(3, 4).contiguous(), draw.index(5, below=12).contiguous()),
    ],
    reference=_along_reference,
)
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """`gather` with `indices` that broadcast to the other dimensions; without `dim`, flattened.

    >>> import argand
    >>> x = argand.tensor([[3, 1, 2]])
    >>> x.take_along_dim(argand.tensor([[1, 2, 0]]), 1)
    tensor([[1, 2, 3]])
    """
    if indices.form.dtype.name != "int64":
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {describe(indices)}"
        )
    if dim is None:
        return gather.body(input.reshape(-1), 0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    at = normalize_dim(dim, input.ndim)
    others = [_without(x.form.shape, at) for x in (input, indices)]
    common = broadcast_shapes(others)
    index = expand_to(indices, (*common[:at], indices.shape[at], *common[at:]))
    whole = expand_to(input, (*common[:at], input.shape[at], *common[at:]))
    return gather.body(whole, at, positions("take_along_dim", index, input.shape[at], wrap=True))


def _without(shape: Sequence[int], dim: int) -> tuple[int, ...]:
    return (*shape[:dim], *shape[dim + 1 :])
