"""Buffers: memory as Python objects, from a caching allocator in generated code.

`allocate(nbytes)` gives an uninitialized buffer, 64-byte aligned and padded; `wrap` makes one over
foreign memory. A buffer has ``ptr``, ``nbytes``, ``base`` (what keeps foreign memory alive) and
``version``, which every in-place operation raises. `make_plan` binds a kernel to its sizes.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from argand.kernels import jit, native, pool

_METH_FASTCALL = 0x80
_METH_O = 0x8
_READONLY = 1
_T_OBJECT = 6
_T_LONGLONG = 17
_T_ULONGLONG = 18


class Buffer(Protocol):
    """What a buffer object offers."""

    @property
    def ptr(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def base(self) -> Any: ...

    version: int


class Plan(NamedTuple):
    """A kernel with its sizes, ready to be called."""

    run: Callable[..., None]  # run(*arguments)
    new: Callable[..., Buffer]  # new(*arguments) -> the output's buffer
    block: Buffer  # the words described in kernels/native.py


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _MemberDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("value", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


_PY_TP_DEALLOC = 52
_PY_TP_MEMBERS = 72
_TPFLAGS = (1 << 18) | (1 << 7)  # default, and no instances from Python


def _load_pool() -> str:
    text = pool.text(platform.machine())
    jit.add_symbol("argand_parallel", jit.address(text, "parallel"))
    return text


pool_text = _load_pool()
_text = native.text(sys.platform)
_keep: list[Any] = []  # structures that CPython points into for as long as the process lives


def _counter(name: str) -> ctypes.c_int64:
    return ctypes.c_int64.from_address(jit.address(_text, name))


_live = _counter("live")
_peak = _counter("peak")
_cached = _counter("cached")
_limit = _counter("limit")


def _make_type() -> type:
    members = (_MemberDef * 5)(
        *(
            _MemberDef(name.encode(), kind, native.HEADER + native.FIELDS[name], flags, None)
            for name, kind, flags in (
                ("ptr", _T_ULONGLONG, _READONLY),
                ("nbytes", _T_LONGLONG, _READONLY),
                ("version", _T_LONGLONG, 0),
                ("base", _T_OBJECT, _READONLY),
            )
        )
    )
    slots = (_Slot * 3)(
        _Slot(_PY_TP_DEALLOC, jit.address(_text, "dealloc")),
        _Slot(_PY_TP_MEMBERS, ctypes.addressof(members)),
    )
    spec = _Spec(b"argand.runtime.memory.Buffer", native.OBJECT_SIZE, 0, _TPFLAGS, slots)
    _keep.extend((members, slots, spec))
    from_spec = ctypes.pythonapi.PyType_FromSpec
    from_spec.restype = ctypes.py_object
    made: type = from_spec(ctypes.byref(spec))
    ctypes.c_void_p.from_address(jit.address(_text, "type")).value = id(made)
    _keep.append(made)
    return made


def _method(part: str, flags: int) -> _MethodDef:
    definition = _MethodDef(part.encode(), jit.address(_text, part), flags, None)
    _keep.append(definition)
    return definition


_new_builtin = ctypes.pythonapi.PyCFunction_NewEx
_new_builtin.restype = ctypes.py_object
_new_builtin.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]


def _builtin(definition: _MethodDef, bound: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = _new_builtin(ctypes.addressof(definition), bound, "argand")
    return function


_type = _make_type()
allocate: Callable[[int], Buffer] = _builtin(_method("allocate", _METH_O), None)
wrap: Callable[[int, int, Any], Buffer] = _builtin(_method("wrap", _METH_FASTCALL), None)
_run = _method("run", _METH_FASTCALL)
_new = _method("new", _METH_FASTCALL)


def make_plan(
    function: int,
    parameters: Sequence[int],
    arguments: int,
    *,
    units: int = 1,
    chunks: int = 1,
    floats: int = 0,
    new_bytes: int = 0,
    release_gil: bool = False,
) -> Plan:
    """Bind the kernel at address `function` to its sizes.

    Args:
        function: address of ``void (ptr words, ptr parameters, i64 first, i64 end)``.
        parameters: what the kernel finds behind its second pointer.
        arguments: how many arguments ``run`` takes (``new`` takes one less: the output).
        units: how many units of work there are; the kernel gets ranges of them.
        chunks: into how many ranges the units are cut for the threads; 1 runs on the caller's.
        floats: bit i is set when argument i is a Python float, passed as a double.
        new_bytes: the size of the buffer that ``new`` makes.
        release_gil: whether other Python threads may run meanwhile.

    Raises:
        ValueError: when there are more arguments than a call has room for.
    """
    if arguments > native.MAX_ARGUMENTS:
        raise ValueError(f"a plan takes at most {native.MAX_ARGUMENTS} arguments, not {arguments}")
    flags = int(release_gil)
    words = (function, chunks, flags, arguments, floats, new_bytes, units, 0, *parameters)
    block = allocate(8 * len(words))
    ctypes.memmove(block.ptr, struct.pack(f"{len(words)}q", *words), 8 * len(words))
    run = _builtin(_run, block)
    if not new_bytes:
        return Plan(run, _no_output, block)
    making = allocate(8 * len(words))
    words = (*words[:3], arguments - 1, *words[4:])
    ctypes.memmove(making.ptr, struct.pack(f"{len(words)}q", *words), 8 * len(words))
    return Plan(run, _builtin(_new, making), block)


def _no_output(*arguments: int) -> Buffer:
    raise AssertionError("this plan makes no output")


def memory_allocated() -> int:
    """Bytes in buffers that are in use.

    >>> import argand
    >>> before = argand.memory_allocated()
    >>> x = argand.zeros(1024)
    >>> argand.memory_allocated() - before
    4096
    """
    return _live.value


def max_memory_allocated() -> int:
    """The most bytes that were in use at once since the start or `reset_peak_memory_stats`.

    >>> max_memory_allocated() >= memory_allocated()
    True
    """
    return _peak.value


def reset_peak_memory_stats() -> None:
    """Let `max_memory_allocated` start again from what is in use now."""
    _peak.value = _live.value


def memory_reserved() -> int:
    """Bytes taken from the system: in use, or waiting to be used again.

    >>> memory_reserved() >= memory_allocated()
    True
    """
    return _live.value + _cached.value


_trim = ctypes.PYFUNCTYPE(None)(jit.address(_text, "trim"))


def empty_cache() -> None:
    """Give the memory that waits to be used again back to the system."""
    _trim()


def _default_limit() -> int:
    """A quarter of the machine's memory may wait in the cache."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    except (AttributeError, ValueError, OSError):
        return 1 << 30


_limit.value = _default_limit()
