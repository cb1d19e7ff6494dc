"""Modules that hold other modules: in sequence, in a list, in a dictionary."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from argand.errors import message
from argand.nn.modules.module import Module, _block, _indent
from argand.nn.modules.parameter_container import ParameterDict as ParameterDict
from argand.nn.modules.parameter_container import ParameterList as ParameterList
from argand.nn.modules.parameter_container import check_pairs, normal_index

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Numbered(Module):
    """What `Sequential` and `ModuleList` share: children in order, named by their positions."""

    _modules: dict[str, Module]  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def _key(self, index: int) -> str:
        return str(normal_index(index, len(self)))

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        removed = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in removed:
            delattr(self, key)
        self._modules = {str(place): module for place, module in enumerate(self)}

    def pop(self, key: int | slice) -> Any:
        """Remove and return the module at a position, or those of a slice.

        Raises:
            IndexError: there is no such position.
        """
        removed = self[key]  # type: ignore[index]
        del self[key]
        return removed

    def append(self, module: Module) -> Self:
        """Add a module at the end.

        Raises:
            TypeError: it is no Module.
        """
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end.

        Raises:
            TypeError: they are not iterable, or one is no Module.
        """
        if not isinstance(modules, Iterable):
            operation = f"{self._get_name()}.extend"
            raise TypeError(message(operation, "expects an iterable", type(modules).__name__))
        for module in list(modules):
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        for place in range(len(self), index, -1):
            self._modules[str(place)] = self._modules[str(place - 1)]
        self._modules[str(index)] = module


class Sequential(_Numbered):
    """Modules that are called one after the other, each with what the one before it returned.

    Args:
        *args (Module): the modules in order, or one `OrderedDict` that names them.

    Shape:
        - Input: what the first module takes.
        - Output: what the last module returns.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> net(argand.zeros(3, 4)).shape
        torch.Size([3, 2])
        >>> net[:2]
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = len(args) == 1 and isinstance(args[0], OrderedDict)
        for key, module in args[0].items() if named else enumerate(args):
            self.add_module(str(key), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # noqa: A001  (PyTorch's name, by which it can be passed)
        return input

    def _key(self, index: int) -> str:
        # Not the number itself: children may have names of their own.
        return next(islice(self._modules, normal_index(index, len(self)), None))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the position `index`.

        Raises:
            AssertionError: it is no Module.
            IndexError: there is no such position.
        """
        if not isinstance(module, Module):
            got = type(module).__name__
            raise AssertionError(message("Sequential.insert", "expects a Module", got))
        size = len(self)
        if not -size <= index <= size:
            rule = f"the index must lie between {-size} and {size}"
            raise IndexError(message("Sequential.insert", rule, str(index)))
        self._insert(index + size if index < 0 else index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_all(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_all(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * self._times(other))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (self._times(other) - 1))

    def _times(self, other: int) -> int:
        if not isinstance(other, int):
            raise TypeError(message("Sequential *", "expects an integer", type(other).__name__))
        if other <= 0:
            raise ValueError(message("Sequential *", "the factor must be positive", str(other)))
        return other


def _all(other: Any) -> list[Module]:
    """The modules of the other operand of an addition."""
    if not isinstance(other, Sequential):
        raise ValueError(message("Sequential +", "expects a Sequential", type(other).__name__))
    return list(other)


class ModuleList(_Numbered):
    """A list of modules, which are registered. It cannot be called itself.

    Args:
        modules (iterable of Module): what to start with. Default: nothing.

    Example:
        >>> from argand import nn
        >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        >>> layers
        ModuleList(
          (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
        )
        >>> len(layers[1:]), len(list(layers.parameters()))
        (2, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the position `index`, which is read as `list.insert` does."""
        place, _, _ = slice(index, None).indices(len(self))
        self._insert(place, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        runs: list[list[Any]] = []  # first and last position, printed form
        for place, module in enumerate(self):
            printed = repr(module)
            if runs and runs[-1][2] == printed:
                runs[-1][1] = place
            else:
                runs.append([place, place, printed])
        lines = [
            f"({first}): {printed}"
            if first == last
            else f"({first}-{last}): {last - first + 1} x {printed}"
            for first, last, printed in runs
        ]
        return f"{self._get_name()}({_block([_indent(line) for line in lines])})"


class ModuleDict(Module):
    """A dictionary of modules, which are registered. It cannot be called itself.

    Args:
        modules (dict or iterable of pairs): what to start with. Default: nothing.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        >>> choices["relu"](argand.tensor([-1.0, 1.0]))
        tensor([0., 1.])
        >>> list(choices.keys())
        ['relu', 'tanh']
    """

    _modules: dict[str, Module]  # type: ignore[assignment]

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> KeysView[str]:
        """The keys, in the order they were added."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """The pairs of key and module."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove and return the module of a key.

        Raises:
            KeyError: there is no such key.
        """
        return self._modules.pop(key)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of another dictionary, or of pairs.

        Raises:
            TypeError: it is neither, or a value is no Module.
            ValueError: an element is no pair.
        """
        if not isinstance(modules, Iterable):
            rule = "expects a dictionary or an iterable of pairs"
            raise TypeError(message("ModuleDict.update", rule, type(modules).__name__))
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for key, module in check_pairs(pairs, "ModuleDict"):
            self[key] = module
