"""Threads: how many, the same results with any number, and many Python threads at once."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import argand
from argand import config
from argand.kernels.pool import OFFSETS
from argand.runtime import threads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = argand.get_num_threads()
    yield
    argand.set_num_threads(before)


def results() -> list[np.ndarray]:
    """Work that is shared: maps, strided maps, reductions in parts and across, rows."""
    x = argand.from_numpy(np.random.default_rng(0).normal(size=(300, 1001)).astype(np.float32))
    flat = x.reshape(-1)
    return [
        value.numpy().copy()
        for value in (
            (x.sin() * x + 1).exp(),
            x.t() + x.t(),
            flat.sum(),
            flat.mean(),
            x.sum(0),
            x.sum(1),
            flat.argmax(),
            (flat > 0.5).sum(),
            argand.softmax(x, 1),
            argand.softmax(x, 0),
            x * x[0],
        )
    ]


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    """To the last bit, also when there are more threads than processors."""
    argand.set_num_threads(1)
    alone = results()
    for number in (2, 5, 1, 3):
        argand.set_num_threads(number)
        assert argand.get_num_threads() == number
        for _ in range(3):
            for one, other in zip(alone, results()):
                assert one.tobytes() == other.tobytes(), f"{number} threads"


def test_results_are_numpys() -> None:
    x = np.random.default_rng(0).normal(size=(300, 1001)).astype(np.float32)
    got = results()
    np.testing.assert_allclose(got[0], np.exp(np.sin(x) * x + 1), rtol=1e-5)
    np.testing.assert_array_equal(got[1], x.T + x.T)
    np.testing.assert_allclose(got[4], x.sum(0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(got[5], x.sum(1), rtol=1e-3, atol=1e-4)
    assert got[6] == x.argmax()
    assert got[7] == (x > 0.5).sum()


def test_workers_start_with_the_first_large_work_and_stop() -> None:
    argand.set_num_threads(4)
    threads.ensure_started()
    assert threads._state.running == 3
    argand.set_num_threads(1)
    assert threads._state.running == 0
    assert not threads._state.alive
    argand.set_num_threads(3)
    assert threads._state.running == 2
    results()
    assert len(threads._state.alive) == 2


@pytest.mark.parametrize("number", [0, -1, -(2**40)])
def test_at_least_one_thread_is_needed(number: int) -> None:
    before = argand.get_num_threads()
    with pytest.raises(RuntimeError, match="expects a positive integer"):
        argand.set_num_threads(number)
    assert argand.get_num_threads() == before


@pytest.mark.parametrize("number", [1.5, "2", None, [2]])
def test_the_number_is_an_int(number: object) -> None:
    with pytest.raises(RuntimeError, match=f"expects an int, but got {type(number).__name__}"):
        argand.set_num_threads(number)  # type: ignore[arg-type]


def test_work_is_cut_by_its_size_alone() -> None:
    cuts = []
    for number in (1, 4):
        argand.set_num_threads(number)
        cuts.append([threads.chunks_for(ns, 1000) for ns in (0, 1e3, 2e4, 1e5, 1e6, 1e9)])
    assert cuts[0] == cuts[1]
    assert cuts[0][:2] == [1, 1], "too small to share"
    assert cuts[0] == sorted(cuts[0])
    assert 2 <= cuts[0][2] <= cuts[0][-1] <= 1000
    assert threads.chunks_for(1e9, 1) == 1
    assert threads.chunks_for(1e9, 3) == 3


# ---- several Python threads ---------------------------------------------------------------------


def in_threads(count: int, work: object) -> list[BaseException]:
    """Run `work` in several threads at once; what they raised."""
    assert callable(work)
    raised: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    made = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join(120)
    assert not any(thread.is_alive() for thread in made), "a thread hangs"
    return raised


def test_eight_threads_compute_at_once() -> None:
    """Large and small work, memory and kernels: each has its own numbers."""
    argand.set_num_threads(3)

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        array = rng.integers(-8, 8, (100, 700)).astype(np.float32)
        x = argand.from_numpy(array)
        for size in range(20):
            assert (x * 2 + number).numpy().tobytes() == (array * 2 + number).tobytes()
            assert float(x.sum()) == array.sum()
            assert x.sum(0).tolist() == array.sum(0).tolist()
            small = argand.full((size + 1,), float(number))
            assert float((small + 1).sum()) == (number + 1) * (size + 1)

    assert in_threads(8, work) == []


def test_the_number_may_change_while_others_compute() -> None:
    array = np.arange(200_000, dtype=np.float32)
    x = argand.from_numpy(array)
    wanted = (array * 3).tobytes()

    def work(number: int) -> None:
        for i in range(60):
            if number == 0:
                argand.set_num_threads(1 + i % 4)
            else:
                assert (x * 3).numpy().tobytes() == wanted

    assert in_threads(4, work) == []


def test_workers_are_woken_while_chunks_are_claimed() -> None:
    """Waking changes the same word that claims change: none may be lost, or the job never ends."""
    program = """
import threading
import argand
from argand.runtime import threads
argand.set_num_threads(2)
x = argand.arange(60_000, dtype=argand.float32)
done = threading.Event()
def work():
    for _ in range(40_000):
        y = x * 2
    done.set()
threading.Thread(target=work).start()
while not done.is_set():
    for _ in range(100):
        threads._rouse()
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          timeout=120, check=True)  # fmt: skip
    assert done.stdout == "ended\n"


# ---- how many -----------------------------------------------------------------------------------

V2 = "/sys/fs/cgroup/cpu.max"
QUOTA = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"


def with_files(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: str, **settings: str) -> io.StringIO:
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])

    monkeypatch.setattr(threads, "open", opened, raising=False)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({V2: "max 100000\n"}, None),
        ({V2: "200000 100000\n"}, 2),
        ({V2: "150000 100000\n"}, 2),
        ({V2: "50000 100000\n"}, 1),
        ({V2: "1600000 100000"}, 16),
        ({V2: ""}, None),
        ({V2: "nonsense"}, None),
        ({V2: "a b"}, None),
        ({V2: "", QUOTA: "300000\n", PERIOD: "100000\n"}, 3),
        ({QUOTA: "-1\n", PERIOD: "100000\n"}, None),
        ({QUOTA: "100001\n", PERIOD: "100000\n"}, 2),
        ({QUOTA: "100000\n"}, None),
        ({QUOTA: "", PERIOD: ""}, None),
    ],
)
def test_limit_of_the_control_group(
    files: dict[str, str], limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_files(files, monkeypatch)
    assert threads._cgroup_limit() == limit


@pytest.mark.parametrize(
    ("processors", "limit", "asked", "wanted"),
    [
        (8, None, None, 8),
        (8, 3, None, 3),
        (2, 3, None, 2),
        (8, 3, 6, 6),
        (2, None, 1, 1),
        (1, None, None, 1),
    ],
)
def test_default_number(
    processors: int,
    limit: int | None,
    asked: int | None,
    wanted: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "_affinity", lambda: list(range(processors)))
    monkeypatch.setattr(threads, "_cgroup_limit", lambda: limit)
    monkeypatch.setattr(config, "requested_threads", lambda: asked)
    assert threads.default_threads() == wanted


@pytest.mark.parametrize(
    ("own", "openmp", "number"),
    [
        (None, None, None),
        ("3", None, 3),
        (None, "4", 4),
        ("3", "4", 3),
        (None, "4,2", 4),
        ("", "2", 2),
        ("many", "2", 2),
        ("0", None, None),
        ("-2", None, None),
        ("1.5", None, None),
    ],
)
def test_the_environment_asks(
    own: str | None, openmp: str | None, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ARGAND_NUM_THREADS", own), ("OMP_NUM_THREADS", openmp)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert config.requested_threads() == number


_TELL = "import argand; x = argand.ones(1_000_000); print(argand.get_num_threads(), float(x.sum()))"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be restricted")
def test_processors_are_respected() -> None:
    """A process that may use one processor has one thread, unless it asks for more."""
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{one}}}); {_TELL}"
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    for asked, number in ({}, 1), ({"ARGAND_NUM_THREADS": "3"}, 3), ({"OMP_NUM_THREADS": "2"}, 2):
        done = subprocess.run([sys.executable, "-c", code], env=environment | asked,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert done.stdout == f"{number} 1000000.0\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be pinned")
def test_the_callers_affinity_is_left_alone() -> None:
    """Only workers are pinned."""
    before = os.sched_getaffinity(0)
    argand.set_num_threads(2)
    threads.ensure_started()
    results()
    assert os.sched_getaffinity(0) == before


def test_fields_lie_where_python_writes_them() -> None:
    """The offsets are those of the structure in generated code."""
    assert {"workers", "stop", "busy", "sleepers"} <= set(OFFSETS)
    argand.set_num_threads(4)
    threads.ensure_started()
    assert threads._workers.value == 3
    assert (threads._busy.value, threads._stop.value) == (0, 0)
    assert 0 <= threads._sleepers.value <= 3


def test_the_doctor_is_told() -> None:
    argand.set_num_threads(2)
    threads.ensure_started()
    told = threads.describe()
    assert told["threads"] == "2"
    assert told["workers running"] == "1"
