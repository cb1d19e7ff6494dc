"""`DataLoader`: batches of a data set, in this process or from worker processes."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, Generic, TypeVar

from argand.errors import message
from argand.utils.data.collate import default_collate, default_convert
from argand.utils.data.dataset import IterableDataset
from argand.utils.data.fetch import make_fetch, takes_arrays
from argand.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    draw_seed,
    index_batches,
)
from argand.utils.data.workers import WorkerPlan, WorkerPool

T_co = TypeVar("T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
_DEFAULT_PREFETCH = 2


class DataLoader(Generic[T_co]):
    """Iterates over a data set in batches.

    Every `iter(loader)` is one pass. Order and seeds are PyTorch's: a pass first draws a base
    seed from `generator` (the default generator if None), then, when it is shuffled, the
    sampler's seed.

    Args:
        dataset: a `Dataset`, any object with `__getitem__` and `__len__`, or an
            `IterableDataset`.
        batch_size: samples in a batch; None gives single samples, converted by `collate_fn`.
        shuffle: draw the samples in a new random order every pass.
        sampler: an iterable of indices to use in place of `shuffle`.
        batch_sampler: an iterable of lists of indices, in place of `batch_size`, `shuffle`,
            `sampler` and `drop_last`.
        num_workers: processes that prepare batches; 0 prepares them in this one.
        collate_fn: turns a list of samples into a batch; `default_collate` by default.
        pin_memory: accepted; without an accelerator there is nothing to pin, which is warned of.
        drop_last: leave out a last, smaller batch.
        timeout: seconds to wait for a worker's batch before RuntimeError; 0 waits for ever.
        worker_init_fn: called with the worker's number in every worker, after seeding.
        multiprocessing_context: a start method's name or a context of `multiprocessing`.
        generator: the `Generator` for base seed and shuffling.
        prefetch_factor: batches every worker prepares in advance; 2 by default.
        persistent_workers: keep the workers from one pass to the next.
        pin_memory_device: accepted and unused.
        in_order: give batches in their order even if a later one is ready first.

    Raises:
        ValueError: options that exclude each other or are out of range.

    >>> import argand
    >>> from argand.utils.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(argand.arange(5)), batch_size=2)
    >>> [batch.tolist() for batch, in loader], len(loader)
    ([[0, 1], [2, 3], [4]], 3)
    """

    dataset: Any
    batch_size: int | None
    num_workers: int
    sampler: Any
    batch_sampler: Any
    _iterator: "_WorkerIterator | None" = None
    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if isinstance(dataset, IterableDataset):
            _check_stream(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise _excluded("sampler", "shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise _excluded("batch_sampler", "batch_size, shuffle, sampler and drop_last")
        elif batch_size is None and drop_last:
            raise _excluded("batch_size=None", "drop_last")
        self.dataset = dataset
        self.num_workers = num_workers
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = _DEFAULT_PREFETCH
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        if sampler is None:
            sampler = _default_sampler(dataset, bool(shuffle), generator)
        self.sampler = sampler
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._reported_length: int | None = None
        self._initialized = True
        _warn_of_many_workers(num_workers)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(
                message("DataLoader", f"{name} must not be set after the loader was made")
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """The context of `multiprocessing` the workers start in; None for the default one."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, value: Any) -> None:
        self._context = None if value is None else _context_of(value, self.num_workers)

    def __iter__(self) -> "_LoaderIterator":
        if not (self.persistent_workers and self.num_workers > 0):
            return _LoaderIterator(self) if self.num_workers == 0 else _WorkerIterator(self)
        if self._iterator is None or not self._iterator.has_workers:
            self._iterator = _WorkerIterator(self)
        else:
            self._iterator.restart(self)
        return self._iterator

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler


class _LoaderIterator:
    """One pass over a loader, in this process.

    It does not refer to the loader, which may keep it: such a cycle would keep workers alive.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            warnings.warn(
                "DataLoader: pin_memory=True has no effect, because there is no accelerator",
                stacklevel=3,
            )
        self._dataset = loader.dataset
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._fetch_arguments = (
            loader.dataset,
            loader.collate_fn,
            loader.batch_sampler is not None,
            loader.drop_last,
        )
        self._base_seed = draw_seed(loader.generator)
        self._rewind(loader)
        self._start(loader)

    def _start(self, loader: DataLoader[Any]) -> None:
        if loader.timeout:
            raise AssertionError(message("DataLoader", "timeout needs num_workers > 0"))
        self._fetch = make_fetch(*self._fetch_arguments)

    def _rewind(self, loader: DataLoader[Any]) -> None:
        self._indices = self._make_indices()
        self._given = 0
        self._reported_length = loader._reported_length

    def _make_indices(self) -> Iterator[Any]:
        """What a pass hands to the fetch function: indices, lists of them, or arrays."""
        if takes_arrays(*self._fetch_arguments[:3]):
            arrays = index_batches(self._index_sampler)
            if arrays is not None:
                return arrays
        return iter(self._index_sampler)

    def __iter__(self) -> "_LoaderIterator":
        return self

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._given += 1
        if self._reported_length is not None and self._given > self._reported_length:
            self._warn_of_length(self._reported_length)
        return batch

    def _next_batch(self) -> Any:
        return self._fetch(next(self._indices))

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _warn_of_length(self, reported: int) -> None:
        hint = ""
        if self._num_workers > 0:
            hint = "; does every worker iterate over the whole stream? See get_worker_info()"
        warnings.warn(
            f"DataLoader: {type(self._dataset).__name__} has length {reported}, "
            f"but sample {self._given} was fetched{hint}",
            stacklevel=3,
        )


class _WorkerIterator(_LoaderIterator):
    """One pass over a loader, or one after the other, by worker processes."""

    def _start(self, loader: DataLoader[Any]) -> None:
        prefetch = loader.prefetch_factor
        if prefetch is None:
            prefetch = _DEFAULT_PREFETCH
        if prefetch < 1:
            raise AssertionError(message("DataLoader", "prefetch_factor must be positive", "0"))
        self._persistent = loader.persistent_workers
        self._pool = WorkerPool(
            WorkerPlan(
                self._fetch_arguments, loader.num_workers, self._base_seed, loader.worker_init_fn
            ),
            prefetch=prefetch,
            context=loader.multiprocessing_context,
            timeout=loader.timeout,
            in_order=loader.in_order,
        )
        self._pool.begin(self._indices)

    @property
    def has_workers(self) -> bool:
        """Whether the workers still live, so that another pass may use them."""
        return self._pool.is_open

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begin another pass with the same workers."""
        self._rewind(loader)
        self._pool.begin(self._indices)

    def _next_batch(self) -> Any:
        try:
            return self._pool.next_batch()
        except StopIteration:
            if not self._persistent:
                self._pool.close()
            raise


class _InfiniteSampler(Sampler[None]):
    """Stands in for indices where a stream has none."""

    def __iter__(self) -> Iterator[None]:
        return repeat(None)


def _default_sampler(dataset: Any, shuffle: bool, generator: Any) -> Sampler[Any]:
    if isinstance(dataset, IterableDataset):
        return _InfiniteSampler()
    if shuffle:
        return RandomSampler(dataset, generator=generator)
    return SequentialSampler(dataset)


def _context_of(value: Any, num_workers: int) -> Any:
    # Loaded here because most programs never start a worker, and it is slow to load.
    import multiprocessing

    if num_workers == 0:
        raise ValueError(message("DataLoader", "multiprocessing_context needs num_workers > 0"))
    if isinstance(value, str):
        methods = multiprocessing.get_all_start_methods()
        if value not in methods:
            raise ValueError(
                message(
                    "DataLoader", f"multiprocessing_context must be one of {methods}", repr(value)
                )
            )
        return multiprocessing.get_context(value)
    if not isinstance(value, multiprocessing.context.BaseContext):
        raise TypeError(
            message(
                "DataLoader",
                "multiprocessing_context must be a start method's name or a context",
                repr(value),
            )
        )
    return value


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(message("DataLoader", "num_workers must be at least 0", str(num_workers)))
    if timeout < 0:
        raise ValueError(message("DataLoader", "timeout must be at least 0", str(timeout)))
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(message("DataLoader", "prefetch_factor needs num_workers > 0"))
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(
            message("DataLoader", "prefetch_factor must be positive", str(prefetch_factor))
        )
    if num_workers == 0 and persistent_workers:
        raise ValueError(message("DataLoader", "persistent_workers needs num_workers > 0"))


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    options = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                message(
                    "DataLoader",
                    f"with an IterableDataset {name} must not be given",
                    f"{name}={value}",
                    "the stream itself decides the order",
                )
            )


def _excluded(option: str, others: str) -> ValueError:
    return ValueError(message("DataLoader", f"{option} excludes {others}"))


def _warn_of_many_workers(num_workers: int) -> None:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if num_workers > cores:
        warnings.warn(
            f"DataLoader: {num_workers} workers on {cores} cores will slow each other down",
            stacklevel=3,
        )
