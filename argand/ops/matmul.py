"""Matrix products: `matmul` and its relatives, and `linear`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from argand.autograd.grad_mode import mode
from argand.kernels.contract import Operand, product
from argand.ops.arrays import as_array, new
from argand.ops.function import composite, operation
from argand.ops.plans import RELEASE_ABOVE
from argand.ops.reduce import sum_fold
from argand.ops.samples import call
from argand.ops.shape import permuted
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, broadcast_shapes, dense, expanded_strides
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

Launcher = Callable[..., Any]  # launcher(addresses of the operands) -> the output's buffer
_launchers: dict[tuple[Any, ...], tuple[Launcher, Layout]] = {}


def _launcher(a: Layout, b: Layout, bias: Layout | None) -> tuple[Launcher, Layout]:
    """How ``a @ b (+ bias)`` is computed for matrices with these layouts."""
    batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    out = dense(a.dtype, (*batch, m, n))
    shape_a, shape_b = (*batch, m, k), (*batch, k, n)
    steps_a, steps_b = expanded_strides(a, shape_a), expanded_strides(b, shape_b)
    if len(batch) and _rows_run_on(steps_a, shape_a) and not any(steps_b[:-2]):
        # one tall product instead of a batch of small ones
        m, batch = prod(batch) * m, ()
        steps_a, steps_b = steps_a[-2:], steps_b[-2:]
    operand_a = Operand(steps_a[-2], steps_a[-1], tuple(steps_a[:-2]))
    operand_b = Operand(steps_b[-2], steps_b[-1], tuple(steps_b[:-2]))
    stride_c = dense(a.dtype, (*batch, m, n)).strides
    operand_c = Operand(n, 1, tuple(stride_c[:-2]))
    added = None
    if bias is not None:
        steps = expanded_strides(bias, (*batch, m, n))
        added = Operand(steps[-2], steps[-1], tuple(steps[:-2]))
    parts = product(a.dtype, (m, n, k), operand_a, operand_b, operand_c, batch=batch, bias=added)
    if parts.parallel:
        threads.ensure_started()
    plan = memory.make_plan(
        parts.function,
        parts.parameters,
        parts.arguments,
        units=parts.units,
        chunks=parts.chunks,
        new_bytes=out.nbytes,
        release_gil=parts.nanoseconds > RELEASE_ABOVE,
    )
    if not parts.scratch_bytes:
        return plan.new, out

    def launch(*addresses: int) -> Any:
        room = allocate(parts.scratch_bytes)
        return plan.new(*addresses, room.ptr)

    return launch, out


def _rows_run_on(strides: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether the rows of all matrices of a batch are evenly spaced."""
    return all(
        strides[d] == strides[d + 1] * shape[d + 1] for d in range(len(shape) - 2)
    )


def compute(a: Any, b: Any, bias: Any = None) -> Any:
    """``a @ b (+ bias)`` of matrices or batches of them, outside of any graph."""
    key = (a.form, b.form, None if bias is None else bias.form)
    found = _launchers.get(key)
    if found is None:
        found = _launchers[key] = _prepare(a, b, bias)
    launch, layout = found
    if bias is None:
        return make(launch(a.ptr, b.ptr), layout)
    return make(launch(a.ptr, b.ptr, bias.ptr), layout)


def _prepare(a: Any, b: Any, bias: Any) -> tuple[Launcher, Layout]:
    _check(a, b)
    if a.form.dtype.kind == "f" and a.form.numel and b.form.numel:
        return _launcher(a.form, b.form, None if bias is None else bias.form)
    batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
    out = dense(a.form.dtype, (*batch, a.shape[-2], b.shape[-1]))
    views = [(x.form, x.form.dtype) for x in (a, b)]
    return _by_numpy(views, None if bias is None else bias.form, out), out


def _by_numpy(views: Any, bias: Layout | None, out: Layout) -> Launcher:
    """Products of integers, complex numbers and empty matrices, through NumPy."""

    def launch(*addresses: int) -> Any:
        arrays = [
            as_array(make(_Borrowed(ptr), layout, ptr))
            for ptr, (layout, _) in zip(addresses, views)
        ]
        total = np.matmul(*arrays)
        if bias is not None:
            total = total + as_array(make(_Borrowed(addresses[2]), bias, addresses[2]))
        result = new(out)
        if out.numel:
            as_array(result)[...] = total
        return result.buffer

    return launch


class _Borrowed:
    """Memory that the caller keeps alive, as a buffer."""

    __slots__ = ("ptr", "nbytes", "version", "base")

    def __init__(self, ptr: int) -> None:
        self.ptr = ptr
        self.nbytes = 0
        self.version = 0
        self.base = None


def _check(a: Any, b: Any) -> None:
    if a.form.dtype.kind == "b" and a.form.numel and b.form.numel:
        raise NotImplementedError("\"matmul\" not implemented for 'bool'")
    if a.form.dtype is not b.form.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}"
        )
    if a.shape[-1] != b.shape[-2]:
        if a.ndim == b.ndim == 2:
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
                f"{b.shape[0]}x{b.shape[1]})"
            )
        raise RuntimeError(
            f"matmul: the last size of the first operand must equal the last but one of the "
            f"second, but got shapes {list(a.shape)} and {list(b.shape)}"
        )


def _transposed(x: Any) -> Any:
    return x.transpose(-2, -1)


def _adjoint(x: Any) -> Any:
    return _transposed(_conj(x))


def _conj(x: Any) -> Any:
    return x.conj() if x.form.dtype.kind == "c" else x


@operation(as_method=False, as_function=False, graph_name="mm")
def product_of(a: Any, b: Any) -> Any:
    """The product of matrices, or of batches of matrices whose batch sizes broadcast."""
    return compute(a, b)


@product_of.vjp(saves="a b")
def _product_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    left = None if a.node is None else product_of(g, _adjoint(b)).sum_to_size(a.shape)
    right = None if b.node is None else product_of(_adjoint(a), g).sum_to_size(b.shape)
    return left, right


@composite(
    operators=("__matmul__",),
    elsewhere=("linalg.matmul",),
    samples=lambda draw: [
        call(draw(3, 4), draw(4, 2)), call(draw(4), draw(4)), call(draw(4), draw(4, 2)),
        call(draw(3, 4), draw(4)), call(draw(2, 3, 4), draw(4, 5)),
        call(draw(2, 1, 3, 4), draw(5, 4, 2)), call(draw(0, 4), draw(4, 2)),
        call(draw(3, 0), draw(0, 2)), call(draw(40, 33), draw(33, 50)),
    ],
    reference=np.matmul,
)
def matmul(input: Any, other: Any) -> Any:
    """The matrix product, as NumPy's ``@``.

    Args:
        input, other: vectors, matrices, or batches of matrices; batch sizes broadcast. A vector on
            the left is a row, on the right a column.

    Raises:
        RuntimeError: when the inner sizes or the types differ.

    >>> import argand
    >>> argand.eye(2) @ argand.tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    if not hasattr(other, "form"):
        rule = f"argument 'other' must be Tensor, not {type(other).__name__}"
        raise TypeError(f"matmul(): {rule}")
    left, right = input.form.ndim, other.form.ndim
    if left >= 2 and right >= 2:
        return product_of(input, other)
    if left == 0 or right == 0:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{left}D and {right}D"
        )
    if left == 1 and right == 1:
        return dot.body(input, other)
    if left == 1:
        return product_of(input.unsqueeze(0), other).squeeze(-2)
    return product_of(input, other.unsqueeze(1)).squeeze(-1)


@composite(
    samples=lambda draw: [call(draw(3, 4), draw(4, 2)), call(draw(0, 4), draw(4, 2))],
    reference=np.matmul,
)
def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices, without broadcasting.

    >>> import argand
    >>> argand.mm(argand.eye(2), argand.ones(2, 1)).shape
    torch.Size([2, 1])
    """
    if input.ndim != 2 or mat2.ndim != 2:
        which = "self" if input.ndim != 2 else "mat2"
        raise RuntimeError(f"{which} must be a matrix")
    return product_of(input, mat2)


@composite(samples=lambda draw: [call(draw(2, 3, 4), draw(2, 4, 5))], reference=np.matmul)
def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices.

    >>> import argand
    >>> argand.bmm(argand.ones(3, 1, 2), argand.ones(3, 2, 1)).shape
    torch.Size([3, 1, 1])
    """
    if input.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError("batch1 and batch2 must be 3D tensors")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: "
            f"[{input.shape[0]}, {input.shape[2]}] but got: [{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    return product_of(input, mat2)


@composite(samples=lambda draw: [call(draw(3, 4), draw(4))], reference=np.matmul)
def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector.

    >>> import argand
    >>> argand.mv(argand.eye(2), argand.ones(2))
    tensor([1., 1.])
    """
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {vec.ndim}, {input.ndim}")
    return product_of(input, vec.unsqueeze(1)).squeeze(-1)


@composite(samples=lambda draw: [call(draw(4), draw(4)), call(draw(0), draw(0))], reference=np.dot)
def dot(input: Any, tensor: Any) -> Any:
    """The sum of the products of two vectors' elements.

    >>> import argand
    >>> argand.dot(argand.tensor([1.0, 2.0]), argand.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors"
        )
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.shape[0]}] and src "
            f"[{tensor.shape[0]}] to have the same number of elements, but got {input.shape[0]} "
            f"and {tensor.shape[0]} elements respectively"
        )
    if input.form.dtype.kind == "b":
        raise NotImplementedError("\"dot\" not implemented for 'bool'")
    if input.dtype is not tensor.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{input.dtype.name} and {tensor.dtype.name}"
        )
    return (input * tensor).sum(dtype=input.dtype)


@composite(
    out="cast",
    aliases=("ger",),
    samples=lambda draw: [call(draw(3), draw(4))],
    reference=np.outer,
)
def outer(input: Any, vec2: Any) -> Any:
    """All products of an element of one vector and one of the other.

    >>> import argand
    >>> argand.outer(argand.tensor([1.0, 2.0]), argand.tensor([3.0]))
    tensor([[3.],
            [6.]])
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D argument self, but got {max(input.ndim, vec2.ndim)}-D"
        )
    return input.unsqueeze(1) * vec2


def _linear_layouts(input: Any, weight: Any, bias: Any) -> None:
    if input.form.ndim == 0 or input.shape[-1] != weight.shape[-1]:
        rows = prod(input.shape[:-1])
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1:][0]} and "
            f"{weight.shape[1]}x{weight.shape[0]}): linear got input of shape {list(input.shape)} "
            f"and weight of shape {list(weight.shape)}"
        )


@operation(
    out="exact",
    namespace="nn.functional",
    as_method=False,
    samples=lambda draw: [
        call(draw(3, 4), draw(2, 4), draw(2)), call(draw(3, 4), draw(2, 4)),
        call(draw(4), draw(2, 4), draw(2)), call(draw(2, 3, 4), draw(5, 4), draw(5)),
        call(draw(3, 4), draw(4)),
    ],
    reference=lambda x, w, b=0: x @ w.T + b,
)
def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``input @ weight.T + bias``.

    Args:
        input: ``(*, in_features)``.
        weight: ``(out_features, in_features)`` or ``(in_features,)``.
        bias: ``(out_features,)`` or None.

    Shape:
        ``(*, out_features)``.

    >>> import argand
    >>> argand.nn.functional.linear(argand.ones(2, 3), argand.ones(4, 3)).shape
    torch.Size([2, 4])
    """
    key = (input.form, weight.form, None if bias is None else bias.form)
    found = _linears.get(key)
    if found is None:
        found = _linears[key] = _prepare_linear(input, weight, bias)
    launch, layout = found
    if bias is None:
        return make(launch(input.ptr, weight.ptr), layout)
    return make(launch(input.ptr, weight.ptr, bias.ptr), layout)


_linears: dict[tuple[Any, ...], tuple[Launcher, Layout]] = {}


def _prepare_linear(input: Any, weight: Any, bias: Any) -> tuple[Launcher, Layout]:
    _linear_layouts(input, weight, bias)
    given = input
    if input.form.ndim == 1:
        given = input.unsqueeze(0)
    matrix = weight.unsqueeze(0) if weight.form.ndim == 1 else weight
    launch, layout = _prepare(given, _transposed(matrix), bias)
    shape = (*input.shape[:-1], *weight.shape[:-1])
    return launch, dense(layout.dtype, shape)


@linear.vjp(saves="input weight")
def _linear_vjp(g: Any, out: Any, input: Any, weight: Any, bias: Any) -> Any:
    if g.form.ndim != 2 or weight.form.ndim != 2:
        return _linear_vjp_any_rank(g, input, weight, bias)
    to_bias = sum_fold.apply(g, 0) if bias is not None else None
    if mode.enabled or g.form.dtype.kind == "c":
        to_input = product_of(g, _conj(weight)) if input.node is not None else None
        turned = permuted(g, (1, 0))
        to_weight = product_of(turned, _conj(input)) if weight.node is not None else None
        return to_input, to_weight, to_bias
    key = (g.form, input.form, weight.form)
    found = _linear_gradients.get(key)
    if found is None:
        found = _linear_gradients[key] = (
            _prepare(g, weight, None), _prepare(permuted(g, (1, 0)), input, None)
        )  # fmt: skip
    (by_weight, layout), (by_input, weight_layout) = found
    to_input = make(by_weight(g.ptr, weight.ptr), layout) if input.node is not None else None
    if weight.node is None:
        return to_input, None, to_bias
    return to_input, make(by_input(g.ptr, input.ptr), weight_layout), to_bias


_linear_gradients: dict[tuple[Any, ...], tuple[tuple[Launcher, Layout], ...]] = {}


def _linear_vjp_any_rank(g: Any, input: Any, weight: Any, bias: Any) -> Any:
    """Linear over any number of leading dimensions: as one tall matrix."""
    matrix = weight if weight.ndim == 2 else weight.unsqueeze(0)
    rows = g.reshape(-1, matrix.shape[0])
    tall = input.reshape(-1, matrix.shape[1])
    to_input = product_of(rows, _conj(matrix)).reshape(input.shape)
    to_weight = product_of(_transposed(rows), _conj(tall)).reshape(weight.shape)
    to_bias = None if bias is None else rows.sum(0).reshape(bias.shape)
    return to_input, to_weight, to_bias
