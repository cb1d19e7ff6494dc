"""Walking the graph backwards: iterative, so that a graph may be a million operations deep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Any

from argand.autograd.grad_mode import mode
from argand.autograd.node import AccumulateGrad, Node, Port, accumulate
from argand.autograd.watch import checked


def run_backward(
    edges: Sequence[Any],
    gradients: Sequence[Any],
    keep_graph: bool,
    create_graph: bool,
    wanted: Sequence[Any] | None = None,
) -> list[Any]:
    """Send `gradients` into `edges` and onwards to the leaves.

    Args:
        edges: ``node`` fields of the roots.
        gradients: one tensor per root.
        keep_graph: whether saved values stay for another walk.
        create_graph: whether the walk itself is recorded.
        wanted: edges whose gradients are returned; then nothing is accumulated elsewhere.
    """
    before, outer = mode.enabled, mode.walk
    mode.enabled = create_graph
    mode.walk = walk = (_Walk, _CheckedWalk)[mode.anomaly](keep_graph, wanted)
    try:
        return walk.run(edges, gradients)
    finally:
        mode.enabled, mode.walk = before, outer


def _resolve(edge: Any) -> tuple[Node, int]:
    return (edge.node, edge.number) if type(edge) is Port else (edge, 0)


class _Walk:
    """One backward pass."""

    checks = False  # whether something is to be done at every node

    def __init__(self, keep_graph: bool, wanted: Sequence[Any] | None) -> None:
        self.keep_graph = keep_graph
        self.targets = None if wanted is None else [_resolve(edge) for edge in wanted]
        self.captured: dict[tuple[Node, int], Any] = {}
        self.pending: dict[Node, int] = {}
        self.arrived: dict[Node, list[Any]] = {}
        self.needed: set[Node] | None = None
        self.ready: list[tuple[int, Node]] = []

    def run(self, edges: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
        roots = [_resolve(edge) for edge in edges]
        self._count([node for node, _ in roots])
        if self.targets is not None:
            self.needed = self._leading_to({node for node, _ in self.targets})
        for (node, number), gradient in zip(roots, gradients):
            self._arrive(node, number, gradient)
        for node in {node for node, _ in roots}:
            if not self.pending[node]:
                self._make_ready(node)
        gradients = ()
        ready, arrived = self.ready, self.arrived
        general = self.targets is not None or self.checks
        while ready:
            node = heappop(ready)[1]
            if general or node.hooks is not None:
                self._visit(node)
                continue
            slots = arrived.pop(node, None)
            if slots is None:
                self._deliver(node, (None,) * len(node.edges))
                continue
            results = node.function(node, *slots)
            slots = None  # the gradient may now belong to the results alone
            if not self.keep_graph:
                node.release()
            self._deliver(node, results)
            results = ()
        return [self.captured.get(target) for target in self.targets or ()]

    def _count(self, roots: Sequence[Node]) -> None:
        """How many edges will deliver to each node that can be reached."""
        pending = self.pending
        stack = []
        for root in roots:
            if root not in pending:
                pending[root] = 0
                stack.append(root)
        while stack:
            for edge in stack.pop().edges:
                if edge is None:
                    continue
                target = edge.node if type(edge) is Port else edge
                if target in pending:
                    pending[target] += 1
                else:
                    pending[target] = 1
                    stack.append(target)

    def _leading_to(self, targets: set[Node]) -> set[Node]:
        """The nodes from which a target can be reached."""
        needed = set(targets)
        for node in sorted(self.pending, key=lambda n: n.sequence):
            if any(e is not None and _resolve(e)[0] in needed for e in node.edges):
                needed.add(node)
        return needed

    def _arrive(self, node: Node, number: int, gradient: Any) -> None:
        slots = self.arrived.get(node)
        if slots is None:
            slots = self.arrived[node] = [None] * node.outputs
        known = slots[number]
        slots[number] = gradient if known is None else known + gradient

    def _visit(self, node: Node) -> None:
        """Run the backward of a node with hooks, or on the way to what is wanted."""
        slots = self.arrived.pop(node, None)
        hooks = node.hooks
        if hooks is not None and slots is not None and self.will_visit(node):
            _run_output_hooks(node, slots)
        if slots is None or (self.targets is not None and not self._wanted_here(node, slots)):
            results: Sequence[Any] = (None,) * len(node.edges)
        else:
            results = node.function(node, *slots)
            if hooks is not None and hooks.after:
                results = _run_after_hooks(node, results, slots)
            if not self.keep_graph:
                node.release()
        del slots
        self._deliver(node, results)

    def _deliver(self, node: Node, results: Sequence[Any]) -> None:
        """Hand the gradients of a node's inputs to the nodes that they come from."""
        pending, arrived, all_leaves = self.pending, self.arrived, self.targets is None
        for edge, gradient in zip(node.edges, results):
            if edge is None:
                continue
            target, number = (edge.node, edge.number) if type(edge) is Port else (edge, 0)
            left = pending[target] = pending[target] - 1
            slots = arrived.get(target)
            if gradient is not None:
                if slots is None:
                    leaf = type(target) is AccumulateGrad
                    if leaf and left == 0 and all_leaves and target.hooks is None:
                        accumulate(target, gradient)  # there is nothing else to do for it
                        continue
                    slots = arrived[target] = [None] * target.outputs
                known = slots[number]
                slots[number] = gradient if known is None else known + gradient
            if left == 0:
                self._make_ready(target)

    def will_visit(self, node: Node) -> bool:
        """Whether a gradient that is asked for depends on what happens at `node`."""
        return node in (self.pending if self.needed is None else self.needed)

    def _wanted_here(self, node: Node, slots: list[Any] | None) -> bool:
        """Keep what was asked for at `node`; whether its backward must run at all."""
        assert self.targets is not None
        assert self.needed is not None
        if slots is not None:
            for number, gradient in enumerate(slots):
                if (node, number) in self.targets:
                    self.captured[node, number] = gradient
        if isinstance(node, AccumulateGrad):
            return False
        return any(e is not None and _resolve(e)[0] in self.needed for e in node.edges)

    def _make_ready(self, node: Node) -> None:
        if type(node) is AccumulateGrad:
            self._visit(node)  # at once: it leads nowhere
        else:
            heappush(self.ready, (-node.sequence, node))


class _CheckedWalk(_Walk):
    """A backward pass that looks for anomalies."""

    checks = True

    def _visit(self, node: Node) -> None:
        function = node.function
        node.function = partial(checked, function)
        try:
            super()._visit(node)
        finally:
            node.function = function


def _run_output_hooks(node: Node, slots: list[Any]) -> None:
    hooks = node.hooks
    assert hooks is not None
    for number, registered in hooks.on_output.items():
        for hook in list(registered.values()):
            if slots[number] is None:
                continue
            changed = hook(slots[number])
            if changed is not None:
                slots[number] = changed
    for number, reference in hooks.retained.items():
        tensor = reference()
        if tensor is not None and slots[number] is not None:
            known = tensor.grad
            tensor.grad = slots[number] if known is None else known + slots[number]
    for hook in list(hooks.before.values()):
        changed = hook(tuple(slots))
        if changed is not None:
            slots[:] = changed if isinstance(changed, tuple) else (changed,)


def _run_after_hooks(node: Node, results: Sequence[Any], slots: list[Any]) -> Sequence[Any]:
    assert node.hooks is not None
    for hook in list(node.hooks.after.values()):
        changed = hook(tuple(results), tuple(slots))
        if changed is not None:
            results = changed if isinstance(changed, tuple) else (changed,)
    return results
