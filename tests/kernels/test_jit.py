"""From text to an address: once per text, whatever the sizes, on all threads."""

import ctypes
import itertools
import threading
from pathlib import Path

import numpy as np
import pytest

import argand
from argand.kernels import jit
from argand.kernels.cache import DiskCache

_numbers = itertools.count(1000)


def module(number: int) -> str:
    """A module whose kernel returns `number`; texts with different numbers differ."""
    return f"define i64 @NAME.kernel() {{\n  ret i64 {number}\n}}\n"


def result(text: str, part: str = "kernel") -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int64)(jit.address(text, part))())


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """An empty cache in place of the user's."""
    cache = DiskCache(tmp_path / "kernels")
    monkeypatch.setattr(jit, "disk", cache)
    return cache


def watched_loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that will have been loaded."""
    loads: list[str] = []
    real = jit._load

    def load(text: str) -> str:
        loads.append(text)
        return real(text)

    monkeypatch.setattr(jit, "_load", load)
    return loads


@pytest.mark.usefixtures("disk")
def test_the_same_text_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = watched_loads(monkeypatch)
    first, second = module(next(_numbers)), module(next(_numbers))
    names = [jit.compile_module(text) for text in (first, second, first, str(first), second)]
    assert loads == [first, second]
    assert names == [names[0], names[1], names[0], names[0], names[1]]
    assert result(first) + 1 == result(second)


@pytest.mark.usefixtures("disk")
def test_threads_that_ask_at_once_load_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = watched_loads(monkeypatch)
    texts = [module(next(_numbers)) for _ in range(10)]
    start, found = threading.Barrier(6), []

    def ask() -> None:
        start.wait()
        found.append([result(text) for text in texts])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(loads) == sorted(texts)
    assert found == [found[0]] * 6


def test_what_is_on_disk_is_not_generated(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    number = next(_numbers)
    before = jit.compiled
    assert result(module(number)) == number
    assert (jit.compiled - before, disk.hits, disk.misses) == (1, 0, 1)
    monkeypatch.setattr(jit, "_loaded", {})  # as another process would find it
    assert result(module(number)) == number
    assert (jit.compiled - before, disk.hits, disk.misses) == (1, 1, 1)


@pytest.mark.usefixtures("disk")
def test_a_module_may_have_several_functions() -> None:
    number = next(_numbers)
    text = module(number) + f"define i64 @NAME.other() {{\n  ret i64 -{number}\n}}\n"
    assert (result(text), result(text, "other")) == (number, -number)
    with pytest.raises(LookupError, match="no function 'third'"):
        jit.address(text, "third")


@pytest.mark.usefixtures("disk")
def test_text_that_is_no_code_is_an_error_of_the_generator() -> None:
    with pytest.raises(AssertionError, match="not valid IR"):
        jit.address("define i64 @NAME.kernel() { ret nonsense }")
    number = next(_numbers)
    assert result(module(number)) == number


@pytest.mark.usefixtures("disk")
def test_code_is_shown_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jit.compile_module(module(next(_numbers)))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("ARGAND_DEBUG", "memory,ir")
    number = next(_numbers)
    jit.compile_module(module(number))
    assert f"ret i64 {number}" in capsys.readouterr().err


def programs(n: int) -> list[np.ndarray]:
    """One kernel of every sort on a batch of `n` rows."""
    x = argand.from_numpy(np.arange(n * 24, dtype=np.float32).reshape(n, 24) / 100)
    y = argand.from_numpy(np.arange(24, dtype=np.float32))
    results = [
        (x * y).exp() + 1.5,
        x.sum(1),
        x.sum(0),
        argand.softmax(x, 1),
        x.t() * 2,
        argand.argmax(x, 1),
    ]
    return [r.numpy() for r in results]


def test_sizes_are_arguments(disk: DiskCache) -> None:
    """Another batch size compiles nothing: no text is new, neither here nor on disk."""
    programs(32)
    texts, entries, compiled = len(jit._loaded), disk.hits + disk.misses, jit.compiled
    for n in (33, 9, 100, 16, 64):
        total = programs(n)[1]
        wanted = (np.arange(n * 24, dtype=np.float32).reshape(n, 24) / 100).sum(1)
        np.testing.assert_allclose(total, wanted, rtol=1e-6)
    assert len(jit._loaded) == texts
    assert disk.hits + disk.misses == entries
    assert jit.compiled == compiled


def test_another_structure_is_another_kernel() -> None:
    """Else the test above would show nothing."""
    programs(32)
    texts = len(jit._loaded)
    number = float(next(_numbers))  # a constant of the kernel
    x = argand.from_numpy(np.ones((4, 24), np.float32))
    argand.nn.functional.softplus(x, beta=number)
    assert len(jit._loaded) == texts + 1
