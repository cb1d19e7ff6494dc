"""Tensors of random numbers, and random choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array, new
from argand.ops.copies import copier, preserved_strides
from argand.ops.create import Options, sized
from argand.ops.function import composite, deliver, operation
from argand.ops.random import (
    Generator,
    default_generator,
    exponential_into,
    integers_into,
    normal_into,
    uniform_into,
    uniform_of,
    unit_of,
)
from argand.ops.record import _Defaults, describe
from argand.ops.samples import call
from argand.runtime.layout import dense, strided
from argand.runtime.tensor_base import TensorBase

_INT64 = dtypes.int64


def _random(name: str, size: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Options, Any]:
    generator = kwargs.pop("generator", None)
    sizes = sized(name, size, kwargs)
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    return new(dense(kind, sizes)), options, generator


@composite(
    as_method=False,
    samples=lambda draw: [call(2, 3), call((2,), dtype=draw.dtype("float64")), call(0)],
    unpredictable=True,
)
def rand(*size: Any, **kwargs: Any) -> Any:
    """Uniform numbers between 0 and 1.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.rand(2)
    tensor([0.4963, 0.7682])
    """
    out, options, generator = _random("rand", size, kwargs)
    return options.finish(uniform_into(out, 0.0, 1.0, generator))


@composite(
    as_method=False,
    samples=lambda draw: [call(2, 3), call((20,), dtype=draw.dtype("float64")), call(0)],
    unpredictable=True,
)
def randn(*size: Any, **kwargs: Any) -> Any:
    """Normal numbers with mean 0 and deviation 1.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    out, options, generator = _random("randn", size, kwargs)
    return options.finish(normal_into(out, 0.0, 1.0, generator))


def _like(fill: Any, input: Any, kwargs: dict[str, Any]) -> Any:
    """A tensor like `input`, in its memory order, with numbers between 0 and 1 or normal ones."""
    generator = kwargs.pop("generator", None)
    options = Options(**kwargs)
    kind = options.kind or input.form.dtype
    out = new(strided(kind, input.shape, preserved_strides(input.form)))
    return options.finish(fill(out, 0.0, 1.0, generator))


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2, 3))], unpredictable=True)
def rand_like(input: Any, **kwargs: Any) -> Any:
    """Uniform numbers in the shape and type of `input`.

    >>> import argand
    >>> argand.rand_like(argand.zeros(2)).shape
    torch.Size([2])
    """
    return _like(uniform_into, input, kwargs)


@composite(out="", as_method=False, samples=lambda draw: [call(draw(2, 3))], unpredictable=True)
def randn_like(input: Any, **kwargs: Any) -> Any:
    """Normal numbers in the shape and type of `input`.

    >>> import argand
    >>> argand.randn_like(argand.zeros(2)).shape
    torch.Size([2])
    """
    return _like(normal_into, input, kwargs)


def _whole_limits(name: str, *limits: Any) -> tuple[int, ...]:
    for limit in limits:
        if not hasattr(limit, "__index__"):
            raise TypeError(f"{name}(): the limits must be ints, but got {describe(limit)}")
    return tuple(map(int, limits))


@composite(
    as_method=False,
    samples=lambda draw: [call(5, (2, 3)), call(-3, 5, (2,), dtype=draw.kind), call(2, 5, (0,))],
    unpredictable=True,
)
def randint(low: Any = None, high: Any = None, size: Any = None, **kwargs: Any) -> Any:
    """Integers from `low` (0 if left out) to ``high - 1``.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.randint(0, 10, (3,))
    tensor([4, 9, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    low, high = _whole_limits("randint", 0 if low is None else low, high)
    generator = kwargs.pop("generator", None)
    options = Options(**kwargs)
    out = new(dense(options.kind or _INT64, sized("randint", (size,), {})))
    return options.finish(integers_into(out, low, high, generator))


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(2, 3), 5), call(draw(2, 3), -3, 5), call(draw(3), 2, 5)],
    unpredictable=True,
)
def randint_like(input: Any, low: Any = None, high: Any = None, **kwargs: Any) -> Any:
    """Integers from `low` (0 if left out) to ``high - 1``, in the shape and type of `input`.

    >>> import argand
    >>> argand.randint_like(argand.zeros(2), 1, 2)
    tensor([1., 1.])
    """
    begin, end = _whole_limits("randint_like", *((0, low) if high is None else (low, high)))

    def fill_integers(out: Any, first: float, last: float, generator: Generator | None) -> Any:
        return integers_into(out, begin, end, generator)

    return _like(fill_integers, input, kwargs)


@composite(
    as_method=False,
    samples=lambda draw: [call(5), call(0), call(3, dtype=draw.dtype("int32"))],
    unpredictable=True,
)
def randperm(n: int, **kwargs: Any) -> Any:
    """A random permutation of ``0 ... n - 1``.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> sorted(argand.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    generator = kwargs.pop("generator", None)
    options = Options(**kwargs)
    out = (generator or default_generator).draw("shuffle", n)
    if options.kind not in (None, _INT64):
        out = out.to(options.kind)
    return options.finish(out)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3), 1.0), call(0.0, draw(2, low=0.1)), call(draw(2), draw(2, low=0.1)),
        call(0.0, 1.0, (2, 3)),
    ],
    unpredictable=True,
)
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **kwargs: Any) -> Any:
    """Normal numbers with given means and deviations.

    >>> import argand
    >>> argand.normal(0.0, 1.0, (2,)).shape
    torch.Size([2])
    """
    generator = kwargs.pop("generator", None)
    if size is not None:
        options = Options(**kwargs)
        out = new(dense(options.kind or _Defaults.float_dtype, sized("normal", (size,), {})))
        return options.finish(normal_into(out, float(mean), float(std), generator))
    given = kwargs.pop("out", None)
    if kwargs:
        raise TypeError(f"normal(): got an unexpected argument '{next(iter(kwargs))}'")
    like = mean if isinstance(mean, TensorBase) else std
    shape = (mean + std * 0).shape if isinstance(mean, TensorBase) else like.shape
    out = normal_into(new(dense(like.dtype, shape)), 0.0, 1.0, generator)
    found = out * std + mean
    return found if given is None else deliver("normal", given, found)


@composite(
    out="cast",
    samples=lambda draw: [call(draw(2, 3, low=0.0, high=1.0))],
    unpredictable=True,
)
def bernoulli(input: Any, *, generator: Generator | None = None) -> Any:
    """1 with the probability that `input` holds, 0 otherwise.

    >>> import argand
    >>> argand.bernoulli(argand.ones(2))
    tensor([1., 1.])
    """
    kind = input.form.dtype
    if kind.kind != "f":
        raise NotImplementedError(f'"bernoulli_tensor_cpu_p_" not implemented for \'{kind.name}\'')
    return chosen_by(input, generator or default_generator)


@operation(as_method=False, as_function=False, graph_name="bernoulli")
def chosen_by(input: Any, source: Generator) -> Any:
    """1 where a number that is drawn lies below the input, else 0."""
    kind = input.form.dtype
    wide = kind is dtypes.float64
    out = new(dense(kind, input.shape))
    raw = source.draw("raw64" if wide else "raw32", out.form.numel).view(out.shape)
    unit = uniform_of(raw, unit_of(kind if wide else dtypes.float32), 0.0, 1.0)
    copier.into(out, unit < input.detach())
    return out


@chosen_by.vjp()
def _chosen_vjp(g: Any, out: Any, input: Any, source: Any) -> Any:
    return g.new_zeros(g.shape), None


@composite(
    samples=lambda draw: [call(draw(5, low=0.1), 3), call(draw(2, 5, low=0.1), 7, True)],
    unpredictable=True,
)
def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Any:
    """Positions drawn with probabilities in proportion to the rows of `input`.

    Args:
        input: weights, ``(n)`` or ``(m, n)``.
        num_samples: how many positions are drawn per row.
        replacement: whether a position may be drawn again.

    >>> import argand
    >>> argand.multinomial(argand.tensor([0.0, 1.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if input.form.dtype.kind != "f":
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {input.dtype.name}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    input = input.detach()
    weights = np.atleast_2d(as_array(input.float() if input.dtype.itemsize < 4 else input))
    if not replacement and num_samples > weights.shape[1]:
        rule = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        raise RuntimeError(rule)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement:
        found = _with_replacement(weights, num_samples, generator or default_generator)
    else:
        spread = exponential_into(new(dense(input.dtype, weights.shape)), 1.0, generator)
        ratio = weights / as_array(spread)
        found = np.argsort(-ratio, axis=1, kind="stable")[:, :num_samples]
    found = np.ascontiguousarray(found, dtype=np.int64)
    return from_array(found if input.ndim == 2 else found[0])


def _with_replacement(weights: Any, count: int, generator: Generator) -> Any:
    """Each uniform number picks the position where the cumulative weight passes it."""
    rows = []
    for row in weights:
        cumulative = np.cumsum(row)
        cumulative /= cumulative[-1]
        rows.append(np.searchsorted(cumulative, generator.doubles(count)))
    return np.stack(rows)
