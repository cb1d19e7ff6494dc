"""Short-time Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand.ops.arrays import as_array, from_array
from argand.ops.complex import view_as_real
from argand.ops.fourier import fft, ifft, irfft, rfft
from argand.ops.function import composite
from argand.ops.samples import call


def _window_of(name: str, window: Any, length: int, n_fft: int, like: Any) -> Any:
    """The window, or ones, with zeros on both sides up to `n_fft`; None if it does nothing."""
    if window is not None and (window.ndim != 1 or window.shape[0] != length):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got "
            f"window with size {list(window.shape)}"
        )
    if length == n_fft:
        return window
    given = like.new_ones((length,), dtype=like.dtype.to_real()) if window is None else window
    left = (n_fft - length) // 2
    places = np.clip(np.arange(n_fft) - left, 0, length - 1)
    inside = (np.arange(n_fft) >= left) & (np.arange(n_fft) < left + length)
    return given.index_select(0, from_array(places)).masked_fill(from_array(~inside), 0)


def _check_sizes(name: str, n_fft: int, hop: int, length: int) -> None:
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got {length}")


def _widened(signal: Any, by: int, mode: str) -> Any:
    """The signals with `by` more samples on both sides."""
    count = signal.shape[-1]
    places = np.arange(-by, count + by)
    if mode == "constant":
        inside = (places >= 0) & (places < count)
        found = signal.index_select(-1, from_array(np.clip(places, 0, count - 1)))
        return found.masked_fill(from_array(~inside), 0)
    if mode == "reflect":
        if by >= count:
            raise RuntimeError(
                "stft: Padding size should be less than the corresponding input dimension, but "
                f"got: padding ({by}, {by}) of {count} samples"
            )
        places = count - 1 - np.abs(count - 1 - np.abs(places))
    elif mode == "replicate":
        places = np.clip(places, 0, count - 1)
    elif mode == "circular":
        places = places % count
    else:
        raise NotImplementedError(f"stft: Unrecognised padding mode {mode}")
    return signal.index_select(-1, from_array(places))


def _places(frames: int, hop: int, n_fft: int) -> Any:
    """Which samples the frames hold, one after the other."""
    return from_array((np.arange(frames)[:, None] * hop + np.arange(n_fft)).ravel())


@composite(
    samples=lambda draw: [
        call(draw(20), 8, return_complex=True),
        call(draw(2, 20), 8, 3, 6, draw(6), return_complex=True),
        call(draw(20), 8, center=False, normalized=True, onesided=False, return_complex=True),
    ],
)
def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:
    """The Fourier transforms of overlapping frames of a signal.

    Args:
        input: ``(samples,)`` or ``(batch, samples)``.
        n_fft: the size of a frame.
        hop_length: from one frame to the next; by default ``n_fft // 4``.
        win_length: the size of the window, by default `n_fft`; zeros surround it.
        window: ``(win_length,)``; by default ones.
        center: whether frames are centered at their time: the signal is widened by ``n_fft // 2``
            on both sides, as `pad_mode` says.
        normalized: whether results are divided by the root of `n_fft`.
        onesided: whether only frequencies from 0 on are kept; by default for real signals.
        return_complex: whether the result is complex, or has real and imaginary parts as its last
            dimension. Must be given unless signal or window are complex.
        align_to_window: whether frames that are not centered begin where the window does.

    Shape:
        ``(batch, frequencies, frames)``.

    >>> import argand
    >>> argand.stft(argand.ones(20), 8, return_complex=True).shape
    torch.Size([5, 11])
    """
    is_complex = input.dtype.kind == "c" or (window is not None and window.dtype.kind == "c")
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if center and align_to_window:
        raise RuntimeError("stft: align_to_window should only be set when center = false")
    if input.dtype.kind not in "fc" or input.ndim not in (1, 2):
        raise NotImplementedError(
            f"stft: expected a 1D or 2D tensor of floating point or complex values, but got "
            f"{input.dtype.name} of shape {list(input.shape)}"
        )
    signal = input if input.ndim == 2 else input.unsqueeze(0)
    if center:
        signal = _widened(signal, n_fft // 2, pad_mode)
    elif align_to_window:  # zeros beside the window may lie beyond the ends of the signal
        beside = n_fft - length
        signal = _widened(signal, beside, "constant")
        signal = signal.narrow(-1, beside - beside // 2, signal.shape[-1] - beside)
    if not 0 < n_fft <= signal.shape[-1]:
        raise RuntimeError(
            f"stft: expected 0 < n_fft <= {signal.shape[-1]}, but got n_fft={n_fft}"
        )
    _check_sizes("stft", n_fft, hop, length)
    shape = _window_of("stft", window, length, n_fft, input)
    frames = 1 + (signal.shape[-1] - n_fft) // hop
    pieces = signal.index_select(-1, _places(frames, hop, n_fft)).reshape(-1, frames, n_fft)
    if shape is not None:
        pieces = pieces * shape
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else None
    found = (rfft if onesided else fft).body(pieces, norm=norm).transpose(1, 2)
    if input.ndim == 1:
        found = found.squeeze(0)
    return found if return_complex else view_as_real(found)


def _check_spectrum(input: Any, n_fft: int, hop: int, length: int, onesided: bool) -> None:
    if input.dtype.kind != "c":
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if input.numel() == 0:
        raise RuntimeError("istft: input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"istft: expected a complex tensor with 2 or 3 dimensions, but got {input.ndim}"
        )
    rows = n_fft // 2 + 1 if onesided else n_fft
    if input.shape[-2] != rows:
        raise RuntimeError(
            f"istft: expected {rows} frequencies for n_fft={n_fft} and onesided={onesided}, but "
            f"got {input.shape[-2]}"
        )
    _check_sizes("istft", n_fft, hop, length)
    if hop > length:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got {hop}")


@composite(
    samples=lambda draw: [],
)
def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The signal of which `stft` has these results: the inverse, by least squares.

    Args:
        input: ``(frequencies, frames)`` or ``(batch, frequencies, frames)``, complex.
        length: how many samples to return.
        return_complex: whether the signal is complex.

    The other arguments are those of `stft`.

    Raises:
        RuntimeError: where no window covers a sample.

    >>> import argand
    >>> signal, window = argand.rand(20), argand.ones(8)
    >>> found = argand.stft(signal, 8, window=window, return_complex=True)
    >>> argand.allclose(argand.istft(found, 8, window=window), signal, atol=1e-6)
    True
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    is_complex = return_complex or (window is not None and window.dtype.kind == "c")
    if onesided is None:
        onesided = input.ndim > 1 and input.shape[-2] != n_fft
    _check_spectrum(input, n_fft, hop, size, onesided)
    if is_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    spectra = (input if input.ndim == 3 else input.unsqueeze(0)).transpose(1, 2)
    norm = "ortho" if normalized else None
    if return_complex:
        pieces = ifft.body(spectra, norm=norm)
    else:  # half of a spectrum says it all
        pieces = irfft.body(spectra.narrow(-1, 0, n_fft // 2 + 1), n_fft, norm=norm)
    shape = _window_of("istft", window, size, n_fft, input)
    if shape is None:
        shape = input.new_ones((n_fft,), dtype=input.dtype.to_real())
    frames = pieces.shape[1]
    total = n_fft + hop * (frames - 1)
    places = _places(frames, hop, n_fft)
    weighted = (pieces * shape).reshape(pieces.shape[0], -1)
    signal = weighted.new_zeros((weighted.shape[0], total)).index_add(1, places, weighted)
    squares = (shape * shape).unsqueeze(0).expand(frames, n_fft).reshape(-1)
    envelope = squares.new_zeros((total,)).index_add(0, places, squares)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - start
    kept = min(end, total) - start
    signal, envelope = signal.narrow(1, start, kept), envelope.narrow(0, start, kept)
    if not np.abs(as_array(envelope)).min() > 1e-11:
        raise RuntimeError("istft: window overlap add min: 1 (a sample is covered by no window)")
    signal = signal / envelope
    if end > total:
        signal = _extended(signal, end - total)
    return signal if input.ndim == 3 else signal.squeeze(0)


def _extended(signal: Any, by: int) -> Any:
    """With zeros behind the signals."""
    return _widened(signal, by, "constant").narrow(1, by, signal.shape[1] + by)
