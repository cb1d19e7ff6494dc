"""MNIST and the other data sets of images."""

import builtins
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import argand
from argand.utils.data import DataLoader, Subset, default_collate
from argand.utils.data.dataset import collated_form
from argand.vision import datasets, transforms
from argand.vision.transforms import Compose, Lambda, Normalize, RandomHorizontalFlip, ToTensor


@pytest.fixture
def mnist(mnist_files, tmp_path):
    mnist_files.write(tmp_path)
    return datasets.MNIST(tmp_path, transform=ToTensor())


@pytest.fixture
def without_pillow(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "PIL":
            raise ImportError("no Pillow")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_reads_its_files(mnist_files, tmp_path, packed):
    folder = mnist_files.write(tmp_path, packed)
    for train, part in ((True, "train"), (False, "t10k")):
        dataset = datasets.MNIST(str(tmp_path), train=train)
        images, labels = mnist_files.arrays[part]
        assert dataset.data.dtype == argand.uint8
        assert dataset.targets.dtype == argand.int64
        assert np.array_equal(dataset.data.numpy(), images)
        assert np.array_equal(dataset.targets.numpy(), labels)
        assert len(dataset) == len(images)
    assert dataset.raw_folder == str(folder)
    assert dataset.class_to_idx["7 - seven"] == 7


def test_mnist_samples(mnist_files, mnist):
    images, labels = mnist_files.arrays["train"]
    image, label = mnist[3]
    assert image.dtype == argand.float32
    assert tuple(image.shape) == (1, 28, 28)
    assert np.array_equal(image.numpy()[0], images[3].astype("f4") / np.float32(255))
    assert type(label) is int
    assert label == labels[3]
    assert mnist[-1][1] == labels[-1]
    with pytest.raises(IndexError):
        mnist[40]


def test_mnist_repr(mnist_files, tmp_path):
    mnist_files.write(tmp_path)
    transform = Compose([ToTensor(), Normalize((0.5,), (0.25,))])
    dataset = datasets.MNIST(tmp_path, train=False, transform=transform, target_transform=abs)
    assert repr(dataset) == (
        "Dataset MNIST\n"
        "    Number of datapoints: 12\n"
        f"    Root location: {tmp_path}\n"
        "    Split: Test\n"
        "    StandardTransform\n"
        "Transform: Compose(\n"
        "               ToTensor()\n"
        "               Normalize(mean=(0.5,), std=(0.25,))\n"
        "           )\n"
        "Target transform: <built-in function abs>"
    )


def test_former_names_warn(mnist):
    with pytest.warns(UserWarning, match="train_labels is now called targets"):
        assert mnist.train_labels is mnist.targets


def test_relatives_of_mnist(mnist_files, tmp_path):
    for cls in (datasets.FashionMNIST, datasets.KMNIST):
        mnist_files.write(tmp_path, name=cls.__name__)
        dataset = cls(tmp_path)
        assert len(dataset) == 40
        assert len(dataset.classes) == len(dataset.class_to_idx) == 10
        assert repr(dataset).startswith(f"Dataset {cls.__name__}\n")


def test_missing_files(tmp_path, mnist_files):
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.MNIST(tmp_path)
    folder = mnist_files.write(tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(RuntimeError, match="t10k-labels-idx1-ubyte"):
        datasets.MNIST(tmp_path)


def test_damaged_files(tmp_path, mnist_files):
    folder = mnist_files.write(tmp_path)
    path = folder / "train-images-idx3-ubyte"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte must have 31360 bytes"):
        datasets.MNIST(tmp_path)
    path.write_bytes(mnist_files.content["t10k-images-idx3-ubyte"])
    with pytest.raises(ValueError, match="12 images and 40 labels"):
        datasets.MNIST(tmp_path)
    path.write_bytes(mnist_files.content["train-labels-idx1-ubyte"])
    with pytest.raises(ValueError, match="3 dimensions, but got uint8 in 1"):
        datasets.MNIST(tmp_path)


BATCHED = [
    ToTensor(),
    Compose([ToTensor()]),
    Compose([ToTensor(), Normalize((0.1307,), (0.3081,))]),
    Compose([Compose([ToTensor(), transforms.CenterCrop(20)]), Normalize(0.5, 0.5)]),
    Compose([ToTensor(), transforms.CenterCrop((30, 11))]),
    Compose([ToTensor(), transforms.ConvertImageDtype(argand.float64)]),
    Compose([ToTensor(), transforms.ConvertImageDtype(argand.uint8)]),
    Compose([ToTensor(), RandomHorizontalFlip(), Normalize((0.5,), (0.5,))]),
    Compose([transforms.ToTensor(), transforms.RandomVerticalFlip(0.3)]),
]


@pytest.mark.parametrize("transform", BATCHED, ids=lambda transform: repr(transform)[:70])
@settings(max_examples=20)
@given(indices=st.lists(st.integers(-40, 39), min_size=1, max_size=40))
def test_batches_equal_samples(mnist_files, transform, indices):
    dataset = datasets.Digits(transform=transform)
    dataset.data = argand.from_numpy(mnist_files.arrays["train"][0])
    argand.manual_seed(2)
    images, targets = default_collate([dataset[index] for index in indices])
    argand.manual_seed(2)
    batch = dataset.collated(indices)
    assert batch[0].dtype == images.dtype
    assert np.array_equal(batch[0].numpy(), images.numpy())
    assert batch[1].dtype == targets.dtype == argand.int64
    assert batch[1].tolist() == targets.tolist()


def test_batches_are_declined_where_they_might_differ(mnist):
    plus = Lambda(lambda image: image + 1)
    flips = [RandomHorizontalFlip(), transforms.RandomVerticalFlip()]
    for transform in (None, plus, Compose([ToTensor(), plus]), Compose([ToTensor(), *flips])):
        mnist.transform = transform
        assert mnist.collated([0]) is None
    mnist.transform = ToTensor()
    assert mnist.collated([40]) is None
    mnist.target_transform = abs
    assert mnist.collated([0]) is None
    mnist.target_transform = None
    mnist.targets = mnist.targets.tolist()
    assert mnist.collated([0]) is None


def test_a_subclass_with_its_own_samples_has_no_batches(mnist_files, tmp_path):
    class Pairs(datasets.MNIST):
        def __getitem__(self, index):
            return (*super().__getitem__(index), index)

    class Gain(ToTensor):
        def __call__(self, pic):
            return super().__call__(pic) * 2

    mnist_files.write(tmp_path, name="Pairs")
    pairs = Pairs(tmp_path, transform=ToTensor())
    assert collated_form(pairs) is None
    _, _, numbers = next(iter(DataLoader(pairs, batch_size=3)))
    assert numbers.tolist() == [0, 1, 2]
    pairs.transform = Compose([ToTensor(), Gain()])
    assert pairs.collated([0]) is None


def test_the_loader_gives_the_same_with_and_without_batches(mnist):
    def run(dataset):
        argand.manual_seed(4)
        loader = DataLoader(dataset, batch_size=7, shuffle=True)
        return [[part.tolist() for part in batch] for batch in loader]

    class Plain:
        def __len__(self):
            return len(mnist)

        def __getitem__(self, index):
            return mnist[index]

    assert run(mnist) == run(Plain()) == run(Subset(mnist, list(range(40))))


def test_changed_data_and_targets_count(mnist):
    mnist.data = mnist.data[10:20]
    mnist.targets = mnist.targets[10:20] + 100
    images, targets = next(iter(DataLoader(mnist, batch_size=20)))
    assert len(images) == len(mnist) == 10
    assert targets.min().item() >= 100


def test_images_as_pil(mnist_files, tmp_path):
    pytest.importorskip("PIL")
    mnist_files.write(tmp_path)
    dataset = datasets.MNIST(tmp_path)
    image, _ = dataset[5]
    assert (image.mode, image.size) == ("L", (28, 28))
    assert np.array_equal(np.asarray(image), mnist_files.arrays["train"][0][5])
    seen = []
    dataset.transform = Compose([Lambda(lambda image: seen.append(image.mode) or image)])
    assert dataset[5][0].mode == "L"
    assert seen == ["L"]


def test_without_pillow(mnist, without_pillow):
    plus = Lambda(lambda image: image + 1)
    mnist.transform = Compose([ToTensor(), plus])
    assert mnist[0][0].min().item() >= 1
    for transform in (None, plus):
        mnist.transform = transform
        with pytest.raises(ImportError, match="pip install pillow"):
            mnist[0]
    with pytest.raises(ImportError, match="to_pil_image"):
        datasets.FakeData(image_size=(3, 2, 2))[0]


@pytest.mark.parametrize("size", [8, 28])
def test_digits(size):
    train, test = datasets.Digits(size=size), datasets.Digits(train=False, size=size)
    assert tuple(train.data.shape) == (1500, size, size)
    assert tuple(test.data.shape) == (297, size, size)
    for digits in (train, test):
        assert digits.data.dtype == argand.uint8
        assert digits.targets.dtype == argand.int64
        assert (digits.data.numpy().min(), digits.data.numpy().max()) == (0, 255)
        assert set(digits.targets.tolist()) == set(range(10))
    assert train.targets[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_digits_are_scaled_to_bytes():
    values = set(datasets.Digits().data.numpy().ravel().tolist())
    assert values == {round(value * 255 / 16) for value in range(17)}


def test_digits_are_upscaled_bilinearly():
    small = datasets.Digits(train=False).data.numpy() * (16 / 255)
    large = datasets.Digits(train=False, size=28).data.numpy()
    grid = np.linspace(0, 7, 28)
    for image, upscaled in zip(np.rint(small[:20]), large):
        rows = np.array([np.interp(grid, np.arange(8), row) for row in image])
        both = np.array([np.interp(grid, np.arange(8), column) for column in rows.T]).T
        assert np.abs(both * (255 / 16) - upscaled).max() <= 0.5 + 1e-6


def test_digits_refuse_other_sizes():
    with pytest.raises(ValueError, match="8 or 28"):
        datasets.Digits(size=32)


def test_digits_name_their_source():
    folder = sys.modules[datasets.Digits.__module__].__file__.rpartition("/")[0]
    with open(f"{folder}/digits.LICENSE.md", encoding="utf-8") as file:
        text = file.read()
    for words in ("Alpaydin", "Kaynak", "CC BY 4.0"):
        assert words in text
        assert words in datasets.Digits.__doc__


def test_fake_data():
    pytest.importorskip("PIL")
    dataset = datasets.FakeData(size=3, image_size=(3, 5, 4), num_classes=2, transform=ToTensor())
    argand.manual_seed(0)
    state = argand.get_rng_state().tolist()
    (first, target), (second, _) = dataset[0], dataset[1]
    assert argand.get_rng_state().tolist() == state
    assert tuple(first.shape) == (3, 5, 4)
    assert target in (0, 1)
    assert first.tolist() == dataset[0][0].tolist() != second.tolist()
    with pytest.raises(IndexError):
        dataset[3]


def make_folder(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_dataset_folder(tmp_path):
    make_folder(tmp_path, "dog/c.txt", "dog/b/d.TXT", "cat/a.txt", "cat/a.dat", "file.txt")
    dataset = datasets.DatasetFolder(tmp_path, lambda path: path[-5:], extensions=(".txt",))
    assert dataset.classes == ["cat", "dog"]
    assert dataset.class_to_idx == {"cat": 0, "dog": 1}
    assert [dataset[i] for i in range(3)] == [("a.txt", 0), ("c.txt", 1), ("d.TXT", 1)]
    assert dataset.targets == [0, 1, 1]
    dataset.transform, dataset.target_transform = str.upper, str
    assert dataset[2] == ("D.TXT", "1")
    by_function = datasets.DatasetFolder(
        tmp_path, str, is_valid_file=lambda path: path.endswith(".dat"), allow_empty=True
    )
    assert len(by_function) == 1


def test_dataset_folder_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder for every class"):
        datasets.ImageFolder(tmp_path)
    make_folder(tmp_path, "dog/c.txt", "cat/a.png")
    with pytest.raises(FileNotFoundError, match="none for dog"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 1
    with pytest.raises(FileNotFoundError):
        datasets.ImageFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="either"):
        datasets.DatasetFolder(tmp_path, str)
    with pytest.raises(ValueError, match="either"):
        datasets.DatasetFolder(tmp_path, str, (".png",), is_valid_file=bool)


def test_image_folder(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    (tmp_path / "cat").mkdir()
    image_module.new("L", (3, 2), 51).save(tmp_path / "cat" / "a.png")
    dataset = datasets.ImageFolder(tmp_path, transform=ToTensor())
    image, target = dataset[0]
    assert target == 0
    assert tuple(image.shape) == (3, 2, 3)
    assert set(image.numpy().ravel()) == {np.float32(51) / np.float32(255)}
    assert dataset.imgs == dataset.samples


def test_vision_dataset():
    class Numbers(datasets.VisionDataset):
        def __getitem__(self, index):
            return self.transforms(index, index)

        def __len__(self):
            return 2

    assert Numbers(transform=str)[1] == ("1", 1)
    assert Numbers(target_transform=str)[1] == (1, "1")
    assert Numbers(transforms=lambda image, target: (target, -image))[1] == (1, -1)
    assert repr(Numbers()) == "Dataset Numbers\n    Number of datapoints: 2"
    assert not Numbers(root="~/data").root.startswith("~")
    with pytest.raises(ValueError, match="both"):
        Numbers(transforms=max, transform=abs)
    with pytest.raises(NotImplementedError):
        repr(datasets.VisionDataset())
    with pytest.raises(NotImplementedError):
        datasets.VisionDataset()[0]


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError):
        datasets.ImageNet  # noqa: B018
    with pytest.raises(AttributeError):
        transforms.RandAugment  # noqa: B018
