"""Tensors that programs give for results: ``out=``, and what is written over in place."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any

from argand.autograd.grad_mode import mode
from argand.dtypes import dtype
from argand.ops.arrays import Own
from argand.ops.history import check_written
from argand.runtime.layout import dense, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase


def check_out(name: str, out: Any) -> None:
    """Refuse an ``out=`` that is no tensor.

    Raises:
        TypeError: for anything but a tensor.
    """
    if not isinstance(out, TensorBase):
        rule = f"argument 'out' must be Tensor, not {type(out).__name__}"
        raise TypeError(f"{name}(): {rule}")


def check_not_recorded(name: str, tensors: Iterable[Any]) -> None:
    """Refuse ``out=`` where a gradient would be needed.

    Raises:
        RuntimeError: when one of the tensors requires grad.
    """
    if mode.enabled and any(isinstance(x, TensorBase) and x.node is not None for x in tensors):
        raise RuntimeError(
            f"{name}: functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )


def check_cast(name: str, result: dtype, target: dtype) -> None:
    """Refuse a target that cannot hold the category of a result.

    Raises:
        RuntimeError: floats into integers, complex into real numbers, anything but bool into bool.
    """
    if result.category > target.category:
        raise RuntimeError(
            f"{name}: result type {result.name} can't be cast to the desired output type "
            f"{target.name}"
        )


def check_same(name: str, result: dtype, target: dtype) -> None:
    """Refuse a target of another type; raises RuntimeError."""
    if result is not target:
        raise RuntimeError(
            f"{name}: expected out tensor to have dtype {result.name}, but got {target.name}"
        )


def fit_out(
    name: str, out: TensorBase, shape: Sequence[int], strides: Sequence[int] | None = None
) -> None:
    """Give `out` the shape of the result; one that has elements should have had it already.

    Args:
        strides: those of a result without holes; row-major when left out.

    Raises:
        RuntimeError: when elements of `out` share their memory.
    """
    check_written(name, out.form)
    if out.form.shape != tuple(shape):
        if out.form.numel:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(out.form.shape)}, which does not match the required output shape "
                f"{list(shape)} of {name}. Give out= that shape, or no elements.",
                stacklevel=4,
            )
        resize(out, shape)
        if strides is not None:
            out.form = strided(out.form.dtype, shape, tuple(strides))


def resize(x: TensorBase, shape: Sequence[int]) -> None:
    """Give `x` another shape, row-major; what its memory holds stays, the rest is uninitialized.

    Raises:
        RuntimeError: when memory that others own, a NumPy array's for example, is too small.
    """
    layout = dense(x.form.dtype, shape)
    room = x.buffer.nbytes - (x.ptr - x.buffer.ptr)
    if layout.nbytes > room:
        if not isinstance(x.buffer.base, (Own, NoneType)):
            raise RuntimeError(
                "Trying to resize storage that is not resizable: it belongs to a "
                f"{type(x.buffer.base).__name__} and cannot hold {list(shape)} (clone the tensor)"
            )
        grown = allocate(layout.nbytes)
        ctypes.memmove(grown.ptr, x.ptr, max(room, 0))
        x.buffer, x.ptr = grown, grown.ptr
    x.form = layout
