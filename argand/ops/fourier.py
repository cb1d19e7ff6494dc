"""Discrete Fourier transforms, through NumPy's; the definitions are PyTorch's.

Three operations do the work: of complex numbers (`complex_transform`), from real numbers to half a
spectrum (`real_transform`), and from half a spectrum to real numbers (`hermitian_transform`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand.dtypes import dtype
from argand.ops.arrays import as_array, from_array
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.join import cat
from argand.ops.record import _Defaults
from argand.ops.samples import Call, Draw, call

FFT = "fft"
Dims = tuple[int, ...]

# ---- the transforms ------------------------------------------------------------------------------


def _tensor(array: Any, scale: float, kind: dtype, steps: Sequence[Dims], strides: Any) -> Any:
    """A tensor of scaled values, laid out as one transform after the other leaves them.

    Each puts its dimensions innermost in memory; else they keep the order of the input.
    """
    order = sorted(range(array.ndim), key=lambda d: -strides[d])
    for dims in steps:
        order.sort(key=lambda d, dims=dims: d in dims)  # type: ignore[misc]
    if scale != 1:
        array = array * scale
    lines = np.ascontiguousarray(array.transpose(order), kind.numpy)
    return from_array(lines.transpose(np.argsort(order)))


def _complex_of(x: Any) -> dtype:
    kind: dtype = x.form.dtype.to_complex()
    return kind


@operation(as_method=False, as_function=False, graph_name="fft_c2c")
def complex_transform(x: Any, dims: Dims, scale: float, forward: bool) -> Any:
    """The transform over some dimensions, multiplied by `scale`."""
    if forward:
        found = np.fft.fftn(as_array(x), axes=dims)
    else:
        found = np.fft.ifftn(as_array(x), axes=dims, norm="forward")
    return _tensor(found, scale, _complex_of(x), [dims], x.form.strides)


@complex_transform.vjp()
def _complex_vjp(g: Any, out: Any, x: Any, dims: Dims, scale: float, forward: bool) -> Any:
    back = complex_transform(g, dims, scale, not forward)
    return back if x.dtype.kind == "c" else back.real, None, None, None


@operation(as_method=False, as_function=False, graph_name="fft_r2c")
def real_transform(x: Any, dims: Dims, scale: float, forward: bool) -> Any:
    """Half the spectrum of real numbers: its last dimension has only frequencies from 0 on."""
    found = np.fft.rfftn(as_array(x), axes=dims)
    last, others = dims[-1:], dims[:-1]
    steps = [others, last] if forward else [last, others]
    return _tensor(
        found if forward else found.conj(), scale, _complex_of(x), steps, x.form.strides
    )


@real_transform.vjp()
def _real_vjp(g: Any, out: Any, x: Any, dims: Dims, scale: float, forward: bool) -> Any:
    whole = _resized(g, (dims[-1],), (x.shape[dims[-1]],))
    return complex_transform(whole, dims, scale, not forward).real, None, None, None


@operation(as_method=False, as_function=False, graph_name="fft_c2r")
def hermitian_transform(x: Any, dims: Dims, size: int, scale: float, forward: bool) -> Any:
    """Real numbers from half a spectrum; the last dimension becomes `size` long."""
    half = as_array(x)
    given = half.conj() if forward else half
    sizes = [*(x.shape[d] for d in dims[:-1]), size]
    found = np.fft.irfftn(given, s=sizes, axes=dims, norm="forward")
    return _tensor(found, scale, _complex_of(x).to_real(), [dims[:-1], dims[-1:]], x.form.strides)


@hermitian_transform.vjp()
def _hermitian_vjp(
    g: Any, out: Any, x: Any, dims: Dims, size: int, scale: float, forward: bool
) -> Any:
    half = real_transform(g, dims, scale, not forward)
    last = dims[-1]
    # frequencies that stand for two, theirs and the negative one, count twice
    doubled = size - half.shape[last]
    weights = np.ones(half.shape[last], g.dtype.numpy)
    weights[1 : 1 + doubled] = 2
    shape = [1] * half.ndim
    shape[last] = -1
    back = half * from_array(weights.reshape(shape))
    return back if x.dtype.kind == "c" else back.real, None, None, None, None


def _resized(x: Any, dims: Sequence[int], sizes: Sequence[int]) -> Any:
    """Cut off, or extended by zeros, at the end of some dimensions."""
    for d, size in zip(dims, sizes):
        have = x.shape[d]
        if size < have:
            x = x.narrow(d, 0, size)
        elif size > have:
            shape = list(x.shape)
            shape[d] = size - have
            x = cat.body([x, x.new_zeros(shape)], d)
    return x


# ---- arguments -----------------------------------------------------------------------------------


def _floating(name: str, x: Any, real: bool = False) -> Any:
    """The input with a type that can be transformed."""
    kind = x.form.dtype
    if real and kind.kind == "c":
        raise RuntimeError(f"{name} expects a real input tensor, but got {kind.name}")
    if kind.kind in "bui":
        return x.to(_Defaults.float_dtype)
    if kind.itemsize == 2:
        raise RuntimeError(f"{name}: Unsupported dtype {kind.name}")
    return x


def _line(name: str, x: Any, n: int | None, dim: int) -> tuple[int, int | None]:
    """A dimension, and the size it gets."""
    if x.form.ndim == 0:
        raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    if n is not None and n < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({n}) specified")
    return normalize_dim(dim, x.form.ndim), n


def _box(name: str, x: Any, s: Any, dim: Any) -> tuple[Dims, tuple[int, ...], bool]:
    """Dimensions, their sizes, and whether the last size was given."""
    rank = x.form.ndim
    s = (s,) if isinstance(s, int) else s
    if dim is not None:
        given = (dim,) if isinstance(dim, int) else tuple(dim)
        dims = tuple(normalize_dim(d, rank) for d in given)
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"{name}: FFT dims must be unique, but got {list(given)}")
        if s is not None and len(s) != len(dims):
            raise RuntimeError(
                f"{name}: When given, dim and shape arguments must have the same length, but got "
                f"{list(given)} and {list(s)}"
            )
    else:
        if s is not None and len(s) > rank:
            raise RuntimeError(
                f"{name}: Got shape with {len(s)} values but input tensor only has {rank} "
                "dimensions."
            )
        dims = tuple(range(rank - (rank if s is None else len(s)), rank))
    sizes = [x.shape[d] for d in dims]
    for i, size in enumerate(s or ()):
        if size != -1:
            sizes[i] = size
    if any(n < 1 for n in sizes):
        raise RuntimeError(f"{name}: Invalid number of data points ({min(sizes)}) specified")
    return dims, tuple(sizes), bool(s) and s[-1] != -1


def _scale(norm: str | None, count: int, forward: bool) -> float:
    """What a transform of `count` numbers is multiplied by."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return float(1 / np.sqrt(count))
    return 1 / count if forward == (norm == "forward") else 1.0


# ---- along one dimension -------------------------------------------------------------------------


def _one_samples(draw: Draw) -> list[Call]:
    return [
        call(draw(4, 5)), call(draw(4, 5), 6), call(draw(4, 5), 3, 0), call(draw(6), norm="ortho"),
        call(draw(3, 4), norm="forward"), call(draw(1)),
    ]  # fmt: skip


def _complex_line(name: str, input: Any, n: Any, dim: int, norm: Any, forward: bool) -> Any:
    x = _floating(name, input)
    d, n = _line(name, x, n, dim)
    count = x.shape[d] if n is None else n
    if count < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({count}) specified")
    return complex_transform(
        _resized(x, (d,), (count,)), (d,), _scale(norm, count, forward), forward
    )


def _half_line(name: str, input: Any, n: Any, dim: int, norm: Any, forward: bool) -> Any:
    x = _floating(name, input, real=True)
    d, n = _line(name, x, n, dim)
    count = x.shape[d] if n is None else n
    if count < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({count}) specified")
    return real_transform(_resized(x, (d,), (count,)), (d,), _scale(norm, count, forward), forward)


def _real_line(name: str, input: Any, n: Any, dim: int, norm: Any, forward: bool) -> Any:
    x = _floating(name, input)
    d, n = _line(name, x, n, dim)
    count = 2 * (x.shape[d] - 1) if n is None else n
    if count < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({count}) specified")
    half = _resized(x, (d,), (count // 2 + 1,))
    return hermitian_transform(half, (d,), count, _scale(norm, count, forward), forward)


@composite(namespace=FFT, as_method=False, samples=_one_samples, reference=np.fft.fft)
def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The discrete Fourier transform along a dimension.

    Args:
        n: the size to which the input is cut or extended by zeros.
        norm: ``"backward"`` (no factor, the default), ``"ortho"`` (``1 / sqrt(n)``) or
            ``"forward"`` (``1 / n``).

    >>> import argand
    >>> argand.fft.fft(argand.ones(4)).shape
    torch.Size([4])
    """
    return _complex_line("fft", input, n, dim, norm, True)


@composite(namespace=FFT, as_method=False, samples=_one_samples, reference=np.fft.ifft)
def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft`; the factors of `norm` are ``1 / n``, ``1 / sqrt(n)`` and 1.

    >>> import argand
    >>> argand.fft.ifft(argand.ones(4)).shape
    torch.Size([4])
    """
    return _complex_line("ifft", input, n, dim, norm, False)


@composite(namespace=FFT, as_method=False, samples=_one_samples, reference=np.fft.rfft)
def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The frequencies from 0 to n // 2 of `fft`, for real input; the rest are their conjugates.

    >>> import argand
    >>> argand.fft.rfft(argand.ones(4)).shape
    torch.Size([3])
    """
    return _half_line("rfft", input, n, dim, norm, True)


def _real_samples(draw: Draw) -> list[Call]:
    return [
        call(draw(4, 5)), call(draw(4, 5), 6), call(draw(4, 5), 3, 0), call(draw(6), norm="ortho"),
        call(draw(3, 4), 7, norm="forward"),
    ]  # fmt: skip


@composite(namespace=FFT, as_method=False, samples=_real_samples, reference=np.fft.irfft)
def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `rfft`: real numbers.

    Args:
        n: how many; by default an even number, 2 less than twice the size of the input.

    >>> import argand
    >>> argand.fft.irfft(argand.fft.rfft(argand.ones(4)))
    tensor([1., 1., 1., 1.])
    """
    return _real_line("irfft", input, n, dim, norm, False)


@composite(namespace=FFT, as_method=False, samples=_real_samples, reference=np.fft.hfft)
def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The real transform of a signal of which half is given: the rest are conjugates.

    >>> import argand
    >>> argand.fft.hfft(argand.ones(3)).shape
    torch.Size([4])
    """
    return _real_line("hfft", input, n, dim, norm, True)


@composite(namespace=FFT, as_method=False, samples=_one_samples, reference=np.fft.ihfft)
def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`: half a signal from its real transform.

    >>> import argand
    >>> argand.fft.ihfft(argand.ones(4)).shape
    torch.Size([3])
    """
    return _half_line("ihfft", input, n, dim, norm, False)


# ---- over several dimensions ---------------------------------------------------------------------


def complex_box(name: str, input: Any, s: Any, dim: Any, norm: Any, forward: bool) -> Any:
    x = _floating(name, input)
    dims, sizes, _ = _box(name, x, s, dim)
    scale = _scale(norm, prod(sizes), forward)
    if not dims:
        return x.to(_complex_of(x))
    return complex_transform(_resized(x, dims, sizes), dims, scale, forward)


def half_box(name: str, input: Any, s: Any, dim: Any, norm: Any, forward: bool) -> Any:
    if input.form.dtype.kind == "c":
        raise RuntimeError(
            f"{name} expects a real-valued input tensor, but got {input.dtype.name}"
        )
    x = _floating(name, input)
    dims, sizes, _ = _box(name, x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    return real_transform(
        _resized(x, dims, sizes), dims, _scale(norm, prod(sizes), forward), forward
    )


def real_box(name: str, input: Any, s: Any, dim: Any, norm: Any, forward: bool) -> Any:
    x = _floating(name, input)
    dims, sizes, given = _box(name, x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    last = sizes[-1] if given else 2 * (x.shape[dims[-1]] - 1)
    if last < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({last}) specified")
    half = _resized(x, dims, (*sizes[:-1], last // 2 + 1))
    scale = _scale(norm, prod(sizes[:-1]) * last, forward)
    return hermitian_transform(half, dims, last, scale, forward)
