"""Special functions and loops within expressions, against SciPy where it is installed."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from argand import dtypes
from argand.kernels.expr import INPUT, SCALAR, apply, differentiate, evaluate, leaf
from argand.kernels.iterate import iterate
from argand.kernels.scalar import TABLE
from argand.kernels.special import EXPANSIONS
from tests.kernels.harness import Guarded, run_map

special = pytest.importorskip("scipy.special")

RNG = np.random.default_rng(0)
SMALL = np.concatenate([10 ** RNG.uniform(-5, 2.5, 300), RNG.uniform(0, 20, 300)])
SIGNED = np.concatenate([SMALL, -SMALL])
UNIT = np.concatenate([RNG.uniform(-1, 1, 400), 1 - 10 ** RNG.uniform(-15, 0, 200)])
DEGREES = RNG.integers(-1, 30, 600).astype(float)
POINTS = RNG.uniform(-1.5, 1.5, 600)


def _airy(x: Any) -> Any:
    return special.airy(x)[0]


def _incomplete() -> tuple[np.ndarray, np.ndarray]:
    a = 10 ** RNG.uniform(-2, 4, 600)
    return a, a * (1 + RNG.uniform(-0.9, 4, 600) / np.sqrt(a + 1))


def _third(x: Any, n: Any) -> Any:
    angle = np.arccos(x)
    return np.cos((n + 0.5) * angle) / np.cos(angle / 2) * (n >= 0)


def _fourth(x: Any, n: Any) -> Any:
    angle = np.arccos(x)
    return np.sin((n + 0.5) * angle) / np.sin(angle / 2) * (n >= 0)


def _of(name: str) -> Callable[..., Any]:
    found = getattr(special, name)
    return lambda x, n: np.where(n < 0, 0.0, found(np.maximum(n, 0).astype(int), x))


INSIDE = RNG.uniform(-0.999, 0.999, 600)
# name: the same in SciPy, arguments, tolerance in float64 (relative; absolute for waves)
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], float]] = {
    "digamma": (special.digamma, (np.concatenate([SMALL, RNG.uniform(-20, 0, 300)]),), 1e-12),
    "trigamma": (lambda x: special.polygamma(1, x), (SMALL,), 1e-13),
    "lgamma": (special.gammaln, (np.concatenate([SMALL, RNG.uniform(-20, 0, 300)]),), 1e-12),
    "zeta": (special.zeta, (RNG.uniform(1.01, 30, 600), 10 ** RNG.uniform(-2, 3, 600)), 1e-13),
    "igamma": (special.gammainc, _incomplete(), 1e-11),
    "igammac": (special.gammaincc, _incomplete(), 1e-11),
    "i0": (special.i0, (SIGNED,), 1e-13),
    "i1": (special.i1, (SIGNED,), 1e-13),
    "i0e": (special.i0e, (SIGNED,), 1e-13),
    "i1e": (special.i1e, (SIGNED,), 1e-13),
    "modified_bessel_k0": (special.k0, (SMALL,), 1e-13),
    "modified_bessel_k1": (special.k1, (SMALL,), 1e-13),
    "scaled_modified_bessel_k0": (special.k0e, (SMALL,), 1e-13),
    "scaled_modified_bessel_k1": (special.k1e, (SMALL,), 1e-13),
    "bessel_j0": (special.j0, (SIGNED,), 1e-14),
    "bessel_j1": (special.j1, (SIGNED,), 1e-14),
    "bessel_y0": (special.y0, (SMALL,), 1e-14),
    "bessel_y1": (special.y1, (SMALL,), 1e-14),
    "spherical_bessel_j0": (lambda x: special.spherical_jn(0, x), (SMALL,), 1e-14),
    "airy_ai": (_airy, (RNG.uniform(-30, 30, 600),), 1e-13),
    "erfinv": (special.erfinv, (UNIT,), 1e-13),
    "ndtri": (special.ndtri, (10 ** RNG.uniform(-300, 0, 600),), 1e-13),
    "erfcx": (special.erfcx, (np.concatenate([RNG.uniform(-26, 60, 500), SMALL]),), 1e-12),
    "log_ndtr": (special.log_ndtr, (RNG.uniform(-300, 20, 600),), 1e-12),
    "entr": (special.entr, (SIGNED,), 1e-14),
    "chebyshev_polynomial_t": (_of("eval_chebyt"), (POINTS, DEGREES), 1e-11),
    "chebyshev_polynomial_u": (_of("eval_chebyu"), (POINTS, DEGREES), 1e-11),
    "chebyshev_polynomial_v": (_third, (INSIDE, DEGREES), 1e-11),
    "chebyshev_polynomial_w": (_fourth, (INSIDE, DEGREES), 1e-11),
    "shifted_chebyshev_polynomial_t": (_of("eval_sh_chebyt"), (POINTS, DEGREES), 1e-11),
    "shifted_chebyshev_polynomial_u": (_of("eval_sh_chebyu"), (POINTS, DEGREES), 1e-11),
    "shifted_chebyshev_polynomial_v": (
        lambda x, n: _third(2 * x - 1, n), (abs(INSIDE), DEGREES), 1e-11,
    ),
    "shifted_chebyshev_polynomial_w": (
        lambda x, n: _fourth(2 * x - 1, n), (abs(INSIDE), DEGREES), 1e-11,
    ),
    "hermite_polynomial_h": (_of("eval_hermite"), (POINTS, DEGREES), 1e-11),
    "hermite_polynomial_he": (_of("eval_hermitenorm"), (POINTS, DEGREES), 1e-11),
    "laguerre_polynomial_l": (_of("eval_laguerre"), (POINTS, DEGREES), 1e-11),
    "legendre_polynomial_p": (_of("eval_legendre"), (POINTS, DEGREES), 1e-11),
}  # fmt: skip


def computed(name: str, kind: dtypes.dtype, arguments: tuple[Any, ...]) -> np.ndarray:
    given = [np.ascontiguousarray(a, kind.numpy) for a in arguments]
    out = Guarded(kind, given[0].shape, shift=1)
    root = apply(name, *(leaf(INPUT, i, kind) for i in range(len(given))))
    run_map([root], [(kind, a) for a in given], [(kind, out.array)], tile=None)
    out.check()
    return np.asarray(out.array)


def test_every_expansion_is_tested() -> None:
    assert set(CASES) | {"common_divisor"} == set(EXPANSIONS) | {"lgamma"}


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    function, arguments, tolerance = CASES[name]
    with np.errstate(all="ignore"):
        for kind, limit in ((dtypes.float64, tolerance), (dtypes.float32, 1.5e-7)):
            rounded = [np.asarray(a, kind.numpy).astype(float) for a in arguments]
            wanted = function(*rounded)
            got = computed(name, kind, tuple(rounded)).astype(float)
            largest = np.finfo(kind.numpy).max
            smallest = np.finfo(kind.numpy).tiny
            usual = (abs(wanted) < largest) & ((abs(wanted) > smallest) | (wanted == 0))
            close = np.isclose(got, wanted, rtol=limit, atol=10 * tolerance if usual.all() else 0)
            bad = np.argwhere(usual & ~close)
            assert not len(bad), [(a[bad[0]], got[bad[0]], wanted[bad[0]]) for a in rounded]
            assert not np.isnan(got[~usual & ~np.isnan(wanted)]).any()


SMOOTH = sorted(n for n in CASES if TABLE[n].vjp is not None and n != "entr")


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name: str) -> None:
    """By the last argument, against a difference of the function itself."""
    kind = dtypes.float64
    symbols = [leaf(INPUT, i, kind) for i in range(TABLE[name].arity)]
    one = leaf(SCALAR, 0, kind)
    part = differentiate(apply(name, *symbols), one, symbols[-1:])[0]
    assert part is not None
    at = RNG.uniform(0.1, 0.9, 40)
    first = [RNG.uniform(1.5, 4.0, 40)] * (len(symbols) - 1)
    h = 1e-3
    with np.errstate(all="ignore"):  # in branches that are not taken
        moved = [TABLE[name].numpy(*first, at + k * h) for k in (1, -1, 2, -2)]
        (got,) = evaluate([part], dict(zip(symbols, [*first, at])) | {one: np.float64(1)})
    wanted = (8 * (moved[0] - moved[1]) - (moved[2] - moved[3])) / (12 * h)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


EDGES = {
    "digamma": {0.0: -math.inf, -1.0: math.nan, math.inf: math.inf},
    "trigamma": {0.0: math.inf, math.inf: 0.0},
    "i0e": {math.inf: 0.0, -math.inf: 0.0, math.nan: math.nan},
    "modified_bessel_k0": {0.0: math.inf, -1.0: math.nan, math.inf: 0.0},
    "bessel_y0": {0.0: -math.inf, -1.0: math.nan},
    "erfinv": {1.0: math.inf, -1.0: -math.inf, 1.1: math.nan, math.nan: math.nan, 0.0: 0.0},
    "ndtri": {0.0: -math.inf, 1.0: math.inf, -0.1: math.nan, 0.5: 0.0},
    "erfcx": {math.inf: 0.0, -math.inf: math.inf, math.nan: math.nan, 0.0: 1.0},
    "log_ndtr": {math.inf: 0.0, -math.inf: -math.inf, math.nan: math.nan},
    "entr": {0.0: 0.0, -1.0: -math.inf, math.nan: math.nan},
    "spherical_bessel_j0": {0.0: 1.0, math.inf: 0.0},
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    places = np.array(list(EDGES[name]))
    got = computed(name, dtypes.float64, (places,))
    np.testing.assert_allclose(got, list(EDGES[name].values()), rtol=1e-15)


def test_edges_of_incomplete_gamma() -> None:
    a = np.array([0.0, 0, 1, 1, math.inf, math.inf, -1, 1, math.nan])
    x = np.array([0.0, 1, 0, math.inf, 1, math.inf, 1, -1, 1])
    lower = computed("igamma", dtypes.float64, (a, x))
    upper = computed("igammac", dtypes.float64, (a, x))
    np.testing.assert_array_equal(lower, [np.nan, 1, 0, 1, 0, *[np.nan] * 4])
    np.testing.assert_array_equal(upper, [np.nan, 0, 1, 0, 1, *[np.nan] * 4])


def test_incomplete_gamma_of_large_parameters() -> None:
    a = 10 ** RNG.uniform(4, 12, 400)
    x = a * (1 + RNG.uniform(-4, 4, 400) / np.sqrt(a))
    for name, function in (("igamma", special.gammainc), ("igammac", special.gammaincc)):
        np.testing.assert_allclose(computed(name, dtypes.float64, (a, x)), function(a, x), 1e-8)


def test_common_divisor() -> None:
    for kind in (dtypes.int64, dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8):
        a, b = (RNG.integers(0, 120, 50).astype(kind.numpy) for _ in range(2))
        np.testing.assert_array_equal(computed("common_divisor", kind, (a, b)), np.gcd(a, b))


def test_loop_of_lanes_that_end_at_different_times() -> None:
    """Newton's root, with what stays the same inside and outside of the state."""
    kind = dtypes.float64
    x = leaf(INPUT, 0, kind)

    def step(y, count):  # type: ignore[no-untyped-def]
        better = (y + x / y) * 0.5
        return (better - y).abs() > 1e-14 * y, better, count + 1

    root, count = iterate(60, step, x.maximum(1), x.constant(0.0))
    values = 10 ** RNG.uniform(-3, 12, 37)
    expected = evaluate([root, count], {x: values})
    assert len(set(expected[1])) > 5
    np.testing.assert_allclose(expected[0], np.sqrt(values), rtol=1e-12)
