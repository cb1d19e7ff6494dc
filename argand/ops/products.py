"""Products of vectors, matrices and tensors that are written with `matmul`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand.dtypes import promote_types
from argand.ops.arrays import from_array
from argand.ops.create import zeros
from argand.ops.dims import normalize_dim
from argand.ops.function import composite
from argand.ops.join import cat
from argand.ops.matmul import dot, matmul, mm, product_of
from argand.ops.matrices import (
    LINALG,
    check_floating,
    check_same_dtype,
    check_square,
    conjugate,
    identity_like,
)
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.solve import inverse
from argand.runtime.layout import broadcast_shapes
from argand.runtime.tensor_base import TensorBase

# ---- vectors -------------------------------------------------------------------------------------


@composite(
    samples=lambda draw: [call(draw(4), draw(4)), call(draw(0), draw(0))], reference=np.vdot
)
def vdot(input: Any, other: Any) -> Any:
    """The sum of the products of the conjugates of one vector's elements and the other's.

    >>> import argand
    >>> argand.vdot(argand.tensor([1.0, 2.0]), argand.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return dot.body(conjugate(input), other)


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(4), draw(4)), call(draw(2, 3), draw(2, 3)), call(draw(2, 3), draw(3)),
        call(draw(2, 3), draw(2, 3), dim=0), call(draw(0, 3), draw(0, 3)),
    ],
    reference=lambda x, y, dim=-1: (np.conj(x) * y).sum(dim),
)
def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The scalar products of vectors along a dimension; those of `x` are conjugated.

    >>> import argand
    >>> argand.linalg.vecdot(argand.ones(2, 3), argand.ones(2, 3))
    tensor([3., 3.])
    """
    check_floating("linalg.vecdot", x, low_precision=True)
    check_same_dtype("linalg.vecdot", x, y)
    if x.ndim == 1 and y.ndim == 1:
        normalize_dim(dim, 1)
        return vdot.body(x, y)
    rows = conjugate(x).movedim(dim, -1).unsqueeze(-2)
    columns = y.movedim(dim, -1).unsqueeze(-1)
    broadcast_shapes((x.shape, y.shape))
    if rows.shape[-1] != columns.shape[-2]:  # one of them has size 1 and broadcasts
        return (conjugate(x) * y).sum(dim)
    return product_of(rows, columns).squeeze(-1).squeeze(-1)


def _turned(x: Any, dim: int, by: int) -> Any:
    """The three elements along a dimension, the one at `by` first."""
    return x.index_select(dim, from_array((np.arange(3) + by) % 3))


@composite(
    name="cross",
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call(draw(4, 3), draw(4, 3)), call(draw(3, 4), draw(3, 4), dim=0),
        call(draw(3), draw(3)), call(draw(2, 1, 3), draw(1, 4, 3)), call(draw(0, 3), draw(0, 3)),
    ],
    reference=lambda x, y, dim=-1: np.cross(x, y, axis=dim),
)
def cross_of(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross products of vectors with three elements along a dimension; the others broadcast.

    >>> import argand
    >>> argand.linalg.cross(argand.tensor([1.0, 0.0, 0.0]), argand.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions, but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    at = normalize_dim(dim, input.ndim)
    if input.ndim == 0 or input.shape[at] != 3 or other.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3, but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    if input.form.dtype.kind == "b":
        raise NotImplementedError("\"cross\" not implemented for 'bool'")
    shape = broadcast_shapes((input.shape, other.shape))
    a, b = input.expand(*shape), other.expand(*shape)
    return _turned(a, at, 1) * _turned(b, at, 2) - _turned(a, at, 2) * _turned(b, at, 1)


@composite(
    samples=lambda draw: [call(draw(3, 4), draw(3, 4)), call(draw(4, 3), draw(4, 3), 1)],
    reference=lambda x, y, dim=0: np.cross(x, y, axis=dim),
)
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross products along `dim`, or else along the first dimension of size 3.

    >>> import argand
    >>> argand.cross(argand.tensor([1.0, 0.0, 0.0]), argand.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        if 3 not in input.shape:
            raise RuntimeError(
                f"cross: no dimension of size 3 in input, but got shape {list(input.shape)}"
            )
        dim = input.shape.index(3)
    return cross_of.body(input, other, dim=dim)


@composite(
    as_method=False,
    as_function=False,
    operators=("__rmatmul__",),
    samples=lambda draw: [call(draw(3, 4), draw(2, 3))],
    reference=lambda x, y: np.matmul(y, x),
)
def rmatmul(input: Any, other: Any) -> Any:
    """``other @ input``."""
    return matmul.body(other, input)


# ---- tensors -------------------------------------------------------------------------------------


@composite(
    samples=lambda draw: [
        call(draw(3), draw(3)), call(draw(2, 3), draw(4, 3)), call(draw(2, 3), draw()),
        call(draw(2, 2, 3), draw(3)),
    ],
    reference=np.inner,
)
def inner(input: Any, other: Any) -> Any:
    """The sums of products over the last dimensions of both operands.

    >>> import argand
    >>> argand.inner(argand.ones(2, 3), argand.ones(3))
    tensor([3., 3.])
    """
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot.body(input, other, ([-1], [-1]))


def _contracted_dims(a: Any, b: Any, dims: Any) -> tuple[list[int], list[int]]:
    """Which dimensions of both operands are summed over."""
    if isinstance(dims, TensorBase):
        dims = dims.tolist()  # type: ignore[attr-defined]
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    left, right = ([x] if isinstance(x, int) else list(x) for x in dims)
    if len(left) != len(right):
        raise RuntimeError(
            f"tensordot: both dimension lists should have same length, but got {left} and {right}"
        )
    return [normalize_dim(d, a.ndim) for d in left], [normalize_dim(d, b.ndim) for d in right]


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3, 4), draw(3, 4, 5)), call(draw(2, 3), draw(3, 4), 1),
        call(draw(2, 3), draw(4, 5), 0), call(draw(2, 3, 4), draw(5, 4, 2), ([0, 2], [2, 1])),
    ],
    reference=np.tensordot,
)
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sums of products over several dimensions of both operands.

    Args:
        dims: how many of the last of `a` and the first of `b`; or two lists of dimensions.

    >>> import argand
    >>> argand.tensordot(argand.ones(2, 3), argand.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"tensordot: both inputs should have same dtype, but got {describe(a)} and "
            f"{describe(b)}"
        )
    left, right = _contracted_dims(a, b, dims)
    for i, j in zip(left, right):
        sizes = a.shape[i], b.shape[j]
        if sizes[0] == 1 != sizes[1]:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif sizes[1] == 1 != sizes[0]:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif sizes[0] != sizes[1]:
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but first has size {sizes[0]} in "
                f"dim {i} and second has size {sizes[1]} in dim {j}"
            )
    free_a = [d for d in range(a.ndim) if d not in left]
    free_b = [d for d in range(b.ndim) if d not in right]
    shape = [a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]
    count = prod(a.shape[d] for d in left)
    rows = a.permute(free_a + left).reshape(prod(a.shape[d] for d in free_a), count)
    columns = b.permute(right + free_b).reshape(count, prod(b.shape[d] for d in free_b))
    return product_of(rows, columns).reshape(shape)


@composite(
    samples=lambda draw: [
        call(draw(2, 3), draw(3, 2)), call(draw(2), draw(2, 3)), call(draw(), draw(3)),
        call(draw(0, 2), draw(2, 2)),
    ],
    reference=np.kron,
)
def kron(input: Any, other: Any) -> Any:
    """The Kronecker product: every element of `input` times the whole of `other`.

    >>> import argand
    >>> argand.kron(argand.eye(2), argand.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    rank = max(input.ndim, other.ndim)
    sizes = [[1] * (rank - x.ndim) + list(x.shape) for x in (input, other)]
    a = input.reshape([n for size in sizes[0] for n in (size, 1)])
    b = other.reshape([n for size in sizes[1] for n in (1, size)])
    return (a * b).reshape([m * n for m, n in zip(*sizes)])


@composite(
    samples=lambda draw: [call(draw(3, 3)), call(draw(2, 4)), call(draw(0, 3))],
    reference=lambda x: np.trace(x),
)
def trace(input: Any) -> Any:
    """The sum of a matrix's diagonal.

    >>> import argand
    >>> argand.trace(argand.eye(3))
    tensor(3.)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input.form.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'bool'")
    return input.diagonal().sum()


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3), draw(1, 2)), call(draw(3)), call(draw(), draw(2), draw(2, 1)),
    ],
)
def block_diag(*tensors: Any) -> Any:
    """A matrix with the given ones along its diagonal; vectors are rows.

    >>> import argand
    >>> argand.block_diag(argand.ones(1, 2), argand.ones(1, 1))
    tensor([[1., 1., 0.],
            [0., 0., 1.]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    blocks = []
    for i, x in enumerate(tensors):
        if x.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {x.ndim} dimensions"
            )
        blocks.append(x.reshape(1, -1) if x.ndim < 2 else x)
    if not blocks:
        return zeros.body(1, 0)
    kind = functools.reduce(promote_types, (x.dtype for x in blocks))
    width, before, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        count, columns = x.shape
        after = width - before - columns
        zeros_beside = [x.new_zeros((count, n), dtype=kind) for n in (before, after)]
        rows.append(cat.body([zeros_beside[0], x.to(kind), zeros_beside[1]], 1))
        before += columns
    return cat.body(rows, 0)


# ---- chains and powers ---------------------------------------------------------------------------


def _best_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split the product of matrices i to j so that it takes the fewest multiplications.

    Matrix i has ``sizes[i]`` rows and ``sizes[i + 1]`` columns (Cormen et al., Introduction to
    Algorithms, section 15.2).
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return split


@composite(
    namespace=LINALG,
    as_method=False,
    samples=lambda draw: [
        call([draw(2, 3), draw(3, 4)]), call([draw(2, 3), draw(3, 4), draw(4, 2), draw(2, 5)]),
        call([draw(3), draw(3, 4), draw(4)]), call([draw(2, 3), draw(3, 0), draw(0, 2)]),
    ],
    reference=lambda matrices: functools.reduce(np.matmul, matrices),
)
def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that takes the fewest multiplications.

    The first may be a vector, which is a row, and the last one, which is a column.

    >>> import argand
    >>> argand.linalg.multi_dot([argand.ones(2, 3), argand.ones(3, 4), argand.ones(4)]).shape
    torch.Size([2])
    """
    matrices = list(tensors)
    if len(matrices) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(matrices)}")
    ends = {0, len(matrices) - 1}
    for i, x in enumerate(matrices):
        if x.ndim != 2 and not (i in ends and x.ndim == 1):
            allowed = "1D or 2D" if i in ends else "2D"
            raise RuntimeError(f"multi_dot(): tensor {i} must be {allowed} but got {x.ndim}D")
        check_same_dtype("multi_dot()", matrices[0], x)
    shape = (*matrices[0].shape[:-1], *matrices[-1].shape[1:])
    if matrices[0].ndim == 1:
        matrices[0] = matrices[0].unsqueeze(0)
    if matrices[-1].ndim == 1:
        matrices[-1] = matrices[-1].unsqueeze(1)
    splits = _best_splits([*(x.shape[0] for x in matrices), matrices[-1].shape[1]])

    def product(i: int, j: int) -> Any:
        if i == j:
            return matrices[i]
        k = splits[i, j]
        return mm.body(product(i, k), product(k + 1, j))

    return product(0, len(matrices) - 1).reshape(shape)


@composite(
    out="cast",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3), draw(3, 4)), call(draw(2, 3), draw(3, 4), draw(4, 2)),
    ],
    reference=lambda *matrices: functools.reduce(np.matmul, matrices),
)
def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices; `linalg.multi_dot` has taken its place.

    >>> import argand
    >>> argand.chain_matmul(argand.ones(2, 3), argand.ones(3, 4), argand.ones(4, 1)).shape
    torch.Size([2, 1])
    """
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    for i, x in enumerate(matrices):
        if x.ndim != 2:
            raise RuntimeError(
                f"chain_matmul: expected matrices, but argument {i} has {x.ndim} dimensions"
            )
    return matrices[0] if len(matrices) == 1 else multi_dot.body(matrices)


@composite(
    elsewhere=("linalg.matrix_power",),
    samples=lambda draw: [
        call(draw(3, 3), 0), call(draw(3, 3), 1), call(draw(2, 3, 3), 5), call(draw(3, 3), 2),
    ],
    reference=np.linalg.matrix_power,
)
def matrix_power(input: Any, n: int) -> Any:
    """The `n`-th power of square matrices; a negative one is a power of the inverse.

    >>> import argand
    >>> argand.matrix_power(argand.tensor([[2.0, 0.0], [0.0, 3.0]]), 2)
    tensor([[4., 0.],
            [0., 9.]])
    """
    check_square("linalg.matrix_power", input)
    if n == 0:
        return identity_like(input)
    base = inverse.body(input) if n < 0 else input
    power: Any = None
    n = abs(n)
    while True:
        if n & 1:
            power = base if power is None else matmul.body(power, base)
        n >>= 1
        if not n:
            if power is not input:
                return power
            return power.clone() if power.is_contiguous() else power.contiguous()
        base = matmul.body(base, base)
