"""Storages: the memory below tensors, under PyTorch's names.

A storage is a view of a buffer and owns nothing: tensors hold the buffer, and so does it. Storages
of tensors that share memory compare equal.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np

from argand import dtypes
from argand.device import device
from argand.dtypes import dtype
from argand.ops.arrays import as_array
from argand.runtime.layout import contiguous_strides, dense, strided
from argand.runtime.memory import Buffer, allocate
from argand.runtime.tensor_base import TensorBase, make


def root(buffer: Buffer) -> Buffer:
    """The buffer that owns memory: ``x.data`` and the like have one of their own above it."""
    while type(buffer.base) is type(buffer):
        buffer = buffer.base
    return buffer


class _Storage:
    """What storages with and without a type have in common."""

    __slots__ = ("buffer",)

    device = device("cpu")
    is_cuda = is_sparse = False

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = root(buffer)

    @property
    def _cdata(self) -> int:
        """A number that tells storages apart."""
        return id(self.buffer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.buffer is other.buffer

    def __hash__(self) -> int:
        return id(self.buffer)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self.buffer.ptr

    def nbytes(self) -> int:
        """The size in bytes."""
        return self.buffer.nbytes

    def is_pinned(self, device: Any = None) -> bool:
        """Whether a GPU could read the memory directly: no."""
        return False

    def is_shared(self) -> bool:
        """Whether other processes see the memory: no."""
        return False

    def get_device(self) -> int:
        """The number of the GPU that holds the memory; -1 stands for the CPU."""
        return -1

    def _elements(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._elements())

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def __getitem__(self, index: Any) -> Any:
        found = self._elements()[index]
        return found if isinstance(index, slice) else found.item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        found: list[Any] = self._elements().tolist()
        return found

    def fill_(self, value: Any) -> Any:
        """Set every element."""
        self._elements()[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Take the bytes of another storage of the same size.

        Raises:
            RuntimeError: when the sizes differ.
        """
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"storage.copy_: sizes must be equal, but got {source.nbytes()} and "
                f"{self.nbytes()} bytes"
            )
        ctypes.memmove(self.data_ptr(), source.data_ptr(), self.nbytes())
        return self

    def _copied(self) -> Buffer:
        return _copy_of(self.buffer)

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        return f"{lines}[{self._kind()} of size {len(self)}]"

    def _kind(self) -> str:
        raise NotImplementedError


class UntypedStorage(_Storage):
    """The bytes below a tensor.

    Args:
        size: the number of bytes; or a buffer.

    >>> import argand
    >>> x = argand.zeros(4)
    >>> x[1:].untyped_storage() == x.untyped_storage()
    True
    >>> x.untyped_storage().nbytes()
    16
    """

    __slots__ = ()

    def __init__(self, size: Any = 0, *, device: Any = None) -> None:
        super().__init__(allocate(size) if isinstance(size, int) else size)

    def _elements(self) -> Any:
        return as_array(make(self.buffer, dense(dtypes.uint8, (self.buffer.nbytes,))))

    def element_size(self) -> int:
        """Bytes of an element: 1."""
        return 1

    def clone(self) -> UntypedStorage:
        """A copy with memory of its own."""
        return UntypedStorage(self._copied())

    def cpu(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def resize_(self, size: int) -> None:
        """Is not there: tensors hold the address of their memory."""
        raise NotImplementedError("UntypedStorage.resize_ is not there: resize the tensor instead")

    def _kind(self) -> str:
        return "torch.storage.UntypedStorage(device=cpu)"


class TypedStorage(_Storage):
    """The elements below a tensor, whatever its shape is.

    >>> import argand
    >>> argand.ones(2, 2).t().storage().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    __slots__ = ("dtype",)

    def __init__(self, *, wrap_storage: UntypedStorage, dtype: dtype) -> None:
        super().__init__(wrap_storage.buffer)
        self.dtype = dtype

    def _elements(self) -> Any:
        if self.dtype is dtypes.bfloat16:
            raise NotImplementedError("TypedStorage: elements of bfloat16 are not there")
        count = self.buffer.nbytes // self.dtype.itemsize
        return as_array(make(self.buffer, dense(self.dtype, (count,))))

    def __len__(self) -> int:
        return self.buffer.nbytes // self.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self.buffer)

    _untyped_storage = property(untyped)

    def clone(self) -> TypedStorage:
        """A copy with memory of its own."""
        return TypedStorage(wrap_storage=UntypedStorage(self._copied()), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        """The storage itself."""
        return self

    def _kind(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device=cpu)"


def is_storage(obj: Any, /) -> bool:
    """Whether `obj` is a storage.

    >>> import argand
    >>> is_storage(argand.ones(1).untyped_storage())
    True
    """
    return isinstance(obj, _Storage)


def typename(obj: Any, /) -> str:
    """The name of the type of a tensor, or of the class of anything else.

    >>> import argand
    >>> typename(argand.ones(1)), typename(3)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = type(obj)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def over_storage(
    storage: Any, kind: dtype, offset: int, size: Any = None, stride: Any = None
) -> Any:
    """A tensor of type `kind` over a storage, `offset` elements behind its begin.

    Raises:
        RuntimeError: when the storage is too small.
    """
    buffer = storage.buffer
    if size is None:
        size = (buffer.nbytes // kind.itemsize - offset,)
    shape = tuple(size)
    layout = strided(kind, shape, contiguous_strides(shape) if stride is None else tuple(stride))
    needed = (offset + layout.span()[1] + 1) * kind.itemsize
    if layout.numel and needed > buffer.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(layout.strides)} and offset {offset} "
            f"need {needed} bytes, but the storage has {buffer.nbytes}"
        )
    return make(buffer, layout, buffer.ptr + offset * kind.itemsize)


def _copy_of(buffer: Buffer) -> Buffer:
    copied = allocate(buffer.nbytes)
    ctypes.memmove(copied.ptr, buffer.ptr, buffer.nbytes)
    return copied


# ---- buffers in pickles and copies -------------------------------------------------------------


def _buffer_from(content: Any) -> Buffer:
    """A buffer with the bytes of an array."""
    buffer = allocate(content.nbytes)
    ctypes.memmove(buffer.ptr, content.ctypes.data, content.nbytes)
    return buffer


def reduce_buffer(buffer: Buffer) -> tuple[Any, tuple[Any, ...]]:
    """How pickle and deepcopy keep a buffer: once, for all tensors that share it.

    An array of bytes can travel beside the pickle, as protocol 5 has it.
    """
    return _buffer_from, (np.array(UntypedStorage(buffer)._elements(), copy=False),)
