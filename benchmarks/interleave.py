"""Rounds of PyTorch and Argand in turn, in two processes of which one computes at a time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType

from benchmarks.report import Failure, Row, median_row
from benchmarks.work import Work

ROOT = Path(__file__).resolve().parent.parent
FRAMEWORKS = ("torch", "argand")

ROUND_SECONDS = 0.15
# Long enough for the threads of OpenMP, whichever runtime it is, to stop spinning and sleep.
PAUSE_SECONDS = 0.25


class BenchmarkError(Exception):
    """A work that cannot be measured; the text says why."""


def environment(framework: str, **more: str) -> dict[str, str]:
    """The environment for a process that uses `framework`."""
    settings = {"OMP_PROC_BIND": "true"} if framework == "torch" else {}
    # both start from bytecode, as an installed package does
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **settings, **more}


class Worker:
    """The process behind `benchmarks.worker`; a context manager that ends it."""

    def __init__(self, framework: str, benchmark: str) -> None:
        self.framework = framework
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", framework, benchmark],
            cwd=ROOT,
            env=environment(framework),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def seconds(self, works: Sequence[int], seconds: float) -> list[float]:
        """The time of one call of each of these works, from one round of so many `seconds`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"works": list(works), "seconds": seconds}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, so it does not answer either
        answer = self.process.stdout.readline()
        reply = json.loads(answer) if answer else {"error": "the process ended"}
        if "error" in reply:
            raise BenchmarkError(f"{self.framework}: {reply['error']}")
        time.sleep(PAUSE_SECONDS)
        return [float(found) for found in reply["seconds"]]


def compare(benchmark: str, works: Sequence[Work], rounds: int) -> Iterator[Row | Failure]:
    """A row for each of the `works` of the module `benchmarks.<benchmark>`."""
    groups = groupby(range(len(works)), key=lambda i: works[i].group or i)
    with Worker("torch", benchmark) as torch, Worker("argand", benchmark) as argand:
        for _, members in groups:
            numbers = list(members)
            length = ROUND_SECONDS / len(numbers)
            turns: dict[str, list[list[float]]] = {"torch": [], "argand": []}
            try:
                for _ in range(rounds):
                    turns["torch"].append(torch.seconds(numbers, length))
                    turns["argand"].append(argand.seconds(numbers, length))
            except BenchmarkError as error:
                for number in numbers:
                    yield Failure(works[number].name, str(error))
                continue
            for place, number in enumerate(numbers):
                times = {name: [turn[place] for turn in found] for name, found in turns.items()}
                yield median_row(works[number].name, times, "s", works[number].goal)
