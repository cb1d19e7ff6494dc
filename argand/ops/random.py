"""Random numbers: PyTorch's CPU streams, bit for bit where they are integers and uniforms.

Every fill draws raw numbers of the Mersenne Twister (kernels/random.py) and turns them into the
distribution by an elementwise kernel.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import weakref
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels import random as kernels
from argand.kernels.expr import SCALAR, Expr, const, leaf
from argand.kernels.loops import input_leaf
from argand.ops.arrays import as_array, from_array, new
from argand.ops.complex import view_as_real
from argand.ops.copies import copier
from argand.ops.create import fill
from argand.ops.map import elementwise
from argand.ops.plans import map_plan, nothing
from argand.ops.record import describe
from argand.ops.shape import permuted
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense
from argand.runtime.tensor_base import TensorBase, alias, make

DEFAULT_SEED = 67280421310721  # PyTorch's


@cache
def _kernel(part: str) -> Callable[..., None]:
    """``kernel(state, count or seed, 0, output)``."""
    return memory.make_plan(jit.address(kernels.text(), part), [], 4).run


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


# how PyTorch stores the state of a generator (its words have 64 bits, of which 32 are used)
_STATE = np.dtype(
    [
        ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", 624),
        ("x", "<f8"), ("kept", "<f8"), ("rho", "<f8"), ("has_kept", "<i8"), ("unused", "<i8"),
    ]
)  # fmt: skip


_GENERATORS: weakref.WeakSet[Generator] = weakref.WeakSet()


def _unlock_all() -> None:
    """In a child process nobody holds a lock that another thread of its parent had."""
    for generator in _GENERATORS:
        generator._lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_unlock_all)


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
        _GENERATORS.add(self)
        self._kept: float | None = None  # the second of a pair of normal numbers
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`."""
        seed = int(seed)
        if not -(1 << 63) <= seed < 1 << 64:
            rule = f"Overflow when unpacking long: the seed {seed} needs more than 64 bits"
            raise ValueError(rule)
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
        """`count` raw numbers: ``raw32`` as int32, ``raw64`` or a ``shuffle`` as int64."""
        out = new(dense(dtypes.int32 if part == "raw32" else dtypes.int64, (count,)))
        if count:
            with self._lock:
                _kernel(part)(self._state.ptr, count, 0, out.ptr)
        return out

    def doubles(self, count: int) -> list[float]:
        """`count` uniform numbers with 53 bits."""
        raw = as_array(self.draw("raw64", count)).astype(np.uint64)
        return [float(x) * 2.0**-53 for x in raw & np.uint64((1 << 53) - 1)]

    def get_state(self) -> Any:
        """The state as a uint8 tensor, to be given to `set_state`: PyTorch's form, byte by byte."""
        out = new(dense(dtypes.uint8, (_STATE.itemsize,)))
        ctypes.memset(out.ptr, 0, _STATE.itemsize)
        record = as_array(out).view(_STATE)[0]
        words = self._words()
        position = int(words[-1])
        record["seed"] = self._seed
        record["seeded"] = 1
        record["left"] = len(words) - position
        record["next"] = position
        record["words"] = words[:-1]
        record["has_kept"] = self._kept is not None
        record["kept"] = self._kept or 0.0
        return out

    def set_state(self, new_state: Any) -> Generator:
        """Go on from a state that `get_state` gave, here or in PyTorch.

        Raises:
            TypeError: when it is no uint8 tensor.
            RuntimeError: when it has another size.
        """
        if new_state.form.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if new_state.form.shape != (_STATE.itemsize,):
            raise RuntimeError(
                f"RNG state is wrong size: expected {_STATE.itemsize} bytes from get_state, got "
                f"{describe(new_state)}"
            )
        record = np.ascontiguousarray(as_array(new_state)).view(_STATE)[0]
        words = self._words()
        words[:-1] = record["words"]
        words[-1] = record["next"] if record["left"] > 1 else len(words) - 1
        self._seed = int(record["seed"])
        self._kept = float(record["kept"]) if record["has_kept"] else None
        return self

    def _words(self) -> Any:
        """The Mersenne Twister's words and the position of the next one."""
        layout = dense(dtypes.int32, (kernels.STATE_WORDS,))
        return as_array(make(self._state, layout)).view(np.uint32)

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
    return below_limit.body(_unit(raw, like.dtype).fma(high - low, low), low, high)


@elementwise(**_HIDDEN)
def below_limit(value: Expr, low: Expr, high: Expr) -> Expr:
    """What was rounded up to the end of a half-open range is its begin."""
    return value.eq(high).where(low, value)


@cache
def _normal_kernel(kind: dtype) -> str:
    """Groups of 16 normal numbers from raw ones: cosines in front (Box and Muller, 1958)."""
    source = dtypes.int64 if kind is dtypes.float64 else dtypes.int32
    first, second = (_unit(input_leaf(i, source), kind) for i in range(2))
    mean, std = (leaf(SCALAR, i, kind) for i in range(2))
    radius = ((1 - first).log() * -2.0).sqrt()
    angle = second * (2 * math.pi)
    roots = tuple((radius * part).fma(std, mean) for part in (angle.cos(), angle.sin()))
    return kernels.grouped(roots, source, (kind, kind), kind)


@elementwise(masks=("raw",), **_HIDDEN)
def in_range(raw: Expr, span: Expr, low: Expr) -> Expr:
    """``raw % span + low`` for the bits of a number of 32; `span` has at most as many.

    The quotient in double precision is exact enough to be cut: integers are 2**-32 of it apart.
    """
    number = (raw.to(dtypes.int64) & 0xFFFFFFFF).to(dtypes.float64)
    span = span.to(dtypes.float64)
    quotient = (number / span).trunc()
    return (-quotient).fma(span, number).to(low.dtype) + low


@elementwise(masks=("raw",), result_of="p", **_HIDDEN)
def below(raw: Expr, p: Expr) -> Expr:
    """Whether a 53-bit uniform number lies below `p`."""
    return _unit(raw, dtypes.float64) < p.to(dtypes.float64)


def _in_memory_order(out: Any) -> Any:
    """A view with the dimensions in the order of memory, in which PyTorch fills."""
    if out.form.contiguous:
        return out
    strides = out.form.strides
    order = sorted(range(len(strides)), key=lambda d: -abs(strides[d]))
    return permuted(alias(out), tuple(order))


def _as_real(out: Any) -> Any:
    """The memory of a complex tensor as real numbers, outside of any graph."""
    return make(out.storage, view_as_real.body(out.form)[0], out.ptr)


def uniform_into(out: Any, low: float, high: float, generator: Generator | None) -> Any:
    """Fill `out` with uniform numbers; complex ones have two each."""
    kind = out.form.dtype
    if kind.kind == "c":
        uniform_into(_as_real(out), low, high, generator)
        return out
    if kind.kind != "f":
        raise NotImplementedError(f'"check_uniform_bounds" not implemented for \'{kind.name}\'')
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    raw = _of(generator).draw("raw64" if kind is dtypes.float64 else "raw32", out.form.numel)
    one = unit_of(dtypes.float64 if kind is dtypes.float64 else dtypes.float32)
    target = _in_memory_order(out)
    if kind is one.dtype:
        _uniform_plan(target.form, raw.dtype)(raw.ptr, float(low), float(high), target.ptr)
        return out
    copier.into(target, uniform_of(raw.view(target.shape), one, low, high))
    if kind.itemsize < 4:
        limits = [fill(new(dense(kind, ())), limit) for limit in (low, high)]
        copier.into(target, below_limit(target, *limits))
    return out


@lru_cache(maxsize=256)
def _uniform_plan(form: Layout, source: dtype) -> Callable[..., None]:
    """``plan(raw, low, high, output)``."""
    if not form.numel:
        return nothing
    low, high = (leaf(SCALAR, i, form.dtype) for i in range(2))
    like = const(0.0, form.dtype)
    root = uniform_of.body(input_leaf(0, source), like, low, high)
    raw = dense(source, form.shape)
    return map_plan([root], [raw], [form.dtype] * 2, [form], form.shape).run


@cache
def unit_of(kind: dtype) -> Any:
    """A 0-d tensor that only says which type is meant."""
    out = new(dense(kind, ()))
    ctypes.memset(out.ptr, 0, kind.itemsize)
    return out


def normal_into(out: Any, mean: float, std: float, generator: Generator | None) -> Any:
    """Fill `out` with normal numbers; the parts of complex ones share the variance."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    kind = out.form.dtype
    if kind.kind == "c":
        normal_into(_as_real(out), mean, std / math.sqrt(2), generator)
        return out
    if kind.kind != "f":
        raise NotImplementedError(f'"normal_kernel_cpu" not implemented for \'{kind.name}\'')
    count = out.form.numel
    source = _of(generator)
    if count < 16 or not out.form.contiguous:
        values = from_array(_few_normals(source, count) * std + mean)
        target = _in_memory_order(out)
        copier.into(target, values.view(target.shape))
        return out
    wide = kind is dtypes.float64
    work = dtypes.float64 if wide else dtypes.float32
    part = "raw64" if wide else "raw32"
    raw = source.draw(part, count)
    target = out if kind is work else new(dense(work, out.shape))
    scale = float(mean), float(std)
    _normal_plan(work, count // 16)(raw.ptr, *scale, target.ptr)
    if count % 16:
        last = source.draw(part, 16)
        _normal_plan(work, 1)(last.ptr, *scale, target.ptr + (count - 16) * work.itemsize)
    if target is not out:
        copier.into(out, target)
    return out


@lru_cache(maxsize=256)
def _normal_plan(kind: dtype, groups: int) -> Callable[..., None]:
    """``plan(raw, mean, std, output)``: eight radii and eight angles are drawn for a group."""
    address = jit.address(_normal_kernel(kind))
    chunks = threads.chunks_for(groups * _NANOSECONDS_PER_GROUP, groups)
    return memory.make_plan(address, [], 4, units=groups, chunks=chunks, floats=0b0110).run


_NANOSECONDS_PER_GROUP = 15.0


def _few_normals(generator: Generator, count: int) -> Any:
    """Pairs of doubles; the second of a pair is kept for the next call."""
    kept = [] if generator._kept is None or not count else [generator._kept]
    pairs = (count - len(kept) + 1) // 2
    u1, u2 = np.array(generator.doubles(2 * pairs)).reshape(pairs, 2).T
    radius, angle = np.sqrt(-2.0 * np.log1p(-u2)), 2 * math.pi * u1
    made = np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1).ravel()
    found = np.concatenate((kept, made))
    if count:
        generator._kept = float(found[count]) if len(found) > count else None
    return found[:count]


def integers_into(out: Any, low: int, high: int, generator: Generator | None) -> Any:
    """Fill `out` with integers from `low` to ``high - 1``."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    kind = out.form.dtype
    if kind.kind == "c":
        raise RuntimeError("random_ handles only integral, floating-point and boolean types")
    bits = 1 if kind.kind == "b" else 8 * kind.itemsize
    if kind.kind in "ub" and (low < 0 or high > 1 << bits):
        raise RuntimeError(f"from or to is out of bounds for {kind.name}: {low}, {high}")
    span = high - low
    source = _of(generator)
    target = _in_memory_order(out)
    if span < 1 << 28:  # PyTorch draws 64 bits from here on, so that the remainder is even enough
        raw = source.draw("raw32", out.form.numel)
        copier.into(target, in_range(raw, span, low).view(target.shape))
    else:
        raw64 = as_array(source.draw("raw64", out.form.numel)).astype(np.uint64)
        values = (raw64 % np.uint64(span)).astype(np.int64) + np.int64(low)
        copier.into(target, from_array(values).view(target.shape))
    return out


def anything_into(out: Any, generator: Generator | None) -> Any:
    """Fill `out` with all the integers that its type holds from 0 on."""
    kind = out.form.dtype
    if kind.kind == "c":
        raise NotImplementedError(f'"random" not implemented for \'{kind.name}\'')
    width = _EXACT_BITS.get(kind, 8 * kind.itemsize - (kind.kind == "i"))
    span = (1 << width) + (kind.kind == "f")
    if kind.itemsize == 8:
        return integers_into(out, 0, span, generator)
    target = _in_memory_order(out)
    raw = _of(generator).draw("raw32", out.form.numel)
    copier.into(target, in_range(raw, span, 0).view(target.shape))
    return out


_EXACT_BITS = {
    dtypes.float32: 24, dtypes.float64: 53, dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.bool_: 1,
}  # fmt: skip


def _from_units(out: Any, generator: Generator | None, shape_of: Callable[[Any], Any]) -> Any:
    """Fill `out` with ``shape_of(uniform numbers of 53 bits)``."""
    target = _in_memory_order(out)
    raw = _of(generator).draw("raw64", out.form.numel).view(target.shape)
    copier.into(target, shape_of(uniform_of(raw, unit_of(dtypes.float64), 0.0, 1.0)))
    return out


def _continuous(name: str, kind: dtype) -> None:
    if kind.kind != "f":
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {kind.name}"
        )


def exponential_into(out: Any, lambd: float, generator: Generator | None) -> Any:
    """Fill `out` with exponential numbers of rate `lambd`."""
    _continuous("Exponential", out.form.dtype)
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _from_units(out, generator, lambda unit: (-unit).log1p() / -lambd)


def cauchy_into(out: Any, median: float, sigma: float, generator: Generator | None) -> Any:
    """Fill `out` with Cauchy numbers."""
    _continuous("Cauchy", out.form.dtype)
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return _from_units(
        out, generator, lambda unit: ((unit - 0.5) * math.pi).tan() * sigma + median
    )


def geometric_into(out: Any, p: float, generator: Generator | None) -> Any:
    """Fill `out` with the numbers of trials, of success `p` each, up to the first success."""
    kind = out.form.dtype
    if kind.kind not in "fiu":
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{kind.name}'")
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    return _from_units(out, generator, lambda unit: (unit.log() / math.log1p(-p)).ceil())


def log_normal_into(out: Any, mean: float, std: float, generator: Generator | None) -> Any:
    """Fill `out` with numbers whose logarithms are normal."""
    kind = out.form.dtype
    if kind.kind != "f":
        raise NotImplementedError(f"\"log_normal_cpu\" not implemented for '{kind.name}'")
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    values = np.exp(_few_normals(_of(generator), out.form.numel) * std + mean)
    target = _in_memory_order(out)
    copier.into(target, from_array(values).view(target.shape))
    return out


def bernoulli_into(out: Any, p: Any, generator: Generator | None) -> Any:
    """Fill `out` with ones with probability `p`, zeros otherwise."""
    if out.form.dtype.kind == "c":
        raise NotImplementedError(f'"bernoulli" not implemented for \'{out.dtype.name}\'')
    if isinstance(p, TensorBase):
        wide = p.form.dtype is dtypes.float64
        raw = _of(generator).draw("raw64" if wide else "raw32", out.form.numel).view(out.shape)
        unit = uniform_of(raw, unit_of(dtypes.float64 if wide else dtypes.float32), 0.0, 1.0)
        copier.into(out, unit < alias(p))
        return out
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    target = _in_memory_order(out)
    raw = _of(generator).draw("raw64", out.form.numel).view(target.shape)
    copier.into(target, below(raw, unit_of(dtypes.float64) + p))
    return out
