"""Pooling to a given size, pooling by powers, windows at random places, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, from_array
from argand.ops.create import zeros
from argand.ops.function import composite
from argand.ops.pooling import _largest, _mean, avg_pool1d, avg_pool2d, avg_pool3d
from argand.ops.record import Either
from argand.ops.samples import Call, Draw, call
from argand.ops.sampling import rand
from argand.ops.windows import as_sizes, not_implemented

NN = "nn.functional"


def _bounds(size: int, count: int) -> list[tuple[int, int]]:
    """Where windows begin and end that divide a dimension as evenly as they can."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _adaptive_samples(rank: int) -> Callable[[Draw], Iterable[Call]]:
    def samples(draw: Draw) -> Iterable[Call]:
        if draw.kind != draw.dtype("float32") and draw.kind != draw.dtype("float64"):
            return
        sizes = (2, 3, *(9, 6, 5)[:rank])
        yield call(draw(*sizes), 3)
        yield call(draw(*sizes), 1)
        yield call(draw(*sizes[1:]), (4, 2, 3)[:rank] if rank > 1 else 4)

    return samples


def _adaptive_reference(rank: int, reduce: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, output_size: Any) -> Any:
        counts = (output_size,) * rank if isinstance(output_size, int) else output_size
        out = np.empty((*x.shape[:-rank], *counts), x.dtype)
        every = [_bounds(n, m) for n, m in zip(x.shape[-rank:], counts)]
        for index in np.ndindex(*counts):
            places = [slice(*every[d][i]) for d, i in enumerate(index)]
            out[(..., *index)] = reduce(x[(..., *places)], tuple(range(-rank, 0)))
        return out

    return reference


def _counts(name: str, rank: int, input: Any, given: Any) -> tuple[int, ...]:
    """The wanted sizes; None keeps the size of the input."""
    shape = input.form.shape
    if len(shape) not in (rank + 1, rank + 2):
        raise (ValueError if rank > 1 and len(shape) <= rank else RuntimeError)(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got {list(shape)}"
        )
    if 0 in shape[len(shape) - rank :]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(shape)}"
        )
    if rank > 1 and isinstance(given, tuple | list | str) and len(given) >= len(shape):
        raise ValueError(f"{name}: Input dimension should be at least {len(given) + 1}")
    values = given if isinstance(given, tuple | list) else (given,) * rank
    if len(values) != rank:
        raise RuntimeError(f"{name}: output_size must be {rank} numbers, but got {list(values)}")
    old = shape[-rank:]
    counts = as_sizes(
        name, "output_size", [n if v is None else v for n, v in zip(old, values)], rank
    )
    if min(counts) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(counts)}"
        )
    return counts


def _even(input: Any, counts: Sequence[int]) -> tuple[int, ...] | None:
    """The size of all windows, where they have one and do not overlap."""
    old = input.form.shape[-len(counts) :]
    if any(m == 0 or n % m for n, m in zip(old, counts)):
        return None
    return tuple([n // m for n, m in zip(old, counts)])


def adaptive_mean(name: str, rank: int, input: Any, output_size: Any) -> Any:
    counts = _counts(name, rank, input, output_size)
    kind = input.form.dtype
    if kind.kind != "f":
        if counts == (1,) * rank and kind.kind != "c":
            raise RuntimeError(
                f"{name}: mean(): could not infer output dtype. Input dtype must be either a "
                f"floating point or complex dtype. Got: {kind.name}"
            )
        raise not_implemented(name, input)
    window = _even(input, counts)
    if window is not None:
        return _mean(name, rank, input, (window, window, (0,) * rank), False, True, None)
    for axis, count in enumerate(counts):
        dim = input.ndim - rank + axis
        size = input.shape[dim]
        if size == count:
            continue
        weights = np.zeros((size, count))
        for i, (first, end) in enumerate(_bounds(size, count)):
            weights[first:end, i] = 1 / (end - first)
        shares = from_array(weights).to(kind)
        input = (input.transpose(dim, -1) @ shares).transpose(dim, -1)
    return input.contiguous()


def _adaptive_max(name: str, rank: int, input: Any, output_size: Any, indices: bool) -> Any:
    counts = _counts(name, rank, input, output_size)
    if input.form.dtype.kind != "f":
        raise not_implemented(name, input)
    window = _even(input, counts)
    if window is not None and input.form.numel:
        sizes = (window, window, (0,) * rank, (1,) * rank)
        return _largest(name, rank, input, sizes, False, indices)
    every = [_bounds(n, m) for n, m in zip(input.shape[-rank:], counts)]
    chosen = np.empty((*input.shape[:-rank], *counts), np.int64)
    values = as_array(input.detach().to(dtypes.float64))
    for index in np.ndindex(*counts):
        places = [slice(*every[d][i]) for d, i in enumerate(index)]
        chosen[(..., *index)] = _winners(values, places)
    return _chosen(input, rank, chosen, indices)


def _winners(values: Any, places: Sequence[slice]) -> Any:
    """The numbers of the largest elements of one window in every volume; a NaN is larger."""
    rank = len(places)
    taken = values[(..., *places)]
    flat = taken.reshape(*taken.shape[:-rank], -1).argmax(-1)
    within = np.unravel_index(flat, taken.shape[-rank:])
    moved = tuple(w + p.start for w, p in zip(within, places))
    return np.ravel_multi_index(moved, values.shape[-rank:])


def _chosen(input: Any, rank: int, chosen: Any, indices: bool) -> Any:
    """The elements with these numbers, and the numbers."""
    numbers = from_array(chosen)
    volumes = input.reshape(*input.shape[:-rank], prod(input.shape[-rank:]))
    flat = numbers.reshape(*chosen.shape[:-rank], prod(chosen.shape[-rank:]))
    found = volumes.gather(-1, flat).reshape(chosen.shape)
    return (found, numbers) if indices else found


_ADAPTIVE = """{what} of windows whose size follows from that of the output.

    Args:
        input: ``(N, C, {letters})`` or ``(C, {letters})``.
        output_size: the sizes of the output{more}; None keeps the input's.

    >>> import argand
    >>> x = argand.arange({count}.0).reshape(1{shape})
    >>> argand.nn.functional.{name}(x, 1)
    tensor({result})
    """


def _adaptive(rank: int) -> None:
    """The records of the adaptive poolings of so many dimensions."""

    def mean(input: Any, output_size: Any) -> Any:
        return adaptive_mean(f"adaptive_avg_pool{rank}d", rank, input, output_size)

    def largest(input: Any, output_size: Any, return_indices: bool = False) -> Either:
        return _adaptive_max(
            f"adaptive_max_pool{rank}d", rank, input, output_size, return_indices
        )

    def with_indices(input: Any, output_size: Any, return_indices: bool = False) -> tuple[Any, Any]:
        return _adaptive_max(f"adaptive_max_pool{rank}d", rank, input, output_size, True)

    last = 4**rank - 1
    _adaptive_record(rank, mean, "adaptive_avg_pool", "The mean", f"{last / 2:.4f}", np.mean)
    name = "adaptive_max_pool"
    _adaptive_record(rank, largest, name, "The largest element", f"{last}.", np.max)
    full = f"{name}{rank}d_with_indices"
    with_indices.__doc__ = f"""`{name}{rank}d` with ``return_indices=True``.

    >>> import argand
    >>> argand.nn.functional.{full}(argand.ones(1{", 4" * rank}), 1)[1].shape
    torch.Size([1{", 1" * rank}])
    """
    composite(
        with_indices, name=full, namespace=NN, as_method=False, samples=_adaptive_samples(rank)
    )


def _adaptive_record(
    rank: int, body: Any, stem: str, what: str, result: str, reduce: Callable[..., Any]
) -> None:
    name = f"{stem}{rank}d"
    body.__doc__ = _ADAPTIVE.format(
        what=what,
        letters=("L", "H, W", "D, H, W")[rank - 1],
        count=4**rank,
        name=name,
        shape=", 4" * rank,
        result="[" * (rank + 1) + result + "]" * (rank + 1),
        more=", one number or one per dimension" if rank > 1 else "",
    )
    composite(
        body,
        name=name,
        namespace=NN,
        as_method=False,
        samples=_adaptive_samples(rank),
        reference=_adaptive_reference(rank, reduce),
        elsewhere=(name,) if name == "adaptive_avg_pool1d" else (),
    )


for _rank in (1, 2, 3):
    _adaptive(_rank)


@composite(name="adaptive_max_pool1d", as_method=False, samples=_adaptive_samples(1))
def adaptive_max_pool1d_package(input: Any, output_size: Any) -> tuple[Any, Any]:
    """The largest elements of windows, and their numbers; the function of `nn.functional` returns
    the first alone.

    >>> import argand
    >>> argand.adaptive_max_pool1d(argand.tensor([[1.0, 3.0]]), 1)
    (tensor([[3.]]), tensor([[1]]))
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, True)


# ---- by powers ----------------------------------------------------------------------------------


def _power_samples(rank: int) -> Callable[[Draw], Iterable[Call]]:
    def samples(draw: Draw) -> Iterable[Call]:
        if draw.floating:
            x = draw(2, 3, *(6, 5, 4)[:rank], low=0.1)
            yield call(x, 2.0, 2)
            yield call(x, 3.0, 3, 1)

    return samples


def _by_powers(pool: Any, rank: int, input: Any, power: float, kernel: Any, stride: Any,
               ceil: bool) -> Any:  # fmt: skip
    window = as_sizes("lp_pool", "kernel_size", kernel, rank)
    means = pool.body(input.pow(power), kernel, stride, 0, ceil)
    return (means.sign() * means.abs().relu()).mul(prod(window)).pow(1.0 / power)


@composite(namespace=NN, as_method=False, samples=_power_samples(1))
def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The `norm_type`-th root of the sum of such powers, of every window.

    >>> import argand
    >>> argand.nn.functional.lp_pool1d(argand.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _by_powers(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


@composite(namespace=NN, as_method=False, samples=_power_samples(2))
def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The `norm_type`-th root of the sum of such powers, of every window.

    >>> import argand
    >>> argand.nn.functional.lp_pool2d(argand.tensor([[[3.0, 4.0]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    return _by_powers(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


@composite(namespace=NN, as_method=False, samples=_power_samples(3))
def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The `norm_type`-th root of the sum of such powers, of every window.

    >>> import argand
    >>> argand.nn.functional.lp_pool3d(argand.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2))
    tensor([[[[5.]]]])
    """
    return _by_powers(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


# ---- at random places ---------------------------------------------------------------------------


def _places(sample: float, size: int, count: int, kernel: int, kind: Any) -> list[int]:
    """Where windows begin: evenly but for rounding, shifted by a random number."""
    number = kind.type
    step = number(size - kernel) / number(max(count - 1, 1))
    shift = int(number(sample) * step)
    return [int((number(i) + number(sample)) * step) - shift for i in range(count - 1)] + [
        size - kernel
    ]


def _fractional(rank: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any,
                indices: bool, samples: Any) -> Any:  # fmt: skip
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.form.dtype.kind != "f":
        raise not_implemented(name, input)
    if input.ndim not in (rank + 1, rank + 2) or 0 in input.shape[-rank - 1 :]:
        raise RuntimeError(
            f"{name}: Expected input with non-zero size for non-batch dimensions, but got shape "
            f"{list(input.shape)}"
        )
    old = input.shape[-rank:]
    kernel = as_sizes(name, "kernel_size", kernel_size, rank)
    if output_size is None:
        many = isinstance(output_ratio, tuple | list)
        ratios = tuple(output_ratio) if many else (output_ratio,) * rank
        output_size = [int(n * r) for n, r in zip(old, ratios)]
    counts = as_sizes(name, "output_size", output_size, rank)
    for n, m, k in zip(old, counts, kernel):
        if m + k - 1 > n:
            rule = f"pool size {k} and output size {m} are too large for input size {n}"
            raise RuntimeError(f"{name}(): {rule}")
    channels = input.shape[-rank - 1]
    batch = 1 if input.ndim == rank + 1 else input.shape[0]
    if samples is None:
        samples = rand.body(batch, channels, rank, dtype=input.dtype)
    drawn = as_array(samples)
    values = as_array(input.detach()).reshape(batch, channels, *old)
    chosen = np.empty((batch, channels, *counts), np.int64)
    for plane in np.ndindex(batch, channels):
        shifts = drawn[plane][::-1] if rank == 2 else drawn[plane]  # of two, the width's is first
        every = [
            _places(s, n, m, k, drawn.dtype) for s, n, m, k in zip(shifts, old, counts, kernel)
        ]
        for index in np.ndindex(*counts):
            begins = [every[d][i] for d, i in enumerate(index)]
            places = [slice(b, b + k) for b, k in zip(begins, kernel)]
            chosen[(*plane, *index)] = _winners(values[plane], places)
    return _chosen(input, rank, chosen.reshape(*input.shape[:-rank], *counts), indices)


def _fractions(rank: int) -> None:
    """The records of fractional pooling of so many dimensions."""

    def largest(
        input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> Either:  # fmt: skip
        return _fractional(rank, input, kernel_size, output_size, output_ratio, return_indices,
                           _random_samples)  # fmt: skip

    def with_indices(
        input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> tuple[Any, Any]:  # fmt: skip
        return _fractional(rank, input, kernel_size, output_size, output_ratio, True,
                           _random_samples)  # fmt: skip

    name = f"fractional_max_pool{rank}d"
    largest.__doc__ = f"""The largest elements of windows that lie at random (Graham, 2014).

    Args:
        input: a batch of volumes of {rank} dimensions, or one volume with channels.
        kernel_size: the size of a window.
        output_size: the size of the output.
        output_ratio: shares of the input's size instead.

    >>> import argand
    >>> x = argand.zeros(1{", 4" * rank})
    >>> argand.nn.functional.{name}(x, 2, output_size=2).shape
    torch.Size([1{", 2" * rank}])
    """
    with_indices.__doc__ = f"""`{name}` with ``return_indices=True``.

    >>> import argand
    >>> x = argand.zeros(1{", 4" * rank})
    >>> argand.nn.functional.{name}_with_indices(x, 2, output_size=2)[1].shape
    torch.Size([1{", 2" * rank}])
    """
    for body, full in ((largest, name), (with_indices, f"{name}_with_indices")):
        body.__name__ = full
        composite(
            body, name=full, namespace=NN, as_method=False, unpredictable=True,
            samples=lambda draw: [call(draw(1, 2, *(5,) * rank), 2, output_size=3)]
            if draw.floating and draw.kind in map(draw.dtype, ("float32", "float64")) else [],
        )  # fmt: skip


for _rank in (2, 3):
    _fractions(_rank)


# ---- back to where the largest elements were ----------------------------------------------------


def _unpooled(rank: int, input: Any, indices: Any, sizes: Sequence[Any], output_size: Any) -> Any:
    name = f"max_unpool{rank}d"
    kernel = as_sizes(name, "kernel_size", sizes[0], rank)
    stride = kernel if sizes[1] is None else as_sizes(name, "stride", sizes[1], rank)
    padding = as_sizes(name, "padding", sizes[2], rank)
    if input.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}"
            f") but got indices tensor with shape: {list(indices.shape)}"
        )
    if input.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}"
        )
    if indices.form.dtype is not dtypes.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    old = input.shape[-rank:]
    default = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(old, stride, kernel, padding)]
    new = default
    if output_size is not None:
        new = list(output_size)[-rank:]
        for n, d, s in zip(new, default, stride):
            if not d - s < n < d + s:
                raise ValueError(
                    f'invalid output_size "{new}" (each dim must be between {d - s} and {d + s})'
                )
    lead = input.shape[:-rank]
    flat = indices.reshape(*lead, prod(old))
    if flat.form.numel and not bool(((flat >= 0) & (flat < prod(new))).all().item()):
        raise RuntimeError(f"{name}: Found an invalid max index; volumes are of size {new}")
    out = zeros.body(*lead, prod(new), dtype=input.dtype)
    return out.scatter(-1, flat, input.reshape(*lead, prod(old))).reshape(*lead, *new)


def _unpooling(rank: int) -> None:
    def body(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Any:  # fmt: skip
        return _unpooled(rank, input, indices, (kernel_size, stride, padding), output_size)

    name = f"max_unpool{rank}d"
    body.__name__ = name
    body.__doc__ = f"""The inverse of `max_pool{rank}d` as far as there is one; the rest is 0.

    Args:
        input: what pooling returned.
        indices: the numbers that it returned with ``return_indices=True``.
        kernel_size, stride, padding: as they were given to it.
        output_size: the size of the volumes, where several are possible.

    >>> import argand
    >>> F = argand.nn.functional
    >>> x, places = F.max_pool{rank}d(argand.ones(1{", 2" * rank}), 2, return_indices=True)
    >>> F.{name}(x, places, 2).sum()
    tensor(1.)
    """

    def samples(draw: Draw) -> Iterable[Call]:
        if draw.floating:
            places = draw.permutation(4**rank).reshape(1, *(4,) * rank)
            yield call(draw(1, *(2,) * rank), places[(..., *(slice(2),) * rank)], 2)

    composite(body, name=name, namespace=NN, as_method=False, samples=samples)


for _rank in (1, 2, 3):
    _unpooling(_rank)
