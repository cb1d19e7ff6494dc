"""One framework in a process of its own, timing rounds when it is told to.

    python -m benchmarks.worker FRAMEWORK BENCHMARK

Requests and replies are lines of JSON on standard input and output. Between rounds the process
waits for the next request and computes nothing.
"""

import gc
import importlib
import itertools
import json
import os
import sys
import time
from typing import Any

from benchmarks.work import Call, Work


def main(framework: str, benchmark: str) -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the framework prints must not meet the replies
    module = importlib.import_module(framework)
    works: list[Work] = importlib.import_module(f"benchmarks.{benchmark}").WORKS
    calls: dict[str, int] = {}
    for request in map(json.loads, sys.stdin):
        chosen = [works[number] for number in request["works"]]
        reply: dict[str, object]
        try:
            times = [round_of(work, module, request["seconds"], calls) for work in chosen]
            reply = {"seconds": times}
        except Exception as error:  # noqa: BLE001  # told to the other side, which goes on
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        gc.collect()
        replies.write(json.dumps(reply) + "\n")


def round_of(work: Work, module: Any, seconds: float, calls: dict[str, int]) -> float:
    """The time of one call, in a round of about `seconds` after a fifth of that to warm up."""
    module.manual_seed(0)
    call = work.prepare(module)
    spent = warm_up(call, seconds / 5)
    count = calls.setdefault(work.name, max(1, round(seconds / spent)))
    gc.disable()
    try:
        return timed(call, count) / count
    finally:
        gc.enable()


def warm_up(call: Call, seconds: float) -> float:
    """Call at least three times and for at least `seconds`; the time of one of the last calls."""
    timed(call, 3)
    begin = time.perf_counter()
    for done in itertools.count(1):
        call()
        spent = time.perf_counter() - begin
        if spent >= seconds:
            return spent / done
    raise AssertionError("unreachable")


def timed(call: Call, count: int) -> float:
    repeats = itertools.repeat(None, count)
    begin = time.perf_counter()
    for _ in repeats:
        call()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(*sys.argv[1:])
