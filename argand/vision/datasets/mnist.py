"""MNIST and the data sets in its format."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import argand
from argand.errors import message
from argand.tensor import Tensor
from argand.vision.datasets.download import decompress, download
from argand.vision.datasets.idx import read_idx
from argand.vision.datasets.vision import GrayImages, Root, Transform


def _renamed(old: str, new: str) -> Any:
    def get(self: "MNIST") -> Tensor:
        warnings.warn(f"MNIST: {old} is now called {new}", stacklevel=2)
        return getattr(self, new)

    return property(get, doc=f"The former name of `{new}`.")


class MNIST(GrayImages):
    """70,000 handwritten digits of 28 x 28 pixels, 60,000 of them to train with.

    Source: Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/

    Args:
        root: the folder that has, or gets, the files under `MNIST/raw`, plain or with `.gz`.
        train: the 60,000 digits to train with, else the 10,000 to test with.
        transform: a function of the PIL image.
        target_transform: a function of the class.
        download: fetch the files (11 MB) if they are not there.

    Attributes:
        data: uint8 of shape `(N, 28, 28)`.
        targets: int64 of shape `(N,)`.

    Raises:
        RuntimeError: the files are not there, or could not be fetched.
        ValueError: a file is damaged.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    train_data = _renamed("train_data", "data")
    test_data = _renamed("test_data", "data")
    train_labels = _renamed("train_labels", "targets")
    test_labels = _renamed("test_labels", "targets")

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(
                message(
                    type(self).__name__,
                    f"the files {', '.join(self._names())} must be in {self.raw_folder}",
                    hint="download=True fetches them",
                )
            )
        self.data, self.targets = self._load_data()

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return os.path.join(self.root, type(self).__name__, "raw")  # type: ignore[arg-type]

    @property
    def processed_folder(self) -> str:
        """Where former versions of torchvision kept converted files; unused."""
        return os.path.join(self.root, type(self).__name__, "processed")  # type: ignore[arg-type]

    def _names(self) -> list[str]:
        return [name.removesuffix(".gz") for name, _ in self.resources]

    def _path_of(self, name: str) -> Path | None:
        """The file `name`, else `name.gz`, whichever is there."""
        plain = Path(self.raw_folder, name)
        packed = plain.with_name(f"{name}.gz")
        return next((path for path in (plain, packed) if path.is_file()), None)

    def _check_exists(self) -> bool:
        return all(self._path_of(name) is not None for name in self._names())

    def download(self) -> None:
        """Fetch and unpack the files, unless they are there."""
        if self._check_exists():
            return
        folder = Path(self.raw_folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, md5 in self.resources:
            packed = folder / name
            download([mirror + name for mirror in self.mirrors], packed, md5)
            decompress(packed)

    def _load_data(self) -> tuple[Tensor, Tensor]:
        part = "train" if self.train else "t10k"
        images = self._read(f"{part}-images-idx3-ubyte", 3)
        labels = self._read(f"{part}-labels-idx1-ubyte", 1)
        if len(images) != len(labels):
            raise ValueError(
                message(
                    type(self).__name__,
                    f"the {part} files in {self.raw_folder} must have equal lengths",
                    f"{len(images)} images and {len(labels)} labels",
                )
            )
        return argand.from_numpy(images), argand.from_numpy(labels.astype(np.int64))

    def _read(self, name: str, dimensions: int) -> np.ndarray:
        path = self._path_of(name)
        array = read_idx(path or name)
        if array.dtype != np.uint8 or array.ndim != dimensions:
            raise ValueError(
                message(
                    type(self).__name__,
                    f"{path} must hold bytes in {dimensions} dimensions",
                    f"{array.dtype} in {array.ndim}",
                )
            )
        return array

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in MNIST's format; arguments and errors as for `MNIST`.

    Source: H. Xiao, K. Rasul, R. Vollgraf, https://arxiv.org/abs/1708.07747
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """70,000 handwritten Kuzushiji letters in MNIST's format; arguments and errors as for `MNIST`.

    Source: T. Clanuwat and others, https://arxiv.org/abs/1812.01718
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
