"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh, new, owned
from argand.ops.create import Options, fill
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation, view
from argand.ops.record import _Defaults
from argand.ops.samples import call
from argand.ops.shape import Strided
from argand.ops.viewing import viewing
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import make


@viewing(
    copy="(x)",
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), 1), call(draw(3, 4), -1), call(draw(2, 3, 4), 0, 1, 2),
    ],
    reference=np.diagonal,
)
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two dimensions as the last dimension: a view.

    Args:
        offset: which diagonal: above the main one if positive, below if negative.

    >>> import argand
    >>> argand.eye(2).diagonal()
    tensor([1., 1.])
    """
    first, second = normalize_dim(dim1, input.ndim), normalize_dim(dim2, input.ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_view(input, offset, first, second)


@view(as_method=False, as_function=False, graph_name="diagonal")
def diagonal_view(input: Layout, offset: int, first: int, second: int) -> Strided:
    """The diagonal of two dimensions, moved to the end."""
    rows, columns = input.shape[first], input.shape[second]
    down, right = input.strides[first], input.strides[second]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = (offset * right if offset >= 0 else -offset * down) if length else 0
    rest = [d for d in range(input.ndim) if d not in (first, second)]
    shape = (*(input.shape[d] for d in rest), length)
    strides = (*(input.strides[d] for d in rest), down + right)
    return strided(input.dtype, shape, strides), start


@diagonal_view.vjp
def _diagonal_vjp(g: Any, input: Layout, offset: int, first: int, second: int) -> Any:
    out = g.new_zeros(input.shape)
    diagonal_view(out, offset, first, second).copy_(g)
    return out


@composite(
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), -1), call(draw(3)), call(draw(3), 1), call(draw(3), -2),
    ],
    reference=np.diag,
)
def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal.

    >>> import argand
    >>> argand.diag(argand.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 2:
        return diagonal_view(input, diagonal, 0, 1).clone()
    if input.ndim != 1:
        raise RuntimeError(
            f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D"
        )
    size = input.shape[0] + (diagonal if diagonal >= 0 else -diagonal)
    out = input.new_zeros((size, size))
    diagonal_view(out, diagonal, 0, 1).copy_(input)
    return out


def _embedded_reference(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    size = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], size, size), x.dtype)
    places = np.arange(x.shape[-1])
    out[..., places + max(-offset, 0), places + max(offset, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


@composite(
    samples=lambda draw: [
        call(draw(2, 3)), call(draw(3), 1), call(draw(2, 3), -2, 0, 2), call(draw(0, 2)),
    ],
    reference=_embedded_reference,
)
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices in two new dimensions, with the last dimension as their diagonal, else zeros.

    >>> import argand
    >>> argand.diag_embed(argand.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    rank = input.ndim + 1
    first, second = normalize_dim(dim1, rank), normalize_dim(dim2, rank)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for dim in sorted((first, second)):
        shape.insert(dim, size)
    return diagonal_matrix(input, tuple(shape), offset, first, second)


@operation(as_method=False, as_function=False, graph_name="diag_embed")
def diagonal_matrix(
    g: Any, shape: tuple[int, ...], offset: int, first: int, second: int
) -> Any:
    """Zeros of `shape` with `g` on a diagonal."""
    out = g.new_zeros(shape)
    diagonal_view(out, offset, first, second).copy_(g.detach())
    return out


@diagonal_matrix.vjp()
def _diagonal_matrix_vjp(
    gg: Any, out: Any, g: Any, shape: Any, offset: int, first: int, second: int
) -> Any:
    return diagonal_view(gg, offset, first, second), None, None, None, None


@composite(
    samples=lambda draw: [call(draw(3)), call(draw(2, 2), 1), call(draw(), -1), call(draw(0))],
    reference=np.diagflat,
)
def diagflat(input: Any, offset: int = 0) -> Any:
    """A matrix with the elements of `input` on its diagonal, else zeros.

    >>> import argand
    >>> argand.diagflat(argand.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed.body(input.reshape(-1), offset)


# ---- triangles ----------------------------------------------------------------------------------


def _triangle(name: str, input: Any, diagonal: int) -> Any:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    rows, columns = input.shape[-2:]
    if name == "tril":
        return np.tri(rows, columns, diagonal, dtype=bool)
    return ~np.tri(rows, columns, diagonal - 1, dtype=bool)


@operation(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), -1), call(draw(2, 4, 3), 2), call(draw(0, 3, 3)),
    ],
    reference=np.tril,
)
def tril(input: Any, diagonal: int = 0) -> Any:
    """Matrices with zeros above a diagonal.

    Args:
        diagonal: which one: above the main one if positive, below if negative.

    >>> import argand
    >>> argand.tril(argand.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    kept = _triangle("tril", input, diagonal)
    return owned(np.where(kept, as_array(input), _zero(input)), input.form.dtype)


@tril.vjp()
def _tril_vjp(g: Any, out: Any, input: Any, diagonal: int) -> Any:
    return tril(g, diagonal), None


@operation(
    in_place=True,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), -1), call(draw(2, 4, 3), 2), call(draw(0, 3, 3)),
    ],
    reference=np.triu,
)
def triu(input: Any, diagonal: int = 0) -> Any:
    """Matrices with zeros below a diagonal.

    >>> import argand
    >>> argand.triu(argand.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    kept = _triangle("triu", input, diagonal)
    return owned(np.where(kept, as_array(input), _zero(input)), input.form.dtype)


@triu.vjp()
def _triu_vjp(g: Any, out: Any, input: Any, diagonal: int) -> Any:
    return triu(g, diagonal), None


def _zero(input: Any) -> Any:
    return as_array(input).dtype.type(0)


def _indices(mask: Any, options: Options) -> Any:
    rows, columns = np.nonzero(mask)
    return options.finish(fresh(np.stack((rows, columns)), options.kind or dtypes.int64))


def _size_of_triangle(row: int, col: int) -> None:
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got {n}")


@composite(
    as_method=False,
    samples=lambda draw: [call(3, 4), call(3, 3, -1), call(2, 4, offset=1), call(0, 3)],
    reference=lambda row, col, offset=0: np.stack(np.tril_indices(row, offset, col)),
)
def tril_indices(row: int, col: int, offset: int = 0, **kwargs: Any) -> Any:
    """The rows and the columns of the lower triangle of a matrix, as a tensor of two rows.

    >>> import argand
    >>> argand.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    _size_of_triangle(row, col)
    return _indices(np.tri(row, col, offset, dtype=bool), Options(**kwargs))


@composite(
    as_method=False,
    samples=lambda draw: [call(3, 4), call(3, 3, -1), call(2, 4, offset=1), call(0, 3)],
    reference=lambda row, col, offset=0: np.stack(np.triu_indices(row, offset, col)),
)
def triu_indices(row: int, col: int, offset: int = 0, **kwargs: Any) -> Any:
    """The rows and the columns of the upper triangle of a matrix, as a tensor of two rows.

    >>> import argand
    >>> argand.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    _size_of_triangle(row, col)
    return _indices(~np.tri(row, col, offset - 1, dtype=bool), Options(**kwargs))


@composite(
    as_method=False,
    samples=lambda draw: [call(3), call(2, 4, dtype=draw.kind), call(0)],
    reference=lambda *sizes, **options: np.eye(*sizes),
)
def eye(n: int, m: int | None = None, **kwargs: Any) -> Any:
    """Ones on the diagonal, zeros elsewhere.

    Raises:
        RuntimeError: for negative sizes.

    >>> import argand
    >>> argand.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, but got {n} and {columns}")
    out = fill(new(dense(kind, (n, columns))), 0)
    count = min(n, columns)
    if count:
        fill(make(out.buffer, strided(kind, (count,), (columns + 1,))), 1)
    return options.finish(out)
