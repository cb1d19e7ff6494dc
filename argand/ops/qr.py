"""QR decomposition and Householder reflectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.join import cat
from argand.ops.matmul import product_of
from argand.ops.matrices import (
    LINALG,
    adjoint_of,
    by_columns,
    check_floating,
    check_matrix,
    check_same_dtype,
    conjugate,
    diagonal_matrix,
    diagonal_of,
    identity,
    identity_like,
    in_columns,
    lower_triangle,
    real_part,
    upper_triangle,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.triangular import solve_triangular

_MODES = ("reduced", "complete", "r")


@operation(as_method=False, as_function=False, graph_name="linalg_qr")
def orthonormal_and_upper(A: Any, mode: str) -> tuple[Any, Any]:
    """Orthonormal columns (none for the mode ``r``), and an upper triangle."""
    found = np.linalg.qr(as_array(A), mode=mode)  # type: ignore[call-overload]
    if mode == "r":
        return A.new_empty(0), by_columns(found)
    q, r = found
    return by_columns(q), by_columns(r)


@orthonormal_and_upper.vjp(saves="out A")
def _qr_vjp(gradients: Any, outputs: Any, A: Any, mode: str) -> Any:
    rows, columns = A.shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to require differentiation."
        )
    if mode == "complete" and rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
        )
    (to_Q, to_R), (Q, R) = gradients, outputs
    to_Q = Q.new_zeros(Q.shape) if to_Q is None else to_Q
    to_R = R.new_zeros(R.shape) if to_R is None else to_R
    if rows >= columns:
        return _square_vjp(to_Q, to_R, Q, R), None
    # the columns right of the square are Q^H times those of A
    beside = product_of(Q, to_R[..., rows:])
    to_Q = to_Q + product_of(A[..., rows:], adjoint_of(to_R[..., rows:]))
    first = _square_vjp(to_Q, to_R[..., :rows], Q, R[..., :rows])
    return cat.body([first, beside], -1), None


def _square_vjp(to_Q: Any, to_R: Any, Q: Any, R: Any) -> Any:
    """The gradient for a square upper triangle (Walter and Lehmann, 2018)."""
    inner = product_of(to_R, adjoint_of(R)) - product_of(adjoint_of(Q), to_Q)
    above = upper_triangle(inner, 1)
    diagonal = diagonal_matrix(real_part(diagonal_of(inner)))
    total = to_Q + product_of(Q, above + adjoint_of(above) + diagonal)
    return solve_triangular.body(adjoint_of(R), total, upper=False, left=False)


def _qr_of(name: str, A: Any, mode: str) -> tuple[Any, Any]:
    check_matrix(name, A)
    check_floating(name, A)
    if mode not in _MODES:
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    found: tuple[Any, Any] = orthonormal_and_upper(A, mode)
    return found


_QrOfLinalg = result_type("linalg_qr", "Q R")
_Qr = result_type("qr", "Q R")


def _samples(draw: Draw) -> list[Call]:
    return [
        call(draw(4, 3)), call(draw(2, 3, 3)), call(draw(3, 4)), call(draw(0, 3)),
    ]  # fmt: skip


@composite(name="qr", namespace=LINALG, as_method=False, samples=_samples, reference=np.linalg.qr)
def qr_of(A: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """Orthonormal columns and an upper triangle whose product is `A`.

    Args:
        mode: ``reduced``, ``complete`` (all columns of a square Q), or ``r`` (no Q).

    >>> import argand
    >>> q, r = argand.linalg.qr(argand.eye(2))
    >>> argand.allclose(q @ r, argand.eye(2))
    True
    """
    return _QrOfLinalg(_qr_of("linalg.qr", A, mode))


@composite(samples=_samples, reference=np.linalg.qr)
def qr(input: Any, some: bool = True) -> tuple[Any, Any]:
    """As `linalg.qr`; `some` is the mode ``reduced``.

    >>> import argand
    >>> argand.qr(argand.ones(3, 2)).R.shape
    torch.Size([2, 2])
    """
    return _Qr(_qr_of("qr", input, "reduced" if some else "complete"))


# ---- reflectors ----------------------------------------------------------------------------------

_Geqrf = result_type("geqrf", "a tau")


@composite(
    samples=lambda draw: [call(draw(4, 3).detach()), call(draw(2, 3, 4).detach())],
)
def geqrf(input: Any) -> tuple[Any, Any]:
    """The QR decomposition as LAPACK leaves it: R, and below it the reflectors that make up Q.

    >>> import argand
    >>> argand.geqrf(argand.ones(3, 2)).tau.shape
    torch.Size([2])
    """
    check_matrix("geqrf", input)
    check_floating("geqrf", input)
    matrices = as_array(input)
    found, tau = np.linalg.qr(matrices, mode="raw")
    a = by_columns(np.swapaxes(found, -1, -2))
    return _Geqrf((a, fresh(tau, input.dtype)))


def _reflectors(input: Any, tau: Any) -> list[tuple[Any, Any]]:
    """The vectors and factors of the reflectors ``I - t v v^H``, as tensors of columns."""
    rows, count = input.shape[-2], tau.shape[-1]
    unit = lower_triangle(input[..., :count], -1)
    ones = identity(max(rows, count), input.dtype)[:rows, :count]
    unit = unit + ones
    return [(unit[..., k : k + 1], tau[..., k : k + 1].unsqueeze(-1)) for k in range(count)]


def _reflected(x: Any, vector: Any, factor: Any) -> Any:
    return x - product_of(vector * factor, product_of(adjoint_of(vector), x))


def _check_reflectors(name: str, input: Any, tau: Any) -> None:
    check_matrix(name, input, "input")
    check_floating(name, input)
    check_same_dtype(name, input, tau)
    if input.shape[-2] < input.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1], but got "
            f"{list(input.shape)}"
        )
    if input.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1], but got "
            f"{input.shape[-1]} and {tau.shape[-1]}"
        )
    if input.ndim - tau.ndim != 1 or input.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input and the same batch, but "
            f"got shapes {list(tau.shape)} and {list(input.shape)}"
        )


@composite(
    name="orgqr",
    elsewhere=("linalg.householder_product",),
    samples=lambda draw: [call(draw(4, 3), draw(3)), call(draw(2, 3, 3), draw(2, 2))],
)
def householder_product(input: Any, tau: Any) -> Any:
    """The first columns of the product of reflectors, as `geqrf` returns them.

    Args:
        input: ``(*, m, n)``; column k holds the reflector's vector below the diagonal.
        tau: ``(*, k)``: the factors, at most n.

    >>> import argand
    >>> a, tau = argand.geqrf(argand.eye(2))
    >>> argand.linalg.householder_product(a, tau).shape
    torch.Size([2, 2])
    """
    _check_reflectors("linalg.householder_product", input, tau)
    product = identity_like(input)
    for vector, factor in reversed(_reflectors(input, tau)):
        product = _reflected(product, vector, factor)
    return in_columns(product)


@composite(
    samples=lambda draw: [
        call(draw(4, 3), draw(3), draw(4, 2)), call(draw(4, 3), draw(3), draw(2, 4), False),
        call(draw(4, 3), draw(3), draw(4, 2), True, True),
    ]
)
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Any:
    """The product of reflectors, as `geqrf` returns them, and a matrix.

    Args:
        left: whether the reflectors come first.
        transpose: whether their adjoint takes their place.

    >>> import argand
    >>> a, tau = argand.geqrf(argand.eye(2))
    >>> argand.ormqr(a, tau, argand.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    check_matrix("ormqr", input, "input")
    check_matrix("ormqr", other, "other")
    check_floating("ormqr", input)
    check_same_dtype("ormqr", input, other)
    if other.shape[-2 if left else -1] < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to "
            f"tau.shape[-1], but got {other.shape[-2 if left else -1]} and {tau.shape[-1]}"
        )
    if other.shape[-2 if left else -1] != input.shape[-2]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2], "
            f"but got {other.shape[-2 if left else -1]} and {input.shape[-2]}"
        )
    if not left:  # (C Q)^H = Q^H C^H
        turned = ormqr.body(input, tau, adjoint_of(other), True, not transpose)
        return in_columns(adjoint_of(turned))
    steps = _reflectors(input, tau)
    result = other
    for vector, factor in steps if transpose else reversed(steps):
        result = _reflected(result, vector, conjugate(factor) if transpose else factor)
    return in_columns(result)
