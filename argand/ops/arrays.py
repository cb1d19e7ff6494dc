"""New tensors, and NumPy arrays over the memory of tensors: what other operations are made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from argand import dtypes
from argand.autograd.node import AccumulateGrad
from argand.dtypes import dtype
from argand.runtime.layout import Layout, contiguous_strides, dense, strided
from argand.runtime.memory import allocate, wrap
from argand.runtime.tensor_base import TensorBase, make


def new(layout: Layout, requires_grad: bool = False) -> Any:
    """An uninitialized tensor."""
    out = make(allocate(layout.nbytes), layout)
    return require(out) if requires_grad else out


def require(x: Any) -> Any:
    """Make `x` a leaf whose gradient is wanted."""
    if x.form.dtype.kind not in "fc":
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients, but got "
            f"{x.form.dtype.name}"
        )
    if x.node is None:
        x.node = AccumulateGrad(x)
    return x


class _Memory:
    """Lets NumPy see a tensor's memory, and keeps it alive."""

    __slots__ = ("__array_interface__", "buffer")

    def __init__(self, x: TensorBase) -> None:
        layout = x.form
        size = layout.dtype.itemsize
        self.buffer = x.buffer
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(layout.shape),
            "typestr": layout.dtype.numpy.str,
            "data": (x.ptr, False),
            "strides": None if layout.contiguous else tuple(s * size for s in layout.strides),
        }


def as_array(x: TensorBase) -> Any:
    """The tensor's memory as a NumPy array, without a copy (bfloat16 as uint16)."""
    return np.asarray(_Memory(x))


class Own(NamedTuple):
    """An array that nobody but a tensor sees: its memory may be replaced by other."""

    array: Any


def from_array(array: Any, own: bool = False) -> Any:
    """A tensor over the memory of a NumPy array, without a copy.

    Args:
        own: whether the array was made for this tensor.
    """
    kind = dtypes.from_numpy(array.dtype)
    if not array.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order.")
    size = kind.itemsize
    if any(s % size for s in array.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size.")
    strides = tuple(s // size for s in array.strides)
    if array.size == 0 or array.flags.c_contiguous:
        strides = contiguous_strides(array.shape)
    address = array.__array_interface__["data"][0]
    buffer = wrap(address, array.nbytes, Own(array) if own else array)
    return make(buffer, strided(kind, array.shape, strides))


def fresh(array: Any, kind: dtype) -> Any:
    """A tensor that owns the values of an array."""
    out = new(dense(kind, array.shape))
    if out.form.numel:
        as_array(out)[...] = array
    return out


def owned(array: Any, kind: dtype) -> Any:
    """A tensor over the memory of an array, or of a copy where that is somebody else's."""
    if kind is dtypes.bfloat16 or not array.flags.owndata or not array.flags.c_contiguous:
        return fresh(array, kind)
    return from_array(array, own=True)
