"""Changing tensors in place, with the change recorded in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.autograd.grad_mode import mode
from argand.autograd.node import Node
from argand.ops.create import as_array, copier, fill
from argand.ops.map import check_in_place
from argand.runtime.tensor_base import TensorBase


def _recorded(name: str, target: Any, *others: Any) -> bool:
    """Whether a change of `target` belongs to the graph; refuses to change wanted leaves."""
    if not mode.enabled:
        return False
    if target.node is None and not any(isinstance(x, TensorBase) and x.node for x in others):
        return False
    check_in_place(name, target)
    return True


def copy_into(target: Any, source: Any) -> Any:
    """``target.copy_(source)``."""
    recorded = _recorded("copy", target, source)
    copier.into(target, source)
    target.storage.version += 1
    if recorded:
        shape, kind = source.shape, source.dtype

        def backward(node: Node, g: Any) -> Any:
            return g.new_zeros(g.shape), g.sum_to_size(shape).to(kind)

        target.node = Node("CopyBackwards", (target.node, source.node), backward)
    return target


def fill_into(target: Any, value: Any) -> Any:
    """``target.fill_(number)``."""
    recorded = _recorded("fill", target)
    fill(target, value)
    target.storage.version += 1
    if recorded:
        target.node = Node("FillBackward0", (target.node,), lambda node, g: (g.new_zeros(g.shape),))
    return target


def place_into(target: Any, value: Any, index: Any, accumulate: bool) -> Any:
    """Write `value` at the places of a NumPy index."""
    recorded = _recorded("index_put", target, value)
    values = as_array(value) if isinstance(value, TensorBase) else value
    if accumulate:
        np.add.at(as_array(target), index, values)
    else:
        as_array(target)[index] = values
    target.storage.version += 1
    if recorded:
        shape = value.shape if isinstance(value, TensorBase) else None

        def backward(node: Node, g: Any) -> Any:
            rest = g
            if not accumulate:
                rest = g.clone()
                as_array(rest)[index] = 0
            picked = None
            if shape is not None:
                picked = g.new_tensor(as_array(g)[index]).sum_to_size(shape)
            return rest, picked

        edges = (target.node, value.node if isinstance(value, TensorBase) else None)
        target.node = Node("IndexPutBackward0", edges, backward)
    return target
