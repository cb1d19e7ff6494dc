"""Eigenvalues and eigenvectors."""

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
    check_square,
    conjugate,
    diagonal_matrix,
    diagonal_of,
    real_part,
    without_diagonal,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.solve import solution_and_info


def _constants(draw: Draw) -> list[Call]:
    """Calls that want no gradients: those of eigenvectors are defined up to a phase."""
    return [call(draw(3, 3).detach()), call(draw(2, 4, 4).detach()), call(draw(0, 0).detach())]


def _differences(values: Any) -> Any:
    """``values[j] - values[i]``, and 1 on the diagonal."""
    return without_diagonal(values.unsqueeze(-2) - values.unsqueeze(-1), 1)


def _checked(name: str, A: Any) -> None:
    check_square(name, A)
    check_floating(name, A)


# ---- Hermitian matrices --------------------------------------------------------------------------


def _hermitian(matrices: Any, lower: bool) -> Any:
    """NumPy's eigenvalues and eigenvectors; raises LinAlgError."""
    try:
        return np.linalg.eigh(matrices, "L" if lower else "U")
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix is "
            "ill-conditioned or has too many repeated eigenvalues."
        ) from None


@operation(as_method=False, as_function=False, graph_name="linalg_eigh")
def hermitian_eigen(A: Any, lower: bool) -> tuple[Any, Any]:
    """Eigenvalues in ascending order and orthonormal eigenvectors."""
    values, vectors = _hermitian(as_array(A), lower)
    return fresh(values, A.form.dtype.to_real()), by_columns(vectors)


@hermitian_eigen.vjp(saves="out")
def _hermitian_vjp(gradients: Any, outputs: Any, A: Any, lower: bool) -> Any:
    (to_values, to_vectors), (values, V) = gradients, outputs
    if to_vectors is None:
        return product_of(V * to_values.unsqueeze(-2), adjoint_of(V)), None
    inner = product_of(adjoint_of(V), to_vectors) / _differences(values)
    inner = without_diagonal(inner)
    if to_values is not None:
        inner = inner + diagonal_matrix(to_values)
    return product_of(product_of(V, inner), adjoint_of(V)), None


def _uplo(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "L"


_Eigh = result_type("linalg_eigh", "eigenvalues eigenvectors")


@composite(namespace=LINALG, as_method=False, samples=_constants, unpredictable=True)
def eigh(A: Any, UPLO: str = "L") -> tuple[Any, Any]:
    """The real eigenvalues, ascending, and the eigenvectors of Hermitian matrices.

    Args:
        UPLO: which triangle of `A` is read.

    >>> import argand
    >>> values, vectors = argand.linalg.eigh(argand.tensor([[2.0, 0.0], [0.0, 1.0]]))
    >>> values
    tensor([1., 2.])
    """
    _checked("linalg.eigh", A)
    return _Eigh(hermitian_eigen(A, _uplo(UPLO)))


@composite(
    namespace=LINALG, as_method=False, samples=_constants, reference=np.linalg.eigvalsh
)
def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The real eigenvalues of Hermitian matrices, ascending.

    >>> import argand
    >>> argand.linalg.eigvalsh(argand.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    _checked("linalg.eigvalsh", A)
    if A.node is not None:
        return hermitian_eigen(A, _uplo(UPLO))[0]
    return fresh(np.linalg.eigvalsh(as_array(A), "L" if _uplo(UPLO) else "U"), A.dtype.to_real())


# ---- any matrices --------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="linalg_eig")
def general_eigen(A: Any) -> tuple[Any, Any]:
    """Complex eigenvalues, and eigenvectors of length 1."""
    matrices = as_array(A)
    if not np.isfinite(matrices).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    values, vectors = np.linalg.eig(matrices)
    kind = A.form.dtype.to_complex()
    return fresh(values, kind), by_columns(vectors.astype(kind.numpy))


@general_eigen.vjp(saves="out")
def _general_vjp(gradients: Any, outputs: Any, A: Any) -> Any:
    # Boeddeker et al. (2019), On the computation of complex-valued gradients, section 4.2
    (to_values, to_vectors), (values, V) = gradients, outputs
    inner: Any = 0
    if to_vectors is not None:
        VhgV = product_of(adjoint_of(V), to_vectors)
        lengths = product_of(adjoint_of(V), V * real_part(diagonal_of(VhgV)).unsqueeze(-2))
        inner = without_diagonal((VhgV - lengths) / conjugate(_differences(values)))
    if to_values is not None:
        inner = inner + diagonal_matrix(to_values)
    found = solution_and_info(adjoint_of(V), product_of(inner, adjoint_of(V)))[0]
    return (found if A.dtype.kind == "c" else found.real,)


_Eig = result_type("linalg_eig", "eigenvalues eigenvectors")


@composite(namespace=LINALG, as_method=False, samples=_constants, unpredictable=True)
def eig(A: Any) -> tuple[Any, Any]:
    """The complex eigenvalues and eigenvectors of square matrices.

    >>> import argand
    >>> argand.linalg.eig(argand.tensor([[2.0]])).eigenvalues.dtype
    torch.complex64
    """
    _checked("linalg.eig", A)
    return _Eig(general_eigen(A))


@composite(namespace=LINALG, as_method=False, samples=_constants, unpredictable=True)
def eigvals(A: Any) -> Any:
    """The complex eigenvalues of square matrices.

    >>> import argand
    >>> argand.linalg.eigvals(argand.eye(2)).shape
    torch.Size([2])
    """
    _checked("linalg.eigvals", A)
    return general_eigen(A)[0]
