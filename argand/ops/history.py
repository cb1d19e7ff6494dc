"""In-place changes and views: how the graph learns that memory, and all views of it, changed.

A tensor that has views keeps weak references to them (`Views`, in its ``base`` field). When one of
them, or the tensor itself, is changed by a recorded operation, the tensor gets a new node, and
every view of it a node that leads there: what is computed from them afterwards depends on the
change. Ordinary operations do not pay for this; a view pays for a weak reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

from argand.autograd.function import FunctionNode
from argand.autograd.grad_mode import mode
from argand.autograd.node import AccumulateGrad, Node, Port, move_retained
from argand.ops.record import RECORDS
from argand.runtime.layout import Layout
from argand.runtime.tensor_base import TensorBase


class Views:
    """The views of a tensor, which it does not keep alive."""

    __slots__ = ("_references", "_room")

    def __init__(self) -> None:
        self._references: list[ref[TensorBase]] = []
        self._room = 16

    def add(self, view: TensorBase) -> None:
        """Remember a view; forgets those that are gone when there are many."""
        if len(self._references) >= self._room:
            self._references = [r for r in self._references if r() is not None]
            self._room = 2 * len(self._references) + 16
        self._references.append(ref(view))

    def alive(self) -> list[Any]:
        """The views that exist."""
        return [view for r in self._references if (view := r()) is not None]


def note_view(view: TensorBase, of: TensorBase) -> None:
    """Say that `view` shows memory of `of`."""
    base, views = of, of.base
    if views is not None and type(views) is not Views:
        base, views = views, views.base
    view.base = base
    if mode.enabled:
        if views is None:
            views = base.base = Views()
        views.add(view)


def base_of(x: TensorBase) -> Any:
    """The tensor that `x` is a view of, or None."""
    return None if type(x.base) is Views else x.base


# ---- what may be changed -----------------------------------------------------------------------


def is_recorded(name: str, target: TensorBase, others: Sequence[Any] = ()) -> bool:
    """Whether an in-place change of `target` belongs to the graph.

    Raises:
        RuntimeError: for leaves that require gradients and views of them, for views from operations
            that return several, and for views made while nothing was recorded.
    """
    if not mode.enabled or target.form.dtype.kind not in "fc":
        return False
    base = None if target.base is None else base_of(target)
    if target.node is None and (base is None or base.node is None):
        for x in others:
            if isinstance(x, TensorBase) and x.node is not None:
                break
        else:
            return False
    _check_may_change(name, target, base)
    return True


def _check_may_change(name: str, target: TensorBase, base: Any) -> None:
    if isinstance(target.node, AccumulateGrad):
        raise RuntimeError(
            f"a leaf Variable that requires grad is being used in an in-place operation: {name}_. "
            "Change a clone, or change it under torch.no_grad()."
        )
    if base is None:
        return
    if isinstance(base.node, AccumulateGrad):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation: "
            f"{name}_. Change a clone, or change it under torch.no_grad()."
        )
    if type(target.node) is Port:
        made_by = target.node.node.label.removesuffix("Backward0")
        raise RuntimeError(
            f"{name}_: Output {target.node.number} of {made_by} is a view and is being modified "
            "inplace. This view is the output of a function that returns multiple views. Such "
            "functions do not allow the output views to be modified inplace: select the part "
            "instead, or change a clone."
        )
    if isinstance(target.node, FunctionNode):
        raise RuntimeError(
            f"{name}_: a view that an autograd.Function returned (or an input that it returned as "
            "it is) is being modified inplace, which would bypass the backward of the Function. "
            "Return a clone, or change a clone."
        )
    if target.node is None and not any(target is view for view in _views(base)):
        raise RuntimeError(
            f"{name}_: A view was created in no_grad mode and is being modified inplace with grad "
            "mode enabled. Make the view and the change both inside of no_grad, or both outside."
        )


def _views(base: TensorBase) -> list[Any]:
    return base.base.alive() if type(base.base) is Views else []


def check_written(name: str, layout: Layout) -> None:
    """Refuse to write elements that share their memory; raises RuntimeError."""
    if layout.numel and any(n > 1 and s == 0 for n, s in zip(layout.shape, layout.strides)):
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def check_overlap(name: str, out: TensorBase, inputs: Sequence[Any], apart: bool = False) -> None:
    """Refuse to write into memory that is read as other elements; raises RuntimeError.

    Args:
        apart: whether the same elements are refused too.
    """
    for x in inputs:
        if isinstance(x, (list, tuple)):
            check_overlap(name, out, x, apart)
        elif isinstance(x, TensorBase) and x.buffer is out.buffer and (
            _overlap_in_part(x, out) or (apart and x.ptr == out.ptr and x.form is out.form)
        ):
            raise RuntimeError(
                f"{name}: unsupported operation: some elements of the input tensor and the "
                "written-to tensor refer to a single memory location. Please clone() the tensor "
                "before performing the operation."
            )


def _overlap_in_part(x: TensorBase, y: TensorBase) -> bool:
    if x.ptr == y.ptr and x.form.strides == y.form.strides:
        return x.form.shape != y.form.shape and x.form.dense and y.form.dense
    if not (x.form.dense and y.form.dense):
        return False
    return x.ptr < y.ptr + y.form.nbytes and y.ptr < x.ptr + x.form.nbytes


# ---- after a change ----------------------------------------------------------------------------


def adopt(target: TensorBase, node: Any) -> None:
    """Give `target`, which was changed in place, the node of the operation that did it."""
    before = target.node
    target.node = node
    rebase(target, before)


def rebase(target: TensorBase, before: Any) -> None:
    """`target`, with the node `before`, got one for an in-place operation: its relatives follow."""
    move_retained(target, before)
    if target.base is None:
        return
    base = base_of(target)
    if base is None:
        _follow(target)
    elif _related(base, target):
        before = base.node
        base.node = _copy_slices(base, target)
        move_retained(base, before)
        _follow(base)


def _follow(base: Any) -> None:
    """Give every view of `base` a node that leads to the present one of `base`."""
    for view in _views(base):
        if not _related(base, view):
            continue
        before = view.node
        view.node = _shown(base, view.form, view.ptr - base.ptr).node
        move_retained(view, before)


def _related(base: TensorBase, view: TensorBase) -> bool:
    """Whether a view shows numbers of its base: the same, or real ones as complex ones."""
    kinds = (base.form.dtype, view.form.dtype)
    return kinds[0] is kinds[1] or kinds[0].to_real() is kinds[1].to_real()


def _shown(x: Any, layout: Layout, distance: int) -> Any:
    """The view of `x` that has this layout and begins `distance` bytes behind `x`."""
    start = distance // layout.dtype.itemsize
    if x.form.dtype is layout.dtype:
        return x.as_strided(layout.shape, layout.strides, x.storage_offset() + start)
    if x.form.dtype.kind == "c":
        real = RECORDS["view_as_real"].function()(x)
        return real.as_strided(layout.shape, layout.strides, real.storage_offset() + start)
    strides = [2 * s for s in layout.strides]
    pairs = x.as_strided((*layout.shape, 2), (*strides, 1), x.storage_offset() + 2 * start)
    return RECORDS["view_as_complex"].function()(pairs)


def _copy_slices(base: TensorBase, target: TensorBase) -> Node:
    """The node of `base` after `target`, a view of it, got new values.

    The gradient at those places goes to the operation that wrote them, the rest on as before.
    """
    whole, part, distance = base.form, target.form, target.ptr - base.ptr
    covered = part.dense and part.nbytes == whole.nbytes

    def backward(node: Node, g: Any) -> Sequence[Any]:
        g = _laid_out(g, whole)
        written = _shown(g, part, distance)
        if covered or node.edges[0] is None:
            return None, written
        rest = _laid_out(g.clone(), whole)
        _shown(rest, part, distance).fill_(0)
        return rest, written

    return Node("CopySlices", (base.node, target.node), backward)


def _laid_out(x: Any, layout: Layout) -> Any:
    """`x` with the strides of `layout`, which has its shape."""
    if x.form.strides == layout.strides or (x.form.contiguous and layout.contiguous):
        return x
    low, high = layout.span()
    room = x.new_empty(high - low + 1)
    room.as_strided(layout.shape, layout.strides, -low).copy_(x)
    return room.as_strided(layout.shape, layout.strides, -low)
