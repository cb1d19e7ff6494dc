"""`utils.data` against PyTorch: the same order, batches, seeds and errors."""

import collections
import warnings

import numpy as np
import pytest

import argand
import argand.utils.data

torch = pytest.importorskip("torch")

BOTH = (argand, torch)
SEEDS = (0, 1, 7, 2**31 + 5, 123456789123)


def plain(value):
    """Tensors as (dtype, list), containers with the names of their types."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return (str(value.dtype).split(".")[-1], value.tolist())
    if isinstance(value, dict):
        return (type(value).__name__, {key: plain(member) for key, member in value.items()})
    if isinstance(value, list | tuple):
        return (type(value).__name__, [plain(member) for member in value])
    return value


def run_both(function):
    """What `function(framework)` gives for both, or the exceptions' types."""
    results = []
    for framework in BOTH:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.append(plain(function(framework)))
        except Exception as error:  # noqa: BLE001  # compared below
            results.append(type(error).__name__)
    return results


def assert_equal(function):
    ours, theirs = run_both(function)
    assert ours == theirs


def make_dataset(framework, count=29):
    rows = np.arange(count * 3, dtype="f4").reshape(count, 3)
    data = framework.utils.data
    return data.TensorDataset(framework.from_numpy(rows), framework.arange(count))


def draw(framework):
    return framework.randint(0, 10**6, (3,)).tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 4, "shuffle": True, "drop_last": True},
        {"batch_size": 100, "shuffle": True},
        {"batch_size": None, "shuffle": True},
        {"shuffle": True},
    ],
    ids=str,
)
def test_order_over_two_passes(options, seed):
    check_two_passes(options, seed)


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": False, "drop_last": True},
        {"shuffle": True, "persistent_workers": True, "prefetch_factor": 1},
    ],
    ids=str,
)
def test_order_over_two_passes_of_workers(options):
    check_two_passes({"batch_size": 8, "num_workers": 2, **options}, seed=7)


def check_two_passes(options, seed):
    def function(framework):
        framework.manual_seed(seed)
        loader = framework.utils.data.DataLoader(make_dataset(framework), **options)
        return [list(loader), draw(framework), list(loader), draw(framework)]

    assert_equal(function)


@pytest.mark.parametrize(("seed", "num_workers"), [*((seed, 0) for seed in SEEDS), (1, 1)])
def test_order_with_a_given_generator(seed, num_workers):
    def function(framework):
        framework.manual_seed(0)
        generator = framework.Generator()
        generator.manual_seed(seed)
        loader = framework.utils.data.DataLoader(
            make_dataset(framework),
            batch_size=10,
            shuffle=True,
            generator=generator,
            num_workers=num_workers,
        )
        found = []
        for batch in loader:  # others draw from the generator in between
            found.append(batch)
            found.append(framework.randint(0, 100, (2,), generator=generator))
        found.append(framework.randint(0, 100, (2,), generator=generator))
        return [found, draw(framework)]

    assert_equal(function)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("replacement", "num_samples"),
    [(False, None), (False, 3), (False, 13), (False, 40), (True, None), (True, 5), (True, 100)],
)
def test_random_sampler(seed, given, replacement, num_samples):
    def function(framework):
        framework.manual_seed(seed)
        generator = None
        if given:
            generator = framework.Generator()
            generator.manual_seed(seed + 1)
        sampler = framework.utils.data.RandomSampler(range(13), replacement, num_samples, generator)
        loader = framework.utils.data.DataLoader(
            make_dataset(framework, 13), batch_size=5, sampler=sampler
        )
        after = framework.randint(0, 10**6, (2,), generator=generator)
        return [list(sampler), after, list(loader), draw(framework)]

    assert_equal(function)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_samplers(seed):
    def function(framework):
        data = framework.utils.data
        framework.manual_seed(seed)
        return [
            list(data.SubsetRandomSampler([3, 1, 4, 1, 5])),
            list(data.WeightedRandomSampler([0.1, 2, 0.7, 0], 20)),
            list(data.WeightedRandomSampler([0.1, 2, 0.7, 0.2], 3, replacement=False)),
            list(data.BatchSampler(data.RandomSampler(range(7)), 3, drop_last=False)),
            draw(framework),
        ]

    assert_equal(function)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "lengths", [[10, 0], [3, 7], [0.3, 0.7], [0.5, 0.25, 0.25], [1 / 3] * 3, [0.01, 0.99], [1.0]]
)
def test_random_split(seed, lengths):
    def function(framework):
        generator = framework.Generator()
        generator.manual_seed(seed)
        framework.manual_seed(seed)
        split = framework.utils.data.random_split
        return [
            [list(part.indices) for part in split(range(10), lengths, generator=generator)],
            [list(part.indices) for part in split(range(10), lengths)],
        ]

    assert_equal(function)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("num_workers", [0, 3])
def test_streams(drop_last, num_workers):
    def function(framework):
        data = framework.utils.data

        class Stream(data.IterableDataset):
            def __iter__(self):
                info = data.get_worker_info()
                number = 0 if info is None else info.id
                return iter([(number, position) for position in range(3 + 4 * number)])

        loader = data.DataLoader(
            Stream(), batch_size=2, drop_last=drop_last, num_workers=num_workers
        )
        return list(loader)

    assert_equal(function)


def test_random_numbers_in_workers():
    def function(framework):
        data = framework.utils.data

        class Draws(data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, index):
                import random

                return (
                    random.random(),
                    np.random.random(),  # noqa: NPY002
                    framework.rand(2),
                    framework.initial_seed(),
                    data.get_worker_info().seed,
                )

        framework.manual_seed(3)
        return list(data.DataLoader(Draws(), batch_size=2, num_workers=2))

    assert_equal(function)


Pair = collections.namedtuple("Pair", "left right")


class Something:
    """No type that a batch is made of."""

    def __repr__(self):
        return "something"


BATCHES = [
    [1, 2],
    [1.0, 2],
    [1, 2.5],
    [1, True],
    [True, False],
    ["a", "b"],
    [b"a"],
    [None],
    [],
    [1, "a"],
    [1j],
    [Something()],
    [(1, 2), (3, 4)],
    [(1, 2), (3,)],
    [[1, 2], [3, 4]],
    [(1, "a"), (2, "b")],
    [(1, "a", None)],
    [{"a": 1, "b": (2.0, "x")}, {"a": 3, "b": (4.0, "y")}],
    [{"a": 1}, {"b": 2}],
    [{"a": 1}, {}],
    [Pair(1, 2), Pair(3, 4)],
    [np.float32(1), np.float32(2)],
    [np.int8(3), np.int8(4)],
    [np.bool_(True)],
    [np.zeros(2, "f4"), np.ones(2, "f4")],
    [np.array(3), np.array(4)],
    [np.zeros((2, 0))],
    [np.zeros(2, "u1")],
    [np.array(["a"])],
    [np.array([None])],
    [np.zeros(2), np.zeros(3)],
    [range(3), range(3)],
    [(), ()],
    [{1, 2}],
    [2**70],
]


@pytest.mark.parametrize("batch", BATCHES, ids=repr)
def test_default_collate(batch):
    assert_equal(lambda framework: framework.utils.data.default_collate(batch))


@pytest.mark.parametrize("data", [*BATCHES, 3, "text", None, np.float64(2), np.arange(3)], ids=repr)
def test_default_convert(data):
    assert_equal(lambda framework: framework.utils.data.default_convert(data))


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"timeout": 3},
        {"prefetch_factor": 2},
        {"prefetch_factor": -1, "num_workers": 1},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [1, 2]},
        {"shuffle": False, "sampler": [1, 2]},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_sampler": [[1]], "shuffle": True},
        {"batch_sampler": [[1]], "drop_last": True},
        {"batch_sampler": [[1], [2, 3]]},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
        {"drop_last": 3},
        {"sampler": [0, 100]},
        {"sampler": [-1, 0], "batch_size": 2},
        {"multiprocessing_context": "fork"},
        {"multiprocessing_context": "zzz", "num_workers": 1},
        {"multiprocessing_context": 3, "num_workers": 1},
    ],
    ids=str,
)
def test_options(options):
    def function(framework):
        return list(framework.utils.data.DataLoader(make_dataset(framework), **options))

    assert_equal(function)


MISUSES = {
    "no samples": lambda data: data.RandomSampler([]),
    "zero samples": lambda data: data.RandomSampler([1], num_samples=0),
    "no source": lambda data: list(data.RandomSampler([], num_samples=3)),
    "replacement": lambda data: data.RandomSampler([1], replacement=3),
    "batch size": lambda data: data.BatchSampler([1], 0, False),
    "drop last": lambda data: data.BatchSampler([1], 1, 3),
    "weights": lambda data: data.WeightedRandomSampler([[1, 2]], 2),
    "weighted count": lambda data: data.WeightedRandomSampler([1, 2], 0),
    "weighted replacement": lambda data: data.WeightedRandomSampler([1, 2], 2, replacement=3),
    "too many": lambda data: list(data.WeightedRandomSampler([1.0, 2], 3, replacement=False)),
    "abstract sampler": lambda data: iter(data.Sampler()),
    "sampler length": lambda data: len(data.Sampler()),
    "abstract dataset": lambda data: data.Dataset()[0],
    "dataset length": lambda data: len(data.Dataset()),
    "abstract stream": lambda data: data.IterableDataset(),
    "no data sets": lambda data: data.ConcatDataset([]),
    "concat past the end": lambda data: data.ConcatDataset(["ab"])[2],
    "concat before the start": lambda data: data.ConcatDataset(["ab"])[-3],
    "subset": lambda data: data.Subset("abc", [0])[1],
    "stack nothing": lambda data: data.StackDataset(),
    "stack both": lambda data: data.StackDataset("a", x="b"),
    "stack lengths": lambda data: data.StackDataset("a", "bc"),
    "split sum": lambda data: data.random_split(range(10), [3, 8]),
    "split fraction": lambda data: data.random_split(range(10), [0.5, -0.5, 1.0]),
    "split fractions": lambda data: data.random_split(range(10), [0.9, 0.2]),
}


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_raises_the_same_types(name):
    ours, theirs = run_both(lambda framework: MISUSES[name](framework.utils.data))
    assert isinstance(theirs, str)
    assert ours == theirs


def test_unequal_tensors_raise_the_same_type():
    def function(framework):
        return framework.utils.data.TensorDataset(framework.zeros(2), framework.zeros(3))

    assert run_both(function) == ["AssertionError", "AssertionError"]
