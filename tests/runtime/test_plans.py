"""Plans: what a launch checks, what it hands to the kernel, and when others may run meanwhile."""

import ctypes
import gc
import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import argand
from argand.kernels import jit
from argand.kernels.cache import DiskCache
from argand.kernels.native import MAX_ARGUMENTS
from argand.runtime import memory

# copies as many words as its first parameter says to the address in the last of them
COPY = """
define void @NAME.kernel(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %count = load i64, ptr %parameters
  %last = sub i64 %count, 1
  %last.at = getelementptr i64, ptr %words, i64 %last
  %out = load ptr, ptr %last.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %each ]
  %from = getelementptr i64, ptr %words, i64 %i
  %to = getelementptr i64, ptr %out, i64 %i
  %word = load i64, ptr %from
  store i64 %word, ptr %to
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %each, label %done
done:
  ret void
}
"""

# adds one to the counter of every unit, and notes whether the thread holds the GIL
COUNT = """
declare i32 @PyGILState_Check()
define void @NAME.kernel(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %counters = load ptr, ptr %words
  %locked = call i32 @PyGILState_Check()
  %offset = load i64, ptr %parameters
  %locked.at = getelementptr i32, ptr %counters, i64 %offset
  atomicrmw add ptr %locked.at, i32 %locked seq_cst
  br label %test
test:
  %i = phi i64 [ %first, %entry ], [ %next, %body ]
  %go = icmp ult i64 %i, %end
  br i1 %go, label %body, label %done
body:
  %at = getelementptr i32, ptr %counters, i64 %i
  atomicrmw add ptr %at, i32 1 seq_cst
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}
"""


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels of these tests have no place in the user's cache."""
    monkeypatch.setattr(jit, "disk", DiskCache(tmp_path / "kernels"))


def words_of(buffer: memory.Buffer, count: int) -> bytes:
    return ctypes.string_at(buffer.ptr, 8 * count)


def copying(arguments: int, **settings: Any) -> memory.Plan:
    return memory.make_plan(jit.address(COPY), [arguments], arguments, **settings)


# ---- arguments ----------------------------------------------------------------------------------


def test_integers_and_floats_arrive_as_they_are() -> None:
    out = memory.allocate(64)
    plan = copying(6, floats=0b010110)
    values = (-1, -1.0, 0.1, 2**63 - 1, math.inf, out.ptr)
    assert plan.run(*values) is None
    assert words_of(out, 6) == struct.pack("qddqdq", *values)


def test_numbers_of_other_kinds_are_converted() -> None:
    out = memory.allocate(64)
    plan = copying(6, floats=0b00110)
    plan.run(True, 3, np.float64(0.5), np.int64(7), np.uint8(200), out.ptr)
    assert words_of(out, 5) == struct.pack("qddqq", 1, 3.0, 0.5, 7, 200)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_the_number_of_arguments_is_checked(count: int) -> None:
    plan = copying(2)
    with pytest.raises(TypeError, match=f"2 arguments are needed, but got {count}"):
        plan.run(*range(count))


def test_no_arguments_at_all() -> None:
    plan = memory.make_plan(jit.address(NOTHING), [], 0)
    assert plan.run() is None
    with pytest.raises(TypeError, match="0 arguments are needed, but got 1"):
        plan.run(1)


NOTHING = "define void @NAME.kernel(ptr %w, ptr %p, i64 %f, i64 %e) {\n  ret void\n}\n"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [("a", TypeError), (None, TypeError), (1.0, TypeError), (2**63, OverflowError),
     (-(2**63) - 1, OverflowError), ([], TypeError)],
)  # fmt: skip
def test_what_is_no_integer_is_refused_before_the_kernel_runs(
    wrong: object, error: type[Exception]
) -> None:
    out = memory.allocate(64)
    ctypes.memset(out.ptr, 7, 24)
    plan = copying(3)
    with pytest.raises(error):
        plan.run(1, wrong, out.ptr)
    assert words_of(out, 3) == bytes([7]) * 24


def test_what_is_no_float_is_refused() -> None:
    plan = copying(2, floats=0b01)
    for wrong in ("a", None, 1j):
        with pytest.raises(TypeError, match="real number"):
            plan.run(wrong, 0)


def test_keywords_are_refused() -> None:
    with pytest.raises(TypeError, match="keyword"):
        copying(1).run(pointer=1)


def test_errors_of_arguments_are_raised_and_not_returned() -> None:
    """An object that fails while it is converted; -1 alone is no error."""

    class Failing:
        def __index__(self) -> int:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        copying(1).run(Failing())


def test_plans_hold_as_many_arguments_as_there_is_room_for() -> None:
    out = memory.allocate(8 * MAX_ARGUMENTS)
    plan = copying(MAX_ARGUMENTS)
    plan.run(*range(1, MAX_ARGUMENTS), out.ptr)
    wanted = (*range(1, MAX_ARGUMENTS), out.ptr)
    assert words_of(out, MAX_ARGUMENTS) == struct.pack(f"{MAX_ARGUMENTS}q", *wanted)
    with pytest.raises(ValueError, match=f"at most {MAX_ARGUMENTS} arguments"):
        copying(MAX_ARGUMENTS + 1)


# ---- outputs ------------------------------------------------------------------------------------


def test_new_makes_the_output_and_passes_it_last() -> None:
    plan = copying(3, floats=0b010, new_bytes=100)
    used = memory.memory_allocated()
    made = plan.new(5, 0.25)
    assert (made.nbytes, made.version, made.base) == (100, 0, None)
    assert words_of(made, 3) == struct.pack("qdq", 5, 0.25, made.ptr)
    assert memory.memory_allocated() == used + 128
    other = plan.new(6, 0.5)
    assert other.ptr != made.ptr
    plan.run(7, 0.75, made.ptr)
    assert words_of(made, 2) == struct.pack("qd", 7, 0.75)
    with pytest.raises(TypeError, match="2 arguments are needed, but got 3"):
        plan.new(5, 0.25, 1)


def test_a_failed_call_makes_no_output() -> None:
    plan = copying(2, new_bytes=100)
    used = memory.memory_allocated()
    for _ in range(100):
        with pytest.raises(TypeError):
            plan.new("a")
    assert memory.memory_allocated() == used


def test_no_room_for_the_output() -> None:
    plan = copying(2, new_bytes=1 << 60)
    with pytest.raises(MemoryError, match=str(1 << 60)):
        plan.new(1)


def test_a_plan_without_an_output_has_none_to_make() -> None:
    with pytest.raises(AssertionError, match="makes no output"):
        copying(2).new(1)


def test_a_launcher_outlives_its_plan() -> None:
    out = memory.allocate(64)
    used = memory.memory_allocated()
    run = copying(2).run
    gc.collect()
    filler = [memory.allocate(80) for _ in range(100)]  # would take a freed plan's place
    for buffer in filler:
        ctypes.memset(buffer.ptr, 255, 80)
    run(9, out.ptr)
    assert words_of(out, 2) == struct.pack("qq", 9, out.ptr)
    del run, filler, buffer
    assert memory.memory_allocated() == used, "and is freed with it"


def test_calls_leak_no_references() -> None:
    plan = copying(2, new_bytes=64)
    out = memory.allocate(64)
    number = 10**15 + 7
    before = sys.getrefcount(number), sys.getrefcount(None), memory.memory_allocated()
    for _ in range(10_000):
        plan.new(number)
        plan.run(number, out.ptr)
    after = sys.getrefcount(number), sys.getrefcount(None), memory.memory_allocated()
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) < 100
    assert after[2] == before[2]


# ---- units and threads --------------------------------------------------------------------------


def counted(units: int, chunks: int, release_gil: bool) -> tuple[np.ndarray, int]:
    """How often each unit was computed, and how many ranges ran with the GIL held."""
    counters = np.zeros(units + 1, np.int32)
    plan = memory.make_plan(
        jit.address(COUNT), [units], 1, units=units, chunks=chunks, release_gil=release_gil
    )
    plan.run(counters.ctypes.data)
    return counters[:-1], int(counters[-1])


@pytest.fixture
def five_threads() -> Iterator[None]:
    before = argand.get_num_threads()
    argand.runtime.threads.ensure_started()
    argand.set_num_threads(5)
    yield
    argand.set_num_threads(before)


@pytest.mark.parametrize("release_gil", [False, True])
@pytest.mark.usefixtures("five_threads")
def test_every_unit_is_computed_once(release_gil: bool) -> None:
    for units in (1, 2, 3, 7, 64, 65, 1000):
        for chunks in (1, 2, 3, 17, 64):
            if chunks > units:
                continue
            for _ in range(20):
                times, _ = counted(units, chunks, release_gil)
                assert (times == 1).all(), f"{units} units in {chunks} chunks: {times}"


def test_no_units_no_work() -> None:
    times, _ = counted(0, 1, False)
    assert len(times) == 0


def test_the_lock_is_held_or_released() -> None:
    """A kernel that asks Python itself whether its thread holds the GIL."""
    before = argand.get_num_threads()
    argand.set_num_threads(1)
    try:
        assert counted(1, 1, False)[1] == 1
        assert counted(1, 1, True)[1] == 0
        assert counted(10, 1, True)[1] == 0
    finally:
        argand.set_num_threads(before)


@pytest.mark.usefixtures("five_threads")
def test_no_thread_holds_the_lock_once_it_is_released() -> None:
    for _ in range(50):
        _, locked = counted(64, 64, release_gil=True)
        assert locked == 0
