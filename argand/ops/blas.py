"""Matrix products that are added to something, under the names that BLAS gave them."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.function import composite, operation
from argand.ops.matmul import bmm, compute, mm, mv, product_of
from argand.ops.record import describe
from argand.ops.samples import Call, Draw, call
from argand.ops.traces import promoted
from argand.runtime.layout import Layout


def _added(
    name: str, input: Any, product: Any, beta: float, alpha: float, like_input: bool = False
) -> Any:
    """``beta * input + alpha * product``; with ``beta=0`` the input may hold anything."""
    kind = product.form.dtype
    if input.form.dtype is not kind:
        raise RuntimeError(
            f"{name}: expected input and the product to have the same dtype, but got "
            f"{input.form.dtype.name} and {kind.name}"
        )
    whole = {"b": bool, "i": int, "u": int}.get(kind.kind)
    if whole is not None:  # PyTorch cuts the factors to the type
        beta, alpha = whole(beta), whole(alpha)
    shape = product.shape
    kept = input.expand(*shape)
    total = product if alpha == 1 else product * alpha
    if beta == 0:
        return total
    kept = kept if beta == 1 else kept * beta
    return kept + total if like_input else total + kept  # the first decides how memory is laid out


def _reference(product: Any) -> Any:
    def reference(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        return (beta * x if beta else 0) + alpha * product(a, b)

    return reference


def _samples(full: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...]) -> Any:
    """Plain, broadcast with factors, and with the input left out."""

    def samples(draw: Draw) -> list[Call]:
        return [
            call(draw(*full), draw(*first), draw(*second)),
            call(draw(full[-1]), draw(*first), draw(*second), beta=2, alpha=3),
            call(draw(*full), draw(*first), draw(*second), beta=0),
        ]

    return samples


@composite(in_place=True, samples=_samples((3, 2), (3, 4), (4, 2)), reference=_reference(np.matmul))
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)``.

    >>> import argand
    >>> argand.addmm(argand.ones(1), argand.eye(2), argand.eye(2))
    tensor([[2., 1.],
            [1., 2.]])
    """
    if beta == 1 and alpha == 1 and _is_one_kernel(input.form, mat1.form, mat2.form):
        return product_and_more(input, mat1, mat2)
    return _added("addmm", input, mm.body(mat1, mat2), beta, alpha)


def _is_one_kernel(input: Layout, a: Layout, b: Layout) -> bool:
    """Whether a product of matrices can take `input` along as its bias."""
    if not a.ndim == b.ndim == 2 or a.shape[1] != b.shape[0]:
        return False
    alike = input.dtype is a.dtype is b.dtype and a.dtype.kind == "f"
    fits = input.shape in ((a.shape[0], b.shape[1]), (1, b.shape[1]), (b.shape[1],))
    return alike and fits and a.numel > 0 and b.numel > 0


@operation(as_method=False, as_function=False, graph_name="addmm")
def product_and_more(input: Any, mat1: Any, mat2: Any) -> Any:
    """``mat1 @ mat2 + input``, in one kernel."""
    return compute(mat1, mat2, input)


@product_and_more.vjp(saves="mat1 mat2")
def _product_and_more_vjp(g: Any, out: Any, input: Any, mat1: Any, mat2: Any) -> Any:
    left = None if mat1.node is None else product_of(g, mat2.t())
    right = None if mat2.node is None else product_of(mat1.t(), g)
    return g.sum_to_size(input.shape), left, right


@composite(in_place=True, samples=_samples((3,), (3, 4), (4,)), reference=_reference(np.matmul))
def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (mat @ vec)``, with a matrix and a vector.

    >>> import argand
    >>> argand.addmv(argand.ones(1), argand.eye(2), argand.ones(2))
    tensor([2., 2.])
    """
    if mat.ndim == 2 and vec.ndim == 1 and mat.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.numel()}), mat ({mat.shape[0]}x{mat.shape[1]}), "
            f"vec ({vec.shape[0]})"
        )
    return _added("addmv", input, mv.body(mat, vec), beta, alpha)


@composite(
    in_place=True,
    samples=_samples((2, 3, 5), (2, 3, 4), (2, 4, 5)),
    reference=_reference(np.matmul),
)
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (batch1 @ batch2)``, for every matrix of the batches.

    >>> import argand
    >>> argand.baddbmm(argand.ones(1), argand.ones(2, 1, 3), argand.ones(2, 3, 1)).flatten()
    tensor([4., 4.])
    """
    return _added("baddbmm", input, bmm.body(batch1, batch2), beta, alpha)


@composite(
    in_place=True,
    samples=lambda draw: _samples((3, 5), (2, 3, 4), (2, 4, 5))(draw)[::2],
    reference=_reference(lambda a, b: np.matmul(a, b).sum(0)),
)
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * sum(batch1 @ batch2)``, the sum over the batch.

    >>> import argand
    >>> argand.addbmm(argand.ones(1), argand.ones(2, 1, 3), argand.ones(2, 3, 1))
    tensor([[7.]])
    """
    if batch1.ndim != 3 or batch2.ndim != 3:
        raise RuntimeError(
            f"addbmm: batch1 and batch2 must be 3D tensors, but got {describe(batch1)} and "
            f"{describe(batch2)}"
        )
    if batch1.shape[0] != batch2.shape[0] or batch1.shape[2] != batch2.shape[1]:
        raise RuntimeError(
            f"addbmm: batch1 and batch2 must have the same number of matrices, of matching sizes, "
            f"but got {list(batch1.shape)} and {list(batch2.shape)}"
        )
    # a sum over the batch is a longer inner dimension of one product
    wide = batch1.transpose(0, 1).reshape(batch1.shape[1], -1)
    tall = batch2.reshape(-1, batch2.shape[2])
    return _added("addbmm", input, product_of(wide, tall), beta, alpha)


@composite(
    in_place=True,
    samples=lambda draw: _samples((3, 4), (3,), (4,))(draw)[:2],
    reference=_reference(np.outer),
)
def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * outer(vec1, vec2)``.

    >>> import argand
    >>> argand.addr(argand.zeros(1), argand.tensor([1.0, 2.0]), argand.tensor([3.0]))
    tensor([[3.],
            [6.]])
    """
    if vec1.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(
            f"addr: Expected 1-D argument vec1 and vec2, but got {vec1.ndim}-D and {vec2.ndim}-D"
        )
    product = (vec1.unsqueeze(1) * vec2).contiguous()
    kind = promoted((input, product))
    return _added("addr", input.to(kind), product.to(kind), beta, alpha, True)
