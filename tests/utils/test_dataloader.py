"""`DataLoader` in one process: batches, options, and what it refuses."""

from itertools import chain

import numpy as np
import pytest

import argand
from argand.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)


class Stream(IterableDataset):
    def __init__(self, count, reported=None):
        self.count = count
        self.reported = reported

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        if self.reported is None:
            raise TypeError("no length")
        return self.reported


class PerSample(Dataset):
    """The same samples as a TensorDataset, without its batched form."""

    def __init__(self, *tensors):
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self):
        return len(self.tensors[0])


def values(loader):
    return [
        [part.tolist() for part in batch] if isinstance(batch, list) else batch.tolist()
        for batch in loader
    ]


def test_batches_in_order():
    loader = DataLoader(range(5), batch_size=2)
    assert values(loader) == [[0, 1], [2, 3], [4]]
    assert values(loader) == [[0, 1], [2, 3], [4]]
    assert len(loader) == len(iter(loader)) == 3


def test_drop_last():
    loader = DataLoader(range(5), batch_size=2, drop_last=True)
    assert values(loader) == [[0, 1], [2, 3]]
    assert len(loader) == 2


def test_the_default_batch_has_one_sample():
    assert values(DataLoader([7, 8])) == [[7], [8]]


def test_an_empty_data_set():
    assert values(DataLoader(TensorDataset(argand.empty(0, 2)), batch_size=4)) == []
    with pytest.raises(ValueError, match="positive"):
        DataLoader([], shuffle=True)


def test_without_batches_samples_are_converted():
    samples = [np.ones(2), 3, "a"]
    first, *others = DataLoader(samples, batch_size=None)
    assert first.tolist() == [1, 1]
    assert others == [3, "a"]


def test_shuffle_follows_the_seed():
    loader = DataLoader(range(100), batch_size=10, shuffle=True)
    argand.manual_seed(0)
    first = values(loader)
    assert values(loader) != first
    argand.manual_seed(0)
    assert values(loader) == first
    assert sorted(chain.from_iterable(first)) == list(range(100))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 7},
        {"batch_size": 7, "drop_last": True},
        {"batch_size": 4, "shuffle": True},
        {"sampler": [3, 1, -1], "batch_size": 2},
        {"batch_sampler": [[0, 5], [2]]},
        {"batch_sampler": [[argand.tensor(1), argand.tensor(2)]]},
        {"batch_size": None},
        {"batch_size": None, "shuffle": True},
    ],
    ids=str,
)
def test_the_batched_form_changes_nothing(options):
    tensors = (argand.randn(20, 3), argand.arange(20))

    def run(dataset):
        argand.manual_seed(3)
        batches = list(DataLoader(dataset, **options))
        return [(type(batch), [part.tolist() for part in batch]) for batch in batches]

    expected = run(PerSample(*tensors))
    assert run(TensorDataset(*tensors)) == expected
    assert run(Subset(TensorDataset(*tensors), list(range(20)))) == expected


def test_the_batched_form_is_only_for_the_default_collate():
    loader = DataLoader(TensorDataset(argand.arange(4)), batch_size=2, collate_fn=len)
    assert list(loader) == [2, 2]


def test_a_data_set_may_fetch_its_samples_at_once():
    class Batched:
        def __len__(self):
            return 5

        def __getitems__(self, indices):
            assert type(indices) is list
            return [index * 10 for index in indices]

    assert values(DataLoader(Batched(), batch_size=3)) == [[0, 10, 20], [30, 40]]


def test_bad_indices_raise_as_without_a_loader():
    dataset = TensorDataset(argand.arange(4))
    with pytest.raises(IndexError):
        list(DataLoader(dataset, sampler=[0, 4]))
    with pytest.raises(IndexError):
        list(DataLoader(dataset, sampler=SequentialSampler(range(5)), batch_size=3))


def test_a_sampler_over_another_source():
    dataset = TensorDataset(argand.arange(10) * 2)
    loader = DataLoader(dataset, batch_size=2, sampler=RandomSampler(range(3)))
    assert sorted(chain.from_iterable(part for (part,) in values(loader))) == [0, 2, 4]


def test_a_batch_sampler_of_ones_own():
    loader = DataLoader(
        range(6), batch_sampler=BatchSampler(SequentialSampler(range(6)), 4, drop_last=False)
    )
    assert values(loader) == [[0, 1, 2, 3], [4, 5]]
    assert loader.batch_size is None


def test_streams():
    assert values(DataLoader(Stream(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert values(DataLoader(Stream(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(2), batch_size=None)) == [0, 1]
    assert values(DataLoader(Stream(0), batch_size=2)) == []


def test_lengths_of_streams():
    assert len(DataLoader(Stream(5, reported=5), batch_size=2)) == 3
    assert len(DataLoader(Stream(5, reported=5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Stream(5, reported=5), batch_size=None)) == 5
    with pytest.raises(TypeError):
        len(DataLoader(Stream(5)))


def test_a_stream_longer_than_it_said_warns():
    loader = DataLoader(Stream(2, reported=1))
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="has length 1, but sample 2 was fetched"):
        list(loader)


def test_an_iterator_is_drawn_late():
    """`iter` draws the base seed alone; the order is drawn with the first batch."""
    loader = DataLoader(range(10), shuffle=True)
    argand.manual_seed(0)
    batches = iter(loader)
    argand.manual_seed(1)
    first = [batch.item() for batch in batches]
    argand.manual_seed(1)
    expected = list(RandomSampler(range(10)))
    assert first == expected


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_given_generator_leaves_the_default_one_alone(shuffle):
    generator = argand.Generator()
    generator.manual_seed(0)
    before = generator.get_state().tolist()
    default = argand.get_rng_state().tolist()
    list(DataLoader(range(4), shuffle=shuffle, generator=generator))
    assert argand.get_rng_state().tolist() == default
    assert generator.get_state().tolist() != before


def test_attributes():
    generator = argand.Generator()
    loader = DataLoader(range(4), batch_size=2, shuffle=True, generator=generator)
    assert loader.dataset == range(4)
    assert (loader.batch_size, loader.drop_last, loader.num_workers) == (2, False, 0)
    assert isinstance(loader.sampler, RandomSampler)
    assert isinstance(loader.batch_sampler, BatchSampler)
    assert loader.sampler.generator is loader.generator is generator
    assert loader.prefetch_factor is None
    assert DataLoader(range(4), num_workers=1).prefetch_factor == 2


@pytest.mark.parametrize(
    "name",
    ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"],
)
def test_fixed_attributes(name):
    loader = DataLoader(range(4))
    with pytest.raises(ValueError, match=name):
        setattr(loader, name, None)
    loader.timeout = 3
    assert loader.timeout == 3


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"prefetch_factor": -1, "num_workers": 1},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "batch_size": None},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "sampler": []},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"multiprocessing_context": "fork"},
        {"multiprocessing_context": "no such method", "num_workers": 1},
    ],
    ids=str,
)
def test_refused_options(options):
    with pytest.raises(ValueError, match=r"DataLoader|BatchSampler"):
        DataLoader(range(4), **options)


@pytest.mark.parametrize(
    "options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}], ids=str
)
def test_options_refused_with_streams(options):
    with pytest.raises(ValueError, match="IterableDataset"):
        DataLoader(Stream(3), **options)


def test_options_refused_late():
    with pytest.raises(TypeError, match="start method"):
        DataLoader(range(4), num_workers=1, multiprocessing_context=3)
    with pytest.raises(AssertionError, match="num_workers"):
        iter(DataLoader(range(4), timeout=1))
    with pytest.raises(AssertionError, match="prefetch_factor"):
        iter(DataLoader(range(4), num_workers=1, prefetch_factor=0))


def test_pinning_warns_that_it_does_nothing():
    with pytest.warns(UserWarning, match="pin_memory"):
        assert values(DataLoader(range(2), pin_memory=True)) == [[0], [1]]


def test_too_many_workers_warn():
    with pytest.warns(UserWarning, match="100000 workers"):
        DataLoader(range(2), num_workers=100_000)


def test_loaders_can_be_subscripted_in_annotations():
    assert DataLoader[int] is not None
    assert Dataset[int] is not None
