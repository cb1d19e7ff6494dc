"""Results of several tensors that have names, as `torch.return_types` has them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

RESULT_TYPES: dict[str, type[Result]] = {}


class Result(tuple[Any, ...]):
    """Several tensors, by name or by position.

    >>> import argand
    >>> values, indices = found = argand.tensor([3, 7]).max(0)
    >>> found.values is values
    True
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()
    n_fields = n_sequence_fields = n_unnamed_fields = 0

    def __new__(cls, values: Any) -> Any:
        """From a sequence of the values."""
        if len(values) != cls.n_fields:
            raise TypeError(
                f"{cls.__module__}.{cls.__name__}() takes a {cls.n_fields}-sequence "
                f"({len(values)}-sequence given)"
            )
        return tuple.__new__(cls, values)

    def __repr__(self) -> str:
        fields = zip(self.__match_args__, self)
        listed = ",\n".join(f"{name}={value!r}" for name, value in fields)
        return f"{self.__module__}.{type(self).__name__}(\n{listed})"

    def __reduce__(self) -> Any:
        return _restored, (type(self).__name__, tuple(self))


def _restored(name: str, values: tuple[Any, ...]) -> Result:
    made: Result = RESULT_TYPES[name](values)
    return made


def result_type(name: str, fields: str) -> type[Result]:
    """The type called ``torch.return_types.<name>`` with these fields, made once.

    >>> result_type("sort", "values indices").__match_args__
    ('values', 'indices')
    """
    found = RESULT_TYPES.get(name)
    if found is not None:
        return found
    names = tuple(fields.split())
    members: dict[str, Any] = {field: property(itemgetter(i)) for i, field in enumerate(names)}
    members |= {
        "__slots__": (),
        "__module__": "torch.return_types",
        "__match_args__": names,
        "n_fields": len(names),
        "n_sequence_fields": len(names),
    }
    made = RESULT_TYPES[name] = type(name, (Result,), members)
    return made
