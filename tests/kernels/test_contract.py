"""Matrix products: every transposition, stride, edge, epilogue and method against NumPy."""

import ctypes
import itertools
import mmap
import os
import struct
import sys
from collections.abc import Iterator, Sequence

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import (
    contract,
    gemm_drive,
    gemm_plan,
    gemm_scratch,
    gemm_share,
    gemm_split,
    jit,
    target,
)
from argand.kernels.contract import Activation, Operand, Parts, product
from argand.kernels.emit import Lowering, compute_dtype
from argand.kernels.gemm_deliver import deliver, deliver_text
from argand.kernels.gemm_dot import Dot, dot_kernel, dot_text
from argand.kernels.gemm_micro import Micro, heights, micro_text, microkernel
from argand.kernels.gemm_pack import packer, packer_text
from argand.kernels.gemm_plan import cover
from argand.runtime import memory, threads
from tests.kernels.harness import MACHINES, Guarded, decode, encode, machine_named

F32, F64 = dtypes.float32, dtypes.float64
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)

SHAPES = (  # rows, columns, length of the sums
    (1, 1, 1), (1, 5, 3), (7, 1, 4), (2, 3, 0), (0, 3, 4), (3, 0, 4), (1, 200, 100), (2, 70, 64),
    (3, 33, 130), (4, 40, 90), (5, 7, 9), (13, 31, 17), (14, 32, 20), (15, 33, 8), (29, 47, 64),
    (64, 10, 128), (10, 128, 64), (61, 97, 103),
)  # fmt: skip


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything is generated anew for the machine of this test."""
    with machine_named(request.param):
        _forget()
        yield request.param
    _forget()


def _forget() -> None:
    for function in (microkernel, dot_kernel, deliver, packer):
        function.cache_clear()
    for module in (gemm_drive.compute, gemm_share.driver, gemm_split.driver):
        module.cache_clear()


def operand(array: np.ndarray) -> Operand:
    """The strides of an array in elements."""
    steps = [stride // array.itemsize for stride in array.strides]
    return Operand(steps[-2], steps[-1], tuple(steps[:-2]))


def run(parts: Parts, addresses: Sequence[int], chunks: int | None = None) -> None:
    """Call the kernel as a plan does, in as many pieces as `chunks`; scratch memory is added."""
    scratch = memory.allocate(parts.scratch_bytes + 64)
    ctypes.memset(scratch.ptr, 255, parts.scratch_bytes)  # NaN: nothing may count on its content
    words = [*addresses[:-1], *[scratch.ptr] * bool(parts.scratch_bytes), addresses[-1]]
    assert len(words) == parts.arguments
    packed = ctypes.create_string_buffer(struct.pack(f"{len(words)}q", *words))
    sizes = struct.pack(f"{len(parts.parameters)}q", *parts.parameters)
    parameters = ctypes.create_string_buffer(sizes)
    function = _CALL(parts.function)
    number = min(parts.units, chunks or parts.chunks) or 1
    edges = [parts.units * i // number for i in range(number + 1)]
    for first, end in itertools.pairwise(edges):
        function(ctypes.addressof(packed), ctypes.addressof(parameters), first, end)


def matmul(
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    kind: dtype = F32,
    bias: np.ndarray | None = None,
    activation: Activation | None = None,
    accumulate: bool = False,
    alpha: float = 1.0,
    chunks: int | None = None,
    here: target.Target | None = None,
) -> Parts:
    """Write the product of two arrays to a third; operands are broadcast to its batch."""
    batch = c.shape[:-2]
    a = np.broadcast_to(a, (*batch, *a.shape[-2:]))
    b = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    given = [a, b]
    if bias is not None:
        bias = np.broadcast_to(bias, c.shape)
        given.append(bias)
    parts = product(
        kind,
        (c.shape[-2], c.shape[-1], a.shape[-1]),
        operand(a),
        operand(b),
        operand(c),
        batch=batch,
        bias=None if bias is None else operand(bias),
        activation=activation,
        accumulate=accumulate,
        alpha=alpha,
        here=here,
    )
    run(parts, [x.ctypes.data for x in (*given, c)], chunks)
    return parts


def values(kind: dtype, shape: Sequence[int], seed: int) -> np.ndarray:
    """Random values as they lie in memory."""
    return encode(kind, np.random.default_rng(seed).standard_normal(shape))


def expected(kind: dtype, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return decode(kind, a).astype(np.float64) @ decode(kind, b).astype(np.float64)


def assert_close(kind: dtype, got: np.ndarray, wanted: np.ndarray, terms: int) -> None:
    """Equal within the rounding of a sum of so many terms of size one."""
    exact = EPSILON[compute_dtype(kind).name]
    tolerance = 4 * exact * (terms + 4) + EPSILON[kind.name] * np.abs(wanted)
    wrong = ~(np.abs(decode(kind, got).astype(np.float64) - wanted) <= tolerance)
    where = np.argwhere(wrong)
    assert not len(where), (
        f"{len(where)} of {wrong.size} differ, first at {tuple(where[0])}: "
        f"{decode(kind, got)[tuple(where[0])]!r} instead of {wanted[tuple(where[0])]!r}"
    )


def check(
    kind: dtype,
    sizes: tuple[int, int, int],
    transposed: tuple[bool, bool, bool] = (False, False, False),
    gaps: Sequence[Sequence[int]] = ((0, 0), (0, 0), (0, 0)),
    here: target.Target | None = None,
    **options: object,
) -> Parts:
    """Compute a product of operands that lie as told, and compare everything."""
    m, n, k = sizes
    arrays = []
    guards = []
    for number, shape in enumerate(((m, k), (k, n), (m, n))):
        turned = shape[::-1] if transposed[number] else shape
        guards.append(Guarded(kind, turned, gaps[number], shift=number))
        array = guards[-1].array.T if transposed[number] else guards[-1].array
        array[...] = values(kind, shape, number)
        arrays.append(array)
    a, b, c = arrays
    for guard in guards:
        guard.before = guard.block.copy()
    old = decode(kind, c).astype(np.float64)
    parts = matmul(a, b, c, kind, here=here, **options)
    wanted = options.get("alpha", 1.0) * expected(kind, a, b)
    if options.get("accumulate"):
        wanted = wanted + old
    bias = options.get("bias")
    if bias is not None:
        wanted = wanted + decode(kind, bias)
    if options.get("activation"):
        wanted = np.maximum(wanted, 0)
    assert_close(kind, c, wanted, k)
    for guard in guards:
        guard.check()
    return parts


def relu(lower: Lowering, value: str) -> str:
    """max(value, 0) as instructions."""
    vector = f"<{lower.width} x float>"
    positive = lower.w.let(f"fcmp ogt {vector} {value}, zeroinitializer")
    return lower.w.let(
        f"select <{lower.width} x i1> {positive}, {vector} {value}, {vector} zeroinitializer"
    )


# ---- shapes, transpositions, strides ------------------------------------------------------------


@pytest.mark.parametrize("kind", [F32, F64], ids=str)
@pytest.mark.parametrize("transposed", list(itertools.product([False, True], repeat=3)))
def test_transpositions(machine: str, kind: dtype, transposed: tuple[bool, bool, bool]) -> None:
    for sizes in SHAPES:
        check(kind, sizes, transposed)


@pytest.mark.parametrize(
    "gaps", [((2, 0), (0, 0), (3, 0)), ((0, 1), (0, 2), (0, 1)), ((1, 1), (2, 1), (1, 2))]
)
def test_strides(machine: str, gaps: Sequence[Sequence[int]]) -> None:
    """Sub-views: rows apart, columns apart, and both."""
    for sizes in ((5, 7, 9), (15, 33, 20), (1, 70, 64), (70, 1, 64), (3, 40, 100)):
        for transposed in itertools.product([False, True], repeat=3):
            check(F32, sizes, transposed, gaps)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 70), st.integers(0, 80)),
    transposed=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    gaps=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 3),
    accumulate=st.booleans(),
    alpha=st.sampled_from([1.0, -0.5]),
    kind=st.sampled_from([F32, F64]),
)
def test_any_product(
    sizes: tuple[int, int, int],
    transposed: tuple[bool, bool, bool],
    gaps: Sequence[Sequence[int]],
    accumulate: bool,
    alpha: float,
    kind: dtype,
) -> None:
    check(kind, sizes, transposed, gaps, accumulate=accumulate, alpha=alpha)


def test_tiles_of_other_machines() -> None:
    """The tile of NEON, of AVX2 and an odd one, as vectors of this processor."""
    for width, registers, rows, vectors in ((16, 32, 8, 3), (32, 16, 6, 2), (32, 32, 11, 1)):
        here = target.host()._replace(
            vector_bytes=width, registers=registers, tile_rows=rows, tile_vectors=vectors
        )
        for kind in (F32, F64):
            for sizes in SHAPES:
                check(kind, sizes, (False, True, False), here=here)
                check(kind, sizes, (True, False, False), here=here, accumulate=True)


# ---- batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["NN", "NT", "TN", "TT"])
def test_batches(machine: str, order: str) -> None:
    for m, n, k in ((5, 6, 7), (17, 40, 30), (1, 40, 64), (33, 1, 20)):
        a = values(F32, (2, 3, k, m) if order[0] == "T" else (2, 3, m, k), 0)
        b = values(F32, (2, 3, n, k) if order[1] == "T" else (2, 3, k, n), 1)
        a = np.swapaxes(a, -1, -2) if order[0] == "T" else a
        b = np.swapaxes(b, -1, -2) if order[1] == "T" else b
        for left, right in ((a, b), (a[0], b), (a, b[:, :1]), (a[1, 2], b[1, 0])):
            c = Guarded(F32, (2, 3, m, n), (0, 0, 1, 0))
            bias = values(F32, (3, 1, n), 2)
            matmul(left, right, c.array, bias=bias)
            wanted = np.broadcast_to(expected(F32, left, right), c.array.shape) + bias
            assert_close(F32, c.array, wanted, k)
            c.check()


def test_empty_batch() -> None:
    c = np.zeros((0, 3, 4), np.float32)
    matmul(np.zeros((0, 3, 5), np.float32), np.zeros((5, 4), np.float32), c)


# ---- epilogues ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [F32, F64], ids=str)
def test_bias_and_alpha(machine: str, kind: dtype) -> None:
    for m, n, k in ((5, 6, 7), (20, 50, 30), (1, 40, 64), (40, 1, 64), (9, 16, 0)):
        for shape in ((n,), (m, 1), (m, n), (1, 1)):
            bias = values(kind, shape, 5)
            for accumulate in (False, True):
                for transposed in ((False, True, False), (True, False, True)):
                    check(kind, (m, n, k), transposed, bias=bias, accumulate=accumulate, alpha=0.25)


def test_activation(machine: str) -> None:
    bias = values(F32, (50,), 5)
    for sizes in ((20, 50, 30), (1, 50, 64), (20, 50, 0)):
        check(F32, sizes, activation=relu)
        check(F32, sizes, (False, True, False), activation=relu, bias=bias, accumulate=True)
        check(F32, sizes, (False, True, True), activation=relu, bias=bias)


def test_alpha_is_exact_where_it_is_one() -> None:
    """A product with an infinite term is not disturbed by epilogues that do nothing."""
    a = np.array([[np.inf, 1.0]], np.float32)
    b = np.ones((2, 3), np.float32)
    c = np.zeros((1, 3), np.float32)
    matmul(a, b, c)
    assert np.isposinf(c).all()


@pytest.mark.parametrize("kind", [dtypes.float16, dtypes.bfloat16], ids=str)
def test_half_types(machine: str, kind: dtype) -> None:
    for sizes in ((5, 6, 7), (20, 50, 30), (1, 40, 64), (33, 1, 20), (3, 4, 0)):
        for transposed in itertools.product([False, True], repeat=3):
            check(kind, sizes, transposed)
        check(kind, sizes, bias=values(kind, (sizes[1],), 5), accumulate=True, alpha=0.5)


# ---- methods ------------------------------------------------------------------------------------


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks so small that small products have many of them, in every direction."""
    monkeypatch.setattr(gemm_plan, "BLOCK_DEPTH", 32)
    monkeypatch.setattr(gemm_plan, "ROUNDED_BLOCK_DEPTH", 32)
    monkeypatch.setattr(gemm_plan, "BLOCK_ROWS", 20)
    monkeypatch.setattr(gemm_plan, "BLOCK_COLUMNS", 64)
    monkeypatch.setattr(gemm_plan, "PIECE", 16)
    monkeypatch.setattr(gemm_plan, "PIECE_ADJACENT", 8)
    return


LARGER = ((61, 97, 103), (40, 130, 64), (3, 99, 100), (100, 5, 77))


@pytest.mark.parametrize("order", list(itertools.product([False, True], repeat=2)))
def test_blocks(small_blocks: None, machine: str, order: tuple[bool, bool]) -> None:
    for sizes in LARGER:
        bias = values(F32, (sizes[1],), 5)
        check(F32, sizes, (*order, False), bias=bias, activation=relu)
        check(F32, sizes, (*order, False), accumulate=True, alpha=2.0)
        check(
            dtypes.bfloat16, (*sizes[:2], 30), (*order, False), bias=encode(dtypes.bfloat16, bias)
        )


@pytest.mark.parametrize("packs", list(itertools.product([False, True], repeat=2)))
def test_packing_changes_nothing(packs: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels hold the same numbers in the same order, so results are equal bit for bit."""
    a, b = values(F32, (61, 103), 0), values(F32, (103, 97), 1)
    direct, packed = np.zeros((61, 97), np.float32), np.zeros((61, 97), np.float32)
    matmul(a, b, direct)
    chosen = contract.choose
    monkeypatch.setattr(
        contract,
        "choose",
        lambda problem: _packing(chosen(problem), *packs),
    )
    parts = matmul(a, b, packed)
    assert ("packed A" in parts.path, "packed B" in parts.path) == packs
    assert np.array_equal(direct, packed)


def _packing(method: gemm_plan.Method, pack_a: bool, pack_b: bool) -> gemm_plan.Method:
    full, last = method.full, method.last
    assert isinstance(full, Micro)
    assert isinstance(last, Micro)
    if pack_a:
        full, last = full._replace(adjacent=True), last._replace(adjacent=True)
    return method._replace(full=full, last=last, pack_a=pack_a, pack_b=pack_b)


@pytest.mark.parametrize("order", list(itertools.product([False, True], repeat=2)))
def test_shared_panels(
    small_blocks: None,
    machine: str,
    order: tuple[bool, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contract, "SHARED_PRODUCTS", 0)
    monkeypatch.setattr(contract, "SHARED_SIZE", 1)
    for limit in (1, 1 << 20):  # many rounds, and one
        monkeypatch.setattr(gemm_plan, "SHARED_BYTES", limit)
        for sizes in ((61, 97, 103), (100, 5, 77)):
            bias = values(F32, (sizes[1],), 5)
            parts = check(F32, sizes, (*order, False), bias=bias, activation=relu)
            assert "shared" in parts.path
            assert parts.scratch_bytes > 0
            check(F32, sizes, (*order, True), accumulate=True, alpha=2.0)
            check(F64, sizes, (*order, False))
    check(dtypes.float16, (61, 97, 30), (*order, False))


@pytest.mark.parametrize("order", list(itertools.product([False, True], repeat=2)))
def test_slices(machine: str, order: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "SPLIT_NANOSECONDS", 0)
    monkeypatch.setattr(contract, "SPLIT_DEPTH", 20)
    monkeypatch.setattr(contract, "SPLIT_UNITS", 30)
    for sizes in ((1, 1, 333), (1, 40, 200), (5, 1, 100), (14, 33, 101), (2, 2, 640)):
        bias = values(F32, (sizes[1],), 5)
        parts = check(F32, sizes, (*order, False), bias=bias, activation=relu)
        assert "slices" in parts.path
        check(F32, sizes, (*order, True), (((1, 0), (0, 1), (1, 1))), accumulate=True, alpha=2.0)
        check(F64, sizes, (*order, False))
        check(dtypes.bfloat16, sizes, (*order, False))


def test_methods_that_shapes_get() -> None:
    """The usual shapes are computed as they should be."""

    wide = target.host()._replace(vector_bytes=64, registers=32, tile_rows=14, tile_vectors=2)

    def path(m: int, n: int, k: int, order: str) -> str:
        a = Operand(1, m) if order[0] == "T" else Operand(k, 1)
        b = Operand(1, k) if order[1] == "T" else Operand(n, 1)
        return product(F32, (m, n, k), a, b, Operand(n, 1), here=wide).path

    assert path(64, 784, 128, "NN") == "tiles"
    assert path(128, 784, 64, "TN") == "tiles"
    assert path(64, 128, 784, "NT") == "tiles, packed B"
    assert path(1024, 1024, 1024, "NN") == "tiles, shared, packed A, packed B"
    assert path(1, 2048, 2048, "NT") == "dot products"
    assert path(2048, 1, 2048, "NN") == "dot products, transposed"
    assert "slices" in path(32, 32, 65536, "TN")


# ---- memory and threads -------------------------------------------------------------------------


def test_any_number_of_chunks() -> None:
    """However the units are cut, the result is the same bit for bit."""
    for m, n, k, order in ((150, 200, 300, "NN"), (150, 200, 300, "NT"), (4, 300, 500, "NT")):
        a, b = values(F32, (m, k), 0), values(F32, (k, n), 1)
        b = np.asfortranarray(b) if order == "NT" else b
        results = []
        for chunks in (1, 2, 7, 64):
            c = np.zeros((m, n), np.float32)
            parts = matmul(a, b, c, chunks=chunks)
            results.append(c)
        assert parts.units > 1
        assert all(np.array_equal(results[0], other) for other in results)


@pytest.mark.parametrize("sizes", [(200, 300, 400), (700, 600, 500), (20, 30, 40_000)])
def test_threads(sizes: tuple[int, int, int]) -> None:
    """With the threads at work results are equal bit for bit to those of one thread."""
    m, n, k = sizes
    a, b = values(F32, (m, k), 0), np.asfortranarray(values(F32, (k, n), 1))
    alone, together = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    matmul(a, b, alone, chunks=1)
    parts = product(F32, sizes, operand(a), operand(b), operand(together))
    assert parts.parallel
    threads.ensure_started()
    plan = memory.make_plan(
        parts.function,
        parts.parameters,
        parts.arguments,
        units=parts.units,
        chunks=parts.chunks,
    )
    scratch = memory.allocate(parts.scratch_bytes)
    for _ in range(20):
        together[...] = np.nan
        addresses = [x.ctypes.data for x in (a, b)] + [scratch.ptr] * bool(parts.scratch_bytes)
        plan.run(*addresses, together.ctypes.data)
        assert np.array_equal(alone, together)


def test_slots_are_given_back() -> None:
    check(F32, (64, 128, 100), (False, True, False))
    place = gemm_scratch.slots()
    flags = ctypes.string_at(place.address, place.first)
    assert not any(flags)


@pytest.mark.skipif(sys.platform == "win32", reason="pages are protected with mprotect")
@pytest.mark.parametrize("order", list(itertools.product([False, True], repeat=2)))
def test_nothing_is_read_beyond_operands(order: tuple[bool, bool]) -> None:
    """Operands end where a page ends that is followed by one that cannot be read."""
    areas = []

    def at_end(array: np.ndarray) -> np.ndarray:
        page = mmap.PAGESIZE
        pages = -(-array.nbytes // page) + 1
        area = mmap.mmap(-1, pages * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(area))
        library = ctypes.CDLL(None, use_errno=True)
        last = ctypes.c_void_p(start + (pages - 1) * page)
        assert library.mprotect(last, ctypes.c_size_t(page), 0) == 0, os.strerror(
            ctypes.get_errno()
        )
        areas.append((area, last))
        offset = (pages - 1) * page - array.nbytes
        moved = np.frombuffer(area, array.dtype, array.size, offset).reshape(array.shape)
        moved[...] = array
        return moved

    for m, n, k in (*SHAPES[6:], (61, 97, 2000)):
        a = values(F32, (k, m) if order[0] else (m, k), 0)
        b = values(F32, (n, k) if order[1] else (k, n), 1)
        a, b, bias = at_end(a), at_end(b), at_end(values(F32, (n,), 2))
        a, b = a.T if order[0] else a, b.T if order[1] else b
        c = at_end(np.zeros((m, n), np.float32))
        matmul(a, b, c, bias=bias)
        assert_close(F32, c, expected(F32, a, b) + bias, k)
    for area, last in areas:
        library = ctypes.CDLL(None)
        library.mprotect(last, ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_WRITE)
        assert area


# ---- pieces -------------------------------------------------------------------------------------


def test_tiles_cover_rows() -> None:
    for full in (4, 6, 8, 14):
        sizes = heights(full)
        assert sizes[0] == full
        assert sizes[-1] == 1
        for rows in range(200):
            tiles = cover(rows, sizes)
            assert sum(height * count for height, count in tiles) == rows
            assert [height for height, _ in tiles] == sorted((h for h, _ in tiles), reverse=True)


def test_sizes_are_not_in_the_code() -> None:
    """A new batch size compiles nothing."""
    sizes = [(m, 96, k) for m in (64, 50, 33, 100) for k in (48, 72)]
    for m, n, k in sizes[:2]:
        check(F32, (m, n, k), (False, True, False))
    check(F32, (57, 96, 48), (False, True, False))  # the tiles of one, two and four rows
    before = len(jit._loaded)
    for m, n, k in sizes:
        check(F32, (m, n, k), (False, True, False))
    assert len(jit._loaded) == before


@pytest.mark.parametrize(
    ("triple", "cpu", "width", "registers", "rows", "vectors"),
    [
        ("aarch64-unknown-linux-gnu", "neoverse-n1", 16, 32, 8, 3),
        ("arm64-apple-macosx", "apple-m1", 16, 32, 8, 3),
        ("x86_64-unknown-linux-gnu", "haswell", 32, 16, 6, 2),
        ("x86_64-pc-windows-msvc", "znver4", 64, 32, 14, 2),
        ("x86_64-unknown-linux-gnu", "x86-64", 16, 16, 4, 2),
    ],
)
def test_objects_for_other_processors(
    triple: str, cpu: str, width: int, registers: int, rows: int, vectors: int
) -> None:
    """LLVM makes machine code of every module, and keeps the tile in registers."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=1)
    lanes = width // 4
    texts = [packer_text(F32, lanes, adjacent) for adjacent in (False, True)]
    texts.append(dot_text(Dot(F32, lanes, 1, lanes)))
    for adjacent in (False, True):
        micro = Micro(F32, lanes, vectors, adjacent)
        texts += [micro_text(micro, heights(rows)), deliver_text(micro, F32, None)]
    for text in texts:
        module = llvm.parse_assembly(text.replace("@NAME", "@name"))
        module.triple = triple
        module.data_layout = str(machine.target_data)
        assert machine.emit_object(module)
