"""Operations with a hand-written forward and, directly under it, a hand-written gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.grad_mode import mode
from argand.autograd.node import NO_OUTPUTS, Node, Port
from argand.ops.copier import copier, snapshot
from argand.ops.history import adopt, check_overlap, check_written, is_recorded, note_view
from argand.ops.outputs import check_cast, check_not_recorded, check_out, check_same, fit_out
from argand.ops.record import Record
from argand.runtime.layout import Layout
from argand.runtime.tensor_base import TensorBase, alias, make


class Computed(Record):
    """A record whose call makes new tensors: from it follow ``out=`` and the form ``name_``."""

    _changing: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _check_tensor(self, args: Sequence[Any], error: AttributeError) -> None:
        """Say so when a call failed because an argument is no tensor; raises TypeError."""
        for number, (name, value) in enumerate(zip(self.parameters, args), 1):
            wrong = value is error.obj or number == 1
            if wrong and not isinstance(value, (TensorBase, list, tuple)):
                rule = f"argument '{name}' (position {number}) must be Tensor"
                raise TypeError(f"{self.name}(): {rule}, not {type(value).__name__}") from None

    def check_memory(
        self, name: str, target: TensorBase, args: Sequence[Any], named: dict[str, Any]
    ) -> None:
        """Refuse to write over arguments that are read elsewhere; raises RuntimeError."""
        for parameter, x in (*zip(self.parameters, args), *named.items()):
            check_overlap(name, target, (x,), parameter in self.apart)

    def in_place_form(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for what ``name_`` does, where there is something better than a copy."""
        self._changing = function
        self.in_place = True
        return function

    def in_place_method(self) -> Callable[..., Any]:
        if self._changing is not None:
            return self._changing
        return reshaping(self) if self.view else changing(self)

    def into(self, out: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
        """``name(..., out=out)``."""
        self.check_takes_out()

        def guard(one: TensorBase) -> None:
            self.check_memory(self.name, one, args, named)

        for one in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(one, TensorBase):
                guard(one)
        if self.out == "typed" and isinstance(out, TensorBase) and named.get("dtype") is None:
            named = {**named, "dtype": out.form.dtype}
        return deliver(self.name, out, self(*args, **named), self.out == "cast", guard)


def deliver(
    name: str,
    out: Any,
    result: Any,
    cast: bool = False,
    guard: Callable[[TensorBase], None] | None = None,
) -> Any:
    """Write a result, or every part of one, into the tensors that were given for it.

    Args:
        cast: whether the result is converted.
        guard: refuses a tensor that, with its new shape, reaches into memory of something else.

    Raises:
        TypeError: when `out` has not the structure of the result.
        RuntimeError: when gradients are wanted, or the types differ (with `cast`: too much).
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            rule = f"argument 'out' must be tuple of Tensors, one for each of {len(result)} results"
            raise TypeError(f"{name}(): {rule}, not {type(out).__name__}")
        pairs = list(zip(out, result))
        for one, part in pairs:
            _check(name, one, part, cast)
        for one, part in pairs:
            _write(name, one, part, guard)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    _check(name, out, result, cast)
    return _write(name, out, result, guard)


def _check(name: str, out: Any, result: Any, cast: bool) -> None:
    check_out(name, out)
    check_not_recorded(name, (out, result))
    (check_cast if cast else check_same)(name, result.form.dtype, out.form.dtype)


def _write(name: str, out: Any, result: Any, guard: Callable[[TensorBase], None] | None) -> Any:
    form, before = result.form, out.form
    fit_out(name, out, form.shape, form.strides if form.dense else None)
    if guard is not None and out.form is not before:
        guard(out)
    copier.into(out, result)
    out.buffer.version += 1
    return out


def changing(record: Computed) -> Callable[..., Any]:
    """``name_``: compute, and write the result over the first argument."""
    name = record.name

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, TensorBase):
            rule = f"argument 'input' must be Tensor, not {type(self).__name__}"
            raise TypeError(f"{name}_(): {rule}")
        recorded = is_recorded(name, self, (*args, *kwargs.values()))
        check_written(f"{name}_", self.form)
        if record.apart:
            record.check_memory(f"{name}_", self, (None, *args), kwargs)
        result = record(snapshot(self) if recorded else self, *args, **kwargs)
        if result.form.shape != self.form.shape:
            raise RuntimeError(
                f"{name}_: output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(result.shape)}"
            )
        check_cast(f"{name}_", result.form.dtype, self.form.dtype)
        copier.into(self, result)
        self.buffer.version += 1
        if recorded:
            if result.form.dtype is not self.form.dtype:
                result = result.to(self.form.dtype)
            node = result.node
            del result  # who holds the memory tells whether there are views
            adopt(self, node)
        return self

    return method


def reshaping(record: Computed) -> Callable[..., Any]:
    """``name_`` of a view: the tensor gets the sizes and strides that the view has."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorded = is_recorded(record.name, self)
        before = alias(self)
        before.node = self.node if recorded else None
        shown = record(before, *args, **kwargs)
        self.form, self.ptr = shown.form, shown.ptr
        self.buffer.version += 1
        if recorded:
            self.node = shown.node
        return self

    return method


class Operation(Computed):
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
            if "out" in kwargs:
                given = kwargs.pop("out")
                return self(*args, **kwargs) if given is None else self.into(given, args, kwargs)
            args = tuple(self.bind(args, kwargs))
        try:
            out = self.body(*args)
        except AttributeError as error:
            self._check_tensor(args, error)
            raise
        if self._vjp is not None:
            self._record(args, out)
        return out[0] if self._extras else out

    def with_extras(self, *args: Any) -> Any:
        """The result, and what the body returned for the gradient alone."""
        out = self.body(*args)
        self._record(args, out)
        return out

    def _record(self, args: Sequence[Any], out: Any) -> None:
        for x in args:
            if isinstance(x, TensorBase) and x.node is not None:
                if mode.enabled:
                    self._attach(args, out)
                return

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
                versions.append(x.buffer.version)
            else:
                saved.append(x.form)
                versions.append(None)
        first_output = len(saved)
        if self._extras:
            out, *extras = out
            saved += extras
            versions += [x.buffer.version for x in extras]
        several = type(out) is tuple
        if self._saves_out:
            for o in out if several else (out,):
                saved.append(alias(o))
                versions.append(o.buffer.version)
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


class View(Computed):
    """An operation that gives other sizes and strides to the same memory.

    The body is a function of layouts: ``body(layout, *settings) -> (layout, offset in elements)``.
    ``@name.vjp`` adds ``vjp(g, layout of the input, *settings)``, the gradient of the input.
    """

    def __init__(self, body: Callable[..., Any], **facts: Any) -> None:
        super().__init__(body, view=True, **facts)
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
        out = make(x.buffer, layout, x.ptr + offset)
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


class Composite(Computed):
    """An operation written with other operations: its gradient is theirs."""

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            try:
                return self.body(*args, **kwargs)
            except AttributeError as error:
                self._check_tensor(args, error)
                raise
        if self.out and self._takes_out:
            return self.body(*args, out=out, **kwargs)
        return self.into(out, args, kwargs)

    @property
    def _takes_out(self) -> bool:
        """Whether the body takes ``out=``, or leaves it to `Options`."""
        return "out" in self.parameters or self.has_keywords

    def function(self) -> Callable[..., Any]:
        return self.body if bool(self.out) == self._takes_out else self

    def method(self) -> Callable[..., Any]:
        return self.body


def composite(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function that calls other operations; see `Record`."""
    if body is None:
        return lambda function: Composite(function, **facts)
    return Composite(body, **facts)
