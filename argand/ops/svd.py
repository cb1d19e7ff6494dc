"""Singular values and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.matmul import product_of
from argand.ops.matrices import (
    LINALG,
    LinAlgError,
    adjoint_of,
    by_columns,
    check_floating,
    check_matrix,
    diagonal_matrix,
    diagonal_of,
    without_diagonal,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call


def _decomposed(A: Any, full: bool, vectors: bool = True) -> Any:
    matrices = as_array(A)
    if not np.isfinite(matrices).all():
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        )
    try:
        if not vectors:
            return np.linalg.svd(matrices, compute_uv=False)
        return np.linalg.svd(matrices, full_matrices=full)
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.svd: The algorithm failed to converge.") from None


@operation(as_method=False, as_function=False, graph_name="linalg_svd")
def singular(A: Any, full: bool) -> tuple[Any, Any, Any]:
    """Left vectors, values in descending order, and the adjoint of the right vectors."""
    U, S, Vh = _decomposed(A, full)
    return by_columns(U), fresh(S, A.form.dtype.to_real()), by_columns(Vh)


@singular.vjp(saves="out")
def _singular_vjp(gradients: Any, outputs: Any, A: Any, full: bool) -> Any:
    # Townsend (2016), Differentiating the singular value decomposition; columns that belong to no
    # singular value are taken as constants, as in PyTorch
    (to_U, to_S, to_Vh), (U, S, Vh) = gradients, outputs
    k = S.shape[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    to_U = None if to_U is None else to_U[..., :k]
    to_Vh = None if to_Vh is None else to_Vh[..., :k, :]
    if to_U is None and to_Vh is None:
        return product_of(U * to_S.unsqueeze(-2), Vh), None
    squares = S * S
    gaps = without_diagonal(squares.unsqueeze(-2) - squares.unsqueeze(-1), 1)
    inner: Any = 0 if to_S is None else diagonal_matrix(to_S)
    if to_U is not None:
        turn = _skew(product_of(adjoint_of(U), to_U))
        inner = inner + turn / gaps * S.unsqueeze(-2)
        if A.form.dtype.kind == "c" and to_Vh is not None:
            inner = inner + diagonal_matrix(diagonal_of(turn) / (2 * S))
    if to_Vh is not None:
        turn = _skew(product_of(Vh, adjoint_of(to_Vh)))
        inner = inner + turn / gaps * S.unsqueeze(-1)
    result = product_of(product_of(U, inner), Vh)
    rows, columns = A.shape[-2:]
    if rows > k and to_U is not None:
        beyond = to_U - product_of(U, product_of(adjoint_of(U), to_U))
        result = result + product_of(beyond / S.unsqueeze(-2), Vh)
    if columns > k and to_Vh is not None:
        beyond = to_Vh - product_of(product_of(to_Vh, adjoint_of(Vh)), Vh)
        result = result + product_of(U / S.unsqueeze(-2), beyond)
    return result, None


def _skew(x: Any) -> Any:
    return x - adjoint_of(x)


def _checked(name: str, A: Any) -> None:
    check_matrix(name, A)
    check_floating(name, A)


def _constants(draw: Draw) -> list[Call]:
    """Calls that want no gradients: those of singular vectors are defined up to a phase."""
    return [
        call(draw(4, 3).detach()), call(draw(2, 3, 4).detach()), call(draw(0, 3, 2).detach()),
    ]  # fmt: skip


_SvdOfLinalg = result_type("linalg_svd", "U S Vh")
_Svd = result_type("svd", "U S V")


@composite(name="svd", namespace=LINALG, as_method=False, samples=_constants, unpredictable=True)
def svd_of(
    A: Any, full_matrices: bool = True, *, driver: str | None = None
) -> tuple[Any, Any, Any]:
    """The singular value decomposition ``A = U @ diag(S) @ Vh``.

    Args:
        full_matrices: whether U and Vh are square.
        driver: must be None on the CPU.

    >>> import argand
    >>> argand.linalg.svd(argand.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    _checked("linalg.svd", A)
    refuse_driver("linalg.svd", driver)
    return _SvdOfLinalg(singular(A, full_matrices))


def refuse_driver(name: str, driver: str | None) -> None:
    """Only CUDA has a choice; raises RuntimeError."""
    if driver is not None:
        raise RuntimeError(
            f"torch.{name}: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )


@composite(samples=_constants, unpredictable=True)
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> tuple[Any, Any, Any]:
    """As `linalg.svd`, with V in place of its adjoint; `some` stands for not ``full_matrices``.

    >>> import argand
    >>> argand.svd(argand.ones(3, 2)).V.shape
    torch.Size([2, 2])
    """
    _checked("svd", input)
    if not compute_uv:
        rows, columns = input.shape[-2:]
        batch = input.shape[:-2]
        S = svdvals.body(input)
        none = [input.new_zeros((*batch, n, n)) for n in (rows, columns)]
        return _Svd((none[0], S, none[1]))
    U, S, Vh = singular(input, not some)
    return _Svd((U, S, adjoint_of(Vh)))


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [call(draw(4, 3)), call(draw(2, 3, 4)), call(draw(0, 3))],
    reference=lambda A: np.linalg.svd(A, compute_uv=False),
)
def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values in descending order.

    >>> import argand
    >>> argand.linalg.svdvals(argand.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    _checked("linalg.svdvals", A)
    refuse_driver("linalg.svdvals", driver)
    if A.node is not None:
        return singular(A, False)[1]
    return fresh(_decomposed(A, False, vectors=False), A.form.dtype.to_real())
