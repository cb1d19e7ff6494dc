"""Softmax and its relatives: one pass over rows that stay in cache."""

from __future__ import annotations

from typing import Any

from argand.dtypes import dtype
from argand.kernels.expr import Expr, row_max, row_sum
from argand.ops.function import composite
from argand.ops.rowwise import row


@row(as_method=False, as_function=False)
def softmax_rows(input: Expr) -> Expr:
    """``exp(input) / sum(exp(input))`` along a row, shifted so that nothing overflows."""
    powers = (input - row_max(input)).exp()
    return powers * (1 / row_sum(powers))


@softmax_rows.vjp
def _softmax_vjp(cotangents: Any, outputs: Any, input: Expr) -> tuple[Expr]:
    weighted = cotangents[0] * outputs[0]
    return (weighted - outputs[0] * row_sum(weighted),)


@row(as_method=False, as_function=False)
def log_softmax_rows(input: Expr) -> Expr:
    """The logarithm of softmax along a row."""
    shifted = input - row_max(input)
    return shifted - row_sum(shifted.exp()).log()


@log_softmax_rows.vjp
def _log_softmax_vjp(cotangents: Any, outputs: Any, input: Expr) -> tuple[Expr]:
    return (cotangents[0] - outputs[0].exp() * row_sum(cotangents[0]),)


@composite
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
    return softmax_rows.apply((prepared("softmax", input, dtype),), implicit_dim(input, dim))


@composite
def log_softmax(input: Any, dim: int | None = None, dtype: dtype | None = None) -> Any:
    """``log(softmax(input, dim))``, computed without cancellation.

    >>> import argand
    >>> argand.log_softmax(argand.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    x = prepared("log_softmax", input, dtype)
    return log_softmax_rows.apply((x,), implicit_dim(input, dim))


def prepared(name: str, input: Any, kind: dtype | None) -> Any:
    """The input in the type to compute in."""
    if kind is not None:
        return input.to(kind)
    if input.layout.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for \'{input.dtype.name}\': use a float dtype')
    return input


def implicit_dim(input: Any, dim: int | None) -> int:
    """PyTorch's choice where no dimension is named (which it discourages)."""
    if dim is None:
        return 0 if input.layout.ndim in (0, 1, 3) else 1
    return dim
