"""The caching allocator: classes of sizes, reuse, counters, and what keeps what alive."""

import ctypes
import gc
import itertools
import os
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import argand
from argand.kernels.native import PADDING
from argand.runtime import memory

SIZES = (0, 1, 63, 64, 65, 511, 512, 513, 576, 577, 1000, 4096, 4097, 10**6, 2**24 + 1)


@pytest.fixture(autouse=True)
def empty() -> None:
    """No block waits, so that a fresh one comes from the system."""
    gc.collect()
    memory.empty_cache()


def class_of(nbytes: int) -> int:
    """The bytes of a block: multiples of 64, and from 512 on eight classes per power of two."""
    if nbytes <= 512:
        return max(64, -(-nbytes // 64) * 64)
    step = 1 << ((nbytes - 1).bit_length() - 4)
    return -(-nbytes // step) * step


# ---- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", SIZES)
def test_blocks_are_aligned_and_writable(nbytes: int) -> None:
    held = [memory.allocate(nbytes) for _ in range(5)]
    for number, buffer in enumerate(held):
        assert buffer.ptr % 64 == 0
        assert (buffer.nbytes, buffer.version, buffer.base) == (nbytes, 0, None)
        ctypes.memset(buffer.ptr, number, nbytes)
    for number, buffer in enumerate(held):
        assert ctypes.string_at(buffer.ptr, nbytes) == bytes([number]) * nbytes


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc how large a block is")
@pytest.mark.parametrize("nbytes", SIZES)
def test_a_full_vector_may_be_read_at_the_end(nbytes: int) -> None:
    usable = ctypes.CDLL(None).malloc_usable_size
    usable.argtypes, usable.restype = [ctypes.c_void_p], ctypes.c_size_t
    buffer = memory.allocate(nbytes)
    assert usable(buffer.ptr) >= nbytes + PADDING
    assert PADDING >= 64


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**26))
def test_classes_of_sizes(nbytes: int) -> None:
    before = memory.memory_allocated()
    buffer = memory.allocate(nbytes)
    size = memory.memory_allocated() - before
    assert size == class_of(nbytes)
    assert nbytes <= size <= max(64, nbytes + 63, nbytes * 9 // 8 + 1)
    del buffer
    assert memory.memory_allocated() == before


def test_a_freed_block_serves_its_class_again() -> None:
    for nbytes, same, other in ((1000, 1024, 1025), (64, 1, 65), (5000, 5120, 4608)):
        buffer = memory.allocate(nbytes)
        place = buffer.ptr
        del buffer
        different = memory.allocate(other)
        assert different.ptr != place
        again = memory.allocate(same)
        assert again.ptr == place
        assert again.nbytes == same


def test_the_last_freed_block_is_the_first_used_again() -> None:
    """What is still in the processor's cache."""
    first, second = memory.allocate(3000), memory.allocate(3000)
    places = first.ptr, second.ptr
    del first
    del second
    held = memory.allocate(3000), memory.allocate(3000)
    assert (held[1].ptr, held[0].ptr) == places


def test_live_blocks_never_overlap() -> None:
    rng = np.random.default_rng(0)
    held: list[memory.Buffer] = []
    for _ in range(2000):
        if held and rng.random() < 0.45:
            del held[rng.integers(0, len(held))]
        else:
            held.append(memory.allocate(int(rng.integers(0, 5000))))
    spans = sorted((b.ptr, b.ptr + b.nbytes) for b in held)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start


# ---- counters -----------------------------------------------------------------------------------


def test_current_peak_and_reserved() -> None:
    start = memory.memory_allocated()
    memory.reset_peak_memory_stats()
    assert memory.max_memory_allocated() == start
    a = memory.allocate(1 << 20)
    b = memory.allocate(1 << 21)
    assert memory.memory_allocated() - start == 3 << 20
    del a
    assert memory.memory_allocated() - start == 2 << 20
    assert memory.max_memory_allocated() - start == 3 << 20
    assert memory.memory_reserved() - memory.memory_allocated() == 1 << 20
    c = memory.allocate(1 << 20)  # the waiting block
    assert memory.memory_reserved() == memory.memory_allocated()
    assert memory.max_memory_allocated() - start == 3 << 20
    del b, c
    assert memory.memory_reserved() - memory.memory_allocated() == 3 << 20
    memory.empty_cache()
    assert memory.memory_reserved() == memory.memory_allocated() == start
    memory.reset_peak_memory_stats()
    assert memory.max_memory_allocated() == start


def test_what_waits_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory._limit, "value", 100_000)
    held = [memory.allocate(20_480) for _ in range(10)]
    start = memory.memory_allocated() - 10 * 20_480
    while held:
        held.pop()
        waiting = memory.memory_reserved() - memory.memory_allocated()
        assert waiting <= 100_000
    assert waiting == 4 * 20_480
    assert memory.memory_allocated() == start


def test_nothing_leaks() -> None:
    """10,000 buffers of many sizes, and as many tensors with their plans."""
    kind = type(memory.allocate(1))
    x = argand.ones(100)
    held = [x + x]
    gc.collect()
    before = memory.memory_allocated(), sys.getrefcount(kind), sys.getrefcount(None)
    reserved = 0
    for i in range(10_000):
        memory.allocate(i * 37 % 9000)
        held[0] = x + x
        if i == 5000:
            reserved = memory.memory_reserved()
    gc.collect()
    after = memory.memory_allocated(), sys.getrefcount(kind), sys.getrefcount(None)
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 100, "references to None"
    assert memory.memory_reserved() == reserved, "the second half needed no new memory"


def test_tensors_give_their_memory_back() -> None:
    argand.zeros(1000, 256)[3]  # what is prepared once stays
    start = memory.memory_allocated()
    x = argand.zeros(1000, 256)
    view = x[3]
    del x
    assert memory.memory_allocated() - start == 1 << 20, "a view keeps its storage"
    del view
    assert memory.memory_allocated() == start


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [1 << 60, (1 << 63) - 1, (1 << 47) + 1])
def test_too_much_says_what_was_asked_for(nbytes: int) -> None:
    buffer = memory.allocate(4096)
    used = memory.memory_allocated()
    text = f"out of memory: {nbytes} bytes were asked for, {used} are in use"
    with pytest.raises(MemoryError) as caught:
        memory.allocate(nbytes)
    assert str(caught.value) == text
    assert memory.memory_allocated() == used
    del buffer


@pytest.mark.parametrize(
    ("given", "error"),
    [(-1, MemoryError), (-(2**40), MemoryError), ("x", TypeError), (1.5, TypeError),
     (None, TypeError), (2**70, OverflowError)],
)  # fmt: skip
def test_what_is_no_size(given: object, error: type[Exception]) -> None:
    used = memory.memory_allocated()
    with pytest.raises(error):
        memory.allocate(given)  # type: ignore[arg-type]
    assert memory.memory_allocated() == used


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_the_cache_is_emptied_before_memory_runs_out() -> None:
    program = """
    import resource
    from argand.runtime import memory
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + (400 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    first = memory.allocate(250 << 20)
    del first  # waits in the cache
    second = memory.allocate(300 << 20)
    print("reserved", (memory.memory_reserved() - memory.memory_allocated()) >> 20)
    try:
        memory.allocate(500 << 20)
    except MemoryError as error:
        print(error)
    del second
    print("then", memory.allocate(100 << 20).nbytes >> 20)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True,
                          text=True, check=True)  # fmt: skip
    reserved, refused, then = done.stdout.splitlines()
    assert reserved == "reserved 0"
    assert f"{500 << 20} bytes were asked for" in refused
    assert then == "then 100"


# ---- buffers ------------------------------------------------------------------------------------


class Owner:
    """Something that can be watched."""


def test_a_wrapped_buffer_keeps_its_base_alive() -> None:
    used = memory.memory_allocated()
    owner = Owner()
    watched = weakref.ref(owner)
    buffer = memory.wrap(4096, 100, owner)
    assert (buffer.ptr, buffer.nbytes, buffer.version) == (4096, 100, 0)
    assert buffer.base is owner
    assert memory.memory_allocated() == used, "foreign memory is not counted"
    del owner
    assert watched() is not None
    del buffer
    assert watched() is None
    assert memory.memory_reserved() == used, "foreign memory is not kept for others"


def test_wrapping_ten_thousand_times_leaks_no_reference() -> None:
    owner = Owner()
    before = sys.getrefcount(owner)
    held = [memory.wrap(64 * i, 64, owner) for i in range(10_000)]
    assert sys.getrefcount(owner) == before + 10_000
    del held
    assert sys.getrefcount(owner) == before


def test_a_tensor_over_numpys_memory_outlives_the_array() -> None:
    array = np.arange(5.0)
    tensor = argand.from_numpy(array)
    array[0] = 7
    del array
    gc.collect()
    assert tensor.tolist() == [7, 1, 2, 3, 4]


def test_what_wrap_needs() -> None:
    wrap: object = memory.wrap
    assert callable(wrap)
    for arguments, said in (((1, 2), "3 arguments are needed, but got 2"),
                            ((1, 2, 3, 4), "3 arguments are needed, but got 4"),
                            (("a", 2, None), "'str'"), ((1, 2.5, None), "'float'")):  # fmt: skip
        with pytest.raises(TypeError, match=said):
            wrap(*arguments)
    with pytest.raises(OverflowError):
        wrap(2**70, 1, None)


def test_buffers_are_made_by_the_allocator_alone() -> None:
    buffer = memory.allocate(10)
    with pytest.raises(TypeError, match="cannot create"):
        type(buffer)()
    for name in ("ptr", "nbytes", "base"):
        with pytest.raises(AttributeError, match="readonly"):
            setattr(buffer, name, 1)
    buffer.version += 2
    assert buffer.version == 2


def test_a_fork_has_its_own_memory() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    program = """
    import os
    from argand.runtime import memory
    held = memory.allocate(10_000)
    child = os.fork()
    if child == 0:
        del held
        os._exit(int(memory.allocate(10_000).nbytes != 10_000))
    print(os.waitpid(child, 0)[1], held.nbytes)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "0 10000\n"
