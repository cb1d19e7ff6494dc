"""Real handwritten digits that come with the package: nothing to download."""

from pathlib import Path

import numpy as np

import argand
from argand.errors import message
from argand.vision.datasets.mnist import MNIST
from argand.vision.datasets.vision import GrayImages, Transform

_TRAINING = 1500
_LARGEST = 16  # the value of a pixel that is all ink


class Digits(GrayImages):
    """1,797 handwritten digits of 8 x 8 pixels: the first 1,500 to train with, 297 to test with.

    The test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI
    Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, licensed CC BY 4.0. The
    pixels, 0 to 16 there, are scaled to 0 to 255 as in MNIST: `rint(value * 255 / 16)`.

    Args:
        train: the first 1,500 digits, else the rest.
        transform: a function of the PIL image.
        target_transform: a function of the class.
        size: the images' height and width: 8, or 28 for bilinear upscaling to MNIST's size
            (before scaling the values; corner pixels stay corner pixels).

    Attributes:
        data: uint8 of shape `(N, size, size)`.
        targets: int64 of shape `(N,)`.

    Raises:
        ValueError: another size.

    >>> digits = Digits(train=False)
    >>> digits.data.shape, digits.targets[:5]
    (torch.Size([297, 8, 8]), tensor([1, 7, 4, 6, 3]))
    >>> Digits(size=28)
    Dataset Digits
        Number of datapoints: 1500
        Split: Train
        Size: 28
    """

    classes = MNIST.classes

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        size: int = 8,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        if size not in (8, 28):
            raise ValueError(message("Digits", "size must be 8 or 28", str(size)))
        self.train = train
        self.size = size
        part = slice(None, _TRAINING) if train else slice(_TRAINING, None)
        with np.load(Path(__file__).with_name("digits.npz")) as file:
            images = file["images"][part]
            labels = file["labels"][part]
        scaled = np.rint(_upscale(images.astype(np.float64), size) * (255 / _LARGEST))
        self.data = argand.from_numpy(scaled.astype(np.uint8))
        self.targets = argand.from_numpy(labels.astype(np.int64))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}\nSize: {self.size}"


def _upscale(images: np.ndarray, size: int) -> np.ndarray:
    """Bilinear interpolation of square images `(N, S, S)` to `(N, size, size)`."""
    last = images.shape[1] - 1
    position = np.linspace(0, last, size)
    low = np.minimum(position.astype(int), last - 1)
    weight = position - low
    rows = images[:, low] * (1 - weight)[:, None] + images[:, low + 1] * weight[:, None]
    return rows[:, :, low] * (1 - weight) + rows[:, :, low + 1] * weight
