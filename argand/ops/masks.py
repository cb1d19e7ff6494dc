"""Choosing elements by conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels.expr import Expr
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.map import COMPLEX, EVERY, elementwise
from argand.ops.record import Either, describe
from argand.ops.samples import call
from argand.runtime.layout import broadcast_shapes
from argand.runtime.tensor_base import TensorBase

# ---- masks --------------------------------------------------------------------------------------


def _selected_reference(x: Any, mask: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask)
    return x[mask]


@elementwise(
    masks=("condition",),
    as_method=False,
    as_function=False,
    name="where",
    namespace="ternary",
    kinds=EVERY + COMPLEX,
)
def select_by(condition: Expr, input: Expr, other: Expr) -> Expr:
    """`input` where the condition holds, else `other`."""
    return condition.to(dtypes.bool_).where(input, other)


@composite(
    samples=lambda draw: [
        call(draw.mask(3, 4), draw(3, 4), draw(3, 4)), call(draw.mask(3, 1), draw(4), draw()),
        call(draw.mask(3), draw(3), draw.number()), call(draw.mask(0, 2), draw(0, 2), draw(2)),
        call(draw.mask(3, 4)),
    ],
    reference=np.where,
)
def where(condition: Any, input: Any = None, other: Any = None) -> Either:
    """`input` where the condition holds, else `other`; alone, the positions where it holds.

    >>> import argand
    >>> argand.where(argand.tensor([True, False]), 1, 2)
    tensor([1, 2])
    """
    if input is None and other is None:
        return nonzero.body(condition, as_tuple=True)
    return select_by(condition, input, other)


where.method = lambda: _where_method


def _where_method(self: Any, condition: Any, other: Any) -> Any:
    """This tensor where the condition holds, else `other`."""
    return select_by(condition, self, other)


def _check_filling(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    """Refuse values for `masked_fill` that are no numbers of the input's type."""
    input, _, value = operands
    kind = input.form.dtype
    if isinstance(value, TensorBase):
        if value.form.ndim:
            raise RuntimeError(
                "masked_fill: only supports a 0-dimensional value tensor, but got "
                f"{describe(value)} (use where for values that differ)"
            )
        lost = value.form.dtype.kind == "c" and kind.kind != "c"
    else:
        lost = isinstance(value, complex) and kind.kind != "c"
        if isinstance(value, float) and kind.kind in "iu":
            lost = not dtypes.iinfo(kind).min <= value <= dtypes.iinfo(kind).max
    if lost:
        raise RuntimeError(
            f"masked_fill: value cannot be converted to type {kind.name} without overflow, but got "
            f"{describe(value)}"
        )


@elementwise(
    out="",
    check=_check_filling,
    masks=("mask",),
    result_of="input",
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4), draw.mask(3, 4), draw.number()),
        call(draw(3, 4), draw.mask(4), draw()),
        call(draw(0, 2), draw.mask(2), draw.number()),
    ],
    reference=lambda x, mask, value: np.where(mask, value, x),
    row_major=True,
    tensors=("input", "mask"),
    kinds=EVERY + COMPLEX,
)
def masked_fill(input: Expr, mask: Expr, value: Expr) -> Expr:
    """`value` where the mask is true.

    >>> import argand
    >>> argand.tensor([1, 2]).masked_fill(argand.tensor([True, False]), 0)
    tensor([0, 2])
    """
    if mask.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    return mask.where(value, input)


@operation(
    apart=("input", "mask"),
    samples=lambda draw: [
        call(draw(3, 4), draw.mask(3, 4)), call(draw(3, 4), draw.mask(4)),
        call(draw(0), draw.mask(0)),
    ],
    reference=_selected_reference,
)
def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is true, as a vector.

    >>> import argand
    >>> argand.tensor([1, 2, 3]).masked_select(argand.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.form.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    broadcast_shapes((input.form.shape, mask.form.shape))
    a, b = np.broadcast_arrays(as_array(input), as_array(mask))
    return fresh(a[b], input.form.dtype)


@masked_select.vjp(saves="mask")
def _masked_select_vjp(g: Any, out: Any, input: Any, mask: Any) -> Any:
    sizes = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    spread = g.new_zeros(sizes)
    spread[mask.expand(sizes)] = g
    return spread.sum_to_size(input.shape), None


@composite(
    apart=("input",),
    samples=lambda draw: [call(draw(3, 4)), call(draw(5), as_tuple=True), call(draw(0, 2))],
    reference=lambda x, as_tuple=False: np.nonzero(x) if as_tuple else np.argwhere(x),
)
def nonzero(input: Any, *, as_tuple: bool = False) -> Either:
    """The positions of nonzero elements: a matrix with a row for each, or a tuple of vectors.

    >>> import argand
    >>> argand.nonzero(argand.tensor([0, 5]))
    tensor([[1]])
    """
    if input.form.dtype is dtypes.bfloat16:
        input = input != 0
    array = as_array(input)
    if as_tuple:
        found = np.nonzero(np.atleast_1d(array))
        return tuple([fresh(x, dtypes.int64) for x in found])
    rows = np.argwhere(array)
    columns = fresh(rows.reshape(len(rows), input.form.ndim).transpose(), dtypes.int64)
    return columns.transpose(0, 1)  # PyTorch's order in memory


@composite(
    samples=lambda draw: [call(draw(3, 4)), call(draw(5)), call(draw(0, 2))],
    reference=np.argwhere,
)
def argwhere(input: Any) -> Any:
    """The positions of nonzero elements: a matrix with a row for each.

    >>> import argand
    >>> argand.argwhere(argand.tensor([0, 5]))
    tensor([[1]])
    """
    return nonzero.body(input)


def _static_reference(x: Any, *, size: int, fill_value: int = -1) -> Any:
    found = np.argwhere(x)[:size]
    rest = np.full((size - len(found), x.ndim), fill_value)
    return np.concatenate([found, rest])


@composite(
    samples=lambda draw: [
        call(draw(3, 4), size=3), call(draw(5), size=7), call(draw(2, 2), size=5, fill_value=9),
        call(draw(0, 2), size=1),
    ],
    reference=_static_reference,
)
def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """`nonzero` with a fixed number of rows: the first `size`, or filled up with `fill_value`.

    >>> import argand
    >>> argand.nonzero_static(argand.tensor([0, 5, 0]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = nonzero.body(input)[:size]
    out = found.new_full((size, input.ndim), fill_value)
    out[: found.shape[0]] = found
    return out
