"""Symmetric and Hermitian indefinite systems: the Bunch-Kaufman decomposition."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.matrices import (
    LINALG,
    LinAlgError,
    by_columns,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_square,
    infos,
    lapack_size,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.runtime.layout import broadcast_shapes

_ALPHA = (1 + 17**0.5) / 8  # balances the growth of elements in both kinds of steps
Turn = Callable[[Any], Any]  # the conjugate for Hermitian matrices, else nothing


def _largest_beside(A: Any, row: int, first: int) -> float:
    """The largest off-diagonal element in a row of what is left of the matrix."""
    left = lapack_size(A[row, first:row]).max(initial=0)
    return float(max(left, lapack_size(A[row + 1 :, row]).max(initial=0)))


def _pivot(A: Any, k: int) -> tuple[int, int]:
    """Which row is exchanged, and whether one or two columns are eliminated."""
    below = lapack_size(A[k + 1 :, k])
    here, most = float(lapack_size(A[k, k])), float(below.max(initial=0))
    if here >= _ALPHA * most:
        return k, 1
    row = k + 1 + int(np.argmax(below))
    beside = _largest_beside(A, row, k)
    if here >= _ALPHA * most * (most / beside):
        return k, 1
    return row, 1 if float(lapack_size(A[row, row])) >= _ALPHA * beside else 2


def _exchange(A: Any, a: int, b: int, turn: Turn) -> None:
    """Exchange rows and columns a < b of a matrix of which the lower triangle is kept."""
    A[b + 1 :, [a, b]] = A[b + 1 :, [b, a]]
    column = A[a + 1 : b, a].copy()
    A[a + 1 : b, a] = turn(A[b, a + 1 : b])
    A[b, a + 1 : b] = turn(column)
    A[b, a] = turn(A[b, a])
    A[[a, b], [a, b]] = A[[b, a], [b, a]]


def _block(A: Any, k: int, turn: Turn) -> Any:
    """The two by two block of D at k."""
    return np.array([[A[k, k], turn(A[k + 1, k])], [A[k + 1, k], A[k + 1, k + 1]]])


def _factor_one(matrix: Any, turn: Turn) -> tuple[Any, Any, int]:
    """L and D in the lower triangle, the pivots as LAPACK numbers them, and the first zero in D."""
    A = np.tril(matrix)
    count = len(A)
    diagonal = np.diagonal(A)
    A[range(count), range(count)] = (diagonal + turn(diagonal)) / 2  # of Hermitian ones it is real
    pivots = np.zeros(count, "i4")
    info, k = 0, 0
    while k < count:
        if not lapack_size(A[k:, k]).any():
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        row, steps = _pivot(A, k)
        last = k + steps - 1
        if row != last:
            _exchange(A, last, row, turn)
            if steps == 2:
                A[[k + 1, row], k] = A[[row, k + 1], k]
        pivots[k : k + steps] = row + 1 if steps == 1 else -(row + 1)
        X = A[k + steps :, k : k + steps].copy()
        D = A[k : k + 1, k : k + 1] if steps == 1 else _block(A, k, turn)
        W = X @ np.linalg.inv(D)
        A[k + steps :, k + steps :] -= np.tril(W @ turn(X).T)
        A[k + steps :, k : k + steps] = W
        k += steps
    return A, pivots, info


def _solve_one(A: Any, pivots: Any, B: Any, turn: Turn) -> Any:
    """The solution of A X = B from the parts that `_factor_one` leaves."""
    X, k, count = B.copy(), 0, len(A)
    while k < count:
        steps = 1 if pivots[k] > 0 else 2
        last, row = k + steps - 1, abs(int(pivots[k])) - 1
        X[[last, row]] = X[[row, last]]
        X[k + steps :] -= A[k + steps :, k : k + steps] @ X[k : k + steps]
        D = A[k : k + 1, k : k + 1] if steps == 1 else _block(A, k, turn)
        X[k : k + steps] = np.linalg.solve(D, X[k : k + steps])
        k += steps
    while k > 0:
        steps = 1 if pivots[k - 1] > 0 else 2
        k -= steps
        last, row = k + steps - 1, abs(int(pivots[k])) - 1
        X[k : k + steps] -= turn(A[k + steps :, k : k + steps]).T @ X[k + steps :]
        X[[last, row]] = X[[row, last]]
    return X


def _turn_of(hermitian: bool) -> Turn:
    return np.conj if hermitian else lambda x: x


@operation(as_method=False, as_function=False, graph_name="linalg_ldl_factor_ex")
def indefinite_factors(A: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """L and D in one matrix, the pivots, and the first zero in D or 0."""
    matrices = as_array(A).reshape(prod(A.shape[:-2]), *A.shape[-2:])
    found = [_factor_one(m, _turn_of(hermitian)) for m in matrices]
    packed = np.zeros_like(matrices)
    pivots = np.zeros(matrices.shape[:-1], "i4")
    codes = np.zeros(len(matrices), "i4")
    for i, (one, order, code) in enumerate(found):
        packed[i], pivots[i], codes[i] = one, order, code
    return (
        by_columns(packed.reshape(A.shape)),
        fresh(pivots.reshape(A.shape[:-1]), dtypes.int32),
        infos(codes, A.shape[:-2]),
    )


@indefinite_factors.vjp()
def _factors_vjp(gradients: Any, outputs: Any, A: Any, hermitian: bool) -> Any:
    raise RuntimeError("derivative for linalg.ldl_factor_ex is not implemented, as in PyTorch")


_Factor = result_type("linalg_ldl_factor", "LD pivots")
_FactorEx = result_type("linalg_ldl_factor_ex", "LD pivots info")


def _samples(draw: Draw) -> list[Call]:
    return [
        call(draw(1, 3, 3).detach()), call(draw(2, 4, 4).detach(), hermitian=True),
        call(draw(0, 3, 3).detach()),
    ]  # fmt: skip


@composite(namespace=LINALG, as_method=False, samples=_samples)
def ldl_factor_ex(
    A: Any, *, hermitian: bool = False, check_errors: bool = False
) -> tuple[Any, Any, Any]:
    """As `ldl_factor`, with the place of the first zero in D, or 0.

    >>> import argand
    >>> argand.linalg.ldl_factor_ex(argand.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    return _FactorEx(_factored("linalg.ldl_factor_ex", A, hermitian, check_errors))


@composite(namespace=LINALG, as_method=False, samples=_samples)
def ldl_factor(A: Any, *, hermitian: bool = False) -> tuple[Any, Any]:
    """The decomposition ``A = L @ D @ L.mT`` of symmetric matrices, with pivoting, in compact form.

    Args:
        A: ``(*, n, n)``, of which the lower triangle is read.
        hermitian: whether complex matrices are Hermitian: L is conjugated then.

    Source: Bunch and Kaufman (1977), Some stable methods for calculating inertia and solving
    symmetric linear systems; the result is stored as LAPACK's ``sytrf`` does.

    >>> import argand
    >>> argand.linalg.ldl_factor(argand.tensor([[2.0, 0.0], [1.0, 3.0]])).LD
    tensor([[2.0000, 0.0000],
            [0.5000, 2.5000]])
    """
    return _Factor(_factored("linalg.ldl_factor", A, hermitian, True)[:2])


def _factored(name: str, A: Any, hermitian: bool, check: bool) -> tuple[Any, Any, Any]:
    check_square(name, A)
    check_floating(name, A)
    found: tuple[Any, Any, Any] = indefinite_factors(A, hermitian and A.dtype.kind == "c")
    if check and as_array(found[2]).any():
        code = int(as_array(found[2]).max())
        raise LinAlgError(
            f"{name}: D[{code},{code}] is zero and using it would result in a division by zero: "
            "the input matrix is singular"
        )
    return found


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(1, 3, 3, nonzero=True).detach(), draw.index(1, 3, below=1).int() + 3,
             draw(3, 2).detach()),
    ],
)  # fmt: skip
def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Any:
    """The solution X of A X = B, from the decomposition that `ldl_factor` makes of A.

    >>> import argand
    >>> LD, pivots = argand.linalg.ldl_factor(argand.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> argand.linalg.ldl_solve(LD, pivots, argand.ones(2, 1)).flatten()
    tensor([0.5000, 0.2500])
    """
    name = "linalg.ldl_solve"
    check_square(name, LD, "LD")
    check_floating(name, LD)
    check_matrix(name, B, "B")
    check_same_dtype(name, LD, B)
    if LD.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"{name}: Expected LD and B to have the same number of rows, but got {LD.shape[-2]} "
            f"and {B.shape[-2]}"
        )
    if LD.node is not None or B.node is not None:
        raise RuntimeError("derivative for linalg.ldl_solve is not implemented, as in PyTorch")
    batch = broadcast_shapes((LD.shape[:-2], B.shape[:-2]))
    turn = _turn_of(hermitian and LD.dtype.kind == "c")
    rows, columns = B.shape[-2:]
    size = prod(batch)
    factors = np.broadcast_to(as_array(LD), (*batch, rows, rows)).reshape(size, rows, rows)
    orders = np.broadcast_to(as_array(pivots), (*batch, rows)).reshape(size, rows)
    given = np.broadcast_to(as_array(B), (*batch, rows, columns)).reshape(size, rows, columns)
    parts = zip(factors, orders, given)
    found = [_solve_one(one, order, right, turn) for one, order, right in parts]
    return by_columns(np.reshape(found, (*batch, rows, columns)).astype(LD.dtype.numpy))
