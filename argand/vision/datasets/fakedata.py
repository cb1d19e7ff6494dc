"""Random images, for trying out a program without data."""

from typing import Any

import argand
from argand.errors import message
from argand.vision.datasets.vision import Transform, VisionDataset
from argand.vision.transforms.functional import to_pil_image


class FakeData(VisionDataset):
    """Random PIL images with random classes; the same for the same index. Needs Pillow.

    Args:
        size: the number of images.
        image_size: channels, height and width.
        num_classes: classes are drawn from 0 to `num_classes - 1`.
        transform: a function of the PIL image.
        target_transform: a function of the class.
        random_offset: added to the index, it seeds the image.

    >>> len(FakeData(size=10, image_size=(3, 8, 8)))
    10
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(message("FakeData", f"an index must be below {len(self)}", f"{index}"))
        state = argand.get_rng_state()
        argand.manual_seed(index + self.random_offset)
        pixels = argand.randn(*self.image_size)
        target: Any = int(argand.randint(0, self.num_classes, (1,)))
        argand.set_rng_state(state)
        image = to_pil_image(pixels)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return self.size
