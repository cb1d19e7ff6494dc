"""Differentiation of functions: inputs that belong to one call, and gradients with respect to them.

A call of `argand.func.grad` and its like is a *level*. Its inputs get nodes of their own (`enter`),
behind which lies whatever the values depend on outside: an outer level, or a leaf. What is computed
needs a graph afterwards only if there is something outside, which `reaches_out` finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from argand.autograd import engine
from argand.autograd.grad_mode import mode
from argand.autograd.node import AccumulateGrad, Node, Port
from argand.runtime.tensor_base import TensorBase, alias


class Input(Node):
    """Where a value enters a level; its edge, if any, leads outside.

    While `open`, the level's function is running, and whatever is computed may be needed by it.
    """

    __slots__ = ("open",)
    open: bool


def _pass_on(node: Node, gradient: Any) -> tuple[Any, ...]:
    return (gradient,) if node.edges else ()


def enter(x: Any) -> Any:
    """`x` as an input of a level: the same memory, another place in the graph."""
    if x.form.dtype.kind not in "fc":
        raise RuntimeError(
            "only Tensors of floating point and complex dtype can require gradients, but got "
            f"{x.form.dtype}"
        )
    out = alias(x)
    out.node = Input("Input", () if x.node is None else (x.node,), _pass_on)
    out.node.open = True
    return out


def close(inputs: Iterable[Any]) -> None:
    """The function of the level with these inputs has returned."""
    for x in inputs:
        x.node.open = False


def _nodes(edges: Iterable[Any]) -> list[Node]:
    return [e.node if type(e) is Port else e for e in edges if e is not None]


def reachable(tensors: Iterable[Any]) -> set[Node]:
    """All nodes that the gradients of `tensors` pass."""
    stack = _nodes(x.node for x in tensors if isinstance(x, TensorBase))
    seen = set(stack)
    while stack:
        for node in _nodes(stack.pop().edges):
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return seen


def reaches_out(tensors: Iterable[Any], inputs: Iterable[Any]) -> bool:
    """Whether `tensors` depend on anything else that is differentiated than `inputs`."""
    own = {x.node for x in inputs}
    return mode.enabled and any(
        type(node) is AccumulateGrad or (type(node) is Input and node.open and node not in own)
        for node in reachable(tensors)
    )


def leave(x: Any, outside: bool) -> Any:
    """A result of a level as its caller gets it: without a graph if nothing outside needs one."""
    return x if outside or not isinstance(x, TensorBase) or x.node is None else alias(x)


def gradients(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    inputs: Sequence[Any],
    create_graph: bool,
    keep_graph: bool = True,
) -> list[Any]:
    """The gradients of `inputs`; None for those that `outputs` do not depend on."""
    roots = [(o.node, seed) for o, seed in zip(outputs, seeds) if o.node is not None]
    edges = [edge for edge, _ in roots]
    return engine.run_backward(
        edges, [seed for _, seed in roots], keep_graph or create_graph, create_graph,
        [x.node for x in inputs],
    )  # fmt: skip


def or_zeros(found: Iterable[Any], like: Iterable[Any]) -> list[Any]:
    """Gradients, with zeros where there is none."""
    return [x.detach().new_zeros(x.shape) if g is None else g for g, x in zip(found, like)]


class Linearized:
    """The derivative of `outputs` in a direction of the `inputs`: a product with the Jacobian.

    The product with its transpose, ``g(v) = v J``, is linear in `v`; so its own derivative with
    respect to `v`, in the direction `t`, is ``J t``, whatever `v` is.
    """

    def __init__(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> None:
        self.outputs = list(outputs)
        self.seeds = [enter(o.detach().new_zeros(o.shape)) for o in outputs]
        close(self.seeds)
        self.transposed = gradients(outputs, self.seeds, inputs, create_graph=True)

    def __call__(self, tangents: Sequence[Any], create_graph: bool) -> list[Any]:
        """The tangents of the outputs; None for those that do not depend on the inputs."""
        pairs = [
            (g, t) for g, t in zip(self.transposed, tangents) if g is not None and t is not None
        ]
        return gradients([g for g, _ in pairs], [t for _, t in pairs], self.seeds, create_graph)
