"""Systems of equations with triangular matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arrays import as_array
from argand.ops.function import composite, operation
from argand.ops.matmul import product_of
from argand.ops.matrices import (
    LINALG,
    adjoint_of,
    by_columns,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_square,
    in_columns,
    lower_triangle,
    transposed,
    upper_triangle,
)
from argand.ops.results import result_type
from argand.ops.samples import call


def substitute(A: Any, B: Any, upper: bool, unit: bool) -> Any:
    """The solution X of A X = B for arrays of triangular matrices."""
    if not upper:  # reversed, a lower triangle is an upper one
        return substitute(A[..., ::-1, ::-1], B[..., ::-1, :], True, unit)[..., ::-1, :]
    A = np.triu(A)
    if unit:
        A[..., range(A.shape[-1]), range(A.shape[-1])] = 1
    try:  # without anything below the diagonal, elimination has nothing to do but substitute
        return np.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        return _with_zeros(A, B)


def _with_zeros(A: Any, B: Any) -> Any:
    """Back substitution where a diagonal element is 0: infinities and NaN instead of an error."""
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    X = np.array(np.broadcast_to(B, (*batch, *B.shape[-2:])))
    with np.errstate(all="ignore"):
        for k in range(A.shape[-1] - 1, -1, -1):
            X[..., k, :] /= A[..., k, k, None]
            X[..., :k, :] -= A[..., :k, k, None] * X[..., k, None, :]
    return X


@operation(as_method=False, as_function=False, graph_name="linalg_solve_triangular")
def substituted(A: Any, B: Any, upper: bool, unit: bool) -> Any:
    """The solution X of A X = B for triangular matrices; the batches broadcast."""
    return by_columns(substitute(as_array(A), as_array(B), upper, unit))


@substituted.vjp(saves="out A")
def _substituted_vjp(g: Any, out: Any, A: Any, B: Any, upper: bool, unit: bool) -> Any:
    to_B = substituted(adjoint_of(A), g, not upper, unit)
    to_A = None
    if A.node is not None:
        triangle = upper_triangle if upper else lower_triangle
        full = -product_of(to_B, adjoint_of(out))
        to_A = triangle(full, (1 if upper else -1) if unit else 0).sum_to_size(A.shape)
    return to_A, to_B.sum_to_size(B.shape), None, None


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 3, nonzero=True), draw(3, 2), upper=True),
        call(draw(3, 3, nonzero=True), draw(3, 2), upper=False, unitriangular=True),
        call(draw(2, 3, 3, nonzero=True), draw(3, 2), upper=False),
        call(draw(0, 0), draw(0, 2), upper=True),
    ],
    reference=lambda A, B, upper, unitriangular=False: np.linalg.solve(
        (np.triu if upper else np.tril)(A, (1 if upper else -1) if unitriangular else 0)
        + unitriangular * np.eye(A.shape[-1]),
        B,
    ),
)
def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """The solution X of A X = B, or X A = B, for a triangular A.

    Args:
        A: ``(*, n, n)``; only the triangle that `upper` names is read.
        B: ``(*, n, k)``, or ``(*, k, n)`` when `left` is False. Batches broadcast.
        unitriangular: whether the diagonal of `A` counts as ones.

    >>> import argand
    >>> A = argand.tensor([[2.0, 1.0], [0.0, 4.0]])
    >>> argand.linalg.solve_triangular(A, argand.tensor([[4.0], [8.0]]), upper=True)
    tensor([[1.],
            [2.]])
    """
    name = "linalg.solve_triangular"
    check_floating(name, A)
    check_square(name, A)
    check_matrix(name, B, "B")
    check_same_dtype(name, A, B)
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and "
            f"{B.shape[-2]}x{B.shape[-1]})"
        )
    if left:
        return substituted(A, B, upper, unitriangular)
    return transposed(substituted(transposed(A), transposed(B), not upper, unitriangular))


_TriangularSolve = result_type("triangular_solve", "solution cloned_coefficient")


@composite(
    samples=lambda draw: [
        call(draw(3, 2), draw(3, 3, nonzero=True)),
        call(draw(3, 2), draw(3, 3, nonzero=True), False),
        call(draw(3, 2), draw(3, 3, nonzero=True), True, True),
    ],
)
def triangular_solve(
    input: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Any, Any]:
    """The solution X of A X = input, and a copy of A; see `linalg.solve_triangular`.

    >>> import argand
    >>> argand.triangular_solve(argand.ones(2, 1), argand.eye(2)).solution.flatten()
    tensor([1., 1.])
    """
    name = "triangular_solve"
    check_floating(name, input)
    check_square(name, A)
    check_matrix(name, input, "b")
    check_same_dtype(name, input, A)
    if A.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible matrix sizes for the equation AX = b: A is {A.shape[-2]} by "
            f"{A.shape[-1]}, b is {input.shape[-2]} by {input.shape[-1]}"
        )
    given = transposed(A) if transpose else A
    solution = substituted(given, input, upper != transpose, unitriangular)
    batch = solution.shape[:-2]
    return _TriangularSolve((solution, in_columns(A.expand(*batch, *A.shape[-2:]))))
