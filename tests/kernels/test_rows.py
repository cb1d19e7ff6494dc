"""Row kernels: several passes over a row, one value per row read or written, any arrangement."""

from collections.abc import Sequence

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import (
    SCALAR,
    Expr,
    differentiate,
    evaluate,
    leaf,
    row_index,
    row_max,
    row_sum,
)
from argand.kernels.loops import BROADCAST, Operand, input_leaf
from argand.kernels.rows import levels, row_kernel
from tests.kernels.harness import (
    LENGTHS,
    Guarded,
    assert_same,
    call,
    decode,
    encode,
    operand,
)

F32, F64, I64 = dtypes.float32, dtypes.float64, dtypes.int64
FLOATING = (F32, F64, dtypes.float16, dtypes.bfloat16)
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 3e-6, "float64": 1e-13}


def run(
    roots: Sequence[Expr],
    inputs: Sequence[tuple[dtype, np.ndarray]],
    outputs: Sequence[tuple[dtype, np.ndarray, bool]],
    scalars: Sequence[tuple[dtype, float]] = (),
) -> None:
    """Run a row kernel; the flags of the outputs tell which have one element per row."""
    shape = np.broadcast_shapes(*(a.shape for _, a in inputs), *(a.shape for _, a, _ in outputs))
    spread = [np.broadcast_to(a, shape) for _, a in inputs]
    text = row_kernel(
        tuple(roots),
        tuple(operand(k, a) for (k, _), a in zip(inputs, spread)),
        tuple(k for k, _ in scalars),
        tuple(Operand(k, BROADCAST) if once else operand(k, a) for k, a, once in outputs),
        len(shape),
    )
    parameters = [shape[-1], 0, 0, *shape[:-1]]
    for array in spread:
        parameters += array.strides
    for _, array, once in outputs:
        parameters += (*array.strides[:-1], 0) if once else array.strides
    words = [a.ctypes.data for a in spread] + [float(v) for _, v in scalars]
    words += [a.ctypes.data for _, a, _ in outputs]
    units = int(np.prod(shape[:-1]))
    call(text, words, parameters, units, cuts=(units // 2,))


def close(got: np.ndarray, wanted: np.ndarray, kind: dtype, context: str) -> None:
    tolerance = TOLERANCE[kind.name]
    shown, reference = decode(kind, got), decode(kind, encode(kind, wanted))
    np.testing.assert_allclose(shown, reference, tolerance, tolerance, err_msg=context)


def softmax(x: Expr) -> Expr:
    powers = (x - row_max(x)).exp()
    return powers * (1 / row_sum(powers))


def log_softmax(x: Expr) -> Expr:
    shifted = x - row_max(x)
    return shifted - row_sum(shifted.exp()).log()


def three_levels(x: Expr) -> Expr:
    """A reduction of a reduction of a reduction."""
    centred = x - row_sum(x) * 0.01
    scaled = centred / (row_sum(centred * centred) + 1.0)
    return scaled / (row_max(scaled.abs()) + 1.0)


def two_costly(x: Expr) -> Expr:
    """Two costly values that the last pass needs again, and one output row for them to wait in."""
    first, second = (x * 0.5).exp(), (x * 0.25).tanh()
    return first / row_sum(first) + second / (row_sum(second * second) + 1.0)


BODIES = (softmax, log_softmax, three_levels, two_costly)


@pytest.mark.parametrize("body", BODIES)
def test_rows_of_every_length(body: object, machine: str) -> None:
    assert callable(body)
    rng = np.random.default_rng(0)
    for kind in FLOATING if machine == "host" else (F32, dtypes.float16):
        x = input_leaf(0, kind)
        for length in LENGTHS:
            array = encode(kind, rng.normal(size=(3, length)) * 3)
            out = Guarded(kind, (3, length), shift=1)
            run([body(x)], [(kind, array)], [(kind, out.array, False)])
            out.check()
            if length:
                wide = decode(kind, array).astype(np.float64)
                x64 = input_leaf(0, F64)
                (wanted,) = evaluate([body(x64)], {x64: wide})
                close(out.array, wanted, kind, f"{kind.name} {length}")


@pytest.mark.parametrize("body", BODIES)
def test_rows_in_any_arrangement(body: object, machine: str) -> None:
    """Strided rows in, strided rows out, three dimensions, rows that are all the same."""
    assert callable(body)
    rng = np.random.default_rng(0)
    x = input_leaf(0, F32)
    plain = rng.normal(size=(2, 3, 37)).astype(np.float32)
    arrangements = [
        np.ascontiguousarray(plain.transpose(2, 0, 1)).transpose(1, 2, 0),
        np.ascontiguousarray(plain[:, ::-1, ::-1])[:, ::-1, ::-1],
        np.broadcast_to(plain[:, :1], plain.shape),
        np.repeat(plain, 2, axis=-1)[..., ::2],
    ]
    for array in arrangements:
        (wanted,) = evaluate([body(x)], {x: array})
        for gaps, flipped in (((0, 0, 0), ()), ((1, 0, 2), ()), ((0, 1, 0), (0, 2))):
            out = Guarded(F32, plain.shape, gaps, flipped)
            run([body(x)], [(F32, array)], [(F32, out.array, False)])
            out.check()
            close(out.array, wanted, F32, f"{gaps}")


def test_infinities_and_nan(machine: str) -> None:
    """What PyTorch's softmax gives: NaN for a row of -inf, and for any row with NaN or +inf."""
    rows = np.zeros((6, 40), np.float32)
    rows[0] = -np.inf
    rows[1, 3] = np.nan
    rows[2, 5] = np.inf
    rows[3, 7:] = -np.inf
    rows[4] = 3e38
    rows[5, 39] = np.nan
    x = input_leaf(0, F32)
    for body in (softmax, log_softmax):
        out = Guarded(F32, rows.shape)
        run([body(x)], [(F32, rows)], [(F32, out.array, False)])
        finite = np.zeros(40)
        finite[:7] = 1 / 7
        with np.errstate(divide="ignore"):
            wanted = [finite, np.full(40, 1 / 40)]
            wanted = wanted if body is softmax else [np.log(w) for w in wanted]
        np.testing.assert_allclose(out.array[3], wanted[0], rtol=1e-6)
        np.testing.assert_allclose(out.array[4], wanted[1], rtol=1e-6)
        assert np.isnan(out.array[[0, 1, 5]]).all()
        assert np.isnan(out.array[2, 5])


@pytest.mark.parametrize("kind", FLOATING, ids=str)
def test_values_per_row_are_read_and_written(kind: dtype, machine: str) -> None:
    """Layer norm: a scale per row and a shift per position come in, mean and deviation go out."""
    work = compute_dtype(kind)
    x, scale, shift = (input_leaf(i, kind) for i in range(3))
    count = leaf(SCALAR, 0, work)
    mean = row_sum(x) / count
    centred = x - mean
    deviation = (row_sum(centred * centred) / count).sqrt()
    roots = [centred / deviation * scale + shift, mean, deviation]
    rng = np.random.default_rng(0)
    for length in (1, 15, 16, 17, 64, 200):
        array = encode(kind, rng.normal(size=(2, 3, length)) + 1)
        factors = encode(kind, rng.normal(size=(2, 3, 1)))
        shifts = encode(kind, rng.normal(size=(length,)))
        out = Guarded(kind, (2, 3, length))
        means, deviations = Guarded(kind, (2, 3, 1), gaps=(0, 1, 0)), Guarded(F64, (2, 3, 1))
        run(
            roots,
            [(kind, array), (kind, factors), (kind, shifts)],
            [(kind, out.array, False), (kind, means.array, True), (F64, deviations.array, True)],
            [(work, length)],
        )
        for guarded in (out, means, deviations):
            guarded.check()
        wide = decode(kind, array).astype(np.float64)
        centre = wide.mean(-1, keepdims=True)
        size = wide.std(-1, keepdims=True)
        close(means.array, centre, kind, "mean")
        np.testing.assert_allclose(deviations.array, size, 1e-5, 1e-6)
        if length > 1:
            wanted = (wide - centre) / size * decode(kind, factors) + decode(kind, shifts)
            close(out.array, wanted, kind, f"{length}")


def test_position_in_the_row_against_a_number_per_row(machine: str) -> None:
    """The core of the cross entropy: pick the element at an int64 target."""
    x, target = input_leaf(0, F32), input_leaf(1, I64)
    root = row_sum(row_index().eq(target).where(x, x.constant(0)))
    rng = np.random.default_rng(0)
    for length in (1, 16, 17, 100):
        array = rng.normal(size=(20, length)).astype(np.float32)
        places = rng.integers(0, length, (20, 1))
        places[3] = -1  # nowhere
        out = Guarded(F32, (20, 1))
        run([root], [(F32, array), (I64, places)], [(F32, out.array, True)])
        out.check()
        wanted = np.take_along_axis(array, np.maximum(places, 0), 1)
        wanted[3] = 0
        assert_same(out.array, wanted)


@pytest.mark.parametrize(
    "kind", [dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, I64], ids=str
)
def test_reductions_of_integers(kind: dtype, machine: str) -> None:
    x = input_leaf(0, kind)
    facts = np.iinfo(kind.numpy)
    rng = np.random.default_rng(0)
    for length in (1, 16, 33, 100):
        array = rng.integers(facts.min, facts.max, (7, length), kind.numpy, endpoint=True)
        array[2] = facts.min
        array[3] = rng.integers(facts.min, facts.min + 3, length)
        largest, total = Guarded(kind, (7, 1)), Guarded(I64, (7, 1))
        varying = Guarded(kind, (7, length))
        run(
            [row_max(x), row_sum(x.to(I64)), row_max(x) - x],
            [(kind, array)],
            [(kind, largest.array, True), (I64, total.array, True), (kind, varying.array, False)],
        )
        for out in (largest, total, varying):
            out.check()
        wanted = array.max(1, keepdims=True)
        assert_same(largest.array, wanted)
        assert_same(total.array, array.sum(1, keepdims=True, dtype=np.int64))
        with np.errstate(over="ignore"):
            assert_same(varying.array, wanted - array)


def test_gradient_of_softmax_as_a_kernel(machine: str) -> None:
    """What `differentiate` derives runs as a row kernel."""
    x, g = input_leaf(0, F64), input_leaf(1, F64)
    (root,) = differentiate(softmax(x), g, [x], rows={id(x): True, id(g): True})
    assert root is not None
    rng = np.random.default_rng(0)
    array, given = rng.normal(size=(5, 33)), rng.normal(size=(5, 33))
    out = Guarded(F64, (5, 33))
    run([root], [(F64, array), (F64, given)], [(F64, out.array, False)])
    soft = np.exp(array) / np.exp(array).sum(1, keepdims=True)
    wanted = soft * (given - (given * soft).sum(1, keepdims=True))
    np.testing.assert_allclose(out.array, wanted, rtol=1e-10, atol=1e-12)


def test_reductions_are_gathered_in_as_few_passes_as_they_depend_on() -> None:
    x = input_leaf(0, F32)
    mean = row_sum(x) * 0.1
    spread = row_sum((x - mean) * (x - mean))
    other = row_max(x)
    assert levels([mean + other, x / spread]) == [[row_sum(x), other], [spread]]
    assert levels([x.exp()]) == []
    assert [len(group) for group in levels([three_levels(x)])] == [1, 1, 1]
