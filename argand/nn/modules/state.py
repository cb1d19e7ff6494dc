"""A module's state as a dictionary: `state_dict` and `load_state_dict`."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import argand
from argand.errors import message
from argand.nn.modules.hooks import ModuleHook, RemovableHandle, add_hook
from argand.nn.modules.registry import ModuleBase
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

if TYPE_CHECKING:
    from argand.nn.modules.module import Module

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find in the dictionary, and what it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"_IncompatibleKeys(missing_keys={missing!r}, unexpected_keys={unexpected!r})"


class State(ModuleBase):
    """The part of `Module` that saves and loads its parameters and buffers."""

    _version: int = 1
    """Saved with the state; a module whose state changes its form raises it."""

    def get_extra_state(self) -> Any:
        """What `state_dict` saves besides tensors, under the key `_extra_state`.

        A subclass that defines it must define `set_extra_state` too.

        Raises:
            RuntimeError: the class does not define it.
        """
        rule = "get_extra_state() is not defined, so there is no extra state"
        raise RuntimeError(message(self._get_name(), rule))

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave; called by `load_state_dict`.

        Raises:
            RuntimeError: the class does not define it.
        """
        rule = "set_extra_state() is not defined, so extra state cannot be loaded"
        raise RuntimeError(message(self._get_name(), rule))

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run `hook(module, prefix, keep_vars)` before `state_dict` collects this module."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run `hook(module, state_dict, prefix, local_metadata)` after `state_dict`.

        It may change `state_dict` in place, and must return None.
        """
        hook._from_public_api = True  # type: ignore[attr-defined]
        return add_hook(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Like `register_state_dict_post_hook`, for a hook that may return another dictionary."""
        if getattr(hook, "_from_public_api", False):
            rule = "the function must not be one given to register_state_dict_post_hook"
            raise RuntimeError(message("_register_state_dict_hook", rule))
        return add_hook(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run a hook before `load_state_dict` fills this module.

        It is called as `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` and may change any of these in place.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        bound = ModuleHook(hook, self) if with_module else hook
        return add_hook(self._load_state_dict_pre_hooks, bound)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run `hook(module, incompatible_keys)` after `load_state_dict` has filled this module.

        It may change the two lists in place, and must return None.
        """
        return add_hook(self._load_state_dict_post_hooks, hook)

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """The parameters and persistent buffers of the module and its children, by their names.

        Args:
            destination (dict): the dictionary to add to. Default: a new one.
            prefix (str): put before every name. Default: none.
            keep_vars (bool): give the tensors themselves instead of detached ones, which share the
                memory but not the graph. Default: False.

        Returns:
            An ordered dictionary from names like `"0.weight"` to tensors.

        Example:
            >>> from argand import nn
            >>> list(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        if args:
            warnings.warn(
                "positional arguments of state_dict are deprecated; pass them by keyword",
                FutureWarning,
                stacklevel=2,
            )
            given = dict(zip(("destination", "prefix", "keep_vars"), args))
            destination = given["destination"] if destination is None else destination
            prefix = prefix or given.get("prefix", "")
            keep_vars = keep_vars or given.get("keep_vars", False)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            returned = hook(self, destination, prefix, metadata)
            if returned is not None and getattr(hook, "_from_public_api", False):
                rule = "a post-hook must return None"
                raise RuntimeError(message("state_dict", rule, type(returned).__name__))
            destination = destination if returned is None else returned
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Add the state of this module alone."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        """The tensors of this module alone that are saved."""
        state: dict[str, Tensor | None] = {**self._parameters, **self._buffers}
        for name in self._non_persistent_buffers_set:
            state.pop(name, None)
        return {name: tensor for name, tensor in state.items() if tensor is not None}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy parameters and buffers from a dictionary into the module and its children.

        Args:
            state_dict (dict): as `state_dict` gives it.
            strict (bool): fail if a name is missing or has no place. Default: True.
            assign (bool): take the tensors of the dictionary themselves, with their dtype, instead
                of copying their values; `requires_grad` stays the module's. Default: False.

        Returns:
            A named tuple with the lists `missing_keys` and `unexpected_keys`.

        Raises:
            TypeError: `state_dict` is no mapping.
            RuntimeError: a shape differs, or, if `strict`, a name.

        Example:
            >>> from argand import nn
            >>> source, target = nn.Linear(2, 3), nn.Linear(2, 3)
            >>> target.load_state_dict(source.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        copied: Any = OrderedDict(state_dict)
        metadata = getattr(state_dict, "_metadata", None)
        if metadata is not None:
            copied._metadata = metadata
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        _load(self, copied, "", metadata or {}, assign, keys, errors)
        if strict:
            errors[:0] = _key_errors(keys)
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {self._get_name()}:\n\t{listed}"
            )
        return keys

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Fill this module alone; the three lists are extended.

        `local_metadata` holds the version the state was saved with.
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._own_state()
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_tensor(name, key, tensor, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + EXTRA_STATE
        if type(self).set_extra_state is not State.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_tensor(
        self, name: str, key: str, tensor: Tensor, source: Any, assign: bool, errors: list[str]
    ) -> None:
        """Copy or assign one entry of a state dictionary."""
        if not isinstance(source, Tensor):
            errors.append(
                f'While copying the parameter named "{key}", expected argand.Tensor or Tensor-like '
                f"object from checkpoint but received {type(source)}"
            )
            return
        if tensor.dim() == 0 and source.dim() == 1 and source.shape[0] == 1:
            source = source[0]  # scalars were once saved with one dimension
        if source.shape != tensor.shape:
            errors.append(
                f"size mismatch for {key}: copying a param with shape {source.shape} from "
                f"checkpoint, the shape in current model is {tensor.shape}."
            )
            return
        try:
            with argand.no_grad():
                if not assign:
                    tensor.copy_(source)
                elif not isinstance(tensor, Parameter):
                    setattr(self, name, source)
                elif isinstance(source, Parameter):
                    setattr(self, name, source.requires_grad_(tensor.requires_grad))
                else:
                    setattr(self, name, Parameter(source, tensor.requires_grad))
        except Exception as error:  # noqa: BLE001  (all faults are reported together)
            errors.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{tensor.size()} and whose dimensions in the checkpoint are {source.size()}, an "
                f"exception occurred : {error.args}."
            )


def _load(
    module: Module | State,
    state_dict: Any,
    prefix: str,
    metadata: Mapping[str, dict[str, Any]],
    assign: bool,
    keys: _IncompatibleKeys,
    errors: list[str],
) -> None:
    """Fill a module and its children, and note what did not fit."""
    local_metadata = dict(metadata.get(prefix[:-1], {}))
    if assign:
        local_metadata["assign_to_params_buffers"] = True
    # Strict at every level, so that the keys are found; load_state_dict decides what they mean.
    module._load_from_state_dict(state_dict, prefix, local_metadata, True, *keys, errors)
    for name, child in module._modules.items():
        if child is not None:
            child_prefix = f"{prefix}{name}."
            below = {k: v for k, v in state_dict.items() if k.startswith(child_prefix)}
            _load(child, below, child_prefix, metadata, assign, keys, errors)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            hint = "it may change the two lists of keys in place"
            raise AssertionError(
                message("load_state_dict", "a post-hook must return None", "a value", hint)
            )


def _key_errors(keys: _IncompatibleKeys) -> list[str]:
    """The lines of the error message about names that did not match."""
    lines = []
    for kind, names in (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)):
        if names:
            listed = ", ".join(f'"{name}"' for name in names)
            lines.append(f"{kind} key(s) in state_dict: {listed}. ")
    return lines
