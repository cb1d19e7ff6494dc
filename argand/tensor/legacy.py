"""The names of tensors and storages by their type: ``FloatTensor``, ``LongStorage`` and so on.

They make tensors of their type and tell them apart by ``isinstance``; no tensor has them as class.
"""

from __future__ import annotations

from typing import Any

from argand import dtypes
from argand.dtypes import dtype
from argand.ops.create import empty, tensor
from argand.ops.record import set_default_dtype
from argand.runtime.layout import Size
from argand.runtime.tensor_base import TensorBase, alias
from argand.tensor.conversion import TYPE_NAMES, type_of
from argand.tensor.storage import TypedStorage


def legacy_new(kind: dtype, *data: Any, **kwargs: Any) -> Any:
    """A tensor of a type from sizes, from data, or sharing the memory of another tensor.

    Raises:
        TypeError: for data that are none of these.
    """
    if kwargs.pop("device", None) not in (None, "cpu") or kwargs:
        raise TypeError(f"new() received an invalid combination of arguments: {kwargs}")
    if len(data) == 1 and not isinstance(data[0], (int, Size)):
        (given,) = data
        if isinstance(given, TensorBase):
            if given.dtype is not kind:
                raise TypeError(f"expected a tensor of {kind}, but got one of {given.dtype}")
            return alias(given)
        if isinstance(given, TypedStorage):
            return tensor.body(given.tolist(), dtype=kind)
        if isinstance(given, str):
            raise TypeError("new(): invalid data type 'str'")
        if not hasattr(given, "__len__"):
            raise TypeError(f"new(): data must be a sequence (got {type(given).__name__})")
        return tensor.body(given, dtype=kind)
    return empty.body(*(data or (0,)), dtype=kind)


class TensorType(type):
    """The type of ``FloatTensor`` and its like."""

    dtype: dtype

    def __call__(cls, *data: Any, **kwargs: Any) -> Any:
        return legacy_new(cls.dtype, *data, **kwargs)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, TensorBase) and value.form.dtype is cls.dtype


class StorageType(type):
    """The type of ``FloatStorage`` and its like."""

    dtype: dtype

    def __call__(cls, *data: Any, **kwargs: Any) -> Any:
        return legacy_new(cls.dtype, *data, **kwargs).storage()

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, TypedStorage) and value.dtype is cls.dtype


def _named(meta: Any, name: str, kind: dtype) -> Any:
    made = meta(name, (), {"dtype": kind, "__module__": "torch", "__doc__": f"{name}: {kind}."})
    made.dtype = kind
    return made


TENSOR_TYPES: dict[str, Any] = {
    name: _named(TensorType, name, dtypes.by_name(short))
    for short, name in TYPE_NAMES.items()
    if "complex" not in short
}
STORAGE_TYPES: dict[str, Any] = {
    name.replace("Tensor", "Storage"): _named(
        StorageType, name.replace("Tensor", "Storage"), dtypes.by_name(short)
    )
    for short, name in TYPE_NAMES.items()
}


def storage_type(kind: dtype) -> Any:
    """``FloatStorage`` for float32, and so on."""
    return STORAGE_TYPES[TYPE_NAMES[kind.name].replace("Tensor", "Storage")]


def set_default_tensor_type(t: Any) -> None:
    """Make the type of ``torch.DoubleTensor``, or of its name, the default floating type.

    Raises:
        TypeError: when it is not a floating type.
    """
    set_default_dtype(type_of(t))
