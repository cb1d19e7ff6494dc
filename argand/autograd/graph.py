"""The graph for programs: its nodes, hooks on what they save, hooks on several gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from argand.autograd.grad_mode import mode as current
from argand.autograd.node import Node as Node
from argand.autograd.node import Port, RemovableHandle, output_hooks
from argand.autograd.watch import watch_nodes
from argand.runtime.tensor_base import TensorBase

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """A place in the graph where a gradient arrives: an output of a node.

    `backward` and `grad` take it in the place of a tensor, which need not be alive any more.
    """

    node: Any
    output_nr: int

    @property
    def edge(self) -> Any:
        """The place as tensors note it."""
        return self.node if self.node.outputs == 1 else Port(self.node, self.output_nr)


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Where the gradient of `tensor` arrives.

    >>> import argand
    >>> x = argand.tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> argand.autograd.grad(y * 3, get_gradient_edge(y))
    (tensor(3.),)
    """
    if tensor.node is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if isinstance(tensor.node, Port):
        return GradientEdge(tensor.node.node, tensor.node.number)
    return GradientEdge(tensor.node, 0)


def increment_version(tensor: Any) -> None:
    """Count one more in-place change of a tensor, or of several."""
    for x in (tensor,) if isinstance(tensor, TensorBase) else tensor:
        x.buffer.version += 1


# ---- what nodes save ----------------------------------------------------------------------------


class saved_tensors_hooks:
    """Let `pack_hook` see what operations save for backward, and `unpack_hook` give it back.

    Args:
        pack_hook: takes the tensor that is saved, outside of the graph; returns anything.
        unpack_hook: takes what `pack_hook` returned; returns a tensor with the same values.

    The innermost of several counts. Saved numbers and shapes are not seen.

    >>> import argand
    >>> x = argand.tensor(3.0, requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.item(), lambda number: argand.tensor(number)):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor(6.)
    """

    def __init__(
        self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> Any:
        if current.packing_refused is not None:
            raise RuntimeError(current.packing_refused)
        watch_nodes()
        current.packing = (*current.packing, (self.pack_hook, self.unpack_hook))
        return None

    def __exit__(self, *details: object) -> None:
        current.packing = current.packing[:-1]


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in main memory, where all tensors of Argand are already."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor.cpu(), lambda tensor: tensor)


class disable_saved_tensors_hooks:
    """Within the ``with`` block, entering `saved_tensors_hooks` is an error with this text."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        if current.packing:
            raise RuntimeError(self.error_message)
        self._before = current.packing_refused
        current.packing_refused = self.error_message

    def __exit__(self, *details: object) -> None:
        current.packing_refused = self._before

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.error_message):
                return function(*args, **kwargs)

        return wrapped


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Within the ``with`` block, what backward reads may be changed in place.

    Every saved tensor is copied when it is saved.

    >>> import argand
    >>> with allow_mutation_on_saved_tensors():
    ...     x = argand.ones(2, requires_grad=True)
    ...     y = x.clone()
    ...     out = (y ** 2).sum()
    ...     _ = y.mul_(10)
    ...     out.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self) -> None:
        super().__init__(lambda tensor: tensor.clone(), lambda tensor: tensor)


# ---- hooks on several tensors -------------------------------------------------------------------


class _MultiHandle:
    """Removes the hooks of `register_multi_grad_hook`."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _MultiHandle:
        return self

    def __exit__(self, *details: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., None], *, mode: str = "all"
) -> _MultiHandle:
    """Call `fn` once per backward pass, for the gradients of several tensors.

    Args:
        tensors: they must require gradients.
        fn: for "all", gets a list with the gradient of each, None for those that the pass does not
            reach, when the last one has arrived; for "any", gets the first gradient that arrives.
        mode: "all" or "any".

    >>> import argand
    >>> a, b, c = (argand.tensor(v, requires_grad=True) for v in (1.0, 2.0, 3.0))
    >>> handle = register_multi_grad_hook((a, b, c), print)
    >>> (a * b).backward()
    [tensor(2.), tensor(1.), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    edges = [get_gradient_edge(tensor) for tensor in tensors]
    hooks = _All(edges, fn) if mode == "all" else _Any(fn)
    return _MultiHandle(
        [RemovableHandle(output_hooks(edge.edge), hooks.on(i)) for i, edge in enumerate(edges)]
    )


class _All:
    """Collects the gradients of a backward pass until all that will come are there."""

    def __init__(self, edges: Sequence[GradientEdge], fn: Callable[..., None]) -> None:
        self.edges = edges
        self.fn = fn
        # by backward pass: there may be several at once, and one may fail halfway
        self.found: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
        self.missing: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def on(self, place: int) -> Callable[[Any], None]:
        def hook(gradient: Any) -> None:
            walk = current.walk
            if walk not in self.found:
                self.found[walk] = [None] * len(self.edges)
                self.missing[walk] = sum(walk.will_visit(edge.node) for edge in self.edges)
            self.found[walk][place] = gradient
            self.missing[walk] -= 1
            if not self.missing[walk]:
                del self.missing[walk]
                self.fn(self.found.pop(walk))

        return hook


class _Any:
    """Passes on the first gradient of a backward pass."""

    def __init__(self, fn: Callable[..., None]) -> None:
        self.fn = fn
        self.seen: weakref.WeakSet[Any] = weakref.WeakSet()  # backward passes

    def on(self, place: int) -> Callable[[Any], None]:
        def hook(gradient: Any) -> None:
            if current.walk not in self.seen:
                self.seen.add(current.walk)
                self.fn(gradient)

        return hook
