"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, per thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any

_GENERATOR = 0x20  # CPython's flag of a generator function


class _Mode(threading.local):
    enabled: bool = True
    inference: bool = False
    anomaly: bool = False  # whether nodes note where they were made
    check_nan: bool = True  # whether backward looks for NaN, when `anomaly` is on
    packing: tuple[Any, ...] = ()  # the (pack, unpack) pairs of saved_tensors_hooks, innermost last
    packing_refused: str | None = None  # why saved_tensors_hooks must not be entered
    walk: Any = None  # the backward pass that is going on
    multithreading: bool = True


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations are recorded now.

    >>> import argand
    >>> with argand.no_grad():
    ...     argand.is_grad_enabled()
    False
    """
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on."""
    return mode.inference


class _Switch:
    """A context manager that is also a decorator; it sets recording on or off."""

    def __init__(self, enabled: bool, inference: bool | None = None) -> None:
        self._wanted = enabled
        self._inference = inference  # None: as it is
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((mode.enabled, mode.inference))
        mode.enabled = self._wanted
        if self._inference is not None:
            mode.inference = self._inference

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.enabled, mode.inference = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _GENERATOR:
            return self._stepwise(function)

        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped

    def _fresh(self) -> _Switch:
        """A switch to the same, for one call."""
        return _Switch(self._wanted, self._inference)

    def _stepwise(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator that has the mode whenever it runs, and its caller's in between."""

        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            running = function(*args, **kwargs)
            try:
                with self._fresh():
                    item = next(running)
                while True:
                    try:
                        received = yield item
                    except GeneratorExit:
                        with self._fresh():
                            running.close()
                        raise
                    except BaseException as error:  # noqa: BLE001  (the generator's to handle)
                        with self._fresh():
                            item = running.throw(error)
                    else:
                        with self._fresh():
                            item = running.send(received)
            except StopIteration as stop:
                return stop.value

        return wrapped


class no_grad(_Switch):
    """Operations inside are not recorded; also a decorator, with or without parentheses.

    >>> import argand
    >>> x = argand.ones(2, requires_grad=True)
    >>> with argand.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        _Switch.__init__(made, False)
        return made(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """Operations inside are recorded, even within `no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        _Switch.__init__(made, True)
        return made(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(True)


class set_grad_enabled(_Switch):
    """Switch recording on or off, at once; as a context manager it is restored at the end."""

    def __init__(self, mode_: bool) -> None:
        super().__init__(bool(mode_))
        super().__enter__()

    def __enter__(self) -> None:
        mode.enabled = self._wanted

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        mode.enabled, mode.inference = self._before.pop()
        return super().__call__(function)


class inference_mode(_Switch):
    """Like `no_grad`; tensors made inside are ordinary ones here. False switches recording on."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if not callable(mode):
            return made
        inference_mode.__init__(made, True)
        return made(mode)

    def __init__(self, mode: Any = True) -> None:
        super().__init__(not mode, bool(mode))


def is_multithreading_enabled() -> bool:
    """Whether `set_multithreading_enabled` says so."""
    return mode.multithreading


class set_multithreading_enabled:
    """Accepted, and remembered: backward always runs on the thread that calls it.

    Its kernels share their work among threads all the same; see `argand.set_num_threads`.
    """

    def __init__(self, mode_: bool) -> None:
        self._before = mode.multithreading
        mode.multithreading = bool(mode_)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *details: object) -> None:
        mode.multithreading = self._before
