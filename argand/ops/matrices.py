"""What the operations of linear algebra share: checks, adjoints, triangles, memory by columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.ops.arrays import as_array, from_array
from argand.ops.function import composite, operation
from argand.ops.samples import call
from argand.runtime.tensor_base import alias

LINALG = "linalg"


class LinAlgError(RuntimeError):
    """A matrix has not the property that an operation of linear algebra needs."""


LinAlgError.__module__ = "argand.linalg"


def check_floating(name: str, A: Any, low_precision: bool = False) -> None:
    """Refuse integers and, unless allowed, floating types of 16 bits.

    Raises:
        NotImplementedError: PyTorch raises it or the RuntimeError that it is, as the case may be.
    """
    kind = A.form.dtype
    if kind.kind not in "fc":
        raise NotImplementedError(
            f"{name}: Expected a floating point or complex tensor as input. Got {kind.name}"
        )
    if kind.itemsize == 2 and not low_precision:
        raise NotImplementedError(f"{name}: Low precision dtypes not supported. Got {kind.name}")


def check_matrix(name: str, A: Any, letter: str = "A") -> None:
    """Refuse what is no matrix or batch of them; raises RuntimeError."""
    if A.form.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {letter} must have at least 2 dimensions, but got "
            f"{A.form.ndim}"
        )


def check_square(name: str, A: Any, letter: str = "A") -> None:
    """Refuse what is no square matrix or batch of them; raises RuntimeError."""
    check_matrix(name, A, letter)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"{name}: {letter} must be batches of square matrices, but they are {A.shape[-2]} by "
            f"{A.shape[-1]} matrices"
        )


def check_same_dtype(name: str, A: Any, B: Any) -> None:
    """Refuse operands of different types; raises RuntimeError."""
    if A.form.dtype is not B.form.dtype:
        raise RuntimeError(
            f"{name}: Expected the operands to have the same dtype, but got {A.form.dtype.name} "
            f"and {B.form.dtype.name} instead"
        )


# ---- shapes of matrices --------------------------------------------------------------------------


def transposed(x: Any) -> Any:
    """The last two dimensions exchanged."""
    return x.transpose(-2, -1)


def adjoint_of(x: Any) -> Any:
    """The conjugate transpose."""
    return x.transpose(-2, -1).conj() if x.form.dtype.kind == "c" else x.transpose(-2, -1)


def conjugate(x: Any) -> Any:
    """The complex conjugate; real tensors stay."""
    return x.conj() if x.form.dtype.kind == "c" else x


def real_part(x: Any) -> Any:
    """The real part; real tensors stay."""
    return x.real if x.form.dtype.kind == "c" else x


def symmetric_part(x: Any) -> Any:
    """Half the sum of a matrix and its adjoint."""
    return (x + adjoint_of(x)) * 0.5


@cache
def _triangle(rows: int, columns: int, diagonal: int, upper: bool) -> Any:
    """A mask of what lies outside of a triangle."""
    kept = np.tri(rows, columns, diagonal - upper, dtype=bool)
    return from_array(kept if upper else ~kept)


def lower_triangle(x: Any, diagonal: int = 0) -> Any:
    """Zeros above a diagonal."""
    return x.masked_fill(_triangle(*x.shape[-2:], diagonal, False), 0)


def upper_triangle(x: Any, diagonal: int = 0) -> Any:
    """Zeros below a diagonal."""
    return x.masked_fill(_triangle(*x.shape[-2:], diagonal, True), 0)


@cache
def _off_diagonal(count: int) -> Any:
    return from_array(~np.eye(count, dtype=bool))


def without_diagonal(x: Any, value: float = 0) -> Any:
    """Another value on the diagonal of square matrices."""
    return x.masked_fill(~_off_diagonal(x.shape[-1]), value)


def diagonal_matrix(values: Any) -> Any:
    """Matrices with these diagonals."""
    count = values.shape[-1]
    rows = values.unsqueeze(-1).expand(*values.shape, count)
    return rows.masked_fill(_off_diagonal(count), 0)


def identity(count: int, kind: dtype) -> Any:
    """The identity matrix."""
    return from_array(np.eye(count, dtype="f4")).to(kind)


def diagonal_of(x: Any) -> Any:
    """The diagonals of matrices."""
    return x.diagonal(0, -2, -1)


def identity_like(x: Any) -> Any:
    """Identity matrices of the shape of `x` and in its graph, to which they lead no gradient."""
    everything = from_array(np.ones((), bool))
    return x.masked_fill(everything, 0) + identity(max(x.shape[-2:]), x.dtype)[
        : x.shape[-2], : x.shape[-1]
    ]


# ---- arrays --------------------------------------------------------------------------------------


def by_columns(matrices: Any) -> Any:
    """A tensor that keeps matrices column after column, as LAPACK leaves them."""
    rows = np.ascontiguousarray(np.swapaxes(matrices, -1, -2))
    return from_array(np.swapaxes(rows, -1, -2))


@operation(as_method=False, as_function=False, graph_name="clone")
def in_columns(x: Any, room: int = 0) -> Any:
    """A copy that keeps matrices column after column, with room for that many rows."""
    *batch, rows, columns = x.shape
    out = np.zeros((*batch, columns, max(room, rows)), x.form.dtype.numpy)
    out[..., :rows] = np.swapaxes(as_array(x), -1, -2)
    return alias(from_array(out).narrow(-1, 0, rows).transpose(-1, -2))


@in_columns.vjp()
def _in_columns_vjp(g: Any, out: Any, x: Any, room: int) -> Any:
    return g, None


def lapack_size(x: Any) -> Any:
    """The size of numbers as LAPACK measures it when it chooses pivots."""
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


def infos(values: Any, shape: Sequence[int]) -> Any:
    """Codes of success and failure, one for each matrix of a batch."""
    return from_array(np.ascontiguousarray(values, "i4").reshape(shape))


@composite(
    name="diagonal",
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [call(draw(3, 4)), call(draw(2, 3, 4), offset=1, dim1=0)],
    reference=lambda A, offset=0, dim1=-2, dim2=-1: np.diagonal(A, offset, dim1, dim2),
)
def matrix_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, as a view.

    >>> import argand
    >>> argand.linalg.diagonal(argand.eye(2))
    tensor([1., 1.])
    """
    return A.diagonal(offset, dim1, dim2)
