"""`Module`: the base class of everything that has parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from argand.errors import message
from argand.nn.modules import hooks
from argand.nn.modules.calling import call_with_hooks
from argand.nn.modules.convert import Conversion
from argand.nn.modules.hooks import Hooks, HookTable, registered
from argand.nn.modules.hooks import (  # where programs look for them
    register_module_backward_hook as register_module_backward_hook,
)
from argand.nn.modules.hooks import (
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
)
from argand.nn.modules.hooks import (
    register_module_forward_hook as register_module_forward_hook,
)
from argand.nn.modules.hooks import (
    register_module_forward_pre_hook as register_module_forward_pre_hook,
)
from argand.nn.modules.hooks import (
    register_module_full_backward_hook as register_module_full_backward_hook,
)
from argand.nn.modules.hooks import (
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
)
from argand.nn.modules.hooks import (
    register_module_module_registration_hook as register_module_module_registration_hook,
)
from argand.nn.modules.hooks import (
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from argand.nn.modules.place import note_layer
from argand.nn.modules.registry import REGISTRIES, Registry
from argand.nn.modules.state import State
from argand.nn.modules.state import _IncompatibleKeys as _IncompatibleKeys
from argand.nn.parameter import Buffer, Parameter
from argand.tensor import Tensor

__all__ = ["Module"]
__all__ += hooks.__all__

# The tables that `__call__` depends on, and what else a module starts with.
_CALL_TABLES = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_INITIAL: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(_CALL_TABLES, HookTable),
    "_forward_pre_hooks_with_kwargs": OrderedDict,
    "_forward_hooks_with_kwargs": OrderedDict,
    "_forward_hooks_always_called": OrderedDict,
    "_state_dict_pre_hooks": OrderedDict,
    "_state_dict_hooks": OrderedDict,
    "_load_state_dict_pre_hooks": OrderedDict,
    "_load_state_dict_post_hooks": OrderedDict,
    "_non_persistent_buffers_set": set,
    "_is_full_backward_hook": lambda: None,
}
_ASSIGNED_WITH_CARE = frozenset((*REGISTRIES, *_CALL_TABLES))


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """Compute the output from the inputs; every subclass defines it.

    Call the module itself rather than this method: the call runs the hooks too.
    """
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(Conversion, State, Hooks):
    """A part of a network: a function with parameters, made of other modules.

    A subclass calls `super().__init__()`, assigns parameters and modules as attributes, and defines
    `forward`. Assigned `Parameter` and `Module` objects are registered: `parameters()` finds them,
    `to()` converts them, `state_dict()` saves them.

    Attributes:
        training (bool): whether the module is in training, set by `train()` and `eval()`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(2, 8)
        ...         self.out = nn.Linear(8, 1)
        ...
        ...     def forward(self, x):
        ...         return self.out(argand.tanh(self.hidden(x)))
        >>> net = Net()
        >>> net
        Net(
          (hidden): Linear(in_features=2, out_features=8, bias=True)
          (out): Linear(in_features=8, out_features=1, bias=True)
        )
        >>> net(argand.zeros(5, 2)).shape
        torch.Size([5, 1])
        >>> sum(parameter.numel() for parameter in net.parameters())
        33
    """

    dump_patches: bool = False
    call_super_init: bool = False
    """Whether `__init__` passes its arguments on to the next class; for multiple inheritance."""

    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            _refuse_arguments(type(self).__name__, args, kwargs)
        attributes = self.__dict__
        attributes["training"] = True
        for name in REGISTRIES:
            attributes[name] = Registry(self)
        for name, make in _INITIAL.items():
            attributes[name] = make()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and the hooks around it. An error notes in which layer it was raised."""
        try:
            if hooks.in_use:
                return call_with_hooks(self, args, kwargs)
            if kwargs:
                return self.forward(*args, **kwargs)
            return self.forward(*args)
        except Exception as error:
            note_layer(error, self, args)
            raise

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, which is then an attribute too.

        Args:
            name (str): the attribute's name.
            param (Parameter or None): the parameter. None holds the place of one that is not used.

        Raises:
            TypeError: the name is no string, or the value no Parameter.
            KeyError: the name is empty, has a dot, or is taken by something else.
            ValueError: the value is the result of other operations.
        """
        self._check_name("parameter", name, "_parameters")
        if param is not None:
            if not isinstance(param, Parameter):
                hint = "wrap a tensor as nn.Parameter(tensor)"
                raise self._cannot_assign("parameter", name, "an nn.Parameter or None", param, hint)
            if param.grad_fn is not None:
                rule = f"cannot assign parameter '{name}': a parameter must be a leaf of the graph"
                got = f"the result of {param.grad_fn}"
                hint = "compute the value in forward() instead"
                raise ValueError(message(self._get_name(), rule, got, hint))
            param = registered("parameter", self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module but is not trained, such as a running mean.

        Args:
            name (str): the attribute's name.
            tensor (Tensor or None): the buffer. None holds the place of one that is not used.
            persistent (bool): whether `state_dict` saves it. Default: True.

        Raises:
            TypeError: the name is no string, or the value no tensor.
            KeyError: the name is empty, has a dot, or is taken by something else.

        Example:
            >>> import argand
            >>> from argand import nn
            >>> module = nn.Module()
            >>> module.register_buffer("steps", argand.tensor(0))
            >>> module.steps
            tensor(0)
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise self._cannot_assign("buffer", name, "a Tensor or None", tensor)
        self._buffers[name] = registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module, which is then an attribute too.

        Args:
            name (str): the attribute's name; unlike in an assignment it may be a number.
            module (Module or None): the child. None holds the place of one that is not used.

        Raises:
            TypeError: the name is no string, or the value no Module.
            KeyError: the name is empty, has a dot, or is taken by something else.
        """
        if module is not None and not isinstance(module, Module):
            raise self._cannot_assign("child module", name, "an nn.Module or None", module)
        self._check_name("module", name, "_modules")
        self._modules[name] = registered("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: Any, registry: str) -> None:
        """Refuse what cannot be the name of a new parameter, buffer or module."""
        if registry not in self.__dict__:
            raise _not_initialized(kind)
        if not isinstance(name, str):
            rule = f"the name of a {kind} must be a string"
            raise TypeError(message(self._get_name(), rule, type(name).__name__))
        if "." in name or name == "":
            rule = f"the name of a {kind} must have no dot and not be empty"
            raise KeyError(message(self._get_name(), rule, repr(name)))
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise KeyError(message(self._get_name(), f"attribute '{name}' already exists"))

    def _cannot_assign(
        self, kind: str, name: str, expected: str, value: Any, hint: str = ""
    ) -> TypeError:
        rule = f"cannot assign {kind} '{name}': {expected} expected"
        return TypeError(message(self._get_name(), rule, type(value).__name__, hint))

    def __getattr__(self, name: str) -> Any:
        # Reached only if the attribute is not in __dict__, where registries copy their items.
        for registry in REGISTRIES:
            items = self.__dict__.get(registry)
            if items is not None and name in items:
                return items[name]
        hint = "" if "_modules" in self.__dict__ else " (was super().__init__() called?)"
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'{hint}", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            self._make_room("parameters", name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif name in attributes.get("_parameters", ()):
            if value is not None:
                hint = "change the values with copy_(), or delete the parameter first"
                raise self._cannot_assign("parameter", name, "an nn.Parameter or None", value, hint)
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            self._make_room("module", name, "_parameters", "_buffers")
            attributes["_modules"][name] = registered("module", self, name, value)
        elif name in attributes.get("_modules", ()):
            if value is not None:
                hint = "delete the module first"
                raise self._cannot_assign("child module", name, "an nn.Module or None", value, hint)
            attributes["_modules"][name] = registered("module", self, name, None)
        elif isinstance(value, Buffer) or name in attributes.get("_buffers", ()):
            self._assign_buffer(name, value)
        elif name in _ASSIGNED_WITH_CARE:
            self._assign_table(name, value)
        else:
            super().__setattr__(name, value)

    def _make_room(self, kind: str, name: str, *registries: str) -> None:
        """Forget what else has this name, before something of a kind gets it."""
        attributes = self.__dict__
        if "_parameters" not in attributes:
            raise _not_initialized(kind)
        for registry in registries:
            if name in attributes[registry]:
                del attributes[registry][name]
        attributes.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _assign_buffer(self, name: str, value: Any) -> None:
        if isinstance(value, Buffer):
            persistent = value.persistent
        else:
            persistent = name not in self._non_persistent_buffers_set
        self.register_buffer(name, value, persistent)

    def _assign_table(self, name: str, table: Any) -> None:
        """Take over a dictionary that a program puts in the place of one of the module's own."""
        attributes = self.__dict__
        if name in _CALL_TABLES:
            if not isinstance(table, HookTable):
                hooks.note_use()  # since another dictionary does not tell when it gets hooks
            attributes[name] = table
            return
        for former in attributes.get(name, ()):
            attributes.pop(former, None)
        attributes[name] = Registry(self, table)

    def __delattr__(self, name: str) -> None:
        for registry in REGISTRIES:
            items = self.__dict__.get(registry, {})
            if name in items:
                del items[name]
                self.__dict__.pop(name, None)
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: the registries as plain dictionaries, without attributes."""
        state = self.__dict__.copy()
        for registry in REGISTRIES:
            items = state.get(registry, {})
            for name, value in items.items():
                if state.get(name) is value:
                    state.pop(name, None)
            state[registry] = dict(items)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = self.__dict__
        others = dict(state)
        for registry in REGISTRIES:
            self._assign_table(registry, others.pop(registry, {}))
        attributes.update(others)
        for name, make in _INITIAL.items():
            if name not in attributes:
                attributes[name] = make()
        if any(attributes[table] for table in _CALL_TABLES):
            hooks.note_use()

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        for registry in REGISTRIES:
            names.update(self.__dict__.get(registry, ()))
        return sorted(name for name in names if not name[:1].isdigit())

    def extra_repr(self) -> str:
        """What the printed form shows besides the children; a subclass may define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        if len(extra_lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}({_block(extra_lines + children)})"

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Not available: use `argand.compile(module)`, which returns the compiled function.

        Raises:
            NotImplementedError: always.
        """
        hint = "use the function that argand.compile(module) returns"
        raise NotImplementedError(message("Module.compile", "not available", hint=hint))


def _refuse_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if kwargs:
        first = next(iter(kwargs))
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{first}'")
    if args:
        raise TypeError(
            f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
        )


def _not_initialized(kind: str) -> AttributeError:
    rule = f"cannot assign {kind} before Module.__init__() call"
    hint = "begin the __init__ of a subclass with super().__init__()"
    return AttributeError(message("Module", rule, hint=hint))


def _indent(text: str) -> str:
    """Two spaces before every line but the first, and none before an empty one."""
    first, *others = text.split("\n")
    return "\n".join([first, *(f"  {line}" if line.strip() else "" for line in others)])


def _block(lines: list[str]) -> str:
    """Lines for the inside of a module's parentheses: each on its own, indented."""
    return "\n  " + "\n  ".join(lines) + "\n" if lines else ""
