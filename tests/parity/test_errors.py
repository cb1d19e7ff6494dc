"""What is refused, and with which type of exception: the same calls in Argand and in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand

torch = pytest.importorskip("torch")

CALLS: dict[str, Callable[[ModuleType], Any]] = {
    # memory that is written and read
    "gather over input": lambda t: _over(t, lambda x, i: t.gather(x, 0, i, out=x)),
    "gather over index": lambda t: _over(t, lambda x, i: t.gather(i, 0, i[1:], out=i[:1])),
    "index_select over input": lambda t: _over(t, lambda x, i: t.index_select(x, 0, i, out=x)),
    "take over input": lambda t: _over(t, lambda x, i: t.take(x, i, out=x)),
    "masked_select over input": lambda t: _over(t, lambda x, i: t.masked_select(x, x > 1, out=x)),
    "take_along_dim over input": lambda t: _over(t, lambda x, i: t.take_along_dim(x, i, 0, out=x)),
    "nonzero over input": lambda t: _over(t, lambda x, i: t.nonzero(i, out=i)),
    "kthvalue over input": lambda t: _over(t, lambda x, i: t.kthvalue(x, 2, out=(x, i))),
    "cat over a part": lambda t: _over(t, lambda x, i: t.cat([x], out=x)),
    "vstack over a part": lambda t: _over(t, lambda x, i: t.vstack([x[None]], out=x[None])),
    "scatter over input": lambda t: _over(t, lambda x, i: t.scatter(x, 0, i, 1.0, out=x)),
    "scatter_ from itself": lambda t: _over(t, lambda x, i: x.scatter_(0, i, x)),
    "scatter_add_ from a part": lambda t: _over(t, lambda x, i: x.scatter_add_(0, i[:2], x[:2])),
    "index_add_ from a part": lambda t: _over(t, lambda x, i: x.index_add_(0, i[:2], x[:2])),
    "index_copy_ from itself": lambda t: _over(t, lambda x, i: x.index_copy_(0, i, x)),
    "index_fill_ at itself": lambda t: _over(t, lambda x, i: i.index_fill_(0, i, 1)),
    "add over itself": lambda t: _over(t, lambda x, i: t.add(x, x, out=x)),
    "add over a part": lambda t: _over(t, lambda x, i: t.add(x[1:], 1, out=x[:2])),
    # elements that share their memory
    "index_select into repeated": lambda t: t.index_select(t.ones(3), 0, _index(t), out=_same(t)),
    "cat into repeated": lambda t: t.cat([t.ones(2), t.ones(1)], out=_same(t)),
    "scatter_ in repeated": lambda t: _same(t).scatter_(0, _index(t), 1.0),
    "index_add_ in repeated": lambda t: _same(t).index_add_(0, _index(t), t.ones(3)),
    "item in repeated": lambda t: _same(t).__setitem__(slice(0, 2), 1),
    "fill_ in repeated": lambda t: _same(t).add_(1),
    "resize_ of an array": lambda t: t.from_numpy(np.zeros(2)).resize_(5),
    "resize_ of an array, smaller": lambda t: t.from_numpy(np.zeros(2)).resize_(1).shape,
    # positions outside
    "gather outside": lambda t: t.ones(3).gather(0, t.tensor([9])),
    "gather in nothing": lambda t: t.ones(0).gather(0, t.tensor([0])),
    "scatter outside": lambda t: t.ones(3).scatter(0, t.tensor([9]), 1.0),
    "scatter_add outside": lambda t: t.ones(3).scatter_add(0, t.tensor([-1]), t.ones(1)),
    "scatter_reduce outside": lambda t: t.ones(3).scatter_reduce(
        0, t.tensor([3]), t.ones(1), "sum"
    ),
    "index_select outside": lambda t: t.ones(3).index_select(0, t.tensor([9])),
    "index_copy outside": lambda t: t.ones(3).index_copy(0, t.tensor([9]), t.ones(1)),
    "index_fill outside": lambda t: t.ones(3).index_fill(0, t.tensor([9]), 1.0),
    "take outside": lambda t: t.ones(3).take(t.tensor([9])),
    # types
    "scatter_add of another type": lambda t: t.ones(3).scatter_add(
        0, _index(t), t.ones(3).double()
    ),
    "mean as integers": lambda t: t.ones(3).mean(dtype=t.int64),
    "complex into complex128": lambda t: t.complex(
        t.ones(2), t.ones(2), out=t.empty(2, dtype=t.complex128)
    ),
    "masked_fill with a vector": lambda t: t.ones(3).masked_fill(t.ones(3) > 0, t.ones(1)),
    "masked_fill with complex": lambda t: t.ones(3).masked_fill(t.ones(3) > 0, t.tensor(1j)),
    "masked_fill with a fraction": lambda t: t.arange(3).masked_fill(t.ones(3) > 0, 1.5).tolist(),
    "masked_fill with nan": lambda t: t.arange(3).masked_fill(t.ones(3) > 0, float("nan")),
    # what must be a tensor
    "complex of a number": lambda t: t.complex(t.ones(2), 2),
    "polar of numbers": lambda t: t.polar(2, 3),
    "nextafter of a number": lambda t: t.nextafter(t.ones(2), 2),
    "ldexp of a number": lambda t: t.ldexp(t.ones(2), 2),
    "rsub from a number": lambda t: t.rsub(2, t.ones(2)),
    "a number minus": lambda t: (2 - t.ones(2)).tolist(),
    # sizes and dimensions
    "eye": lambda t: t.eye(-1),
    "eye of columns": lambda t: t.eye(2, -3),
    "full": lambda t: t.full((-1,), 2),
    "arange to infinity": lambda t: t.arange(0, float("inf")),
    "arange without a step": lambda t: t.arange(0, 64, 0.5, dtype=t.int64),
    "arange of whole parts": lambda t: t.arange(0.5, 6.7, 1.7, dtype=t.int64).tolist(),
    "narrow outside": lambda t: t.ones(3).narrow(0, 4, 0),
    "narrow too long": lambda t: t.ones(3).narrow(0, 2, 3),
    "narrow by a condition": lambda t: t.ones(3).narrow(0, t.tensor(True), 1),
    "narrow by a fraction": lambda t: t.ones(3).narrow(0, 1.0, 1),
    "narrow by a tensor": lambda t: t.ones(3).narrow(0, t.tensor(1), 1).tolist(),
    "unbind of a number": lambda t: t.tensor(1).unbind(),
    "movedim twice": lambda t: t.ones(2, 3).movedim((0, -2), (1, 0)),
    "movedim of two to one": lambda t: t.ones(2, 3).movedim((0, 1), (1,)),
    "empty_permuted twice": lambda t: t.empty_permuted((2, 3), (0, 0)),
    "empty_permuted outside": lambda t: t.empty_permuted((2,), (3,)),
    "cat of nothing": lambda t: t.cat([]),
    # functions of modules
    "adaptive_avg_pool2d": lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(2, 2), (2, 2)),
    "adaptive_max_pool3d": lambda t: t.nn.functional.adaptive_max_pool3d(t.ones(2, 2), (2, 2, 2)),
    "rrelu": lambda t: t.nn.functional.rrelu(t.ones(2), 0.3, 0.1),
    "multi_margin_loss": lambda t: t.nn.functional.multi_margin_loss(
        t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(())
    ),
    "multilabel_margin_loss": lambda t: t.nn.functional.multilabel_margin_loss(
        t.ones(0), t.ones(0, dtype=t.int64)
    ),
}  # fmt: skip


def _over(t: ModuleType, change: Callable[[Any, Any], Any]) -> Any:
    """What a call leaves in both of its tensors, whether it was refused or not."""
    x, i = t.arange(3.0), t.tensor([2, 1, 0])
    try:
        change(x, i)
    except RuntimeError as error:
        return type(error).__name__, x.tolist(), i.tolist()
    return x.tolist(), i.tolist()


def _index(t: ModuleType) -> Any:
    return t.tensor([2, 1, 0])


def _same(t: ModuleType) -> Any:
    """Three elements in one place."""
    return t.zeros(1).expand(3)


def _outcome(call: Callable[[ModuleType], Any], module: ModuleType) -> Any:
    try:
        return call(module)
    except Exception as error:  # noqa: BLE001, whatever it is, it is compared
        return error


@pytest.mark.parametrize("name", CALLS)
def test_refusal(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, found = _outcome(CALLS[name], torch), _outcome(CALLS[name], argand)
    if isinstance(wanted, Exception):
        assert isinstance(found, type(wanted)), repr(found)
        assert str(found), "the error says nothing"
    else:
        assert found == wanted
