"""Inverses, and systems of linear equations."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from argand.ops.arrays import as_array
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.lu import factor
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
    transposed,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.runtime.layout import broadcast_shapes


def zero_pivots(matrices: Any) -> Any:
    """The first zero pivot of each matrix, counted from 1; 0 where there is none."""
    batch = matrices.shape[:-2]
    return factor(matrices.reshape(prod(batch), *matrices.shape[-2:]))[2].reshape(batch)


def _solved(A: Any, B: Any) -> tuple[Any, Any]:
    """Arrays: the solution of A X = B, and the first zero pivots or None."""
    try:
        return np.linalg.solve(A, B), None
    except np.linalg.LinAlgError:
        codes = zero_pivots(A)
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    singular = np.broadcast_to(codes != 0, batch)
    safe = np.where((codes != 0)[..., None, None], np.eye(A.shape[-1], dtype=A.dtype), A)
    return np.where(singular[..., None, None], np.nan, np.linalg.solve(safe, B)), codes


# ---- inverses ------------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="linalg_inv_ex")
def inverse_and_info(A: Any) -> tuple[Any, Any]:
    """The inverse, and the first zero pivot or 0."""
    matrices = as_array(A)
    found, codes = _solved(matrices, np.eye(A.shape[-1], dtype=matrices.dtype))
    codes = np.zeros(A.shape[:-2]) if codes is None else codes
    return by_columns(found), infos(codes, A.shape[:-2])


@inverse_and_info.vjp(saves="out")
def _inverse_vjp(gradients: Any, outputs: Any, A: Any) -> Any:
    if gradients[0] is None:
        return (None,)
    back = adjoint_of(outputs[0])
    return (-product_of(product_of(back, gradients[0]), back),)


def inverse_of(A: Any) -> Any:
    """The inverse of matrices; NaN where there is none."""
    return inverse_and_info(A)[0]


def raise_singular(name: str, info: Any, text: str) -> None:
    """Refuse singular matrices.

    Raises:
        LinAlgError: naming the matrix of the batch.
    """
    codes = as_array(info)
    if not codes.any():
        return
    first = int(np.flatnonzero(codes)[0])
    where = "" if codes.ndim == 0 else f"(Batch element {first}): "
    raise LinAlgError(f"{name}: {where}{text.format(int(codes.ravel()[first]))}")


_NOT_INVERTIBLE = (
    "The diagonal element {} is zero, the inversion could not be completed because the input "
    "matrix is singular."
)
_NOT_SOLVABLE = "The solver failed because the input matrix is singular."


def _invertible(draw: Draw) -> list[Call]:
    return [call(draw(1, 3, 3)), call(draw(2, 4, 4)), call(draw(0, 0)), call(draw(0, 3, 3))]


@composite(elsewhere=("linalg.inv",), samples=_invertible, reference=np.linalg.inv)
def inverse(A: Any) -> Any:
    """The inverse of square matrices.

    Raises:
        LinAlgError: when a matrix has none.

    >>> import argand
    >>> argand.inverse(argand.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _checked_inverse("linalg.inv", A)


def _checked_inverse(name: str, A: Any) -> Any:
    check_square(name, A)
    check_floating(name, A)
    found, info = inverse_and_info(A)
    raise_singular(name, info, _NOT_INVERTIBLE)
    return found


_InvEx = result_type("linalg_inv_ex", "inverse info")


@composite(namespace=LINALG, as_method=False, samples=_invertible)
def inv_ex(A: Any, *, check_errors: bool = False) -> tuple[Any, Any]:
    """The inverse, and the number of the first pivot that is zero, or 0: nothing is refused.

    >>> import argand
    >>> argand.linalg.inv_ex(argand.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.inv_ex", A)
    check_floating("linalg.inv_ex", A)
    found = inverse_and_info(A)
    if check_errors:
        raise_singular("linalg.inv_ex", found[1], _NOT_INVERTIBLE)
    return _InvEx(found)


# ---- systems of equations ------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="linalg_solve_ex")
def solution_and_info(A: Any, B: Any) -> tuple[Any, Any]:
    """The solution X of A X = B, whose batches broadcast, and the first zero pivot or 0."""
    found, codes = _solved(as_array(A), as_array(B))
    codes = np.zeros(A.shape[:-2]) if codes is None else codes
    return by_columns(found), infos(codes, A.shape[:-2])


@solution_and_info.vjp(saves="out A")
def _solution_vjp(gradients: Any, outputs: Any, A: Any, B: Any) -> Any:
    g, (X, _) = gradients[0], outputs
    if g is None:
        return None, None
    to_B = solution_and_info(adjoint_of(A), g)[0]
    to_A = None if A.node is None else -product_of(to_B, adjoint_of(X)).sum_to_size(A.shape)
    return to_A, to_B.sum_to_size(B.shape)


def _solve(name: str, A: Any, B: Any, left: bool) -> tuple[Any, Any]:
    check_square(name, A)
    check_floating(name, A)
    check_same_dtype(name, A, B)
    is_vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    if is_vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    given = B.unsqueeze(-1) if is_vector else B
    check_matrix(name, given, "B")
    if A.shape[-1] != given.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and "
            f"{given.shape[-2]}x{given.shape[-1]})"
        )
    broadcast_shapes((A.shape[:-2], given.shape[:-2]))
    if not left:
        X, info = solution_and_info(transposed(A), transposed(given))
        return transposed(X), info
    X, info = solution_and_info(A, given)
    return X.squeeze(-1) if is_vector else X, info


def _systems(draw: Draw) -> list[Call]:
    return [
        call(draw(1, 3, 3), draw(3, 2)), call(draw(1, 3, 3), draw(3)),
        call(draw(0, 3, 3), draw(0, 3, 2)),
        call(draw(1, 3, 3), draw(2, 3), left=False), call(draw(2, 3, 3), draw(3, 2)),
    ]  # fmt: skip


def _solve_reference(A: Any, B: Any, left: bool = True) -> Any:
    if not left:
        return np.swapaxes(np.linalg.solve(np.swapaxes(A, -1, -2), np.swapaxes(B, -1, -2)), -1, -2)
    if B.ndim == 1 or B.shape == A.shape[:-1]:
        return np.linalg.solve(A, B[..., None])[..., 0]
    return np.linalg.solve(A, B)


@composite(namespace=LINALG, as_method=False, samples=_systems, reference=_solve_reference)
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The solution X of A X = B, or of X A = B.

    Args:
        A: ``(*, n, n)``.
        B: ``(*, n, k)``, ``(*, n)``, or ``(*, k, n)`` when `left` is False. Batches broadcast.

    Raises:
        LinAlgError: when a matrix is singular.

    >>> import argand
    >>> A = argand.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> argand.linalg.solve(A, argand.ones(2))
    tensor([0.5000, 0.2500])
    """
    X, info = _solve("linalg.solve", A, B, left)
    raise_singular("linalg.solve", info, _NOT_SOLVABLE)
    return X


_SolveEx = result_type("linalg_solve_ex", "result info")


@composite(namespace=LINALG, as_method=False, samples=_systems)
def solve_ex(
    A: Any, B: Any, *, left: bool = True, check_errors: bool = False
) -> tuple[Any, Any]:
    """As `solve`, with the number of the first pivot that is zero, or 0: nothing is refused.

    >>> import argand
    >>> argand.linalg.solve_ex(argand.zeros(2, 2), argand.ones(2)).info
    tensor(1, dtype=torch.int32)
    """
    found = _solve("linalg.solve_ex", A, B, left)
    if check_errors:
        raise_singular("linalg.solve_ex", found[1], _NOT_SOLVABLE)
    return _SolveEx(found)


# ---- tensors as matrices -------------------------------------------------------------------------


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [call(draw(1, 6, 2, 3)), call(draw(1, 6, 6, 1), 2)],
    reference=np.linalg.tensorinv,
)
def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of the linear map that `A` is: from its last dimensions to its first `ind`.

    >>> import argand
    >>> argand.linalg.tensorinv(argand.eye(6).reshape(6, 2, 3), 1).shape
    torch.Size([2, 3, 6])
    """
    if ind <= 0:
        raise RuntimeError(f"linalg.tensorinv: Expected a strictly positive integer for ind: {ind}")
    to, of = A.shape[:ind], A.shape[ind:]
    if prod(to) != prod(of):
        raise RuntimeError(
            "linalg.tensorinv: Expected self to satisfy the requirement prod(A.shape[ind:]) == "
            f"prod(A.shape[:ind]), but got {prod(of)} != {prod(to)}"
        )
    return _checked_inverse("linalg.tensorinv", A.reshape(prod(to), prod(of))).reshape(*of, *to)


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(1, 3, 3), draw(1, 3)), call(draw(1, 6, 2, 3), draw(1, 2, 3), (1,)),
    ],
    reference=lambda A, B, dims=None: np.linalg.tensorsolve(A, B, dims),
)
def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """The solution X of ``tensordot(A, X, X.ndim) = B``.

    Args:
        dims: dimensions of `A` that are moved to its end before.

    >>> import argand
    >>> argand.linalg.tensorsolve(argand.eye(6).reshape(2, 3, 6), argand.ones(2, 3)).shape
    torch.Size([6])
    """
    if dims is not None:
        last = [normalize_dim(d, A.ndim) for d in dims]
        A = A.permute([d for d in range(A.ndim) if d not in last] + last)
    shape = A.shape[B.ndim :]
    if prod(A.shape[: B.ndim]) != prod(shape):
        raise RuntimeError(
            "linalg.tensorsolve: Expected self to satisfy the requirement prod(A.shape[B.ndim:]) "
            f"== prod(A.shape[:B.ndim]), but got {prod(shape)} != {prod(A.shape[: B.ndim])}"
        )
    return solve.body(A.reshape(prod(shape), prod(shape)), B.reshape(-1)).reshape(shape)
