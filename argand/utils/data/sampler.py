"""Orders in which samples are drawn, equal to PyTorch's for the same seed.

A sampler is an iterable of indices. `SequentialSampler` and `RandomSampler` also give their
order as arrays (`index_arrays`), from which `DataLoader` cuts batches without touching every
index in Python.
"""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

import argand
from argand.errors import message

T_co = TypeVar("T_co", covariant=True)

# A random order with replacement is drawn in blocks of this size, which decides how far a
# generator shared with other code has moved at any time.
_BLOCK = 32
_SEQUENTIAL_BLOCK = 65536


class Sampler(Generic[T_co]):
    """Base class of samplers: a subclass defines `__iter__` and, if known, `__len__`.

    >>> class Backwards(Sampler):
    ...     def __init__(self, count):
    ...         self.count = count
    ...     def __iter__(self):
    ...         return reversed(range(self.count))
    >>> list(Backwards(3))
    [2, 1, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(
            message(type(self).__name__, "a Sampler must define __iter__(self)")
        )


class SequentialSampler(Sampler[int]):
    """Every sample in its order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def index_arrays(self) -> Iterator[np.ndarray]:
        """The same order as int64 arrays."""
        count = len(self.data_source)
        for start in range(0, count, _SEQUENTIAL_BLOCK):
            yield np.arange(start, min(start + _SEQUENTIAL_BLOCK, count))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Samples in random order.

    Args:
        data_source: the data set, of which only the length counts.
        replacement: draw every index on its own, so that samples may repeat.
        num_samples: how many indices; the default is the data set's length, and more than that
            without replacement means one permutation after the other.
        generator: the `Generator` to draw from; the default is a new one for every pass, seeded
            from the default generator.

    Raises:
        TypeError: `replacement` is no bool.
        ValueError: `num_samples` is no positive integer.

    >>> sorted(RandomSampler("abcd"))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                message("RandomSampler", "replacement must be a bool", repr(replacement))
            )
        _check_positive("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def index_arrays(self) -> Iterator[np.ndarray]:
        """The order as int64 arrays, each drawn only when it is asked for."""
        count = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = argand.Generator()
            generator.manual_seed(draw_seed())
        if self.replacement:
            for start in range(0, self.num_samples, _BLOCK):
                size = (min(_BLOCK, self.num_samples - start),)
                yield argand.randint(
                    0, count, size, dtype=argand.int64, generator=generator
                ).numpy()
            return
        whole, rest = divmod(self.num_samples, count)
        for _ in range(whole):
            yield argand.randperm(count, generator=generator).numpy()
        # PyTorch draws a last permutation even if it uses none of it. Other users of a given
        # generator see that; of our own nobody does.
        if rest or self.generator is not None:
            yield argand.randperm(count, generator=generator).numpy()[:rest]

    def __iter__(self) -> Iterator[int]:
        for block in self.index_arrays():
            yield from block.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, drawn from `generator` or the default generator.

    >>> sorted(SubsetRandomSampler([5, 7]))
    [5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in argand.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with the probabilities `weights / sum(weights)` by `argand.multinomial`.

    Args:
        weights: one number per sample, at least 0.
        num_samples: how many indices one pass gives.
        replacement: whether an index may come again.
        generator: the `Generator` to draw from, or None for the default one.

    Raises:
        ValueError: `num_samples` is no positive integer, `replacement` no bool, or `weights` not
            one-dimensional.
        RuntimeError: more samples than weights, without replacement (when iterated).

    >>> list(WeightedRandomSampler([0.0, 1.0], num_samples=3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        _check_positive("WeightedRandomSampler", "num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(
                message("WeightedRandomSampler", "replacement must be a bool", repr(replacement))
            )
        self.weights = argand.as_tensor(weights, dtype=argand.float64)
        if self.weights.dim() != 1:
            raise ValueError(
                message(
                    "WeightedRandomSampler",
                    "weights must have one dimension",
                    f"the shape {tuple(self.weights.shape)}",
                )
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = argand.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from another sampler.

    Args:
        sampler: an iterable of indices.
        batch_size: a positive integer.
        drop_last: leave out a last, smaller batch.

    Raises:
        ValueError: an argument is not as described.

    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(message("BatchSampler", "drop_last must be a bool", repr(drop_last)))
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def index_batches(sampler: BatchSampler) -> Iterator[np.ndarray] | None:
    """`sampler`'s batches as int64 arrays, or None where its order cannot be had that way."""
    if type(sampler) is not BatchSampler:
        return None
    order = sampler.sampler
    if type(order) is SequentialSampler or type(order) is RandomSampler:
        return _cut(order.index_arrays(), sampler.batch_size, sampler.drop_last)
    return None


def _cut(blocks: Iterable[np.ndarray], batch_size: int, drop_last: bool) -> Iterator[np.ndarray]:
    """Cut the concatenation of `blocks` into arrays of `batch_size`, as late as possible."""
    pending: list[np.ndarray] = []
    missing = batch_size
    for block in blocks:
        start = 0
        while block.size - start >= missing:
            end = start + missing
            part = block[start:end]
            yield np.concatenate([*pending, part]) if pending else part
            pending = []
            start = end
            missing = batch_size
        if start < block.size:
            pending.append(block[start:])
            missing -= block.size - start
    if pending and not drop_last:
        yield np.concatenate(pending)


def draw_seed(generator: Any = None) -> int:
    """A seed as `DataLoader` and the samplers draw it: one int64 from `random_`."""
    return int(argand.empty((), dtype=argand.int64).random_(generator=generator).item())


def _check_positive(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(message(owner, f"{name} must be a positive integer", repr(value)))
