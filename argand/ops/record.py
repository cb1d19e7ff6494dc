"""Records: everything the project knows about an operation, in one object.

Functions, methods, in-place forms, ``out=``, aliases, documentation, stubs and tests derive from the
records in `RECORDS`; there is no other list of operations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from argand import dtypes
from argand.dtypes import dtype
from argand.runtime.tensor_base import TensorBase

NUMBERS = (bool, int, float, complex)


class _Defaults:
    """Settings that shape results; changing one drops every plan."""

    float_dtype = dtypes.float32


def get_default_dtype() -> dtype:
    """The floating type of new tensors.

    >>> get_default_dtype()
    torch.float32
    """
    return _Defaults.float_dtype


def set_default_dtype(kind: dtype) -> None:
    """Make `kind` the floating type of new tensors.

    Raises:
        TypeError: when `kind` is not a floating type.
    """
    if not isinstance(kind, dtype) or not kind.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {kind}")
    _Defaults.float_dtype = kind
    for record in RECORDS.values():
        record.forget()


class Record:
    """One operation; the decorators of this package make them.

    Attributes:
        name: PyTorch's name.
        body: the function that the operation was written as.
        plans: what has been prepared, by the layouts and numbers of a kind of call.
        as_method: whether tensors have it as a method.
        as_function: whether it is a function of the package.
        in_place: whether there is ``name_``, which changes its first argument.
        aliases: further names.
        operators: Python's special methods that mean this operation.
        reference: the same with NumPy, for tests; None: derived or compared otherwise.
        samples: functions that make arguments for tests.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        name: str | None = None,
        as_method: bool = True,
        as_function: bool = True,
        in_place: bool = False,
        aliases: Sequence[str] = (),
        operators: Sequence[str] = (),
        namespace: str = "",
        reference: Callable[..., Any] | None = None,
        samples: Callable[..., Any] | None = None,
    ) -> None:
        self.body = body
        self.name = name or body.__name__
        self.__name__ = self.name
        self.__doc__ = body.__doc__
        self.__module__ = body.__module__
        self.signature = inspect.signature(body)
        self.plans: dict[Any, Any] = {}
        self.as_method = as_method
        self.as_function = as_function
        self.in_place = in_place
        self.aliases = tuple(aliases)
        self.operators = tuple(operators)
        self.namespace = namespace
        self.reference = reference
        self.samples = samples
        register(self)

    def forget(self) -> None:
        """Drop all plans: a setting that shaped them has changed."""
        self.plans.clear()

    def function(self) -> Callable[..., Any]:
        """What ``argand.name`` is."""
        return self  # type: ignore[return-value]

    def method(self) -> Callable[..., Any]:
        """What ``Tensor.name`` is."""
        call = self.function()

        def method(self: TensorBase, *args: Any, **kwargs: Any) -> Any:
            return call(self, *args, **kwargs)

        return method

    def in_place_method(self) -> Callable[..., Any]:
        """What ``Tensor.name_`` is."""
        raise NotImplementedError(f"{self.name} has no in-place form")

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


RECORDS: dict[str, Record] = {}


def register(record: Record) -> None:
    """Enter a record under its name."""
    key = f"{record.namespace}.{record.name}".lstrip(".")
    assert key not in RECORDS, f"there are two records of {key}"
    RECORDS[key] = record


def describe(value: object) -> str:
    """A value in an error text: tensors by type and shape."""
    if isinstance(value, TensorBase):
        return f"{value.dtype.name} tensor of shape {list(value.shape)}"
    return f"{type(value).__name__} {value!r}"[:80]


def to_number(value: object) -> Any:
    """A Python number from a Python or NumPy one; anything else is returned as None."""
    if isinstance(value, NUMBERS):
        return value
    item = getattr(value, "item", None)
    if item is not None and not isinstance(value, TensorBase) and getattr(value, "ndim", 1) == 0:
        return item()
    return None
