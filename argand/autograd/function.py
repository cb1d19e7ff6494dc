"""Operations with a gradient written by the user."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from argand.autograd.grad_mode import mode, no_grad
from argand.autograd.node import Node, Port
from argand.runtime.layout import Layout
from argand.runtime.tensor_base import TensorBase, alias


class FunctionCtx:
    """What ``forward`` leaves for ``backward``."""

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

    save_for_forward = save_for_backward

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

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that ``forward`` changed these inputs in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self._without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients arrive as zeros (the default) or as None."""
        self._materialize = value


class Function:
    """A differentiable operation: static methods ``forward(ctx, ...)``, ``backward(ctx, *grads)``.

    `apply` runs it. ``forward`` may also be written without ``ctx`` beside ``setup_context(ctx,
    inputs, output)``.

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

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation and record it."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(
            isinstance(x, TensorBase) and x.node is not None for x in args
        )
        recording = mode.enabled and any(ctx.needs_input_grad)
        edges = tuple(x.node if isinstance(x, TensorBase) else None for x in args)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        if recording:
            result = _record(cls, ctx, args, edges, result)
        return result


def _record(
    cls: type[Function], ctx: FunctionCtx, args: Sequence[Any], edges: tuple[Any, ...], result: Any
) -> Any:
    outputs = result if isinstance(result, tuple) else (result,)
    # an input that is returned unchanged becomes an output of its own
    outputs = tuple(
        alias(o) if _is_one_of(o, args) and not _is_one_of(o, ctx._dirty) else o for o in outputs
    )
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
        found = cls.backward(ctx, *given)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) < count or any(g is not None for g in found[count:]):
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {count}, got {len(found)})"
            )
        return [g if g is None or wanted is None else _fitted(cls, i, g, wanted)
                for i, (g, wanted) in enumerate(zip(found, inputs))]  # fmt: skip

    versions = tuple(
        x.storage.version if isinstance(x, TensorBase) else None for x in ctx._saved
    )
    node = Node(f"{cls.__name__}Backward", edges, backward, ctx._saved, versions,
                outputs=len(outputs))  # fmt: skip
    ctx._returned = {
        place: number
        for place, x in enumerate(ctx._saved)
        for number, o in enumerate(outputs)
        if x is o and x is not None
    }
    # an output is saved as an alias: node and tensor must not keep each other alive
    node.saved = tuple(alias(x) if i in ctx._returned else x for i, x in enumerate(ctx._saved))
    ctx._saved = ()
    ctx._node = weakref.ref(node)
    for number, output in enumerate(outputs):
        if not isinstance(output, TensorBase) or output.form.dtype.kind not in "fc":
            continue
        if _is_one_of(output, ctx._without_gradient):
            continue
        if _is_one_of(output, ctx._dirty):
            output.adopt_(cls.__name__, _port(node, number))  # type: ignore[attr-defined]
        else:
            output.node = _port(node, number)
    return outputs if isinstance(result, tuple) else outputs[0]


def _is_one_of(x: Any, group: Sequence[Any]) -> bool:
    return any(x is y for y in group)


def _port(node: Node, number: int) -> Any:
    return node if node.outputs == 1 else Port(node, number)


def _fitted(cls: type[Function], number: int, gradient: Any, wanted: Layout) -> Any:
    """The gradient of an input in its shape and type; raises RuntimeError if that cannot be."""
    if not isinstance(gradient, TensorBase):
        raise RuntimeError(
            f"function {cls.__name__}Backward returned a {type(gradient).__name__} for argument "
            f"{number}, but expected a Tensor or None"
        )
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
