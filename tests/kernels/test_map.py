"""Map kernels: every row of the scalar table, every type, and every way to walk through memory."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import INDEX, INPUT, SCALAR, Expr, apply, const, leaf
from argand.kernels.loops import input_leaf
from argand.kernels.scalar import TABLE, Primitive
from argand.kernels.special import EXPANSIONS
from tests.kernels.harness import (
    LENGTHS,
    REAL,
    SIGNED,
    Guarded,
    assert_same,
    decode,
    encode,
    kinds_of,
    run_map,
    sample,
    special_values,
    steps_between,
)

# results that are rounded once, so that they agree with NumPy's bit for bit
EXACT = {
    "add", "sub", "mul", "div", "rem", "neg", "abs", "sqrt", "copysign", "minimum", "maximum",
    "floor", "ceil", "trunc", "round", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor",
    "not", "shl", "shr", "lshr", "where", "stop_gradient",
}  # fmt: skip
TOLERANCE = {"float16": 1, "bfloat16": 1, "float32": 2, "float64": 2}  # in representable steps


def operands_of(row: Primitive, kind: dtype, count: int) -> list[tuple[dtype, np.ndarray]]:
    """Values for the row's arguments as they lie in memory."""
    kinds = [kind] * row.arity
    if row.name == "where":
        kinds[0] = dtypes.bool_
    arrays = [sample(k, count, seed) for seed, k in enumerate(kinds)]
    if row.name in ("shl", "shr", "lshr"):
        bits = 1 if kind.kind == "b" else 8 * kind.itemsize  # more than that has no meaning
        arrays[1] = np.random.default_rng(3).integers(0, bits, count).astype(kind.numpy)
    if row.name in ("div", "rem") and kind.kind in "ui":
        arrays[1] = np.where(arrays[1] == 0, kind.numpy.type(3), arrays[1])
    if row.name == "quick_reciprocal":  # an estimate knows no denormal numbers
        with np.errstate(all="ignore"):
            size = np.abs(decode(kind, arrays[0]).astype("f8"))
            normal = ~((size < 1e-30) | (size > 1e30))
        arrays[0] = np.where(normal, arrays[0], encode(kind, np.ones(1, "f4")))
    return list(zip(kinds, arrays))


def wanted_of(row: Primitive, kind: dtype, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """NumPy's result as it lies in memory; in higher precision where it is not exact."""
    exact = row.name in EXACT
    wide = np.longdouble if kind is dtypes.float64 else np.float64
    with np.errstate(all="ignore"):
        if not exact and kind.kind == "f":
            arrays = [a.astype(wide) if a.dtype.kind == "f" else a for a in arrays]
        result = np.asarray(row.numpy(*arrays))
        if row.result == "bool":
            return result.astype(bool)
        if kind.name in ("float16", "bfloat16"):
            result = result.astype(np.float32)
        return encode(kind, result)


def root_of(row: Primitive, kinds: Sequence[dtype]) -> Expr:
    return apply(row.name, *(input_leaf(i, k) for i, k in enumerate(kinds)))


def check(row: Primitive, kind: dtype, got: np.ndarray, wanted: np.ndarray) -> None:
    context = f"{row.name} on {kind.name}"
    if row.result == "bool" or kind.kind != "f":
        assert_same(got, wanted, context)
        return
    if kind.name == "bfloat16":  # float16's bits would mean other numbers
        got, wanted = decode(kind, got), decode(kind, wanted)
    if row.name in EXACT - {"minimum", "maximum"}:  # NumPy's choice among zeros is arbitrary
        assert_same(got, wanted, context)
        return
    limit = 0 if row.name in EXACT else TOLERANCE[kind.name]
    if kind.name == "bfloat16":
        limit <<= 16
    if row.name == "sigmoid" and kind.itemsize > 2:
        denormal = wanted < np.finfo(wanted.dtype).tiny
        got, wanted = np.where(denormal & (got == 0), wanted, got), wanted
    far = np.argwhere(steps_between(got, wanted) > limit)
    assert not len(far), f"{context}: {got[tuple(far[0])]!r}, not {wanted[tuple(far[0])]!r}"


def run_row(
    row: Primitive, operands: Sequence[tuple[dtype, np.ndarray]], out: Guarded, tile: int | None
) -> None:
    kind = operands[-1][0]
    result = dtypes.bool_ if row.result == "bool" else kind
    roots = [root_of(row, [k for k, _ in operands])]
    run_map(roots, operands, [(result, out.array)], tile=tile)
    out.check()
    wanted = wanted_of(row, kind, [decode(k, a) for k, a in operands])
    check(row, kind, out.array, wanted)


def result_kind(row: Primitive, kind: dtype) -> dtype:
    return dtypes.bool_ if row.result == "bool" else kind


# the rest is in test_special.py
ROWS = sorted(set(TABLE) - {"fma", "lgamma", "through", "scaled", "normal_cdf"} - set(EXPANSIONS))


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, machine: str) -> None:
    """Every row on every type, contiguous, of all lengths, and mixed.

    For the older processors one type of each sort has to do, in one of the two ways.
    """
    row = TABLE[name]
    kinds = kinds_of(row)
    assert kinds, f"{name} computes no type at all"
    for kind in kinds:
        if machine == "host" or kind in ONE_WAY:
            contiguous(row, kind)
        if machine == "host" or kind in OTHER_WAY:
            mixed(row, kind)


ONE_WAY = (dtypes.float16, dtypes.float32, dtypes.int64)
OTHER_WAY = (dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.bool_)


def contiguous(row: Primitive, kind: dtype) -> None:
    for length in LENGTHS:
        out = Guarded(result_kind(row, kind), (length,), shift=1)
        run_row(row, operands_of(row, kind, length), out, tile=None)


def mixed(row: Primitive, kind: dtype) -> None:
    """Three dimensions, operands of one element per row, strided ones, a strided output."""
    shape = (2, 3, 37)
    operands = operands_of(row, kind, 2 * 3 * 37)
    arrays = []
    for number, (_, values) in enumerate(operands):
        values = values.reshape(shape)
        if number % 3 == 1:
            values = np.broadcast_to(values[:, :, 5:6], shape)
        elif number % 3 == 2:
            values = np.ascontiguousarray(values.transpose(2, 0, 1)).transpose(1, 2, 0)
        arrays.append(values)
    operands = [(k, a) for (k, _), a in zip(operands, arrays)]
    out = Guarded(result_kind(row, kind), shape, gaps=(0, 1, 2), flipped=(1, 2))
    run_row(row, operands, out, tile=16)


def test_every_row_is_tested_on_what_it_has_a_template_for() -> None:
    """The list above follows the table: a row for another type is tested from the day it is."""
    for row in TABLE.values():
        assert {kind.kind for kind in kinds_of(row)} >= set(row.templates)


@pytest.mark.parametrize("kind", [dtypes.float32, dtypes.float64], ids=str)
def test_fma_rounds_once(kind: dtype, machine: str) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=500).astype(kind.numpy) for _ in range(2))
    c = -(a * b)  # what remains is the rounding error of the product
    c[::3] = rng.normal(size=len(c[::3]))
    out = Guarded(kind, (500,))
    root = apply("fma", *(input_leaf(i, kind) for i in range(3)))
    run_map([root], [(kind, a), (kind, b), (kind, c)], [(kind, out.array)])
    out.check()
    exact = [float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)))
             for x, y, z in zip(a, b, c)]  # fmt: skip
    assert_same(out.array, np.array(exact).astype(kind.numpy))


@pytest.mark.parametrize("kind", [dtypes.float32, dtypes.float64], ids=str)
def test_the_smallest_of_two_zeros_is_negative(kind: dtype, machine: str) -> None:
    zeros = np.array([0.0, -0.0], kind.numpy)
    a, b = np.repeat(zeros, 2), np.tile(zeros, 2)
    for name, signs in (("minimum", [0, 1, 1, 1]), ("maximum", [0, 0, 0, 1])):
        out = Guarded(kind, (4,))
        root = apply(name, input_leaf(0, kind), input_leaf(1, kind))
        run_map([root], [(kind, a), (kind, b)], [(kind, out.array)])
        assert np.signbit(out.array).tolist() == [bool(s) for s in signs]


@pytest.mark.parametrize("kind", [dtypes.uint8, *SIGNED], ids=str)
def test_integer_division_does_not_trap(kind: dtype, machine: str) -> None:
    """Neither by zero, where any result will do, nor of the smallest integer by -1."""
    low = np.iinfo(kind.numpy).min
    a = np.array([low, low, 5, 0, low] * 9, kind.numpy)
    b = np.array([-1 if kind.kind == "i" else 1, 0, 0, 0, 2] * 9, kind.numpy)
    for name, wanted in (("div", [low, low // 2]), ("rem", [0, 0])):
        out = Guarded(kind, a.shape)
        root = apply(name, input_leaf(0, kind), input_leaf(1, kind))
        run_map([root], [(kind, a), (kind, b)], [(kind, out.array)])
        out.check()
        assert [out.array[0], out.array[4]] == wanted


# ---- ways to walk -------------------------------------------------------------------------------


def arranged(values: np.ndarray, form: str) -> np.ndarray:
    """The values in another arrangement of memory, or fewer of them broadcast."""
    if form == "strided":
        wide = np.zeros((*values.shape[:-1], values.shape[-1] * 3), values.dtype)
        wide[..., 1::3] = values
        return wide[..., 1::3]
    if form == "reversed":
        return np.ascontiguousarray(values[..., ::-1])[..., ::-1]
    if form == "inner":
        return np.broadcast_to(values[..., :1], values.shape)
    if form == "outer":
        return np.broadcast_to(values[:1], values.shape) if values.ndim > 1 else values
    if form == "one":
        return np.broadcast_to(values.reshape(-1)[:1].reshape((1,) * values.ndim), values.shape)
    if form == "transposed":
        return np.ascontiguousarray(values.T).T
    return values


FORMS = ("plain", "strided", "reversed", "inner", "outer", "one", "transposed")


@pytest.mark.parametrize("form", FORMS)
def test_access(form: str, machine: str) -> None:
    """Moving values through each way of reading and writing, all ranks and lengths."""
    one_of_each_size = (dtypes.bool_, dtypes.float16, dtypes.int32, dtypes.float64)
    for kind in REAL if machine == "host" else one_of_each_size:
        check_access(form, kind)


def check_access(form: str, kind: dtype) -> None:
    for shape in [(n,) for n in LENGTHS if n] + [(3, 17), (4, 65), (2, 3, 33), (3, 1, 16)]:
        values = sample(kind, int(np.prod(shape)), seed=sum(shape)).reshape(shape)
        source = arranged(values, form)
        gaps = [1] * len(shape) if form in ("plain", "strided") else [0] * len(shape)
        for target_gaps in (gaps, [0] * len(shape)):
            out = Guarded(kind, shape, gaps=target_gaps, shift=1)
            run_map([input_leaf(0, kind)], [(kind, source)], [(kind, out.array)], tile=48)
            out.check()
            assert_same(decode(kind, out.array), decode(kind, source), f"{kind.name} {shape}")


def test_empty_extents_do_nothing(machine: str) -> None:
    for shape in [(0,), (0, 5), (5, 0), (2, 0, 3)]:
        out = Guarded(dtypes.float32, shape)
        zeros = np.zeros(shape, np.float32)
        run_map([input_leaf(0, dtypes.float32)], [(dtypes.float32, zeros)],
                [(dtypes.float32, out.array)])  # fmt: skip
        out.check()


@pytest.mark.parametrize("tile", [1, 15, 16, 17, 64, 100, 1000])
def test_tiles_cover_a_row_once(tile: int, machine: str) -> None:
    """Each element is written by its own tile: in place, twice would show."""
    kind = dtypes.float32
    out = Guarded(kind, (3, 999))
    out.array[...] = np.arange(3 * 999).reshape(3, 999)
    wanted = out.array + 1
    run_map([input_leaf(0, kind) + 1.0], [(kind, out.array)], [(kind, out.array)], tile=tile)
    out.check()
    assert_same(out.array, wanted)


def test_several_outputs_of_different_types(machine: str) -> None:
    a = sample(dtypes.float32, 333, 1)
    b = sample(dtypes.int32, 333, 2)
    x, y = input_leaf(0, dtypes.float32), input_leaf(1, dtypes.int32)
    first, second = Guarded(dtypes.float64, (333,)), Guarded(dtypes.bool_, (333,), gaps=(1,))
    third = Guarded(dtypes.int32, (333,))
    run_map(
        [x.to(dtypes.float64) * 2.0, x < 0.5, y + y],
        [(dtypes.float32, a), (dtypes.int32, b)],
        [(dtypes.float64, first.array), (dtypes.bool_, second.array), (dtypes.int32, third.array)],
    )
    for out in (first, second, third):
        out.check()
    with np.errstate(invalid="ignore"):
        assert_same(first.array, a.astype(np.float64) * 2)
        assert_same(second.array, a < 0.5)
    assert_same(third.array, b + b)


def test_index_and_scalars(machine: str) -> None:
    """The position within the row, and numbers that come with the call, of every type."""
    index = leaf(INDEX, None, dtypes.int64)
    for kind, value in (
        (dtypes.float32, 0.1), (dtypes.float64, 0.1), (dtypes.float16, 0.1),
        (dtypes.int32, -7), (dtypes.int8, -3), (dtypes.int64, 2**40), (dtypes.uint8, 200),
        (dtypes.bool_, 1),
    ):  # fmt: skip
        work = compute_dtype(kind)
        number = leaf(SCALAR, 0, work)
        out, place = Guarded(kind, (2, 77)), Guarded(dtypes.int64, (2, 77))
        run_map([number, index * 2], [], [(kind, out.array), (dtypes.int64, place.array)],
                scalars=[(kind, value)], tile=32)  # fmt: skip
        out.check()
        place.check()
        assert_same(out.array, np.full((2, 77), value).astype(kind.numpy), kind.name)
        assert_same(place.array, np.tile(np.arange(77) * 2, (2, 1)))


# ---- conversions --------------------------------------------------------------------------------


def converted(values: np.ndarray, source: dtype, goal: dtype) -> np.ndarray:
    """What C makes of computed values."""
    with np.errstate(all="ignore"):
        if goal.kind == "b":
            return values != 0
        if source.kind == "f" and goal.kind != "f":
            return values.astype(np.int64).astype(goal.numpy)
        return encode(goal, values)


@pytest.mark.parametrize("source", REAL, ids=str)
def test_conversion(source: dtype, machine: str) -> None:
    values = np.concatenate([special_values(source), sample(source, 200, 5)])
    shown = decode(source, values)
    for goal in REAL:
        if source.kind == "f" and goal.kind in "ui":
            # beyond 64 bits every machine has its own answer
            with np.errstate(invalid="ignore"):
                inside = np.abs(shown) < 2.0**62
            stored, known = values[inside], shown[inside]
        else:
            stored, known = values, shown
        out = Guarded(goal, stored.shape)
        root = input_leaf(0, source).to(compute_dtype(goal))
        run_map([root], [(source, stored)], [(goal, out.array)])
        out.check()
        wanted = converted(known, source, goal)
        got = out.array
        if goal.kind == "f":
            got, wanted = decode(goal, got), decode(goal, wanted)
        assert_same(got, wanted, f"{source.name} to {goal.name}")


def test_any_byte_but_zero_is_true(machine: str) -> None:
    raw = np.arange(256, dtype=np.uint8)
    out = Guarded(dtypes.uint8, (256,))
    root = input_leaf(0, dtypes.bool_).to(dtypes.uint8)
    run_map([root], [(dtypes.bool_, raw.view(bool))], [(dtypes.uint8, out.array)])
    assert_same(out.array, (raw != 0).astype(np.uint8))


def test_bfloat16_rounds_to_nearest_even(machine: str) -> None:
    """All upper halves with a lower half below, at and above the middle."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    bits = np.concatenate([upper | low for low in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)])
    values = bits.astype(np.uint32).view(np.float32)
    out = Guarded(dtypes.bfloat16, values.shape)
    run_map([input_leaf(0, dtypes.float32)], [(dtypes.float32, values)],
            [(dtypes.bfloat16, out.array)])  # fmt: skip
    out.check()
    assert_same(out.array, encode(dtypes.bfloat16, values))


def test_bits_of_another_type(machine: str) -> None:
    values = sample(dtypes.float32, 100, 1)
    out = Guarded(dtypes.int32, (100,))
    root = input_leaf(0, dtypes.float32).bitcast(dtypes.int32)
    run_map([root], [(dtypes.float32, values)], [(dtypes.int32, out.array)])
    assert_same(out.array, values.view(np.int32))


def test_what_no_kernel_computes_says_so() -> None:
    with pytest.raises(NotImplementedError, match="sqrt on int32"):
        run_map([apply("sqrt", input_leaf(0, dtypes.int32))], [(dtypes.int32, np.ones(3, "i4"))],
                [(dtypes.int32, np.ones(3, "i4"))])  # fmt: skip


def test_constants_of_every_type(machine: str) -> None:
    for kind in (dtypes.float32, dtypes.float64, *SIGNED, dtypes.uint8, dtypes.bool_):
        values = special_values(kind)
        outputs = [Guarded(kind, (19,)) for _ in values]
        run_map([const(v.item(), kind) for v in values], [], [(kind, o.array) for o in outputs])
        for out, value in zip(outputs, values):
            out.check()
            assert_same(out.array, np.full(19, value), kind.name)


def test_a_leaf_without_a_value_is_noticed() -> None:
    with pytest.raises(AssertionError, match="has no value here"):
        run_map([leaf(INPUT, 1, dtypes.float32)], [], [(dtypes.float32, np.ones(3, "f4"))])
