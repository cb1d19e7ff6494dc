"""The sizes of a convolution, for any number of spatial dimensions."""

from __future__ import annotations

from math import prod
from typing import NamedTuple


class Sizes(NamedTuple):
    """Where the windows of a convolution lie in an image.

    In every spatial dimension window `o` covers the positions ``o * stride - padding + t *
    dilation`` of the image, for ``t`` below the kernel's size; outside of the image are zeros.
    """

    size: tuple[int, ...]  # of the image
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    windows: tuple[int, ...] | None = None  # how many, where not as many as fit

    @property
    def out(self) -> tuple[int, ...]:
        """How many windows there are in each dimension; below 1 if none fits."""
        if self.windows is not None:
            return self.windows
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                self.size, self.kernel, self.stride, self.padding, self.dilation
            )
        )

    @property
    def taps(self) -> int:
        """How many positions a window has."""
        return prod(self.kernel)

    @property
    def pixels(self) -> int:
        """How many windows there are."""
        return prod(self.out)

    @property
    def is_product(self) -> bool:
        """Whether the windows are the pixels of the image, one by one."""
        ones = (1,) * len(self.size)
        return self.kernel == self.stride == ones and not any(self.padding)

    @property
    def unit_stride(self) -> bool:
        return all(s == 1 for s in self.stride)

    def back(self, phase: tuple[int, ...]) -> Sizes:
        """A convolution that takes gradients of the windows to those of pixels of the image.

        With stride s, every s-th pixel meets the same taps: those of a `phase` below s are taps
        ``phase, phase + s, ...``, and its pixels begin at `first_pixel`. Only where strides or
        dilations are 1. Padding may be negative.
        """
        kernel, padding, count = [], [], []
        first = self.first_pixel(phase)
        for d, r in enumerate(phase):
            n, k, s, p, gap = (x[d] for x in self[:5])
            taps = -(-(k - r) // s)
            kernel.append(taps)
            padding.append(gap * (taps - 1) - (first[d] + p - r) // s)
            count.append(-(-(n - first[d]) // s))
        ones = (1,) * len(phase)
        return Sizes(
            self.out, tuple(kernel), ones, tuple(padding), self.dilation, tuple(count)
        )

    def first_pixel(self, phase: tuple[int, ...]) -> tuple[int, ...]:
        """The first pixel of the image that the taps of a phase reach."""
        return tuple((r - p) % s for r, p, s in zip(phase, self.padding, self.stride))

    def raised(self, rank: int) -> Sizes:
        """The same with further spatial dimensions of size 1 in front."""
        more = rank - len(self.size)
        one, zero = (1,) * more, (0,) * more
        return Sizes(
            one + self.size,
            one + self.kernel,
            one + self.stride,
            zero + self.padding,
            one + self.dilation,
            None if self.windows is None else one + self.windows,
        )


class Task(NamedTuple):
    """A convolution of images ``(images, groups * channels, height, width)``, row-major."""

    images: int
    groups: int
    channels: int  # of a group
    outputs: int  # of a group
    sizes: Sizes
    biased: bool = False
    backward: bool = False  # the weight is that of the convolution whose gradient this is

    @property
    def flops(self) -> float:
        terms = self.channels * self.sizes.taps
        return 2.0 * self.images * self.groups * self.outputs * self.sizes.pixels * terms
