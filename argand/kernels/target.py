"""What differs between machines: vector width, registers, system symbols.

Everything that shapes generated code is read here once, and `fingerprint` names it for the cache.
"""

import platform
import sys
from functools import cache
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm


class Target(NamedTuple):
    """The machine that kernels are generated for; sizes in bytes unless named otherwise."""

    triple: str
    cpu: str
    features: str
    vector_bytes: int  # width of one vector register
    registers: int  # number of vector registers
    tile_rows: int  # rows of the matrix microkernel's register tile
    tile_vectors: int  # vectors in each of these rows
    converts_half: bool  # between float16 and float32, by an instruction


_TILES = {  # (vector bytes, registers) -> rows and vectors of the matrix microkernel
    (64, 32): (14, 2),
    (32, 16): (6, 2),
    (16, 32): (8, 3),
    (16, 16): (4, 2),
}


def _is_arm() -> bool:
    return platform.machine().lower() in ("arm64", "aarch64")


def _vectors(features: set[str]) -> tuple[int, int]:
    if _is_arm():
        return 16, 32
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= features:
        return 64, 32
    if {"avx2", "fma"} <= features:
        return 32, 16
    return 16, 16


@cache
def host() -> Target:
    """The machine this process runs on.

    >>> host().vector_bytes in (16, 32, 64)
    True
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()  # inline assembly aborts without it
    found = llvm.get_host_cpu_features()
    features = {name for name, present in found.items() if present}
    vectors = _vectors(features)
    rows, columns = _TILES[vectors]
    return Target(
        triple=llvm.get_process_triple(),
        cpu=llvm.get_host_cpu_name(),
        features=found.flatten(),
        vector_bytes=vectors[0],
        registers=vectors[1],
        tile_rows=rows,
        tile_vectors=columns,
        converts_half=_is_arm() or "f16c" in features,
    )


def is_x86() -> bool:
    """Whether kernels may use the instructions of x86-64."""
    return host().triple.startswith("x86_64")


def lanes(itemsize: int) -> int:
    """How many items of `itemsize` bytes one vector holds."""
    return max(1, host().vector_bytes // itemsize)


def machine() -> llvm.TargetMachine:
    """A fresh LLVM target machine: an execution engine takes ownership of the one it is given."""
    here = host()
    return llvm.Target.from_triple(here.triple).create_target_machine(
        cpu=here.cpu, features=here.features, opt=1, reloc="pic", codemodel="default", jit=True
    )


@cache
def fingerprint() -> str:
    """Everything outside of the IR text that shapes machine code."""
    here = host()
    version = ".".join(map(str, llvm.llvm_version_info))
    python = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    parts = (llvmlite.__version__, version, python, here.triple, here.cpu, here.features)
    return "\n".join(parts)


def describe() -> dict[str, str]:
    """The target in words, for ``argand doctor``."""
    here = host()
    return {
        "cpu": here.cpu,
        "triple": here.triple,
        "vector width": f"{here.vector_bytes * 8} bit",
        "vector registers": str(here.registers),
        "matrix tile": f"{here.tile_rows} x {here.tile_vectors * lanes(4)} float32",
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
    }
