"""Code for machines that this one cannot run: LLVM takes it, and it calls only what is there.

A kernel may call the C library's mathematics and what the runtime names; a call of anything else
(a compiler's own support library, say) could not be resolved when the kernel is loaded.
"""

import platform
import re
import struct
import sys
from collections.abc import Iterator

import llvmlite.binding as llvm
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import (
    conv_patch,
    conv_winograd,
    gemm_plan,
    jit,
    native,
    pool,
    random,
    select,
    target,
    winograd_gradient,
)
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import (
    INDEX,
    LEFT,
    RIGHT,
    SCALAR,
    Expr,
    apply,
    const,
    leaf,
    row_max,
    row_sum,
)
from argand.kernels.loops import (
    BROADCAST,
    CONTIGUOUS,
    STRIDED,
    Operand,
    input_leaf,
    lanes_for,
    map_kernel,
)
from argand.kernels.multi import multi_kernel
from argand.kernels.reduce import Shape, monoid, reduce_kernel
from argand.kernels.rows import row_kernel
from argand.kernels.scalar import TABLE
from tests.kernels.harness import REAL, another_target, kinds_of

F32 = dtypes.float32


def described(triple: str, cpu: str, width: int, registers: int) -> target.Target:
    rows, vectors = target._TILES[width, registers]
    return target.Target(triple, cpu, "", width, registers, rows, vectors, converts_half=True)


TARGETS = {
    "neon, Linux": described("aarch64-linux-gnu", "generic", 16, 32),
    "neon, macOS": described("arm64-apple-macosx14.0.0", "apple-m1", 16, 32),
    "avx512, Linux": described("x86_64-linux-gnu", "skylake-avx512", 64, 32),
    "avx2, Windows": described("x86_64-pc-windows-msvc", "haswell", 32, 16),
    "sse4, Linux": described("x86_64-linux-gnu", "x86-64-v2", 16, 16)._replace(converts_half=False),
}
# a processor without FMA takes the C library's
MATHEMATICS = {row.libm for row in TABLE.values() if row.libm} | {"fma", "fmaf"}
ONE_OF_EACH = (
    dtypes.bool_, dtypes.uint8, dtypes.int16, dtypes.int64, dtypes.float16, F32, dtypes.float64
)  # fmt: skip
# what every C library has and LLVM calls for large copies and clearing
PLAIN = {"memcpy", "memset", "memmove"}

_CALL = re.compile(r"^\s*(?:bl|b|callq?|jmp)\s+\*?\"?_?([A-Za-z][\w.$]*)", re.MULTILINE)


@pytest.fixture(scope="module", params=TARGETS)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[target.Target]:
    machine = TARGETS[request.param]
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        llvm.Target.from_triple(machine.triple)
    except RuntimeError as error:
        pytest.skip(f"this llvmlite has no {machine.triple}: {error}")
    with another_target(machine, {}):
        yield machine


def prepared(text: str, machine: target.Target) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    module = llvm.parse_assembly(text.replace("@NAME", "@test"))
    module.verify()
    module.triple = machine.triple
    generator = llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=1, reloc="pic", codemodel="default"
    )
    module.data_layout = str(generator.target_data)
    return module, generator


def calls_of(text: str, machine: target.Target) -> set[str]:
    """The names of what the machine code calls outside of itself."""
    module, generator = prepared(text, machine)
    called = set(_CALL.findall(generator.emit_assembly(module)))
    outside = {f for f in called if not f.startswith(("test", "LBB", "L"))}
    return {name.removesuffix("@PLT") for name in outside}


def check(text: str, machine: target.Target, allowed: set[str] = MATHEMATICS) -> None:
    beyond = calls_of(text, machine) - allowed - PLAIN
    assert not beyond, f"{beyond} cannot be resolved"


# ---- kernels ------------------------------------------------------------------------------------


def test_calls_are_seen(elsewhere: target.Target) -> None:
    """Else the tests below would show nothing."""
    x = leaf(SCALAR, 0, dtypes.float64)
    tan = map_kernel((x.tan(),), (), (dtypes.float64,), (Operand(dtypes.float64, CONTIGUOUS),), 1)
    assert calls_of(tan, elsewhere) == {"tan"}
    foreign = """
    declare half @strange(half)
    define half @NAME.kernel(half %x) { %y = call half @strange(half %x)  ret half %y }
    """
    with pytest.raises(AssertionError, match="strange"):
        check(foreign, elsewhere)


def test_convolutions(elsewhere: target.Target) -> None:
    """They call only the pool's entry, which the runtime names."""
    lanes = elsewhere.vector_bytes // 4
    masks = gemm_plan.has_masks(elsewhere)
    texts = [conv_winograd.text(lanes, masks, None), winograd_gradient.text(lanes, 2)]
    readings = (conv_patch.DENSE, conv_patch.ROWS, conv_patch.APART)
    texts += [conv_patch.patches_text(F32, lanes, reading) for reading in readings]
    texts.append(conv_patch.turned_text(F32, lanes))
    for text in texts:
        check(text, elsewhere, {"argand_parallel"})


def test_object_code(elsewhere: target.Target) -> None:
    """The very bytes that the cache would keep, for the machine they are meant for."""
    x = input_leaf(0, F32)
    operand = Operand(F32, CONTIGUOUS)
    module, generator = prepared(map_kernel((x.exp(),), (operand,), (), (operand,), 2), elsewhere)
    code = generator.emit_object(module)
    arm = elsewhere.triple.startswith(("aarch64", "arm64"))
    if "linux" in elsewhere.triple:
        assert code[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", code, 18) == (183 if arm else 62,)
    elif "apple" in elsewhere.triple:
        assert struct.unpack_from("<II", code) == (0xFEEDFACF, 0x0100000C if arm else 0x01000007)
    else:
        assert struct.unpack_from("<H", code) == (0x8664,)


def test_vectors_fill_a_register(elsewhere: target.Target) -> None:
    assert lanes_for([F32]) * 4 == elsewhere.vector_bytes
    assert lanes_for([dtypes.float64, dtypes.uint8]) * 8 == elsewhere.vector_bytes
    assert lanes_for([dtypes.uint8]) == elsewhere.vector_bytes
    assert lanes_for([dtypes.float16]) * 4 == elsewhere.vector_bytes


def test_every_row(elsewhere: target.Target) -> None:
    """All rows that compute a type, in one kernel for each type."""
    for kind in ONE_OF_EACH:
        roots, outputs = [], []
        for row in TABLE.values():
            if kind not in kinds_of(row):
                continue
            arguments = [input_leaf(i, kind) for i in range(row.arity)]
            if row.name == "where":
                arguments[0] = arguments[1].eq(arguments[2])
            roots.append(apply(row.name, *arguments))
            outputs.append(dtypes.bool_ if row.result == "bool" else kind)
        inputs = [Operand(kind, access) for access in (CONTIGUOUS, BROADCAST, CONTIGUOUS)]
        stores = [Operand(o, CONTIGUOUS) for o in outputs]
        assert len(roots) > 10
        check(map_kernel(tuple(roots), tuple(inputs), (), tuple(stores), 2), elsewhere)


def test_every_conversion_and_access(elsewhere: target.Target) -> None:
    for number, source in enumerate(REAL):
        access = (CONTIGUOUS, STRIDED)[number % 2]
        x = input_leaf(0, source)
        roots = tuple(x.to(compute_dtype(goal)) for goal in REAL)
        outputs = tuple(Operand(goal, access) for goal in REAL)
        check(map_kernel(roots, (Operand(source, access),), (), outputs, 3), elsewhere)


def test_scalars_and_positions(elsewhere: target.Target) -> None:
    kinds = tuple(k for k in REAL if k.itemsize > 2 or k.kind != "f")
    roots = tuple(leaf(SCALAR, i, k) for i, k in enumerate(kinds))
    outputs = tuple(Operand(k, CONTIGUOUS) for k in kinds)
    check(map_kernel(roots, (), kinds, outputs, 1), elsewhere)
    index = leaf(INDEX, None, dtypes.int64)
    check(map_kernel((index.to(F32),), (), (), (Operand(F32, CONTIGUOUS),), 1), elsewhere)


def sums(kind: dtype) -> tuple[Expr, Expr]:
    return leaf(LEFT, 0, kind), leaf(RIGHT, 0, kind)


def test_reductions_rows_and_optimizers(elsewhere: target.Target) -> None:
    for kind in (F32, dtypes.float64, dtypes.int32):
        left, right = sums(kind)
        fold = monoid([input_leaf(0, kind)], [left + right], [const(0, kind)])
        for shape in (Shape(True, 1, 1), Shape(False, 1, 1)):
            for access in (CONTIGUOUS, STRIDED):
                text = reduce_kernel(fold, (Operand(kind, access),), (), (kind,), shape)
                check(text, elsewhere)
    left, right = sums(dtypes.bool_)
    some = monoid([input_leaf(0, F32).to(dtypes.bool_)], [left | right], [const(0, dtypes.bool_)])
    operand = Operand(F32, CONTIGUOUS)
    check(reduce_kernel(some, (operand,), (), (dtypes.bool_,), Shape(True, 0, 0)), elsewhere)
    x = input_leaf(0, F32)
    powers = (x - row_max(x)).exp()
    text = row_kernel((powers / row_sum(powers),), (operand,), (), (operand,), 2)
    check(text, elsewhere)
    step = x - input_leaf(1, F32) * leaf(SCALAR, 0, F32)
    check(multi_kernel((step,), (F32, F32), (F32,), (0,)), elsewhere)


def test_the_mersenne_twister(elsewhere: target.Target) -> None:
    check(random.text(), elsewhere)
    check(select.selection(), elsewhere)


# ---- runtime ------------------------------------------------------------------------------------

_PYTHON = {
    "_PyObject_New", "PyObject_Free", "Py_DecRef", "Py_IncRef", "PyLong_AsLongLong",
    "PyFloat_AsDouble", "PyErr_Occurred", "PyErr_Format", "PyEval_SaveThread",
    "PyEval_RestoreThread",
}  # fmt: skip


def stripped(names: set[str]) -> set[str]:
    """Symbols of macOS, and of what begins with an underscore itself."""
    return names | {name.lstrip("_") for name in names}


@pytest.mark.parametrize(
    ("system", "calls"),
    [
        ("linux", {"posix_memalign", "free", "madvise"}),
        ("darwin", {"posix_memalign", "free"}),
        ("win32", {"_aligned_malloc", "_aligned_free"}),
    ],
)
def test_the_allocator(system: str, calls: set[str], elsewhere: target.Target) -> None:
    check(native.text(system), elsewhere, stripped(_PYTHON | calls | {"argand_parallel"}))


@pytest.mark.parametrize(
    ("system", "calls"),
    [
        ("linux", {"syscall", "sched_yield"}),
        ("darwin", {"usleep", "sched_yield"}),
        ("win32", {"Sleep"}),
    ],
)
def test_the_pool(
    system: str, calls: set[str], elsewhere: target.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    llvm.initialize_all_asmprinters()
    for_arm = not elsewhere.triple.startswith("x86")
    llvm.initialize_native_asmparser()
    text = pool.text("aarch64" if for_arm else "x86_64")
    if for_arm != (platform.machine().lower() in ("arm64", "aarch64")):
        text = re.sub(r"call void asm .*", "", text)  # only the host's assembler is there
    check(text, elsewhere, calls)


# ---- what this machine is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "features", "found"),
    [
        ("x86_64", {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"}, (64, 32)),
        ("AMD64", {"avx512f", "avx512bw", "avx2", "fma"}, (32, 16)),
        ("x86_64", {"avx512f", "avx2"}, (16, 16)),
        ("x86_64", set(), (16, 16)),
        ("arm64", set(), (16, 32)),
        ("aarch64", {"sve"}, (16, 32)),
    ],
)
def test_vectors_of_a_machine(
    machine: str, features: set[str], found: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert target._vectors(features) == found
    assert found in target._TILES


def test_the_fingerprint_names_what_shapes_code(elsewhere: target.Target) -> None:
    """Another processor, another key in the cache."""
    told = target.fingerprint()
    assert elsewhere.triple in told
    assert elsewhere.cpu in told
    version = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    assert version in told


def test_the_same_text_for_another_machine_is_another_entry(elsewhere: target.Target) -> None:
    keys: list[str] = []

    class Disk:
        @staticmethod
        def load(key: str) -> None:
            keys.append(key)

    with pytest.MonkeyPatch.context() as patch:
        for machine in (elsewhere, elsewhere._replace(features="+sse3")):
            with another_target(machine, {}):
                patch.setattr(jit, "disk", Disk)
                patch.setattr(jit, "_generate", lambda text: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    jit.compile_module("text")
    assert len(set(keys)) == 2
