"""Functional forms of the layers: the records of ``nn.functional``, and what is built on them."""

from __future__ import annotations

from typing import Any

import argand
from argand.ops.record import RECORDS

_SHARED = ("relu", "sigmoid", "tanh", "softmax", "log_softmax")


def _export() -> None:
    for key, record in RECORDS.items():
        if record.namespace == "nn.functional":
            for name in (record.name, *record.aliases):
                globals()[name] = record.function()
            if record.in_place:
                globals()[f"{record.name}_"] = record.in_place_method()
        elif key in _SHARED:
            globals()[key] = _with_inplace(record)


def _with_inplace(record: Any) -> Any:
    """`relu` and its like take ``inplace=``; softmax and its like take a deprecated argument."""
    plain = record.function()
    if not record.in_place:
        return _softmax_form(plain)
    changing = record.in_place_method()

    def function(input: Any, inplace: bool = False) -> Any:
        return changing(input) if inplace else plain(input)

    function.__name__ = record.name
    function.__doc__ = record.__doc__
    return function


def _softmax_form(plain: Any) -> Any:
    def function(
        input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Any:
        return plain(input, dim, dtype)

    function.__name__ = plain.__name__
    function.__doc__ = plain.__doc__
    return function


_export()


def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Zero elements with probability `p` and scale the others by ``1 / (1 - p)``.

    >>> import argand
    >>> argand.nn.functional.dropout(argand.ones(2), training=False)
    tensor([1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        factor = argand.zeros_like(input)
    else:
        factor = argand.empty_like(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(factor) if inplace else input * factor


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise NotImplementedError(f"nn.functional.{name} is not there yet")
