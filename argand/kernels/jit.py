"""Module text -> machine code -> an address.

A module is IR text whose public functions are written ``@NAME.PART``; `compile_module` gives each
text its own unique NAME, takes the object code from disk or lets LLVM generate it (no optimization
passes: the text is already vectorized), and loads it into one engine that lives as long as the
process, so an address never dangles.
"""

import hashlib
import os
import sys
import threading

import llvmlite.binding as llvm

from argand import config
from argand.kernels import target
from argand.kernels.cache import disk

_lock = threading.RLock()
_engine: llvm.ExecutionEngine | None = None
_emitter: llvm.TargetMachine | None = None
_loaded: dict[str, str] = {}
compiled = 0  # modules generated, not found on disk, since the process began


if hasattr(os, "register_at_fork"):
    # no fork while another thread compiles: the child would wait for it forever
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def compile_module(text: str) -> str:
    """Load the functions of `text`; returns the prefix that replaced ``@NAME`` in it."""
    with _lock:
        name = _loaded.get(text)
        if name is None:
            name = _loaded[text] = _load(text)
    return name


def address(text: str, part: str = "kernel") -> int:
    """The address of the function written ``@NAME.part`` in the module `text`.

    Raises:
        LookupError: when the module has no such function.
    """
    name = compile_module(text)
    with _lock:
        found = _get_engine().get_function_address(f"{name}.{part}")
    if not found:
        raise LookupError(f"the module {name} has no function {part!r}")
    return found


def add_symbol(name: str, value: int) -> None:
    """Let modules that are loaded later call the function at address `value` as ``@name``."""
    llvm.add_symbol(name, value)


def _get_engine() -> llvm.ExecutionEngine:
    global _engine
    if _engine is None:
        machine = target.machine()
        _engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    return _engine


_CHECKED = 512  # after how many modules to look again how many maps the process has


def _check_maps() -> None:
    """Refuse another module before the system refuses its memory, which LLVM would die of.

    Code and constants of a module take a memory map each, and Linux gives a process 65,530 of them
    unless ``vm.max_map_count`` says otherwise.

    Raises:
        RuntimeError: when there is no room for a few hundred modules more.
    """
    if len(_loaded) < 8 * _CHECKED or len(_loaded) % _CHECKED:
        return
    try:
        with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
            limit = int(file.read())
        with open("/proc/self/maps", "rb") as file:
            count = sum(1 for _ in file)
    except (OSError, ValueError):  # not Linux
        return
    if count + 2 * _CHECKED + 256 > limit:
        raise RuntimeError(
            f"{len(_loaded)} kernels have been loaded, and this process has {count} of at most "
            f"{limit} memory maps. Kernels are generic in sizes: so many of them come from an "
            "ever changing number of dimensions, types or settings. More room: "
            "sysctl -w vm.max_map_count=262144"
        )


def _load(text: str) -> str:
    _check_maps()
    key = hashlib.sha256((target.fingerprint() + "\0" + text).encode()).hexdigest()
    name = f"argand_{key[:24]}"
    code = disk.load(key)
    if code is None:
        code = _generate(text.replace("@NAME", f"@{name}"))
        disk.store(key, code)
    engine = _get_engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return name


def _generate(text: str) -> bytes:
    global compiled, _emitter
    if config.debug("ir"):
        print(text, file=sys.stderr)
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise AssertionError(f"generated code is not valid IR: {error}") from error
    if _emitter is None:
        _emitter = target.machine()
    module.triple = target.host().triple
    module.data_layout = str(_emitter.target_data)
    compiled += 1
    return _emitter.emit_object(module)
