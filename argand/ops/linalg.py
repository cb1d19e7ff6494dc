"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from argand.ops.dims import normalize_dim, normalize_dims
from argand.ops.function import composite
from argand.ops.matrices import LINALG, check_floating, check_matrix, check_square
from argand.ops.reduce import euclidean_fold
from argand.ops.samples import Call, Draw, call
from argand.ops.solve import inverse_and_info
from argand.ops.svd import svdvals

# ---- vectors -------------------------------------------------------------------------------------


def _norm_reference(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    size = np.abs(x)
    if abs(p) == math.inf:
        return (np.max if p > 0 else np.min)(size, dim, keepdims=keepdim)
    if p == 0:
        return np.count_nonzero(x, dim, keepdims=keepdim)
    return (size**p).sum(dim, keepdims=keepdim) ** (1 / p)


def _converted(name: str, x: Any, dtype: Any) -> Any:
    """The tensor in the type that was asked for."""
    check_floating(name, x, low_precision=True)
    if dtype is None:
        return x
    if x.form.dtype.kind != dtype.kind:
        rule = "complex" if x.form.dtype.kind == "c" else "floating"
        raise RuntimeError(
            f"{name}: dtype should be {rule} for {rule} inputs, but got {dtype.name}"
        )
    return x.to(dtype)


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
    x = _converted("linalg.vector_norm", x, dtype)
    dims = normalize_dims("vector_norm", dim, x.ndim)
    over = dims or None
    if (ord < 0 or ord == math.inf) and math.prod(x.shape[d] for d in dims) == 0 and x.ndim:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the "
            "operation does not have an identity"
        )
    if ord == 2:
        return _euclidean(x, over, keepdim)
    size = x.abs()
    if ord == math.inf:
        return size.amax(over, keepdim)
    if ord == -math.inf:
        return size.amin(over, keepdim)
    if ord == 0:
        return size.sign().sum(over, keepdim)
    if ord == 1:
        return size.sum(over, keepdim)
    if x.node is None:
        return (size**ord).sum(over, keepdim) ** (1 / ord)
    return _power_norm(size, ord, over, keepdim)


def _euclidean(x: Any, dims: Any, keepdim: bool) -> Any:
    """The root of the sum of squares, with the gradient 0 at 0."""
    if x.form.dtype.kind != "c":
        return euclidean_fold.apply(x, dims, keepdim)
    total = (x.real * x.real + x.imag * x.imag).sum(dims, keepdim)
    if x.node is None:
        return total.sqrt()
    vanishing = total == 0
    return total.masked_fill(vanishing, 1.0).sqrt().masked_fill(vanishing, 0.0)


def _power_norm(size: Any, p: float, dims: Any, keepdim: bool) -> Any:
    """Any other norm, with the gradient 0 for elements that are 0."""
    of_nothing = 0.0 if p > 0 else math.inf
    if p < 2:
        nothing = size == 0
        powers = (size.masked_fill(nothing, 1.0) ** p).masked_fill(nothing, of_nothing)
    else:
        powers = size**p
    total = powers.sum(dims, keepdim)
    ends = (total == 0) | (total == math.inf)
    root = total.masked_fill(ends, 1.0) ** (1 / p)
    return root.masked_fill(ends & (total != of_nothing), math.inf).masked_fill(
        total == of_nothing, 0.0
    )


# ---- matrices ------------------------------------------------------------------------------------


def _matrix_reference(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    return np.linalg.norm(A, ord, dim, keepdim)


def _matrix_samples(draw: Draw) -> list[Call]:
    found = [call(draw(3, 4), ord) for ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)]
    return [*found, call(draw(2, 3, 4), 2, (0, 2)), call(draw(2, 3, 4), 1, (1, 2), True)]


@composite(
    namespace=LINALG, as_method=False, samples=_matrix_samples, reference=_matrix_reference
)
def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """A norm of matrices.

    Args:
        ord: ``"fro"`` (the root of the sum of squares), ``"nuc"`` (the sum of the singular values),
            2 and -2 (the largest and smallest of these), 1 and -1 (the largest and smallest sum of
            sizes in a column), plus and minus infinity (in a row).
        dim: the two dimensions of the matrices.

    >>> import argand
    >>> argand.linalg.matrix_norm(argand.tensor([[1.0, -2.0], [3.0, 4.0]]), ord=1)
    tensor(6.)
    """
    name = "linalg.matrix_norm"
    check_matrix(name, A)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {dim}")
    rows, columns = (normalize_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got {dim}")
    if ord == "fro":
        return vector_norm.body(_converted(name, A, dtype), 2, (rows, columns), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        A = _converted(name, A, dtype)
        summed, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = A.abs().sum(summed, keepdim=True)
        if A.shape[left] == 0:
            found = sums.sum(left, True)
        else:
            found = sums.amax(left, True) if ord > 0 else sums.amin(left, True)
    elif ord in ("nuc", 2, -2):
        values = svdvals.body(_converted(name, A, dtype).movedim((rows, columns), (-2, -1)))
        if ord == "nuc" or values.shape[-1] == 0:
            found = values.sum(-1)
        else:
            found = values.amax(-1) if ord > 0 else values.amin(-1)
        for d in sorted((rows, columns)):
            found = found.unsqueeze(d)
    else:
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    return found if keepdim else found.squeeze((rows, columns))


def _any_reference(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    return np.linalg.norm(x if ord is not None or dim is not None else x.ravel(), ord, dim, keepdim)


@composite(
    name="norm",
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(5), 3), call(draw(3, 4), 1), call(draw(3, 4), "nuc"),
        call(draw(2, 3, 4), 2, (0, 1)), call(draw(2, 3, 4), 1, 2, True),
    ],
    reference=_any_reference,
)
def norm_of(
    input: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """A norm of vectors or matrices: of vectors for one dimension, of matrices for two.

    Args:
        ord: as in `vector_norm` and `matrix_norm`; by default 2 of all elements.
        dim: the dimension of the vectors, or two of the matrices.

    >>> import argand
    >>> argand.linalg.norm(argand.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is None:
        return vector_norm.body(input, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if input.ndim not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{input.ndim}D."
            )
        is_matrix, dim = input.ndim == 2 or isinstance(ord, str), (-2, -1)[-input.ndim :]
    else:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dim) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
            )
        is_matrix = len(dim) == 2 or isinstance(ord, str)
    form = matrix_norm if is_matrix else vector_norm
    return form.body(input, ord, dim, keepdim, dtype=dtype)


@composite(
    samples=lambda draw: [
        call(draw(3, 4)), call(draw(3, 4), 2, 0), call(draw(3, 4), 1, 1, True),
        call(draw(3, 4), "nuc"),
    ],
    reference=lambda x, p=2, dim=None, keepdim=False: (
        np.linalg.norm(x, p) if p == "nuc" else _norm_reference(x, p, dim, keepdim)
    ),
)
def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """The `p`-norm of all elements or over dimensions.

    ``"fro"`` is the one with ``p=2``, and ``"nuc"`` the sum of a matrix's singular values.

    >>> import argand
    >>> argand.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if p == "nuc":
        over = tuple(range(input.ndim)) if dim is None else dim
        return matrix_norm.body(input, "nuc", over, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"norm: Order {p} not supported.")
    return vector_norm.body(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)


def _cond_reference(A: Any, p: Any = None) -> Any:
    return np.linalg.cond(A, p)


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(1, 4, 3)), call(draw(1, 3, 3), 1), call(draw(1, 3, 3), "fro"),
        call(draw(2, 3, 3), -2), call(draw(1, 3, 3), "nuc"),
    ],
    reference=_cond_reference,
)
def cond(A: Any, p: Any = None) -> Any:
    """The condition number: the norm of a matrix times that of its inverse.

    Args:
        p: a norm as in `matrix_norm`; None is 2, for which matrices need not be square.

    >>> import argand
    >>> argand.linalg.cond(argand.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    check_matrix("linalg.cond", A)
    check_floating("linalg.cond", A)
    if p not in (None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A.numel() == 0:
        return A.new_zeros(A.shape[:-2], dtype=A.dtype.to_real())
    if p in (None, 2, -2):
        values = svdvals.body(A)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    check_square(f"linalg.cond(ord={p})", A)
    found, info = inverse_and_info(A)
    total = matrix_norm.body(A, p) * matrix_norm.body(found, p)
    return total.masked_fill(info != 0, math.inf)
