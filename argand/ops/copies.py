"""Copying tensors, and converting them to other types."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from argand.device import contiguous_format, preserve_format
from argand.dtypes import dtype
from argand.ops.arrays import new
from argand.ops.copier import copier as copier
from argand.ops.copier import in_order as in_order
from argand.ops.copier import ordered_strides as ordered_strides
from argand.ops.copier import preserved_strides as preserved_strides
from argand.ops.copier import suggested_format as suggested_format
from argand.ops.function import composite, operation
from argand.ops.samples import call
from argand.runtime.layout import strided


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
    if memory_format is not None or not layout.dense:
        layout = strided(layout.dtype, layout.shape, ordered_strides(layout, memory_format))
    out = new(layout)
    if layout is input.form and layout.dense and layout.nbytes < LARGE:
        ctypes.memmove(out.ptr, input.ptr, layout.nbytes)
    else:
        copier.into(out, input)
    return out


LARGE = 1 << 18  # bytes from which on several threads copy faster than the C library


@clone.vjp()
def _clone_vjp(g: Any, out: Any, input: Any, memory_format: Any) -> Any:
    return g, None


@operation(as_method=False, as_function=False)
def compact(input: Any, memory_format: Any = None) -> Any:
    """A copy that is row-major, or in the order of `memory_format`."""
    layout = input.form
    plan = compact.plans.get((layout, memory_format))
    if plan is None:
        strides = ordered_strides(layout, memory_format or contiguous_format)
        ordered = strided(layout.dtype, layout.shape, strides)
        plan = compact.plans[layout, memory_format] = ordered, copier.runner(ordered, input)
    ordered, run = plan
    out = new(ordered)
    run(input.ptr, out.ptr)
    return out


@compact.vjp()
def _compact_vjp(g: Any, out: Any, input: Any, memory_format: Any) -> Any:
    return g, None


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2, 3)), call(draw()), call(draw(0, 2))],
    reference=np.copy,
)
def contiguous(input: Any, memory_format: Any = None) -> Any:
    """The tensor itself if its memory is row-major (or as `memory_format` says), else a copy.

    >>> import argand
    >>> argand.zeros(2, 3).t().contiguous().stride()
    (2, 1)
    """
    if memory_format is None or memory_format is contiguous_format:
        if input.form.contiguous:
            return input
        return compact.body(input) if input.node is None else compact(input)
    if memory_format is preserve_format:
        rule = "preserve memory format is unsupported by the contiguous operator"
        raise RuntimeError(rule)
    return input if in_order(input.form, memory_format) else compact(input, memory_format)


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
