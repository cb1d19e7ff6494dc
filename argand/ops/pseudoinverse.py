"""Pseudoinverses, ranks, least squares, and decompositions of low rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.matmul import matmul, product_of
from argand.ops.matrices import (
    LINALG,
    adjoint_of,
    check_floating,
    check_matrix,
    check_same_dtype,
    conjugate,
    in_columns,
    real_part,
)
from argand.ops.qr import orthonormal_and_upper
from argand.ops.results import result_type
from argand.ops.samples import call
from argand.ops.sampling import randn
from argand.ops.svd import singular
from argand.runtime.layout import broadcast_shapes
from argand.runtime.tensor_base import TensorBase


def _number(tolerance: Any) -> Any:
    """A tolerance as a number or an array with one for each matrix."""
    return as_array(tolerance) if isinstance(tolerance, TensorBase) else tolerance


def _limits(values: Any, matrix: Any, atol: Any, rtol: Any) -> Any:
    """Below which singular values count as 0, for each matrix."""
    if rtol is None:
        eps = np.finfo(values.dtype).eps * max(matrix.shape[-2:])
        rtol = eps if atol is None else np.where(np.asarray(_number(atol)) > 0, 0.0, eps)
    largest = values.max(-1, initial=0)
    absolute = 0.0 if atol is None else np.asarray(_number(atol))
    return np.maximum(absolute, np.asarray(_number(rtol)) * largest)[..., None]


def _spectrum(matrices: Any, hermitian: bool) -> Any:
    """The singular values; of Hermitian matrices, from their lower triangle."""
    if hermitian:
        return np.abs(np.linalg.eigvalsh(matrices))
    return np.linalg.svd(matrices, compute_uv=False)


# ---- rank ----------------------------------------------------------------------------------------


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 3)), call(draw(2, 3, 4)), call(draw(3, 3), 0.5), call(draw(0, 3)),
    ],
    reference=lambda A, tol=None: np.linalg.matrix_rank(A, tol),
)
def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """How many singular values are larger than ``max(atol, rtol * the largest)``.

    Args:
        atol: by default 0. May be a tensor with one tolerance for each matrix, as `rtol`.
        rtol: by default ``max(m, n) * eps``, or 0 when `atol` is given.
        hermitian: whether only the lower triangle of Hermitian matrices is read.
        tol: the former name of `atol`.

    >>> import argand
    >>> argand.linalg.matrix_rank(argand.ones(3, 3))
    tensor(1)
    """
    check_matrix("linalg.matrix_rank", A)
    check_floating("linalg.matrix_rank", A)
    values = _spectrum(as_array(A), hermitian)
    limits = _limits(values, A, atol if tol is None else tol, 0.0 if tol is not None else rtol)
    return fresh((values > limits).sum(-1), dtypes.int64)


# ---- pseudoinverse -------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="linalg_pinv")
def pseudoinverse(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The Moore-Penrose inverse; singular values within the tolerances count as 0."""
    matrices = as_array(A)
    if hermitian:
        values, U = np.linalg.eigh(matrices)
        Vh = np.swapaxes(U, -1, -2).conj()
    else:
        U, values, Vh = np.linalg.svd(matrices, full_matrices=False)
    kept = np.abs(values) > _limits(np.abs(values), A, atol, rtol)
    inverses = np.where(kept, 1 / np.where(kept, values, 1), 0).astype(values.dtype)
    found = (np.swapaxes(Vh, -1, -2).conj() * inverses[..., None, :]) @ np.swapaxes(
        U, -1, -2
    ).conj()
    return fresh(found, A.form.dtype)


@pseudoinverse.vjp(saves="out A")
def _pseudoinverse_vjp(
    g: Any, out: Any, A: Any, atol: Any, rtol: Any, hermitian: bool
) -> tuple[Any, None, None, None]:
    # Golub and Pereyra (1973), The differentiation of pseudo-inverses
    back, turned = adjoint_of(out), adjoint_of(g)
    total = -product_of(product_of(back, g), back)
    right = product_of(product_of(turned, out), back)
    total = total + right - product_of(A, product_of(out, right))
    left = product_of(product_of(back, out), turned)
    return total + left - product_of(product_of(left, out), A), None, None, None


def _pinv_samples(draw: Any) -> Any:
    return [
        call(draw(4, 3)), call(draw(2, 3, 4)), call(draw(0, 3)), call(draw(3, 2), rcond=1e-3),
    ]  # fmt: skip


def _pinv_reference(A: Any, rcond: float = 1e-12) -> Any:
    return np.linalg.pinv(A, rcond)


@composite(namespace=LINALG, as_method=False, samples=_pinv_samples, reference=_pinv_reference)
def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """The pseudoinverse (Moore-Penrose inverse) of any matrices.

    Args:
        atol, rtol: singular values up to ``max(atol, rtol * the largest)`` count as 0; by default
            0 and ``max(m, n) * eps``.
        hermitian: whether only the lower triangle of Hermitian matrices is read.
        rcond: the former name of `rtol`.

    >>> import argand
    >>> argand.linalg.pinv(argand.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    check_matrix("linalg.pinv", A)
    check_floating("linalg.pinv", A)
    return pseudoinverse(A, atol, rtol if rcond is None else rcond, hermitian)


@composite(
    samples=lambda draw: [call(draw(4, 3)), call(draw(3, 3), 1e-3)],
    reference=lambda A, rcond=1e-15: np.linalg.pinv(A, rcond),
)
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """As `linalg.pinv`, with another default tolerance.

    >>> import argand
    >>> argand.pinverse(argand.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return pinv.body(input, rcond)


# ---- least squares -------------------------------------------------------------------------------

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")
_Lstsq = result_type("linalg_lstsq", "solution residuals rank singular_values")


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(4, 3), draw(4, 2)), call(draw(2, 3, 4), draw(2, 3, 2), driver="gels"),
        call(draw(4, 3), draw(4, 2), driver="gelsd"),
    ],
)
def lstsq(
    A: Any, B: Any, rcond: Any = None, *, driver: str | None = None
) -> tuple[Any, Any, Any, Any]:
    """The X for which ``|A X - B|`` is least; among several, the shortest.

    Args:
        A: ``(*, m, n)``.
        B: ``(*, m, k)`` or ``(*, m)``.
        rcond: singular values up to this part of the largest count as 0.
        driver: which results there are besides the solution: ``gels`` has no ranks, ``gelsd`` and
            ``gelss`` have singular values, and all but ``gelsy`` residuals.

    >>> import argand
    >>> argand.linalg.lstsq(argand.ones(2, 1), argand.tensor([[1.0], [3.0]])).solution.round()
    tensor([[2.]])
    """
    name = "torch.linalg.lstsq"
    check_matrix(name, A, "input")
    check_floating(name, A)
    check_same_dtype(name, A, B)
    if driver not in (None, *_DRIVERS):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but got "
            f"{driver!r}"
        )
    is_vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    given = B.unsqueeze(-1) if is_vector else B
    check_matrix(name, given, "other")
    if A.shape[-2] != given.shape[-2]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size(-2), but got {list(A.shape)} and "
            f"{list(B.shape)}"
        )
    broadcast_shapes((A.shape[:-2], given.shape[:-2]))
    rows, columns = A.shape[-2:]
    solution = product_of(pseudoinverse(A, None, rcond, False), given)
    solution = in_columns(solution, max(rows, columns))
    values = np.linalg.svd(as_array(A), compute_uv=False)
    ranks = (values > _limits(values, A, None, rcond)).sum(-1)
    residuals = real_part(solution).reshape(-1)[:0]  # empty, but in the graph
    singular_values = A.new_empty(0, dtype=A.dtype.to_real())
    rank = A.new_empty(0, dtype=dtypes.int64)
    driver = driver or "gelsy"
    if driver != "gels":
        rank = fresh(ranks, dtypes.int64)
    full_rank = driver == "gels" or (ranks == columns).all()
    if rows > columns and driver != "gelsy" and full_rank:
        difference = product_of(A, solution) - given
        residuals = real_part(conjugate(difference) * difference).sum(-2)
    if driver in ("gelsd", "gelss"):
        singular_values = fresh(values, A.dtype.to_real())
    found = solution.squeeze(-1) if is_vector else solution
    return _Lstsq((found, residuals, rank, singular_values))


# ---- low rank ------------------------------------------------------------------------------------


def _basis(A: Any, count: int, iterations: int) -> Any:
    """Orthonormal columns that A nearly maps into (Halko et al., 2009, algorithm 4.4)."""
    start = randn.body(A.shape[-1], count, dtype=A.dtype)
    Q = orthonormal_and_upper(matmul.body(A, start), "reduced")[0]
    for _ in range(iterations):
        for matrix in (adjoint_of(A), A):
            Q = orthonormal_and_upper(product_of(matrix, Q), "reduced")[0]
    return Q


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(6, 4).detach(), 2), call(draw(2, 3, 5).detach(), 3)],
    unpredictable=True,
)
def svd_lowrank(
    A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None
) -> tuple[Any, Any, Any]:
    """The largest singular values and their vectors, by a random projection.

    Args:
        q: how many, a little more than the rank of `A`.
        niter: how often the subspace is refined.
        M: what is subtracted from `A` before, for example its mean.

    Source: Halko et al. (2009), Finding structure with randomness, algorithm 5.1.

    >>> import argand
    >>> U, S, V = argand.svd_lowrank(argand.ones(4, 3), q=1)
    >>> U.shape, S.shape, V.shape
    (torch.Size([4, 1]), torch.Size([1]), torch.Size([3, 1]))
    """
    check_matrix("svd_lowrank", A)
    check_floating("svd_lowrank", A)
    count = 6 if q is None else q
    given = A if M is None else A - M
    is_wide = given.shape[-2] < given.shape[-1]
    tall = adjoint_of(given) if is_wide else given
    Q = _basis(tall, count, 2 if niter is None else niter)
    U, S, Vh = singular(product_of(adjoint_of(Q), tall), False)
    left, right = product_of(Q, U), adjoint_of(Vh)
    return (right, S, left) if is_wide else (left, S, right)


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(6, 4).detach(), 2), call(draw(5, 3).detach(), center=False)],
    unpredictable=True,
)
def pca_lowrank(
    A: Any, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Any, Any, Any]:
    """Principal components: `svd_lowrank` of rows from which the mean row was subtracted.

    >>> import argand
    >>> argand.pca_lowrank(argand.rand(10, 3), q=2)[2].shape
    torch.Size([3, 2])
    """
    check_matrix("pca_lowrank", A)
    check_floating("pca_lowrank", A)
    most = min(A.shape[-2:])
    if q is None:
        q = min(6, most)
    if not 0 <= q <= most:
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={most}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    given = A - A.mean(-2, keepdim=True) if center else A
    return svd_lowrank.body(given, q, niter)
