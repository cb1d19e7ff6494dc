"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import argand

if TYPE_CHECKING:
    from argand.nn import Module

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]

Tensors = Mapping[str, Any]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Tensors | Sequence[Tensors],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers in the place of its own.

    Args:
        module: the module; it is as before afterwards.
        parameter_and_buffer_dicts: tensors by their names in the module; or several such
            dictionaries, without a common name.
        args: the positional arguments of the call: a tuple, or the only one.
        kwargs: its keyword arguments.
        tie_weights: whether a tensor also takes the other places of the one it replaces.
        strict: whether there must be a tensor for every parameter and buffer, and for nothing else.

    Raises:
        ValueError: a name occurs in several dictionaries, or tied parameters get different tensors.
        RuntimeError: `strict`, and the names are not those of the module.

    >>> import argand
    >>> layer = argand.nn.Linear(2, 1)
    >>> zeros = {name: argand.zeros_like(p) for name, p in layer.named_parameters()}
    >>> functional_call(layer, zeros, argand.ones(1, 2))
    tensor([[0.]])
    """
    tensors = _merged(parameter_and_buffer_dicts)
    positional = args if isinstance(args, tuple) else () if args is None else (args,)
    with replaced(module, tensors, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


def _merged(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if not isinstance(given, Sequence) or not all(isinstance(d, Mapping) for d in given):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    names = [name for part in given for name in part]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: value for part in given for name, value in part.items()}


def _members(module: Module) -> dict[str, Any]:
    """All parameters and buffers, each under each of its names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _check_names(module: Module, tensors: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    problems = []
    unexpected = [name for name in tensors if name not in known]
    if unexpected:
        problems.append("Unexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
    missing = [name for name in known if name not in tensors]
    if missing:
        problems.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
    if problems:
        listed = "\n\t".join(problems)
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t{listed}")


def _with_ties(tensors: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors, and those of them that stand for a tied member under its other names too."""
    found = dict(tensors)
    for name, own in known.items():
        for other, tied in known.items():
            if other == name or tied is not own or own is None or other not in tensors:
                continue
            if found.setdefault(name, tensors[other]) is not tensors[other]:
                raise ValueError(
                    f"functional_call: {name!r} and {other!r} are the same tensor, but different "
                    "ones were given for them"
                )
    return found


@contextmanager
def replaced(
    module: Module, tensors: dict[str, Any], tie_weights: bool = True, strict: bool = False
) -> Iterator[None]:
    """Let a module have other tensors within the ``with`` block."""
    known = _members(module)
    if tie_weights:
        tensors = _with_ties(tensors, known)
    if strict:
        _check_names(module, tensors, known)
    before: list[tuple[Any, str, Any]] = []
    try:
        for path, tensor in tensors.items():
            if path not in known:
                continue
            parent, _, name = path.rpartition(".")
            owner = module.get_submodule(parent)
            table: Any = owner._parameters if name in owner._parameters else owner._buffers
            before.append((table, name, table[name]))
            table[name] = tensor
        yield
    finally:
        for table, name, value in reversed(before):
            table[name] = value


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and buffers of several modules of one kind, stacked along a new dimension.

    With `functional_call` and `vmap` they are an ensemble. The stacked parameters are leaves.

    >>> import argand
    >>> parameters, buffers = stack_module_state([argand.nn.Linear(2, 1) for _ in range(3)])
    >>> parameters["weight"].shape
    torch.Size([3, 1, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked_tables([dict(model.named_parameters()) for model in models])
    return parameters, _stacked_tables([dict(model.named_buffers()) for model in models])


def _stacked_tables(tables: Sequence[Tensors]) -> dict[str, Any]:
    return {name: _stacked([table[name] for table in tables]) for name in tables[0]}


def _stacked(tensors: Sequence[Any]) -> Any:
    wanted = {x.requires_grad for x in tensors}
    if len(wanted) > 1:
        raise RuntimeError(
            "Expected parameters from all models to have the same .requires_grad, but they differ"
        )
    with argand.no_grad():
        stacked = argand.stack(list(tensors))
    return stacked.requires_grad_(wanted.pop())


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let all batch norms below a module do without running statistics, in place."""
    for module in root.modules():
        if hasattr(module, "track_running_stats") and hasattr(module, "running_mean"):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root
