"""Discrete Fourier transforms over several dimensions, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand.ops.arrays import fresh
from argand.ops.create import Options
from argand.ops.dims import normalize_dim
from argand.ops.fourier import FFT, complex_box, half_box, real_box
from argand.ops.function import composite
from argand.ops.join import cat
from argand.ops.record import _Defaults
from argand.ops.samples import Call, Draw, call

Sizes = Sequence[int] | None  # to which dimensions are cut or extended by zeros; -1 leaves one
Which = Sequence[int] | None  # the dimensions; by default all, or as many of the last as sizes


def _two_samples(draw: Draw) -> list[Call]:
    return [
        call(draw(3, 4)), call(draw(2, 3, 4)), call(draw(3, 5), (4, 3)),
        call(draw(3, 4), norm="ortho"), call(draw(3, 4, 2), dim=(0, 1)),
    ]  # fmt: skip


def _many_samples(draw: Draw) -> list[Call]:
    return [
        *_two_samples(draw), call(draw(2, 3, 4), (4,)), call(draw(3, 4, 3), dim=(0, 2)),
        call(draw(3, 4, 3), norm="forward"), call(draw(3, 4), (3, -1)),
    ]  # fmt: skip


def _plain(function: Any) -> Any:
    """NumPy's function with PyTorch's arguments."""

    def reference(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
        if s is not None:
            dim = range(x.ndim - len(s), x.ndim) if dim is None else dim
            ends = [x.shape[d] for d in dim]
            if function in (np.fft.irfftn, np.fft.irfft2):
                ends[-1] = 2 * (ends[-1] - 1)
            s = [end if n == -1 else n for n, end in zip(s, ends)]
        if dim is None:
            return function(x, s=s, norm=norm)
        return function(x, s=s, axes=tuple(dim), norm=norm)

    return reference


def _hermitian_reference(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    turned = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
    return _plain(np.fft.irfftn)(np.conj(x), s, dim, turned[norm])


def _inverse_reference(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
    turned = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
    return np.conj(_plain(np.fft.rfftn)(x, s, dim, turned[norm]))


def _on_two(reference: Any) -> Any:
    return lambda x, s=None, dim=(-2, -1), norm=None: reference(x, s, dim, norm)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_plain(np.fft.fftn))
def fftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The discrete Fourier transform, over several dimensions.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `fft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.fftn(argand.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return complex_box("fftn", input, s, dim, norm, True)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_plain(np.fft.ifftn))
def ifftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The inverse of `fftn`, over several dimensions.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `ifft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.ifftn(argand.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return complex_box("ifftn", input, s, dim, norm, False)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_plain(np.fft.rfftn))
def rfftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The frequencies of `fftn` for real input, of the last dimension from 0 to n // 2.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `rfft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.rfftn(argand.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return half_box("rfftn", input, s, dim, norm, True)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_plain(np.fft.irfftn))
def irfftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The inverse of `rfftn`: real numbers.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `irfft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.irfftn(argand.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return real_box("irfftn", input, s, dim, norm, False)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_hermitian_reference)
def hfftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The real transform of a signal of which half (in the last dimension) is given.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `hfft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.hfftn(argand.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return real_box("hfftn", input, s, dim, norm, True)


@composite(namespace=FFT, as_method=False, samples=_many_samples, reference=_inverse_reference)
def ihfftn(
    input: Any, s: Sizes = None, dim: Which = None, norm: str | None = None
) -> Any:
    """The inverse of `hfftn`: half a signal from its real transform.

    Args:
        s: sizes to which the dimensions are cut or extended by zeros; -1 leaves one as it is.
        dim: which dimensions; by default all, or as many of the last as `s` has sizes.
        norm: as in `ihfft`, with the product of all sizes for n.

    >>> import argand
    >>> argand.fft.ihfftn(argand.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return half_box("ihfftn", input, s, dim, norm, False)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_plain(np.fft.fftn))
)
def fft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The discrete Fourier transform, over two dimensions.

    >>> import argand
    >>> argand.fft.fft2(argand.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return complex_box("fft2", input, s, dim, norm, True)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_plain(np.fft.ifftn))
)
def ifft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The inverse of `fft2`, over two dimensions.

    >>> import argand
    >>> argand.fft.ifft2(argand.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return complex_box("ifft2", input, s, dim, norm, False)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_plain(np.fft.rfftn))
)
def rfft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The frequencies of `fft2` for real input, of the last dimension from 0 to n // 2.

    >>> import argand
    >>> argand.fft.rfft2(argand.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return half_box("rfft2", input, s, dim, norm, True)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_plain(np.fft.irfftn))
)
def irfft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The inverse of `rfft2`: real numbers.

    >>> import argand
    >>> argand.fft.irfft2(argand.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return real_box("irfft2", input, s, dim, norm, False)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_hermitian_reference)
)
def hfft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The real transform of a signal of which half (in the last dimension) is given.

    >>> import argand
    >>> argand.fft.hfft2(argand.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return real_box("hfft2", input, s, dim, norm, True)


@composite(
    namespace=FFT, as_method=False, samples=_two_samples, reference=_on_two(_inverse_reference)
)
def ihfft2(
    input: Any, s: Sizes = None, dim: Which = (-2, -1), norm: str | None = None
) -> Any:
    """The inverse of `hfft2`: half a signal from its real transform.

    >>> import argand
    >>> argand.fft.ihfft2(argand.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    return half_box("ihfft2", input, s, dim, norm, False)


# ---- frequencies ---------------------------------------------------------------------------------


def _rolled(x: Any, dim: int, by: int) -> Any:
    size = x.shape[dim]
    if size < 2:
        return x
    return cat.body([x.narrow(dim, size - by, by), x.narrow(dim, 0, size - by)], dim)


def _shifted(x: Any, dim: Any, forth: bool) -> Any:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    found = x
    for d in dims:
        at = normalize_dim(d, x.ndim)
        found = _rolled(found, at, (x.shape[at] + (not forth)) // 2)
    return found.clone() if found is x else found


def _shift_samples(draw: Draw) -> list[Call]:
    return [call(draw(5)), call(draw(3, 4)), call(draw(3, 4), 1), call(draw(3, 4, 2), (0, 2))]


@composite(namespace=FFT, as_method=False, samples=_shift_samples, reference=np.fft.fftshift)
def fftshift(input: Any, dim: Any = None) -> Any:
    """The frequency 0 moved to the middle, of all dimensions or of some.

    >>> import argand
    >>> argand.fft.fftshift(argand.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _shifted(input, dim, True)


@composite(namespace=FFT, as_method=False, samples=_shift_samples, reference=np.fft.ifftshift)
def ifftshift(input: Any, dim: Any = None) -> Any:
    """The inverse of `fftshift`.

    >>> import argand
    >>> argand.fft.ifftshift(argand.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _shifted(input, dim, False)


def _frequencies(name: str, steps: Any, n: int, d: float, kwargs: dict[str, Any]) -> Any:
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} requires a floating point or complex dtype, got {kind.name}")
    return options.finish(fresh(steps * (1.0 / (n * d)), kind))


@composite(
    namespace=FFT,
    as_method=False,
    samples=lambda draw: [call(4), call(5, 0.5), call(3, dtype=draw.dtype("float64"))],
    reference=lambda n, d=1.0, dtype=None: np.fft.fftfreq(n, d),
)
def fftfreq(n: int, d: float = 1.0, **kwargs: Any) -> Any:
    """The frequencies that `fft` of `n` samples at distance `d` computes, in cycles per unit.

    >>> import argand
    >>> argand.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    steps = np.arange(n)
    return _frequencies("fftfreq", np.where(steps < (n + 1) // 2, steps, steps - n), n, d, kwargs)


@composite(
    namespace=FFT,
    as_method=False,
    samples=lambda draw: [call(4), call(5, 0.5), call(3, dtype=draw.dtype("float64"))],
    reference=lambda n, d=1.0, dtype=None: np.fft.rfftfreq(n, d),
)
def rfftfreq(n: int, d: float = 1.0, **kwargs: Any) -> Any:
    """The frequencies that `rfft` of `n` samples at distance `d` computes.

    >>> import argand
    >>> argand.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, kwargs)
