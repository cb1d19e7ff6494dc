"""Changing tensors in place, with the change recorded in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.autograd.node import Node
from argand.ops.arrays import as_array
from argand.ops.copies import converted, copier
from argand.ops.create import fill
from argand.ops.history import adopt, check_overlap, check_written, is_recorded
from argand.runtime.layout import broadcast_shapes
from argand.runtime.tensor_base import TensorBase


def _finish(target: Any, node: Node | None) -> Any:
    """Note that `target` was changed, and by which operation when that is recorded."""
    target.buffer.version += 1
    if node is not None:
        adopt(target, node)
    return target


def copy_into(target: Any, source: Any) -> Any:
    """``target.copy_(source)``."""
    recorded = is_recorded("copy", target, (source,))
    shape, kind = source.form.shape, source.form.dtype
    if broadcast_shapes((shape, target.form.shape)) != target.form.shape:
        raise RuntimeError(
            f"copy_: output with shape {list(target.shape)} doesn't match the broadcast shape of "
            f"the source's {list(shape)}"
        )
    check_written("copy_", target.form)
    check_overlap("copy_", target, (source,))
    copier.into(target, source)
    if not recorded:
        return _finish(target, None)

    def backward(node: Node, g: Any) -> Any:
        kept = None if node.edges[0] is None else g.new_zeros(g.shape)
        if node.edges[1] is None:
            return kept, None
        return kept, g.sum_to_size(shape).to(kind)

    return _finish(target, Node("CopyBackwards", (target.node, source.node), backward))


def overwrite(name: str, target: Any, write: Any) -> Any:
    """Give `target` new values by ``write(target)``; they do not depend on anything recorded."""
    recorded = is_recorded(name, target)
    write(target)
    node = None
    if recorded:
        shown = f"{name.capitalize()}Backward0"
        node = Node(shown, (target.node,), lambda node, g: (g.new_zeros(g.shape),))
    return _finish(target, node)


def fill_into(target: Any, value: Any) -> Any:
    """``target.fill_(number)``."""
    return overwrite("fill", target, lambda x: fill(x, value))


def _place(target: Any, value: Any, index: Any, accumulate: bool) -> None:
    values = as_array(value) if isinstance(value, TensorBase) else value
    if accumulate:
        np.add.at(as_array(target), index, values)
    else:
        as_array(target)[index] = values


def place_into(target: Any, value: Any, index: Any, accumulate: bool) -> Any:
    """Write `value` at the places of a NumPy index."""
    recorded = is_recorded("index_put", target, (value,))
    if target.form.dtype is dtypes.bfloat16:  # which NumPy does not have
        wide = converted.body(target, dtypes.float32)
        values = converted.body(value, dtypes.float32) if isinstance(value, TensorBase) else value
        _place(wide, values, index, accumulate)
        copier.into(target, wide)
    else:
        _place(target, value, index, accumulate)
    if not recorded:
        return _finish(target, None)
    shape, kind = (value.shape, value.dtype) if isinstance(value, TensorBase) else (None, None)

    def backward(node: Node, g: Any) -> Any:
        rest = g
        if not accumulate:
            rest = g.clone()
            rest[index] = 0
        return rest, None if node.edges[1] is None else g[index].sum_to_size(shape).to(kind)

    edges = (target.node, value.node if isinstance(value, TensorBase) else None)
    return _finish(target, Node("IndexPutBackward0", edges, backward))
