"""From a list of samples to a batch of tensors."""

import contextlib
import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import argand
from argand.errors import message
from argand.tensor import Tensor

# Kinds of NumPy dtypes that hold no numbers: bytes, text, objects, raw memory.
_NOT_NUMERIC = "SUOV"


def default_convert(data: Any) -> Any:
    """Turn every NumPy array inside of `data` into a tensor, and leave the rest as it is.

    >>> import numpy
    >>> default_convert({"x": numpy.array([1, 2]), "y": "text"})
    {'x': tensor([1, 2]), 'y': 'text'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in _NOT_NUMERIC else argand.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_named_tuple(data):
        return type(data)(*(default_convert(member) for member in data))
    if isinstance(data, tuple):
        return [default_convert(member) for member in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like_sequence(data, [default_convert(member) for member in data])
    return data


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples along a new first dimension, through any nesting of containers.

    Args:
        batch: a list of samples, all of one structure. Tensors and arrays are stacked; ints,
            floats and NumPy scalars become one tensor (floats in float64); texts stay a list;
            mappings, named tuples, tuples and sequences are collated member by member.

    Raises:
        TypeError: a member of another type.
        RuntimeError: sequences of different lengths, or tensors of different shapes.

    >>> default_collate([(1, {"x": 0.5}), (2, {"x": 1.5})])
    [tensor([1, 2]), {'x': tensor([0.5000, 1.5000], dtype=torch.float64)}]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return argand.stack(batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in _NOT_NUMERIC:
            raise _cannot_collate(f"an array of {first.dtype}")
        return default_collate([argand.as_tensor(sample) for sample in batch])
    if isinstance(first, np.bool_ | np.number):
        return argand.as_tensor(np.array(batch))
    if isinstance(first, float):
        return argand.tensor(batch, dtype=argand.float64)
    if isinstance(first, int):
        return argand.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        columns = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _like_mapping(first, columns)
    if _is_named_tuple(first):
        return type(first)(*_collate_members(batch))
    if isinstance(first, tuple):
        return _collate_members(batch)
    if isinstance(first, Sequence):
        return _like_sequence(first, _collate_members(batch))
    raise _cannot_collate(repr(type(first)))


def _collate_members(batch: Sequence[Any]) -> list[Any]:
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise RuntimeError(
            message(
                "default_collate",
                "the sequences of a batch must have equal lengths",
                f"the lengths {sorted(lengths)}",
                "pad them in a collate_fn",
            )
        )
    return [default_collate(column) for column in zip(*batch, strict=True)]


def _is_named_tuple(data: Any) -> bool:
    return isinstance(data, tuple) and hasattr(data, "_fields")


def _like_mapping(model: Mapping[Any, Any], members: dict[Any, Any]) -> Any:
    """`members` in a mapping of `model`'s type, with its other attributes, if it can be made."""
    with contextlib.suppress(TypeError):
        return _refilled(model, MutableMapping, lambda clone: clone.update(members), members)
    return members


def _like_sequence(model: Sequence[Any], members: list[Any]) -> Any:
    """`members` in a sequence of `model`'s type, if it can be made."""

    def refill(clone: Any) -> None:
        for position, member in enumerate(members):
            clone[position] = member

    with contextlib.suppress(TypeError):
        if not isinstance(model, range):
            return _refilled(model, MutableSequence, refill, members)
    return members


def _refilled(model: Any, mutable: type, refill: Callable[[Any], None], members: Any) -> Any:
    if not isinstance(model, mutable):
        return type(model)(members)
    clone = copy.copy(model)
    refill(clone)
    return clone


def _cannot_collate(got: str) -> TypeError:
    return TypeError(
        message(
            "default_collate",
            "samples must hold tensors, arrays, numbers, texts, mappings or sequences",
            got,
            "give DataLoader a collate_fn",
        )
    )
