"""Changing tensors in place, with the change recorded in the graph."""

from __future__ import annotations

from typing import Any

from argand.autograd.node import Node
from argand.ops.copies import copier
from argand.ops.create import fill
from argand.ops.history import adopt, check_overlap, check_written, is_recorded
from argand.runtime.layout import broadcast_shapes


def finish(target: Any, node: Node | None) -> Any:
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
        return finish(target, None)

    def backward(node: Node, g: Any) -> Any:
        kept = None if node.edges[0] is None else g.new_zeros(g.shape)
        if node.edges[1] is None:
            return kept, None
        return kept, g.sum_to_size(shape).to(kind)

    return finish(target, Node("CopyBackwards", (target.node, source.node), backward))


def overwrite(name: str, target: Any, write: Any) -> Any:
    """Give `target` new values by ``write(target)``; they do not depend on anything recorded."""
    recorded = is_recorded(name, target)
    write(target)
    node = None
    if recorded:
        shown = f"{name.capitalize()}Backward0"
        node = Node(shown, (target.node,), lambda node, g: (g.new_zeros(g.shape),))
    return finish(target, node)


def fill_into(target: Any, value: Any) -> Any:
    """``target.fill_(number)``."""
    return overwrite("fill", target, lambda x: fill(x, value))
