"""Reduction kernels: along and across, in parts, over every type, with positions.

Sums are over small whole numbers, so that every order of adding gives the same floating number.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import LEFT, RIGHT, SCALAR, Expr, const, leaf, row_index
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import Monoid, Shape, monoid, reduce_kernel
from tests.kernels.harness import (
    LENGTHS,
    REAL,
    Guarded,
    assert_same,
    call,
    decode,
    encode,
    operand,
    sample,
)

F32, F64, I64, BOOL = dtypes.float32, dtypes.float64, dtypes.int64, dtypes.bool_


def one(kind: dtype) -> tuple[Expr, Expr]:
    """What has been gathered and what is taken in, where that is one value."""
    return leaf(LEFT, 0, kind), leaf(RIGHT, 0, kind)


def summing(kind: dtype) -> Monoid:
    wide = I64 if kind.kind in "bui" else compute_dtype(kind)
    left, right = one(wide)
    return monoid([input_leaf(0, kind).to(wide)], [left + right], [const(0, wide)])


def largest(kind: dtype) -> Monoid:
    work = compute_dtype(kind)
    left, right = one(work)
    low = {"f": -np.inf, "b": False}.get(kind.kind)
    if low is None:
        low = int(np.iinfo(kind.numpy).min)
    return monoid([input_leaf(0, kind)], [left.maximum(right)], [const(low, work)])


def some(kind: dtype) -> Monoid:
    left, right = one(BOOL)
    return monoid([input_leaf(0, kind).to(BOOL)], [left | right], [const(False, BOOL)])


def largest_and_its_place(kind: dtype) -> Monoid:
    """A NaN is larger than all; of equals the first."""
    work = compute_dtype(kind)
    a, b = leaf(LEFT, 0, work), leaf(RIGHT, 0, work)
    i, j = leaf(LEFT, 1, I64), leaf(RIGHT, 1, I64)
    a_nan, b_nan = a.ne(a), b.ne(b)
    equal = a.eq(b) | (a_nan & b_nan)
    better = ((a > b) & ~b_nan) | (a_nan & ~b_nan) | (equal & (i < j))
    low = const(-np.inf if kind.kind == "f" else int(np.iinfo(kind.numpy).min), work)
    return monoid(
        [input_leaf(0, kind), row_index()],
        [better.where(a, b), better.where(i, j)],
        [low, const(2**62, I64)],
    )


def run(
    fold: Monoid,
    sources: Sequence[tuple[dtype, np.ndarray]],
    kinds: Sequence[dtype],
    shape: Shape,
    scalars: Sequence[tuple[dtype, float]] = (),
    parts: int = 1,
    tile: int = 100,
) -> list[np.ndarray]:
    """Reduce arrays whose dimensions are: outer kept, outer reduced, inner reduced, inner kept."""
    extents = sources[0][1].shape
    kept, reduced = extents[: shape.kept], extents[shape.kept : -2]
    length, inner = extents[-2:]
    if shape.along:
        head = [parts, prod(reduced) if length else 0, -(-length // tile), length, tile, 1, 1]
        units = prod(kept) * parts
    else:
        kept_tiles = -(-inner // tile)
        head = [parts, prod(reduced) * length, 1, max(length, 1), tile, kept_tiles, inner]
        units = prod(kept) * kept_tiles * parts
    walk = -2 if shape.along else -1
    operands = [operand(k, np.moveaxis(a, walk, -1)) for k, a in sources]
    text = reduce_kernel(fold, tuple(operands), tuple(k for k, _ in scalars), tuple(kinds), shape)
    outputs = [Guarded(k, (parts, *kept, inner), shift=1) for k in kinds]
    parameters = [*head, *kept, *reduced]
    for _, array in sources:
        parameters += array.strides
    words = [a.ctypes.data for _, a in sources] + [float(v) for _, v in scalars]
    call(text, words + [o.array.ctypes.data for o in outputs], parameters, units, (units // 3,))
    for out in outputs:
        out.check()
    return [o.array for o in outputs]


def spaces() -> list[tuple[Shape, tuple[int, ...]]]:
    """Structures and extents: lengths around the vectors', one to three reduced dimensions."""
    found: list[tuple[Shape, tuple[int, ...]]] = []
    for n in LENGTHS:
        found.append((Shape(True, 0, 0), (n, 1)))
        found.append((Shape(True, 1, 0), (3, n, 1)))
        found.append((Shape(False, 0, 0), (5, n)))
        found.append((Shape(False, 0, 0), (n, 5)))
    found += [
        (Shape(True, 2, 1), (2, 3, 4, 33, 1)),
        (Shape(True, 1, 2), (2, 3, 4, 17, 1)),
        (Shape(False, 1, 1), (2, 3, 4, 70)),
        (Shape(False, 2, 2), (2, 3, 2, 3, 4, 19)),
        (Shape(True, 1, 1), (2, 0, 5, 1)),
        (Shape(False, 1, 1), (2, 0, 4, 7)),
    ]
    return found


def dims_of(shape: Shape, array: np.ndarray) -> tuple[int, ...]:
    return tuple(range(shape.kept, array.ndim - 1))


def small(kind: dtype, extents: Sequence[int]) -> np.ndarray:
    rng = np.random.default_rng(sum(extents))
    low = -4 if kind.is_signed else 0
    values = rng.integers(low, 5, extents)
    return encode(kind, values > 2 if kind.kind == "b" else values.astype(np.float32))


def test_sums_of_every_type(machine: str) -> None:
    for kind in REAL if machine == "host" else (F32, F64, dtypes.int8, dtypes.float16):
        fold = summing(kind)
        for shape, extents in spaces():
            array = small(kind, extents)
            result = fold.lift[0].dtype
            stored = kind if kind.kind == "f" else result
            (got,) = run(fold, [(kind, array)], [stored], shape)
            shown = decode(kind, array).astype(result.numpy)
            wanted = shown.sum(dims_of(shape, array), dtype=result.numpy)
            assert_same(got[0], encode(stored, wanted), f"{kind.name} {shape} {extents}")


def test_extrema_and_logic(machine: str) -> None:
    """Infinities and NaN, which wins; integers at their limits; bool in one bit per lane."""
    for kind in REAL if machine == "host" else (F32, BOOL, dtypes.uint8, I64):
        for shape, extents in spaces():
            array = sample(kind, prod(extents), seed=len(extents)).reshape(extents)
            dims = dims_of(shape, array)
            shown = decode(kind, array)
            if shown.size:
                (got,) = run(largest(kind), [(kind, array)], [kind], shape)
                wanted = shown.max(dims)
                # of the two zeros the kernel takes the positive one, NumPy either
                wanted = np.where(wanted == 0, abs(wanted), wanted).astype(wanted.dtype)
                found = decode(kind, got[0])
                found = np.where(found == 0, abs(found), found).astype(wanted.dtype)
                assert_same(found, wanted, f"max {kind.name} {shape} {extents}")
            (got,) = run(some(kind), [(kind, array)], [BOOL], shape)
            assert_same(got[0], (shown != 0).any(dims), f"any {kind.name} {shape} {extents}")


def arrangements() -> list[Callable[[np.ndarray], np.ndarray]]:
    def gapped(a: np.ndarray) -> np.ndarray:
        wide = np.full([2 * n for n in a.shape], 77, a.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
        view[...] = a
        return view

    return [
        gapped,
        lambda a: np.ascontiguousarray(a[..., ::-1, :])[..., ::-1, :],
        lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
        lambda a: np.ascontiguousarray(a.T).T,
        lambda a: np.broadcast_to(a[..., :1, :], a.shape),
        lambda a: np.broadcast_to(a[..., :1], a.shape),
        lambda a: np.broadcast_to(a[:1], a.shape),
    ]


@pytest.mark.parametrize("number", range(len(arrangements())))
def test_memory_may_be_arranged_in_any_way(number: int, machine: str) -> None:
    for kind in (F32, dtypes.bfloat16, dtypes.uint8):
        for shape, extents in [
            (Shape(True, 1, 1), (2, 3, 37, 1)),
            (Shape(False, 1, 1), (2, 3, 5, 70)),
        ]:
            array = arrangements()[number](small(kind, extents))
            fold = summing(kind)
            (got,) = run(fold, [(kind, array)], [fold.lift[0].dtype], shape)
            shown = decode(kind, array)
            wanted = shown.sum(dims_of(shape, array), dtype=got.dtype)
            assert_same(got[0], wanted, f"{kind.name} {shape}")


@pytest.mark.parametrize("parts", [2, 3, 7, 64])
def test_parts_are_combined_to_the_same(parts: int, machine: str) -> None:
    """More parts than rows too: those without a row contribute nothing."""
    for shape, extents in [
        (Shape(True, 0, 0), (1000, 1)),
        (Shape(True, 1, 1), (2, 5, 33, 1)),
        (Shape(False, 0, 0), (40, 37)),
        (Shape(False, 1, 1), (2, 3, 4, 20)),
    ]:
        array = small(F32, extents)
        count = leaf(SCALAR, 0, F64)
        fold = summing(F32)._replace(finish=(leaf(LEFT, 0, F32) / count.to(F32),))
        (stage,) = run(fold.partial, [(F32, array)], [F32], shape, parts=parts, tile=16)
        wanted = array.sum(dims_of(shape, array))
        assert_same(stage.sum(0), wanted, "what the parts hold")
        across = stage.reshape(parts, -1)
        numbers = [(F64, 8.0)]
        (got,) = run(fold.second, [(F32, across)], [F32], Shape(False, 0, 0), numbers)
        assert_same(got.reshape(wanted.shape), wanted / 8, f"{shape}")


# ---- values with their places -------------------------------------------------------------------


def place_of_largest(values: np.ndarray) -> np.ndarray:
    """NumPy's argmax along the last dimension: the first NaN, or else the first of the largest."""
    return np.argmax(values, axis=-1)


@pytest.mark.parametrize("kind", [F32, F64, dtypes.int8, I64, dtypes.float16], ids=str)
def test_place_of_the_largest(kind: dtype, machine: str) -> None:
    """Ties of every distance, several NaN, infinities; along and across."""
    rng = np.random.default_rng(0)
    for length in (1, 2, 15, 16, 17, 65, 300):
        rows = small(kind, (12, length))
        if kind.kind == "f":
            rows[3, rng.integers(0, length, 2)] = np.nan
            rows[4] = np.nan
            rows[5] = -np.inf
            rows[6, rng.integers(0, length, 2)] = np.inf
            rows[7, -1] = np.nan
        else:
            rows[5] = np.iinfo(kind.numpy).min
        rows[8] = 3
        wanted = place_of_largest(rows)
        fold = largest_and_its_place(kind)
        outputs = [kind, I64]
        along = rows[:, :, None]
        value, place = run(fold, [(kind, along)], outputs, Shape(True, 1, 0), tile=64)
        assert_same(place[0, :, 0], wanted, f"along {length}")
        chosen = np.take_along_axis(rows, wanted[:, None], 1)[:, 0]
        assert_same(value[0, :, 0], chosen, f"along {length}")
        across = np.ascontiguousarray(rows.T)
        value, place = run(fold, [(kind, across)], outputs, Shape(False, 0, 0))
        assert_same(place[0], wanted, f"across {length}")
        assert_same(value[0], chosen, f"across {length}")


@pytest.mark.parametrize("parts", [2, 5, 64])
def test_places_survive_parts(parts: int, machine: str) -> None:
    """The second kernel takes values and places from two arrays of different types."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        values = rng.integers(0, 9, 1000).astype(np.float32)
        if rng.integers(0, 2):
            values[rng.integers(0, 1000, 2)] = np.nan
        fold = largest_and_its_place(F32)
        stage = run(fold.partial, [(F32, values[:, None])], [F32, I64], Shape(True, 0, 0),
                    parts=parts, tile=16)  # fmt: skip
        second = [(k, s.reshape(parts, 1)) for k, s in zip((F32, I64), stage)]
        _, place = run(fold.second, second, [F32, I64], Shape(True, 0, 0))
        assert place.item() == place_of_largest(values)


def test_places_count_over_all_reduced_dimensions(machine: str) -> None:
    for extents, shape in (
        ((2, 3, 4, 33, 1), Shape(True, 1, 2)),
        ((2, 3, 4, 9), Shape(False, 1, 1)),
    ):
        array = np.random.default_rng(0).permutation(prod(extents)).reshape(extents)
        array = array.astype(np.float64)
        _, place = run(largest_and_its_place(F64), [(F64, array)], [F64, I64], shape)
        flat = np.moveaxis(array.reshape(extents[0], -1, extents[-1]), 1, -1)
        assert_same(place[0], flat.argmax(-1))


# ---- several values -----------------------------------------------------------------------------


def test_two_sums_in_one_pass_and_what_is_made_of_them(machine: str) -> None:
    """The variance from sum and sum of squares, with the count as a number of the call."""
    x = input_leaf(0, F32).to(F64)
    sums = [(leaf(LEFT, i, F64), leaf(RIGHT, i, F64)) for i in range(2)]
    count = leaf(SCALAR, 0, F64)
    mean, square = leaf(LEFT, 0, F64) / count, leaf(LEFT, 1, F64) / count
    fold = monoid(
        [x, x * x], [a + b for a, b in sums], [const(0, F64)] * 2, [square - mean * mean, mean]
    )
    for shape, extents in ((Shape(True, 1, 0), (4, 100, 1)), (Shape(False, 0, 0), (50, 33))):
        array = np.random.default_rng(0).normal(size=extents).astype(np.float32)
        n = extents[-2]
        variance, mean_value = run(fold, [(F32, array)], [F32, F64], shape, [(F64, n)])
        wide = array.astype(np.float64)
        np.testing.assert_allclose(variance[0], wide.var(-2), rtol=1e-6)
        np.testing.assert_allclose(mean_value[0], wide.mean(-2), rtol=1e-12, atol=1e-12)


def test_two_inputs_of_different_types(machine: str) -> None:
    x, y = input_leaf(0, F32).to(F64), input_leaf(1, dtypes.int32).to(F64)
    left, right = one(F64)
    fold = monoid([x * y], [left + right], [const(0, F64)])
    for n in LENGTHS:
        a, b = small(F32, (n, 1)), small(dtypes.int32, (n, 1))
        (got,) = run(fold, [(F32, a), (dtypes.int32, b)], [F64], Shape(True, 0, 0))
        assert got.item() == np.dot(a[:, 0].astype(float), b[:, 0])


def test_the_order_of_adding_is_fixed(machine: str) -> None:
    """The same result to the last bit, however the units were cut for threads."""
    array = np.random.default_rng(0).normal(size=(64, 1000, 1)).astype(np.float32)
    fold = summing(F32)
    results = [run(fold, [(F32, array)], [F32], Shape(True, 1, 0))[0] for _ in range(2)]
    alone = [run(fold, [(F32, array[i : i + 1])], [F32], Shape(True, 1, 0))[0] for i in range(64)]
    assert_same(results[0], results[1])
    assert_same(np.concatenate(alone, 1), results[0])
