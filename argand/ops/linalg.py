"""Linear algebra: norms in kernels, decompositions through NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.dims import normalize_dims
from argand.ops.function import composite, operation
from argand.ops.samples import call

LINALG = "linalg"


def _norm_reference(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    size = np.abs(x)
    if abs(p) == math.inf:
        return (np.max if p > 0 else np.min)(size, dim, keepdims=keepdim)
    if p == 0:
        return np.count_nonzero(x, dim, keepdims=keepdim)
    return (size**p).sum(dim, keepdims=keepdim) ** (1 / p)


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), 1, 0), call(draw(3, 4), 3, (0, 1), True),
        call(draw(3, 4), math.inf, 1), call(draw(3, 4), -math.inf), call(draw(3, 4), 0),
    ],
    reference=_norm_reference,
)
def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)``; the largest or smallest size for plus or minus infinity.

    >>> import argand
    >>> argand.linalg.vector_norm(argand.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if dtype is not None:
        x = x.to(dtype)
    if x.form.dtype.kind != "f":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.name}"
        )
    dims = normalize_dims("vector_norm", dim, x.ndim)
    over = dims or None
    if ord == math.inf:
        return x.abs().amax(over, keepdim)
    if ord == -math.inf:
        return x.abs().amin(over, keepdim)
    if ord == 0:
        return x.sign().abs().sum(over, keepdim)
    if ord == 1:
        return x.abs().sum(over, keepdim)
    if ord == 2:
        return _euclidean(x, over, keepdim)
    return (x.abs() ** ord).sum(over, keepdim) ** (1 / ord)


def _euclidean(x: Any, dims: Any, keepdim: bool) -> Any:
    """The root of the sum of squares, with the gradient 0 at 0."""
    total = (x * x).sum(dims, keepdim)
    if x.node is None:
        return total.sqrt()
    vanishing = total == 0
    return total.masked_fill(vanishing, 1.0).sqrt().masked_fill(vanishing, 0.0)


@composite(
    samples=lambda draw: [call(draw(3, 4)), call(draw(3, 4), 2, 0), call(draw(3, 4), 1, 1, True)],
    reference=_norm_reference,
)
def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """The `p`-norm of all elements or over dimensions; ``"fro"`` is the one with ``p=2``.

    >>> import argand
    >>> argand.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(f"norm: p={p!r} is not there yet")
    return vector_norm.body(input, 2 if p == "fro" else p, dim, keepdim, dtype=dtype)


@operation(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [call(draw(4, 3).detach()), call(draw(2, 3, 3).detach())],
    reference=np.linalg.qr,
)
def qr(A: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """Orthonormal columns and an upper triangle whose product is `A`.

    >>> import argand
    >>> q, r = argand.linalg.qr(argand.eye(2))
    >>> argand.allclose(q @ r, argand.eye(2))
    True
    """
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.qr: The input tensor A must have at least 2 dimensions, but got {A.ndim}"
        )
    if A.form.dtype not in (dtypes.float32, dtypes.float64):
        raise NotImplementedError(f"\"linalg.qr\" not implemented for '{A.dtype.name}'")
    q, r = np.linalg.qr(as_array(A), mode="complete" if mode == "complete" else "reduced")
    return _by_columns(q), _by_columns(r)


def _by_columns(matrices: Any) -> Any:
    """A tensor that keeps matrices column after column, as LAPACK leaves them."""
    rows = np.ascontiguousarray(np.swapaxes(matrices, -1, -2))
    return from_array(rows).transpose(-1, -2)


@qr.vjp()
def _qr_vjp(gradients: Any, outputs: Any, A: Any, mode: str) -> Any:
    raise NotImplementedError("linalg.qr: the gradient is not there yet")


@composite(
    samples=lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(3, 4), draw(4), 1), call(draw(3), draw(3), 0),
        call(draw(), draw(), math.inf),
    ],
    reference=lambda a, b, p=2: np.linalg.norm(np.asarray(a - b).ravel(), p),
)  # fmt: skip
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The `p`-norm of ``input - other``, broadcast.

    >>> import argand
    >>> argand.dist(argand.tensor([3.0, 4.0]), argand.zeros(2))
    tensor(5.)
    """
    return norm.body(input - other, p)
