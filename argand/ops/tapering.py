"""Windows of `torch.signal.windows`, and the older functions that make some of them.

Values are computed in float64 and rounded once. `sym` windows are symmetric; the others are one
period of a longer one, for spectra.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.device import strided
from argand.ops.arrays import fresh
from argand.ops.create import Options
from argand.ops.function import composite
from argand.ops.record import _Defaults
from argand.ops.samples import call

WINDOWS = "signal.windows"


def _values(size: int, symmetric: bool, value: Callable[[Any, int], Any]) -> Any:
    """``value(positions, length of a period)``; a window of one sample is 1."""
    if size < 2:
        return np.ones(size)
    return value(np.arange(size), size - 1 if symmetric else size)


def _window(
    name: str, size: int, symmetric: bool, value: Callable[[Any, int], Any], options: dict[str, Any]
) -> Any:
    if not hasattr(size, "__index__"):
        raise TypeError(f"{name}(): argument 'M' must be int, not {type(size).__name__}")
    if size < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={size}")
    layout = options.get("layout")
    if layout is not None and layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    chosen = Options(**options)
    kind = chosen.kind or _Defaults.float_dtype
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return chosen.finish(fresh(_values(size, symmetric, value), kind))


def _cosines(coefficients: Sequence[float]) -> Callable[[Any, int], Any]:
    """A sum of cosines with alternating signs (Nuttall, 1981)."""

    def value(n: Any, period: int) -> Any:
        parts = enumerate(coefficients)
        return sum((-1) ** k * a * np.cos(2 * math.pi * k * n / period) for k, a in parts)

    return value


def _triangle(n: Any, period: int) -> Any:
    return 1 - np.abs(2 * n / period - 1)


def _half_wave(n: Any, period: int) -> Any:
    return np.sin(math.pi * (n + 0.5) / (period + 1))


def _kaiser(beta: float) -> Callable[[Any, int], Any]:
    """Kaiser's window; np.i0 is exact to the last digits."""

    def value(n: Any, period: int) -> Any:
        place = 2 * n / period - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - place * place, 0))) / np.i0(beta)

    return value


def _samples(**settings: Any) -> Any:
    return lambda draw: [
        call(7, **settings), call(6, sym=False, **settings), call(0, **settings),
        call(1, **settings), call(5, dtype=draw.dtype("float64"), **settings),
    ]  # fmt: skip


_HANN, _HAMMING, _BLACKMAN = (0.5, 0.5), (0.54, 0.46), (0.42, 0.5, 0.08)
_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def bartlett(M: int, *, sym: bool = True, **options: Any) -> Any:
    """A triangle that is 0 at its ends.

    >>> import argand
    >>> argand.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", M, sym, _triangle, options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def blackman(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Blackman's window: three cosines.

    >>> import argand
    >>> argand.signal.windows.blackman(5)[1:4]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman", M, sym, _cosines(_BLACKMAN), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def cosine(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Half a period of a sine.

    >>> import argand
    >>> argand.signal.windows.cosine(4)
    tensor([0.3827, 0.9239, 0.9239, 0.3827])
    """
    return _window("cosine", M, sym, _half_wave, options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(tau=2.0), out="")
def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Any:
    """``exp(-|n - center| / tau)``; by default the center is the middle.

    >>> import argand
    >>> argand.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def value(n: Any, period: int) -> Any:
        middle = period / 2 if center is None else center
        return np.exp(-np.abs(n - middle) / tau)

    return _window("exponential", M, sym, value, options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(std=1.5), out="")
def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Any:
    """A normal curve with the deviation `std`, in samples.

    >>> import argand
    >>> argand.signal.windows.gaussian(3, std=1.0)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def value(n: Any, period: int) -> Any:
        return np.exp(-0.5 * ((n - period / 2) / std) ** 2)

    return _window("gaussian", M, sym, value, options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(a=[0.4, 0.4, 0.2]), out="")
def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Any:
    """A sum of cosines with the coefficients `a` and alternating signs.

    >>> import argand
    >>> argand.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", M, sym, _cosines(list(a)), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(alpha=0.6), out="")
def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Any:
    """``alpha - (1 - alpha) cos(2 pi n / period)``.

    >>> import argand
    >>> argand.signal.windows.general_hamming(3, alpha=0.6)
    tensor([0.2000, 1.0000, 0.2000])
    """
    return _window("general_hamming", M, sym, _cosines((alpha, 1 - alpha)), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def hamming(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Hamming's window, which does not reach 0.

    >>> import argand
    >>> argand.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _window("hamming", M, sym, _cosines(_HAMMING), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def hann(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Hann's window: a raised cosine.

    >>> import argand
    >>> argand.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("hann", M, sym, _cosines(_HANN), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(beta=5.0), out="")
def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Any:
    """Kaiser's window: the larger `beta`, the narrower.

    >>> import argand
    >>> argand.signal.windows.kaiser(3, beta=2.0)
    tensor([0.4387, 1.0000, 0.4387])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", M, sym, _kaiser(beta), options)


@composite(namespace=WINDOWS, as_method=False, samples=_samples(), out="")
def nuttall(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Nuttall's window: four cosines.

    >>> import argand
    >>> argand.signal.windows.nuttall(3)
    tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    return _window("nuttall", M, sym, _cosines(_NUTTALL), options)


# ---- the older functions -------------------------------------------------------------------------


def _older(
    name: str, size: int, periodic: bool, value: Callable[[Any, int], Any], options: dict[str, Any]
) -> Any:
    if size < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={size}")
    chosen = Options(**options)
    kind = chosen.kind or _Defaults.float_dtype
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind.name}")
    return chosen.finish(fresh(_values(size, not periodic, value), kind))


def _older_samples(*settings: float) -> Any:
    return lambda draw: [
        call(7), call(6, False), call(0), call(1), call(5, dtype=draw.dtype("float64")),
        *[call(5, True, value) for value in settings],
    ]  # fmt: skip


@composite(as_method=False, samples=_older_samples(), out="")
def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """`signal.windows.bartlett`, of which one period by default.

    >>> import argand
    >>> argand.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("bartlett_window", window_length, periodic, _triangle, options)


@composite(as_method=False, samples=_older_samples(), out="")
def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """`signal.windows.blackman`, of which one period by default.

    >>> import argand
    >>> argand.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _older("blackman_window", window_length, periodic, _cosines(_BLACKMAN), options)


@composite(as_method=False, samples=_older_samples(0.6), out="")
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Any:
    """``alpha - beta cos(2 pi n / period)``, of which one period by default.

    >>> import argand
    >>> argand.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _older("hamming_window", window_length, periodic, _cosines((alpha, beta)), options)


@composite(as_method=False, samples=_older_samples(), out="")
def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """`signal.windows.hann`, of which one period by default.

    >>> import argand
    >>> argand.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("hann_window", window_length, periodic, _cosines(_HANN), options)


@composite(as_method=False, samples=_older_samples(3.0), out="")
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Any:
    """`signal.windows.kaiser`, of which one period by default.

    >>> import argand
    >>> argand.kaiser_window(4)
    tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])
    """
    return _older("kaiser_window", window_length, periodic, _kaiser(beta), options)
