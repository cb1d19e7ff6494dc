"""How a module stores its parameters, buffers and child modules, so that reading one is fast.

A program reads `self.weight` on every call and assigns it once. So each of `_parameters`,
`_buffers` and `_modules` is a dictionary whose writes also reach the module's own `__dict__`:
reading is an ordinary attribute look-up, and the three dictionaries can be read and changed as in
PyTorch.

The dictionaries are the truth and the attributes are copies of it. `Module.__getattr__` finds what
has no copy, and pickling leaves the copies out. Two differences to PyTorch can be seen from
outside: `vars(module)` shows the copies too, and `copy.copy(module)` has dictionaries of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from argand.errors import message
from argand.tensor import Tensor

if TYPE_CHECKING:
    from collections import OrderedDict

    from argand.nn.modules.module import Module
    from argand.nn.parameter import Parameter

REGISTRIES = ("_parameters", "_buffers", "_modules")


class Registry(dict):
    """A dictionary that keeps the attributes of a module equal to its items.

    It holds the module weakly: a module must be freed when its last user lets go of it, not when
    the garbage collector comes round.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: Module, items: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._owner = weakref.ref(owner)
        if items:
            self.update(items)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        owner = self._owner()
        if owner is not None:
            owner.__dict__.pop(name, None)

    # dict's own versions of the following would not call the two methods above.
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault
    clear = MutableMapping.clear

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        if not self:
            raise KeyError(message("popitem", "the dictionary is empty"))
        name = next(reversed(self))
        return name, self.pop(name)

    def __ior__(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Registry:  # type: ignore[override, misc]
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)


class ModuleBase:
    """The attributes that the parts of `Module` work on; `Module.__init__` creates them."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _backward_pre_hooks: OrderedDict[int, Callable]
    _backward_hooks: OrderedDict[int, Callable]
    _is_full_backward_hook: bool | None
    _state_dict_pre_hooks: OrderedDict[int, Callable]
    _state_dict_hooks: OrderedDict[int, Callable]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_post_hooks: OrderedDict[int, Callable]

    def _get_name(self) -> str:
        return type(self).__name__
