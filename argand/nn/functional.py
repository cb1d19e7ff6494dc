"""Functional forms of the layers: the records of ``nn.functional``, and what is built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import argand
from argand.errors import missing
from argand.ops.record import RECORDS, functions_in

if TYPE_CHECKING:
    from argand.nn._functional import *  # what `_export` adds

_SHARED = ("relu", "sigmoid", "tanh", "softmax", "log_softmax")
_CONVOLUTIONS = tuple(f"conv{kind}{rank}d" for kind in ("", "_transpose") for rank in (1, 2, 3))


def _export() -> None:
    for name, record in functions_in("nn.functional").items():
        globals()[name] = _with_inplace(record) if record.in_place else record.function()
        if record.in_place:
            globals()[f"{record.name}_"] = record.in_place_method()
    for name in _SHARED:
        record = RECORDS[name]
        globals()[name] = (_with_inplace if record.in_place else _softmax_form)(record)
    for name in _CONVOLUTIONS:
        globals()[name] = RECORDS[name].function()


def _with_inplace(record: Any) -> Any:
    """`relu` and its like take ``inplace`` after their settings."""
    plain, changing = record.function(), record.in_place_method()
    count = len(record.parameters)

    def function(*args: Any, inplace: bool = False, **named: Any) -> Any:
        if len(args) > count:
            *args, inplace = args  # type: ignore[assignment]
        return changing(*args, **named) if inplace else plain(*args, **named)

    function.__name__ = record.name
    function.__doc__ = record.__doc__
    return function


def _softmax_form(record: Any) -> Any:
    """`softmax` and its like take a deprecated argument before the type."""
    plain = record.function()

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


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``input1[i] * weight[k, i, j] * input2[j]``, summed over i and j, plus ``bias[k]``.

    >>> import argand
    >>> one = argand.ones(1, 2)
    >>> argand.nn.functional.bilinear(one, one, argand.ones(3, 2, 2)).shape
    torch.Size([1, 3])
    """
    outputs, left, right = weight.shape
    rows = input1.reshape(-1, left) @ weight.permute(1, 0, 2).reshape(left, outputs * right)
    total = (rows.reshape(-1, outputs, right) * input2.reshape(-1, 1, right)).sum(-1)
    total = total.reshape(*input1.shape[:-1], outputs)
    return total if bias is None else total + bias


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
