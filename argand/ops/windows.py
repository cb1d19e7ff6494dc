"""Windows that pooling slides over volumes: their sizes, what they may be, and prepared kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.loops import lanes_for
from argand.kernels.window import (
    COUNTED,
    COUNTED_WITH_PADDING,
    Window,
    avg_pool_kernel,
    can_go_back,
    max_pool_kernel,
    pool_back_kernel,
)
from argand.ops.arrays import as_array, new
from argand.ops.plans import BYTES_PER_NS, RELEASE_ABOVE
from argand.ops.record import describe
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

WORDS = ("no", "one", "two", "three")


def as_sizes(name: str, what: str, value: Any, rank: int) -> tuple[int, ...]:
    """One number per dimension from a number or a sequence of them.

    Raises:
        TypeError: when `value` is neither.
        RuntimeError: when there are fewer or more numbers than dimensions.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    for number in given:
        if not isinstance(number, int):
            wanted = "int" if rank == 1 else "tuple of ints"
            raise TypeError(
                f"{name}(): argument '{what}' must be {wanted}, not {type(number).__name__}"
            )
    if len(given) == 1:
        given *= rank
    if len(given) != rank:
        several = f"a tuple of {WORDS[rank]} ints"
        raise RuntimeError(f"{name}: {what} must either be a single int, or {several}")
    return given


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> int:
    """How many windows fit; with `ceil` the last one may reach beyond the end, if it begins before.

    >>> output_size(7, 2, 2, 0, 1, False), output_size(7, 2, 2, 0, 1, True)
    (3, 4)
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def check_volume(name: str, input: Any, rank: int) -> None:
    """Pooling takes batches of volumes with channels, or one without batch.

    Raises:
        RuntimeError: when the number of dimensions is another, or one but the batch is empty.
    """
    shape = input.form.shape
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[-rank - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(shape)}"
        )


class Pooling:
    """One kind of pooling of tensors with one layout, and its kernels, made when first wanted.

    Attributes:
        window: how the windows lie.
        source: the layout of the input.
        target: the layout of the output.
        divisor: for means: a number, or how the elements of windows are counted.
        whole: whether there is one window, which is the whole volume, and its mean is a number.
    """

    def __init__(
        self,
        name: str,
        source: Layout,
        sizes: Sequence[tuple[int, ...]],
        ceil: bool,
        divisor: float | str | None = None,
    ) -> None:
        rank = len(sizes[0])
        kernel, stride, padding, dilation = sizes
        old = source.shape[-rank:]
        _check_window(name, sizes)
        found = [
            output_size(n, k, s, p, d, ceil)
            for n, k, s, p, d in zip(old, kernel, stride, padding, dilation)
        ]
        if min(found) < 1:
            channels = source.shape[-rank - 1]
            before, after = ("x".join(map(str, (channels, *x))) for x in (old, found))
            raise RuntimeError(
                f"{name}: Given input size: ({before}). Calculated output size: ({after}). Output "
                "size is too small"
            )
        within = [
            p == 0 and (m - 1) * s + d * (k - 1) < n
            for n, m, k, s, p, d in zip(old, found, kernel, stride, padding, dilation)
        ]
        ones, none = (1,) * (3 - rank), (0,) * (3 - rank)
        triples: Any = ((*ones, *kernel), (*ones, *stride), (*none, *padding), (*ones, *dilation),
                        (*(True for _ in ones), *within))  # fmt: skip
        self.window = Window(*triples)
        self.source = source
        self.target = dense(source.dtype, (*source.shape[:-rank], *found))
        self.volume = (*ones, *old)
        self.outputs = (*ones, *found)
        self.planes = prod(source.shape[:-rank])
        self.divisor = self._divisor(divisor)
        self.whole = (
            source.dtype.kind == "f"
            and self.window.kernel == self.volume
            and all(self.window.inside)
        )
        self._plans: dict[Any, Callable[..., None]] = {}

    def _divisor(self, divisor: float | str | None) -> float | str:
        """A number where all windows have as many elements."""
        window = self.window
        ends = [
            (m - 1) * s + k <= n + p * 2
            for n, m, s, k, p in zip(
                self.volume, self.outputs, window.stride, window.kernel, window.padding
            )
        ]
        if divisor is None:
            return 1.0
        if all(window.inside) or (divisor == COUNTED_WITH_PADDING and all(ends)):
            return prod(window.kernel) if isinstance(divisor, str) else divisor
        return divisor

    def _plan(self, key: Any, text: str, words: int, reads: int, units: int) -> Any:
        elements = self.target.numel * prod(self.window.kernel) + self.source.numel
        kind = self.source.dtype
        work = elements * (kind.itemsize / BYTES_PER_NS + 2.0 / lanes_for([kind, dtypes.int32]))
        plan = memory.make_plan(
            jit.address(text),
            [*self.volume, *self.outputs],
            words,
            units=units,
            chunks=threads.chunks_for(work, units),
            release_gil=work > RELEASE_ABOVE,
        )
        self._plans[key] = plan.run
        return plan.run

    def largest(self, input: Any, indices: dtype | None) -> tuple[Any, Any]:
        """The largest element of every window, and which one it is, of type `indices`."""
        run = self._plans.get(indices)
        if run is None:
            text = max_pool_kernel(self.window, self.source.dtype, indices)
            units = self.planes * self.outputs[0]
            run = self._plan(indices, text, 3 if indices else 2, 1, units)
        values = allocate(self.target.nbytes)
        if indices is None:
            run(input.ptr, values.ptr)
            return make(values, self.target), None
        layout = dense(indices, self.target.shape)
        places = allocate(layout.nbytes)
        run(input.ptr, values.ptr, places.ptr)
        return make(values, self.target), make(places, layout)

    def mean(self, input: Any) -> Any:
        """The mean of every window."""
        run = self._plans.get("mean")
        if run is None:
            text = avg_pool_kernel(self.window, self.source.dtype, self.divisor)
            run = self._plan("mean", text, 2, 1, self.planes * self.outputs[0])
        values = allocate(self.target.nbytes)
        run(input.ptr, values.ptr)
        return make(values, self.target)

    def back(self, g: Any, indices: Any) -> Any:
        """The gradient of the input, from that of the output."""
        kind = None if indices is None else indices.form.dtype
        if not can_go_back(self.window, self.source.dtype):
            return self._back_slowly(g, indices)
        run = self._plans.get(("back", kind))
        if run is None:
            text = pool_back_kernel(self.window, self.source.dtype, kind, self.divisor)
            words = 2 if kind is None else 3
            run = self._plan(("back", kind), text, words, 2, self.planes * self.volume[0])
        result = allocate(self.source.nbytes)
        layout = dense(self.source.dtype, self.source.shape)
        if kind is None:
            run(g.ptr, result.ptr)
        else:
            run(g.ptr, indices.ptr, result.ptr)
        return make(result, layout)

    def _back_slowly(self, g: Any, indices: Any) -> Any:
        """The same for windows so far apart that no vector reaches from one to the next."""
        result = new(dense(self.source.dtype, self.source.shape))
        flat = as_array(result).reshape(self.planes, -1)
        flat[...] = 0
        arrived = as_array(g).reshape(self.planes, -1)
        if indices is not None:
            chosen = as_array(indices).reshape(self.planes, -1)
            np.add.at(flat, (np.arange(self.planes)[:, None], chosen), arrived)
            return result
        volumes = flat.reshape(self.planes, *self.volume)
        means = arrived.reshape(self.planes, *self.outputs)
        for index in np.ndindex(*self.outputs):
            ranges, count = self._bounds(index)
            share = means[(slice(None), *index)] / count
            volumes[(slice(None), *ranges)] += share.reshape(-1, 1, 1, 1)
        return result

    def _bounds(self, index: Sequence[int]) -> tuple[list[slice], float]:
        """What a window covers, and the divisor of its sum."""
        window = self.window
        begins = [i * s - p for i, s, p in zip(index, window.stride, window.padding)]
        ends = [
            min(b + k, n + p)
            for b, k, n, p in zip(begins, window.kernel, self.volume, window.padding)
        ]
        ranges = [slice(max(b, 0), min(e, n)) for b, e, n in zip(begins, ends, self.volume)]
        if self.divisor == COUNTED:
            return ranges, prod(r.stop - r.start for r in ranges)
        if isinstance(self.divisor, str):
            return ranges, prod(e - b for b, e in zip(begins, ends))
        return ranges, self.divisor


def _check_window(name: str, sizes: Sequence[tuple[int, ...]]) -> None:
    for kernel, stride, padding, dilation in zip(*sizes):
        if stride <= 0:
            raise RuntimeError(f"{name}: stride should not be zero, but got {stride}")
        if kernel <= 0 or dilation <= 0:
            given = f"{kernel} and {dilation}"
            raise RuntimeError(f"{name}: kernel_size and dilation must be positive, got {given}")
        if padding < 0:
            raise RuntimeError(f"{name}: pad must be non-negative, but got pad: {padding}")
        if padding > ((kernel - 1) * dilation + 1) // 2:
            raise RuntimeError(
                f"{name}: pad should be at most half of effective kernel size, but got "
                f"pad={padding}, kernel_size={kernel} and dilation={dilation}"
            )


def not_implemented(name: str, input: Any) -> NotImplementedError:
    """The error for a type that an operation does not take."""
    return NotImplementedError(f'"{name}" not implemented for {describe(input)}')
