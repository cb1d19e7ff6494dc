"""How convolutions are computed, outside of any graph: by kernels, or as products of windows.

Any type and rank: the windows are written out as columns (`windows`), and matrix products do the
rest. Half types are computed in float32.
"""

from __future__ import annotations

from typing import Any

from argand import dtypes
from argand.kernels.conv_sizes import Sizes
from argand.ops.arrays import as_array, fresh
from argand.ops.matmul import compute
from argand.ops.unfold import overlapped, windows
from argand.runtime.layout import dense
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


def _columns(images: Any, sizes: Sizes, groups: int) -> Any:
    """All windows as columns ``(N, groups, C / groups * taps, windows)``."""
    count, channels = images.shape[:2]
    array = windows(as_array(images), sizes)
    shape = (count, groups, channels // groups * sizes.taps, sizes.pixels)
    return fresh(array.reshape(shape), images.form.dtype)


def _forward(input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = input.shape[0], weight.shape[0]
    columns = _columns(input, sizes, groups)
    rows = _reshaped(weight, groups, outputs // groups, weight.shape[1] * sizes.taps)
    added = None if bias is None else _reshaped(bias, groups, outputs // groups, 1)
    return _reshaped(compute(rows, columns, added), count, outputs, *sizes.out)


def _to_input(results: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = results.shape[:2]
    channels = weight.shape[1]
    rows = _reshaped(weight, groups, outputs // groups, channels * sizes.taps)
    given = _reshaped(results, count, groups, outputs // groups, sizes.pixels)
    columns = compute(rows.transpose(-2, -1), given)
    shape = (count, groups * channels, *sizes.kernel, *sizes.out)
    images = overlapped(as_array(_reshaped(columns, *shape)), sizes)
    if bias is not None:
        images = images + as_array(bias).reshape(-1, *(1,) * len(sizes.size))
    return fresh(images, results.form.dtype)


def _to_weight(results: Any, images: Any, sizes: Sizes, groups: int) -> Any:
    count, outputs = results.shape[:2]
    channels = images.shape[1] // groups
    given = _reshaped(results, count, groups, outputs // groups, sizes.pixels)
    columns = _columns(images, sizes, groups).transpose(-2, -1)
    total = compute(given, columns).sum(0)
    return _reshaped(total, outputs, channels, *sizes.kernel)
