"""Fourier transforms of complex input, gradients, types, and spectrograms."""

from typing import Any

import numpy as np
import pytest

import argand
from argand.autograd import gradcheck, gradgradcheck
from tests.ops.test_linalg import drawn
from tests.tolerances import GRADIENTS

RTOL, ATOL = GRADIENTS
LINES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
REAL_ONLY = ("rfft", "ihfft")


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 3, 7])
def test_lines(name: str, norm: str | None, n: int | None) -> None:
    kind = "float64" if name in REAL_ONLY else "complex128"
    x = drawn(4, 5, kind=kind)
    own = getattr(argand.fft, name)(x, n, 0, norm)
    np.testing.assert_allclose(own.numpy(), getattr(np.fft, name)(x.numpy(), n, 0, norm))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("n", [None, 3, 6])
def test_gradients(name: str, n: int | None) -> None:
    kinds = ("float64",) if name in REAL_ONLY else ("float64", "complex128")
    for kind in kinds:
        x = drawn(2, 5, kind=kind).requires_grad_()

        def function(x: Any) -> Any:
            return getattr(argand.fft, name)(x, n, norm="ortho")

        gradcheck(function, (x,), rtol=RTOL, atol=ATOL)
        gradgradcheck(function, (x,), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", LINES)
def test_gradients_over_several_dimensions(name: str) -> None:
    x = drawn(3, 2, 4, kind="float64" if name in REAL_ONLY else "complex128").requires_grad_()

    def function(x: Any) -> Any:
        return getattr(argand.fft, name + "n")(x, s=(4, 3), dim=(0, 2))

    gradcheck(function, (x,), rtol=RTOL, atol=ATOL)
    gradgradcheck(function, (x,), rtol=RTOL, atol=ATOL)


def test_types() -> None:
    for given, wanted in (("float32", "complex64"), ("float64", "complex128"),
                          ("int64", "complex64"), ("complex64", "complex64")):  # fmt: skip
        x = argand.ones(4, dtype=getattr(argand, given))
        assert argand.fft.fft(x).dtype is getattr(argand, wanted)
    assert argand.fft.irfft(argand.ones(3)).dtype is argand.float32


def test_refusals() -> None:
    x = argand.ones(2, 3)
    for call in (
        lambda: argand.fft.fft(x, 0), lambda: argand.fft.fft(x, norm="other"),
        lambda: argand.fft.fftn(x, dim=(0, 0)), lambda: argand.fft.fftn(x, s=(1, 2, 3)),
        lambda: argand.fft.fftn(x, s=(1,), dim=(0, 1)), lambda: argand.fft.fft(x.half()),
        lambda: argand.fft.rfft(argand.fft.fft(x)), lambda: argand.fft.rfftn(x, dim=()),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(IndexError):
        argand.fft.fft(x, dim=2)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_istft_inverts_stft(center: bool, normalized: bool) -> None:
    signal = drawn(2, 60)
    window = argand.tensor(np.hanning(10)[1:-1] + 0.1)
    how: dict[str, Any] = {
        "hop_length": 3, "win_length": 8, "window": window, "center": center,
        "normalized": normalized,
    }  # fmt: skip
    if not center:
        how |= {"win_length": 12, "window": argand.ones(12, dtype=argand.float64)}
    spectrum = argand.stft(signal, 12, **how, return_complex=True)
    back = argand.istft(spectrum, 12, **how, length=None if not center else 60)
    np.testing.assert_allclose(back.numpy(), signal.numpy()[:, : back.shape[1]], atol=1e-12)
    twosided = argand.stft(signal, 12, **how, onesided=False, return_complex=True)
    again = argand.istft(twosided, 12, **how, length=back.shape[1])
    np.testing.assert_allclose(again.numpy(), back.numpy(), atol=1e-12)


def test_gradients_of_spectrograms() -> None:
    window = argand.tensor(np.hanning(8)[1:-1])
    signal = drawn(20).requires_grad_()

    def forth(x: Any) -> Any:
        return argand.stft(x, 6, 2, window=window, return_complex=True)

    def back(x: Any) -> Any:
        return argand.istft(x, 6, 2, window=window)

    gradcheck(forth, (signal,), rtol=RTOL, atol=ATOL)
    spectrum = forth(signal).detach().requires_grad_()
    gradcheck(back, (spectrum,), rtol=RTOL, atol=ATOL)


def test_a_signal_that_no_window_covers_is_refused() -> None:
    window = argand.tensor(np.hanning(8))  # 0 at its ends
    spectrum = argand.stft(argand.ones(40), 8, 2, window=window, return_complex=True)
    with pytest.raises(RuntimeError, match="window overlap add"):
        argand.istft(spectrum, 8, 2, window=window, center=False)
