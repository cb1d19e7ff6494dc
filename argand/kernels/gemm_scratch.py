"""Scratch memory for packed panels: slots that threads claim while they compute.

One area of memory for the process, of as many slots as threads can want at once, given by the
system page by page when it is first touched; so an unused slot costs nothing. In front of the slots
lies a flag for each, which generated code raises and lowers.
"""

import ctypes
import mmap
import os
import sys
from typing import NamedTuple

SLOT_BYTES = 2 << 20  # a huge page, where the system has them; fits in a usual second-level cache
_FLAG_BYTES = 64


class Slots(NamedTuple):
    """Where the slots are."""

    address: int  # of the flags
    number: int
    first: int  # bytes from the flags to the first slot


def _reserve() -> tuple[mmap.mmap, Slots]:
    count = 2 * (os.cpu_count() or 1) + 2
    size = (count + 2) * SLOT_BYTES
    if sys.platform == "win32":
        area = mmap.mmap(-1, size)
    else:
        area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            area.madvise(mmap.MADV_HUGEPAGE)
        except OSError:
            pass  # a kernel without huge pages
    base = ctypes.addressof(ctypes.c_char.from_buffer(area))
    begin = -(-(base + count * _FLAG_BYTES) // SLOT_BYTES) * SLOT_BYTES
    return area, Slots(begin - count * _FLAG_BYTES, count, count * _FLAG_BYTES)


_area: mmap.mmap | None = None
_slots: Slots | None = None


def slots() -> Slots:
    """The slots of this process."""
    global _area, _slots
    if _slots is None:
        _area, _slots = _reserve()
    return _slots


def _after_fork() -> None:
    """In a forked child nobody computes: lower all flags."""
    if _slots is not None:
        ctypes.memset(_slots.address, 0, _slots.number * _FLAG_BYTES)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
