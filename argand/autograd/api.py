"""`backward` and `grad`: what programs call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from argand.autograd import engine
from argand.autograd.function import Function
from argand.autograd.graph import GradientEdge
from argand.autograd.node import AccumulateGrad, accumulate, retain
from argand.runtime.layout import dense
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make

Tensors = Any  # a tensor or a sequence of tensors


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, (TensorBase, GradientEdge)) else list(value)


def _edge(x: Any) -> Any:
    """The place in the graph of a tensor, or of a `GradientEdge`."""
    return x.edge if isinstance(x, GradientEdge) else x.node


def seed_gradient(output: Any, gradient: Any, number: int = 0) -> Any:
    """The gradient that a walk begins with at `output`; ones for a single element."""
    if isinstance(output, GradientEdge):
        if gradient is None:
            raise RuntimeError("a GradientEdge has no shape: give the gradient that arrives there")
        return gradient
    if output.node is None:
        raise RuntimeError(
            f"element {number} of tensors does not require grad and does not have a grad_fn"
        )
    if gradient is None:
        if output.form.numel != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if output.form.dtype.kind == "c":
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{output.dtype}"
            )
        return _one(output)
    if not isinstance(gradient, TensorBase):
        kind = type(gradient).__name__
        raise TypeError(f"gradients can be either Tensors or Nones, but got {kind}")
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{number}] has a shape of {gradient.shape} and "
            f"output[{number}] has a shape of {output.shape}."
        )
    if (gradient.form.dtype.kind == "c") != (output.form.dtype.kind == "c"):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. "
            f"Mismatch in dtype: grad_output[{number}] has a dtype of {gradient.dtype} and "
            f"output[{number}] has a dtype of {output.dtype}."
        )
    kinds = (gradient.form.dtype, output.form.dtype)
    if kinds[0] is not kinds[1] and "c" in (kinds[0].kind, kinds[1].kind):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same "
            f"dtype. Mismatch in dtype: grad_output[0] has a dtype of {kinds[0]} and output[0] "
            f"has a dtype of {kinds[1]}."
        )
    return gradient


_ones: dict[Any, Any] = {}
_CTYPES: dict[str, Any] = {"float32": ctypes.c_float, "float64": ctypes.c_double}


def _one(output: Any) -> Any:
    """The gradient of a single element with respect to itself."""
    layout = output.form
    seed = _ones.get(layout)
    if seed is not None and seed.buffer.version == 0:  # nobody has changed it in a hook
        return alias(seed)
    kind = _CTYPES.get(layout.dtype.name)
    if kind is None:
        return output.detach().new_ones(output.shape)
    seed = _ones[layout] = make(allocate(layout.nbytes), dense(layout.dtype, layout.shape))
    kind.from_address(seed.ptr).value = 1.0
    return alias(seed)


def _seeds(outputs: Sequence[Any], gradients: Any) -> list[Any]:
    given = [None] * len(outputs) if gradients is None else _given(gradients)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    return [seed_gradient(o, g, i) for i, (o, g) in enumerate(zip(outputs, given))]


def _given(gradients: Any) -> list[Any]:
    return [gradients] if isinstance(gradients, TensorBase) else list(gradients)


class Stack(Function):
    """Tensors of one shape as the rows of another: ``stack``, which is on a later floor."""

    @staticmethod
    def forward(ctx: Any, *rows: Any) -> Any:
        out = rows[0].new_empty((len(rows), *rows[0].shape))
        for i, row in enumerate(rows):
            out[i].copy_(row)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient.unbind(0)


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the ``grad`` of the leaves they depend on.

    Args:
        tensors: where to begin.
        grad_tensors: one gradient per tensor; None for single elements.
        retain_graph: whether backward can run again; by default the same as `create_graph`.
        create_graph: whether the gradients can be differentiated.
        inputs: the only tensors that get gradients.

    >>> import argand
    >>> x = argand.ones(1, requires_grad=True)
    >>> backward([x * 3])
    >>> x.grad
    tensor([3.])
    """
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None and grad_tensors is None and isinstance(tensors, TensorBase):
        seed = (seed_gradient(tensors, None),)
        engine.run_backward((tensors.node,), seed, keep, create_graph)
        return
    roots = _listed(tensors)
    seeds = _seeds(roots, grad_tensors)
    edges = [_edge(t) for t in roots]
    del roots
    if inputs is None:
        engine.run_backward(edges, seeds, keep, create_graph)
        return
    wanted = _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for x in wanted:
        _check_wanted(x)
        if not isinstance(_edge(x), AccumulateGrad) and isinstance(x, TensorBase):
            retain(_edge(x), x)
    leaves = list({x for x in map(_edge, wanted) if isinstance(x, AccumulateGrad)})
    targets = [*leaves, *(_edge(x) for x in wanted if _edge(x) not in leaves)]
    found = engine.run_backward(edges, seeds, keep, create_graph, targets)
    for leaf, gradient in zip(leaves, found):
        if gradient is not None:
            accumulate(leaf, gradient, shared=True)


def _check_wanted(x: Any) -> None:
    if _edge(x) is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, without touching any ``grad``.

    Args:
        allow_unused: whether an input that no output depends on gives None instead of an error.
        is_grads_batched: `grad_outputs` have one more dimension in front, and so do the results:
            one backward pass for each of its elements.
        materialize_grads: give zeros instead of None.

    Raises:
        RuntimeError: when an input was not used and `allow_unused` is not set.

    >>> import argand
    >>> x = argand.tensor(2.0, requires_grad=True)
    >>> grad(x * x, x)
    (tensor(4.),)
    """
    roots, wanted = _listed(outputs), _listed(inputs)
    for x in wanted:
        _check_wanted(x)
    unused = (allow_unused or allow_unused is None) if materialize_grads else bool(allow_unused)
    if materialize_grads and not unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    keep = create_graph if retain_graph is None else retain_graph
    edges, targets = [_edge(t) for t in roots], [_edge(x) for x in wanted]

    def run(gradients: Any, keep: bool) -> list[Any]:
        found = engine.run_backward(edges, _seeds(roots, gradients), keep, create_graph, targets)
        return [_checked(x, g, unused, materialize_grads) for x, g in zip(wanted, found)]

    if not is_grads_batched:
        return tuple(run(grad_outputs, keep))
    batches = _given(grad_outputs)
    count = len(next(g for g in batches if g is not None))
    rows = [
        run([None if g is None else g[i] for g in batches], keep or i + 1 < count)
        for i in range(count)
    ]
    return tuple(None if column[0] is None else Stack.apply(*column) for column in zip(*rows))


def _checked(x: Any, gradient: Any, unused: bool, materialize: bool) -> Any:
    """What `grad` returns for one input."""
    if gradient is not None:
        return gradient
    if materialize:
        if isinstance(x, GradientEdge):
            raise RuntimeError("materialize_grads cannot be used when the given input is a "
                               "GradientEdge")  # fmt: skip
        return x.detach().new_zeros(x.shape)
    if not unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return None
