"""Functions of matrices, and matrices of powers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from argand.dtypes import bfloat16, complex128, float64
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.join import cat, stack
from argand.ops.matrices import adjoint_of, check_floating, check_square
from argand.ops.samples import call

# The diagonal Pade approximant of exp of order 13 is exact in double precision for matrices whose
# columns sum up to less than this (Higham, 2005, The scaling and squaring method revisited).
_ORDER = 13
_RADIUS = 5.371920351148152


def _exponentials(matrices: Any) -> Any:
    """The exponentials of arrays of matrices, by scaling and squaring."""
    if not matrices.size:
        return matrices
    norm = float(np.abs(matrices).sum(-2).max())
    if not math.isfinite(norm):
        return np.full_like(matrices, np.nan)
    squarings = max(0, math.ceil(math.log2(norm / _RADIUS))) if norm > _RADIUS else 0
    scaled = matrices / 2**squarings
    weight, power = 1.0, np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape)
    numerator = denominator = power.astype(matrices.dtype)
    for k in range(1, _ORDER + 1):
        weight *= (_ORDER - k + 1) / (k * (2 * _ORDER - k + 1))
        power = power @ scaled
        numerator = numerator + weight * power
        denominator = denominator + (-1) ** k * weight * power
    found = np.linalg.solve(denominator, numerator)
    for _ in range(squarings):
        found = found @ found
    return found


def _exp_reference(A: Any) -> Any:
    """By its series; good for small matrices of small numbers."""
    total = term = np.broadcast_to(np.eye(A.shape[-1]), A.shape)
    for k in range(1, 60):
        term = term @ A / k
        total = total + term
    return total


@operation(as_method=False, as_function=False, graph_name="linalg_matrix_exp")
def exponential_of(A: Any) -> Any:
    """The exponential of square matrices, computed in double precision."""
    wide = (complex128 if A.form.dtype.kind == "c" else float64).numpy
    return fresh(_exponentials(as_array(A).astype(wide)), A.form.dtype)


@exponential_of.vjp(saves="A")
def _exponential_vjp(g: Any, out: Any, A: Any) -> tuple[Any]:
    # exp([[X, G], [0, X]]) has the derivative of exp at X in the direction G above its diagonal
    n = A.shape[-1]
    X = adjoint_of(A)
    top = cat.body([X, g], -1)
    bottom = cat.body([X.new_zeros(X.shape), X], -1)
    return (exponential_of(cat.body([top, bottom], -2))[..., :n, n:],)


@composite(
    elsewhere=("linalg.matrix_exp",),
    samples=lambda draw: [
        call(draw(3, 3, low=-0.5, high=0.5)), call(draw(2, 2, 2, low=-0.5, high=0.5)),
        call(draw(0, 0)),
    ] if draw.kind.itemsize > 2 else [],  # of 16 bits PyTorch's results are far off
    reference=_exp_reference,
)
def matrix_exp(A: Any) -> Any:
    """The exponential of square matrices: ``I + A + A @ A / 2 + ...``.

    Source: Higham (2005), The scaling and squaring method for the matrix exponential revisited.

    >>> import argand
    >>> argand.matrix_exp(argand.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_floating("linalg.matrix_exp", A, low_precision=True)
    check_square("linalg.matrix_exp", A)
    if A.form.dtype is bfloat16:  # which NumPy does not have
        return exponential_of(A.float()).to(bfloat16)
    return exponential_of(A)


def _powers(x: Any, count: int) -> Any:
    """``1, x, x ** 2, ...`` along a new last dimension."""
    kind = x.form.dtype
    if kind.kind == "f" and kind.itemsize == 2:  # as products are computed
        return _powers(x.float(), count).to(kind)
    x = x.long() if kind.kind in "bui" else x
    columns = [x.new_ones(x.shape)]
    for _ in range(count - 1):
        columns.append(columns[-1] * x)
    return stack.body(columns, -1) if columns else x.new_empty((*x.shape, 0))


@composite(
    name="vander",
    namespace="linalg",
    as_method=False,
    samples=lambda draw: [call(draw(3)), call(draw(2, 3), N=2), call(draw(2, 3))],
    reference=lambda x, N=None: x[..., None] ** np.arange(x.shape[-1] if N is None else N),
)
def vander_of(x: Any, N: int | None = None) -> Any:
    """The powers of numbers, from 0 on, as the rows of matrices.

    >>> import argand
    >>> argand.linalg.vander(argand.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if N is not None and N <= 1:
        raise RuntimeError(f"N must be greater than 1, but got {N}")
    if x.form.dtype.kind == "b":
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got bool"
        )
    if x.form.dtype.kind == "f" and x.form.dtype.itemsize == 2:
        raise NotImplementedError(f"\"linalg.vander\" not implemented for '{x.dtype.name}'")
    if x.ndim == 0:
        x = x.reshape(1)
    return _powers(x, x.shape[-1] if N is None else N)


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(3)), call(draw(3), 2), call(draw(3), increasing=True)],
    reference=np.vander,
)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of numbers as the rows of a matrix, falling unless `increasing`.

    >>> import argand
    >>> argand.vander(argand.tensor([2, 3]))
    tensor([[2, 1],
            [3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor, but has {x.ndim} dimensions")
    if N is not None and N < 0:
        raise RuntimeError(f"N must be non-negative, but got {N}")
    count = x.shape[0] if N is None else N
    rising = _powers(x, count) if count else x.new_empty((x.shape[0], 0))
    return rising if increasing else rising.flip(-1)
