"""Data sets: access by index, splitting, and the batched form against the per-sample one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argand
from argand.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)
from argand.utils.data.dataset import collated_form


class Stream(IterableDataset):
    def __init__(self, *samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)

    def __len__(self):
        return len(self.samples)


def make_tensors():
    rng = np.random.default_rng(0)
    images = argand.from_numpy(rng.standard_normal((12, 3, 4)).astype("f4"))
    labels = argand.from_numpy(rng.integers(0, 5, 12))
    strided = argand.from_numpy(rng.standard_normal((2, 12))).t()
    flags = argand.from_numpy(rng.integers(0, 2, 12).astype(bool))
    return images, labels, strided, flags


def assert_same(left, right):
    assert type(left) is type(right)
    if isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right):
            assert_same(one, other)
    else:
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        assert left.tolist() == right.tolist()


def test_a_dataset_without_getitem_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError):
        len(Dataset())
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()


def test_tensor_dataset():
    images, labels, *_ = make_tensors()
    dataset = TensorDataset(images, labels)
    assert len(dataset) == 12
    assert_same(dataset[3], (images[3], labels[3]))
    assert_same(dataset[2:5], (images[2:5], labels[2:5]))
    assert_same(dataset[[1, 4]], (images[[1, 4]], labels[[1, 4]]))
    with pytest.raises(IndexError):
        dataset[12]


def test_tensor_dataset_refuses_unequal_lengths():
    with pytest.raises(AssertionError, match=r"\[2, 3\]"):
        TensorDataset(argand.zeros(2), argand.zeros(3))


@given(st.lists(st.integers(-12, 11), min_size=1, max_size=30))
def test_collated_rows_equal_collated_samples(indices):
    dataset = TensorDataset(*make_tensors())
    expected = default_collate([dataset[i] for i in indices])
    assert_same(dataset.collated(indices), expected)
    assert_same(dataset.collated(np.array(indices)), expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_collated_subset_equals_collated_samples(indices):
    subset = Subset(Subset(TensorDataset(*make_tensors()), range(1, 12)), [5, 0, 2, 2, 10])
    expected = default_collate([subset[i] for i in indices])
    assert_same(subset.collated(indices), expected)
    assert_same(subset.collated(np.array(indices)), expected)


def test_collated_rows_are_copies():
    data = argand.zeros(4)
    (rows,) = TensorDataset(data).collated([0, 1, 2, 3])
    rows += 1
    assert data.tolist() == [0, 0, 0, 0]


def test_collated_declines_what_only_stacking_can_do():
    assert TensorDataset(argand.zeros(3, requires_grad=True)).collated([0]) is None
    assert TensorDataset(argand.zeros(3, dtype=argand.bfloat16)).collated([0]) is None
    assert TensorDataset(argand.zeros(3)).collated([3]) is None
    assert Subset(["a", "b"], [1]).collated([0]) is None
    assert Subset(TensorDataset(argand.zeros(3)), [argand.tensor(1)]).collated([0]) is None


def test_an_overridden_getitem_has_no_collated_form():
    class Shifted(TensorDataset):
        def __getitem__(self, index):
            return self.tensors[0][index] + 1

    class Renamed(TensorDataset):
        def describe(self):
            return "a TensorDataset with another method"

    assert collated_form(Shifted(argand.zeros(3))) is None
    assert Subset(Shifted(argand.zeros(3)), [0]).collated([0]) is None
    assert collated_form(Renamed(argand.zeros(3))) is not None
    assert collated_form([1, 2]) is None


def test_subset():
    subset = Subset("abcdef", [4, 2, 0])
    assert [subset[i] for i in range(len(subset))] == ["e", "c", "a"]
    assert subset.__getitems__([2, 0]) == ["a", "e"]
    tensors = Subset(TensorDataset(argand.arange(5)), [4, 2, 0])
    assert tensors[[0, 1]][0].tolist() == [4, 2]
    with pytest.raises(IndexError):
        subset[3]


def test_subset_hands_the_whole_batch_on():
    class Batched:
        def __getitems__(self, indices):
            return [index * 10 for index in indices]

    assert Subset(Batched(), [3, 1]).__getitems__([1, 0]) == [10, 30]


def test_concat_dataset():
    both = ConcatDataset(["ab", "", "cde"])
    assert [both[i] for i in range(5)] == list("abcde")
    assert [both[-i] for i in range(1, 6)] == list("edcba")
    assert both.cumulative_sizes == [2, 2, 5]
    with pytest.raises(ValueError, match="-5"):
        both[-6]
    with pytest.raises(IndexError, match="below 5"):
        both[5]


def test_concat_dataset_refuses_nothing_and_streams():
    with pytest.raises(AssertionError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="Stream"):
        ConcatDataset([Stream(1)])


def test_chain_dataset():
    chain = Stream(1, 2) + Stream(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [1, 2, 3]
    assert len(chain) == 3
    with pytest.raises(AssertionError, match="takes IterableDatasets"):
        list(ChainDataset([Stream(1), [2]]))


def test_stack_dataset():
    assert StackDataset("ab", "cd")[1] == ("b", "d")
    named = StackDataset(x="ab", y=Subset("cd", [1, 0]))
    assert named[0] == {"x": "a", "y": "d"}
    assert named.__getitems__([1, 0]) == [{"x": "b", "y": "c"}, {"x": "a", "y": "d"}]
    assert len(named) == 2


def test_stack_dataset_refuses():
    with pytest.raises(ValueError, match="one kind"):
        StackDataset()
    with pytest.raises(ValueError, match="one kind"):
        StackDataset("a", x="b")
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        StackDataset("a", "bc")

    class Short:
        def __len__(self):
            return 2

        def __getitems__(self, indices):
            return indices[1:]

    with pytest.raises(ValueError, match="must return 2 samples"):
        StackDataset(Short()).__getitems__([0, 1])


def test_random_split_covers_everything_once():
    generator = argand.Generator()
    generator.manual_seed(0)
    parts = random_split(range(10), [3, 7], generator=generator)
    assert [len(part) for part in parts] == [3, 7]
    assert sorted([*parts[0], *parts[1]]) == list(range(10))


@pytest.mark.parametrize(
    ("fractions", "lengths"),
    [([0.5, 0.25, 0.25], [6, 3, 2]), ([1 / 3] * 3, [4, 4, 3]), ([1.0], [11]), ([0.1, 0.9], [2, 9])],
)
def test_random_split_by_fractions(fractions, lengths):
    assert [len(part) for part in random_split(range(11), fractions)] == lengths


def test_random_split_warns_of_empty_parts():
    with pytest.warns(UserWarning, match="part 1 is empty"):
        random_split(range(3), [1.0, 0.0])


@pytest.mark.parametrize("lengths", [[3, 8], [0.9, 0.2], [0.5, 0.4], [1.5, -0.5]])
def test_random_split_refuses(lengths):
    with pytest.raises(ValueError, match="random_split"):
        random_split(range(10), lengths)
