"""`assert_close`: whether results agree, and if not, where and by how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from argand import dtypes
from argand.dtypes import dtype, promote_types
from argand.ops.arrays import as_array
from argand.ops.create import from_numpy
from argand.ops.record import NUMBERS
from argand.tensor import Tensor

Message = str | Callable[[str], str] | None

# Relative and absolute tolerances; types that are not named are compared exactly.
_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5), dtypes.bfloat16: (1.6e-2, 1e-5), dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7), dtypes.complex64: (1.3e-6, 1e-5), dtypes.complex128: (1e-7, 1e-7),
}  # fmt: skip


class _Rules(NamedTuple):
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_dtype: bool
    check_stride: bool

    def tolerances(self, *kinds: dtype) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        known = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(r for r, _ in known), max(a for _, a in known)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Assert that ``|actual - expected| <= atol + rtol * |expected|`` for every element.

    Takes tensors, arrays, numbers, and sequences and mappings of these. The tolerances follow from
    the types unless both are given.

    Args:
        allow_subclasses: whether the types may be subclasses of one another.
        equal_nan: whether NaN equals NaN.
        check_dtype: whether the types must be the same.
        check_stride: whether the strides must be the same.
        msg: the text of the error, or a function that makes it from the usual one.

    Raises:
        AssertionError: when something differs; the text says what, where and by how much.
        ValueError: when only one of `rtol` and `atol` is given.
        TypeError: for other kinds of values.

    >>> import argand
    >>> assert_close(argand.tensor([1.0, 2.0]), argand.tensor([1.0, 2.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        lacking = "rtol" if rtol is None else "atol"
        rule = "Both 'rtol' and 'atol' must be either specified or omitted"
        raise ValueError(f"{rule}, but got no {lacking}.")
    rules = _Rules(allow_subclasses, rtol, atol, equal_nan, check_dtype, check_stride)
    for one, other, place in list(_pairs(actual, expected, "")):
        problem = _compare(one, other, rules)
        if problem is None:
            continue
        text = problem + (f"\n\nThe failure occurred for item {place}" if place else "")
        raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def _pairs(actual: Any, expected: Any, place: str) -> Iterator[tuple[Any, Any, str]]:
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            absent = sorted(set(expected) - set(actual), key=str)
            further = sorted(set(actual) - set(expected), key=str)
            raise AssertionError(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {absent}\n"
                f"Additional keys in the actual mapping: {further}"
            )
        for key in actual:
            yield from _pairs(actual[key], expected[key], f"{place}[{key!r}]")
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            rule = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise AssertionError(rule)
        for number, (one, other) in enumerate(zip(actual, expected)):
            yield from _pairs(one, other, f"{place}[{number}]")
    else:
        yield actual, expected, place


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _compare(actual: Any, expected: Any, rules: _Rules) -> str | None:
    """What is wrong with a pair of values, or None."""
    if actual is None and expected is None:
        return None
    if isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        return None if actual == expected else f"Booleans mismatch: {actual} is not {expected}"
    if isinstance(actual, NUMBERS) and isinstance(expected, NUMBERS):
        kinds = [dtypes.of_number(v, dtypes.float64) for v in (actual, expected)]
        if rules.check_dtype and type(actual) is not type(expected):
            return f"The (d)types do not match: {type(actual)} != {type(expected)}."
        return _scalars(actual, expected, rules, rules.tolerances(*kinds))
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not rules.allow_subclasses and type(actual) is not type(expected):
        related = False
    if related and isinstance(actual, (Tensor, np.ndarray, np.generic)):
        return _tensors(_as_tensor(actual), _as_tensor(expected), rules)
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    )


def _as_tensor(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else from_numpy(np.array(value))


def _tensors(actual: Any, expected: Any, rules: _Rules) -> str | None:
    attributes = ["shape"]
    attributes += ["dtype"] * rules.check_dtype + ["stride()"] * rules.check_stride
    for name in attributes:
        plain = name.removesuffix("()")
        found = [getattr(x, plain) for x in (actual, expected)]
        one, other = [v() for v in found] if plain != name else found
        if one != other:
            return f"The values for attribute '{name}' do not match: {one} != {other}."
    tolerances = rules.tolerances(actual.dtype, expected.dtype)
    if actual.dtype is not expected.dtype:
        common = promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    narrow = actual.dtype is dtypes.bfloat16  # which NumPy does not have
    if narrow:
        actual, expected = actual.float(), expected.float()
    if not actual.ndim and actual.dtype.kind in "fc":
        return _scalars(actual.item(), expected.item(), rules, tolerances)
    return _arrays(as_array(actual), as_array(expected), rules, tolerances, narrow)


def _rounded(values: Any) -> Any:
    """float32 values rounded to bfloat16."""
    return from_numpy(np.ascontiguousarray(values)).bfloat16().float().numpy()


def _arrays(
    actual: Any, expected: Any, rules: _Rules, tolerances: tuple[float, float], narrow: bool
) -> str | None:
    rtol, atol = tolerances
    exact = not (rtol or atol) and actual.dtype.kind not in "fc"
    with np.errstate(all="ignore"):
        if exact:
            wrong = actual != expected
            wide = object if actual.dtype.itemsize == 8 else np.int64
            actual, expected = actual.astype(wide), expected.astype(wide)
        else:
            wrong = ~np.isclose(actual, expected, rtol, atol, equal_nan=rules.equal_nan)
        count = int(np.count_nonzero(wrong))
        if not count:
            return None
        absolute, size = np.abs(actual - expected), np.abs(expected)
        if exact:
            absolute, size = absolute.astype(object), size.astype(np.float64)
        relative = absolute.astype(np.float32 if exact else absolute.dtype) / size
        if narrow:
            absolute = _rounded(absolute)
            relative = _rounded(absolute / size)
        absolute, relative = np.where(wrong, absolute, 0), np.where(wrong, relative, 0)
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {count} / {wrong.size} ({count / wrong.size:.1%})",
    ]
    for name, values, limit in (("absolute", absolute, atol), ("relative", relative, rtol)):
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        worst = values[place]
        where = tuple(int(i) for i in place)
        allowed = "" if exact else f" (up to {limit} allowed)"
        shown = int(worst) if exact and name == "absolute" else float(worst)
        lines.append(f"Greatest {name} difference: {shown} at index {where}{allowed}")
    return "\n".join(lines)


def _scalars(
    actual: Any, expected: Any, rules: _Rules, tolerances: tuple[float, float]
) -> str | None:
    rtol, atol = tolerances
    if actual == expected or (rules.equal_nan and actual != actual and expected != expected):
        return None
    difference = abs(actual - expected)
    if math.isfinite(abs(expected)) and difference <= atol + rtol * abs(expected):
        return None
    exact = not (rtol or atol)
    relative = difference / abs(expected) if expected else math.inf
    limits = ["", ""] if exact else [f" (up to {limit} allowed)" for limit in (atol, rtol)]
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\n"
        f"Expected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{limits[0]}\n"
        f"Relative difference: {relative}{limits[1]}"
    )
