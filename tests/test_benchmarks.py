"""The benchmarks run and say what they measured; how fast anything is, is not tested."""

import doctest
import importlib
import struct
from pathlib import Path

import numpy as np
import pytest

import argand
from benchmarks import mnist, report, worker
from benchmarks.__main__ import NAMES
from benchmarks.work import Work

MODULES = [importlib.import_module(f"benchmarks.{name}") for name in NAMES]
WORKS = [work for module in MODULES for work in getattr(module, "WORKS", [])]


@pytest.mark.parametrize("work", [w for w in WORKS if "16 M" not in w.name], ids=lambda w: w.name)
def test_every_work_runs(work: Work) -> None:
    call = work.prepare(argand)
    call()
    call()
    assert work.goal > 0


def test_works_have_names_of_their_own() -> None:
    names = [work.name for work in WORKS]
    assert len(set(names)) == len(names)


def test_warming_up_calls_three_times_and_then_until_the_time_is_over() -> None:
    calls: list[None] = []
    worker.warm_up(lambda: calls.append(None), 0.0)
    assert len(calls) == 4
    seconds = worker.warm_up(lambda: calls.append(None), 0.01)
    assert seconds * (len(calls) - 7) >= 0.01


def test_a_row_shows_ratio_and_verdict() -> None:
    assert doctest.testmod(report).failed == 0
    row = report.median_row("x", {"torch": [3.0, 9.0, 4.0], "argand": [1.0, 2.0, 3.0]}, "s", 2.0)
    assert report.line(row).split() == ["x", "4.00", "s", "2.00", "s", "2.00x", "2.00x", "yes"]
    assert report.line(row._replace(goal=2.1)).endswith("NO")
    assert report.line(report.Failure("x", "reason")).split() == ["x", "failed:", "reason"]


def test_interpolation_keeps_ends_and_straight_lines() -> None:
    matrix = mnist.bilinear(8, 28)
    np.testing.assert_allclose(matrix @ np.arange(8), np.linspace(0, 7, 28))
    np.testing.assert_allclose(matrix.sum(1), 1)


def test_the_digits_are_written_as_mnist(tmp_path: Path) -> None:
    mnist.write(tmp_path)
    folder = tmp_path / "MNIST" / "raw"
    for name, count in (("train", 1500), ("t10k", 297)):
        images = (folder / f"{name}-images-idx3-ubyte").read_bytes()
        labels = (folder / f"{name}-labels-idx1-ubyte").read_bytes()
        assert struct.unpack_from(">4I", images) == (0x803, count, 28, 28)
        assert struct.unpack_from(">2I", labels) == (0x801, count)
        assert len(images) == 16 + count * 28 * 28
        assert set(labels[8:]) == set(range(10))
        assert max(images[16:]) == 255
