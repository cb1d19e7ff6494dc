"""Parameters that are computed from others whenever they are read.

``register_parametrization(layer, "weight", map)`` moves the parameter to
``layer.parametrizations.weight.original``, and ``layer.weight`` is ``map(original)`` from then on.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.container import ModuleDict, ModuleList
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

__all__ = ["ParametrizationList", "cached", "is_parametrized", "register_parametrization",
           "remove_parametrizations", "type_before_parametrizations"]  # fmt: skip


class _Cache(threading.local):
    depth = 0

    def __init__(self) -> None:
        self.values: dict[tuple[int, str], Any] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute every parametrized tensor only once within the ``with`` block.

    For networks that use a weight several times, such as recurrent ones.
    """
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values.clear()


class ParametrizationList(ModuleList):
    """The maps of one tensor, in order, and what they are applied to.

    Attributes:
        original: the tensor, or `original0`, `original1` and so on if the first map takes several.
        unsafe (bool): whether maps may change shape and type.
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError(message("ParametrizationList", "needs at least one module", "none"))
        super().__init__(modules)
        self.unsafe = unsafe
        kept = original.detach().clone()
        value = original
        with argand.no_grad(), suppress(NotImplementedError):  # a map that cannot be inverted
            value = self._inverted(original)
        self.is_tensor = isinstance(value, Tensor)
        if isinstance(value, Tensor):
            self.ntensors = 1
            if value.dtype is not original.dtype:
                self._fail("right_inverse must keep the dtype", f"{value.dtype}")
            if isinstance(original, Parameter):
                original.data = value.detach()  # an optimizer may have it already
                self.original = original
            else:
                self.register_buffer("original", value)
        elif isinstance(value, Sequence):
            self.ntensors = len(value)
            for i, part in enumerate(value):
                if not isinstance(part, Tensor):
                    self._fail("right_inverse must return tensors", type(part).__name__)
                name = f"original{i}"
                if isinstance(original, Parameter):
                    self.register_parameter(name, Parameter(part, original.requires_grad))
                else:
                    self.register_buffer(name, part)
        else:
            self._fail("right_inverse must return a Tensor or several", type(value).__name__)
        if not unsafe:
            self._check(kept)

    def _fail(self, rule: str, got: str) -> None:
        raise ValueError(message("register_parametrization", rule, got))

    def _inverted(self, value: Any) -> Any:
        """The values for the originals that make the result `value`, where a map knows them."""
        for map_ in reversed(list(self)):
            if hasattr(map_, "right_inverse"):
                value = map_.right_inverse(value)
        return value

    def _check(self, original: Any) -> None:
        with argand.no_grad():
            made = self()
        if not isinstance(made, Tensor):
            self._fail("a parametrization must return a Tensor", type(made).__name__)
        if made.dtype is not original.dtype:
            self._fail("a parametrization must keep the dtype, unless unsafe", f"{made.dtype}")
        if made.shape != original.shape:
            rule = f"a parametrization must keep the shape {list(original.shape)}, unless unsafe"
            self._fail(rule, f"{list(made.shape)}")

    def originals(self) -> list[Any]:
        """The tensors that the first map takes."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Any) -> None:
        """Let the originals be such that the result is `value`, as far as the maps know how.

        Raises:
            RuntimeError: a map that takes part has no ``right_inverse``.
        """
        for map_ in self:
            if not hasattr(map_, "right_inverse"):
                rule = f"{type(map_).__name__} must have right_inverse to be assigned to"
                raise RuntimeError(message("parametrization", rule))
        with argand.no_grad():
            found = self._inverted(value)
            parts = [found] if self.is_tensor else list(found)
            if len(parts) != self.ntensors:
                self._fail(f"right_inverse must return {self.ntensors} tensors", str(len(parts)))
            for original, part in zip(self.originals(), parts):
                original.data = part.detach()

    def forward(self) -> Any:
        first, *others = self
        value = first(*self.originals())
        for map_ in others:
            value = map_(value)
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrization, of a certain tensor if it is named."""
    table = module.__dict__.get("parametrizations")
    if not isinstance(table, ModuleDict):
        return False
    return len(table) > 0 if tensor_name is None else tensor_name in table


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer of a module by a map from now on.

    Args:
        module (Module): whose tensor it is. Its class becomes a subclass with a property.
        tensor_name (str): the attribute.
        parametrization (Module): the map. If it has a method `right_inverse`, the value stays, and
            can be assigned. A second one is applied to the result of the first, and changes it.
        unsafe (bool): whether the map may change shape and type. Default: False.

    Raises:
        ValueError: there is no such tensor, or the map changes shape or type.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> from argand.nn.utils import parametrize
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x + x.T
        >>> layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        maps: Any = module.parametrizations[tensor_name]
        _append(module, tensor_name, maps, parametrization, unsafe)
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        original = getattr(module, tensor_name)
        maps = ParametrizationList([parametrization], original, unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = _subclass(type(module))
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        module.parametrizations[tensor_name] = maps
    else:
        rule = f"the module must have a parameter, buffer or parametrized tensor '{tensor_name}'"
        raise ValueError(message(f"register_parametrization on {type(module).__name__}", rule))
    return module


def _append(module: Module, name: str, maps: Any, added: Module, unsafe: bool) -> None:
    """A further map, applied to the result of those that are there."""
    before = getattr(module, name).detach()
    if not unsafe:
        with argand.no_grad():
            after = added(before)
        if after.shape != before.shape or after.dtype is not before.dtype:
            rule = "a parametrization must keep shape and dtype, unless unsafe"
            raise ValueError(message("register_parametrization", rule, str(list(after.shape))))
    maps.append(added)
    maps.unsafe |= unsafe


def _subclass(cls: type) -> type:
    """A class of a module's own, which can have properties."""

    def __getstate__(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )

    def __deepcopy__(self: Any, memory: dict[int, Any]) -> Any:
        copied = object.__new__(type(self))
        memory[id(self)] = copied
        copied.__setstate__(copy.deepcopy(Module.__getstate__(self), memory))
        copied.__class__ = _subclass(cls)
        for name in copied.parametrizations:
            setattr(type(copied), name, _property(name))
        return copied

    body = {"__getstate__": __getstate__, "__deepcopy__": __deepcopy__, "__module__": __name__}
    return type(f"Parametrized{cls.__name__}", (cls,), body)


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        if not _cache.depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache.values:
            _cache.values[key] = self.parametrizations[name]()
        return _cache.values[key]

    def set_(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, set_)


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Undo `register_parametrization`: the tensor is an ordinary one again.

    Args:
        module (Module): whose tensor it is.
        tensor_name (str): the attribute.
        leave_parametrized (bool): whether it keeps the computed value, otherwise it gets that of
            the original, if there is only one. Default: True.

    Raises:
        ValueError: it is not parametrized, or there are several originals to leave.
    """
    if not is_parametrized(module, tensor_name):
        rule = f"'{tensor_name}' must be parametrized"
        raise ValueError(message("remove_parametrizations", rule, type(module).__name__))
    maps: Any = module.parametrizations[tensor_name]
    originals = maps.originals()
    if not maps.is_tensor and not leave_parametrized:
        rule = "with several originals leave_parametrized must be True"
        raise ValueError(message("remove_parametrizations", rule, f"{len(originals)} originals"))
    original = originals[0]
    if leave_parametrized:
        with argand.no_grad():
            value = getattr(module, tensor_name).detach()
        if maps.is_tensor and isinstance(original, Parameter):
            original.data = value  # the same parameter, for those who hold it
        else:
            made = isinstance(original, Parameter)
            original = Parameter(value, original.requires_grad) if made else value
    del module.parametrizations[tensor_name]
    delattr(type(module), tensor_name)
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    return module
