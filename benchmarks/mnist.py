"""Write the digits that come with Argand as the four files of MNIST.

    python -m benchmarks.mnist ROOT

The 8 x 8 images are scaled up to 28 x 28; the first 1,500 are for training, the other 297 for the
test. `torchvision.datasets.MNIST(root=ROOT)` finds them without a download.
"""

import importlib.util
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = 28
TRAINING = 1500


def bilinear(old: int, new: int) -> NDArray[np.float64]:
    """The (new, old) matrix that interpolates `old` samples linearly at `new` places."""
    places = np.linspace(0, old - 1, new)
    distance = np.abs(places[:, None] - np.arange(old))
    return np.maximum(0, 1 - distance)


def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (1797, 28, 28) with values 0 to 255, and labels (1797,)."""
    package = importlib.util.find_spec("argand")
    if package is None or package.origin is None:
        raise FileNotFoundError("argand is not installed, and its digits are not here")
    with np.load(Path(package.origin).parent / "vision" / "datasets" / "digits.npz") as file:
        images, labels = file["images"], file["labels"]
    stretch = bilinear(images.shape[-1], SIZE)
    larger = stretch @ (images / 16.0) @ stretch.T
    return np.rint(255 * larger).astype(np.uint8), labels.astype(np.uint8)


def write_idx(path: Path, array: NDArray[Any]) -> None:
    """The format of http://yann.lecun.com/exdb/mnist for unsigned bytes."""
    head = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    path.write_bytes(head + array.tobytes())


def write(root: Path) -> None:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = digits()
    for name, part in (("train", slice(TRAINING)), ("t10k", slice(TRAINING, None))):
        write_idx(folder / f"{name}-images-idx3-ubyte", images[part])
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels[part])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
