"""Numbers of the Poisson and the binomial distribution, in PyTorch's order of draws.

Small rates go by multiplying or adding draws, large ones by transformed rejection (Hoermann, "The
transformed rejection method for generating Poisson random variables", 1993, and "The generation of
binomial random variates", 1993). How many draws a number takes differs, so this is Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.random import Generator, default_generator
from argand.ops.samples import call
from argand.runtime.layout import broadcast_shapes

_BLOCK = 512


class _Stream:
    """Doubles of a generator one by one; `close` gives back what was drawn in advance."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._begin = generator.clone_state()
        self._taken = 0
        self._block: list[float] = []

    def __call__(self) -> float:
        if not self._block:
            self._block = self._generator.doubles(_BLOCK)[::-1]
        self._taken += 1
        return self._block.pop()

    def close(self) -> None:
        self._generator.set_state(self._begin.get_state())
        if self._taken:
            self._generator.draw("raw64", self._taken)


def _poisson(rate: float, draw: Callable[[], float]) -> float:
    if rate >= 10:
        return _poisson_by_rejection(rate, draw)
    if rate == 0:
        return 0
    limit, product, count = math.exp(-rate), draw(), 0
    while product > limit:
        count += 1
        product *= draw()
    return count


def _poisson_by_rejection(rate: float, draw: Callable[[], float]) -> float:
    root, logarithm = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= accepted:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        height = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if height <= -rate + k * logarithm - math.lgamma(k + 1):
            return k


def _binomial(count: float, p: float, draw: Callable[[], float]) -> float:
    if math.isnan(count) or math.isnan(p):
        return math.nan
    if count <= 0 or p <= 0:
        return 0
    if p >= 1:
        return count
    if p > 0.5:
        return count - _binomial(count, 1 - p, draw)
    if count * p >= 10:
        return _binomial_by_rejection(count, p, draw)
    scale, total, found = math.log1p(-p), 0.0, 0
    while True:
        u = draw()
        total += math.ceil(math.log(u) / scale) if u else math.inf
        if total > count:
            return found
        found += 1


def _binomial_by_rejection(count: float, p: float, draw: Callable[[], float]) -> float:
    deviation = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = count * p + 0.5
    accepted = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * p)
    odds = math.log(p / (1 - p))
    top = math.lgamma(mode + 1) + math.lgamma(count - mode + 1)
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c)
        if us >= 0.07 and v <= accepted:
            return k
        if not 0 <= k <= count or v == 0:
            continue
        height = math.log(v * alpha / (a / (us * us) + b))
        log_gamma = math.lgamma(k + 1) + math.lgamma(count - k + 1)
        if height <= top - log_gamma + (k - mode) * odds:
            return k


def _each(like: Any, generator: Generator, one: Callable[..., float], *values: Any) -> Any:
    """``one(*values, draw)`` for corresponding values, as a tensor of the type of `like`."""
    shape = broadcast_shapes(x.form.shape for x in values)
    arrays = [np.broadcast_to(as_array(x.detach().double()), shape) for x in values]
    draw = _Stream(generator)
    found = [one(*row, draw) for row in zip(*(a.ravel().tolist() for a in arrays))]
    draw.close()
    wide = fresh(np.array(found, np.float64).reshape(shape), dtypes.float64)
    return wide.to(like.dtype)


@operation(as_method=False, as_function=False, graph_name="poisson")
def poisson_of(input: Any, source: Generator) -> Any:
    """Poisson numbers with the rates of `input`."""
    return _each(input, source, _poisson, input)


@poisson_of.vjp()
def _poisson_vjp(g: Any, out: Any, input: Any, source: Any) -> Any:
    return g.new_zeros(g.shape), None


@composite(
    as_method=False,
    out="",
    samples=lambda draw: [call(draw(3, 4, low=0.0, high=30.0)), call(draw(low=0.0))],
    unpredictable=True,
)
def poisson(input: Any, generator: Generator | None = None) -> Any:
    """Poisson numbers; `input` has their rates.

    >>> import argand
    >>> argand.poisson(argand.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    kind = input.form.dtype
    if kind.kind != "f":
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{kind.name}'")
    if bool((input.detach() < 0).any()):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return poisson_of(input, generator or default_generator)


@operation(as_method=False, as_function=False, graph_name="binomial")
def binomial_of(count: Any, prob: Any, source: Generator) -> Any:
    """Binomial numbers."""
    return _each(count, source, _binomial, count, prob)


@binomial_of.vjp()
def _binomial_vjp(g: Any, out: Any, count: Any, prob: Any, source: Any) -> Any:
    return g.new_zeros(count.shape), g.new_zeros(prob.shape), None


@composite(
    as_method=False,
    out="",
    samples=lambda draw: [
        call(draw(3, 4, low=0.0, high=30.0), draw(3, 4, low=0.0, high=1.0)),
        call(draw(low=1.0), draw(low=0.0, high=1.0)),
    ],
    unpredictable=True,
)
def binomial(count: Any, prob: Any, generator: Generator | None = None) -> Any:
    """How many of `count` trials succeed when each does with probability `prob`.

    >>> import argand
    >>> argand.binomial(argand.tensor([3.0, 3.0]), argand.tensor([0.0, 1.0]))
    tensor([0., 3.])
    """
    for name, value in (("count", count), ("prob", prob)):
        kind = value.form.dtype
        if kind.kind != "f":
            rule = f"binomial only supports floating-point dtypes for {name}, got: {kind.name}"
            raise ValueError(rule)
        if kind.itemsize < 4:
            raise NotImplementedError(f"\"binomial_cpu\" not implemented for '{kind.name}'")
    return binomial_of(count, prob, generator or default_generator)
