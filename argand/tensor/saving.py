"""Copies and pickles of tensors; tensors that share memory share it in the copies as well."""

from __future__ import annotations

import copy
import copyreg
from collections.abc import Sequence
from typing import Any

from argand.dtypes import dtype
from argand.errors import message
from argand.runtime.layout import strided
from argand.runtime.memory import Buffer, allocate
from argand.runtime.tensor_base import current_type, make
from argand.tensor.base import Methods
from argand.tensor.storage import reduce_buffer, root

copyreg.pickle(type(allocate(0)), reduce_buffer)


class Saving(Methods):
    """`copy`, `deepcopy` and `pickle`."""

    __slots__ = ()

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        """A copy with memory of its own, but for tensors of the same `deepcopy`.

        Raises:
            RuntimeError: for tensors that a recorded operation made.
        """
        if not self.is_leaf:
            rule = (
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment."
            )
            raise RuntimeError(message("deepcopy", rule, hint="detach the tensor first"))
        if id(self) in memo:
            return memo[id(self)]
        out = rebuild(*self._parts(copy.deepcopy(root(self.buffer), memo)))
        memo[id(self)] = out
        out.grad = copy.deepcopy(self.grad, memo)
        out.__dict__ = copy.deepcopy(self.__dict__, memo)
        return out

    def _parts(self, buffer: Buffer) -> tuple[Any, ...]:
        """The arguments of `rebuild` for this tensor over `buffer`."""
        start = self.ptr - root(self.buffer).ptr
        layout = self.form
        where = (layout.dtype, tuple(layout.shape), layout.strides, start)
        return type(self), buffer, *where, self.node is not None, {}

    def __reduce_ex__(self, protocol: Any) -> Any:
        *parts, state = self._parts(root(self.buffer))
        return rebuild, (*parts, state or dict(self.__dict__))


def rebuild(
    cls: type,
    buffer: Buffer,
    kind: dtype,
    shape: Sequence[int],
    strides: Sequence[int],
    start: int,
    requires_grad: bool,
    state: dict[str, Any],
) -> Any:
    """A tensor from its pickled parts; it begins `start` bytes behind the buffer's begin."""
    data = make(buffer, strided(kind, shape, tuple(strides)), buffer.ptr + start)
    out = current_type[0]._make_subclass(cls, data, requires_grad)  # type: ignore[attr-defined]
    out.__dict__.update(state)
    return out
