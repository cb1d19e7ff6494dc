"""Determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.matmul import product_of
from argand.ops.matrices import (
    LINALG,
    adjoint_of,
    check_floating,
    check_square,
    conjugate,
)
from argand.ops.results import result_type
from argand.ops.samples import Call, Draw, call
from argand.ops.solve import inverse_of


def _samples(draw: Draw) -> list[Call]:
    return [call(draw(3, 3)), call(draw(2, 4, 4)), call(draw(0, 3, 3))]


def _each(values: Any) -> Any:
    """One number per matrix, to be multiplied with matrices."""
    return values.unsqueeze(-1).unsqueeze(-1)


def _checked(name: str, A: Any) -> None:
    check_floating(name, A)
    check_square(name, A)


@operation(
    elsewhere=("linalg.det",), graph_name="linalg_det", samples=_samples, reference=np.linalg.det
)
def det(A: Any) -> Any:
    """The determinant of square matrices.

    >>> import argand
    >>> argand.det(argand.tensor([[1.0, 2.0], [3.0, 5.0]])).round(decimals=3)
    tensor(-1.)
    """
    _checked("linalg.det", A)
    return fresh(np.linalg.det(as_array(A)), A.form.dtype)


@det.vjp(saves="A")
def _det_vjp(g: Any, out: Any, A: Any) -> Any:
    return (_each(g) * cofactors(A),)


@operation(as_method=False, as_function=False)
def cofactors(A: Any) -> Any:
    """The gradient of the determinant, also of singular matrices: the conjugate cofactors."""
    U, S, Vh = np.linalg.svd(as_array(A), full_matrices=False)
    others = np.ones_like(S)
    for i in range(S.shape[-1]):  # the product of all singular values but one
        others[..., i] = np.prod(np.delete(S, i, -1), -1)
    turn = np.conj(np.linalg.det(U) * np.linalg.det(Vh))[..., None, None]
    return fresh(turn * ((U * others[..., None, :]) @ Vh), A.form.dtype)


@cofactors.vjp(saves="A")
def _cofactors_vjp(g: Any, out: Any, A: Any) -> Any:
    back = adjoint_of(inverse_of(A))
    scale = _each(conjugate(det(A)))
    along = _each((conjugate(g) * back).sum((-2, -1)))
    turned = product_of(product_of(back, adjoint_of(g)), back)
    return (scale * along * back - scale * turned,)


_SlogdetOfLinalg = result_type("linalg_slogdet", "sign logabsdet")
_Slogdet = result_type("slogdet", "sign logabsdet")


@operation(as_method=False, as_function=False, graph_name="linalg_slogdet")
def sign_and_log(A: Any) -> tuple[Any, Any]:
    """The sign of the determinant and the logarithm of its size."""
    sign, log = np.linalg.slogdet(as_array(A))
    return fresh(sign, A.form.dtype), fresh(log, A.form.dtype.to_real())


@sign_and_log.vjp(saves="out A")
def _sign_and_log_vjp(gradients: Any, outputs: Any, A: Any) -> Any:
    (to_sign, to_log), (sign, _) = gradients, outputs
    back = adjoint_of(inverse_of(A))
    if A.form.dtype.kind != "c":
        return (None if to_log is None else _each(to_log) * back,)
    total = 0 if to_log is None else _each(to_log) * back
    if to_sign is not None:
        total = total + _each((to_sign * sign.conj()).imag * 1j) * back
    return (total,)


@composite(
    name="slogdet",
    namespace=LINALG,
    as_method=False,
    samples=_samples,
    reference=np.linalg.slogdet,
)
def slogdet_of(A: Any) -> tuple[Any, Any]:
    """The sign of the determinant and the natural logarithm of its size.

    >>> import argand
    >>> argand.linalg.slogdet(argand.eye(3)).sign
    tensor(1.)
    """
    _checked("linalg.slogdet", A)
    return _SlogdetOfLinalg(sign_and_log(A))


@composite(samples=_samples, reference=np.linalg.slogdet)
def slogdet(input: Any) -> tuple[Any, Any]:
    """As `linalg.slogdet`.

    >>> import argand
    >>> argand.slogdet(argand.eye(3)).logabsdet
    tensor(0.)
    """
    _checked("linalg.slogdet", input)
    return _Slogdet(sign_and_log(input))


def _logdet_reference(A: Any) -> Any:
    sign, log = np.linalg.slogdet(A)
    if np.iscomplexobj(A):
        return np.log(sign) + log
    return np.where(sign < 0, np.nan, log)


@composite(
    samples=lambda draw: [call(draw(1, 1, low=0.5)), call(draw(3, 3).detach())],
    reference=_logdet_reference,
)
def logdet(input: Any) -> Any:
    """The logarithm of the determinant: minus infinity where it is 0, NaN where it is negative.

    >>> import argand
    >>> argand.logdet(argand.eye(3))
    tensor(0.)
    """
    _checked("logdet", input)
    sign, log = sign_and_log(input)
    if input.form.dtype.kind == "c":
        return log + sign.log().imag * 1j  # the sign has size 1
    return log.masked_fill(sign == -1, float("nan"))
