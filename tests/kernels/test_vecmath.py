"""Transcendental functions stay within 2 representable numbers of the true result."""

from collections.abc import Callable

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.expr import apply
from argand.kernels.loops import input_leaf
from argand.kernels.scalar import TABLE
from argand.kernels.vecmath import EXPANSIONS, TRIGONOMETRIC_LIMIT
from tests.kernels.harness import Guarded, run_map, steps_between

STEPS = 2
FUNCTIONS = sorted(
    name for name, row in TABLE.items() if (row.libm and row.arity == 1) or name == "sigmoid"
)
# arguments at which a scheme changes branch, overflows, or loses its digits
EDGES = (
    0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.0, 0.625, 0.921875, 4.0, 20.0, 88.0,
    88.72284, 89.0, 104.0, 127.0, 128.0, 149.0, 150.0, 0.41421356, -0.29289322, 0.70710678,
    1.1754944e-38, 1e-45, 16777216.0, 1e10, 3.4e38, TRIGONOMETRIC_LIMIT, 709.78, 745.13, np.pi,
    np.pi / 2, 3 * np.pi / 4, 100.53096,
)  # fmt: skip


def around(kind: dtype) -> np.ndarray:
    """The edges with both signs, and their four nearest neighbours."""
    points = np.array([*EDGES, *(-e for e in EDGES)], kind.numpy)
    found = [points]
    for direction in (-np.inf, np.inf):
        near = points
        for _ in range(2):
            near = np.nextafter(near, kind.numpy.type(direction))
            found.append(near)
    return np.concatenate(found)


def arguments(kind: dtype, count: int) -> np.ndarray:
    """Every so many of all bit patterns, which are dense around 0, and many of moderate size."""
    bits = 8 * kind.itemsize
    step = (1 << bits) // count | 1
    if bits == 32:
        patterns = np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32)
    else:
        patterns = np.arange(count, dtype=np.uint64) * np.uint64(step)
    rng = np.random.default_rng(0)
    spread = rng.normal(size=count) * 10 ** rng.uniform(-4, 3, count)
    return np.concatenate([around(kind), patterns.view(kind.numpy), spread.astype(kind.numpy)])


def computed(name: str, kind: dtype, *arrays: np.ndarray) -> np.ndarray:
    out = Guarded(kind, arrays[0].shape)
    root = apply(name, *(input_leaf(i, kind) for i in range(len(arrays))))
    run_map([root], [(kind, a) for a in arrays], [(kind, out.array)])
    out.check()
    return out.array


def true(name: str, kind: dtype, *arrays: np.ndarray) -> np.ndarray:
    """The result in a wider type, rounded to `kind`."""
    wide = np.float64 if kind is dtypes.float32 else np.longdouble
    function: Callable[..., np.ndarray] = TABLE[name].numpy
    with np.errstate(all="ignore"):
        return np.asarray(function(*(a.astype(wide) for a in arrays))).astype(kind.numpy)


def check(name: str, kind: dtype, *arrays: np.ndarray) -> None:
    got, wanted = computed(name, kind, *arrays), true(name, kind, *arrays)
    steps = steps_between(got, wanted)
    if name == "sigmoid":  # a denormal result may be 0
        steps[(np.abs(wanted) < np.finfo(wanted.dtype).tiny) & (got == 0)] = 0
    worst = int(np.argmax(steps))
    given = tuple(a[worst] for a in arrays)
    assert steps[worst] <= STEPS, (
        f"{name}{given} is {steps[worst]} off: {got[worst]!r} instead of {wanted[worst]!r}; "
        f"{np.mean(steps > STEPS):.2%} of all are wrong"
    )
    zeros = (wanted == 0) & (got == 0)
    assert (np.signbit(wanted) == np.signbit(got))[zeros].all(), f"{name}: sign of zero"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(name: str, machine: str) -> None:
    count = 1 << 16 if name == "erf" else 1 << 18  # the true erf is computed one by one
    check(name, dtypes.float32, arguments(dtypes.float32, count))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"erf", "lgamma"}))
@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= 52, reason="long double has no more digits than double here"
)
def test_float64(name: str, machine: str) -> None:
    check(name, dtypes.float64, arguments(dtypes.float64, 1 << 14))


def test_erf_in_float64(machine: str) -> None:
    """Against the C library's own, called by Python: the same function."""
    check("erf", dtypes.float64, arguments(dtypes.float64, 1 << 12))


@pytest.mark.parametrize("kind", [dtypes.float32, dtypes.float64], ids=str)
def test_pow(kind: dtype, machine: str) -> None:
    rng = np.random.default_rng(0)
    count = 1 << 17
    x = np.exp(rng.normal(size=count) * 10 ** rng.uniform(-3, 1.5, count))
    y = rng.normal(size=count) * 10 ** rng.uniform(-3, 2, count)
    whole = np.arange(count) % 4 == 0
    y[whole] = np.round(y[whole])
    x[whole] *= rng.choice([-1, 1], whole.sum())
    if kind is dtypes.float64 and np.finfo(np.longdouble).nmant <= 52:
        pytest.skip("long double has no more digits than double here")
    with np.errstate(over="ignore", under="ignore"):
        x, y = x.astype(kind.numpy), y.astype(kind.numpy)
    check("pow", kind, x, y)


@pytest.mark.parametrize("kind", [dtypes.float32, dtypes.float64], ids=str)
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_two_arguments_at_their_edges(name: str, kind: dtype, machine: str) -> None:
    """Zeros, infinities, NaN, odd and even and huge integers, against each other."""
    points = [0.0, 0.5, 1.0, 2.0, 3.0, 1.5, 2.5, 7.0, 1e-3, 1e3, 2.0**24 - 1, 2.0**24, 2.0**24 + 2,
              2.0**53 - 1, 2.0**53, 2.0**60, 1e-45, 1.1754944e-38, 3e38, np.inf]  # fmt: skip
    edges = np.array([*points, *(-p for p in points), np.nan], kind.numpy)
    x, y = np.repeat(edges, len(edges)), np.tile(edges, len(edges))
    check(name, kind, x, y)


def test_the_normal_distribution_function(machine: str) -> None:
    x = arguments(dtypes.float32, 1 << 14)
    got, wanted = computed("normal_cdf", dtypes.float32, x), true("normal_cdf", dtypes.float32, x)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-7)


def test_scaled(machine: str) -> None:
    """Powers of two up to where everything overflows, or is lost."""
    n = np.tile(np.arange(-160.0, 140.0, dtype="f4"), 300)
    x = np.random.default_rng(0).normal(size=n.size).astype("f4")
    out = Guarded(dtypes.float32, n.shape)
    root = input_leaf(0, dtypes.float32).scaled(input_leaf(1, dtypes.float32))
    run_map([root], [(dtypes.float32, x), (dtypes.float32, n)], [(dtypes.float32, out.array)])
    out.check()
    with np.errstate(over="ignore", under="ignore"):
        wanted = np.ldexp(x.astype("f8"), n.astype("i4")).astype("f4")
    assert steps_between(out.array, wanted).max() <= 1


def test_all_functions_of_float32_are_expansions_or_the_library() -> None:
    """What is measured above is what the table offers."""
    assert set(EXPANSIONS) <= {*FUNCTIONS, "pow", "scaled", "normal_cdf", "hypot"}
    assert len(FUNCTIONS) >= 17
