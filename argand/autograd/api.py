"""`backward` and `grad`: what programs call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from argand.autograd import engine
from argand.runtime.layout import dense
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make

Tensors = Any  # a tensor or a sequence of tensors


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, TensorBase) else list(value)


def seed_gradient(output: Any, gradient: Any) -> Any:
    """The gradient that a walk begins with at `output`; ones for a single element."""
    if output.node is None:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn"
        )
    if gradient is None:
        if output.form.numel != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return _one(output)
    if not isinstance(gradient, TensorBase):
        kind = type(gradient).__name__
        raise TypeError(f"gradients can be either Tensors or Nones, but got {kind}")
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] "
            f"has a shape of {output.shape}."
        )
    return gradient


_ones: dict[Any, Any] = {}
_CTYPES: dict[str, Any] = {"float32": ctypes.c_float, "float64": ctypes.c_double}


def _one(output: Any) -> Any:
    """The gradient of a single element with respect to itself."""
    layout = output.form
    seed = _ones.get(layout)
    if seed is not None and seed.storage.version == 0:  # nobody has changed it in a hook
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
    return [seed_gradient(o, g) for o, g in zip(outputs, given)]


def _given(gradients: Any) -> list[Any]:
    return [gradients] if isinstance(gradients, TensorBase) else list(gradients)


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
    edges = [t.node for t in roots]
    del roots
    if inputs is None:
        engine.run_backward(edges, seeds, keep, create_graph)
        return
    wanted = _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    found = engine.run_backward(edges, seeds, keep, create_graph, [x.node for x in wanted])
    for x, gradient in zip(wanted, found):
        if gradient is not None:
            x.grad = gradient if x.grad is None else x.grad + gradient


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
        materialize_grads: give zeros instead of None.

    Raises:
        RuntimeError: when an input was not used and `allow_unused` is not set.

    >>> import argand
    >>> x = argand.tensor(2.0, requires_grad=True)
    >>> grad(x * x, x)
    (tensor(4.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not there yet")
    roots, wanted = _listed(outputs), _listed(inputs)
    for x in wanted:
        if x.node is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    edges, targets = [t.node for t in roots], [x.node for x in wanted]
    found = engine.run_backward(edges, _seeds(roots, grad_outputs), keep, create_graph, targets)
    if materialize_grads:
        return tuple(x.detach().new_zeros(x.shape) if g is None else g
                     for x, g in zip(wanted, found))  # fmt: skip
    if not allow_unused and any(g is None for g in found):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return tuple(found)
