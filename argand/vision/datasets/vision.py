"""What all data sets of images share: roots, transforms, the printed form, batched access."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argand
from argand.errors import message
from argand.tensor import Tensor
from argand.utils.data.dataset import Dataset, Indices, take_rows
from argand.vision.pillow import pil_image
from argand.vision.transforms.transforms import batch_form, begins_with_to_tensor

Transform = Callable[[Any], Any]
Root = str | Path


class VisionDataset(Dataset[Any]):
    """Base class of data sets of images: a subclass defines `__getitem__` and `__len__`.

    Args:
        root: the folder of the files; a leading `~` is the home folder.
        transforms: a function of image and target that returns both.
        transform: a function of the image.
        target_transform: a function of the target.

    Raises:
        ValueError: `transforms` together with one of the others.

    >>> class Numbers(VisionDataset):
    ...     def __len__(self):
    ...         return 3
    >>> Numbers(root="data")
    Dataset Numbers
        Number of datapoints: 3
        Root location: data
    """

    root: Root | None

    def __init__(
        self,
        root: Root | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                message(
                    type(self).__name__,
                    "takes either transforms or transform and target_transform",
                    "both",
                )
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __len__(self) -> int:
        raise NotImplementedError(message(type(self).__name__, "must define __len__(self)"))

    def extra_repr(self) -> str:
        """Further lines of the printed form."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])


class StandardTransform:
    """One function of the image and one of the target, as a function of both.

    >>> StandardTransform(transform=abs)(-1, -2)
    (1, -2)
    """

    def __init__(
        self, transform: Transform | None = None, target_transform: Transform | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        named = {"Transform": self.transform, "Target transform": self.target_transform}
        for name, transform in named.items():
            if transform is not None:
                first, *others = repr(transform).splitlines()
                lines.append(f"{name}: {first}")
                lines += [" " * (len(name) + 2) + line for line in others]
        return "\n".join(lines)


class GrayImages(VisionDataset):
    """Gray images with a class each, all in memory.

    A sample is `(image, class)`: a PIL image of mode "L", or what `transform` makes of it, and an
    int. Pillow is needed only where a PIL image is asked for: not when `transform` begins with
    `ToTensor`.

    Attributes:
        data: the images, uint8 of shape `(N, H, W)`.
        targets: their classes, int64 of shape `(N,)`.
        classes: the names of the classes.
    """

    data: Tensor
    targets: Tensor
    classes: list[str] = []

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of every class by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image: Any = self.data[index].numpy()
        target: Any = int(self.targets[index])
        if not begins_with_to_tensor(self.transform):
            image = pil_image(f"{type(self).__name__}, as an image,").fromarray(image)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def collated(self, indices: Indices) -> list[Tensor] | None:
        """The batch of samples `indices` in one go; None where that cannot be."""
        form = batch_form(self.transform)
        if form is None or self.target_transform is not None:
            return None
        replaceable: tuple[Any, Any] = (self.data, self.targets)
        if not all(isinstance(column, Tensor) for column in replaceable):
            return None
        images = take_rows(self.data, indices)
        targets = take_rows(self.targets, indices)
        if images is None or images.dim() != 3 or targets is None or targets.dim() != 1:
            return None
        return [form(images.numpy()), targets.to(argand.int64)]
