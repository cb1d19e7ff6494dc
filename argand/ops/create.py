"""Making tensors."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.device import check_available
from argand.dtypes import as_dtype, dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import SCALAR, leaf, row_index
from argand.ops.arrays import as_array, from_array, new, require
from argand.ops.copies import clone, ordered_strides
from argand.ops.function import composite, deliver
from argand.ops.plans import map_plan
from argand.ops.record import NUMBERS, _Defaults, describe, to_number
from argand.ops.samples import call
from argand.ops.shape import sizes_of
from argand.runtime.layout import Layout, dense, strided
from argand.runtime.tensor_base import TensorBase


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw.array(2, 3)), call(draw.array()), call(draw.array(0, 2))],
    reference=lambda array: array,
)
def from_numpy(ndarray: Any) -> Any:
    """A tensor that shares the memory of a NumPy array.

    Raises:
        TypeError: for anything but an array of numbers.

    >>> import numpy
    >>> array = numpy.zeros(2)
    >>> x = from_numpy(array)
    >>> array[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return from_array(_forward(ndarray))


def _forward(array: Any) -> Any:
    """An array, if no dimension runs backwards in memory; raises ValueError."""
    if any(step < 0 for step in array.strides) and array.size:
        rule = "at least one stride in the given numpy array is negative, and tensors with negative"
        raise ValueError(f"{rule} strides are not supported (make a copy with array.copy())")
    return array


def _copy_in(array: Any, kind: dtype) -> Any:
    """A new tensor with the values of an array."""
    if array.dtype.kind not in "fciub":
        raise TypeError(f"the data must be numbers, but got {describe(array.tolist())}")
    if kind is dtypes.bfloat16:
        return from_array(np.ascontiguousarray(array, "f4")).to(kind)
    out = new(dense(kind, array.shape))
    if out.form.numel:
        source = np.ascontiguousarray(array, kind.numpy)
        ctypes.memmove(out.ptr, source.__array_interface__["data"][0], out.form.nbytes)
    return out


def _infer(array: Any, data: object) -> dtype:
    """The type of a tensor made from Python data."""
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_numpy(array.dtype)
    if array.dtype.kind == "f":
        return _Defaults.float_dtype
    if array.dtype.kind == "c":
        return _Defaults.float_dtype.to_complex()
    if array.dtype.kind in "iub":
        return dtypes.int64 if array.dtype.kind != "b" else dtypes.bool_
    if array.dtype.kind in "US":
        raise TypeError(f"tensor: invalid data type: {describe(data)}")
    raise _not_numbers(data)


def _not_numbers(data: object) -> Exception:
    numbers = np.asarray(data, dtype=object).ravel()
    if numbers.size and all(isinstance(x, int) for x in numbers):
        return ValueError("tensor: Overflow when unpacking long long: an int needs over 64 bits")
    return RuntimeError(f"tensor: could not infer dtype of {describe(data)}")


def _has_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and any(
        isinstance(x, TensorBase) or _has_tensors(x) for x in data
    )


def _without_tensors(data: Any) -> Any:
    if isinstance(data, TensorBase):
        return as_array(data).tolist()
    if isinstance(data, (list, tuple)):
        return [_without_tensors(x) for x in data]
    return data


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call([[1, 2], [3, 4]], dtype=draw.kind), call(draw.array(2, 3)), call(1.5),
        call([True, False]), call([]), call([1, 2.5]),
    ],
    reference=lambda data, dtype=None: np.asarray(data),
)
def tensor(data: Any, *, dtype: dtype | None = None, device: Any = None,
           requires_grad: bool = False, pin_memory: bool = False) -> Any:  # fmt: skip
    """A new tensor with a copy of `data`: numbers, nested sequences, or an array.

    Args:
        dtype: the type; by default it follows from the data.
        requires_grad: whether gradients of it are wanted.

    Raises:
        ValueError: when nested sequences differ in length.
        TypeError: when the data are no numbers.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_available(device)
    if dtype is not None:
        dtype = as_dtype("tensor", dtype)
    if isinstance(data, TensorBase):
        out = clone.body(data) if dtype is None else data.detach().to(dtype, copy=True)  # type: ignore[attr-defined]
        return require(out) if requires_grad else out
    if _has_tensors(data):
        kinds = [x.dtype for x in _tensors_in(data)]
        dtype = dtype or kinds[0]
        data = _without_tensors(data)
    try:
        array = _forward(np.asarray(data))
    except ValueError as error:
        raise ValueError(f"tensor: nested sequences must have equal lengths ({error})") from None
    except OverflowError as error:
        raise ValueError(f"tensor: {error}") from None
    if array.size == 0 and not isinstance(data, (np.ndarray, np.generic)):
        array = array.astype("f4")
    out = _copy_in(array, dtype or _infer(array, data))
    return require(out) if requires_grad else out


def _tensors_in(data: Any) -> list[Any]:
    if isinstance(data, TensorBase):
        return [data]
    parts = data if isinstance(data, (list, tuple)) else ()
    return [x for part in parts for x in _tensors_in(part)]


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3)), call(draw.array(2, 3)), call([1, 2], dtype=draw.kind)],
    reference=lambda data, dtype=None: np.asarray(data),
)
def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Any:
    """`data` as a tensor, sharing memory with tensors and arrays where the type allows.

    >>> as_tensor([1, 2])
    tensor([1, 2])
    """
    check_available(device)
    if isinstance(data, TensorBase):
        return data if dtype is None else data.to(dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        shared = from_array(_forward(data))
        return shared if dtype is None else shared.to(dtype)
    return tensor.body(data, dtype=dtype)


# ---- filled tensors ---------------------------------------------------------------------------


@cache
def _fill_plan(layout: Layout) -> Any:
    work = compute_dtype(layout.dtype)
    return map_plan([leaf(SCALAR, 0, work)], [], (work,), [layout], layout.shape)


LARGE = 1 << 18  # bytes from which on several threads are faster than the C library


def fill(x: Any, value: Any) -> Any:
    """Set every element, outside of any graph."""
    layout = x.form
    if layout.numel == 0:
        return x
    if isinstance(value, complex) and layout.dtype.kind != "c":
        raise RuntimeError(f"{value} cannot be converted to {layout.dtype.name} without overflow")
    negative = isinstance(value, float) and math.copysign(1, value) < 0  # -0.0 is not all zero bits
    if layout.dense and value == 0 and not negative and layout.nbytes < LARGE:
        ctypes.memset(x.ptr, 0, layout.nbytes)
        return x
    if layout.dtype.kind == "c":
        as_array(x)[...] = value
    else:
        _fill_plan(layout).run(float(value) if layout.dtype.kind == "f" else int(value), x.ptr)
    return x


def sized(name: str, size: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int, ...]:
    """The sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``, checked."""
    if "size" in kwargs:
        size = (kwargs.pop("size"),)
    if not size:
        raise TypeError(f'{name}() missing 1 required positional argument: "size"')
    sizes = sizes_of(name, size)
    if sizes and min(sizes) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(sizes)}: {list(sizes)}"
        )
    return sizes


class Options:
    """The keywords that all creation functions share."""

    __slots__ = ("kind", "order", "requires_grad", "out")

    def __init__(
        self,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        memory_format: Any = None,
        out: Any = None,
    ) -> None:
        if device is not None:
            check_available(device)
        if dtype is not None:
            dtype = as_dtype("dtype=", dtype)
        elif isinstance(out, TensorBase):
            dtype = out.dtype
        self.kind = dtype
        self.order = memory_format
        self.requires_grad = requires_grad
        self.out = out

    def finish(self, x: Any) -> Any:
        if self.out is not None:
            return deliver("out=", self.out, x)
        return require(x) if self.requires_grad else x


def full_of(value: Any, sizes: Sequence[int], options: Options) -> Any:
    """A tensor with one value everywhere."""
    kind = options.kind or dtypes.of_number(value, _Defaults.float_dtype)
    return options.finish(fill(new(dense(kind, sizes)), value))


@composite(
    as_method=False,
    samples=lambda draw: [
        call(2, 3, dtype=draw.kind), call((2, 3)), call(0), call(()), call(size=(2,)),
    ],
    reference=lambda *size, **options: np.float64(0),
)
def zeros(*size: Any, **kwargs: Any) -> Any:
    """A tensor of zeros.

    >>> zeros(2)
    tensor([0., 0.])
    """
    sizes = sized("zeros", size, kwargs)
    if not kwargs:
        return fill(new(dense(_Defaults.float_dtype, sizes)), 0.0)
    return full_of(0.0, sizes, Options(**kwargs))


@composite(
    as_method=False,
    samples=lambda draw: [call(2, 3, dtype=draw.kind), call((2, 3)), call(0), call(())],
    reference=lambda *size, **options: np.float64(1),
)
def ones(*size: Any, **kwargs: Any) -> Any:
    """A tensor of ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    sizes = sized("ones", size, kwargs)
    return full_of(1.0, sizes, Options(**kwargs))


@composite(
    as_method=False,
    samples=lambda draw: [
        call((2, 3), 1, dtype=draw.kind), call((2,), 1.5), call((), True), call((2,), 3),
    ],
    reference=lambda size, value, **options: np.full(size, value),
)
def full(size: Sequence[int], fill_value: Any, **kwargs: Any) -> Any:
    """A tensor with one value everywhere.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    return full_of(_number("full", fill_value), sizes_of("full", (size,)), Options(**kwargs))


@composite(
    as_method=False,
    samples=lambda draw: [call(2, 3, dtype=draw.kind), call((2, 3)), call(())],
    unpredictable=True,
)
def empty(*size: Any, **kwargs: Any) -> Any:
    """A tensor whose elements are whatever the memory held.

    >>> empty(2, 3).shape
    torch.Size([2, 3])
    """
    sizes = sized("empty", size, kwargs)
    options = Options(**kwargs)
    return options.finish(new(dense(options.kind or _Defaults.float_dtype, sizes)))


def _like(input: Any, value: Any, kwargs: dict[str, Any]) -> Any:
    options = Options(**kwargs)
    kind = options.kind or input.form.dtype
    layout = input.form
    out = new(strided(kind, layout.shape, ordered_strides(layout, options.order)))
    return options.finish(out if value is None else fill(out, value))


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3)), call(draw(2, 3), dtype=draw.dtype("float64")), call(draw()),
    ],
    reference=lambda x, **options: np.zeros(x.shape),
)
def zeros_like(input: Any, **kwargs: Any) -> Any:
    """Zeros of the same shape and type.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return _like(input, 0, kwargs)


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3)), call(draw(2, 3), dtype=draw.dtype("int64")), call(draw()),
    ],
    reference=lambda x, **options: np.ones(x.shape),
)
def ones_like(input: Any, **kwargs: Any) -> Any:
    """Ones of the same shape and type.

    >>> ones_like(tensor([1, 2]))
    tensor([1, 1])
    """
    return _like(input, 1, kwargs)


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3), 1), call(draw(2, 3), 2.5, dtype=draw.dtype("float32"))],
    reference=lambda x, value, **options: np.full(x.shape, value),
)
def full_like(input: Any, fill_value: Any, **kwargs: Any) -> Any:
    """One value everywhere, of the same shape and type.

    >>> full_like(tensor([1, 2]), 3)
    tensor([3, 3])
    """
    return _like(input, _number("full_like", fill_value), kwargs)


@composite(
    out="",
    as_method=False,
    samples=lambda draw: [call(draw(2, 3)), call(draw())],
    unpredictable=True,
)
def empty_like(input: Any, **kwargs: Any) -> Any:
    """Uninitialized, of the same shape and type.

    >>> empty_like(zeros(2)).shape
    torch.Size([2])
    """
    return _like(input, None, kwargs)


def _new_like(input: Any, value: Any, sizes: Sequence[int], kwargs: dict[str, Any]) -> Any:
    options = Options(**kwargs)
    options.kind = options.kind or input.form.dtype
    if value is None:
        return options.finish(new(dense(options.kind, sizes)))
    return full_of(value, sizes, options)


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2), 3), call(draw(2), (2, 3), dtype=draw.dtype("int32"))],
    reference=lambda x, *size, **options: np.float64(0),
)
def new_zeros(input: Any, *size: Any, **kwargs: Any) -> Any:
    """Zeros of another shape and the same type.

    >>> tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    return _new_like(input, 0, sized("new_zeros", size, kwargs), kwargs)


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2), 3), call(draw(2), (2, 3))],
    reference=lambda x, *size, **options: np.float64(1),
)
def new_ones(input: Any, *size: Any, **kwargs: Any) -> Any:
    """Ones of another shape and the same type.

    >>> tensor([1, 2]).new_ones(1)
    tensor([1])
    """
    return _new_like(input, 1, sized("new_ones", size, kwargs), kwargs)


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2), 3), call(draw(2), (2, 3))],
    unpredictable=True,
)
def new_empty(input: Any, *size: Any, **kwargs: Any) -> Any:
    """Uninitialized, of another shape and the same type.

    >>> tensor([1, 2]).new_empty(3).shape
    torch.Size([3])
    """
    return _new_like(input, None, sized("new_empty", size, kwargs), kwargs)


@composite(
    as_function=False,
    samples=lambda draw: [call(draw(2), (3,), 1), call(draw(2), (), 1)],
    reference=lambda x, size, value, **options: np.full(size, value),
)
def new_full(input: Any, size: Sequence[int], fill_value: Any, **kwargs: Any) -> Any:
    """One value everywhere, of another shape and the same type.

    >>> tensor([1, 2]).new_full((1,), 5)
    tensor([5])
    """
    return _new_like(input, fill_value, tuple(size), kwargs)


@composite(
    as_function=False,
    samples=lambda draw: [
        call(draw(2), [1, 0]), call(draw(2), [[1, 2]], dtype=draw.dtype("float64")),
    ],
    reference=lambda x, data, **options: np.asarray(data),
)
def new_tensor(input: Any, data: Any, *, dtype: dtype | None = None,
               requires_grad: bool = False) -> Any:  # fmt: skip
    """A new tensor with a copy of `data` and the same type.

    >>> tensor([1.0]).new_tensor([2])
    tensor([2.])
    """
    return tensor.body(data, dtype=dtype or input.form.dtype, requires_grad=requires_grad)


@cache
def _ramp_plan(layout: Layout) -> Callable[..., Any]:
    work = compute_dtype(layout.dtype)
    wide = dtypes.float64 if work.kind == "f" else work
    start, step = leaf(SCALAR, 0, wide), leaf(SCALAR, 1, wide)
    root = (row_index().to(wide) * step + start).to(work)
    return map_plan([root], [], (wide, wide), [layout], layout.shape).run


def _number(name: str, value: Any) -> Any:
    if isinstance(value, TensorBase):
        return value.item()  # type: ignore[attr-defined]
    number = to_number(value)
    if number is None or not isinstance(number, NUMBERS):
        raise TypeError(f"{name}: expected a number, but got {describe(value)}")
    return number


@composite(
    as_method=False,
    samples=lambda draw: [
        call(5), call(1, 4), call(5, -5, -3), call(0.0, 1.0, 0.25), call(3, dtype=draw.kind),
        call(0),
    ],
    reference=lambda *limits, dtype=None: np.arange(*limits),
)
def arange(start: Any, end: Any = None, step: Any = 1, **kwargs: Any) -> Any:
    """``start, start + step, ...`` below `end`.

    Raises:
        RuntimeError: when the step is 0 or leads away from the end.

    >>> arange(1, 4)
    tensor([1, 2, 3])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (_number("arange", v) for v in (start, end, step))
    options = Options(**kwargs)
    kind = options.kind
    if kind is None:
        whole = all(isinstance(v, int) for v in (start, end, step))
        kind = dtypes.int64 if whole else _Defaults.float_dtype
    if kind.kind == "c":
        raise NotImplementedError(f'"arange" not implemented for \'{kind.name}\'')
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if kind is dtypes.int64:
        if int(step) == 0 != step:
            raise ValueError(f"arange: step must be nonzero as {kind.name}, but got {step}")
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = max(0, math.ceil((end - start) / step))
    out = new(dense(kind, (count,)))
    if count:
        whole = kind.kind in "iu"
        _ramp_plan(out.form)(int(start) if whole else start, int(step) if whole else step, out.ptr)
    return options.finish(out)


@composite(
    as_method=False,
    samples=lambda draw: [
        call(0, 1, 5), call(3.0, -2.0, 4, dtype=draw.kind), call(0, 1, 1), call(0, 1, 0),
    ],
    reference=lambda start, end, steps, dtype=None: np.linspace(start, end, steps),
)
def linspace(start: Any, end: Any, steps: int, **kwargs: Any) -> Any:
    """`steps` evenly spaced numbers from `start` to `end`, both included.

    >>> linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    start, end = _number("linspace", start), _number("linspace", end)
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, but got {steps}")
    options = Options(**kwargs)
    kind = options.kind or _Defaults.float_dtype
    if options.kind is None and isinstance(start + end, complex):
        kind = kind.to_complex()
    if kind.kind == "b":
        raise NotImplementedError("\"linspace\" not implemented for 'bool'")
    if kind.kind == "u" and min(start, end) < 0:
        raise RuntimeError(f"linspace: a value cannot be converted to {kind.name} without overflow")
    if kind.kind in "iu":
        start, end = int(start), int(end)
    wide = kind is dtypes.float64 or kind.kind in "iu"
    work: Any = np.float64 if wide else np.float32 if kind.kind == "f" else kind.numpy.type
    index = np.arange(steps)
    step = work((end - start) / (steps - 1)) if steps > 1 else work(0)
    first = work(start) + index.astype(work) * step
    last = work(end) - (steps - 1 - index).astype(work) * step
    values = np.where(index < steps // 2, first, last) if steps > 1 else np.full(steps, work(start))
    return options.finish(_copy_in(values, kind))
