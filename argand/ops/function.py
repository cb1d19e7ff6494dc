"""Operations with a hand-written forward and, directly under it, a hand-written gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.grad_mode import mode
from argand.autograd.node import Node, Port
from argand.dtypes import dtype
from argand.ops.record import Record
from argand.runtime.layout import Layout, Size
from argand.runtime.tensor_base import TensorBase, alias


class Like:
    """Stands for a tensor that was not saved: its layout."""

    __slots__ = ("layout",)

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def shape(self) -> Size:
        return self.layout.shape

    @property
    def dtype(self) -> dtype:
        return self.layout.dtype

    @property
    def ndim(self) -> int:
        return self.layout.ndim


class Operation(Record):
    """An operation whose body computes on memory, outside of any graph.

    ``@name.vjp(saves=...)`` adds the gradient: ``vjp(g, out, *arguments)`` returns one gradient per
    argument (None for what has none), using tensor operations only. `saves` names the arguments
    (and ``out``) that it reads; other tensors arrive as `Like`.
    """

    def __init__(self, body: Callable[..., Any], **facts: Any) -> None:
        super().__init__(body, **facts)
        self._vjp: Callable[..., Any] | None = None
        self._saves: frozenset[str] = frozenset()
        self._names = list(self.signature.parameters)

    def vjp(self, saves: str = "") -> Any:
        """Decorator for the gradient."""

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            self._vjp = function
            self._saves = frozenset(saves.split())
            return function

        return keep

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) < len(self._names):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        out = self.body(*args)
        if self._vjp is not None and mode.enabled:
            for x in args:
                if isinstance(x, TensorBase) and x.node is not None:
                    self._attach(args, out)
                    break
        return out

    def _attach(self, args: Sequence[Any], out: Any) -> None:
        vjp = self._vjp
        assert vjp is not None
        outputs = out if isinstance(out, tuple) else (out,)
        saved: list[Any] = []
        versions: list[int | None] = []
        extra = len(args) - len(self._names)  # further values of a ``*parameter``
        for name, x in zip(self._names + self._names[-1:] * extra, args):
            tensor = isinstance(x, TensorBase)
            kept = tensor and name in self._saves
            saved.append(x if kept or not tensor else Like(x.layout))
            versions.append(x.storage.version if kept else None)
        first_output = len(saved)
        if "out" in self._saves:
            saved += [alias(o) for o in outputs]
            versions += [o.storage.version for o in outputs]
        several = len(outputs) > 1
        edges = tuple([x.node if isinstance(x, TensorBase) else None for x in args])

        def backward(node: Node, *gradients: Any) -> Sequence[Any]:
            values = node.unpack()
            given, results = values[:first_output], values[first_output:]
            g = gradients if several else gradients[0]
            return vjp(g, results if several else results[0] if results else None, *given)

        node = Node(f"{camel(self.name)}Backward0", edges, backward, tuple(saved),
                    tuple(versions), first_output, len(outputs))  # fmt: skip
        for i, o in enumerate(outputs):
            if o.dtype.kind in "fc":
                o.node = Port(node, i) if several else node


def camel(name: str) -> str:
    """``log_softmax`` as ``LogSoftmax``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def operation(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function of tensors; see `Operation` and `Record`."""
    if body is None:
        return lambda function: Operation(function, **facts)
    return Operation(body, **facts)


class Composite(Record):
    """An operation written with other operations: its gradient is theirs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(*args, **kwargs)

    def function(self) -> Callable[..., Any]:
        return self.body

    def method(self) -> Callable[..., Any]:
        return self.body


def composite(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function that calls other operations; see `Record`."""
    if body is None:
        return lambda function: Composite(function, **facts)
    return Composite(body, **facts)
