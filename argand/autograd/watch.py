"""Watching the graph as it is built: where nodes are made, and what becomes of what they save.

Both are rare, and a node is made for every recorded operation. So `Node` knows nothing of them: the
first use in a process replaces its constructor by one that looks whether this thread wants to know.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from argand.autograd.grad_mode import mode, no_grad
from argand.autograd.node import NEVER, NO_OUTPUTS, Node, Packed
from argand.runtime.tensor_base import TensorBase

_plain = Node.__init__


def watch_nodes() -> None:
    """From now on, new nodes ask whether their thread watches."""
    Node.__init__ = _watched  # type: ignore[method-assign]


def _watched(
    self: Node,
    name: str,
    edges: tuple[Any, ...],
    function: Callable[..., Sequence[Any]],
    saved: tuple[Any, ...] = (),
    versions: tuple[int | None, ...] = (),
    outputs_from: int = NO_OUTPUTS,
    outputs: int = 1,
) -> None:
    """A node's constructor that notes the present line and packs what is saved."""
    _plain(self, name, edges, function, saved, versions, outputs_from, outputs)
    if mode.anomaly:
        note_line(self)
    if mode.packing and saved:
        _pack(self, *mode.packing[-1])


# ---- saved tensors ------------------------------------------------------------------------------


def _pack(node: Node, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
    """Replace the tensors that a node saved by what `pack` makes of them."""
    saved, versions = list(node.saved), list(node.versions)
    for i, tensor in enumerate(saved):
        if isinstance(tensor, TensorBase) and versions[i] is not None:
            before = tensor.buffer.version
            with no_grad():
                value = pack(tensor)
            if tensor.buffer.version != before:
                raise RuntimeError(
                    f"{node.label}: a pack hook must not change the tensor it gets in place, but "
                    f"its version went from {before} to {tensor.buffer.version}. Hint: change a "
                    "clone."
                )
            saved[i] = Packed(value, unpack, tensor.node)
            versions[i] = NEVER
    node.saved, node.versions = tuple(saved), tuple(versions)


# ---- anomalies ----------------------------------------------------------------------------------


def note_line(node: Node) -> None:
    """Remember which lines of the program lead to here."""
    import traceback  # slow to load, and rarely needed

    node.metadata["traceback_"] = traceback.format_stack()[:-2]


def checked(function: Callable[..., Sequence[Any]], node: Node, *gradients: Any) -> Sequence[Any]:
    """Run the backward of `node`; a failure, or NaN in the results, names the line it began at."""
    try:
        results = function(node, *gradients)
    except Exception:
        _tell(node)
        raise
    if mode.check_nan:
        for number, result in enumerate(results):
            if isinstance(result, TensorBase) and _has_nan(result):
                _tell(node)
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {number}th output."
                )
    return results


def _has_nan(tensor: Any) -> bool:
    values = tensor.detach()
    return values.form.dtype.kind in "fc" and bool((values != values).any())


def _tell(node: Node) -> None:
    lines = node.metadata.get("traceback_")
    if lines is None:
        warnings.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable "
            "detect anomaly during forward pass for more information.",
            stacklevel=4,
        )
        return
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
        + "".join(lines),
        stacklevel=4,
    )
