"""Transforms of single images as functions.

An image is a PIL image, or a tensor of shape `(..., C, H, W)`. Mirrors
`torchvision.transforms.functional`.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

import argand
from argand.errors import message
from argand.nn import functional as nn_functional
from argand.tensor import Tensor
from argand.vision.pillow import is_pil_image, pil_image


class InterpolationMode(Enum):
    """How `resize` finds the values between pixels; the last three are for PIL images only.

    >>> InterpolationMode.BILINEAR.value
    'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of its filters.
_PIL_FILTERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}
_FROM_PIL_FILTER = {
    number: mode
    for mode, number in _PIL_FILTERS.items()
    if mode is not InterpolationMode.NEAREST_EXACT
}

# PIL modes whose pixels are not bytes.
_PIL_DTYPES = {"I": np.int32, "I;16": np.int16, "F": np.float32}

# The modes a PIL image of so many channels may have, the default first.
_PIL_MODES: dict[int, tuple[str, ...]] = {
    2: ("LA",),
    3: ("RGB", "YCbCr", "HSV"),
    4: ("RGBA", "CMYK", "RGBX"),
}
_SINGLE_CHANNEL_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def to_tensor(pic: Any) -> Tensor:
    """A PIL image, or an array of shape `(H, W)` or `(H, W, C)`, as a tensor `(C, H, W)`.

    Bytes become floats of the default dtype between 0 and 1; other values stay as they are.

    Raises:
        TypeError: `pic` is neither image nor array.
        ValueError: an array of other than 2 or 3 dimensions.

    >>> import numpy
    >>> to_tensor(numpy.array([[0, 255], [51, 102]], dtype="uint8"))
    tensor([[[0.0000, 1.0000],
             [0.2000, 0.4000]]])
    """
    if is_pil_image(pic):
        pic = _array_of_pil(pic)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(message("to_tensor", "takes a PIL image or a NumPy array", str(type(pic))))
    elif pic.ndim not in (2, 3):
        raise ValueError(
            message("to_tensor", "an array must have 2 or 3 dimensions", f"{pic.ndim} dimensions")
        )
    return images_to_tensor(pic[None])[0]


def images_to_tensor(images: np.ndarray) -> Tensor:
    """Images `(B, H, W)` or `(B, H, W, C)` as a tensor `(B, C, H, W)`, scaled like `to_tensor`.

    >>> import numpy
    >>> images_to_tensor(numpy.zeros((5, 3, 4), "uint8")).shape
    torch.Size([5, 1, 3, 4])
    """
    if not isinstance(images, np.ndarray):
        raise TypeError(message("to_tensor", "takes NumPy arrays in batches", str(type(images))))
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    tensor = argand.from_numpy(np.ascontiguousarray(planes))
    # Dividing bytes gives the default dtype: conversion and division in one pass.
    return tensor.div(255) if tensor.dtype == argand.uint8 else tensor


def _array_of_pil(image: Any) -> np.ndarray:
    array = np.array(image, dtype=_PIL_DTYPES.get(image.mode, np.uint8))
    return array * np.uint8(255) if image.mode == "1" else array


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """`(tensor - mean) / std`, channel by channel.

    Args:
        tensor: floats of shape `(..., C, H, W)`.
        mean: one number for every channel, or one for all.
        std: likewise; none may be zero in the tensor's dtype.
        inplace: overwrite `tensor`.

    Raises:
        TypeError: no tensor, or not of floats.
        ValueError: fewer than 3 dimensions, or a zero in `std`.

    >>> import argand
    >>> normalize(argand.ones(1, 1, 2), (0.5,), (0.25,))
    tensor([[[2., 2.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(message("normalize", "takes a tensor", str(type(tensor))))
    if not tensor.is_floating_point():
        raise TypeError(
            message("normalize", "takes floats", str(tensor.dtype), "ToTensor makes floats")
        )
    if tensor.dim() < 3:
        raise ValueError(
            message("normalize", "takes a tensor (..., C, H, W)", f"shape {tuple(tensor.shape)}")
        )
    shift = _per_channel(mean, tensor)
    scale = _per_channel(std, tensor)
    if (scale == 0).any():
        raise ValueError(message("normalize", f"std must not be zero in {tensor.dtype}", f"{std}"))
    return tensor.sub_(shift).div_(scale) if inplace else tensor.sub(shift).div(scale)


def _per_channel(values: Any, tensor: Tensor) -> Tensor:
    result = argand.as_tensor(values, dtype=tensor.dtype, device=tensor.device)
    return result.view(-1, 1, 1) if result.dim() == 1 else result


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor `(C, H, W)` or `(H, W)`, or an array `(H, W[, C])`, as a PIL image.

    Args:
        pic: bytes; floats between 0 and 1, which become bytes (except for mode "F"); or, with
            one channel, 16 or 32 bit integers.
        mode: PIL's name for the kind of pixels; by default what fits dtype and channels.

    Raises:
        TypeError: neither tensor nor array, or a dtype that PIL lacks.
        ValueError: not 2 or 3 dimensions, more than 4 channels, or a mode that does not fit.
        ImportError: Pillow is not installed.
    """
    if isinstance(pic, np.ndarray):
        pixels = argand.from_numpy(pic[:, :, None] if pic.ndim == 2 else pic)
    elif isinstance(pic, Tensor):
        pixels = pic[:, :, None] if pic.dim() == 2 else pic
        if pic.dim() == 3:
            pixels = pic.permute(1, 2, 0)
    else:
        raise TypeError(message("to_pil_image", "takes a tensor or an array", str(type(pic))))
    if pixels.dim() != 3:
        raise ValueError(
            message("to_pil_image", "takes 2 or 3 dimensions", f"{pixels.dim()} dimensions")
        )
    channels = pixels.size(2)
    if channels > 4:
        raise ValueError(message("to_pil_image", "takes up to 4 channels", str(channels)))
    if pixels.is_floating_point() and mode != "F":
        pixels = pixels.mul(255).to(argand.uint8)
    array = np.ascontiguousarray(pixels.numpy())
    mode = _pil_mode(array.dtype.name, channels, mode)
    height, width = array.shape[:2]
    return pil_image("to_pil_image").frombytes(mode, (width, height), array.tobytes())


def _pil_mode(dtype: str, channels: int, mode: str | None) -> str:
    if channels == 1:
        fitting: tuple[str, ...] = (_SINGLE_CHANNEL_MODES.get(dtype, ""),)
    else:
        fitting = _PIL_MODES.get(channels, ()) if dtype == "uint8" else ("",)
    if mode is not None and mode not in fitting:
        raise ValueError(
            message(
                "to_pil_image",
                f"{channels} channels of {dtype} can have the modes {[*filter(None, fitting)]}",
                repr(mode),
            )
        )
    if not fitting[0]:
        raise TypeError(
            message("to_pil_image", "PIL has no such images", f"{channels} channels of {dtype}")
        )
    return mode or fitting[0]


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """Convert an image to another dtype and scale its values to that dtype's range.

    Floats run from 0 to 1, integers from 0 to the largest value of their type.

    Args:
        image: a tensor of any shape.
        dtype: the new dtype; float32 by default.

    Raises:
        TypeError: no tensor.
        RuntimeError: floats to integers that they cannot represent.

    >>> import argand
    >>> convert_image_dtype(argand.tensor([0.0, 0.5, 1.0]), argand.uint8)
    tensor([  0, 127, 255], dtype=torch.uint8)
    """
    if not isinstance(image, Tensor):
        raise TypeError(message("convert_image_dtype", "takes a tensor", str(type(image))))
    dtype = argand.float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        return image.to(dtype) if dtype.is_floating_point else _floats_to_integers(image, dtype)
    largest = _largest(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / largest
    wanted = _largest(dtype)
    if largest > wanted:
        factor = (largest + 1) // (wanted + 1)
        return argand.div(image, factor, rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (largest + 1))


def _floats_to_integers(image: Tensor, dtype: Any) -> Tensor:
    wide = (argand.int32, argand.int64)
    if (image.dtype == argand.float32 and dtype in wide) or (
        image.dtype == argand.float64 and dtype == argand.int64
    ):
        raise RuntimeError(
            message("convert_image_dtype", f"{image.dtype} cannot hold every {dtype} exactly")
        )
    # Just below the next integer, so that 1.0 does not overflow.
    return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)


def _largest(dtype: Any) -> int:
    return 1 if dtype == argand.bool else argand.iinfo(dtype).max


def _require_image(name: str, img: Any) -> None:
    if isinstance(img, Tensor):
        if img.dim() < 2:
            raise TypeError(
                message(name, "takes a tensor (..., H, W)", f"shape {tuple(img.shape)}")
            )
    elif not is_pil_image(img):
        raise TypeError(message(name, "takes a tensor or a PIL image", str(type(img))))


def hflip(img: Any) -> Any:
    """Mirror an image left to right.

    >>> import argand
    >>> hflip(argand.arange(3).reshape(1, 1, 3))
    tensor([[[2, 1, 0]]])
    """
    _require_image("hflip", img)
    if isinstance(img, Tensor):
        return img.flip(-1)
    return img.transpose(pil_image("hflip").Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    """Turn an image upside down.

    >>> import argand
    >>> vflip(argand.arange(2).reshape(1, 2, 1))
    tensor([[[1],
             [0]]])
    """
    _require_image("vflip", img)
    if isinstance(img, Tensor):
        return img.flip(-2)
    return img.transpose(pil_image("vflip").Transpose.FLIP_TOP_BOTTOM)


def _size_of(img: Any) -> tuple[int, int]:
    """Height and width."""
    return (img.shape[-2], img.shape[-1]) if isinstance(img, Tensor) else (img.height, img.width)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """Cut the middle out of an image; where that is larger than the image, pad with zeros.

    Args:
        img: the image.
        output_size: height and width, or one number for both.

    >>> import argand
    >>> center_crop(argand.arange(9).reshape(1, 3, 3), (1, 3))
    tensor([[[3, 4, 5]]])
    """
    _require_image("center_crop", img)
    sizes = [output_size] if isinstance(output_size, int) else list(output_size)
    height, width = sizes * 2 if len(sizes) == 1 else sizes
    top, bottom = _centered(_size_of(img)[0], height)
    left, right = _centered(_size_of(img)[1], width)
    if not isinstance(img, Tensor):
        return img.crop((left, top, right, bottom))  # which pads with zeros
    full_height, full_width = _size_of(img)
    part = img[..., max(top, 0) : min(bottom, full_height), max(left, 0) : min(right, full_width)]
    padding = (
        max(-left, 0),
        max(right - full_width, 0),
        max(-top, 0),
        max(bottom - full_height, 0),
    )
    return nn_functional.pad(part, padding) if any(padding) else part


def _centered(have: int, want: int) -> tuple[int, int]:
    """Where the middle `want` of `have` pixels starts and ends."""
    start = -((want - have) // 2) if want > have else round((have - want) / 2)
    return start, start + want


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool = True,
) -> Any:
    """Scale an image.

    Args:
        img: a PIL image, or a tensor of floats.
        size: height and width; or one number for the shorter edge, which keeps the proportions.
        interpolation: an `InterpolationMode`, or PIL's number of a filter.
        max_size: with one number as `size`: the longer edge gets no longer than this.
        antialias: smooth before sampling down; PIL always does.

    Raises:
        TypeError: no image, or a size that is no number.
        ValueError: sizes that contradict each other.
        NotImplementedError: a tensor of integers.
    """
    _require_image("resize", img)
    height, width = _resized(_size_of(img), size, max_size)
    if (height, width) == _size_of(img):
        return img
    mode = interpolation_mode(interpolation)
    if not isinstance(img, Tensor):
        return img.resize((width, height), _PIL_FILTERS[mode])
    if not img.is_floating_point():
        raise NotImplementedError(
            message("resize", "takes tensors of floats", str(img.dtype), "convert_image_dtype")
        )
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    batch = img if img.dim() >= 4 else img[None]
    result = nn_functional.interpolate(
        batch,
        size=(height, width),
        mode=mode.value,
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    )
    return result if img.dim() >= 4 else result[0]


def interpolation_mode(interpolation: InterpolationMode | int) -> InterpolationMode:
    """The mode that `interpolation`, perhaps PIL's number of a filter, stands for.

    >>> interpolation_mode(3)
    <InterpolationMode.BICUBIC: 'bicubic'>
    """
    if isinstance(interpolation, int):
        return _FROM_PIL_FILTER[interpolation]
    return interpolation


def _resized(
    have: tuple[int, int], size: int | Sequence[int], max_size: int | None
) -> tuple[int, int]:
    sizes = [size] if isinstance(size, int) else list(size)
    if len(sizes) == 2:
        if max_size is not None:
            raise ValueError(message("resize", "max_size needs one number as size", f"size={size}"))
        return sizes[0], sizes[1]
    (short,) = sizes
    long = int(short * max(have) / min(have))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                message("resize", f"max_size must be above the size {short}", str(max_size))
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (short, long) if have[0] <= have[1] else (long, short)
