"""The kernel that writes one tensor into another, of whatever type and layout."""

from __future__ import annotations

from typing import Any

from argand.kernels.emit import compute_dtype
from argand.kernels.expr import Expr
from argand.ops.arrays import new
from argand.ops.map import SAME, Elementwise
from argand.ops.plans import map_plan
from argand.runtime.layout import Layout, elementwise_strides, strided
from argand.runtime.tensor_base import TensorBase


def preserved_strides(layout: Layout) -> tuple[int, ...]:
    """The strides of a new tensor that keeps the order of dimensions in memory."""
    if layout.dense:
        return layout.strides
    return elementwise_strides(layout.shape, [layout])


def _copy_body(input: Expr) -> Expr:
    return input


class _Copy(Elementwise):
    """Writes one tensor into another of any type."""

    def into(self, out: Any, source: Any) -> None:
        """Convert and broadcast `source` into the memory of `out`."""
        if out.form.numel == 0:
            return
        key = (out.form, source.form)
        plan = self.plans.get(key)
        if plan is None:
            root = self.trace((source,), ()).roots[0].to(compute_dtype(out.form.dtype))
            plan = map_plan([root], [source.form], (), [out.form], out.form.shape)
            self.plans[key] = plan
        plan.run(source.ptr, out.ptr)


copier = _Copy(_copy_body, name="copy", promote=SAME, as_method=False, as_function=False)


def snapshot(x: TensorBase) -> Any:
    """What `x` holds now, in memory of its own, at the same place of the graph."""
    layout = x.form
    out = new(strided(layout.dtype, layout.shape, preserved_strides(layout)))
    copier.into(out, x)
    out.node = x.node
    return out
