"""Windows of images as columns, and back: `unfold` and `fold`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from operator import index
from typing import Any

import numpy as np

from argand import dtypes
from argand.kernels.conv_sizes import Sizes
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.samples import call


def windows(images: Any, sizes: Sizes) -> Any:
    """All windows of an array ``(..., *size)``: ``(..., *kernel, *out)``, read-only."""
    rank = len(sizes.size)
    lead = images.shape[:-rank]
    if any(sizes.padding):
        shape = [n + 2 * p for n, p in zip(sizes.size, sizes.padding)]
        padded: Any = np.zeros((*lead, *shape), images.dtype)
        inner = tuple(slice(p, p + n) for n, p in zip(sizes.size, sizes.padding))
        padded[(..., *inner)] = images
        images = padded
    steps = images.strides
    taps = [d * s for d, s in zip(sizes.dilation, steps[-rank:])]
    moves = [d * s for d, s in zip(sizes.stride, steps[-rank:])]
    shape = [*lead, *sizes.kernel, *sizes.out]
    return np.lib.stride_tricks.as_strided(
        images, shape, (*steps[:-rank], *taps, *moves), writeable=False
    )


def overlapped(columns: Any, sizes: Sizes) -> Any:
    """Add up windows ``(images, channels, *kernel, *out)`` where they overlap in the images."""
    rank = len(sizes.size)
    lead = columns.shape[: -2 * rank]
    total: Any = np.zeros(
        (*lead, *(n + 2 * p for n, p in zip(sizes.size, sizes.padding))), columns.dtype
    )
    for tap in product(*(range(k) for k in sizes.kernel)):
        place = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, d, o, s in zip(tap, sizes.dilation, sizes.out, sizes.stride)
        )
        part = columns[(slice(None),) * len(lead) + tap]
        total[(..., *place)] += part  # of bools: or
    inner = tuple(slice(p, p + n) for n, p in zip(sizes.size, sizes.padding))
    return total[(..., *inner)]


def _pair(value: Any, name: str) -> tuple[int, int]:
    if isinstance(value, int):
        return (value, value)
    pair = tuple(index(v) for v in value)
    if len(pair) == 1:
        return pair * 2
    if len(pair) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pair)}")
    return pair


def _sizes(
    size: Sequence[int], kernel: Any, dilation: Any, padding: Any, stride: Any
) -> Sizes:
    sizes = Sizes(
        tuple(size),
        _pair(kernel, "kernel_size"),
        _pair(stride, "stride"),
        _pair(padding, "padding"),
        _pair(dilation, "dilation"),
    )
    for name, values in (
        ("kernel size", sizes.kernel), ("stride", sizes.stride), ("dilation", sizes.dilation)
    ):  # fmt: skip
        if min(values) <= 0:
            raise RuntimeError(f"{name} should be greater than zero, but got {values}")
    if min(sizes.padding) < 0:
        raise RuntimeError(f"padding should be non-negative, but got {sizes.padding}")
    return sizes


def _floating(name: str, input: Any) -> None:
    if input.form.dtype.kind not in "fcb":
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype.name}')


def _settings(sizes: Sizes) -> str:
    return (
        f"kernel_size={sizes.kernel}, dilation={sizes.dilation}, padding={sizes.padding}, "
        f"stride={sizes.stride}"
    )


def _shared(input: Any) -> Any:
    """The values as an array that NumPy computes with: bfloat16 as float32."""
    return as_array(input.float() if input.dtype.name == "bfloat16" else input)


@operation(as_method=False, as_function=False, graph_name="im2_col")
def im2col(input: Any, sizes: Sizes) -> Any:
    """Windows ``(images, channels * taps, windows)`` of images ``(images, channels, *size)``."""
    images, channels = input.shape[:2]
    array = windows(as_array(input), sizes)
    return fresh(array.reshape(images, channels * sizes.taps, sizes.pixels), input.dtype)


@im2col.vjp()
def _im2col_vjp(g: Any, out: Any, input: Any, sizes: Sizes) -> Any:
    return col2im(g, sizes), None


@operation(as_method=False, as_function=False, graph_name="col2_im")
def col2im(input: Any, sizes: Sizes) -> Any:
    """Images of windows ``(images, channels * taps, windows)``: what overlaps is added."""
    images = input.shape[0]
    channels = input.shape[1] // sizes.taps
    array = _shared(input).reshape(images, channels, *sizes.kernel, *sizes.out)
    return from_float(overlapped(array, sizes), input.dtype)


@col2im.vjp()
def _col2im_vjp(g: Any, out: Any, input: Any, sizes: Sizes) -> Any:
    return im2col(g, sizes), None


def from_float(array: Any, kind: Any) -> Any:
    """A tensor of `kind` with the values of an array."""
    if kind.name != "bfloat16":
        return fresh(array, kind)
    return fresh(array, dtypes.float32).to(kind)


@composite(
    namespace="nn.functional",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3, 5, 6), 3),
        call(draw(3, 5, 6), (2, 3), dilation=2, padding=1, stride=(2, 1)),
        call(draw(0, 3, 5, 6), 3),
    ] if draw.floating else [],
)
def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Every window of an image as a column.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size, dilation, padding, stride: numbers, or pairs for height and width.

    Shape:
        ``(N, C * kernel height * kernel width, windows)``.

    Raises:
        RuntimeError: when no window fits, or a setting is out of range.

    >>> import argand
    >>> argand.nn.functional.unfold(argand.ones(1, 2, 4, 4), 3).shape
    torch.Size([1, 18, 4])
    """
    if input.ndim not in (3, 4):
        raise IndexError(f"unfold: the input must have 3 or 4 dimensions, but got {input.ndim}")
    if 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    _floating("im2col", input)
    sizes = _sizes(input.shape[-2:], kernel_size, dilation, padding, stride)
    if min(sizes.out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {sizes.size}, {_settings(sizes)}, calculated shape of "
            f"the array of sliding blocks as {sizes.out}, but its components must be at least one."
        )
    if input.ndim == 3:
        return im2col(input.unsqueeze(0), sizes).squeeze(0)
    return im2col(input, sizes)


@composite(
    namespace="nn.functional",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 27, 12), (5, 6), 3), call(draw(18, 6), (5, 4), (3, 2), stride=2, padding=1),
        call(draw(0, 27, 12), (5, 6), 3),
    ] if draw.floating else [],
)
def fold(
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Images of windows that are columns: where windows overlap, their values are added.

    Args:
        input: ``(N, C * kernel height * kernel width, windows)``, or the same without N.
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: numbers, or pairs for height and width.

    Shape:
        ``(N, C, *output_size)``.

    Raises:
        RuntimeError: when the sizes do not fit each other.

    >>> import argand
    >>> argand.nn.functional.fold(argand.ones(1, 4, 4), 3, 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    sizes = _sizes(_pair(output_size, "output_size"), kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    _floating("col2im", input)
    rows, columns = input.shape[-2:]
    if rows % sizes.taps:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size={sizes.kernel}."
        )
    found = prod(max(n, 0) for n in sizes.out)
    if found != columns or found == 0:
        raise RuntimeError(
            f"Given output_size={sizes.size}, {_settings(sizes)}, expected size of input's "
            f"dimension 2 to match the calculated number of sliding blocks {sizes.out[0]} * "
            f"{sizes.out[1]} = {found}, but got input.size(2)={columns}."
        )
    if input.ndim == 2:
        return col2im(input.unsqueeze(0), sizes).squeeze(0)
    return col2im(input, sizes)
