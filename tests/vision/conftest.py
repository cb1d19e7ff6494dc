"""Files in MNIST's format, made of random images."""

import gzip
import hashlib
import struct

import numpy as np
import pytest


def idx_of_bytes(array):
    """A uint8 array as the bytes of an IDX file."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


class MnistFiles:
    """The four files, with 40 images to train with and 12 to test with."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.arrays = {}
        self.content = {}
        for part, count in (("train", 40), ("t10k", 12)):
            images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            labels = rng.integers(0, 10, count, dtype=np.uint8)
            self.arrays[part] = (images, labels)
            self.content[f"{part}-images-idx3-ubyte"] = idx_of_bytes(images)
            self.content[f"{part}-labels-idx1-ubyte"] = idx_of_bytes(labels)
        self.packed = {
            f"{name}.gz": gzip.compress(content, mtime=0) for name, content in self.content.items()
        }

    def resources(self):
        """The packed files' names and checksums, as in `MNIST.resources`."""
        return [(name, hashlib.md5(content).hexdigest()) for name, content in self.packed.items()]

    def write(self, root, packed=False, name="MNIST"):
        """Write the files where `name(root)` looks for them; the folder."""
        folder = root / name / "raw"
        folder.mkdir(parents=True)
        for file, content in (self.packed if packed else self.content).items():
            (folder / file).write_bytes(content)
        return folder


@pytest.fixture(scope="session")
def mnist_files():
    return MnistFiles()
