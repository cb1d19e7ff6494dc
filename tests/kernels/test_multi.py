"""Kernels over many arrays: every element of every array once, and nothing else."""

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import SCALAR, Expr, evaluate, leaf
from argand.kernels.loops import input_leaf
from argand.kernels.multi import TILE, multi_kernel, tiles_of
from tests.kernels.harness import LENGTHS, Guarded, assert_same, call, decode, encode

F32, F64 = dtypes.float32, dtypes.float64


def run(
    roots: list[Expr],
    kinds: list[dtype],
    written: list[int],
    segments: list[list[Guarded]],
    scalars: list[tuple[dtype, float]],
    cut: int = 0,
) -> None:
    """Apply the expressions to each segment: a list of arrays, one per operand."""
    text = multi_kernel(tuple(roots), tuple(kinds), tuple(k for k, _ in scalars), tuple(written))
    table = np.array([[o.array.ctypes.data for o in row] for row in segments], np.int64)
    tiles = np.array(tiles_of([len(row[0].array) for row in segments]), np.int64)
    words = [table.ctypes.data, tiles.ctypes.data, *(v for _, v in scalars)]
    call(text, words, [0], len(tiles) // 3, cuts=(cut,))


def filled(kind: dtype, length: int, seed: int) -> Guarded:
    out = Guarded(kind, (length,), shift=seed % 3)
    rng = np.random.default_rng(seed)
    out.array[...] = encode(kind, rng.uniform(0.1, 2, length))
    out.before = out.block.copy()
    return out


@pytest.mark.parametrize(
    "lengths", [*([n] for n in LENGTHS), list(LENGTHS), [TILE + 1, 1, 3 * TILE]]
)
def test_an_optimizer_step(lengths: list[int], machine: str) -> None:
    """Adam's core: two states and the parameter are written, the gradient is only read."""
    parameter, gradient, first, second = (input_leaf(i, F32) for i in range(4))
    rate = leaf(SCALAR, 0, F32)
    moment = first * 0.9 + gradient * 0.1
    square = second * 0.99 + gradient * gradient * 0.01
    roots = [parameter - rate * moment / (square.sqrt() + 1e-8), moment, square]
    segments = [[filled(F32, n, seed=4 * i + k) for k in range(4)] for i, n in enumerate(lengths)]
    before = [[o.array.copy() for o in row] for row in segments]
    run(roots, [F32] * 4, [0, 2, 3], segments, [(F32, 0.125)], cut=len(lengths) // 2)
    for row, old in zip(segments, before):
        known = dict(zip((parameter, gradient, first, second), old))
        known[rate] = np.array(0.125, np.float32)
        wanted = evaluate(roots, known)
        for out in row:
            out.check()
        for operand, value in zip((0, 2, 3), wanted):
            assert_same(row[operand].array, value)
        assert_same(row[1].array, old[1])


def test_operands_of_different_types(machine: str) -> None:
    """bfloat16 parameters with a float32 master copy."""
    kinds = [dtypes.bfloat16, F32, dtypes.float16]
    low, master, gradient = (input_leaf(i, k) for i, k in enumerate(kinds))
    assert low.dtype is compute_dtype(dtypes.bfloat16)
    new = master - gradient * 0.5
    segments = [[filled(k, n, seed=n + i) for i, k in enumerate(kinds)] for n in (1, 17, 1000)]
    before = [[o.array.copy() for o in row] for row in segments]
    run([new, new], kinds, [0, 1], segments, [])
    for row, (_, old, given) in zip(segments, before):
        wanted = old - decode(dtypes.float16, given) * np.float32(0.5)
        for out in row:
            out.check()
        assert_same(row[1].array, wanted)
        assert_same(row[0].array, encode(dtypes.bfloat16, wanted))


def test_double_precision_scalars(machine: str) -> None:
    rate = leaf(SCALAR, 0, F64)
    segments = [[filled(F64, 37, seed=1)]]
    before = segments[0][0].array.copy()
    run([input_leaf(0, F64) * rate], [F64], [0], segments, [(F64, 1 / 3)])
    assert_same(segments[0][0].array, before * (1 / 3))


def test_tiles_cover_every_segment_once() -> None:
    lengths = [0, 1, TILE - 1, TILE, TILE + 1, 5 * TILE + 7]
    tiles = np.array(tiles_of(lengths)).reshape(-1, 3)
    for row, length in enumerate(lengths):
        mine = tiles[tiles[:, 0] == row]
        covered = [i for _, start, stop in mine.tolist() for i in range(start, stop)]
        assert covered == list(range(length))
    assert ((tiles[:, 2] - tiles[:, 1]) <= TILE).all()
    assert tiles_of([]) == tiles_of([0, 0]) == []
