"""Softmax and its relatives: one pass over rows that stay in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.kernels.expr import Expr, row_max, row_sum
from argand.ops.function import composite
from argand.ops.rowwise import row
from argand.ops.samples import call


@row(as_method=False, as_function=False, graph_name="softmax")
def softmax_rows(input: Expr) -> Expr:
    """``exp(input) / sum(exp(input))`` along a row, shifted so that nothing overflows."""
    powers = (input - row_max(input)).exp()
    return powers * (1 / row_sum(powers))


@softmax_rows.vjp
def _softmax_vjp(cotangents: Any, outputs: Any, input: Expr) -> tuple[Expr]:
    weighted = cotangents[0] * outputs[0]
    return (weighted - outputs[0] * row_sum(weighted),)


@row(as_method=False, as_function=False, graph_name="log_softmax")
def log_softmax_rows(input: Expr) -> Expr:
    """The logarithm of softmax along a row."""
    shifted = input - row_max(input)
    return shifted - row_sum(shifted.exp()).log()


@log_softmax_rows.vjp
def _log_softmax_vjp(cotangents: Any, outputs: Any, input: Expr) -> tuple[Expr]:
    return (cotangents[0] - outputs[0].exp() * row_sum(cotangents[0]),)


def _softmax_reference(x: Any, dim: int, dtype: Any = None) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(dim if x.ndim else None, keepdims=True)


@composite(
    samples=lambda draw: [
        call(draw(3, 4), 0), call(draw(3, 4), dim=-1), call(draw(2, 3, 4), 1), call(draw(), 0),
        call(draw(3), 0, dtype=draw.dtype("float64")), call(draw(2, 0), 1),
    ],
    reference=_softmax_reference,
    elsewhere=("special.softmax",),
)
def softmax(input: Any, dim: int | None = None, dtype: dtype | None = None) -> Any:
    """``exp(input) / sum(exp(input))`` along a dimension.

    Args:
        input: floating tensor.
        dim: the dimension that sums to 1.
        dtype: the type to compute in, instead of the input's.

    >>> import argand
    >>> argand.softmax(argand.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dtype is not None or input.form.dtype.kind != "f":
        input = prepared("softmax", input, dtype)
    return softmax_rows.apply((input,), implicit_dim(input) if dim is None else dim)


@composite(
    samples=lambda draw: [
        call(draw(3, 4), 0), call(draw(3, 4), dim=-1), call(draw(2, 3, 4), 1), call(draw(), 0),
    ],
    reference=lambda x, dim: np.log(_softmax_reference(x, dim)),
    elsewhere=("special.log_softmax",),
)
def log_softmax(input: Any, dim: int | None = None, dtype: dtype | None = None) -> Any:
    """``log(softmax(input, dim))``, computed without cancellation.

    >>> import argand
    >>> argand.log_softmax(argand.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    if dtype is not None or input.form.dtype.kind != "f":
        input = prepared("log_softmax", input, dtype)
    return log_softmax_rows.apply((input,), implicit_dim(input) if dim is None else dim)


@composite(
    namespace="nn.functional",
    as_method=False,
    samples=lambda draw: [call(draw(3, 4), 0), call(draw(3, 4), dim=-1)],
    reference=lambda x, dim: _softmax_reference(-x, dim),
)
def softmin(input: Any, dim: int | None = None, dtype: dtype | None = None) -> Any:
    """``softmax(-input)``.

    >>> import argand
    >>> argand.nn.functional.softmin(argand.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax.body(-input, dim, dtype)


def prepared(name: str, input: Any, kind: dtype | None) -> Any:
    """The input in the type to compute in."""
    if kind is not None:
        return input.to(kind)
    if input.form.dtype.kind != "f":
        rule = f"\"{name}\" not implemented for '{input.dtype.name}': use a floating type"
        raise NotImplementedError(rule)
    return input


def implicit_dim(input: Any) -> int:
    """PyTorch's choice where no dimension is named (which it discourages)."""
    return 0 if input.form.ndim in (0, 1, 3) else 1
