"""Collections of samples: by index (`Dataset`) or as a stream (`IterableDataset`).

A data set may offer a second, internal form of access beside `__getitem__`:

    collated(indices) -> batch | None

returns what `default_collate([dataset[i] for i in indices])` would return, equal to the last
bit, but made in one go; None means "not for these indices: go sample by sample". `DataLoader`
takes it only when `collate_fn` is the default, and `batched_method` sees to it that a subclass
with its own `__getitem__` never meets the `collated` of its base class.
"""

import bisect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

import argand
from argand.errors import message
from argand.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)
Indices = Sequence[int] | np.ndarray


class Dataset(Generic[T_co]):
    """Samples that are reached by an index; the base class of every such data set.

    A subclass defines `__getitem__` and, for most samplers, `__len__`. It may define
    `__getitems__(indices) -> list of samples`, which `DataLoader` then calls once per batch.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3], len(Squares() + Squares())
    (9, 8)
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(
            message(type(self).__name__, "a Dataset must define __getitem__(self, index)")
        )

    def __add__(self, other: "Dataset[T_co]") -> "Dataset[T_co]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A stream of samples: a subclass defines `__iter__`.

    With several workers every worker iterates over its own copy, so `__iter__` has to share the
    stream out by `get_worker_info()`.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(Countdown() + Countdown())
    [3, 2, 1, 3, 2, 1]
    """

    def __add__(self, other: Dataset[T_co]) -> "ChainDataset":
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one length: sample `i` is the tuple of their rows `i`.

    Args:
        tensors: tensors with equal `size(0)`; anything else raises AssertionError.

    >>> import argand
    >>> data = TensorDataset(argand.arange(6).reshape(3, 2), argand.tensor([7, 8, 9]))
    >>> data[1]
    (tensor([2, 3]), tensor(8))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        lengths = [tensor.size(0) for tensor in tensors]
        if any(length != lengths[0] for length in lengths):
            raise AssertionError(
                message("TensorDataset", "all tensors must have the same size(0)", str(lengths))
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def collated(self, indices: Indices) -> list[Tensor] | None:
        """The rows `indices` of every tensor (see the head of this file)."""
        batch = []
        for tensor in self.tensors:
            rows = take_rows(tensor, indices)
            if rows is None:
                return None
            batch.append(rows)
        return batch


class StackDataset(Dataset[Any]):
    """Data sets of one length side by side: tuples (positional) or dicts (keywords) of samples.

    Mixing both kinds, no data set at all, or unequal lengths raise ValueError.

    >>> StackDataset(image=[1, 2], label=["a", "b"])[1]
    {'image': 2, 'label': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                message("StackDataset", "takes positional data sets or named ones, one kind")
            )
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._members()]
        if any(length != lengths[0] for length in lengths):
            raise ValueError(
                message("StackDataset", "all data sets must have the same length", str(lengths))
            )
        self._length = lengths[0]

    def _members(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _combine(self, samples: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, samples, strict=True))
        return tuple(samples)

    def __getitem__(self, index: Any) -> Any:
        return self._combine(dataset[index] for dataset in self._members())

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        columns = [fetch_samples(dataset, indices) for dataset in self._members()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(
                    message(
                        "StackDataset",
                        f"__getitems__ of a data set must return {len(indices)} samples",
                        str(len(column)),
                    )
                )
        return [self._combine(samples) for samples in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other.

    Args:
        datasets: at least one data set with a length, else AssertionError.

    Attributes:
        datasets: the data sets, as a list.
        cumulative_sizes: the running sum of their lengths.

    >>> both = ConcatDataset([[1, 2], [3]])
    >>> both[2], both[-3], both.cumulative_sizes
    (3, 1, [2, 3])
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The running sum of the lengths of `sequence`."""
        return list(accumulate(len(member) for member in sequence))

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError(message("ConcatDataset", "needs at least one data set"))
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError(
                    message(
                        "ConcatDataset",
                        "takes data sets with an index",
                        f"the IterableDataset {type(dataset).__name__}",
                        "ChainDataset joins streams",
                    )
                )
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        if index < 0:
            if -index > len(self):
                raise ValueError(
                    message("ConcatDataset", f"an index must not be below {-len(self)}", str(index))
                )
            index += len(self)
        elif index >= len(self):
            raise IndexError(
                message("ConcatDataset", f"an index must be below {len(self)}", str(index))
            )
        number = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[number - 1] if number else 0
        return self.datasets[number][index - start]


class ChainDataset(IterableDataset[T_co]):
    """Several streams one after the other; members must be `IterableDataset`s (AssertionError)."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        super().__init__()
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    message("ChainDataset", "takes IterableDatasets", type(dataset).__name__)
                )
            yield dataset

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self._streams():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())


class Subset(Dataset[T_co]):
    """The samples `indices` of another data set, in that order.

    >>> part = Subset(["a", "b", "c"], [2, 0])
    >>> part[0], len(part)
    ('c', 2)
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        return fetch_samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def collated(self, indices: Indices) -> Any:
        """The batch from the underlying data set (see the head of this file)."""
        batched = collated_form(self.dataset)
        if batched is None:
            return None
        positions = indices.tolist() if isinstance(indices, np.ndarray) else indices
        chosen = [self.indices[i] for i in positions]
        return batched(chosen) if all(type(i) is int for i in chosen) else None


def random_split(
    dataset: Dataset[T_co],
    lengths: Sequence[int | float],
    generator: Any = None,
) -> list[Subset[T_co]]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: a data set with a length.
        lengths: the parts' lengths, which must add up to `len(dataset)`; or fractions that add
            up to 1, where samples left over by rounding down go to the first parts, one each.
            Other sums and fractions outside of 0 to 1 raise ValueError.
        generator: a `Generator` for the permutation, or None for the default one.

    >>> import argand
    >>> parts = random_split(range(10), [0.75, 0.25], generator=argand.Generator().manual_seed(0))
    >>> [len(part) for part in parts]
    [8, 2]
    """
    size = len(dataset)  # type: ignore[arg-type]
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        lengths = _lengths_of_fractions(size, lengths)
    if sum(lengths) != size:
        raise ValueError(
            message(
                "random_split",
                f"lengths must add up to the data set's {size} samples, "
                "or be fractions that add up to 1",
                f"{list(lengths)}",
            )
        )
    order = argand.randperm(size, generator=generator).tolist()
    ends = accumulate(lengths)
    return [
        Subset(dataset, order[end - length : end])
        for end, length in zip(ends, lengths, strict=True)
    ]


def _lengths_of_fractions(count: int, fractions: Sequence[float]) -> list[int]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(
                message(
                    "random_split",
                    "fractions must lie between 0 and 1",
                    f"{fraction} at position {position}",
                )
            )
    lengths = [math.floor(count * fraction) for fraction in fractions]
    for extra in range(count - sum(lengths)):
        lengths[extra % len(lengths)] += 1
    for position, length in enumerate(lengths):
        if length == 0:
            warnings.warn(f"random_split: part {position} is empty", stacklevel=3)
    return lengths


def batched_method(owner: Any, name: str, per_sample: tuple[str, ...]) -> Callable[..., Any] | None:
    """`owner`'s batched method `name`, unless a `per_sample` method was overridden below it.

    >>> class Doubled(TensorDataset):
    ...     def __getitem__(self, index):
    ...         return self.tensors[0][index] * 2
    >>> batched_method(Doubled(argand.ones(3)), "collated", ("__getitem__",)) is None
    True
    """
    for base in type(owner).__mro__:
        if name in base.__dict__:
            return getattr(owner, name)
        if any(method in base.__dict__ for method in per_sample):
            return None
    return None


def collated_form(dataset: Any) -> Callable[[Indices], Any] | None:
    """The method `collated` of `dataset` where it has one that can be trusted, else None."""
    return batched_method(dataset, "collated", ("__getitem__", "__getitems__"))


def fetch_samples(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The samples `indices`, by `__getitems__` where the data set has it."""
    at_once = getattr(dataset, "__getitems__", None)
    if at_once:
        return at_once(indices)
    return [dataset[index] for index in indices]


def take_rows(tensor: Tensor, indices: Indices) -> Tensor | None:
    """`stack([tensor[i] for i in indices])`, or None where only that itself will do."""
    if tensor.requires_grad:
        return None
    try:
        array = tensor.numpy()
        # `numpy.take` is the fastest gather of rows, but would first copy a strided array whole.
        rows = array.take(indices, axis=0) if array.flags.c_contiguous else array[indices]
    except (IndexError, TypeError):  # a bad index, or a dtype that NumPy lacks
        return None
    return argand.from_numpy(rows)
