"""Questions about tensors, as functions; and tensors with given strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argand.dtypes import dtype
from argand.ops.arrays import new
from argand.ops.create import Options
from argand.ops.function import composite
from argand.ops.record import _Defaults
from argand.ops.samples import call
from argand.ops.shape import sizes_of
from argand.runtime.layout import strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2))])
def is_signed(input: Any) -> bool:
    """Whether the type of `input` has negative numbers.

    >>> import argand
    >>> argand.is_signed(argand.ones(1, dtype=argand.uint8))
    False
    """
    return bool(input.form.dtype.is_signed)


@composite(out="", as_method=False, samples=lambda draw: [call(draw(1)), call(draw())])
def is_nonzero(input: Any) -> bool:
    """Whether the only element is not 0; raises RuntimeError when there is not exactly one.

    >>> import argand
    >>> argand.is_nonzero(argand.ones(1))
    True
    """
    return bool(input.is_nonzero())


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2), draw(2, 1))])
def is_same_size(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape.

    >>> import argand
    >>> argand.is_same_size(argand.ones(2), argand.zeros(2))
    True
    """
    return bool(input.shape == other.shape)


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2))])
def is_inference(input: Any) -> bool:
    """Whether the tensor can never be part of a graph: no.

    >>> import argand
    >>> argand.is_inference(argand.ones(1))
    False
    """
    return bool(input.is_inference())


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2))])
def get_device(input: Any) -> int:
    """The number of the GPU that holds a tensor; -1 stands for the CPU.

    >>> import argand
    >>> argand.get_device(argand.ones(1))
    -1
    """
    return int(input.get_device())


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2))], reference=lambda x: x)
def detach(input: Any) -> Any:
    """The same memory outside of the graph.

    >>> import argand
    >>> argand.detach(argand.ones(1, requires_grad=True)).requires_grad
    False
    """
    return input.detach()


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw.kind, draw.dtype("int64")), call(draw.kind, draw.kind)],
)
def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether results of one type may be written into tensors of another.

    >>> import argand
    >>> argand.can_cast(argand.float32, argand.int64)
    False
    """
    return from_.category <= to.category


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call((2, 3), (1, 2)), call((2, 3), (3, 1), dtype=draw.kind)],
    unpredictable=True,
)
def empty_strided(size: Sequence[int], stride: Sequence[int], **kwargs: Any) -> Any:
    """Uninitialized, with these sizes and strides (in elements).

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    options = Options(**kwargs)
    layout = strided(options.kind or _Defaults.float_dtype, tuple(size), tuple(stride))
    room = (layout.span()[1] + 1) * layout.dtype.itemsize
    return options.finish(make(allocate(room), layout))


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call((2, 3, 4), (2, 0, 1)), call((2, 3), (0, 1), dtype=draw.kind)],
    unpredictable=True,
)
def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], **kwargs: Any) -> Any:
    """Uninitialized; `physical_layout` names the dimensions from the outermost in memory inwards.

    >>> empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    options = Options(**kwargs)
    size = sizes_of("empty_permuted", (size,))
    if sorted(physical_layout) != list(range(len(size))):
        raise RuntimeError(
            "empty_permuted: physical_layout must name every dimension of size once, from 0 to "
            f"{len(size) - 1}, but got {tuple(physical_layout)}"
        )
    strides, step = [0] * len(size), 1
    for d in reversed(physical_layout):
        strides[d] = step
        step *= size[d]
    kind = options.kind or _Defaults.float_dtype
    return options.finish(new(strided(kind, tuple(size), tuple(strides))))
