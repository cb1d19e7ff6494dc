"""Transforms of single images as objects, and their form for whole batches.

A transform with a method `batch` can do a whole batch at once, equal to the last bit to what it
does image by image. `ToTensor.batch` takes arrays `(B, H, W[, C])` of bytes, the others take the
tensors `(B, C, H, W)` that come out of it. `batch_form` finds the batched form of a whole chain,
if it has one; data sets use it to fetch batches.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import argand
from argand.errors import message
from argand.nn import Module
from argand.tensor import Tensor
from argand.utils.data.dataset import batched_method
from argand.vision.transforms import functional as F  # as programs name it
from argand.vision.transforms.functional import InterpolationMode

Transform = Callable[[Any], Any]


class Compose:
    """One transform after the other.

    >>> import numpy
    >>> steps = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    >>> steps
    Compose(
        ToTensor()
        Normalize(mean=(0.5,), std=(0.5,))
    )
    >>> steps(numpy.array([[0, 255]], dtype="uint8"))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"    {transform}\n" for transform in self.transforms)
        return f"{type(self).__name__}(\n{lines})"


class ToTensor:
    """A PIL image, or an array `(H, W[, C])`, as a tensor `(C, H, W)`; bytes become 0 to 1.

    See `functional.to_tensor` for types and errors.

    >>> import numpy
    >>> ToTensor()(numpy.zeros((28, 28), "uint8")).shape
    torch.Size([1, 28, 28])
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def batch(self, images: np.ndarray) -> Tensor:
        """Arrays `(B, H, W[, C])` as a tensor `(B, C, H, W)`."""
        return F.images_to_tensor(images)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage:
    """A tensor `(C, H, W)`, or an array `(H, W[, C])`, as a PIL image.

    Args:
        mode: PIL's name for the kind of pixels; see `functional.to_pil_image`.

    >>> ToPILImage()
    ToPILImage()
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class Lambda:
    """Any function as a transform; TypeError if it cannot be called.

    >>> Lambda(lambda x: x + 1)(2)
    3
    """

    def __init__(self, lambd: Transform) -> None:
        if not callable(lambd):
            raise TypeError(message("Lambda", "takes a function", type(lambd).__name__))
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize(Module):
    """`(image - mean) / std`, channel by channel; see `functional.normalize`.

    >>> import argand
    >>> Normalize(mean=[1.0], std=[2.0])(argand.full((1, 1, 2), 5.0))
    tensor([[[2., 2.]]])
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def batch(self, images: Tensor) -> Tensor:
        """The same for `(B, C, H, W)`."""
        return F.normalize(images, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class ConvertImageDtype(Module):
    """Convert a tensor and scale its values to the range of `dtype`.

    See `functional.convert_image_dtype`.

    >>> import argand
    >>> ConvertImageDtype(argand.float32)(argand.tensor([51], dtype=argand.uint8))
    tensor([0.2000])
    """

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        if not isinstance(dtype, argand.dtype):
            raise TypeError(message("ConvertImageDtype", "takes a dtype", str(type(dtype))))
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)

    def batch(self, images: Tensor) -> Tensor:
        """The same for `(B, C, H, W)`."""
        return F.convert_image_dtype(images, self.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CenterCrop(Module):
    """The middle of an image, padded with zeros where the image is smaller.

    Args:
        size: height and width, or one number for both.

    >>> import argand
    >>> CenterCrop(2)(argand.arange(16).reshape(1, 4, 4))
    tensor([[[ 5,  6],
             [ 9, 10]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        sizes = [size] if isinstance(size, int) else list(size)
        if len(sizes) not in (1, 2):
            raise ValueError(message("CenterCrop", "takes height and width", f"{size}"))
        self.size = (sizes[0], sizes[-1])

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def batch(self, images: Tensor) -> Tensor:
        """The same for `(B, C, H, W)`."""
        return F.center_crop(images, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Resize(Module):
    """Scale an image; see `functional.resize` for the arguments.

    >>> Resize(32)
    Resize(size=32, interpolation=bilinear, max_size=None, antialias=True)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, int | Sequence):
            raise TypeError(
                message("Resize", "size must be a number or a sequence", str(type(size)))
            )
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError(message("Resize", "a size has one or two numbers", f"{size}"))
        self.size = size
        self.interpolation = F.interpolation_mode(interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class _RandomFlip(Module):
    """Flip an image with probability `p`; one random number is drawn for every image."""

    draws = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def flip(self, img: Any) -> Any:
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.flip(img) if argand.rand(1) < self.p else img

    def batch(self, images: Tensor) -> Tensor:
        """The same for every image of `(B, C, H, W)`, with the same random numbers."""
        chosen = argand.rand(images.size(0)) < self.p
        return argand.where(chosen.view(-1, 1, 1, 1), self.flip(images), images)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_RandomFlip):
    """Mirror an image left to right with probability `p`.

    >>> import argand
    >>> RandomHorizontalFlip(p=1.0)(argand.arange(3).reshape(1, 1, 3))
    tensor([[[2, 1, 0]]])
    """

    def flip(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_RandomFlip):
    """Turn an image upside down with probability `p`.

    >>> RandomVerticalFlip(0.1)
    RandomVerticalFlip(p=0.1)
    """

    def flip(self, img: Any) -> Any:
        return F.vflip(img)


def _steps(transform: Any) -> list[Any]:
    """The single steps of nested `Compose`s."""
    if type(transform) is not Compose:
        return [transform]
    return [step for member in transform.transforms for step in _steps(member)]


def begins_with_to_tensor(transform: Any) -> bool:
    """Whether `transform` begins with `ToTensor`, to which an array is as good as a PIL image.

    >>> begins_with_to_tensor(Compose([ToTensor(), Lambda(lambda x: x)]))
    True
    """
    steps = _steps(transform)
    return bool(steps) and type(steps[0]) is ToTensor


def batch_form(transform: Any) -> Callable[[np.ndarray], Tensor] | None:
    """What turns arrays `(B, H, W[, C])` into what `transform` makes of every image, or None.

    There is such a form when the transform begins with `ToTensor`, every step has one, and at
    most one step draws random numbers: with two of them the order of drawing would change.

    >>> batch_form(Compose([ToTensor(), Lambda(lambda x: x)])) is None
    True
    >>> import numpy
    >>> batch_form(ToTensor())(numpy.zeros((5, 28, 28), "uint8")).shape
    torch.Size([5, 1, 28, 28])
    """
    steps = _steps(transform)
    if not steps or type(steps[0]) is not ToTensor:
        return None
    if sum(getattr(step, "draws", False) for step in steps) > 1:
        return None
    forms = []
    for step in steps:
        form = batched_method(step, "batch", ("__call__", "forward"))
        if form is None:
            return None
        forms.append(form)
    return forms[0] if len(forms) == 1 else _Chain(forms)


class _Chain:
    def __init__(self, forms: list[Callable[[Any], Any]]) -> None:
        self.forms = forms

    def __call__(self, images: Any) -> Any:
        for form in self.forms:
            images = form(images)
        return images
