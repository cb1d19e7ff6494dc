"""Data types: what an element is in memory, what it computes as, and how types combine.

The rules of promotion are PyTorch's: a category (bool, integer, floating, complex) wins over a
lower one; dimensioned tensors win over zero-dimensional ones and these over Python numbers, unless
these are of a higher category.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


class dtype:
    """The type of a tensor's elements, for example ``argand.float32``.

    >>> import argand
    >>> argand.float32.itemsize, argand.float32.is_floating_point
    (4, True)
    """

    __slots__ = ("name", "itemsize", "kind", "numpy", "llvm", "order")

    def __init__(self, name: str, itemsize: int, kind: str, llvm: str, order: int) -> None:
        self.name = name
        self.itemsize = itemsize
        self.kind = kind  # b bool, u unsigned, i signed, f floating, c complex
        self.llvm = llvm  # type of one element in memory
        self.order = order
        known = {"bfloat16": np.dtype("uint16"), "bool": np.dtype("bool")}
        self.numpy: np.dtype[Any] = known.get(name) or np.dtype(name)

    @property
    def is_floating_point(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"

    @property
    def is_signed(self) -> bool:
        return self.kind in "ifc"

    @property
    def is_integer(self) -> bool:
        """Whether this is an integer type; bool is none."""
        return self.kind in "ui"

    @property
    def category(self) -> int:
        """Rank of the type's category: bool 0, integers 1, floating 2, complex 3."""
        return "buifc".index(self.kind) - (self.kind in "ifc")

    def to_complex(self) -> dtype:
        return _COMPLEX_OF.get(self, self)

    def to_real(self) -> dtype:
        return _REAL_OF.get(self, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return by_name, (self.name,)


bool_ = dtype("bool", 1, "b", "i8", 0)
uint8 = dtype("uint8", 1, "u", "i8", 1)
int8 = dtype("int8", 1, "i", "i8", 2)
int16 = dtype("int16", 2, "i", "i16", 3)
int32 = dtype("int32", 4, "i", "i32", 4)
int64 = dtype("int64", 8, "i", "i64", 5)
float16 = dtype("float16", 2, "f", "half", 6)
bfloat16 = dtype("bfloat16", 2, "f", "i16", 7)
float32 = dtype("float32", 4, "f", "float", 8)
float64 = dtype("float64", 8, "f", "double", 9)
complex64 = dtype("complex64", 8, "c", "<2 x float>", 10)
complex128 = dtype("complex128", 16, "c", "<2 x double>", 11)

ALL = (
    bool_, uint8, int8, int16, int32, int64,
    float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip

_COMPLEX_OF = {float16: complex64, bfloat16: complex64, float32: complex64, float64: complex128}
_REAL_OF = {complex64: float32, complex128: float64}
_OF_PYTHON: dict[Any, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}
_BY_NUMPY = {t.numpy: t for t in ALL if t is not bfloat16}


def by_name(name: str) -> dtype:
    """The dtype called `name`.

    >>> by_name("float32")
    torch.float32
    """
    return next(t for t in ALL if t.name == name)


def from_numpy(kind: np.dtype[Any]) -> dtype:
    """The dtype of a NumPy dtype.

    Raises:
        TypeError: when there is none (strings, objects, dates, ...).

    >>> from_numpy(np.dtype("f4"))
    torch.float32
    """
    found = _BY_NUMPY.get(kind)
    if found is None:
        found = _BY_NUMPY.get(kind.newbyteorder("=")) if kind.kind in "uifcb" else None
    if found is None:
        supported = ", ".join(t.numpy.name for t in ALL if t is not bfloat16)
        raise TypeError(
            f"can't convert np.ndarray of type {kind}. The only supported types are: {supported}."
        )
    return found


def as_dtype(name: str, value: object) -> dtype:
    """A type that may be given as one of Python's: bool, int, float or complex.

    Raises:
        TypeError: for anything else.

    >>> as_dtype("zeros", int)
    torch.int64
    """
    if isinstance(value, dtype):
        return value
    found = _OF_PYTHON.get(value)
    if found is None:
        rule = f"argument 'dtype' must be torch.dtype, not {type(value).__name__}"
        raise TypeError(f"{name}(): {rule}")
    return found


@cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that both can be converted to, by PyTorch's table.

    >>> promote_types(int64, float16)
    torch.float16
    >>> promote_types(uint8, int8)
    torch.int16
    """
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda t: t.order)
    if low is uint8 and high is int8:
        return int16
    if low is float16 and high is bfloat16:
        return float32
    if high is complex64 and low is float64:
        return complex128
    return high


def of_number(value: object, default_float: dtype) -> dtype:
    """The type that a Python number has among tensors."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, complex):
        return default_float.to_complex()
    return default_float


def result_of(
    dimensioned: dtype | None, zero_dim: dtype | None, number: dtype | None
) -> dtype:
    """Combine the promoted types of dimensioned tensors, 0-d tensors and Python numbers."""
    result = dimensioned
    for other in (zero_dim, number):
        if other is None:
            continue
        if result is None:
            result = other
        elif other.category > result.category:
            # of a higher category only the category counts, where the width is given already
            result = result.to_complex() if other.kind == "c" and result.kind == "f" else other
    assert result is not None
    return result


class finfo:
    """What a floating type can hold.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtype = float32) -> None:
        if type.kind not in "fc":
            raise TypeError(f"torch.finfo() requires a floating point input type, got {type}")
        self.dtype = type.to_real().name
        self.bits = 8 * type.to_real().itemsize
        if type is bfloat16:
            self.eps, self.tiny, self.max = 2.0**-7, 2.0**-126, (2 - 2.0**-7) * 2.0**127
            self.resolution = 0.01
        else:
            found = np.finfo(type.numpy)
            self.eps, self.tiny = float(found.eps), float(found.tiny)
            self.max, self.resolution = float(found.max), float(found.resolution)
        self.min = -self.max
        self.smallest_normal = self.tiny

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        values = ", ".join(f"{name}={getattr(self, name):g}" for name in fields)
        return f"finfo({values}, dtype={self.dtype})"


class iinfo:
    """What an integer type can hold.

    >>> iinfo(uint8).max
    255
    """

    def __init__(self, type: dtype) -> None:
        if type.kind not in "ui":
            raise TypeError(f"torch.iinfo() requires an integer input type, got {type}")
        found = np.iinfo(type.numpy)
        self.dtype, self.bits = type.name, 8 * type.itemsize
        self.min, self.max = int(found.min), int(found.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
