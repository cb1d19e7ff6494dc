"""The graph: one node per recorded operation, built as the code runs.

A tensor's ``node`` is where its gradient goes: a `Node`, one `Port` of a node with several outputs,
or the `AccumulateGrad` of a leaf. A node's `edges` are the ``node`` fields of its inputs.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.grad_mode import mode
from argand.runtime.tensor_base import TensorBase, alias

_sequence = itertools.count().__next__


NO_OUTPUTS = 1_000_000  # for `Node.outputs_from`: no saved value is an output


class Node:
    """A recorded operation.

    Attributes:
        label: what `name` returns, for example ``AddBackward0``.
        edges: where the inputs' gradients go; None where none is wanted.
        function: ``function(node, *gradients of the outputs) -> gradients of the inputs``.
        saved: what `function` needs; `unpack` hands it out.
        versions: the version each saved tensor had, None for what is no tensor.
        outputs_from: saved values from this position on are outputs of this operation. They are
            saved without their place in the graph, or node and tensor would keep each other
            alive; `unpack` puts it back.
        outputs: how many outputs the operation has.
    """

    __slots__ = (
        "label", "edges", "function", "saved", "versions", "outputs_from", "outputs", "sequence",
        "hooks", "released", "_metadata", "__weakref__",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        edges: tuple[Any, ...],
        function: Callable[..., Sequence[Any]],
        saved: tuple[Any, ...] = (),
        versions: tuple[int | None, ...] = (),
        outputs_from: int = NO_OUTPUTS,
        outputs: int = 1,
    ) -> None:
        self.label = name
        self.edges = edges
        self.function = function
        self.saved = saved
        self.versions = versions
        self.outputs_from = outputs_from
        self.outputs = outputs
        self.sequence = _sequence()
        self.hooks: Hooks | None = None
        self.released = False

    def unpack(self) -> list[Any]:
        """The saved values, after checking that no tensor was changed meanwhile."""
        if self.released:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved tensors after calling backward."
            )
        values = list(self.saved)
        for i, version in enumerate(self.versions):
            if version is None:
                continue
            tensor = values[i]
            if tensor.buffer.version != version:
                if type(tensor) is not Packed:
                    raise RuntimeError(_changed(self.label, tensor, version))
                tensor = values[i] = tensor.unpack()
            if i >= self.outputs_from and mode.enabled:
                values[i] = alias(tensor)
                number = i - self.outputs_from
                values[i].node = self if self.outputs == 1 else Port(self, number)
        return values

    def release(self) -> None:
        """Free the saved values; the graph stays."""
        if self.saved:
            self.saved = ()
            self.versions = ()
            self.released = True

    # ---- what PyTorch shows of a node --------------------------------------------------------

    def name(self) -> str:
        """The name of the operation, for example ``AddBackward0``."""
        return self.label

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for whatever programs want to note about this node."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[str, Any] = {}
            return self._metadata

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The inputs' nodes, each with the number of its output."""
        return tuple(_target(edge) for edge in self.edges)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's backward."""
        return RemovableHandle(_hooks_of(self).after, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this node's backward."""
        return RemovableHandle(_hooks_of(self).before, hook)

    def __getattr__(self, name: str) -> Any:
        """What the operation saved, by the names of its parameters: ``_saved_self``."""
        if name.startswith("_saved_"):
            names = _saved_names(self.function)
            wanted = name.removeprefix("_saved_")
            if wanted in names:
                return self.unpack()[names.index(wanted)]
        raise AttributeError(f"{self.label!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{self.label} object at {hex(id(self))}>"


def _saved_names(function: Any) -> Sequence[str]:
    """The names of what nodes with this function save, if the operation tells them."""
    names = getattr(function, "saved_names", ())
    return ["self" if name == "input" else name for name in names]


def _changed(name: str, tensor: Any, version: int) -> str:
    made_by = ""
    if tensor.node is not None and not isinstance(tensor.node, AccumulateGrad):
        node, number = _target(tensor.node)
        made_by = f" output {number} of {node.label},"
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{tensor.type()} {list(tensor.shape)}], which is{made_by} saved for {name}, "
        f"is at version {tensor.buffer.version}; expected version {version} instead. Hint: clone "
        "the tensor before changing it, or change it out of place; torch.autograd.detect_anomaly() "
        f"shows the line that called {name.removesuffix('0').removesuffix('Backward')}."
    )


class Packed:
    """A saved value as a pack hook left it; `saved_tensors_hooks` puts it in a tensor's place.

    A node compares the version of everything it saved. That of a packed value never fits (`buffer`
    is the object itself), so that ordinary tensors pay nothing for the other kind.
    """

    __slots__ = ("value", "hook", "node")
    version = 0

    def __init__(self, value: Any, hook: Callable[[Any], Any], node: Any) -> None:
        self.value = value
        self.hook = hook
        self.node = node  # the place of the tensor in the graph

    @property
    def buffer(self) -> Packed:
        return self

    def unpack(self) -> Any:
        """The tensor, at its place in the graph."""
        tensor = self.hook(self.value)
        if not isinstance(tensor, TensorBase):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        tensor = alias(tensor)
        tensor.node = self.node
        return tensor


NEVER = -1  # the version noted for a packed value


class Port:
    """One output of a node that has several."""

    __slots__ = ("node", "number")

    def __init__(self, node: Node, number: int) -> None:
        self.node = node
        self.number = number


class Hooks:
    """The hooks of a node: on its outputs' gradients, before and after its backward."""

    __slots__ = ("on_output", "before", "after", "retained")

    def __init__(self) -> None:
        self.on_output: dict[int, dict[int, Callable[..., Any]]] = {}
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}
        self.retained: dict[int, Any] = {}  # output number -> tensor that keeps its gradient


def _hooks_of(node: Node) -> Hooks:
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


_handle_numbers = itertools.count().__next__


class RemovableHandle:
    """Removes a hook: ``handle.remove()``, or at the end of a ``with`` block."""

    __slots__ = ("_hooks", "id", "__weakref__")

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self._hooks = hooks
        self.id = _handle_numbers()
        hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *details: object) -> None:
        self.remove()


def _target(edge: Any) -> tuple[Any, int]:
    return (edge.node, edge.number) if type(edge) is Port else (edge, 0)


def output_hooks(edge: Any) -> dict[int, Callable[..., Any]]:
    """The hooks on the gradient that arrives at an edge; made when there are none yet."""
    node, number = _target(edge)
    return _hooks_of(node).on_output.setdefault(number, {})


def retain(edge: Any, tensor: TensorBase) -> None:
    """Let `tensor` keep the gradient that arrives at its edge."""
    node, number = _target(edge)
    _hooks_of(node).retained[number] = weakref.ref(tensor)


def is_retained(edge: Any) -> bool:
    """Whether a tensor keeps the gradient that arrives at this edge."""
    node, number = _target(edge)
    return node.hooks is not None and number in node.hooks.retained


def move_retained(tensor: TensorBase, before: Any) -> None:
    """An in-place change gave `tensor` a new node: its gradient is kept there from now on."""
    if before is None:
        return
    node, number = _target(before)
    if node.hooks is not None:
        reference = node.hooks.retained.get(number)
        if reference is not None and reference() is tensor:
            del node.hooks.retained[number]
            retain(tensor.node, tensor)


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds what arrives to ``leaf.grad``."""

    __slots__ = ("leaf", "after_accumulation")

    def __init__(self, leaf: TensorBase) -> None:
        super().__init__("AccumulateGrad", (), _accumulate_shared)
        self.leaf = weakref.ref(leaf)
        self.sequence = sys.maxsize
        self.after_accumulation: dict[int, Callable[..., Any]] = {}

    @property
    def variable(self) -> Any:
        """The leaf."""
        return self.leaf()


def _accumulate_shared(node: Any, gradient: Any) -> tuple[()]:
    """Add a gradient that hooks may have seen."""
    accumulate(node, gradient, shared=True)
    return ()


def accumulate(node: Any, gradient: Any, shared: bool = False) -> None:
    """Add a gradient to the leaf of `node`; one that is not `shared` may become the leaf's own."""
    leaf = node.leaf()
    if leaf is None:
        return
    if leaf.grad is not None:
        if gradient.node is None and leaf.grad.node is None and not mode.enabled:
            leaf.grad.add_(gradient)
        else:
            leaf.grad = leaf.grad + gradient
    elif gradient.node is not None:
        leaf.grad = gradient.clone()
    elif not shared and _is_free(gradient) and _fits(gradient.form, leaf.form):
        leaf.grad = gradient
    else:
        leaf.grad = _copied(gradient, leaf.form)
    if node.after_accumulation:
        for hook in list(node.after_accumulation.values()):
            hook(leaf)


def _fits(layout: Any, wanted: Any) -> bool:
    return layout is wanted or (layout.dense and layout.strides == wanted.strides)


def _copied(gradient: Any, wanted: Any) -> Any:
    """A copy with memory in the order of the leaf's, where that has no holes."""
    if not wanted.dense:
        return gradient.clone()
    strides = wanted.strides
    order = sorted(range(len(strides)), key=lambda d: -strides[d])
    back = sorted(range(len(strides)), key=lambda d: order[d])
    ordered = gradient.permute(order)
    copy = ordered.clone() if ordered.form.contiguous else ordered.contiguous()
    return copy.permute(back)


def _is_free(gradient: Any) -> bool:
    """Whether only the engine can see this gradient, so that a leaf may have it without a copy.

    A delivery holds a gradient by the results of its node, the loop over them, and the arguments of
    the functions down to here; one more reference means that somebody else could change it.
    """
    return sys.getrefcount(gradient) <= DELIVERED and sys.getrefcount(gradient.buffer) == 2


# Python 3.10 keeps the arguments of a call on the caller's stack as well
DELIVERED = 6 if sys.version_info >= (3, 11) else 8
