"""From the indices of a batch to the batch: what both the loader and its workers run."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from argand.utils.data.collate import default_collate
from argand.utils.data.dataset import IterableDataset, collated_form, fetch_samples

Fetch = Callable[[Any], Any]


def make_fetch(
    dataset: Any, collate_fn: Callable[[Any], Any], auto_collation: bool, drop_last: bool
) -> Fetch:
    """The function that turns what the sampler gives into a batch.

    Args:
        dataset: the data set.
        collate_fn: makes a batch of a list of samples, or converts one sample.
        auto_collation: whether the sampler gives lists of indices rather than single ones.
        drop_last: for a stream, whether to leave out a last, smaller batch.

    >>> fetch = make_fetch([10, 20, 30], default_collate, True, False)
    >>> fetch([2, 0])
    tensor([30, 10])
    """
    if isinstance(dataset, IterableDataset):
        return _stream_fetch(iter(dataset), collate_fn, auto_collation, drop_last)
    if not auto_collation:
        return lambda index: collate_fn(dataset[index])

    def fetch(indices: Sequence[Any]) -> Any:
        return collate_fn(fetch_samples(dataset, indices))

    collated = collated_form(dataset)
    if collated is None or collate_fn is not default_collate:
        return fetch
    return _batched_fetch(collated, fetch)


def takes_arrays(dataset: Any, collate_fn: Callable[[Any], Any], auto_collation: bool) -> bool:
    """Whether batches of `dataset` are best fetched by arrays of indices."""
    return auto_collation and collate_fn is default_collate and collated_form(dataset) is not None


def _batched_fetch(collated: Fetch, per_sample: Fetch) -> Fetch:
    def fetch(indices: Any) -> Any:
        is_array = isinstance(indices, np.ndarray)
        if is_array or (indices and all(type(index) is int for index in indices)):
            batch = collated(indices)
            if batch is not None:
                return batch
        return per_sample(indices.tolist() if is_array else indices)

    return fetch


def _stream_fetch(
    samples: Iterator[Any],
    collate_fn: Callable[[Any], Any],
    auto_collation: bool,
    drop_last: bool,
) -> Fetch:
    """Fetch from an iterator; the indices only tell how many. StopIteration at its end."""
    if not auto_collation:
        return lambda index: collate_fn(next(samples))
    ended = False

    def fetch(indices: Sequence[Any]) -> Any:
        nonlocal ended
        if ended:
            raise StopIteration
        batch = list(islice(samples, len(indices)))
        ended = len(batch) < len(indices)
        if not batch or (ended and drop_last):
            raise StopIteration
        return collate_fn(batch)

    return fetch
