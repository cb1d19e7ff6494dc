"""Worker processes that prepare batches, and the pool by which a loader talks to them.

Every worker has two pipes of its own: tasks `(pass number, indices)` go in, results
`(pass number, kind, content)` come back in the same order. So the loader always knows which
worker to read from next, a worker that dies leaves no lock behind, and results of a pass that
was broken off are told by their number. `multiprocessing` is loaded when a pool is made: most
programs never need it, and it takes as long as all of NumPy's own modules.
"""

import os
import random
import signal
import sys
import threading
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import argand
from argand.errors import message
from argand.utils.data.dataset import IterableDataset
from argand.utils.data.fetch import Fetch, make_fetch
from argand.utils.data.transport import Parts, encode, receive, send

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

_BATCH, _END, _ERROR = "batch", "end of stream", "error"
_WATCH_SECONDS = 2.0  # how often an idle worker looks whether its loader still lives
_STOP_SECONDS = 5.0  # how long a worker may take to clean up before it is killed
_PIPE_BYTES = 1 << 20


class WorkerInfo(NamedTuple):
    """What `get_worker_info` tells inside of a worker.

    Attributes:
        id: the worker's number, from 0.
        num_workers: how many workers there are.
        seed: the seed of this worker's generators, different in every worker and pass.
        dataset: this worker's copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None  # set once, in a worker


def get_worker_info() -> WorkerInfo | None:
    """Which worker this is, for sharing out a stream; None outside of workers.

    >>> get_worker_info() is None
    True
    """
    return _worker_info


class WorkerPlan(NamedTuple):
    """All that a worker process is told at its start.

    Attributes:
        fetch_arguments: the arguments of `make_fetch`, the data set first.
        num_workers: how many there are.
        base_seed: worker `i` seeds its generators with `base_seed + i`.
        init_fn: called with the worker's number once the generators are seeded, or None.
    """

    fetch_arguments: tuple[Any, Callable[[Any], Any], bool, bool]
    num_workers: int
    base_seed: int
    init_fn: Callable[[int], Any] | None


class _Worker(NamedTuple):
    process: "BaseProcess"
    tasks: "Connection[Any, Any]"
    results: "Connection[Any, Any]"


class WorkerPool:
    """Worker processes and the batches they are preparing.

    Args:
        plan: what the workers do.
        prefetch: batches every worker prepares in advance.
        context: a context of `multiprocessing`, or None for the default one.
        timeout: seconds to wait for a batch, 0 for ever.
        in_order: give batches in the order of their indices.
    """

    def __init__(
        self, plan: WorkerPlan, prefetch: int, context: Any, timeout: float, in_order: bool
    ) -> None:
        if context is None:
            import multiprocessing

            context = multiprocessing.get_context()
        self._is_stream = isinstance(plan.fetch_arguments[0], IterableDataset)
        self._ahead = prefetch * plan.num_workers
        self._timeout = timeout or None
        self._in_order = in_order
        self._pass = 0
        self._workers: list[_Worker] = []
        self.close = weakref.finalize(self, _stop_workers, self._workers, os.getpid())
        for number in range(plan.num_workers):
            self._workers.append(_start_worker(context, number, plan))

    @property
    def is_open(self) -> bool:
        """Whether the workers are still there."""
        return self.close.alive

    def begin(self, indices: Iterator[Any]) -> None:
        """Start a pass over `indices`; what is left of the last pass will be thrown away."""
        self._pass += 1
        self._indices = indices
        self._pending: deque[int] = deque()  # workers that owe a batch, in order
        self._active = [True] * len(self._workers)
        self._turn = 0
        for _ in range(self._ahead):
            self._assign()

    def next_batch(self) -> Any:
        """The next batch.

        Raises:
            StopIteration: the pass is over, or a data set with an index raised it.
            RuntimeError: a worker died or was too slow.
            Exception: what was raised in a worker, in the same type, with its traceback.
        """
        while self._pending:
            number, kind, content = self._receive()
            if kind == _END and self._is_stream:
                self._active[number] = False
                self._pending = deque(n for n in self._pending if n != number)
                self._assign()
                continue
            self._assign()
            if kind == _BATCH:
                return content
            raise _exception_from(*content)
        raise StopIteration

    def _assign(self) -> None:
        """Hand the next indices to the next worker whose stream has not ended."""
        if not any(self._active):
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        number = self._turn
        while not self._active[number]:
            number = (number + 1) % len(self._workers)
        self._turn = (number + 1) % len(self._workers)
        try:
            self._workers[number].tasks.send((self._pass, indices))
        except (BrokenPipeError, ConnectionResetError):
            raise self._death_of(number) from None
        self._pending.append(number)

    def _receive(self) -> tuple[int, str, Any]:
        """The next result of this pass, and whose it is."""
        while True:
            candidates = [self._pending[0]] if self._in_order else sorted(set(self._pending))
            number = self._wait_for(candidates)
            try:
                number_of_pass, kind, content = receive(self._workers[number].results)
            except (EOFError, OSError):
                raise self._death_of(number) from None
            except KeyboardInterrupt:  # perhaps in the middle of a message
                self._abandon()
                raise
            if number_of_pass == self._pass:
                self._pending.remove(number)
                return number, kind, content

    def _wait_for(self, candidates: Sequence[int]) -> int:
        """The first of the candidates that has a result or has died."""
        from multiprocessing.connection import wait

        events: dict[Any, int] = {}
        for number in candidates:
            worker = self._workers[number]
            events[worker.results] = events[worker.process.sentinel] = number
        ready = wait(list(events), self._timeout)
        if not ready:
            self._abandon()
            raise RuntimeError(
                message(
                    "DataLoader",
                    f"timed out after {self._timeout} seconds",
                    f"nothing from worker {candidates[0]}",
                    "a larger timeout gives it more time",
                )
            )
        results = [event for event in ready if not isinstance(event, int)]
        return events[(results or ready)[0]]

    def _abandon(self) -> None:
        self._pending.clear()
        self.close()

    def _death_of(self, number: int) -> RuntimeError:
        process = self._workers[number].process
        process.join(_STOP_SECONDS)
        pid, code = process.pid, process.exitcode
        self._abandon()
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return RuntimeError(
                message(
                    "DataLoader",
                    f"worker {number} (pid {pid}) is killed by signal: {name} ({-code})",
                    hint="SIGKILL often means that memory ran out; fewer workers need less",
                )
            )
        return RuntimeError(
            message(
                "DataLoader",
                f"worker {number} (pid {pid}) exited unexpectedly with code {code}",
                hint="num_workers=0 shows the error itself",
            )
        )


def _start_worker(context: Any, number: int, plan: WorkerPlan) -> _Worker:
    task_reader, task_writer = context.Pipe(duplex=False)
    result_reader, result_writer = context.Pipe(duplex=False)
    _enlarge(task_writer)
    _enlarge(result_writer)
    process = context.Process(
        target=_work, args=(number, plan, task_reader, result_writer), daemon=True
    )
    with warnings.catch_warnings():
        # Python warns of forking beside other threads. Argand's own pool starts anew in a child.
        warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
        process.start()
    # From here on only the worker holds its ends, so that its death closes the pipes.
    task_reader.close()
    result_writer.close()
    return _Worker(process, task_writer, result_reader)


def _enlarge(pipe: "Connection[Any, Any]") -> None:
    """Give a pipe room for a batch of data or many of indices, where the system can."""
    try:
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        pass


def _stop_workers(workers: list[_Worker], owner: int) -> None:
    """Stop all workers; runs once: when a pass ends, its iterator goes, or Python exits."""
    if os.getpid() != owner:  # a copy of the pool in a forked process
        return
    for worker in workers:
        _wake(worker.tasks)
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_STOP_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.tasks.close()
        worker.results.close()


def _wake(tasks: "Connection[Any, Any]") -> None:
    """Tell a worker by its pipe to stop.

    A signal that arrives just before the worker begins to wait for a task does not end the wait.
    """
    if sys.platform == "win32":  # where `terminate` needs nobody's help
        return
    try:
        os.set_blocking(tasks.fileno(), False)
        tasks.send(None)
    except OSError:  # the worker is dead, or the pipe is full and so it does not wait
        pass


def _exception_from(kind: type[Exception] | None, name: str, worker: int, text: str) -> Exception:
    """The exception that a worker's becomes here: the same type where that takes one text."""
    full = f"Caught {name} in DataLoader worker process {worker}.\nOriginal {text}"
    if kind is None:
        return RuntimeError(full)
    try:
        return kind(_Verbatim(full) if issubclass(kind, KeyError) else full)
    except TypeError:
        return RuntimeError(full)


class _Verbatim(str):
    """A text that KeyError, which shows the `repr` of its argument, shows as it is."""

    def __repr__(self) -> str:
        return str(self)


# What follows runs in the worker process.


def _work(
    number: int,
    plan: WorkerPlan,
    tasks: "Connection[Any, Any]",
    results: "Connection[Any, Any]",
) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loader's to handle
    signal.signal(signal.SIGTERM, _exit_on_signal)
    outgoing: SimpleQueue[Parts] = SimpleQueue()
    threading.Thread(target=_send_all, args=(results, outgoing), daemon=True).start()
    setup_error = _set_up(number, plan)
    fetch: Fetch | None = None
    current_pass = 0
    for number_of_pass, indices in _tasks(tasks):
        if number_of_pass != current_pass:
            current_pass, fetch = number_of_pass, None
        kind, content = _ERROR, setup_error
        if setup_error is None:
            try:
                fetch = fetch or make_fetch(*plan.fetch_arguments)
                kind, content = _BATCH, fetch(indices)
            except StopIteration as error:
                kind, content = _END, _describe(error, number)
            except Exception as error:  # noqa: BLE001  # raised again by the loader
                content = _describe(error, number)
        outgoing.put(_encoded(number_of_pass, kind, content, number))
    # From here on what the data set left open is closed, which a signal must not break off.
    signal.signal(signal.SIGTERM, _let_pass)


def _let_pass(signal_number: int, frame: Any) -> None:
    """Ignore a signal. For one that is just being handled `SIG_IGN` would print a complaint."""


def _exit_on_signal(signal_number: int, frame: Any) -> None:
    """Leave by SystemExit, so that `finally` clauses run, undisturbed by a second signal."""
    signal.signal(signal_number, _let_pass)
    raise SystemExit(128 + signal_number)


def _set_up(number: int, plan: WorkerPlan) -> tuple[Any, ...] | None:
    """Seed everything and call `init_fn`; what that raised, if it did."""
    global _worker_info
    argand.set_num_threads(1)
    seed = plan.base_seed + number
    random.seed(seed)
    argand.manual_seed(seed)
    entropy = [number, plan.base_seed & 0xFFFFFFFF, plan.base_seed >> 32, 0]
    state = np.random.SeedSequence(entropy).generate_state(4)
    np.random.seed(state)  # noqa: NPY002  # the generator that data sets may use
    _worker_info = WorkerInfo(number, plan.num_workers, seed, plan.fetch_arguments[0])
    if plan.init_fn is not None:
        try:
            plan.init_fn(number)
        except Exception as error:  # noqa: BLE001  # raised again by the loader
            return _describe(error, number)
    return None


def _tasks(tasks: "Connection[Any, Any]") -> Iterator[tuple[int, Any]]:
    """The tasks that arrive, until the loader says stop or is gone."""
    from multiprocessing import parent_process

    parent = parent_process()
    parent_id = os.getppid()
    while True:
        while not tasks.poll(_WATCH_SECONDS):
            # A sibling may hold the other end of the pipe, so that it stays open.
            if os.getppid() != parent_id or (parent is not None and not parent.is_alive()):
                return
        try:
            task = tasks.recv()
        except EOFError:
            return
        if task is None:
            return
        yield task


def _encoded(number_of_pass: int, kind: str, content: Any, number: int) -> Parts:
    try:
        return encode((number_of_pass, kind, content))
    except Exception as error:  # noqa: BLE001  # pickling runs code of the content
        if kind == _BATCH:
            return _encoded(number_of_pass, _ERROR, _describe(error, number), number)
        # The exception's type itself cannot be pickled.
        return encode((number_of_pass, kind, (None, *content[1:])))


def _describe(error: Exception, number: int) -> tuple[Any, ...]:
    text = "".join(traceback.format_exception(error))
    return type(error), type(error).__name__, number, text


def _send_all(results: "Connection[Any, Any]", outgoing: "SimpleQueue[Parts]") -> None:
    """Send results in the background, so that the next batch is made meanwhile."""
    while True:
        try:
            send(results, outgoing.get())
        except OSError:  # the loader is gone
            os._exit(1)
