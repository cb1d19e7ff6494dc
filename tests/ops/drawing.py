"""Arguments for the samples of records: values by seed, in any memory layout, of any framework."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

import argand
from argand.ops.record import RECORDS, Record
from argand.ops.samples import Call

KINDS = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex64", "complex128",
)  # fmt: skip
LAYOUTS = ("contiguous", "strided", "broadcast")

# A record is public when programs can reach it by its name.
PUBLIC = {key: record for key, record in RECORDS.items() if record.as_function or record.as_method}


class Drawing:
    """A `Draw` for tensors of `framework`.

    Args:
        kind: the name of the type under test.
        framework: `argand` or `torch`.
        layout: how tensors lie in memory; "strided" has holes, an offset and reversed dimensions,
            "broadcast" repeats the first dimension.
        requires_grad: whether floating tensors are leaves that want gradients.
    """

    def __init__(
        self,
        kind: str,
        framework: ModuleType = argand,
        layout: str = "contiguous",
        seed: int = 0,
        requires_grad: bool = False,
    ) -> None:
        self.name = kind
        self.framework = framework
        self.kind = getattr(framework, kind)
        self.complex = "complex" in kind
        self.floating = "float" in kind or self.complex
        self._layout = layout
        self._random = np.random.default_rng(seed)
        self._requires_grad = requires_grad and self.floating

    def __call__(
        self, *shape: int, low: float = -2.0, high: float = 2.0, nonzero: bool = False
    ) -> Any:
        made = self._laid_out(self._values(shape, low, high, nonzero), self.kind)
        return made.detach().requires_grad_() if self._requires_grad else made

    def _values(self, shape: Any, low: float, high: float, nonzero: bool) -> Any:
        if self.name == "bool":
            return self._random.integers(0, 2, shape).astype(bool)
        if not self.floating:
            lowest = max(int(np.ceil(low)), 0 if self.name == "uint8" else -128)
            values = self._random.integers(lowest, max(int(high), lowest) + 1, shape)
            return np.where(values == 0, 1, values) if nonzero else values
        values = self._random.uniform(low, high, shape)
        if nonzero:
            values = values + np.where(values < 0, -0.5, 0.5)
        if self.complex:
            values = values + 1j * self._random.uniform(low, high, shape)
        return np.asarray(values)

    def _laid_out(self, values: Any, kind: Any) -> Any:
        """A tensor with these values, in the wanted layout; broadcast ones keep the first row."""
        values = np.asarray(values)
        if self._layout == "broadcast" and values.ndim and values.shape[0] > 1:
            return self._tensor(values[:1], kind).expand(*values.shape)
        if self._layout != "strided":
            return self._tensor(values, kind)
        room = np.zeros((*values.shape[::-1], 2), values.dtype)
        room[..., 1] = values.transpose()
        order = (*range(values.ndim)[::-1], values.ndim)
        return self._tensor(room, kind).permute(order).select(-1, 1)

    def _tensor(self, values: Any, kind: Any) -> Any:
        return self.framework.from_numpy(np.array(values, order="C")).to(kind)

    def number(self, low: float = -2.0, high: float = 2.0, nonzero: bool = False) -> Any:
        return self._values((), low, high, nonzero).item()

    def index(self, *shape: int, below: int) -> Any:
        return self._laid_out(self._random.integers(0, below, shape), self.framework.int64)

    def permutation(self, count: int) -> Any:
        return self._laid_out_once(self._random.permutation(count))

    def _laid_out_once(self, values: Any) -> Any:
        """Without repetitions, which would change what the values mean."""
        return self._tensor(values, self.framework.int64)

    def mask(self, *shape: int) -> Any:
        return self._laid_out(self._random.integers(0, 2, shape).astype(bool), self.framework.bool)

    def array(self, *shape: int) -> Any:
        kind = "float32" if self.name == "bfloat16" else self.name
        return self._values(shape, -2.0, 2.0, False).astype(kind)

    def dtype(self, name: str) -> Any:
        return getattr(self.framework, name)


def calls(record: Record, draw: Drawing) -> list[Call]:
    """The sample calls of a record."""
    return list(record.samples(draw)) if record.samples is not None else []


def is_tensor(value: Any) -> bool:
    return hasattr(value, "requires_grad")


def replaced(value: Any, tensors: Iterator[Any]) -> Any:
    """`value` with every tensor in it replaced by the next of `tensors`."""
    if is_tensor(value):
        return next(tensors)
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(x, tensors) for x in value)
    return value


def tensors_in(call: Call) -> list[Any]:
    """The tensors among the arguments, also those in sequences."""
    found = []
    for value in (*call.args, *call.kwargs.values()):
        parts = value if isinstance(value, (list, tuple)) else [value]
        found += [x for x in parts if is_tensor(x)]
    return found


def with_tensors(call: Call, tensors: list[Any]) -> Call:
    """The call with other tensors in place of its own, in the order of `tensors_in`."""
    rest = iter(tensors)
    args = tuple(replaced(x, rest) for x in call.args)
    return Call(args, {name: replaced(x, rest) for name, x in call.kwargs.items()})


def as_exact(tensor: Any) -> Any:
    """The values of a tensor as an array: floating ones as float64, complex ones as complex128."""
    tensor = tensor.detach()
    if tensor.is_floating_point():
        tensor = tensor.double()
    if tensor.is_complex():
        tensor = tensor.cdouble()
    return tensor.numpy(force=True).copy()
