"""Tensors put side by side, and grids of their elements."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argand.ops.arrays import from_array
from argand.ops.function import composite
from argand.ops.join import cat, stack
from argand.ops.record import Either
from argand.ops.repeating import same_shape
from argand.ops.samples import Call, Draw, call
from argand.ops.shape import expand_to
from argand.ops.viewing import viewing
from argand.runtime import layout
from argand.runtime.layout import Size


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(), call((3, 1), (4,)), call((2,), 1)],
    reference=lambda *shapes: np.broadcast_shapes(*shapes),
)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that all `shapes` expand to.

    Raises:
        RuntimeError: when two sizes differ and neither is 1.

    >>> broadcast_shapes((3, 1), (4,))
    torch.Size([3, 4])
    """
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    for shape in given:
        if not all(isinstance(n, int) for n in shape):
            raise TypeError(f"broadcast_shapes: sizes must be ints, but got {list(shape)}")
        if any(n < 0 for n in shape):
            raise ValueError(f"broadcast_shapes: sizes must not be negative, but got {list(shape)}")
    return Size(layout.broadcast_shapes(given))


@viewing(
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 1), draw(4)),
        call(draw(2)),
        call(draw(2, 2), draw(), draw(2, 1)),
    ],
    reference=lambda *tensors: tuple(np.broadcast_arrays(*tensors)),
)
def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """All tensors expanded to the shape that they broadcast to.

    >>> import argand
    >>> a, b = argand.broadcast_tensors(argand.zeros(2, 1), argand.zeros(3))
    >>> b.shape
    torch.Size([2, 3])
    """
    parts = same_shape("broadcast_tensors", tensors)
    shape = layout.broadcast_shapes(x.form.shape for x in parts)
    return tuple([expand_to(x, shape) for x in parts])


# ---- at least so many dimensions ----------------------------------------------------------------


def _each(function: Callable[..., Any], tensors: Sequence[Any]) -> Any:
    """One tensor becomes one, several become a tuple."""
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return function(tensors[0])
    return tuple([function(x) for x in same_shape("atleast", tensors)])


def _ranks(draw: Draw) -> list[Call]:
    return [
        call(draw()),
        call(draw(2)),
        call(draw(2, 3)),
        call(draw(2, 3, 1)),
        call(draw(), draw(2)),
        call((draw(), draw(1, 2))),
    ]


def _of_each(function: Any) -> Any:
    def reference(*tensors: Any) -> Any:
        if isinstance(tensors[0], tuple):
            return tuple(map(function, tensors[0]))
        return tuple(map(function, tensors)) if len(tensors) > 1 else function(*tensors)

    return reference


@viewing(as_method=False, samples=_ranks, reference=_of_each(np.atleast_1d))
def atleast_1d(*tensors: Any) -> Either:
    """Each tensor with at least one dimension.

    >>> import argand
    >>> argand.atleast_1d(argand.tensor(1))
    tensor([1])
    """
    return _each(lambda x: x if x.ndim else x.reshape(1), tensors)


@viewing(as_method=False, samples=_ranks, reference=_of_each(np.atleast_2d))
def atleast_2d(*tensors: Any) -> Either:
    """Each tensor with at least two dimensions; a vector becomes a row.

    >>> import argand
    >>> argand.atleast_2d(argand.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(_as_matrix, tensors)


def _as_matrix(x: Any) -> Any:
    if x.ndim > 1:
        return x
    return x.unsqueeze(0) if x.ndim else x.reshape(1, 1)


@viewing(as_method=False, samples=_ranks, reference=_of_each(np.atleast_3d))
def atleast_3d(*tensors: Any) -> Either:
    """Each tensor with at least three dimensions; a matrix gets one more at its end.

    >>> import argand
    >>> argand.atleast_3d(argand.tensor([1, 2])).shape
    torch.Size([1, 2, 1])
    """
    return _each(_as_stack, tensors)


def _as_stack(x: Any) -> Any:
    return x if x.ndim > 2 else _as_matrix(x).unsqueeze(-1)


@composite(
    apart=("tensors",),
    as_method=False,
    samples=lambda draw: [
        call((draw(2), draw(3))),
        call((draw(2, 1), draw(2, 3))),
        call((draw(),)),
    ],
    reference=np.hstack,
)
def hstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along the second dimension, vectors along their only one.

    >>> import argand
    >>> argand.hstack((argand.tensor([1]), argand.tensor([2])))
    tensor([1, 2])
    """
    parts = _parts("hstack", tensors, lambda x: x if x.ndim else x.reshape(1))
    return cat.body(parts, 0 if parts[0].ndim == 1 else 1)


@composite(
    apart=("tensors",),
    as_method=False,
    aliases=("row_stack",),
    samples=lambda draw: [
        call((draw(3), draw(3))),
        call((draw(2, 3), draw(1, 3))),
        call((draw(),)),
    ],
    reference=np.vstack,
)
def vstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along the first dimension; vectors count as rows.

    >>> import argand
    >>> argand.vstack((argand.tensor([1]), argand.tensor([2])))
    tensor([[1],
            [2]])
    """
    return cat.body(_parts("vstack", tensors, _as_matrix), 0)


@composite(
    apart=("tensors",),
    as_method=False,
    samples=lambda draw: [
        call((draw(3), draw(3))),
        call((draw(2, 3), draw(2, 3))),
        call((draw(),)),
    ],
    reference=np.dstack,
)
def dstack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along the third dimension.

    >>> import argand
    >>> argand.dstack((argand.tensor([1]), argand.tensor([2])))
    tensor([[[1, 2]]])
    """
    return cat.body(_parts("dstack", tensors, _as_stack), 2)


@composite(
    apart=("tensors",),
    as_method=False,
    samples=lambda draw: [
        call((draw(3), draw(3))),
        call((draw(3, 2), draw(3))),
        call((draw(), draw(1))),
    ],
    reference=np.column_stack,
)
def column_stack(tensors: Sequence[Any]) -> Any:
    """Tensors joined along the second dimension; vectors count as columns.

    >>> import argand
    >>> argand.column_stack((argand.tensor([1, 2]), argand.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return cat.body(
        _parts("column_stack", tensors, lambda x: x if x.ndim > 1 else x.reshape(-1, 1)), 1
    )


def _parts(name: str, tensors: Sequence[Any], prepare: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors")
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [prepare(x) for x in same_shape(name, (tensors,))]


# ---- grids --------------------------------------------------------------------------------------


@viewing(
    as_method=False,
    samples=lambda draw: [
        call(draw(2), draw(3), indexing="ij"),
        call(draw(2), draw(3), draw(), indexing="xy"),
        call([draw(2), draw(1)], indexing="ij"),
    ],
    reference=lambda *tensors, indexing="ij": tuple(
        np.meshgrid(*(tensors[0] if isinstance(tensors[0], list) else tensors), indexing=indexing)
    ),
)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Grids of coordinates: for each vector, its elements along a dimension of its own.

    Args:
        indexing: "ij" (the default) takes the dimensions in the order of the vectors, "xy"
            exchanges the first two.

    >>> import argand
    >>> x, y = argand.meshgrid(argand.tensor([1, 2]), argand.tensor([3, 4]), indexing="ij")
    >>> x
    tensor([[1, 1],
            [2, 2]])
    """
    parts = same_shape("meshgrid", tensors)
    if not parts:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in parts:
        if x.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x.ndim}D"
            )
        if x.form.dtype is not parts[0].form.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(parts) > 1
    if swapped:
        parts[:2] = parts[1::-1]
    shape = tuple(x.form.numel for x in parts)
    grids = []
    for place, x in enumerate(parts):
        grids.append(expand_to(x.reshape((-1,) + (1,) * (len(parts) - place - 1)), shape))
    if swapped:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(2), draw(3)), call(draw(2)), call(draw(2), draw(1), draw(2))],
    reference=lambda *tensors: (
        np.stack([x.ravel() for x in np.meshgrid(*tensors, indexing="ij")], 1)
        if len(tensors) > 1
        else tensors[0]
    ),
)
def cartesian_prod(*tensors: Any) -> Any:
    """Every combination of elements of the vectors, as the rows of a matrix.

    >>> import argand
    >>> argand.cartesian_prod(argand.tensor([1, 2]), argand.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    parts = same_shape("cartesian_prod", tensors)
    for x in parts:
        if x.ndim != 1:
            raise RuntimeError(
                f"Expect a 1D vector, but got shape {list(x.shape)} for cartesian_prod"
            )
    if len(parts) == 1:
        return parts[0]
    return stack.body([x.flatten() for x in meshgrid.body(parts, indexing="ij")], 1)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(4)),
        call(draw(4), 3),
        call(draw(3), 2, True),
        call(draw(2), r=0),
        call(draw(0)),
    ],
    reference=lambda x, r=2, with_replacement=False: (
        np.array(
            list(
                (
                    itertools.combinations_with_replacement
                    if with_replacement
                    else itertools.combinations
                )(x, r)
            )
        ).reshape(-1, r)
        if r
        else np.zeros(0)
    ),
)
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of `r` elements of a vector, as the rows of a matrix.

    >>> import argand
    >>> argand.combinations(argand.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(len(input)), r)), "i8").reshape(-1, r)
    return input.index_select(0, from_array(places.ravel())).view(places.shape)
