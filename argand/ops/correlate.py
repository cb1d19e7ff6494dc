"""How convolutions are computed, outside of any graph: by kernels, or as products of windows.

Images and sequences of float32 and float64 go to the kernels of ``argand.kernels.convolve``. For
any other type and rank the windows are written out as columns (`windows`), and matrix products do
the rest; half types are computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from argand import dtypes
from argand.kernels import convolve
from argand.kernels.conv_sizes import Sizes
from argand.kernels.convolve import Task
from argand.kernels.gemm_plan import Parts
from argand.ops.arrays import as_array, fresh, new
from argand.ops.copies import copier
from argand.ops.matmul import compute
from argand.ops.plans import RELEASE_ABOVE
from argand.ops.unfold import overlapped, windows
from argand.runtime import memory, threads
from argand.runtime.layout import dense, strided
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import alias, make


def forward(input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    """Results ``(N, O, *sizes.out)`` of images and a weight."""
    x, w, b = _prepared(input, weight, bias)
    return _back(_forward(x, w, b, sizes, groups), input.dtype)


def to_input(results: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    """Images ``(N, C, *sizes.size)`` of results and a weight."""
    x, w, b = _prepared(results, weight, bias)
    return _back(_to_input(x, w, b, sizes, groups), results.dtype)


def to_weight(results: Any, images: Any, sizes: Sizes, groups: int) -> Any:
    """The weight's gradient ``(O, C / groups, *sizes.kernel)`` of results and images."""
    x, y = _prepared(results, images)
    return _back(_to_weight(x, y, sizes, groups), results.dtype)


def _prepared(*tensors: Any) -> list[Any]:
    """The tensors without a graph, row-major, of a type that is computed in."""
    found: list[Any] = []
    for x in tensors:
        if x is not None:
            x = alias(x)
            if x.dtype.name in ("float16", "bfloat16"):
                x = x.to(dtypes.float32)
            x = x.contiguous()
        found.append(x)
    return found


def _back(result: Any, kind: Any) -> Any:
    return result if result.dtype is kind else result.to(kind)


def _reshaped(x: Any, *shape: int) -> Any:
    """A row-major tensor in another shape, outside of any graph."""
    return make(x.buffer, dense(x.form.dtype, shape), x.ptr)


# ---- by kernels ---------------------------------------------------------------------------------

Launcher = Callable[..., Any]  # launcher(addresses of the operands) -> the output's buffer
_launchers: dict[tuple[Any, ...], tuple[Launcher, bool]] = {}  # and whether the weight is turned
_gradients: dict[tuple[Any, ...], Launcher | None] = {}


def _suits(*tensors: Any) -> bool:
    """Whether kernels take tensors like these."""
    first = tensors[0].form
    floating = first.dtype is dtypes.float32 or first.dtype is dtypes.float64
    return floating and first.ndim <= 4 and all(x.form.numel for x in tensors)


def _task(images: Any, outputs: int, sizes: Sizes, groups: int, biased: bool) -> Task:
    return Task(
        images.shape[0],
        groups,
        images.shape[1] // groups,
        outputs // groups,
        sizes.raised(2),
        biased,
    )


def _launcher(parts: Parts, nbytes: int) -> Launcher:
    """A function of the operands' addresses; scratch memory is added behind them."""
    if parts.parallel:
        threads.ensure_started()
    plan = memory.make_plan(
        parts.function,
        parts.parameters,
        parts.arguments,
        units=parts.units,
        chunks=parts.chunks,
        new_bytes=nbytes,
        release_gil=parts.nanoseconds > RELEASE_ABOVE,
    )
    if not parts.scratch_bytes:
        return plan.new

    def launch(*addresses: int) -> Any:
        room = allocate(parts.scratch_bytes)
        return plan.new(*addresses, room.ptr)

    return launch


def _correlated(
    images: Any,
    weight: Any,
    bias: Any,
    task: Task,
    tap: tuple[int, ...] = (0, 0),
    step: tuple[int, ...] = (1, 1),
) -> Any:
    """Results of a task by kernels.

    Of a backward task, the weight is that of the convolution, of which `task` takes every
    `step`-th tap from `tap` on.
    """
    shape = (task.images, task.groups * task.outputs, *task.sizes.out)
    out = dense(images.form.dtype, shape)
    key = (images.form.dtype, task, step)
    found = _launchers.get(key)
    if found is None:
        turns = task.backward and (step != (1, 1) or convolve.turns_weight(task, out.dtype))
        planned = task._replace(backward=task.backward and not turns)
        found = _launchers[key] = (
            _launcher(convolve.convolution(planned, out.dtype), out.nbytes), turns
        )  # fmt: skip
    launch, turns = found
    if turns:
        weight = _turned(weight, task, tap, step)
    if bias is None:
        return make(launch(weight.ptr, images.ptr), out)
    return make(launch(weight.ptr, images.ptr, bias.ptr), out)


def _turned(weight: Any, task: Task, tap: tuple[int, ...], step: tuple[int, ...]) -> Any:
    """The weight that takes results back to images: every `step`-th tap from `tap`, turned."""
    groups, inputs, outputs = task.groups, task.channels, task.outputs
    rows, columns = task.sizes.kernel
    kind = weight.form.dtype
    height, width = (1, 1, *weight.shape[2:])[-2:]
    taps = height * width
    shape = (groups, outputs, inputs, rows, columns)
    steps = (inputs * outputs * taps, taps, outputs * taps, -step[0] * width, -step[1])
    last = (tap[0] + step[0] * (rows - 1)) * width + tap[1] + step[1] * (columns - 1)
    turned = make(weight.buffer, strided(kind, shape, steps), weight.ptr + last * kind.itemsize)
    out = new(dense(kind, shape))
    copier.into(out, turned)
    return out


def _images_by_kernel(results: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    """Images of results: one convolution for each phase of the strides."""
    flat = sizes.raised(2)
    outputs = groups * weight.shape[1]
    kind = results.form.dtype
    out = dense(kind, (results.shape[0], outputs, *sizes.size))
    whole = None if flat.unit_stride else new(out)
    for phase in product(*(range(s) for s in flat.stride)):
        task = Task(
            results.shape[0],
            groups,
            results.shape[1] // groups,
            outputs // groups,
            flat.back(phase),
            bias is not None,
            backward=True,
        )
        part = _correlated(results, weight, bias, task, phase, flat.stride)
        if whole is None:
            return make(part.buffer, out)
        copier.into(_pixels(whole, flat, phase), part)
    return whole


def _pixels(images: Any, sizes: Sizes, phase: tuple[int, ...]) -> Any:
    """The pixels of a phase, as a view."""
    height, width = sizes.size
    count, channels = images.shape[:2]
    (y, x), (down, across) = sizes.first_pixel(phase), sizes.stride
    kind = images.form.dtype
    shape = (count, channels, -(-(height - y) // down), -(-(width - x) // across))
    steps = (channels * height * width, height * width, down * width, across)
    return make(
        images.buffer, strided(kind, shape, steps), images.ptr + (y * width + x) * kind.itemsize
    )


def _has_phases(sizes: Sizes) -> bool:
    """Whether `_images_by_kernel` can do it: each phase has taps and pixels."""
    return all(
        s == 1 or (d == 1 and s <= k and s <= n)
        for n, k, s, d in zip(sizes.size, sizes.kernel, sizes.stride, sizes.dilation)
    )


def _weight_by_kernel(results: Any, images: Any, sizes: Sizes, groups: int) -> Any:
    """The weight's gradient, or None where no kernel suits."""
    outputs = results.shape[1]
    kind = results.form.dtype
    task = _task(images, outputs, sizes, groups, False)
    layout = dense(kind, (outputs, task.channels, *sizes.kernel))
    key = (kind, task)
    if key not in _gradients:
        parts = convolve.gradient_of_weight(task, kind)
        _gradients[key] = None if parts is None else _launcher(parts, layout.nbytes)
    launch = _gradients[key]
    return None if launch is None else make(launch(results.ptr, images.ptr), layout)


# ---- each of the three --------------------------------------------------------------------------


def _forward(input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = input.shape[0], weight.shape[0]
    if _suits(input, weight) and not sizes.is_product:
        task = _task(input, outputs, sizes, groups, bias is not None)
        found = _correlated(input, weight, bias, task)
        return _reshaped(found, count, outputs, *sizes.out)
    columns = _columns(input, sizes, groups)
    rows = _reshaped(weight, groups, outputs // groups, weight.shape[1] * sizes.taps)
    added = None if bias is None else _reshaped(bias, groups, outputs // groups, 1)
    return _reshaped(compute(rows, columns, added), count, outputs, *sizes.out)


def _to_input(results: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = results.shape[:2]
    channels = weight.shape[1]
    if _suits(results, weight) and _has_phases(sizes) and not sizes.is_product:
        return _images_by_kernel(results, weight, bias, sizes, groups)
    rows = _reshaped(weight, groups, outputs // groups, channels * sizes.taps)
    given = _reshaped(results, count, groups, outputs // groups, sizes.pixels)
    columns = compute(rows.transpose(-2, -1), given)
    if sizes.is_product and bias is None:
        return _reshaped(columns, count, groups * channels, *sizes.size)
    shape = (count, groups * channels, *sizes.kernel, *sizes.out)
    images = overlapped(as_array(_reshaped(columns, *shape)), sizes)
    if bias is not None:
        images = images + as_array(bias).reshape(-1, *(1,) * len(sizes.size))
    return fresh(images, results.form.dtype)


def _to_weight(results: Any, images: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = results.shape[:2]
    channels = images.shape[1] // groups
    if _suits(results, images):
        found = _weight_by_kernel(results, images, sizes, groups)
        if found is not None:
            return found
    given = _reshaped(results, count, groups, outputs // groups, sizes.pixels)
    columns = _columns(images, sizes, groups).transpose(-2, -1)
    total = compute(given, columns).sum(0)
    return _reshaped(total, outputs, channels, *sizes.kernel)


def _columns(images: Any, sizes: Sizes, groups: int) -> Any:
    """All windows as columns ``(N, groups, C / groups * taps, windows)``."""
    count, channels = images.shape[:2]
    shape = (count, groups, channels // groups * sizes.taps, sizes.pixels)
    if sizes.is_product:
        return _reshaped(images, *shape)
    return fresh(windows(as_array(images), sizes).reshape(shape), images.form.dtype)
