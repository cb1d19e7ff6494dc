"""Transforms of images: values, printed forms, batches, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import argand
from argand.vision import transforms
from argand.vision.transforms import functional as F
from argand.vision.transforms.transforms import batch_form

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


@given(
    npst.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3))
    | npst.arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 4))
)
def test_to_tensor_of_bytes(images):
    expected = images[..., None] if images.ndim == 3 else images
    expected = expected.transpose(0, 3, 1, 2).astype("f4") / np.float32(255)
    batch = transforms.ToTensor().batch(images)
    assert batch.dtype == argand.float32
    assert np.array_equal(batch.numpy(), expected)
    for image, plane in zip(images, expected):
        assert np.array_equal(F.to_tensor(image).numpy(), plane)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "bool"])
def test_to_tensor_leaves_other_values(dtype):
    image = BYTES.astype(dtype)
    tensor = F.to_tensor(image)
    assert np.array_equal(tensor.numpy(), image.transpose(2, 0, 1))
    assert tensor.numpy().dtype == image.dtype


def test_to_tensor_takes_views():
    assert np.array_equal(F.to_tensor(BYTES[::2, ::-1]), F.to_tensor(BYTES[::2, ::-1].copy()))


def test_to_tensor_follows_the_default_dtype():
    before = argand.get_default_dtype()
    argand.set_default_dtype(argand.float64)
    try:
        assert np.array_equal(F.to_tensor(BYTES).numpy(), BYTES.transpose(2, 0, 1) / 255)
    finally:
        argand.set_default_dtype(before)


@pytest.mark.parametrize("pic", [[1], argand.zeros(1, 2, 2), 3])
def test_to_tensor_refuses_types(pic):
    with pytest.raises(TypeError, match="to_tensor"):
        F.to_tensor(pic)


def test_to_tensor_refuses_dimensions():
    with pytest.raises(ValueError, match="4 dimensions"):
        F.to_tensor(BYTES[None])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "CMYK", "1", "I", "F"])
def test_to_tensor_of_pil_images(mode):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(BYTES).convert("L").convert(mode)
    array = np.asarray(image)
    expected = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    if mode not in ("I", "F", "1"):
        expected = expected.astype("f4") / np.float32(255)
    found = F.to_tensor(image).numpy()
    assert found.dtype == {"I": np.int32}.get(mode, np.float32)
    assert np.array_equal(found, expected)


def test_normalize():
    image = argand.rand(3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (1.0, 2.0, 0.5)
    expected = np.stack(
        [(plane - np.float32(m)) / np.float32(s) for plane, m, s in zip(image.numpy(), mean, std)]
    )
    assert np.array_equal(F.normalize(image, mean, std).numpy(), expected)
    batch = transforms.Normalize(mean, std).batch(argand.stack([image, image]))
    assert np.array_equal(batch.numpy(), np.stack([expected, expected]))
    before = image.numpy().copy()
    transforms.Normalize(mean, std)(image)
    assert np.array_equal(image.numpy(), before)
    result = transforms.Normalize(mean, std, inplace=True)(image)
    assert result is image
    assert np.array_equal(image.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_normalize_keeps_the_dtype(dtype):
    dtype = getattr(argand, dtype)
    assert F.normalize(argand.ones(3, 2, 2, dtype=dtype), 0.5, 0.5).dtype == dtype


@pytest.mark.parametrize(
    ("image", "std", "error", "words"),
    [
        (argand.zeros(1, 2, 2, dtype=argand.uint8), 1.0, TypeError, "takes floats"),
        (BYTES, 1.0, TypeError, "takes a tensor"),
        (argand.zeros(2, 2), 1.0, ValueError, r"shape \(2, 2\)"),
        (argand.zeros(1, 2, 2), (0.0,), ValueError, "zero"),
        (argand.zeros(1, 2, 2), (1e-50,), ValueError, "zero"),
        (argand.zeros(3, 2, 2), (1.0, 2.0), RuntimeError, "size"),
    ],
)
def test_normalize_refuses(image, std, error, words):
    with pytest.raises(error, match=words):
        F.normalize(image, (0.5,), std)


def test_compose_and_lambda():
    chain = transforms.Compose([transforms.Lambda(lambda x: x + 1), str])
    assert chain(1) == "2"
    with pytest.raises(TypeError, match="int"):
        transforms.Lambda(3)


def test_printed_forms():
    chain = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Lambda(abs),
            transforms.Resize((3, 4), transforms.InterpolationMode.NEAREST),
            transforms.CenterCrop(5),
            transforms.ToPILImage("L"),
            transforms.ConvertImageDtype(argand.float32),
            transforms.RandomHorizontalFlip(),
        ]
    )
    assert repr(chain) == (
        "Compose(\n"
        "    ToTensor()\n"
        "    Lambda()\n"
        "    Resize(size=(3, 4), interpolation=nearest, max_size=None, antialias=True)\n"
        "    CenterCrop(size=(5, 5))\n"
        "    ToPILImage(mode=L)\n"
        "    ConvertImageDtype()\n"
        "    RandomHorizontalFlip(p=0.5)\n"
        ")"
    )
    assert repr(transforms.Compose([])) == "Compose(\n)"


def test_batch_forms():
    to_tensor, flip = transforms.ToTensor(), transforms.RandomHorizontalFlip()
    assert batch_form(transforms.Compose([to_tensor, flip])) is not None
    for transform in (
        None,
        abs,
        flip,
        transforms.Compose([]),
        transforms.Compose([flip, to_tensor]),
        transforms.Compose([to_tensor, flip, flip]),
        transforms.Compose([to_tensor, transforms.Resize(4)]),
    ):
        assert batch_form(transform) is None
    with pytest.raises(TypeError, match="arrays"):
        batch_form(transforms.Compose([to_tensor, to_tensor]))(BYTES[None])


@pytest.mark.parametrize("count", [1, 5, 16, 40])
@pytest.mark.parametrize("cls", [transforms.RandomHorizontalFlip, transforms.RandomVerticalFlip])
def test_random_flips_draw_one_number_per_image(cls, count):
    flip = cls(0.4)
    images = argand.arange(count * 6).reshape(count, 1, 2, 3)
    argand.manual_seed(count)
    expected = [flip(image).tolist() for image in images]
    after = argand.rand(1).item()
    argand.manual_seed(count)
    assert flip.batch(images).tolist() == expected
    assert argand.rand(1).item() == after
    if count == 40:
        assert expected != images.tolist()


def test_flips():
    image = argand.arange(6).reshape(1, 2, 3)
    assert F.hflip(image).tolist() == [[[2, 1, 0], [5, 4, 3]]]
    assert F.vflip(image).tolist() == [[[3, 4, 5], [0, 1, 2]]]
    for function in (F.hflip, F.vflip):
        with pytest.raises(TypeError, match="ndarray"):
            function(BYTES)
        with pytest.raises(TypeError, match=r"shape \(3,\)"):
            function(argand.zeros(3))


@pytest.mark.parametrize("size", [1, 3, 4, 6, 9, 12, (3, 9), (10, 4), [7], (5, 7)])
def test_center_crop(size):
    tensor = argand.from_numpy(BYTES.transpose(2, 0, 1).copy())
    found = transforms.CenterCrop(size)(tensor)
    height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
    assert tuple(found.shape) == (3, height, width)
    padded = np.pad(BYTES, ((20, 20), (20, 20), (0, 0)))
    top = round((5 - height) / 2) if height <= 5 else -((height - 5) // 2)
    left = round((7 - width) / 2) if width <= 7 else -((width - 7) // 2)
    expected = padded[20 + top : 20 + top + height, 20 + left : 20 + left + width]
    assert np.array_equal(found.numpy().transpose(1, 2, 0), expected)
    batch = transforms.CenterCrop(size).batch(tensor[None])
    assert np.array_equal(batch[0].numpy(), found.numpy())


@pytest.mark.parametrize("size", [1, 3, 6, 9, (3, 9), (10, 4)])
def test_pil_images_are_treated_like_tensors(size):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(BYTES)
    tensor = argand.from_numpy(BYTES.transpose(2, 0, 1).copy())
    for function in (F.hflip, F.vflip, transforms.CenterCrop(size)):
        expected = function(tensor).numpy().transpose(1, 2, 0)
        assert np.array_equal(np.asarray(function(image)), expected)


def test_center_crop_refuses():
    with pytest.raises(ValueError, match="CenterCrop"):
        transforms.CenterCrop((1, 2, 3))


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [
        (3, None, (3, 4)),
        ((3,), None, (3, 4)),
        (10, None, (10, 14)),
        ((3, 9), None, (3, 9)),
        (5, None, (5, 7)),
        (4, 5, (4, 5)),
        (3, 4, (3, 4)),
    ],
)
def test_resize_of_pil_images(size, max_size, expected):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(BYTES)
    found = transforms.Resize(size, max_size=max_size)(image)
    assert (found.height, found.width) == expected
    again = image.resize(expected[::-1], image_module.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(found), np.asarray(again))
    tall = transforms.Resize(size, max_size=max_size)(image.transpose(4))
    assert (tall.height, tall.width) == (
        expected if isinstance(size, tuple) and len(size) == 2 else expected[::-1]
    )


def test_resize_of_tensors():
    image = argand.rand(3, 8, 8)
    found = transforms.Resize((4, 4), transforms.InterpolationMode.NEAREST)(image)
    assert np.array_equal(found.numpy(), image.numpy()[:, ::2, ::2])
    assert transforms.Resize(8)(image) is image
    with pytest.raises(NotImplementedError, match="floats"):
        transforms.Resize(4)(argand.zeros(1, 8, 8, dtype=argand.uint8))


def test_resize_refuses():
    with pytest.raises(TypeError, match="float"):
        transforms.Resize(3.5)
    with pytest.raises(ValueError, match="one or two"):
        transforms.Resize((1, 2, 3))
    image = argand.zeros(1, 5, 7)
    with pytest.raises(ValueError, match="max_size"):
        transforms.Resize(4, max_size=4)(image)
    with pytest.raises(ValueError, match="max_size"):
        transforms.Resize((4, 3), max_size=9)(image)
    with pytest.raises(TypeError, match="ndarray"):
        transforms.Resize(3)(BYTES)


def test_interpolation_by_number():
    assert transforms.Resize(3, interpolation=3).interpolation.value == "bicubic"


CONVERSIONS = [
    ("uint8", [0, 100, 255], "float32", [0, np.float32(100) / np.float32(255), 1]),
    ("uint8", [0, 1, 255], "int32", [0, 8388608, 2139095040]),
    ("uint8", [0, 1, 255], "uint8", [0, 1, 255]),
    ("int16", [0, 256, 32767], "uint8", [0, 2, 255]),
    ("bool", [False, True], "float64", [0, 1]),
    ("bool", [False, True], "uint8", [0, 128]),
    ("float32", [0, 0.25, 0.999, 1], "uint8", [0, 63, 255, 255]),
    ("float32", [0, 0.25, 1], "int16", [0, 8191, 32767]),
    ("float64", [0, 0.25, 1], "int32", [0, 536870911, 2147483647]),
    ("float32", [0.25], "float64", [0.25]),
]


@pytest.mark.parametrize(("before", "values", "after", "expected"), CONVERSIONS)
def test_convert_image_dtype(before, values, after, expected):
    image = argand.tensor(values, dtype=getattr(argand, before))
    found = F.convert_image_dtype(image, getattr(argand, after))
    assert found.dtype == getattr(argand, after)
    assert found.tolist() == [float(value) for value in expected]


@pytest.mark.parametrize(
    ("before", "after"), [("float32", "int32"), ("float32", "int64"), ("float64", "int64")]
)
def test_convert_image_dtype_refuses_what_would_overflow(before, after):
    with pytest.raises(RuntimeError, match="exactly"):
        F.convert_image_dtype(argand.ones(1, dtype=getattr(argand, before)), getattr(argand, after))


def test_convert_image_dtype_refuses_types():
    with pytest.raises(TypeError, match="takes a tensor"):
        F.convert_image_dtype(BYTES, argand.float32)
    with pytest.raises(TypeError, match="dtype"):
        transforms.ConvertImageDtype("float32")


@pytest.mark.parametrize(
    ("pic", "mode", "expected"),
    [
        (BYTES, None, "RGB"),
        (BYTES, "HSV", "HSV"),
        (BYTES[:, :, :2], None, "LA"),
        (BYTES[:, :, 0], None, "L"),
        (np.dstack([BYTES, BYTES[:, :, :1]]), None, "RGBA"),
        (BYTES[:, :, :1].astype("i2"), None, "I;16"),
        (BYTES[:, :, 0].astype("i4"), None, "I"),
    ],
)
def test_to_pil_image_of_arrays(pic, mode, expected):
    pytest.importorskip("PIL")
    planes = np.ascontiguousarray(np.atleast_3d(pic).transpose(2, 0, 1))
    for source in (pic, argand.from_numpy(planes)):
        image = transforms.ToPILImage(mode)(source)
        assert image.mode == expected
        assert image.size == (7, 5)
        assert np.array_equal(np.asarray(image), np.squeeze(pic))


def test_to_pil_image_of_floats():
    pytest.importorskip("PIL")
    image = argand.tensor([[[0.0, 0.5, 1.0]]])
    assert np.asarray(F.to_pil_image(image)).tolist() == [[0, 127, 255]]
    assert np.asarray(F.to_pil_image(image[0])).tolist() == [[0, 127, 255]]
    assert np.asarray(F.to_pil_image(image, "F")).tolist() == [[0.0, 0.5, 1.0]]


def test_pil_images_go_there_and_back():
    pytest.importorskip("PIL")
    tensor = F.to_tensor(BYTES)
    assert np.array_equal(F.to_tensor(F.to_pil_image(tensor)).numpy(), tensor.numpy())


@pytest.mark.parametrize(
    ("pic", "mode", "error"),
    [
        (3, None, TypeError),
        (argand.zeros(3), None, ValueError),
        (argand.zeros(5, 2, 2), None, ValueError),
        (BYTES.astype("i8"), None, TypeError),
        (BYTES[:, :, 0].astype("i8"), None, TypeError),
        (BYTES, "L", ValueError),
        (BYTES[:, :, 0], "RGB", ValueError),
    ],
)
def test_to_pil_image_refuses(pic, mode, error):
    with pytest.raises(error, match="to_pil_image"):
        F.to_pil_image(pic, mode)
