"""What the tests of kernels share: guarded memory, values of every type, calls, and machines.

Kernels are called here as the plans call them, but with memory that shows every stray write: an
output lies between guards, and the gaps between its elements count as guards too.
"""

import ctypes
import itertools
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import llvmlite.binding as llvm
import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import jit, target
from argand.kernels.emit import compute_dtype
from argand.kernels.loops import BROADCAST, CONTIGUOUS, STRIDED, Operand, map_kernel
from argand.kernels.multi import multi_kernel
from argand.kernels.reduce import reduce_kernel
from argand.kernels.rows import row_kernel
from argand.kernels.scalar import Primitive

LENGTHS = (0, 1, 15, 16, 17, 63, 64, 65, 1000)
GUARD = 512  # bytes before and after an array, more than any vector
FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
SIGNED = (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
REAL = (dtypes.bool_, dtypes.uint8, *SIGNED, *FLOATS)

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


# ---- memory -------------------------------------------------------------------------------------


class Guarded:
    """An array of `shape` inside a larger block whose other bytes must not change.

    `gaps` are added between the elements of each dimension: 0 is dense, 1 leaves every other
    element out. A dimension in `flipped` is walked backwards.
    """

    def __init__(
        self,
        kind: dtype,
        shape: Sequence[int],
        gaps: Sequence[int] = (),
        flipped: Sequence[int] = (),
        shift: int = 0,
    ) -> None:
        extents = [n * (1 + g) for n, g in zip(shape, gaps or [0] * len(shape))]
        size = int(np.prod(extents)) * kind.itemsize
        self.block = np.random.default_rng(7).integers(0, 256, size + 2 * GUARD, dtype=np.uint8)
        start = GUARD + shift * kind.itemsize  # misaligned for vectors, aligned for elements
        self.slices = tuple(
            slice(None, None, (1 + g) * (-1 if d in flipped else 1))
            for d, g in enumerate(gaps or [0] * len(shape))
        )
        self.place = (start, size, kind.numpy, tuple(extents))
        self.array = self.view(self.block)
        self.before = self.block.copy()

    def view(self, block: np.ndarray) -> np.ndarray:
        """The array's elements within a block of the same size."""
        start, size, kind, extents = self.place
        return block[start : start + size].view(kind).reshape(extents)[self.slices]

    def check(self) -> None:
        """Nothing outside of the array has changed."""
        expected = self.before.copy()
        self.view(expected)[...] = self.array
        changed = np.flatnonzero(expected != self.block)
        assert not len(changed), f"{len(changed)} bytes outside changed, first at {changed[0]}"


def call(text: str, words: Sequence[int | float], parameters: Sequence[int], units: int,
         cuts: Sequence[int] = ()) -> None:  # fmt: skip
    """Run all units of a kernel, in pieces that end at `cuts`."""
    packed = [struct.pack("d" if isinstance(w, float) else "q", w) for w in words]
    arguments = ctypes.create_string_buffer(b"".join(packed), 8 * len(words))
    sizes = ctypes.create_string_buffer(struct.pack(f"{len(parameters)}q", *parameters))
    function = _CALL(jit.address(text))
    edges = [0, *(c for c in cuts if 0 < c < units), units]
    for first, end in itertools.pairwise(edges):
        function(ctypes.addressof(arguments), ctypes.addressof(sizes), first, end)


def access_of(array: np.ndarray) -> str:
    """How the innermost dimension walks through memory."""
    stride = array.strides[-1]
    if stride == 0:
        return BROADCAST
    return CONTIGUOUS if stride == array.itemsize else STRIDED


def operand(kind: dtype, array: np.ndarray) -> Operand:
    return Operand(kind, access_of(array))


def run_map(
    roots: Sequence[object],
    inputs: Sequence[tuple[dtype, np.ndarray]],
    outputs: Sequence[tuple[dtype, np.ndarray]],
    scalars: Sequence[tuple[dtype, int | float]] = (),
    tile: int | None = None,
) -> None:
    """Run a map kernel; all arrays already have the shape of the iteration."""
    shape = outputs[0][1].shape
    every = [*inputs, *outputs]
    text = map_kernel(
        tuple(roots),
        tuple(operand(k, a) for k, a in inputs),
        tuple(k for k, _ in scalars),
        tuple(operand(k, a) for k, a in outputs),
        len(shape),
    )
    length = shape[-1]
    tile = max(1, tile or length)
    tiles = -(-length // tile)
    rows = int(np.prod(shape[:-1]))
    parameters = [length, tile, tiles, *shape[:-1]]
    for _, array in every:
        parameters += array.strides
    addresses = [a.ctypes.data for _, a in inputs]
    words = [*addresses, *(v for _, v in scalars), *(a.ctypes.data for _, a in outputs)]
    units = rows * tiles
    call(text, words, parameters, units, cuts=(units // 3, units // 2))


# ---- values -------------------------------------------------------------------------------------


def kinds_of(row: Primitive) -> list[dtype]:
    """The types a row computes: those of its templates, and floating ones by a library."""
    kinds = set(row.templates)
    if row.libm or row.name == "sigmoid":
        kinds.add("f")
    if row.name == "stop_gradient":
        kinds = set("fiub")
    return [kind for kind in REAL if kind.kind in kinds]


def encode(kind: dtype, values: np.ndarray) -> np.ndarray:
    """Computed values as they lie in memory."""
    with np.errstate(all="ignore"):
        if kind.name != "bfloat16":
            return np.asarray(values).astype(kind.numpy)
        values = np.asarray(values, np.float32)
        bits = values.view(np.uint32)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def decode(kind: dtype, stored: np.ndarray) -> np.ndarray:
    """What lies in memory as computed values: half types as float32."""
    if kind.name == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):  # signalling NaN
        return stored.astype(compute_dtype(kind).numpy)


_SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, np.inf, -np.inf, np.nan)


def special_values(kind: dtype) -> np.ndarray:
    """The edges of a type, as they lie in memory."""
    if kind.kind == "b":
        return np.array([False, True])
    if kind.kind != "f":
        facts = np.iinfo(kind.numpy)
        edges = {facts.min, facts.max, facts.min + 1, facts.max - 1, 0, 1, 2, 7}
        edges |= {-1, -2, -7} if kind.kind == "i" else set()
        return np.array(sorted(edges), kind.numpy)
    limits = np.finfo(compute_dtype(kind).numpy if kind.name == "bfloat16" else kind.numpy)
    sizes = (limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, 88.7, 1e4)
    return encode(kind, np.array([*_SPECIAL, *sizes, *(-s for s in sizes)]))


def sample(kind: dtype, count: int, seed: int) -> np.ndarray:
    """`count` values: the special ones, moderate ones, and random bits, mixed."""
    rng = np.random.default_rng(seed)
    if kind.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    special = special_values(kind)
    bits = rng.integers(0, 256, count * kind.itemsize, dtype=np.uint8).view(kind.numpy)
    if kind.kind == "f":
        moderate = encode(kind, rng.normal(size=count) * 3)
    else:
        moderate = rng.integers(0, 100, count).astype(kind.numpy)
    chosen = rng.integers(0, 3, count)
    return np.choose(chosen, [rng.choice(special, count), bits, moderate])


def steps_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many representable numbers apart floating values are; NaN equals NaN only.

    Both zeros count as one number.
    """
    kind = np.dtype(f"i{a.dtype.itemsize}")
    assert a.dtype == b.dtype
    far = np.uint64(np.iinfo(np.uint64).max)

    def order(x: np.ndarray) -> np.ndarray:
        bits = np.ascontiguousarray(x).view(kind)
        size = (bits & np.iinfo(kind).max).astype(np.int64)
        return np.where(bits < 0, -size, size)

    left, right = order(a), order(b)
    steps = np.where(left > right, left, right).astype(np.uint64)
    steps = steps - np.where(left > right, right, left).astype(np.uint64)
    one, both = np.isnan(a) | np.isnan(b), np.isnan(a) & np.isnan(b)
    return np.where(both, np.uint64(0), np.where(one, far, steps))


def assert_same(got: np.ndarray, wanted: np.ndarray, context: str = "") -> None:
    """Equal bit for bit, but for what a NaN holds."""
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    if got.dtype.kind == "f":
        wrong = ~((got == wanted) & (np.signbit(got) == np.signbit(wanted)))
        wrong &= ~(np.isnan(got) & np.isnan(wanted))
    else:
        wrong = got != wanted
    where = np.argwhere(wrong)
    assert not len(where), (
        f"{context}: {len(where)} of {wrong.size} differ, first at {tuple(where[0])}: "
        f"{got[tuple(where[0])]!r} instead of {wanted[tuple(where[0])]!r}"
    )


# ---- machines -----------------------------------------------------------------------------------

# vector bytes and registers, LLVM's name of a processor that has just that, what it must have
_NARROWER = {
    "avx2": ((32, 16), "haswell", {"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}),
    "sse4": ((16, 16), "x86-64-v2", {"sse4.2", "popcnt", "cx16"}),
}
MACHINES = ("host", *_NARROWER)
_loaded: dict[str, dict[str, str]] = {name: {} for name in _NARROWER}
_kernels = (map_kernel, reduce_kernel, row_kernel, multi_kernel)


def _forget() -> None:
    target.fingerprint.cache_clear()
    for kernel in _kernels:
        kernel.cache_clear()


@contextmanager
def another_target(machine: target.Target, loaded: dict[str, str]) -> Iterator[None]:
    """Generate code for `machine` within the context; `loaded` collects its modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "host", lambda: machine)
        patch.setattr(jit, "_loaded", loaded)
        patch.setattr(jit, "_emitter", None)
        _forget()
        yield
    _forget()


@contextmanager
def machine_named(name: str) -> Iterator[None]:
    """Kernels for the host, or for an older processor whose code the host can run."""
    if name == "host":
        yield
        return
    (width, registers), cpu, needed = _NARROWER[name]
    here = target.host()
    if not here.triple.startswith(("x86_64", "amd64")):
        pytest.skip(f"an {here.triple} processor does not run code for {cpu}")
    present = {feature for feature, has in llvm.get_host_cpu_features().items() if has}
    if not needed <= present:
        pytest.skip(f"this processor lacks {sorted(needed - present)}")
    rows, vectors = target._TILES[width, registers]
    older = target.Target(
        here.triple, cpu, "", width, registers, rows, vectors, converts_half="f16c" in needed
    )
    with another_target(older, _loaded[name]):
        yield
