"""Modules that hold parameters: in a list, in a dictionary."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import TYPE_CHECKING, Any

from argand.errors import message
from argand.nn.modules.module import Module
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ParameterDict", "ParameterList"]


def normal_index(index: Any, size: int) -> int:
    """An index into a list of some size, counted from the start."""
    place = operator.index(index)
    if not -size <= place < size:
        raise IndexError(message("indexing", f"index out of range for length {size}", str(place)))
    return place % size


def check_pairs(pairs: Iterable[Any], container: str) -> Iterator[tuple[str, Any]]:
    """The pairs that a dictionary is updated with."""
    for place, pair in enumerate(pairs):
        operation, rule = f"{container}.update", f"element {place} must be a pair"
        if not isinstance(pair, Iterable):
            raise TypeError(message(operation, rule, type(pair).__name__))
        key_and_value = tuple(pair)
        if len(key_and_value) != 2:
            raise ValueError(message(operation, rule, f"{len(key_and_value)} values"))
        yield key_and_value


def _as_parameter(value: Any) -> Any:
    """Tensors become parameters; anything else is kept as it is."""
    return (
        Parameter(value)
        if isinstance(value, Tensor) and not isinstance(value, Parameter)
        else value
    )


def _listed(name: object, value: Any, type_name: Any) -> str:
    """One line of the printed form."""
    if not isinstance(value, Tensor):
        return f"  ({name}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    sizes = "x".join(str(size) for size in value.size())
    return f"  ({name}): {kind} containing: [{type_name(value)} of size {sizes}]"


class ParameterList(Module):
    """A list of parameters, which are registered. Tensors put into it become parameters.

    Args:
        values (iterable): what to start with. Default: nothing.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> scales = nn.ParameterList([argand.ones(2), argand.ones(3)])
        >>> scales
        ParameterList(
            (0): Parameter containing: [torch.float32 of size 2]
            (1): Parameter containing: [torch.float32 of size 3]
        )
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self[place] for place in range(*index.indices(len(self))))
        return getattr(self, str(normal_index(index, len(self))))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(normal_index(index, len(self))), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Any) -> Self:
        """Add several values at the end.

        Raises:
            TypeError: they are not iterable, or one tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            got = type(values).__name__
            raise TypeError(message("ParameterList.extend", "expects an iterable of values", got))
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        lines = (_listed(place, value, lambda v: v.dtype) for place, value in enumerate(self))
        return "\n".join(lines)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(message("ParameterList", "it cannot be called, only indexed"))


class ParameterDict(Module):
    """A dictionary of parameters, which are registered. Tensors put into it become parameters.

    Args:
        parameters (dict or iterable of pairs): what to start with. An ordinary dictionary is added
            in the order of its sorted keys, an OrderedDict in its own. Default: nothing.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> scales = nn.ParameterDict({"left": argand.ones(2), "right": argand.ones(3)})
        >>> scales["left"]
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
        >>> [name for name, parameter in scales.named_parameters()]
        ['left', 'right']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _string(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[_string(key)] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def keys(self) -> KeysView[str]:
        """The keys, in the order they were added."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The pairs of key and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default` if there is no such key."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set to `default` first if there is no such key."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove a key and return its value.

        Raises:
            AttributeError: there is no such key.
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the pair that was added last.

        Raises:
            KeyError: the dictionary is empty.
        """
        if not self:
            raise KeyError(message("ParameterDict.popitem", "the dictionary is empty"))
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all keys."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """A new dictionary with the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with the same value for all of the keys."""
        return ParameterDict((key, default) for key in keys)

    def update(self, parameters: Any) -> None:
        """Add the values of another dictionary, or of pairs.

        Raises:
            TypeError: it is neither.
            ValueError: an element is no pair.
        """
        if not isinstance(parameters, Iterable):
            rule = "expects a dictionary or an iterable of pairs"
            raise TypeError(message("ParameterDict.update", rule, type(parameters).__name__))
        pairs: Any = parameters
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            pairs = parameters.items()
        elif isinstance(parameters, Mapping):
            pairs = sorted(parameters.items())
        for key, value in check_pairs(pairs, "ParameterDict"):
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        merged = other.copy()
        merged.update(self)
        return merged

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_listed(key, value, lambda v: v.type()) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(message("ParameterDict", "it cannot be called, only indexed"))


def _string(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(message("ParameterDict", "a key must be a string", type(key).__name__))
    return key
