"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, per thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any


class _Mode(threading.local):
    enabled: bool = True
    inference: bool = False


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

    def __init__(self, enabled: bool) -> None:
        self._wanted = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.enabled)
        mode.enabled = self._wanted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.enabled = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _Switch(self._wanted):
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):  # noqa: N801 - PyTorch's name
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


class enable_grad(_Switch):  # noqa: N801
    """Operations inside are recorded, even within `no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        _Switch.__init__(made, True)
        return made(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(True)


class set_grad_enabled(_Switch):  # noqa: N801
    """Switch recording on or off, at once; as a context manager it is restored at the end."""

    def __init__(self, mode_: bool) -> None:
        super().__init__(bool(mode_))
        self._before.append(mode.enabled)
        mode.enabled = self._wanted

    def __enter__(self) -> None:
        mode.enabled = self._wanted

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        mode.enabled = self._before.pop()
        return super().__call__(function)


class inference_mode(_Switch):  # noqa: N801
    """Like `no_grad`; its tensors are ordinary ones here."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if not callable(mode):
            return made
        inference_mode.__init__(made, True)
        return made(mode)

    def __init__(self, mode: Any = True) -> None:
        super().__init__(not mode)
