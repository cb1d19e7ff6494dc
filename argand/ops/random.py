"""Random numbers: PyTorch's CPU streams, bit for bit where they are integers and uniforms.

Every fill draws raw numbers of the Mersenne Twister (kernels/random.py) and turns them into the
distribution by an elementwise kernel.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels import random as kernels
from argand.kernels.expr import Expr, const
from argand.ops.create import Options, as_array, copier, new
from argand.ops.function import composite
from argand.ops.map import elementwise
from argand.ops.record import _Defaults
from argand.ops.shape import sizes_of
from argand.runtime import memory
from argand.runtime.layout import dense
from argand.runtime.tensor_base import TensorBase, make

DEFAULT_SEED = 67280421310721  # PyTorch's
_INT64 = dtypes.int64


@cache
def _kernel(part: str) -> Callable[..., None]:
    """``kernel(state, count or seed, 0, output)``."""
    return memory.make_plan(jit.address(kernels.TEXT, part), [], 4).run


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


class Generator:
    """A stream of random numbers.

    >>> g = Generator().manual_seed(3)
    >>> g.initial_seed()
    3
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self._state = memory.allocate(kernels.STATE_BYTES)
        self._lock = threading.Lock()
        self._kept: float | None = None  # the second of a pair of normal numbers
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`."""
        seed = int(seed)
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError(f"Overflow when unpacking long: the seed {seed} needs more than 64 bits")
        self._seed = seed & ((1 << 64) - 1)
        _kernel("seed")(self._state.ptr, _signed(self._seed), 0, 0)
        self._kept = None
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foresee; returns its seed."""
        seed = int.from_bytes(os.urandom(8), "little") >> 11
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return self._seed

    def draw(self, part: str, count: int) -> Any:
        """`count` raw numbers as an int64 vector: ``raw32``, ``raw64`` or a ``shuffle``."""
        out = new(dense(_INT64, (count,)))
        if count:
            with self._lock:
                _kernel(part)(self._state.ptr, count, 0, out.ptr)
        return out

    def doubles(self, count: int) -> list[float]:
        """`count` uniform numbers with 53 bits."""
        raw = as_array(self.draw("raw64", count)).astype(np.uint64)
        return [float(x) * 2.0**-53 for x in raw & np.uint64((1 << 53) - 1)]

    def get_state(self) -> Any:
        """The state as a uint8 tensor, to be given to `set_state`."""
        size = kernels.STATE_BYTES
        out = new(dense(dtypes.uint8, (size + 24,)))
        ctypes.memmove(out.ptr, self._state.ptr, size)
        tail = as_array(out)[size:]
        kept = math.nan if self._kept is None else self._kept
        tail[:8] = np.frombuffer(np.uint64(self._seed).tobytes(), "u1")
        tail[8:16] = np.frombuffer(np.float64(kept).tobytes(), "u1")
        tail[16:] = self._kept is not None
        return out

    def set_state(self, new_state: Any) -> Generator:
        """Go on from a state that `get_state` gave.

        Raises:
            RuntimeError: when it is none.
        """
        size = kernels.STATE_BYTES
        if new_state.layout.dtype is not dtypes.uint8 or new_state.numel() != size + 24:
            raise RuntimeError("RNG state is wrong size: it must be a uint8 tensor from get_state")
        array = np.ascontiguousarray(as_array(new_state))
        ctypes.memmove(self._state.ptr, array.ctypes.data, size)
        self._seed = int(array[size : size + 8].view("u8")[0])
        kept = float(array[size + 8 : size + 16].view("f8")[0])
        self._kept = kept if array[-1] else None
        return self

    def clone_state(self) -> Generator:
        """Another generator that will draw the same numbers."""
        return Generator().set_state(self.get_state())


default_generator = Generator()


def _of(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


def manual_seed(seed: int) -> Generator:
    """Seed the default generator.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator with a number nobody can foresee."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Let the default generator go on from a state."""
    default_generator.set_state(new_state)


# ---- from raw numbers to distributions --------------------------------------------------------

_HIDDEN: dict[str, Any] = {"as_method": False, "as_function": False}


def _unit(raw: Expr, kind: dtype) -> Expr:
    """A uniform number below 1: 24 bits of a raw number in float32, 53 bits in float64."""
    bits = 24 if kind is dtypes.float32 else 53
    return (raw & ((1 << bits) - 1)).to(kind) * const(2.0**-bits, kind)


@elementwise(masks=("raw",), result_of="like", **_HIDDEN)
def uniform_of(raw: Expr, like: Expr, low: Expr, high: Expr) -> Expr:
    """A uniform number between `low` and `high`; `like` has the type."""
    return _unit(raw, like.dtype) * (high - low) + low


@elementwise(masks=("first", "second"), result_of="like", **_HIDDEN)
def normal_pair(first: Expr, second: Expr, like: Expr) -> tuple[Expr, Expr]:
    """Two normal numbers from two raw ones (Box and Muller, 1958)."""
    kind = like.dtype
    radius = ((1 - _unit(first, kind)).log() * -2.0).sqrt()
    angle = _unit(second, kind) * (2 * math.pi)
    return radius * angle.cos(), radius * angle.sin()


@elementwise(**_HIDDEN)
def in_range(raw: Expr, span: Expr, low: Expr) -> Expr:
    """``raw % span + low`` for a raw number of 32 bits."""
    return raw.rem(span) + low


@elementwise(masks=("raw",), result_of="p", **_HIDDEN)
def below(raw: Expr, p: Expr) -> Expr:
    """Whether a 53-bit uniform number lies below `p`."""
    return _unit(raw, dtypes.float64) < p.to(dtypes.float64)


def uniform_into(out: Any, low: float, high: float, generator: Generator | None) -> Any:
    """Fill `out` with uniform numbers."""
    kind = out.layout.dtype
    if kind.kind != "f":
        raise RuntimeError(f'"check_uniform_bounds" not implemented for \'{kind.name}\'')
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    raw = _of(generator).draw("raw64" if kind is dtypes.float64 else "raw32", out.layout.numel)
    one = _zero_of(dtypes.float64 if kind is dtypes.float64 else dtypes.float32)
    values = uniform_of(raw.view(out.shape), one, low, high)
    copier.into(out, values)
    return out


def _zero_of(kind: dtype) -> Any:
    """A 0-d tensor that only says which type is meant."""
    return _zeros(kind)


@cache
def _zeros(kind: dtype) -> Any:
    out = new(dense(kind, ()))
    ctypes.memset(out.ptr, 0, kind.itemsize)
    return out


def normal_into(out: Any, mean: float, std: float, generator: Generator | None) -> Any:
    """Fill `out` with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    kind = out.layout.dtype
    if kind.kind != "f":
        raise RuntimeError(f'"normal_kernel_cpu" not implemented for \'{kind.name}\'')
    count = out.layout.numel
    source = _of(generator)
    if count < 16 or not out.layout.contiguous:
        values = np.array(_few_normals(source, count)) * std + mean
        as_array(out)[...] = values.reshape(tuple(out.shape))
        return out
    wide = kind is dtypes.float64
    work = dtypes.float64 if wide else dtypes.float32
    part = "raw64" if wide else "raw32"
    raw = source.draw(part, count)
    target = out if kind is work else new(dense(work, out.shape))
    whole = count // 16 * 16
    _sixteens(raw, make(target.storage, dense(work, (whole,)), target.ptr), whole)
    if count % 16:
        last = target.ptr + (count - 16) * work.itemsize
        _sixteens(source.draw(part, 16), make(target.storage, dense(work, (16,)), last), 16)
    if target is not out:
        copier.into(out, target)
    if mean != 0 or std != 1:
        copier.into(out, out * std + mean)
    return out


def _sixteens(raw: Any, out: Any, count: int) -> None:
    """Groups of 16: eight radii, eight angles; cosines in front, sines behind."""
    groups = raw.narrow(0, 0, count).view(-1, 2, 8)
    target = out.view(-1, 2, 8)
    pair = normal_pair(groups.select(1, 0), groups.select(1, 1), _zero_of(out.dtype))
    for half, values in enumerate(pair):
        copier.into(target.select(1, half), values)


def _few_normals(generator: Generator, count: int) -> list[float]:
    """Fewer than 16: pairs of doubles; the second of a pair is kept for the next call."""
    found = []
    while len(found) < count:
        if generator._kept is not None:
            found.append(generator._kept)
            generator._kept = None
            continue
        u1, u2 = generator.doubles(2)
        radius = math.sqrt(-2.0 * math.log1p(-u2))
        found.append(radius * math.cos(2 * math.pi * u1))
        generator._kept = radius * math.sin(2 * math.pi * u1)
    return found


def integers_into(out: Any, low: int, high: int, generator: Generator | None) -> Any:
    """Fill `out` with integers from `low` to ``high - 1``."""
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    span = high - low
    source = _of(generator)
    if span < 1 << 32:
        raw = source.draw("raw32", out.layout.numel)
        copier.into(out, in_range(raw, span, low).view(out.shape))
    else:
        raw64 = as_array(source.draw("raw64", out.layout.numel)).astype(np.uint64)
        values = (raw64 % np.uint64(span)).astype(np.int64) + np.int64(low)
        as_array(out)[...] = values.reshape(tuple(out.shape))
    return out


def bernoulli_into(out: Any, p: Any, generator: Generator | None) -> Any:
    """Fill `out` with ones with probability `p`, zeros otherwise."""
    if isinstance(p, TensorBase):
        count = out.layout.numel
        raw = _of(generator).draw("raw64", count).view(out.shape)
        copier.into(out, below(raw, p))
        return out
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    raw = _of(generator).draw("raw64", out.layout.numel).view(out.shape)
    copier.into(out, below(raw, _zero_of(dtypes.float64) + p))
    return out


# ---- public functions ---------------------------------------------------------------------------


def _random(name: str, size: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Options, Any]:
    generator = kwargs.pop("generator", None)
    if "size" in kwargs:
        size = (kwargs.pop("size"),)
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    return new(dense(kind, sizes_of(name, size))), options, generator


@composite(as_method=False)
def rand(*size: Any, **kwargs: Any) -> Any:
    """Uniform numbers between 0 and 1.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.rand(2)
    tensor([0.4963, 0.7682])
    """
    out, options, generator = _random("rand", size, kwargs)
    return options.finish(uniform_into(out, 0.0, 1.0, generator))


@composite(as_method=False)
def randn(*size: Any, **kwargs: Any) -> Any:
    """Normal numbers with mean 0 and deviation 1.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    out, options, generator = _random("randn", size, kwargs)
    return options.finish(normal_into(out, 0.0, 1.0, generator))


@composite(as_method=False)
def rand_like(input: Any, **kwargs: Any) -> Any:
    """Uniform numbers in the shape and type of `input`.

    >>> import argand
    >>> argand.rand_like(argand.zeros(2)).shape
    torch.Size([2])
    """
    kwargs.setdefault("dtype", input.layout.dtype)
    return rand.body(tuple(input.shape), **kwargs)


@composite(as_method=False)
def randn_like(input: Any, **kwargs: Any) -> Any:
    """Normal numbers in the shape and type of `input`.

    >>> import argand
    >>> argand.randn_like(argand.zeros(2)).shape
    torch.Size([2])
    """
    kwargs.setdefault("dtype", input.layout.dtype)
    return randn.body(tuple(input.shape), **kwargs)


@composite(as_method=False)
def randint(low: int, high: Any = None, size: Any = None, **kwargs: Any) -> Any:
    """Integers from `low` (0 if left out) to ``high - 1``.

    >>> import argand
    >>> g = argand.manual_seed(0)
    >>> argand.randint(0, 10, (3,))
    tensor([4, 9, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    if high is None:
        low, high = 0, low
    generator = kwargs.pop("generator", None)
    options = Options(**kwargs)
    out = new(dense(options.kind or _INT64, sizes_of("randint", (size,))))
    return options.finish(integers_into(out, int(low), int(high), generator))


@composite(as_method=False)
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
    out = _of(generator).draw("shuffle", n)
    if options.kind not in (None, _INT64):
        out = out.to(options.kind)
    return options.finish(out)


@composite(as_method=False)
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **kwargs: Any) -> Any:
    """Normal numbers with given means and deviations.

    >>> import argand
    >>> argand.normal(0.0, 1.0, (2,)).shape
    torch.Size([2])
    """
    generator = kwargs.pop("generator", None)
    if size is not None:
        options = Options(**kwargs)
        out = new(dense(options.kind or _Defaults.float_dtype, sizes_of("normal", (size,))))
        return options.finish(normal_into(out, float(mean), float(std), generator))
    like = mean if isinstance(mean, TensorBase) else std
    shape = (mean + std * 0).shape if isinstance(mean, TensorBase) else like.shape
    out = normal_into(new(dense(like.dtype, shape)), 0.0, 1.0, generator)
    return out * std + mean


@composite
def bernoulli(input: Any, *, generator: Generator | None = None) -> Any:
    """1 with the probability that `input` holds, 0 otherwise.

    >>> import argand
    >>> argand.bernoulli(argand.ones(2))
    tensor([1., 1.])
    """
    kind = input.layout.dtype
    if kind.kind != "f":
        raise RuntimeError(f'"bernoulli_tensor_cpu_p_" not implemented for \'{kind.name}\'')
    wide = kind is dtypes.float64
    out = new(dense(kind, input.shape))
    raw = _of(generator).draw("raw64" if wide else "raw32", out.layout.numel).view(out.shape)
    unit = uniform_of(raw, _zero_of(kind if wide else dtypes.float32), 0.0, 1.0)
    copier.into(out, unit < input.detach())
    return out
