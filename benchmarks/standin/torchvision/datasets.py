"""MNIST from its IDX files under ROOT/MNIST/raw."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image


def _read_idx(path: Path) -> torch.Tensor:
    content = path.read_bytes()
    dimensions = content[3]
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return torch.from_numpy(values.reshape(shape).copy())


class MNIST(torch.utils.data.Dataset):
    """Pairs of an image, as `transform` makes it, and its digit."""

    def __init__(
        self,
        root: str,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform
        folder = Path(root) / "MNIST" / "raw"
        part = "train" if train else "t10k"
        self.data = _read_idx(folder / f"{part}-images-idx3-ubyte")
        self.targets = _read_idx(folder / f"{part}-labels-idx1-ubyte").long()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = Image.fromarray(self.data[index].numpy())
        target: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target
