"""Operations with a gradient written by the user."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any

from argand.autograd.grad_mode import mode, no_grad
from argand.autograd.node import Node, Port
from argand.runtime.layout import Layout
from argand.runtime.tensor_base import TensorBase, alias

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]

_OF_THE_NODE = ("name", "next_functions", "metadata", "register_hook", "register_prehook")


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: tensors, settings, and any attributes."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._without_gradient: tuple[Any, ...] = ()
        self._materialize = True
        self._node: weakref.ref[Node] | None = None  # the node keeps this object alive
        self._returned: dict[int, int] = {}  # place among the saved -> number of the output
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) until backward, where ``saved_tensors`` hands them out."""
        self._saved = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``. Argand derives forward derivatives from ``backward``."""
        for tensor in tensors:
            if not isinstance(tensor, TensorBase) and tensor is not None:
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save "
                    "non-tensors as attributes on ctx."
                )

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept, after checking that nobody changed it."""
        node = None if self._node is None else self._node()
        if node is None:
            return self._saved
        values = node.unpack()
        for place, number in self._returned.items():
            values[place] = alias(values[place])
            values[place].node = _port(node, number)
        return tuple(values)

    saved_variables = saved_tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that ``forward`` changed these inputs in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self._without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients arrive as zeros (the default) or as None."""
        self._materialize = value

    def __getattr__(self, name: str) -> Any:
        node = self.__dict__.get("_node")
        if name in _OF_THE_NODE and node is not None and node() is not None:
            return getattr(node(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class FunctionNode(Node):
    """The node of a `Function`: it shows the attributes of the context."""

    __slots__ = ("context",)
    context: FunctionCtx

    def __getattr__(self, name: str) -> Any:
        if name in ("context", "_metadata"):  # not set (yet)
            raise AttributeError(name)
        return getattr(self.context, name)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.label} object at {hex(id(self))}>"


@cache
def _node_type(name: str) -> type[FunctionNode]:
    """A class of nodes with the name of their operation."""
    return type(name, (FunctionNode,), {"__slots__": ()})


class Function:
    """A differentiable operation: static methods ``forward(ctx, ...)``, ``backward(ctx, *grads)``.

    `apply` runs it. ``forward`` may also be written without ``ctx`` beside ``setup_context(ctx,
    inputs, output)``. ``vjp`` is another name for ``backward``. Derivatives in forward mode come
    from ``backward``, and `argand.vmap` runs ``forward`` for each example: so ``jvp``, ``vmap`` and
    ``generate_vmap_rule`` may be there, and are not used.

    >>> import argand
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = argand.ones(1, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor([2.])
    """

    generate_vmap_rule = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; recorded operations inside are not part of the graph."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward needs, when ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs of ``forward``, one for each (None for what has none)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The derivative in forward mode; not used, see the class."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The operation on batches; not used, see the class."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or "
            "set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation and record it."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(
            [isinstance(x, TensorBase) and x.node is not None for x in args]
        )
        recording = mode.enabled and any(ctx.needs_input_grad)
        edges = tuple([x.node if isinstance(x, TensorBase) else None for x in args])
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        if recording or ctx._dirty:
            result = _record(cls, ctx, args, edges, result, recording)
        return result


class InplaceFunction(Function):
    """An older base class of operations that may change their input."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


def _record(
    cls: type[Function],
    ctx: FunctionCtx,
    args: Sequence[Any],
    edges: tuple[Any, ...],
    result: Any,
    recording: bool,
) -> Any:
    """The outputs of `forward` with their places in the graph."""
    outputs = result if isinstance(result, tuple) else (result,)
    if not all(_is_one_of(x, outputs) for x in ctx._dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    if not recording:
        return result
    _check_saved(ctx)
    # an input that is returned unchanged becomes an output of its own
    returned = outputs
    outputs = tuple([_view_of(o) if _is_returned(o, args, ctx) else o for o in returned])
    backward = _backward(cls, ctx, args, outputs)
    saved = ctx._saved
    versions = tuple([x.buffer.version if isinstance(x, TensorBase) else None for x in saved])
    ctx._returned = {
        place: number
        for place, x in enumerate(saved)
        for number, o in enumerate(outputs)
        if x is o and x is not None
    }
    # an output is saved as an alias: node and tensor must not keep each other alive
    kept = tuple([alias(x) if i in ctx._returned else x for i, x in enumerate(saved)])
    label = f"{cls.__name__}Backward"
    node = _node_type(label)(label, edges, backward, kept, versions, outputs=len(outputs))
    node.context = ctx
    ctx._saved = ()
    ctx._node = weakref.ref(node)
    for number, output in enumerate(outputs):
        if not isinstance(output, TensorBase) or output.form.dtype.kind not in "fc":
            continue
        if _is_one_of(returned[number], ctx._without_gradient):
            continue
        if _is_one_of(output, ctx._dirty):
            output.adopt_(cls.__name__, _port(node, number))  # type: ignore[attr-defined]
            continue
        output.node = _port(node, number)
        if isinstance(output.base, TensorBase) and not _shows_one_of(output, args):
            output.base = None  # its base was made inside, where nothing was recorded
    return outputs if isinstance(result, tuple) else outputs[0]


def _check_saved(ctx: FunctionCtx) -> None:
    for i, x in enumerate(ctx._saved):
        if x is not None and not isinstance(x, TensorBase):
            raise TypeError(
                f"save_for_backward can only save variables, but argument {i} is of type "
                f"{type(x).__name__}"
            )


def _backward(
    cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], outputs: Sequence[Any]
) -> Callable[..., Sequence[Any]]:
    """The function of the node: calls ``backward`` and checks what it returns."""
    count = len(args)
    inputs = [x.form if isinstance(x, TensorBase) else None for x in args]
    like = [(o.shape, o.dtype) if isinstance(o, TensorBase) else None for o in outputs]

    def backward(node: Node, *gradients: Any) -> Sequence[Any]:
        given = list(gradients)
        if ctx._materialize:
            some = next(g for g in given if g is not None)
            for i, g in enumerate(given):
                described = like[i]
                if g is None and described is not None:
                    given[i] = some.new_zeros(described[0], dtype=described[1])
        found = _formula(cls)(ctx, *given)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) < count or any(g is not None for g in found[count:]):
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {count}, got {len(found)})"
            )
        return [g if g is None else _fitted(cls, i, g, wanted)
                for i, (g, wanted) in enumerate(zip(found, inputs))]  # fmt: skip

    return backward


def _formula(cls: type[Function]) -> Callable[..., Any]:
    if cls.vjp is Function.vjp:
        return cls.backward
    if cls.backward is not Function.backward:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
            "should only implement one of them."
        )
    return cls.vjp


def _is_one_of(x: Any, group: Sequence[Any]) -> bool:
    return any(x is y for y in group)


def _is_returned(x: Any, args: Sequence[Any], ctx: FunctionCtx) -> bool:
    """Whether an output is an input that was not changed."""
    return isinstance(x, TensorBase) and _is_one_of(x, args) and not _is_one_of(x, ctx._dirty)


def _shows_one_of(x: Any, group: Sequence[Any]) -> bool:
    return any(isinstance(y, TensorBase) and x.buffer is y.buffer for y in group)


def _view_of(x: Any) -> Any:
    """All of a tensor as a view, outside of the graph."""
    with no_grad():
        return x.view_as(x)


def _port(node: Node, number: int) -> Any:
    return node if node.outputs == 1 else Port(node, number)


def _fitted(cls: type[Function], number: int, gradient: Any, wanted: Layout | None) -> Any:
    """The gradient of an input in its shape and type; raises RuntimeError if that cannot be."""
    if not isinstance(gradient, TensorBase):
        raise RuntimeError(
            f"function {cls.__name__}Backward: expected Variable or None (got "
            f"{type(gradient).__name__}) for argument {number}"
        )
    if wanted is None:
        return gradient
    if gradient.form.shape != wanted.shape:
        summed: Any = gradient
        try:
            gradient = summed.sum_to_size(wanted.shape)
        except RuntimeError:
            raise RuntimeError(
                f"Function {cls.__name__}Backward returned an invalid gradient at index {number} - "
                f"got {list(gradient.shape)} but expected shape compatible with "
                f"{list(wanted.shape)}"
            ) from None
    return gradient if gradient.form.dtype is wanted.dtype else gradient.to(wanted.dtype)


# ---- not twice ----------------------------------------------------------------------------------


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a ``backward`` that computes outside of the graph.

    Its results cannot be differentiated again: trying to raises RuntimeError.
    """

    @wraps(function)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            results = function(ctx, *gradients)
        edges = tuple([g.node for g in gradients if isinstance(g, TensorBase)])
        if not mode.enabled or all(edge is None for edge in edges):
            return results
        outputs = results if isinstance(results, tuple) else (results,)
        barred = tuple([_barred(x, edges) if isinstance(x, TensorBase) else x for x in outputs])
        return barred if isinstance(results, tuple) else barred[0]

    return wrapped


def _barred(x: TensorBase, edges: tuple[Any, ...]) -> Any:
    out = alias(x)
    out.node = Node("Error", edges, _refuse)
    return out


def _refuse(node: Node, *gradients: Any) -> Sequence[Any]:
    raise RuntimeError(
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )
