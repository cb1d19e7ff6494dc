"""`vision` against torchvision: the same values, printed forms and errors."""

import struct
import warnings

import numpy as np
import pytest

import argand
import argand.vision

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
image_module = pytest.importorskip("PIL.Image")

BOTH = ((argand, argand.vision), (torch, torchvision))
BYTES = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGB = image_module.fromarray(BYTES)


def plain(value):
    """Tensors and PIL images as (kind, shape, values), with the sign of zero."""
    if isinstance(value, image_module.Image):
        array = np.asarray(value)
        return (value.mode, array.shape, array.tolist())
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return (str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist())
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def assert_equal(function):
    """`function(framework, vision)` gives the same for both, or an exception of one type."""
    results = []
    for framework, vision in BOTH:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.append(plain(function(framework, vision)))
        except Exception as error:  # noqa: BLE001  # compared below
            results.append(type(error).__name__)
    ours, theirs = results
    assert ours == theirs
    return ours


PICTURES = [
    *(RGB.convert(mode) for mode in ("L", "RGB", "RGBA", "1", "P", "LA", "CMYK")),
    *(RGB.convert("L").convert(mode) for mode in ("I", "F", "I;16")),
    BYTES,
    BYTES[:, :, 0],
    BYTES[::2],
    BYTES.astype("f4"),
    BYTES.astype("f8")[:, :, :1],
    BYTES.astype("i8"),
    BYTES > 3,
    BYTES[None],
    [1],
    None,
]


@pytest.mark.parametrize("number", range(len(PICTURES)))
def test_to_tensor(number):
    assert_equal(lambda _, vision: vision.transforms.ToTensor()(PICTURES[number]))


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.5,), (0.5,)),
        (0.5, 0.5),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ([0.5], [1, 2, 3]),
        ((0.5, 0.5), (1, 1)),
        ((0.0,), (0.0,)),
        ((0.1,), (1e-50,)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_normalize(mean, std, dtype):
    values = np.random.default_rng(1).random((3, 4, 5)).astype(dtype)

    def function(framework, vision):
        return vision.transforms.Normalize(mean, std)(framework.from_numpy(values))

    assert_equal(function)
    assert_equal(lambda _, vision: vision.transforms.Normalize(mean, std)(RGB))


IMAGE_DTYPES = ["uint8", "int16", "int32", "int64", "float32", "float64", "bool"]


@pytest.mark.parametrize("before", IMAGE_DTYPES)
@pytest.mark.parametrize("after", IMAGE_DTYPES)
def test_convert_image_dtype(before, after):
    values = [0, 0.25, 0.5, 0.999, 1] if "float" in before else [0, 1, 100, 127]

    def function(framework, vision):
        image = framework.tensor(values).to(getattr(framework, before))
        return vision.transforms.ConvertImageDtype(getattr(framework, after))(image)

    assert_equal(function)


def picture(framework, kind):
    return RGB if kind == "pil" else framework.from_numpy(BYTES.transpose(2, 0, 1).copy())


@pytest.mark.parametrize("kind", ["pil", "tensor"])
@pytest.mark.parametrize("size", [1, 3, 4, 6, 9, (3,), (3, 9), [10, 4], (5, 7), (1, 2, 3)])
def test_center_crop(kind, size):
    assert_equal(
        lambda framework, vision: vision.transforms.CenterCrop(size)(picture(framework, kind))
    )


@pytest.mark.parametrize("kind", ["pil", "tensor"])
@pytest.mark.parametrize("name", ["RandomHorizontalFlip", "RandomVerticalFlip"])
@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_random_flips(kind, name, p):
    def function(framework, vision):
        framework.manual_seed(3)
        flip = getattr(vision.transforms, name)(p)
        return [flip(picture(framework, kind)) for _ in range(20)]

    assert_equal(function)


@pytest.mark.parametrize("mode", ["NEAREST", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS"])
@pytest.mark.parametrize(
    ("size", "max_size"),
    [(3, None), ((3,), None), (10, None), ((3, 9), None), (4, 5), (4, 4), ((4, 3), 4), (3.5, None)],
)
def test_resize_of_pil_images(mode, size, max_size):
    def function(_, vision):
        mode_of_both = vision.transforms.InterpolationMode[mode]
        transform = vision.transforms.Resize(size, mode_of_both, max_size)
        return [transform(RGB), transform(RGB.transpose(4)), repr(transform)]

    assert_equal(function)


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        (BYTES, None),
        (BYTES, "HSV"),
        (BYTES, "L"),
        (BYTES[:, :, :2], None),
        (BYTES[:, :, :2], "RGB"),
        (BYTES[:, :, 0], None),
        (np.dstack([BYTES, BYTES[:, :, :1]]), "CMYK"),
        (BYTES[:, :, :1].astype("i2"), None),
        (BYTES[:, :, 0].astype("i4"), None),
        (BYTES.astype("f4") / 255, None),
        (BYTES[:, :, :1].astype("f4") / 255, "F"),
        (BYTES.astype("i8"), None),
        (np.zeros((2, 2, 5), "u1"), None),
        (np.zeros(3, "u1"), None),
    ],
)
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_to_pil_image(pixels, mode, kind):
    def function(framework, vision):
        pic = pixels
        if kind == "tensor":
            planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels
            pic = framework.from_numpy(np.ascontiguousarray(planes))
        return vision.transforms.ToPILImage(mode)(pic)

    assert_equal(function)


def test_printed_forms():
    def function(framework, vision):
        t = vision.transforms
        return repr(
            t.Compose(
                [
                    t.ToTensor(),
                    t.Normalize((0.1307,), (0.3081,)),
                    t.Lambda(abs),
                    t.Resize(3),
                    t.Resize((3, 4), t.InterpolationMode.NEAREST),
                    t.CenterCrop((3, 4)),
                    t.ToPILImage("L"),
                    t.ConvertImageDtype(framework.float32),
                    t.RandomHorizontalFlip(),
                    t.RandomVerticalFlip(0.1),
                ]
            )
        )

    assert "Normalize" in assert_equal(function)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">{array.ndim + 1}I", 0x800 | array.ndim, *array.shape)
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    return tmp_path


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("transformed", [False, True])
def test_mnist(root, train, transformed):
    def function(_, vision):
        t = vision.transforms
        transform = t.Compose([t.ToTensor(), t.Normalize((0.1307,), (0.3081,))])
        dataset = vision.datasets.MNIST(
            root, train, transform if transformed else None, abs if transformed else None
        )
        return [
            repr(dataset),
            dataset.data,
            dataset.targets,
            dataset.classes,
            sorted(dataset.class_to_idx.items()),
            dataset.raw_folder,
            dataset.processed_folder,
            dataset._check_exists(),
            [dataset[index] for index in (0, 3, -1)],
        ]

    assert_equal(function)


def test_mnist_in_a_loader(root):
    def function(framework, vision):
        t = vision.transforms
        flip = t.RandomHorizontalFlip()
        transform = t.Compose([t.ToTensor(), flip, t.Normalize((0.1307,), (0.3081,))])
        dataset = vision.datasets.MNIST(root, transform=transform)
        framework.manual_seed(0)
        data = framework.utils.data
        shuffled = list(data.DataLoader(dataset, batch_size=8, shuffle=True))
        return [shuffled, list(data.DataLoader(dataset, batch_size=8)), framework.rand(2)]

    assert_equal(function)


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
def test_tables_of_relatives(name):
    for attribute in ("mirrors", "resources", "classes"):
        ours = getattr(getattr(argand.vision.datasets, name), attribute)
        assert ours == getattr(getattr(torchvision.datasets, name), attribute)


MISUSES = {
    "no files": lambda vision, folder: vision.datasets.MNIST(folder),
    "no root": lambda vision, folder: vision.datasets.MNIST(None),
    "both transforms": lambda vision, folder: vision.datasets.VisionDataset(
        folder, transforms=max, transform=abs
    ),
    "no length": lambda vision, folder: repr(vision.datasets.VisionDataset(folder)),
    "no classes": lambda vision, folder: vision.datasets.ImageFolder(folder),
    "no folder": lambda vision, folder: vision.datasets.ImageFolder(folder / "none"),
    "no loader": lambda vision, folder: vision.datasets.DatasetFolder(folder, str),
    "lambda": lambda vision, folder: vision.transforms.Lambda(3),
    "compose": lambda vision, folder: vision.transforms.Compose(3)(3),
    "flip": lambda vision, folder: vision.transforms.RandomHorizontalFlip(1)(BYTES),
}


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_raises_the_same_types(name, tmp_path):
    assert isinstance(assert_equal(lambda _, vision: MISUSES[name](vision, tmp_path)), str)


def test_image_folder(tmp_path):
    for path in ("cat/a.png", "dog/b/d.PNG", "dog/c.bmp"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        RGB.save(tmp_path / path)
    (tmp_path / "dog" / "notes.txt").touch()

    def function(_, vision):
        dataset = vision.datasets.ImageFolder(tmp_path, transform=vision.transforms.ToTensor())
        return [
            repr(dataset).partition("Transform:")[0],
            dataset.samples,
            dataset.targets,
            dataset.classes,
            list(dataset),
        ]

    assert_equal(function)
