"""LU decomposition with partial pivoting, and what is computed from it: determinants, solutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.function import composite, operation
from argand.ops.join import cat
from argand.ops.matmul import product_of
from argand.ops.matrices import (
    LINALG,
    LinAlgError,
    adjoint_of,
    by_columns,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_square,
    infos,
    lapack_size,
    lower_triangle,
    upper_triangle,
)
from argand.ops.record import Either
from argand.ops.results import result_type
from argand.ops.samples import call
from argand.ops.triangular import solve_triangular
from argand.runtime.layout import broadcast_shapes

_PANEL = 32  # columns that are eliminated one by one before the rest of the matrix is


# ---- the decomposition, in arrays ----------------------------------------------------------------


def factor(matrices: Any, pivot: bool = True) -> tuple[Any, Any, Any]:
    """L and U in one array, the row each row was exchanged with, and the first zero pivot.

    Rows and zero pivots are counted from 1, as in LAPACK; 0 says that no pivot vanishes.
    """
    count, rows, columns = matrices.shape
    work = np.array(matrices, order="C")
    steps = min(rows, columns)
    pivots = np.tile(np.arange(1, steps + 1, dtype="i4"), (count, 1))
    info = np.zeros(count, "i4")
    every = np.arange(count)
    for start in range(0, steps, _PANEL):
        end = min(start + _PANEL, steps)
        for k in range(start, end):
            if pivot:
                chosen = k + np.argmax(lapack_size(work[:, k:, k]), 1)
                pivots[:, k] = chosen + 1
                upper = work[every, k].copy()
                work[every, k] = work[every, chosen]
                work[every, chosen] = upper
            diagonal = work[:, k, k]
            vanishing = diagonal == 0
            info = np.where((info == 0) & vanishing, k + 1, info).astype("i4")
            divisor = np.where(vanishing, 1, diagonal) if pivot else diagonal
            with np.errstate(all="ignore"):
                work[:, k + 1 :, k] /= divisor[:, None]
                left, right = work[:, k + 1 :, k, None], work[:, k, None, k + 1 : end]
                work[:, k + 1 :, k + 1 : end] -= left * right
        _eliminate(work, start, end)
    return work, pivots, info


def _eliminate(work: Any, start: int, end: int) -> None:
    """Apply the columns from `start` to `end` of L to what is right of them."""
    right = work[:, :, end:]
    if not right.size:
        return
    for k in range(start, end - 1):
        right[:, k + 1 : end] -= work[:, k + 1 : end, k, None] * right[:, None, k]
    right[:, end:] -= work[:, end:, start:end] @ right[:, start:end]


def permutation(pivots: Any, rows: int) -> Any:
    """Which row of the matrix each row of L U is, from the exchanges."""
    if ((pivots < 1) | (pivots > rows)).any():
        rule = f"pivots must be between 1 and {rows}, as lu_factor makes them"
        raise RuntimeError(f"lu_unpack: {rule}")
    order = np.tile(np.arange(rows), (len(pivots), 1))
    every = np.arange(len(pivots))
    for k in range(pivots.shape[1]):
        chosen = pivots[:, k] - 1
        above = order[:, k].copy()
        order[:, k] = order[every, chosen]
        order[every, chosen] = above
    return order


def _flat(x: Any, trailing: int) -> Any:
    """An array with all but the last dimensions merged."""
    shape = x.shape
    count = int(np.prod(shape[: x.ndim - trailing]))
    return as_array(x).reshape(count, *shape[x.ndim - trailing :])


# ---- the decomposition, in tensors ---------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="linalg_lu_factor_ex")
def factored(A: Any, pivot: bool) -> tuple[Any, Any, Any]:
    """L and U in one matrix, the pivots, and the first zero pivot or 0."""
    *batch, rows, columns = A.shape
    packed, pivots, info = factor(_flat(A, 2), pivot)
    steps = min(rows, columns)
    return (
        by_columns(packed.reshape(A.shape)),
        from_array(pivots.reshape(*batch, steps)),
        infos(info, batch),
    )


@factored.vjp(saves="out")
def _factored_vjp(gradients: Any, outputs: Any, A: Any, pivot: Any) -> Any:
    g, (packed, pivots, _) = gradients[0], outputs
    if g is None:
        return None, None
    rows, columns = packed.shape[-2:]
    k = min(rows, columns)
    L = lower_triangle(packed[..., :k], -1) + _wide_identity(packed, rows, k)
    U = upper_triangle(packed[..., :k, :])
    to_L, to_U = lower_triangle(g[..., :k], -1), upper_triangle(g[..., :k, :])
    square_L, square_U = L[..., :k, :], U[..., :k]
    by_U = {"upper": False, "left": False}  # from the right by U^-H
    if rows > columns:
        below = solve_triangular.body(adjoint_of(square_U), to_L[..., k:, :], **by_U)
        to_U = to_U - product_of(adjoint_of(L[..., k:, :]), below)
    if columns > rows:
        beside = solve_triangular.body(adjoint_of(square_L), to_U[..., k:], upper=True)
        to_L = to_L - product_of(beside, adjoint_of(U[..., k:]))
    inner = lower_triangle(product_of(adjoint_of(square_L), to_L[..., :k, :]), -1)
    inner = inner + upper_triangle(product_of(to_U[..., :k], adjoint_of(square_U)))
    result = solve_triangular.body(adjoint_of(square_L), inner, upper=True, unitriangular=True)
    result = solve_triangular.body(adjoint_of(square_U), result, **by_U)
    if rows > columns:
        result = cat.body([result, below], -2)
    if columns > rows:
        result = cat.body([result, beside], -1)
    return product_of(_permutation_matrix(pivots, rows, result.dtype), result), None


def _wide_identity(like: Any, rows: int, columns: int) -> Any:
    return from_array(np.eye(rows, columns, dtype="f4")).to(like.form.dtype)


def _permutation_matrix(pivots: Any, rows: int, kind: Any) -> Any:
    order = permutation(_flat(pivots, 1), rows)
    matrix = np.zeros((len(order), rows, rows), "f4")
    np.put_along_axis(matrix, order[:, None, :], 1, 1)
    return from_array(matrix.reshape(*pivots.shape[:-1], rows, rows)).to(kind)


def _factor_samples(draw: Any) -> Any:
    return [call(draw(1, 3, 3)), call(draw(2, 4, 3)), call(draw(1, 3, 4)), call(draw(0, 3, 3))]


_LUFactor = result_type("linalg_lu_factor", "LU pivots")
_LUFactorEx = result_type("linalg_lu_factor_ex", "LU pivots info")
_LU = result_type("linalg_lu", "P L U")
_LUWithInfo = result_type("_lu_with_info", "LU pivots info")
_Unpacked = result_type("lu_unpack", "P L U")


def _refuse_no_pivot(name: str, A: Any, pivot: bool) -> None:
    check_matrix(name, A)
    check_floating(name, A)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


@composite(namespace=LINALG, as_method=False, samples=_factor_samples)
def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> tuple[Any, Any, Any]:
    """As `lu_factor`, with the number of the first pivot that is zero, or 0.

    >>> import argand
    >>> argand.linalg.lu_factor_ex(argand.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    _refuse_no_pivot("linalg.lu_factor_ex", A, pivot)
    found = _LUFactorEx(factored(A, pivot))
    if check_errors:
        raise_singular("linalg.lu_factor_ex", found[2])
    return found


@composite(namespace=LINALG, as_method=False, samples=_factor_samples)
def lu_factor(A: Any, *, pivot: bool = True) -> tuple[Any, Any]:
    """The LU decomposition in compact form: both triangles in one matrix, and the exchanged rows.

    >>> import argand
    >>> LU, pivots = argand.linalg.lu_factor(argand.tensor([[1.0, 2.0], [4.0, 6.0]]))
    >>> pivots
    tensor([2, 2], dtype=torch.int32)
    """
    _refuse_no_pivot("linalg.lu_factor", A, pivot)
    LU, pivots, info = factored(A, pivot)
    raise_singular("linalg.lu_factor", info)
    return _LUFactor((LU, pivots))


def raise_singular(name: str, info: Any) -> None:
    """Refuse matrices with a zero pivot.

    Raises:
        LinAlgError: naming the matrix and the pivot.
    """
    codes = as_array(info)
    if codes.any():
        where = "" if codes.ndim == 0 else f"(Batch element {int(np.flatnonzero(codes)[0])}): "
        code = int(codes.ravel()[np.flatnonzero(codes)[0]])
        raise LinAlgError(
            f"{name}: {where}U[{code},{code}] is zero and using it would result in a division by "
            "zero: the input matrix is singular"
        )


@composite(name="lu", namespace=LINALG, as_method=False, samples=_factor_samples)
def lu_of(A: Any, *, pivot: bool = True) -> tuple[Any, Any, Any]:
    """A permutation, a lower triangle with ones on the diagonal, and an upper one: A = P L U.

    >>> import argand
    >>> P, L, U = argand.linalg.lu(argand.tensor([[1.0, 2.0], [4.0, 6.0]]))
    >>> P @ L @ U
    tensor([[1., 2.],
            [4., 6.]])
    """
    _refuse_no_pivot("linalg.lu", A, pivot)
    LU, pivots, _ = factored(A, pivot)
    return _LU(lu_unpack.body(LU, pivots))


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 3), draw.dtype("int32") and draw.index(3, below=1).int() + 3),
    ],
)
def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Any, Any, Any]:
    """The parts of a compact LU decomposition: permutation, lower and upper triangle.

    >>> import argand
    >>> LU, pivots = argand.linalg.lu_factor(argand.tensor([[1.0, 2.0], [4.0, 6.0]]))
    >>> argand.lu_unpack(LU, pivots).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    check_matrix("lu_unpack", LU_data)
    if unpack_pivots and LU_pivots.dtype is not dtypes.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            f"dtype, but got {LU_pivots.dtype.name}"
        )
    rows, columns = LU_data.shape[-2:]
    k = min(rows, columns)
    if unpack_pivots and LU_pivots.shape != (*LU_data.shape[:-2], k):
        raise RuntimeError(
            f"lu_unpack: the pivots must have the shape {[*LU_data.shape[:-2], k]} that belongs to "
            f"matrices of shape {list(LU_data.shape)}, but got {list(LU_pivots.shape)}"
        )
    P = L = U = LU_data.new_empty(0)
    if unpack_pivots:
        P = _permutation_matrix(LU_pivots, rows, LU_data.dtype)
    if unpack_data:
        left, top = LU_data[..., :k], LU_data[..., :k, :]
        L = (lower_triangle(left, -1) + _wide_identity(LU_data, rows, k)).contiguous()
        U = upper_triangle(top).contiguous()
    return _Unpacked((P, L, U))


@composite(out="cast", samples=lambda draw: [call(draw(3, 3)), call(draw(2, 4, 3))])
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> Either:
    """As `linalg.lu_factor`, and never refusing singular matrices.

    >>> import argand
    >>> LU, pivots = argand.lu(argand.eye(2))
    """
    _refuse_no_pivot("lu", A, pivot)
    LU, pivots, info = factored(A, pivot)
    return _LUWithInfo((LU, pivots, info)) if get_infos else (LU, pivots)


# ---- solutions -----------------------------------------------------------------------------------


@composite(
    name="lu_solve",
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 3, low=1), draw.index(3, below=1).int() + 3, draw(3, 2)),
    ],
)
def solve_factored(
    LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False
) -> Any:
    """The solution X of A X = B, or X A = B, from the LU decomposition of A.

    Args:
        adjoint: whether the conjugate transpose of A takes its place.

    >>> import argand
    >>> LU, pivots = argand.linalg.lu_factor(argand.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> argand.linalg.lu_solve(LU, pivots, argand.ones(2, 1))
    tensor([[0.5000],
            [0.2500]])
    """
    name = "linalg.lu_solve"
    check_floating(name, LU)
    check_square(name, LU, "LU")
    check_matrix(name, B, "B")
    check_same_dtype(name, LU, B)
    if LU.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({LU.shape[-2]}x{LU.shape[-1]} and "
            f"{B.shape[-2]}x{B.shape[-1]})"
        )
    broadcast_shapes((LU.shape[:-2], B.shape[:-2]))
    if not left:  # X A = B is A^H X^H = B^H
        return adjoint_of(solve_factored.body(LU, pivots, adjoint_of(B), adjoint=not adjoint))
    P = _permutation_matrix(pivots, LU.shape[-1], LU.dtype)
    if not adjoint:
        X = product_of(P.transpose(-2, -1), B)
        X = solve_triangular.body(LU, X, upper=False, unitriangular=True)
        return solve_triangular.body(LU, X, upper=True)
    X = solve_triangular.body(adjoint_of(LU), B, upper=False)
    X = solve_triangular.body(adjoint_of(LU), X, upper=True, unitriangular=True)
    return product_of(P, X)


@composite(
    samples=lambda draw: [call(draw(3, 2), draw(3, 3, low=1), draw.index(3, below=1).int() + 3)]
)
def lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """As `linalg.lu_solve`, with the right-hand side first.

    >>> import argand
    >>> LU, pivots = argand.linalg.lu_factor(argand.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> argand.lu_solve(argand.ones(2, 1), LU, pivots).flatten()
    tensor([0.5000, 0.2500])
    """
    return solve_factored.body(LU_data, LU_pivots, input)
