"""Finding the line of the forward pass behind a failure of the backward pass."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Any

from argand.autograd.grad_mode import mode
from argand.autograd.watch import watch_nodes

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def is_anomaly_enabled() -> bool:
    """Whether operations note where they were called, in this thread."""
    return mode.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether backward looks for NaN while anomalies are detected."""
    return mode.check_nan


class set_detect_anomaly:
    """Switch the search for anomalies on or off, at once; as a context manager until its end.

    While it is on, every operation notes the lines that called it. If its backward fails, or makes
    NaN, a warning shows them. This is slow: it is for finding a fault.

    Args:
        mode: on or off.
        check_nan: whether NaN in a gradient is an error.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _settings()
        _set(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _set(*self._before)


class detect_anomaly:
    """Search for anomalies within a ``with`` block; see `set_detect_anomaly`.

    >>> import argand
    >>> x = argand.tensor(-1.0, requires_grad=True)
    >>> with argand.autograd.detect_anomaly():  # doctest: +SKIP
    ...     x.sqrt().backward()
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._before = _settings()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = _settings()
        _set(True, self.check_nan)

    def __exit__(self, *details: Any) -> None:
        _set(*self._before)


def _settings() -> tuple[bool, bool]:
    return mode.anomaly, mode.check_nan


def _set(anomaly: bool, check_nan: bool) -> None:
    if anomaly:
        watch_nodes()
    mode.anomaly, mode.check_nan = anomaly, check_nan
