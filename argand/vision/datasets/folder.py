"""Images in folders that are named after their classes."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from argand.errors import message
from argand.vision.datasets.vision import Root, Transform, VisionDataset
from argand.vision.pillow import pil_image

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path: Root) -> Any:
    """The image in a file as a PIL image of mode "RGB"; ImportError without Pillow."""
    with pil_image("ImageFolder").open(path) as image:
        return image.convert("RGB")


def find_classes(directory: Root) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in `directory`, sorted, and the number of each.

    Raises:
        FileNotFoundError: there is none, or no such directory.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(
            message("ImageFolder", f"{directory} must have a folder for every class", "none")
        )
    return classes, {name: number for number, name in enumerate(classes)}


class DatasetFolder(VisionDataset):
    """Files of any kind under `root/<class>/`, at any depth, in the order of their paths.

    Args:
        root: the folder of the classes' folders.
        loader: reads a file, given its path.
        extensions: the endings, in lower case, of files to use; or else
        is_valid_file: a function that tells of a path whether to use it.
        transform: a function of what `loader` returns.
        target_transform: a function of the class.
        allow_empty: accept classes without files.

    Attributes:
        samples: pairs of path and class.
        targets: the classes of all samples.
        classes: the classes' names.
        class_to_idx: the number of every class by its name.

    Raises:
        FileNotFoundError: no classes, or a class without files.
        ValueError: both or neither of `extensions` and `is_valid_file`.
    """

    def __init__(
        self,
        root: Root,
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = find_classes(root)
        if (extensions is None) == (is_valid_file is None):
            raise ValueError(
                message(type(self).__name__, "takes either extensions or is_valid_file")
            )
        self.loader = loader
        self.extensions = extensions
        endings = tuple(extensions or ())
        is_valid = is_valid_file or (lambda path: path.lower().endswith(endings))
        self.samples = _find_samples(root, self.class_to_idx, is_valid)
        self.targets = [number for _, number in self.samples]
        empty = [name for name, number in self.class_to_idx.items() if number not in self.targets]
        if empty and not allow_empty:
            raise FileNotFoundError(
                message(
                    type(self).__name__,
                    "every class must have files" + f" ending in {endings}" * bool(endings),
                    f"none for {', '.join(empty)}",
                    "allow_empty=True accepts that",
                )
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            return sample, self.target_transform(target)
        return sample, target


class ImageFolder(DatasetFolder):
    """Images under `root/<class>/`, read with Pillow; arguments as for `DatasetFolder`.

    Without `is_valid_file` the endings in `IMG_EXTENSIONS` count as images.
    """

    def __init__(
        self,
        root: Root,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples


def _find_samples(
    root: Root, class_to_idx: dict[str, int], is_valid: Callable[[str], bool]
) -> list[tuple[str, int]]:
    samples = []
    for name, number in class_to_idx.items():
        for folder, _, files in sorted(os.walk(os.path.join(root, name), followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            samples += [(path, number) for path in paths if is_valid(path)]
    return samples
