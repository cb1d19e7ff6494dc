"""The state of a tensor, without its operations: memory, layout, and its place in the graph."""

from __future__ import annotations

from typing import Any

from argand.dtypes import dtype
from argand.runtime.layout import Layout, Size
from argand.runtime.memory import Buffer


class TensorBase:
    """What kernels and the graph need of a tensor. `argand.Tensor` adds the operations.

    Attributes:
        buffer: what holds the elements; views share it.
        ptr: the address of the first element.
        form: type, shape and strides.
        node: where gradients go: None for constants, a graph node, or one output of a node.
        grad: the accumulated gradient of a leaf.
        base: the tensor this one is a view of, or None.
    """

    __slots__ = ("buffer", "ptr", "form", "node", "grad", "base")

    buffer: Buffer
    ptr: int
    form: Layout
    node: Any
    grad: Any
    base: Any

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return self.form.shape

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self.form.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.form.ndim


_new = object.__new__
current_type: list[type[TensorBase]] = [TensorBase]  # the class of the tensors that are made


def bind(kind: type[TensorBase]) -> None:
    """Let operations make tensors of this class; called once, by ``argand.tensor``."""
    current_type[0] = kind


def make(buffer: Buffer, layout: Layout, ptr: int | None = None) -> Any:
    """A tensor over `buffer`, outside of any graph."""
    out = _new(current_type[0])
    out.buffer = buffer
    out.ptr = buffer.ptr if ptr is None else ptr
    out.form = layout
    out.node = out.grad = out.base = None
    return out


def alias(tensor: TensorBase) -> Any:
    """Another tensor over the same memory, outside of any graph."""
    return make(tensor.buffer, tensor.form, tensor.ptr)


