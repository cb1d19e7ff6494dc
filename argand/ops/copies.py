"""Copying tensors, and converting them to other types."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.ops.arrays import new
from argand.ops.copier import copier as copier
from argand.ops.copier import preserved_strides as preserved_strides
from argand.ops.function import composite, operation
from argand.ops.samples import call
from argand.runtime.layout import dense, elementwise_strides, strided


@operation(
    out="",
    as_function=True,
    samples=lambda draw: [call(draw(2, 3)), call(draw()), call(draw(0, 2))],
    reference=np.copy,
)
def clone(input: Any, memory_format: Any = None) -> Any:
    """A copy with memory of its own.

    >>> import argand
    >>> x = argand.zeros(2)
    >>> y = x.clone()
    >>> y[0] = 1
    >>> x
    tensor([0., 0.])
    """
    layout = input.form
    if not layout.dense:
        layout = strided(layout.dtype, layout.shape, elementwise_strides(layout.shape, [layout]))
    out = new(layout)
    if input.form.dense:
        ctypes.memmove(out.ptr, input.ptr, layout.nbytes)
    else:
        copier.into(out, input)
    return out


@clone.vjp()
def _clone_vjp(g: Any, out: Any, input: Any, memory_format: Any) -> Any:
    return g, None


@operation(as_method=False, as_function=False)
def compact(input: Any) -> Any:
    """A row-major copy."""
    out = new(dense(input.form.dtype, input.form.shape))
    copier.into(out, input)
    return out


@compact.vjp()
def _compact_vjp(g: Any, out: Any, input: Any) -> Any:
    return (g,)


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2, 3)), call(draw()), call(draw(0, 2))],
    reference=np.copy,
)
def contiguous(input: Any, memory_format: Any = None) -> Any:
    """The tensor itself if its memory is row-major, else a copy.

    >>> import argand
    >>> argand.zeros(2, 3).t().contiguous().stride()
    (2, 1)
    """
    return input if input.form.contiguous else compact(input)


@operation(as_method=False, as_function=False, graph_name="to_copy")
def converted(input: Any, kind: dtype) -> Any:
    """A copy with another type."""
    layout = input.form
    out = new(strided(kind, layout.shape, preserved_strides(layout)))
    copier.into(out, input)
    return out


@converted.vjp()
def _converted_vjp(g: Any, out: Any, input: Any, kind: Any) -> Any:
    return g.to(input.dtype), None
