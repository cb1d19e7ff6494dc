"""A tensor as Python numbers, as another type, on another device."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from argand import dtypes
from argand.device import check_available, device, memory_format, preserve_format
from argand.dtypes import as_dtype, dtype
from argand.ops.arrays import as_array
from argand.ops.copies import converted, suggested_format
from argand.runtime.tensor_base import TensorBase
from argand.tensor.base import Methods

_CTYPES: dict[dtype, Any] = {
    dtypes.float32: ctypes.c_float, dtypes.float64: ctypes.c_double, dtypes.bool_: ctypes.c_bool,
    dtypes.int64: ctypes.c_int64, dtypes.int32: ctypes.c_int32, dtypes.int16: ctypes.c_int16,
    dtypes.int8: ctypes.c_int8, dtypes.uint8: ctypes.c_uint8,
}  # fmt: skip


class Conversion(Methods):
    """Numbers, types and devices."""

    __slots__ = ()

    # ---- numbers --------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.form.numel != 1:
            raise RuntimeError(
                f"a Tensor with {self.form.numel} elements cannot be converted to Scalar"
            )
        kind = _CTYPES.get(self.form.dtype)
        if kind is not None:
            return kind.from_address(self.ptr).value
        if self.form.dtype is dtypes.bfloat16:
            return float(as_array(converted.body(self, dtypes.float32)).item())
        return as_array(self).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        if self.form.dtype is dtypes.bfloat16:
            return as_array(converted.body(self, dtypes.float32)).tolist()
        return as_array(self).tolist()

    def is_nonzero(self) -> bool:
        """Whether the only element is not 0.

        Raises:
            RuntimeError: when there is not exactly one element.
        """
        if self.form.numel != 1:
            count = "more than one value" if self.form.numel else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {count} is ambiguous")
        return bool(self.item())

    __bool__ = __nonzero__ = is_nonzero

    def _number(self, kind: type) -> Any:
        if self.form.numel != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        value = self.item()
        if isinstance(value, complex) and kind is not complex:
            if value.imag:
                rule = "value cannot be converted to a real number without overflow"
                raise RuntimeError(f"{rule}: {value}")
            value = value.real
        return kind(value)

    def __float__(self) -> float:
        return float(self._number(float))

    def __int__(self) -> int:
        return int(self._number(int))

    __long__ = __int__

    def __complex__(self) -> complex:
        return complex(self._number(complex))

    def __index__(self) -> int:
        if self.form.dtype.kind not in "bui" or self.form.numel != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self.form.ndim else object.__format__(self, spec)

    # ---- types ----------------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert to a type, or to the type of another tensor; the device is always the CPU.

        Takes ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``, each followed
        by ``non_blocking, copy`` and ``memory_format=``. Without a change, and without `copy`, the
        result is the tensor itself.

        Raises:
            AssertionError: for a GPU.
            TypeError: for arguments that are none of these.
        """
        kind, copy, order = _target(args, kwargs)
        if kind is None or kind is self.form.dtype:
            if not copy and order in (None, preserve_format, suggested_format(self.form)):
                return self
            return self.clone(memory_format=order)
        out = converted(self, kind)
        return out if order in (None, preserve_format) else out.contiguous(memory_format=order)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the type, or the tensor converted to another."""
        if dtype is None:
            return f"torch.{TYPE_NAMES[self.form.dtype.name]}"
        return self.to(type_of(dtype))

    def type_as(self, other: Any) -> Any:
        """Converted to the type of another tensor."""
        return self.to(other.dtype)

    def cpu(self, memory_format: Any = None) -> Any:
        """The tensor itself: everything lives on the CPU."""
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """There is no GPU: raises AssertionError."""
        return self.to("cuda")

    def xpu(self, device: Any = None, non_blocking: bool = False) -> Any:
        """There is no GPU: raises AssertionError."""
        return self.to("xpu")

    def get_device(self) -> int:
        """The number of the GPU that holds the tensor; -1 stands for the CPU."""
        return -1


TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor", "int8": "CharTensor",
    "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def type_of(given: Any) -> dtype:
    """The type that a dtype, ``"torch.LongTensor"`` or ``torch.LongTensor`` stands for.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(given, dtype):
        return given
    name = given if isinstance(given, str) else f"{given.__module__}.{given.__name__}"
    for kind in dtypes.ALL:
        if f"torch.{TYPE_NAMES.get(kind.name)}" == name:
            return kind
    raise ValueError(f"invalid type: '{name.removeprefix('builtins.')}'")


_SETTINGS = ("non_blocking", "copy")


def _target(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dtype | None, bool, Any]:
    """The type that ``to`` was asked for, whether it must copy, and the memory format."""
    known = {"device", "dtype", "other", "memory_format", *_SETTINGS}
    if not known.issuperset(kwargs):
        wrong = next(name for name in kwargs if name not in known)
        raise TypeError(f"to() received an invalid argument '{wrong}'")
    kind, settings = None, list(_SETTINGS)
    copy = bool(kwargs.get("copy", False))
    check_available(kwargs.get("device"))
    for value in (*args, kwargs.get("dtype"), kwargs.get("other")):
        if isinstance(value, TensorBase):
            kind = value.dtype
        elif isinstance(value, bool) and value is not None:
            if not settings:
                raise TypeError("to() received too many arguments")
            copy = value if settings.pop(0) == "copy" else copy
        elif isinstance(value, (str, device, int)):
            check_available(value)
        elif isinstance(value, memory_format):
            raise TypeError("to() takes memory_format by keyword: to(memory_format=...)")
        elif value is not None:
            kind = as_dtype("to", value)
    return kind, copy, kwargs.get("memory_format")


def conversions() -> dict[str, Callable[..., Any]]:
    """The methods that are named after types."""
    names = {
        "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
        "bfloat16": dtypes.bfloat16, "int": dtypes.int32, "long": dtypes.int64,
        "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
        "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
    }  # fmt: skip
    return {name: _conversion(name, kind) for name, kind in names.items()}


def _conversion(name: str, kind: dtype) -> Callable[..., Any]:
    def method(self: Any, memory_format: Any = None) -> Any:
        return self.to(kind)

    method.__name__ = name
    method.__doc__ = f"Converted to {kind}."
    return method
