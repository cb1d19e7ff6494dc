"""Hooks on modules: the tables that hold them and the functions that add to the tables.

`calling.py` runs the hooks. A table tells it, through `in_use`, when the first hook in the process
appears; until then the call of a module does not look at any table.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from argand.autograd.node import RemovableHandle
from argand.errors import message
from argand.nn.modules.registry import ModuleBase

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

in_use = False
"""Whether any table of hooks around calls has ever had an entry."""


def note_use() -> None:
    """Make every call of a module look at the tables from now on."""
    global in_use
    in_use = True


class HookTable(OrderedDict):
    """Hooks that run around calls, by the id of their handle. Programs may write to it directly."""

    def __setitem__(self, key: int, hook: Any) -> None:
        note_use()
        super().__setitem__(key, hook)


class OptionHandle(RemovableHandle):
    """The handle of a hook that has options: takes its id out of their tables too."""

    __slots__ = ("_options",)

    def __init__(self, table: dict[int, Any], hook: Callable, options: tuple[dict, ...]) -> None:
        super().__init__(table, hook)
        self._options = options

    def remove(self) -> None:
        super().remove()
        for table in self._options:
            table.pop(self.id, None)


class ModuleHook:
    """A hook that gets its module as first argument, without keeping the module alive."""

    def __init__(self, hook: Callable, module: ModuleBase) -> None:
        self.hook = hook
        self._module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self._module()
        if module is None:
            raise RuntimeError(message("hook", "its module must be alive", "a deleted one"))
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> tuple[Callable, ModuleBase | None]:
        return self.hook, self._module()

    def __setstate__(self, state: tuple[Callable, ModuleBase]) -> None:
        self.hook, module = state
        self._module = weakref.ref(module)


def add_hook(
    table: OrderedDict[int, Any],
    hook: Callable,
    options: Iterable[tuple[OrderedDict[int, bool], bool]] = (),
    prepend: bool = False,
) -> RemovableHandle:
    """Put a hook into its table, and its id into the table of each option that is on."""
    chosen = tuple(option_table for option_table, on in options if on)
    handle = OptionHandle(table, hook, chosen)
    for option_table in chosen:
        option_table[handle.id] = True
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


# Hooks common to all modules. They run before those of the module itself.
global_forward_pre_hooks: HookTable = HookTable()
global_forward_hooks: HookTable = HookTable()
global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
global_backward_pre_hooks: HookTable = HookTable()
global_backward_hooks: HookTable = HookTable()
global_registration_hooks: dict[str, OrderedDict[int, Callable]] = {
    "buffer": OrderedDict(),
    "module": OrderedDict(),
    "parameter": OrderedDict(),
}
global_is_full_backward_hook: bool | None = None


def registered(kind: str, owner: ModuleBase, name: str, value: Any) -> Any:
    """What the global hooks make of a value that is about to be registered."""
    for hook in global_registration_hooks[kind].values():
        replacement = hook(owner, name, value)
        if replacement is not None:
            value = replacement
    return value


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, name, buffer)` whenever any module registers a buffer.

    What the hook returns, unless None, is registered instead.

    Example:
        >>> import argand
        >>> from argand.nn.modules import module
        >>> note = lambda owner, name, buffer: print(type(owner).__name__, name)
        >>> with module.register_module_buffer_registration_hook(note):
        ...     argand.nn.CrossEntropyLoss(argand.ones(3))
        CrossEntropyLoss weight
        CrossEntropyLoss()
    """
    return add_hook(global_registration_hooks["buffer"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, name, child)` whenever any module registers a child module.

    What the hook returns, unless None, is registered instead.
    """
    return add_hook(global_registration_hooks["module"], hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, name, parameter)` whenever any module registers a parameter.

    What the hook returns, unless None, is registered instead.
    """
    return add_hook(global_registration_hooks["parameter"], hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, args)` before the forward of every module.

    See `Module.register_forward_pre_hook`; the hooks of a module itself run after these.
    """
    return add_hook(global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Run `hook(module, args, output)` after the forward of every module.

    See `Module.register_forward_hook`; the hooks of a module itself run after these.

    Example:
        >>> from argand import nn
        >>> from argand.nn.modules import module
        >>> note = lambda layer, args, output: print(type(layer).__name__)
        >>> with module.register_module_forward_hook(note):
        ...     _ = nn.Sequential(nn.Identity())(1)
        Identity
        Sequential
    """
    options = [
        (global_forward_hooks_with_kwargs, with_kwargs),
        (global_forward_hooks_always_called, always_call),
    ]
    return add_hook(global_forward_hooks, hook, options)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, grad_output)` before the gradients of every module are computed.

    See `Module.register_full_backward_pre_hook`; the hooks of a module itself run after these.
    """
    return add_hook(global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook(module, grad_input, grad_output)` when the gradients of any module are ready.

    See `Module.register_full_backward_hook`; the hooks of a module itself run after these.

    Raises:
        RuntimeError: `register_module_backward_hook` is in use.
    """
    _choose_global_kind(full=True)
    return add_hook(global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The deprecated form of `register_module_full_backward_hook`.

    See `Module.register_backward_hook` for what it lacks.

    Raises:
        RuntimeError: `register_module_full_backward_hook` is in use.
    """
    _choose_global_kind(full=False)
    return add_hook(global_backward_hooks, hook)


def _choose_global_kind(full: bool) -> None:
    global global_is_full_backward_hook
    global_is_full_backward_hook = _one_kind(global_is_full_backward_hook, full, "as global hooks")


def _one_kind(chosen: bool | None, full: bool, place: str) -> bool:
    """The kind of backward hooks in a place: all full, or none."""
    if chosen is not None and chosen != full:
        raise RuntimeError(
            message(
                "backward hooks",
                f"cannot use both regular backward hooks and full backward hooks {place}",
                hint="register all of them as full backward hooks",
            )
        )
    return full


class Hooks(ModuleBase):
    """The part of `Module` that registers hooks around its calls."""

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run a hook before every forward.

        Args:
            hook: called as `hook(module, args)`. It may return new arguments: a tuple, or a value.
            prepend (bool): run it before the hooks registered so far. Default: False.
            with_kwargs (bool): call it as `hook(module, args, kwargs)` instead; it then returns
                None or the pair `(args, kwargs)`. Default: False.

        Returns:
            A handle that removes the hook.

        Example:
            >>> from argand import nn
            >>> layer = nn.Identity()
            >>> handle = layer.register_forward_pre_hook(lambda module, args: args[0] * 10)
            >>> layer(2)
            20
        """
        options = [(self._forward_pre_hooks_with_kwargs, with_kwargs)]
        return add_hook(self._forward_pre_hooks, hook, options, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Run a hook after every forward.

        Args:
            hook: called as `hook(module, args, output)`. It may return another output.
            prepend (bool): run it before the hooks registered so far. Default: False.
            with_kwargs (bool): call it as `hook(module, args, kwargs, output)`. Default: False.
            always_call (bool): run it also when the forward has raised an exception; the output it
                gets is then None. Default: False.

        Returns:
            A handle that removes the hook.

        Example:
            >>> from argand import nn
            >>> layer = nn.Identity()
            >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
            >>> layer(2)
            3
            >>> handle.remove()
        """
        options = [
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        ]
        return add_hook(self._forward_hooks, hook, options, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Run a hook in `backward`, before the gradients through the module are computed.

        Args:
            hook: called as `hook(module, grad_output)` with a tuple: one gradient for each output,
                None where there is none. It may return another such tuple.
            prepend (bool): run it before the hooks registered so far. Default: False.

        Returns:
            A handle that removes the hook.

        Example:
            >>> import argand
            >>> from argand import nn
            >>> layer, x = nn.Tanh(), argand.zeros(2, requires_grad=True)
            >>> double = lambda module, grad_output: (grad_output[0] * 2,)
            >>> handle = layer.register_full_backward_pre_hook(double)
            >>> layer(x).sum().backward()
            >>> x.grad
            tensor([2., 2.])
        """
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Run a hook in `backward`, when the gradients of the module's inputs are known.

        Args:
            hook: called as `hook(module, grad_input, grad_output)` with two tuples, one entry for
                each positional argument and each output, None where there is no gradient. It may
                return another `grad_input`.
            prepend (bool): run it before the hooks registered so far. Default: False.

        Returns:
            A handle that removes the hook.

        Raises:
            RuntimeError: the module has a hook from `register_backward_hook`.

        Example:
            >>> import argand
            >>> from argand import nn
            >>> layer, x = nn.Tanh(), argand.zeros(2, requires_grad=True)
            >>> stop = lambda module, grad_input, grad_output: (grad_input[0] * 0,)
            >>> handle = layer.register_full_backward_hook(stop)
            >>> layer(x).sum().backward()
            >>> x.grad
            tensor([0., 0.])
        """
        self._is_full_backward_hook = _one_kind(
            self._is_full_backward_hook, True, f"on one {self._get_name()}"
        )
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The deprecated form of `register_full_backward_hook`.

        The hook is put on the last operation of the forward: `grad_input` holds the gradients of
        the inputs of that operation, not of the module.

        Raises:
            RuntimeError: the module has a hook from `register_full_backward_hook`.
        """
        self._is_full_backward_hook = _one_kind(
            self._is_full_backward_hook, False, f"on one {self._get_name()}"
        )
        return add_hook(self._backward_hooks, hook)
