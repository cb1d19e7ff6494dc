"""The worker threads behind the pool of generated code (kernels/pool.py).

Workers are Python threads that call once into generated code, where they stay and claim chunks.
They start with the first work that is large enough to share, each pinned to a processor of its own,
and number one less than the processors this process may use: the caller always computes too.
"""

import _thread
import ctypes
import os
import time

from argand import config
from argand.kernels import jit, pool
from argand.runtime.memory import pool_text

_base = jit.address(pool_text, "pool")
_workers = ctypes.c_int64.from_address(_base + pool.OFFSETS["workers"])
_stop = ctypes.c_int64.from_address(_base + pool.OFFSETS["stop"])
_busy = ctypes.c_int64.from_address(_base + pool.OFFSETS["busy"])
_sleepers = ctypes.c_int64.from_address(_base + pool.OFFSETS["sleepers"])
_work = ctypes.CFUNCTYPE(None)(jit.address(pool_text, "worker"))  # releases the GIL while inside
_rouse = ctypes.CFUNCTYPE(None)(jit.address(pool_text, "rouse"))

CHUNKS_PER_THREAD = 8  # more chunks than threads, so that a slow thread takes fewer


class _State:
    """How many threads are wanted, and the workers that run."""

    def __init__(self) -> None:
        self.lock = _thread.allocate_lock()
        self.wanted = default_threads()
        self.started = False
        self.running = 0
        self.alive: set[int] = set()


def _affinity() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _cgroup_limit() -> int | None:
    """Processors that the control group grants, rounded up; None without a limit."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:
            with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", encoding="ascii") as file:
                quota = file.read().strip()
            with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us", encoding="ascii") as file:
                period = file.read().strip()
        except OSError:
            return None
    if not quota.isdigit() or not period.isdigit():
        return None
    return max(1, -(-int(quota) // int(period)))


def default_threads() -> int:
    """As many threads as processors this process may use: affinity, control group, environment."""
    available = len(_affinity())
    limit = _cgroup_limit()
    if limit is not None:
        available = min(available, limit)
    requested = config.requested_threads()
    return available if requested is None else requested


_state = _State()


def get_num_threads() -> int:
    """The number of threads that share large work, the caller among them.

    >>> get_num_threads() >= 1
    True
    """
    return _state.wanted


def set_num_threads(number: int) -> None:
    """Share large work among `number` threads from now on; results do not depend on it.

    Raises:
        RuntimeError: if `number` is not a positive int.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    if not isinstance(number, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(number).__name__}")
    if number < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    with _state.lock:
        _state.wanted = number
        if _state.started:
            _stop_workers()
            _start_workers()


def ensure_started() -> None:
    """Start the workers; called when the first plan that shares its work is made."""
    if _state.started:
        return
    with _state.lock:
        if not _state.started:
            _start_workers()


def chunks_for(nanoseconds: float, units: int) -> int:
    """Into how many chunks to cut work of this estimated length; 1 when sharing does not pay.

    The number depends on the work alone and not on the threads, so results do not either.
    """
    if nanoseconds < 20_000 or units < 2:
        return 1
    ensure_started()
    return int(min(units, max(2, min(64, nanoseconds / 4_000))))


def _start_workers() -> None:
    _state.started = True
    processors = _affinity()
    here = _current_processor()
    others = [p for p in processors if p != here] or processors
    for i in range(_state.wanted - 1):
        pin = others[i % len(others)] if _state.wanted <= len(processors) else None
        _thread.start_new_thread(_live, (pin,))
    _state.running = _state.wanted - 1
    _workers.value = _state.running


def _stop_workers() -> None:
    _workers.value = 0
    while len(_state.alive) < _state.running:  # a thread that has not begun cannot be stopped
        _pause()
    _stop.value = 1
    _rouse()
    while _state.alive:
        _pause()
    _stop.value = 0
    _state.running = 0


def _pause() -> None:
    time.sleep(0.0001)


def _live(processor: int | None) -> None:
    me = _thread.get_ident()
    _state.alive.add(me)
    if processor is not None and hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(0, {processor})
        except OSError:
            pass  # the processor was taken away meanwhile: run unpinned
    _work()
    _state.alive.discard(me)


def _current_processor() -> int:
    try:
        return int(ctypes.CDLL(None).sched_getcpu())
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        return -1


def _after_fork() -> None:
    """In a forked child there are no workers: forget them, and start anew if there were any."""
    global _state
    started = _state.started
    wanted = _state.wanted
    _state = _State()
    _state.wanted = wanted
    for field in (_workers, _busy, _sleepers, _stop):
        field.value = 0
    ctypes.c_int64.from_address(_base).value = 0  # the ticket: no chunks are left
    if started:
        ensure_started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def describe() -> dict[str, str]:
    """The threads in words, for ``argand doctor``."""
    limit = _cgroup_limit()
    requested = config.requested_threads()
    return {
        "threads": str(_state.wanted),
        "processors by affinity": ",".join(map(str, _affinity())),
        "control group limit": "none" if limit is None else str(limit),
        "asked for by environment": "no" if requested is None else str(requested),
        "workers running": str(_state.running),
    }
