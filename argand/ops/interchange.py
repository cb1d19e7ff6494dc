"""Tensors from the memory of other objects: arrays, buffers, DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.device import check_available
from argand.dtypes import as_dtype, dtype
from argand.errors import message
from argand.ops.arrays import from_array, require
from argand.ops.create import tensor
from argand.ops.function import composite
from argand.ops.record import _Defaults
from argand.ops.samples import call
from argand.runtime.layout import dense
from argand.runtime.memory import wrap
from argand.runtime.tensor_base import TensorBase, alias, make


@composite(
    as_method=False,
    out="",
    samples=lambda draw: [
        call(bytearray(range(8)), dtype=draw.dtype("int16")),
        call(bytearray(range(8)), dtype=draw.dtype("uint8"), count=3, offset=2),
    ],
    reference=lambda buffer, dtype, count=-1, offset=0: (
        np.frombuffer(buffer, str(dtype).removeprefix("torch."), count, offset)
    ),
)
def frombuffer(
    buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Any:
    """A vector over the memory of an object with the buffer protocol.

    Args:
        dtype: the type of the elements.
        count: how many; all that there are when negative.
        offset: bytes before the first.

    Raises:
        ValueError: when `buffer` has no such protocol, is empty, or has not so many elements.

    >>> import argand
    >>> frombuffer(bytearray(4), dtype=argand.int16)
    tensor([0, 0], dtype=torch.int16)
    """
    try:
        content = np.frombuffer(buffer, np.uint8) if len(memoryview(buffer)) else np.empty(0, "u1")
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    size = dtype.itemsize
    if not content.size or not count:
        rule = f"both buffer length ({content.size}) and count ({count}) must not be 0"
        raise ValueError(rule)
    if not 0 <= offset < content.size:
        rule = f"offset ({offset} bytes) must be non-negative and no greater than buffer length"
        raise ValueError(f"{rule} ({content.size} bytes) minus 1")
    left = content.size - offset
    if count < 0 and left % size:
        rule = f"buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple of"
        raise ValueError(f"{rule} element size ({size})")
    if count * size > left:
        rule = f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes)"
        raise ValueError(f"{rule} must not be greater than actual buffer length ({left} bytes)")
    shape = (left // size if count < 0 else count,)
    memory = wrap(content.ctypes.data + offset, shape[0] * size, content)
    out = make(memory, dense(dtype, shape))
    return require(out) if requires_grad else out


@composite(
    as_method=False,
    out="",
    samples=lambda draw: [
        call([1, 2]), call(draw.array(2, 3)), call(draw(2, 3)), call(3.5), call(draw(2), copy=True),
    ],
    reference=lambda obj, **options: np.asarray(obj),
)
def asarray(
    obj: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Any:
    """`obj` as a tensor: a tensor, an array, a DLPack or buffer object, a number or a sequence.

    Args:
        copy: True for memory of its own, False to share it; by default it is shared where possible.
        requires_grad: whether gradients of it are wanted; by default a tensor stays what it is.

    Raises:
        ValueError: when memory cannot be shared although `copy` is False.

    >>> asarray([1, 2])
    tensor([1, 2])
    """
    check_available(device)
    kind = None if dtype is None else as_dtype("asarray", dtype)
    shared = _shared(obj, kind)
    if shared is None:
        if copy is False:
            raise ValueError("asarray: can't alias arbitrary sequence into a tensor.")
        return tensor.body(obj, dtype=kind, requires_grad=bool(requires_grad))
    if kind is not None and kind is not shared.dtype and copy is False:
        rule = f"can't alias tensor with dtype '{shared.dtype.name}' into dtype '{kind.name}'."
        raise ValueError(message("asarray", rule))
    out = shared.to(kind, copy=True) if copy else shared.to(kind)
    if requires_grad is None or requires_grad == out.requires_grad:
        return out
    return out.detach() if not requires_grad else require(out.detach())


def _shared(obj: Any, kind: Any) -> Any:
    """A tensor over the memory of `obj`; None when that is not a block of memory."""
    if isinstance(obj, TensorBase):
        return obj
    if isinstance(obj, (np.ndarray, np.generic)):
        return from_array(np.asarray(obj))
    if hasattr(obj, "__dlpack__"):
        return from_dlpack.body(obj)
    if isinstance(obj, (bytes, bytearray, memoryview)):
        return frombuffer.body(obj, dtype=kind or _Defaults.float_dtype)
    return None


class _Capsule:
    """A DLPack capsule as an object with the protocol, which NumPy asks for."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


@composite(
    as_method=False,
    out="",
    samples=lambda draw: [call(draw(2, 3).detach()), call(draw.array(2, 3))],
    reference=lambda ext_tensor: ext_tensor,
)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor over the memory of a tensor of another library, by the DLPack protocol.

    Args:
        ext_tensor: an object with ``__dlpack__``, or the capsule that it returns.
        copy: True for memory of its own.

    >>> import numpy
    >>> from_dlpack(numpy.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    check_available(device)
    if isinstance(ext_tensor, TensorBase) and ext_tensor.node is None:
        shared = alias(ext_tensor)
    else:
        known = hasattr(ext_tensor, "__dlpack__")
        if not known and type(ext_tensor).__name__ != "PyCapsule":
            raise RuntimeError(
                "from_dlpack: the argument must have __dlpack__, or be the capsule that it "
                f"returns, but got {type(ext_tensor).__name__}"
            )
        shared = from_array(np.from_dlpack(ext_tensor if known else _Capsule(ext_tensor)))
    return shared.clone() if copy else shared


@composite(
    as_method=False, out="", samples=lambda draw: [call(draw(2).detach())], unpredictable=True
)
def to_dlpack(tensor: Any) -> object:
    """A DLPack capsule over the memory of a tensor.

    >>> import argand
    >>> from_dlpack(to_dlpack(argand.ones(1)))
    tensor([1.])
    """
    return tensor.__dlpack__()
