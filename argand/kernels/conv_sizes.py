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

    @property
    def out(self) -> tuple[int, ...]:
        """How many windows there are in each dimension; below 1 if none fits."""
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

    def flipped(self) -> Sizes:
        """The convolution that takes gradients of the windows to those of the image.

        Only for strides of 1; its padding is negative where more was padded than a window reaches.
        """
        padding = tuple(
            d * (k - 1) - p for k, p, d in zip(self.kernel, self.padding, self.dilation)
        )
        return self._replace(size=self.out, padding=padding)

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
