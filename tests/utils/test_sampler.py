"""Samplers: what they give, how it is cut into batches, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argand
from argand.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from argand.utils.data.sampler import index_batches


def seeded(seed):
    generator = argand.Generator()
    generator.manual_seed(seed)
    return generator


def test_a_sampler_must_define_iter():
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())


def test_sequential_sampler():
    sampler = SequentialSampler("abcd")
    assert list(sampler) == [0, 1, 2, 3]
    assert len(sampler) == 4


def test_a_long_sequence_comes_in_blocks():
    blocks = list(SequentialSampler(range(150_000)).index_arrays())
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate(blocks), np.arange(150_000))


def test_random_sampler_is_a_permutation():
    sampler = RandomSampler(range(50), generator=seeded(0))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert all(type(index) is int for index in first)


def test_random_sampler_follows_the_default_generator():
    sampler = RandomSampler(range(20))
    argand.manual_seed(1)
    first = list(sampler)
    argand.manual_seed(1)
    assert list(sampler) == first


def test_random_sampler_counts():
    sampler = RandomSampler(range(4), num_samples=10)
    order = list(sampler)
    assert len(sampler) == len(order) == 10
    assert sorted(order[:4]) == sorted(order[4:8]) == [0, 1, 2, 3]
    repeated = RandomSampler(range(4), replacement=True, num_samples=100)
    assert set(repeated) == {0, 1, 2, 3}
    assert len(list(repeated)) == 100


def test_random_sampler_follows_the_length_of_its_source():
    source = [0, 1]
    sampler = RandomSampler(source)
    source.append(2)
    assert len(sampler) == 3
    assert sorted(sampler) == [0, 1, 2]


@pytest.mark.parametrize("num_samples", [0, -1, 2.5, True])
def test_random_sampler_refuses_numbers(num_samples):
    with pytest.raises(ValueError, match="positive integer"):
        RandomSampler(range(3), num_samples=num_samples)


def test_random_sampler_refuses():
    with pytest.raises(ValueError, match="positive integer"):
        RandomSampler([])
    with pytest.raises(TypeError, match="bool"):
        RandomSampler([1], replacement=1)


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([9, 7, 5], generator=seeded(0))
    assert sorted(sampler) == [5, 7, 9]
    assert len(sampler) == 3


def test_weighted_random_sampler():
    sampler = WeightedRandomSampler([0.0, 1.0, 3.0], 400, generator=seeded(0))
    order = list(sampler)
    assert len(order) == len(sampler) == 400
    assert set(order) == {1, 2}
    assert order.count(2) > order.count(1)
    assert sorted(WeightedRandomSampler([1.0, 2.0], 2, replacement=False)) == [0, 1]


def test_weighted_random_sampler_refuses():
    with pytest.raises(ValueError, match="num_samples"):
        WeightedRandomSampler([1.0], 0)
    with pytest.raises(ValueError, match="bool"):
        WeightedRandomSampler([1.0], 1, replacement=1)
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 1)
    with pytest.raises(RuntimeError):
        list(WeightedRandomSampler([1.0, 2.0], 3, replacement=False))


@given(st.integers(0, 20), st.integers(1, 8), st.booleans())
def test_batch_sampler(count, batch_size, drop_last):
    sampler = BatchSampler(range(count), batch_size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    kept = count - count % batch_size if drop_last else count
    assert [index for batch in batches for index in batch] == list(range(kept))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("batch_size", [0, -2, 1.5, True, "4"])
def test_batch_sampler_refuses_sizes(batch_size):
    with pytest.raises(ValueError, match="batch_size must be a positive integer"):
        BatchSampler(range(3), batch_size, False)


def test_batch_sampler_refuses_drop_last():
    with pytest.raises(ValueError, match="drop_last"):
        BatchSampler(range(3), 2, None)


@given(
    count=st.integers(1, 40),
    num_samples=st.none() | st.integers(1, 100),
    replacement=st.booleans(),
    batch_size=st.integers(1, 70),
    drop_last=st.booleans(),
)
def test_index_arrays_are_the_batches(count, num_samples, replacement, batch_size, drop_last):
    def make():
        order = RandomSampler(range(count), replacement, num_samples, seeded(3))
        return BatchSampler(order, batch_size, drop_last)

    assert [array.tolist() for array in index_batches(make())] == list(make())


def test_index_arrays_are_drawn_as_late_as_lists():
    def states(batches_of):
        generator = seeded(0)
        order = RandomSampler(range(4), num_samples=12, generator=generator)
        batches = batches_of(BatchSampler(order, 2, False))
        result = []
        for _ in range(7):
            next(batches, None)
            result.append(generator.get_state().tolist())
        return result

    assert states(index_batches) == states(iter)


def test_unknown_samplers_have_no_arrays():
    class Mine(SequentialSampler):
        pass

    class Batches(BatchSampler):
        pass

    assert index_batches(BatchSampler(Mine("ab"), 1, False)) is None
    assert index_batches(BatchSampler([0, 1], 1, False)) is None
    assert index_batches(Batches(SequentialSampler("ab"), 1, False)) is None
    assert index_batches([[0], [1]]) is None
