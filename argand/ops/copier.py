"""The kernel that writes one tensor into another, of whatever type and layout."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from argand.device import channels_last, channels_last_3d, contiguous_format, preserve_format
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import Expr
from argand.ops.arrays import new
from argand.ops.map import COMPLEX, EVERY, SAME, Elementwise
from argand.ops.plans import map_plan, nothing
from argand.runtime.layout import Layout, contiguous_strides, elementwise_strides, strided
from argand.runtime.tensor_base import TensorBase


def preserved_strides(layout: Layout) -> tuple[int, ...]:
    """The strides of a new tensor that keeps the order of dimensions in memory."""
    if layout.dense:
        return layout.strides
    return elementwise_strides(layout.shape, [layout])


_CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}  # and how many dimensions they are for


def _channels_last(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides that put the second dimension innermost."""
    batch, channels, *rest = shape
    inner = contiguous_strides((batch, *rest, channels))
    return inner[0], inner[-1], *inner[1:-1]


def ordered_strides(layout: Layout, memory_format: Any = None) -> tuple[int, ...]:
    """The strides of a new tensor like `layout` in a memory format; None preserves the order.

    Raises:
        RuntimeError: when the format is for another number of dimensions.
    """
    if memory_format is None or memory_format is preserve_format:
        return preserved_strides(layout)
    if memory_format is contiguous_format:
        return contiguous_strides(layout.shape)
    if layout.ndim != _CHANNELS_LAST[memory_format]:
        wanted = _CHANNELS_LAST[memory_format]
        rule = f"required rank {wanted} tensor to use {memory_format.name} format"
        raise RuntimeError(f"{rule}, but got {layout.ndim} dimensions")
    return _channels_last(layout.shape)


def in_order(layout: Layout, memory_format: Any) -> bool:
    """Whether a tensor lies in memory as the format says."""
    if memory_format is contiguous_format:
        return layout.contiguous
    if layout.ndim != _CHANNELS_LAST.get(memory_format):
        return False
    wanted = _channels_last(layout.shape)
    return all(n == 1 or s == w for n, s, w in zip(layout.shape, layout.strides, wanted))


def suggested_format(layout: Layout) -> Any:
    """The format that PyTorch takes a tensor for: row-major, if not channels last."""
    for memory_format in _CHANNELS_LAST:
        if not layout.contiguous and in_order(layout, memory_format):
            return memory_format
    return contiguous_format


def _copy_body(input: Expr) -> Expr:
    return input


class _Copy(Elementwise):
    """Writes one tensor into another of any type."""

    def into(self, out: Any, source: Any) -> None:
        """Convert and broadcast `source` into the memory of `out`."""
        self.runner(out.form, source)(source.ptr, out.ptr)

    def runner(self, form: Layout, source: Any) -> Callable[..., None]:
        """``run(address of a tensor like source, address of one with the layout form)``."""
        run = self.plans.get((form, source.form))
        if run is None:
            if source.form.dtype.kind == "c" and form.dtype.kind not in "cb":
                rule = "Casting complex values to real discards the imaginary part"
                warnings.warn(rule, stacklevel=5)
            run = nothing
            if form.numel:
                root = self.trace((source,), ()).roots[0].to(compute_dtype(form.dtype))
                run = map_plan([root], [source.form], (), [form], form.shape).run
            self.plans[form, source.form] = run
        return run


copier = _Copy(_copy_body, name="copy", promote=SAME, as_method=False, as_function=False,
               kinds=EVERY + COMPLEX)  # fmt: skip


def snapshot(x: TensorBase) -> Any:
    """What `x` holds now, in memory of its own, at the same place of the graph."""
    layout = x.form
    out = new(strided(layout.dtype, layout.shape, preserved_strides(layout)))
    copier.into(out, x)
    out.node = x.node
    return out
