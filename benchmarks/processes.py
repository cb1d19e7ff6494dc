"""Whole processes: importing the framework, and a program from its start to its end."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.interleave import FRAMEWORKS, PAUSE_SECONDS, ROOT, BenchmarkError, environment
from benchmarks.report import Failure, Row, median_row

TITLE = "Whole processes"
PROGRAM = ROOT / "examples" / "mnist_mlp.py"
STANDIN = ROOT / "benchmarks" / "standin"  # torchvision, as far as the program needs it


class Run(NamedTuple):
    """What one process took, and what it printed."""

    seconds: float
    peak_bytes: float
    output: str


def rows(rounds: int) -> Iterator[Row | Failure]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield from _imports(Path(folder), rounds)
            yield from _program(Path(folder), rounds)
        except BenchmarkError as error:
            yield Failure("whole processes", str(error))


def _imports(folder: Path, rounds: int) -> Iterator[Row]:
    cache = str(folder / "imports")
    commands = {name: ["-c", f"import {name}"] for name in FRAMEWORKS}
    _run("argand", commands["argand"], ARGAND_CACHE=cache)
    runs = _alternate(commands, rounds, lambda: {"ARGAND_CACHE": cache})
    yield _row("import, time", runs, "seconds", 4.0)
    yield _row("import, peak memory", runs, "peak_bytes", 2.0)


def _program(folder: Path, rounds: int) -> Iterator[Row]:
    data = folder / "data"
    _run("argand", ["-m", "benchmarks.mnist", str(data)])
    commands = {"torch": [str(PROGRAM)], "argand": ["-m", "argand", "run", str(PROGRAM)]}
    settings = {"MNIST_ROOT": str(data), "PYTHONPATH": str(STANDIN)}

    def with_warm_cache() -> dict[str, str]:
        return {**settings, "ARGAND_CACHE": str(folder / "warm")}

    def with_empty_cache() -> dict[str, str]:
        return {**settings, "ARGAND_CACHE": tempfile.mkdtemp(dir=folder)}

    _run("argand", commands["argand"], **with_warm_cache())  # fills it
    runs = _alternate(commands, rounds, with_warm_cache)
    yield _row("mnist_mlp.py, time", runs, "seconds", 4.0)
    yield _row("mnist_mlp.py, peak memory", runs, "peak_bytes", 2.0)
    runs = _alternate(commands, rounds, with_empty_cache)
    yield _row("mnist_mlp.py, time with an empty cache", runs, "seconds", 1.0)


def _alternate(
    commands: dict[str, list[str]], rounds: int, settings: Callable[[], dict[str, str]]
) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in FRAMEWORKS}
    for _ in range(rounds):
        for name in FRAMEWORKS:
            runs[name].append(_run(name, commands[name], **settings()))
            time.sleep(PAUSE_SECONDS)
    last_lines = {tuple(run.output.splitlines()[-1:]) for both in runs.values() for run in both}
    if len(last_lines) > 1:
        raise BenchmarkError(f"the frameworks disagree: {sorted(last_lines)}")
    return runs


def _row(work: str, runs: dict[str, list[Run]], field: str, goal: float) -> Row:
    figures = {name: [getattr(run, field) for run in runs[name]] for name in FRAMEWORKS}
    return median_row(work, figures, "s" if field == "seconds" else "B", goal)


def _run(framework: str, words: list[str], **settings: str) -> Run:
    with tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment(framework, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        last = text.splitlines()[-1:] or ["nothing"]
        raise BenchmarkError(f"{framework}: {' '.join(words)} ended with {last[0]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return Run(seconds, usage.ru_maxrss * unit, text)
