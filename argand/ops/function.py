"""Operations with a hand-written forward and, directly under it, a hand-written gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.grad_mode import mode
from argand.autograd.node import NO_OUTPUTS, Node, Port
from argand.ops.history import note_view
from argand.ops.record import Record
from argand.runtime.layout import Layout
from argand.runtime.tensor_base import TensorBase, alias, make


class Operation(Record):
    """An operation whose body computes on memory, outside of any graph.

    ``@name.vjp(saves=...)`` adds the gradient: ``vjp(g, out, *arguments)`` returns one gradient per
    argument (None for what has none), using tensor operations only. `saves` names the arguments
    (and ``out``) that it reads; other tensors arrive as their `Layout`. With ``extras=True`` the
    body returns ``(result, tensors that only the gradient reads...)``, and these are `out`.
    """

    def __init__(self, body: Callable[..., Any], *, extras: bool = False, **facts: Any) -> None:
        super().__init__(body, **facts)
        self._extras = extras
        self._vjp: Callable[..., Any] | None = None
        self._saved: tuple[bool, ...] = ()
        self._saves_out = False
        self._shown = self.graph_name + "0"

    def vjp(self, saves: str = "") -> Any:
        """Decorator for the gradient."""

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            self._vjp = function
            wanted = saves.split()
            self._saved = tuple(name in wanted for name in self.parameters)
            self._saves_out = "out" in wanted
            return function

        return keep

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) < len(self.parameters):
            args = tuple(self.bind(args, kwargs))
        out = self.body(*args)
        if self._vjp is not None:
            for x in args:
                if isinstance(x, TensorBase) and x.node is not None:
                    if mode.enabled:
                        self._attach(args, out)
                    break
        return out[0] if self._extras else out

    def _attach(self, args: Sequence[Any], out: Any) -> None:
        flags = self._saved
        if len(args) > len(flags):  # further values of a ``*parameter``
            flags += flags[-1:] * (len(args) - len(flags))
        saved: list[Any] = []
        versions: list[int | None] = []
        edges: list[Any] = []
        for x, kept in zip(args, flags):
            if not isinstance(x, TensorBase):
                saved.append(x)
                versions.append(None)
                edges.append(None)
                continue
            edges.append(x.node)
            if kept:
                saved.append(x)
                versions.append(x.storage.version)
            else:
                saved.append(x.form)
                versions.append(None)
        first_output = len(saved)
        if self._extras:
            out, *extras = out
            saved += extras
            versions += [x.storage.version for x in extras]
        several = type(out) is tuple
        if self._saves_out:
            for o in out if several else (out,):
                saved.append(alias(o))
                versions.append(o.storage.version)
        node = Node(self._shown, tuple(edges), self._backward, tuple(saved), tuple(versions),
                    NO_OUTPUTS if self._extras else first_output,
                    len(out) if several else 1)  # fmt: skip
        if not several:
            if out.form.dtype.kind in "fc":
                out.node = node
            return
        for i, o in enumerate(out):
            if o.form.dtype.kind in "fc":
                o.node = Port(node, i)

    def _backward(self, node: Node, *gradients: Any) -> Sequence[Any]:
        values = node.unpack()
        count = len(node.edges)
        given, results = values[:count], values[count:]
        assert self._vjp is not None
        if self._extras or node.outputs > 1:
            gradients = gradients[0] if self._extras else gradients
            return self._vjp(gradients, results, *given)
        return self._vjp(gradients[0], results[0] if results else None, *given)


class View(Record):
    """An operation that gives other sizes and strides to the same memory.

    The body is a function of layouts: ``body(layout, *settings) -> (layout, offset in elements)``.
    ``@name.vjp`` adds ``vjp(g, layout of the input, *settings)``, the gradient of the input.
    """

    def __init__(self, body: Callable[..., Any], **facts: Any) -> None:
        super().__init__(body, **facts)
        self._vjp: Callable[..., Any] | None = None
        self._shown = self.graph_name + "0"

    def vjp(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for the gradient."""
        self._vjp = function
        return function

    def __call__(self, x: TensorBase, *settings: Any, **named: Any) -> Any:
        if named or len(settings) + 1 < len(self.parameters):
            x, *rest = self.bind((x, *settings), named)
            settings = tuple(rest)
        plan = self.plans.get((x.form, settings))
        if plan is None:
            plan = self.plans[x.form, settings] = self._prepare(x.form, settings)
        layout, offset, backward = plan
        out = make(x.storage, layout, x.ptr + offset)
        note_view(out, x)
        if x.node is not None and mode.enabled:
            out.node = Node(self._shown, (x.node,), backward)
        return out

    def _prepare(self, source: Layout, settings: tuple[Any, ...]) -> tuple[Layout, int, Any]:
        layout, offset = self.body(source, *settings)
        vjp, like = self._vjp, source

        def backward(node: Node, g: Any) -> Sequence[Any]:
            assert vjp is not None
            return (vjp(g, like, *settings),)

        return layout, offset * layout.dtype.itemsize, backward


def operation(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function of tensors; see `Operation` and `Record`."""
    if body is None:
        return lambda function: Operation(function, **facts)
    return Operation(body, **facts)


def view(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make a view from a function of layouts; see `View` and `Record`."""
    if body is None:
        return lambda function: View(function, **facts)
    return View(body, **facts)


class Composite(Record):
    """An operation written with other operations: its gradient is theirs."""

    _changing: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(*args, **kwargs)

    def in_place_form(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for what ``name_`` does."""
        self._changing = function
        self.in_place = True
        return function

    def in_place_method(self) -> Callable[..., Any]:
        return self._changing or super().in_place_method()

    def function(self) -> Callable[..., Any]:
        return self.body

    def method(self) -> Callable[..., Any]:
        return self.body


def composite(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function that calls other operations; see `Record`."""
    if body is None:
        return lambda function: Composite(function, **facts)
    return Composite(body, **facts)
