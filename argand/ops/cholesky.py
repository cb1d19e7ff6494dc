"""Cholesky decomposition, and what is solved with it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from argand.ops.arrays import as_array
from argand.ops.function import composite, operation
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
    diagonal_matrix,
    diagonal_of,
    identity,
    infos,
    lower_triangle,
    real_part,
)
from argand.ops.results import result_type
from argand.ops.samples import call
from argand.ops.triangular import substituted


def _partial(matrix: Any) -> tuple[Any, int]:
    """The factor of a matrix as far as it has one, and the first minor that is not positive."""
    L = np.tril(matrix)
    for k in range(len(L)):
        pivot = L[k, k].real
        if not pivot > 0:
            return L, k + 1
        L[k:, k] /= np.sqrt(pivot)
        column = L[k + 1 :, k]
        L[k + 1 :, k + 1 :] -= np.tril(np.outer(column, column.conj()))
    return L, 0


def _lower(matrices: Any) -> tuple[Any, Any]:
    """The lower factors of arrays of matrices, and codes of failure."""
    batch = matrices.shape[:-2]
    codes = np.zeros(batch, "i4")
    try:
        return np.linalg.cholesky(matrices), codes
    except np.linalg.LinAlgError:
        flat = [_partial(m) for m in matrices.reshape(prod(batch), *matrices.shape[-2:])]
    factors = np.stack([L for L, _ in flat]).reshape(matrices.shape)
    return factors, np.array([code for _, code in flat], "i4").reshape(batch)


@operation(as_method=False, as_function=False, graph_name="linalg_cholesky_ex")
def factor_and_info(A: Any, upper: bool) -> tuple[Any, Any]:
    """The triangular factor, and the first minor that is not positive, or 0."""
    matrices = as_array(A)
    if upper:  # reads the upper triangle, as the lower one of the adjoint
        matrices = np.swapaxes(matrices, -1, -2).conj()
    L, codes = _lower(matrices)
    found = np.swapaxes(L, -1, -2).conj() if upper else L
    return by_columns(found), infos(codes, A.shape[:-2])


@factor_and_info.vjp(saves="out")
def _factor_vjp(gradients: Any, outputs: Any, A: Any, upper: bool) -> Any:
    # Murray (2016), Differentiation of the Cholesky decomposition
    g, L = gradients[0], outputs[0]
    if g is None:
        return None, None
    if upper:
        g, L = adjoint_of(g), adjoint_of(L)
    inner = product_of(adjoint_of(L), g)
    below = lower_triangle(inner, -1)
    inner = (below + adjoint_of(below) + diagonal_matrix(real_part(diagonal_of(inner)))) * 0.5
    above = substituted(adjoint_of(L), inner, True, False)
    return adjoint_of(substituted(adjoint_of(L), adjoint_of(above), True, False)), None


def _raise_indefinite(name: str, info: Any) -> None:
    codes = as_array(info)
    if not codes.any():
        return
    first = int(np.flatnonzero(codes)[0])
    where = "" if codes.ndim == 0 else f"(Batch element {first}): "
    raise LinAlgError(
        f"{name}: {where}The factorization could not be completed because the input is not "
        f"positive-definite (the leading minor of order {int(codes.ravel()[first])} is not "
        "positive-definite)."
    )


def _checked(name: str, A: Any, upper: bool) -> Any:
    check_square(name, A)
    check_floating(name, A)
    L, info = factor_and_info(A, upper)
    _raise_indefinite(name, info)
    return L


@composite(
    name="cholesky",
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [call(draw(1, 1, 1, low=0.5)), call(draw(0, 3, 3))],
    reference=np.linalg.cholesky,
)
def cholesky_of(A: Any, *, upper: bool = False) -> Any:
    """The triangular L with ``L @ L.mH = A`` for Hermitian positive-definite matrices.

    Args:
        upper: whether to return the adjoint of L, and to read the upper triangle of `A`.

    Raises:
        LinAlgError: when a matrix is not positive-definite.

    >>> import argand
    >>> argand.linalg.cholesky(argand.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return _checked("linalg.cholesky", A, upper)


@composite(
    samples=lambda draw: [call(draw(1, 1, 1, low=0.5)), call(draw(0, 3, 3))],
    reference=np.linalg.cholesky,
)
def cholesky(input: Any, upper: bool = False) -> Any:
    """As `linalg.cholesky`.

    >>> import argand
    >>> argand.cholesky(argand.tensor([[4.0]]))
    tensor([[2.]])
    """
    return _checked("cholesky", input, upper)


_CholeskyEx = result_type("linalg_cholesky_ex", "L info")


@composite(
    namespace=LINALG, as_method=False, samples=lambda draw: [call(draw(1, 1, 1, low=0.5))]
)
def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> tuple[Any, Any]:
    """As `cholesky`, with the order of the first minor that is not positive, or 0.

    >>> import argand
    >>> argand.linalg.cholesky_ex(-argand.eye(2)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.cholesky_ex", A)
    check_floating("linalg.cholesky_ex", A)
    found = factor_and_info(A, upper)
    if check_errors:
        _raise_indefinite("linalg.cholesky_ex", found[1])
    return _CholeskyEx(found)


def _solve_reference(B: Any, L: Any, upper: bool = False) -> Any:
    T = np.triu(L) if upper else np.tril(L)
    turned = np.swapaxes(T, -1, -2).conj()
    return np.linalg.solve(turned @ T if upper else T @ turned, B)


@composite(
    samples=lambda draw: [
        call(draw(3, 2), draw(3, 3, nonzero=True)),
        call(draw(2, 3, 2), draw(3, 3, nonzero=True), True), call(draw(0, 2), draw(0, 0)),
    ],
    reference=_solve_reference,
)
def cholesky_solve(B: Any, L: Any, upper: bool = False) -> Any:
    """The solution X of A X = B, from the Cholesky factor of A.

    >>> import argand
    >>> argand.cholesky_solve(argand.ones(1, 1), argand.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    name = "cholesky_solve"
    check_matrix(name, B, "B")
    check_square(name, L)
    check_floating(name, L)
    check_same_dtype(name, B, L)
    if L.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible matrix sizes: each A matrix is {L.shape[-1]} by "
            f"{L.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    first = adjoint_of(L) if upper else L
    return substituted(adjoint_of(first), substituted(first, B, False, False), True, False)


def _inverse_reference(L: Any, upper: bool = False) -> Any:
    T = np.triu(L) if upper else np.tril(L)
    turned = np.swapaxes(T, -1, -2).conj()
    return np.linalg.inv(turned @ T if upper else T @ turned)


@composite(
    samples=lambda draw: [
        call(draw(3, 3, nonzero=True)), call(draw(2, 3, 3, nonzero=True), True), call(draw(0, 0)),
    ] if "complex" not in str(draw.kind) else [],  # whose factors have a real diagonal
    reference=_inverse_reference,
)
def cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """The inverse of A, from its Cholesky factor.

    >>> import argand
    >>> argand.cholesky_inverse(argand.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    check_square("cholesky_inverse", L)
    check_floating("cholesky_inverse", L)
    return cholesky_solve.body(identity(L.shape[-1], L.dtype), L, upper)
