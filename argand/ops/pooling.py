"""Pooling: the largest element or the mean of windows that slide over volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.dtypes import dtype
from argand.kernels.window import COUNTED, COUNTED_WITH_PADDING
from argand.ops.function import composite, operation
from argand.ops.record import Either
from argand.ops.samples import Call, Draw, call
from argand.ops.windows import Pooling, as_sizes, check_volume, not_implemented
from argand.runtime.layout import dense

NN = "nn.functional"
_plans: dict[Any, Pooling] = {}


# ---- for tests ----------------------------------------------------------------------------------


def _volumes(draw: Draw, rank: int) -> tuple[Any, Any]:
    """A batch and a single volume."""
    sizes = (2, 3, *(9, 7, 5)[:rank])
    return draw(*sizes), draw(*sizes[1:])


def _max_samples(rank: int, **settings: Any) -> Callable[[Draw], Iterable[Call]]:
    def samples(draw: Draw) -> Iterable[Call]:
        if not draw.floating:
            return
        batch, single = _volumes(draw, rank)
        yield call(batch, 2, **settings)
        yield call(single, 3, 2, 1, **settings)
        yield call(batch, 2, 3, 0, 2, **settings)
        yield call(batch, 3, 2, 1, ceil_mode=True, **settings)
        yield call(batch, 3, 1, 1, 2, **settings)

    return samples


def _avg_samples(rank: int) -> Callable[[Draw], Iterable[Call]]:
    def samples(draw: Draw) -> Iterable[Call]:
        if not draw.floating:
            return
        batch, single = _volumes(draw, rank)
        yield call(batch, 2)
        yield call(single, 3, 2, 1)
        yield call(batch, 3, 2, 1, True)
        yield call(batch, 3, 2, 1, True, False)
        yield call(batch, 4, 1, 2, False, False)

    return samples


def _windows_reference(
    rank: int, reduce: Callable[..., Any], counts: bool = False
) -> Callable[..., Any]:
    """Pooling in NumPy, window by window."""

    def reference(x: Any, kernel: int, stride: int = 0, padding: int = 0, *more: Any,
                  **settings: Any) -> Any:  # fmt: skip
        names = ("ceil_mode", "count_include_pad") if counts else ("dilation", "ceil_mode")
        given = dict(zip(names, more)) | settings
        plan = Pooling(
            "reference", dtypes_like(x),
            [(kernel,) * rank, (stride or kernel,) * rank, (padding,) * rank,
             (given.get("dilation", 1),) * rank],
            given.get("ceil_mode", False),
        )  # fmt: skip
        out = np.empty(plan.target.shape, x.dtype)
        window = plan.window
        for index in np.ndindex(*out.shape[-rank:]):
            places, whole = [], 1
            for d, i in enumerate(index):
                axis = 3 - rank + d
                size, step = plan.volume[axis], window.dilation[axis]
                begin = i * window.stride[axis] - window.padding[axis]
                every = range(begin, begin + window.kernel[axis] * step, step)
                places.append([p for p in every if 0 <= p < size])
                whole *= sum(p < size + window.padding[axis] for p in every)
            taken = x[(..., *np.ix_(*places))]
            axes = tuple(range(-rank, 0))
            if counts and given.get("count_include_pad", True):
                out[(..., *index)] = taken.sum(axes) / whole
            else:
                out[(..., *index)] = reduce(taken, axes)
        return out

    return reference


def dtypes_like(x: Any) -> Any:
    """The layout of a row-major tensor like an array."""
    return dense(dtypes.from_numpy(x.dtype), x.shape)


# ---- the largest element ------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="max_pool2d", extras=True)
def max_pool(input: Any, plan: Pooling) -> Any:
    """The largest elements; which ones is only noted when a gradient will ask for it."""
    wanted = dtypes.int32 if input.node is not None and mode.enabled else None
    return plan.largest(input, wanted)


@operation(as_method=False, as_function=False, graph_name="max_pool2d_with_indices", extras=True)
def max_pool_with_indices(input: Any, plan: Pooling) -> Any:
    """The largest elements and their numbers in the volumes."""
    values, indices = plan.largest(input, dtypes.int64)
    return (values, indices), indices


@max_pool.vjp()
@max_pool_with_indices.vjp()
def _max_pool_vjp(g: Any, extras: Any, input: Any, plan: Pooling) -> Any:
    return max_pool_back(g.contiguous(), extras[0], plan), None


@operation(as_method=False, as_function=False, graph_name="max_pool2d_backward")
def max_pool_back(g: Any, indices: Any, plan: Pooling) -> Any:
    """Every gradient at the element that was chosen, and 0 elsewhere."""
    return plan.back(g, indices)


@max_pool_back.vjp(saves="indices")
def _max_pool_back_vjp(g: Any, out: Any, gradient: Any, indices: Any, plan: Pooling) -> Any:
    flat = indices.to(dtypes.int64).reshape(plan.planes, -1)
    return g.reshape(plan.planes, -1).gather(1, flat).reshape(gradient.shape), None, None


def _prepared(
    name: str, rank: int, input: Any, sizes: tuple[Any, ...], ceil: bool,
    divisor: float | str | None = None,
) -> tuple[Any, Pooling]:  # fmt: skip
    """A row-major input and the plan to pool it."""
    kernel, stride, padding, dilation = sizes
    if type(stride) is list or type(kernel) is list:
        kernel, stride = (tuple(x) if type(x) is list else x for x in (kernel, stride))
    key = (input.form, rank, kernel, stride, padding, dilation, ceil, divisor)
    try:
        plan = _plans.get(key)
    except TypeError:  # a list among the sizes
        plan = None
    if plan is None:
        check_volume(name, input, rank)
        kernel = as_sizes(name, "kernel_size", kernel, rank)
        stride = kernel if stride in (None, (), []) else as_sizes(name, "stride", stride, rank)
        padding = as_sizes(name, "padding", padding, rank)
        dilation = as_sizes(name, "dilation", dilation, rank)
        key = (input.form, rank, kernel, stride, padding, dilation, ceil, divisor)
        source = dense(input.form.dtype, input.form.shape)
        parts = (kernel, stride, padding, dilation)
        plan = _plans.get(key) or Pooling(name, source, parts, ceil, divisor)
        _plans[key] = plan
        if not isinstance(sizes[2], list) and not isinstance(sizes[3], list):
            _plans[(input.form, rank, *_hashable(sizes), ceil, divisor)] = plan
    return (input if input.form.contiguous else input.contiguous()), plan


def _hashable(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tuple(x) if isinstance(x, list) else x for x in sizes)


def _largest(
    name: str, rank: int, input: Any, sizes: tuple[Any, ...], ceil: bool, indices: bool
) -> Any:
    kind = input.form.dtype
    if kind.kind not in "fiu" or (rank == 1 and kind.kind != "f" and not indices):
        raise not_implemented(name, input)
    input, plan = _prepared(name, rank, input, sizes, bool(ceil))
    return (max_pool_with_indices if indices else max_pool)(input, plan)


_MAX = "The largest element of every window"


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("max_pool1d",),
    samples=_max_samples(1),
    reference=_windows_reference(1, np.max),
)
def max_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Either:  # fmt: skip
    """The largest element of every window; see `max_pool2d`.

    Args:
        input: ``(N, C, L)`` or ``(C, L)``.

    >>> import argand
    >>> argand.nn.functional.max_pool1d(argand.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    sizes = (kernel_size, stride, padding, dilation)
    return _largest("max_pool1d", 1, input, sizes, ceil_mode, return_indices)


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("max_pool2d",),
    samples=_max_samples(2),
    reference=_windows_reference(2, np.max),
)
def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Either:  # fmt: skip
    """The largest element of every window.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the size of a window.
        stride: how far windows are apart; by default their size.
        padding: how far the first window begins before the input. What lies outside never wins.
        dilation: how far the elements of a window are apart.
        ceil_mode: whether a last window may reach beyond the end.
        return_indices: whether the numbers of the elements in their planes are returned, too.

    Shape:
        ``(N, C, H', W')``, where ``H' = (H + 2 padding - dilation (kernel_size - 1) - 1) / stride
        + 1``, rounded down.

    Raises:
        RuntimeError: when sizes do not fit together.

    >>> import argand
    >>> argand.nn.functional.max_pool2d(argand.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    sizes = (kernel_size, stride, padding, dilation)
    return _largest("max_pool2d", 2, input, sizes, ceil_mode, return_indices)


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("max_pool3d",),
    samples=_max_samples(3),
    reference=_windows_reference(3, np.max),
)
def max_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Either:  # fmt: skip
    """The largest element of every window; see `max_pool2d`.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> import argand
    >>> argand.nn.functional.max_pool3d(argand.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    sizes = (kernel_size, stride, padding, dilation)
    return _largest("max_pool3d", 3, input, sizes, ceil_mode, return_indices)


def _with_indices(rank: int, package: bool) -> None:
    """``max_pool2d_with_indices`` and the like: both results, whatever `return_indices` says."""

    def body(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        sizes = (kernel_size, stride, padding, dilation)
        return _largest(f"max_pool{rank}d", rank, input, sizes, ceil_mode, True)

    name = f"max_pool{rank}d_with_indices"
    body.__name__ = name
    body.__doc__ = f"""`max_pool{rank}d` with ``return_indices=True``.

    >>> import argand
    >>> F = argand.nn.functional
    >>> F.{name}(argand.zeros(1{", 2" * rank}), 2)[1].shape
    torch.Size([1{", 1" * rank}])
    """
    composite(
        body, name=name, namespace=NN, as_method=False, samples=_max_samples(rank),
        elsewhere=(name,) if package else (),
    )  # fmt: skip


for _rank in (1, 2, 3):
    _with_indices(_rank, package=_rank == 1)


# ---- the mean -----------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="avg_pool2d")
def avg_pool(input: Any, plan: Pooling) -> Any:
    """The means of the windows."""
    return plan.mean(input)


@avg_pool.vjp()
def _avg_pool_vjp(g: Any, out: Any, input: Any, plan: Pooling) -> Any:
    return avg_pool_back(g.contiguous(), plan), None


@operation(as_method=False, as_function=False, graph_name="avg_pool2d_backward")
def avg_pool_back(g: Any, plan: Pooling) -> Any:
    """The gradient of the means, at every element of their windows."""
    return plan.back(g, None)


@avg_pool_back.vjp()
def _avg_pool_back_vjp(g: Any, out: Any, gradient: Any, plan: Pooling) -> Any:
    return avg_pool(g.contiguous(), plan), None


def _mean(
    name: str, rank: int, input: Any, sizes: tuple[Any, ...], ceil: bool, padded: bool,
    divisor: int | None,
) -> Any:  # fmt: skip
    kind: dtype = input.form.dtype
    half = kind.kind == "f" and kind.itemsize == 2
    if (kind.kind != "f" and kind is not dtypes.int64) or (half and rank == 3):
        raise not_implemented(name, input)
    if divisor == 0:
        raise RuntimeError(f"{name}: divisor must be not zero")
    counted = COUNTED_WITH_PADDING if padded else COUNTED
    input, plan = _prepared(name, rank, input, (*sizes, 1), bool(ceil), divisor or counted)
    if plan.whole and input.form.numel:
        total = input.reshape(*input.shape[:-rank], -1).sum(-1)
        return (total / plan.divisor).reshape(plan.target.shape)
    return avg_pool(input, plan)


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("avg_pool1d",),
    samples=_avg_samples(1),
    reference=_windows_reference(1, np.mean, counts=True),
)
def avg_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of every window; see `avg_pool2d`.

    Args:
        input: ``(N, C, L)`` or ``(C, L)``.

    >>> import argand
    >>> argand.nn.functional.avg_pool1d(argand.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    sizes = (kernel_size, stride, padding)
    return _mean("avg_pool1d", 1, input, sizes, ceil_mode, count_include_pad, None)


@composite(
    namespace=NN,
    as_method=False,
    out="exact",
    samples=_avg_samples(2),
    reference=_windows_reference(2, np.mean, counts=True),
)
def avg_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """The mean of every window.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        kernel_size: the size of a window.
        stride: how far windows are apart; by default their size.
        padding: how far the first window begins before the input. What lies outside is 0.
        ceil_mode: whether a last window may reach beyond the end.
        count_include_pad: whether padding counts among the elements of a window.
        divisor_override: what sums are divided by, instead of the number of elements.

    Raises:
        RuntimeError: when sizes do not fit together.

    >>> import argand
    >>> argand.nn.functional.avg_pool2d(argand.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    sizes = (kernel_size, stride, padding)
    return _mean(
        "avg_pool2d", 2, input, sizes, ceil_mode, count_include_pad, divisor_override
    )


@composite(
    namespace=NN,
    as_method=False,
    out="exact",
    samples=_avg_samples(3),
    reference=_windows_reference(3, np.mean, counts=True),
)
def avg_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """The mean of every window; see `avg_pool2d`.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> import argand
    >>> argand.nn.functional.avg_pool3d(argand.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    sizes = (kernel_size, stride, padding)
    return _mean(
        "avg_pool3d", 3, input, sizes, ceil_mode, count_include_pad, divisor_override
    )
