"""Normalization by mean and variance: of channels, groups, instances, and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.errors import message
from argand.kernels.expr import Expr
from argand.ops.fold import Fold
from argand.ops.function import composite, operation
from argand.ops.map import elementwise
from argand.ops.norm_channels import ChannelNorm, batch_norm_of
from argand.ops.norm_rows import RowNorm, Rows, group_norm_of, instance_norm_of
from argand.ops.reduce import mean_fold, reduction
from argand.ops.samples import Call, Draw, call
from argand.ops.windows import not_implemented

NN = "nn.functional"
_HIDDEN: dict[str, Any] = {"as_method": False, "as_function": False}
Dims = tuple[int, ...]


@reduction(graph_name="var_mean", **_HIDDEN)
def moments_fold(x: Expr, index: Expr) -> Fold:
    """Mean and variance in one pass: float32 is summed in float64, so that nothing cancels."""
    kind = x.dtype
    wide = x.to(dtypes.float64)

    def finish(total: Expr, squares: Expr, count: Expr) -> tuple[Expr, Expr]:
        mean = total / count
        variance = (squares / count - mean * mean).maximum(0.0)
        return mean.to(kind), variance.to(kind)

    return Fold((wide, wide * wide), lambda a, b: (a[0] + b[0], a[1] + b[1]), (0, 0), finish)


def moments(x: Any, dims: Dims) -> tuple[Any, Any]:
    """Mean and variance over dimensions, which are kept."""
    x = x.detach()
    if x.form.dtype is not dtypes.float64:
        mean, variance = moments_fold.apply(x, dims, True, dtypes.float32)
        return mean, variance
    mean = mean_fold.apply(x, dims, True)
    return mean, mean_fold.apply((x - mean).square(), dims, True)


@elementwise(result_of="input", graph_name="native_batch_norm", **_HIDDEN)
def scaled(input: Expr, mean: Expr, inverse: Expr, weight: Expr, bias: Expr) -> Expr:
    """``(input - mean) * inverse * weight + bias``."""
    return (input - mean) * (inverse * weight) + bias


# ---- channels -----------------------------------------------------------------------------------


def _channel_samples(draw: Draw) -> Iterable[Call]:
    if not draw.floating:
        return
    yield call(draw(4, 3), None, None, None, None, True)
    yield call(draw(4, 3, 5), None, None, draw(3), draw(3), True)
    yield call(draw(2, 3, 5), draw(3).detach(), draw(3, low=0.5).detach(), draw(3), draw(3))


def _channel_reference(
    x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    dims = (0, *range(2, x.ndim))

    def along(v: Any) -> Any:
        return v.reshape(1, -1, *(1,) * (x.ndim - 2))

    m, v = (x.mean(dims), x.var(dims)) if training else (mean, var)
    y = (x - along(m)) / np.sqrt(along(v) + eps)
    return y * (1 if weight is None else along(weight)) + (0 if bias is None else along(bias))


def _check_channels(name: str, count: int, **given: Any) -> None:
    for what, values in given.items():
        if values is not None and values.form.numel != count:
            raise RuntimeError(
                f"{name}: {what} should contain {count} elements not {values.form.numel}"
            )


def _follow(running: Any, current: Any, momentum: float) -> None:
    """Move a running statistic towards the current one, in place."""
    running.mul_(1 - momentum).add_(current.reshape(running.shape).to(running.dtype),
                                    alpha=momentum)  # fmt: skip


def _channel_plan(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any
) -> ChannelNorm:
    given = (weight, bias, running_mean, running_var)
    key = (input.form, *[None if x is None else x.form for x in given])
    found: ChannelNorm | None = batch_norm_of.plans.get(key)
    if found is None:
        found = batch_norm_of.plans[key] = ChannelNorm(*key)
    return found


def _over_channels(
    name: str, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any,
    training: bool, momentum: float, eps: float,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The result, and mean and inverse deviation of every channel."""
    if input.form.dtype.kind != "f":
        raise not_implemented(name, input)
    if input.form.ndim == 1 and input.form.numel == 0:
        return input.clone(), input.new_zeros(0), input.new_zeros(0)
    if input.ndim < 2:
        raise RuntimeError(f"{name}: expected at least 2D input, but got {input.ndim}D")
    count = input.shape[1]
    _check_channels(name, count, running_mean=running_mean, running_var=running_var,
                    weight=weight, bias=bias)  # fmt: skip
    if not training and (running_mean is None or running_var is None):
        which = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(f"{name}: {which} must be defined in evaluation mode")
    if input.form.numel == 0:
        nothing = input.new_zeros(count)
        return input.clone(), nothing, nothing
    if not input.form.contiguous:
        input = input.contiguous()
    if training:
        plan = _channel_plan(input, weight, bias, running_mean, running_var)
        running = [x for x in (running_mean, running_var) if x is not None]
        found: tuple[Any, Any, Any] = batch_norm_of.with_extras(
            input, weight, bias, running, float(momentum), float(eps), plan
        )
        return found
    shape = [1] * input.ndim
    shape[1] = count
    weight = None if weight is None else weight.reshape(shape)
    bias = None if bias is None else bias.reshape(shape)
    inverse = (running_var + eps).rsqrt()
    out = scaled.apply(
        (input, running_mean.reshape(shape), inverse.reshape(shape),
         1.0 if weight is None else weight, 0.0 if bias is None else bias)
    )  # fmt: skip
    return out, input.new_zeros(0), input.new_zeros(0)


@composite(
    namespace=NN, as_method=False, samples=_channel_samples, reference=_channel_reference
)
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Every channel less its mean, over its deviation (Ioffe and Szegedy, 2015).

    Args:
        input: ``(N, C, *)``.
        running_mean, running_var: ``(C)``; followed in training, and used otherwise.
        weight, bias: ``(C)``: what the result is multiplied by, and what is added.
        training: whether mean and variance are those of the input.
        momentum: how fast the running statistics follow.
        eps: added to the variance.

    Raises:
        RuntimeError: when something does not have an element for every channel, or running
            statistics are missing outside of training.
        ValueError: in training, when channels have a single element.

    >>> import argand
    >>> x = argand.tensor([[1.0], [3.0]])
    >>> argand.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training and input.form.ndim >= 2:
        shape = input.form.shape
        if shape[0] * prod(shape[2:]) == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {shape}"
            )
    return _over_channels(
        "batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps
    )[0]


@composite(
    name="batch_norm",
    as_method=False,
    samples=lambda draw: [
        call(draw(4, 3), draw(3), draw(3), None, None, True, 0.1, 1e-4, False),
    ]
    if draw.floating and not draw.complex else [],
)  # fmt: skip
def batch_norm_package(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """`nn.functional.batch_norm` with its arguments in another order.

    >>> import argand
    >>> x = argand.tensor([[1.0], [3.0]])
    >>> argand.batch_norm(x, None, None, None, None, True, 0.1, 0.0, False)
    tensor([[-1.],
            [ 1.]])
    """
    return _over_channels(
        "batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps
    )[0]


@composite(
    as_method=False,
    samples=lambda draw: [call(draw(4, 3, 2), draw(3), draw(3), None, None, True, 0.1, 1e-5)]
    if draw.floating else [],
)  # fmt: skip
def native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """`batch_norm`, and the mean and the inverse deviation of every channel.

    >>> import argand
    >>> x = argand.tensor([[1.0], [3.0]])
    >>> argand.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)[1]
    tensor([2.])
    """
    out, *statistics = _over_channels(
        "native_batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    mean, inverse = [x.to(input.dtype) for x in statistics]
    return out, mean, inverse


# ---- groups and instances -----------------------------------------------------------------------


def _over_groups(
    name: str, input: Any, groups: int, weight: Any, bias: Any, eps: float
) -> tuple[Any, Any, Any]:
    if input.form.dtype.kind != "f":
        raise not_implemented(name, input)
    if input.ndim < 2:
        raise RuntimeError(f"{name}: expected at least 2D input, but got {input.ndim}D")
    batch, channels = input.shape[:2]
    if groups <= 0 or channels % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={groups}"
        )
    _check_channels(name, channels, weight=weight, bias=bias)
    if input.form.numel == 0:
        nothing = input.new_zeros(batch, groups)
        return input.clone(), nothing, nothing
    input, weight, bias = _plain(input, weight, bias)
    plan = _group_plan(input, groups, weight, bias, float(eps))
    found: tuple[Any, Any, Any] = group_norm_of.with_extras(input, weight, bias, plan)
    return found


def _plain(*given: Any) -> list[Any]:
    """Tensors (or None) in row-major order."""
    return [x if x is None or x.form.contiguous else x.contiguous() for x in given]


def _group_plan(input: Any, groups: int, weight: Any, bias: Any, eps: float) -> RowNorm:
    scale, offset = (None if x is None else x.form for x in (weight, bias))
    key = (input.form, groups, scale, offset, eps)
    found: RowNorm | None = group_norm_of.plans.get(key)
    if found is None:
        batch, channels, *sizes = input.form.shape
        rows = Rows(batch, groups, channels // groups, prod(sizes))
        found = group_norm_of.plans[key] = RowNorm(input.form, scale, offset, rows, eps)
    return found


def _group_reference(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    y = x.reshape(x.shape[0], groups, -1)
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + eps)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    y = y.reshape(x.shape) * (1 if weight is None else weight.reshape(shape))
    return y + (0 if bias is None else bias.reshape(shape))


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 6, 5), 3), call(draw(2, 6, 2, 2), 2, draw(6), draw(6)),
        call(draw(3, 4), 2, draw(4)),
    ] if draw.floating else [],
    reference=_group_reference,
)  # fmt: skip
def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Groups of channels, each less its mean and over its deviation (Wu and He, 2018).

    Args:
        input: ``(N, C, *)``.
        num_groups: into how many groups the channels are divided.
        weight, bias: ``(C)``.

    >>> import argand
    >>> argand.nn.functional.group_norm(argand.tensor([[1.0, 3.0, 2.0, 2.0]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    shape = input.form.shape
    if len(shape) >= 2 and num_groups and shape[0] * shape[1] * prod(shape[2:]) == num_groups:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    return _over_groups("group_norm", input, num_groups, weight, bias, eps)[0]


@composite(
    name="group_norm",
    as_method=False,
    samples=lambda draw: [call(draw(2, 4, 3), 2, draw(4), draw(4), 1e-4)]
    if draw.floating and not draw.complex else [],
)  # fmt: skip
def group_norm_package(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:  # fmt: skip
    """`nn.functional.group_norm` with one argument more, which means nothing here.

    >>> import argand
    >>> argand.group_norm(argand.tensor([[1.0, 3.0]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    return _over_groups("group_norm", input, num_groups, weight, bias, eps)[0]


@operation(graph_name="native_group_norm", **_HIDDEN)
def group_statistics(rows: Any, mean: Any, inverse: Any, eps: float) -> Any:
    """Mean and inverse deviation of rows ``(batch, groups, elements)``, with their gradient."""
    return mean, inverse


@group_statistics.vjp(saves="rows")
def _group_statistics_vjp(g: Any, out: Any, rows: Any, mean: Any, inverse: Any, eps: float) -> Any:
    share = 1.0 / rows.shape[2]
    slope: Any = 0.0 if g[0] is None else (g[0] * share).unsqueeze(2)
    if g[1] is not None:
        centered = rows - rows.mean(2, True)
        deviation = (centered.square().mean(2, True) + eps).rsqrt()
        slope = slope - g[1].unsqueeze(2) * share * deviation**3 * centered
    return slope.expand(rows.shape), None, None, None


def _native_call(draw: Draw) -> Call:
    """PyTorch reads no strides here."""
    arguments = [draw(*sizes).contiguous() for sizes in ((2, 4, 3), (4,), (4,))]
    return call(*arguments, 2, 4, 3, 2, 1e-4)


@composite(
    as_method=False,
    samples=lambda draw: [_native_call(draw)]
    if draw.floating and not draw.complex else [],
)  # fmt: skip
def native_group_norm(
    input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Any, Any, Any]:
    """`group_norm`, and the mean and the inverse deviation of every group.

    >>> import argand
    >>> argand.native_group_norm(argand.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)[1]
    tensor([[2.]])
    """
    shape = input.shape
    out, mean, inverse = _over_groups(
        "native_group_norm", input.reshape(N, C, HxW), group, weight, bias, eps
    )
    rows = input.reshape(N, group, C * HxW // group)
    mean, inverse = group_statistics(rows, mean, inverse, float(eps))
    return out.reshape(shape), mean, inverse


def _instance_reference(x: Any, *settings: Any, weight: Any = None, bias: Any = None) -> Any:
    return _group_reference(x, x.shape[1], weight, bias)


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3, 5)), call(draw(2, 3, 4, 2), weight=draw(3), bias=draw(3)),
    ] if draw.floating else [],
    reference=_instance_reference,
)  # fmt: skip
def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Every channel of every instance less its mean, over its deviation (Ulyanov et al., 2016).

    Args:
        input: ``(N, C, *)``.
        running_mean, running_var: ``(C)``; followed, or used without `use_input_stats`.
        weight, bias: ``(C)``.

    >>> import argand
    >>> argand.nn.functional.instance_norm(argand.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    name, shape = "instance_norm", input.form.shape
    if not use_input_stats:
        return _over_channels(
            name, input, running_mean, running_var, weight, bias, False, momentum, eps
        )[0]
    if input.form.dtype.kind != "f":
        raise not_implemented("batch_norm", input)
    if len(shape) < 3:
        raise RuntimeError(message(name, "expected at least 3D input", f"{len(shape)}D"))
    if prod(shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {shape}"
        )
    count = shape[1]
    _check_channels(name, count, running_mean=running_mean, running_var=running_var,
                    weight=weight, bias=bias)  # fmt: skip
    input, weight, bias = _plain(input, weight, bias)
    if running_mean is not None or running_var is not None:
        mean, variance = moments(input, tuple(range(2, len(shape))))
        number = prod(shape[2:])
        if running_mean is not None:
            _follow(running_mean.detach(), mean.mean(0), momentum)
        if running_var is not None:
            unbiased = variance.mean(0) * (number / (number - 1))
            _follow(running_var.detach(), unbiased, momentum)
    return instance_norm_of(
        input, weight, bias, _group_plan(input, count, weight, bias, float(eps))
    )


@composite(
    name="instance_norm",
    as_method=False,
    samples=lambda draw: [
        call(draw(2, 3, 4), draw(3), draw(3), None, None, True, 0.1, 1e-4, False),
    ]
    if draw.floating and not draw.complex else [],
)  # fmt: skip
def instance_norm_package(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """`nn.functional.instance_norm` with its arguments in another order.

    >>> import argand
    >>> x = argand.tensor([[[1.0, 3.0]]])
    >>> argand.instance_norm(x, None, None, None, None, True, 0.1, 0.0, False)
    tensor([[[-1.,  1.]]])
    """
    return instance_norm.body(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def check_rows(name: str, input: Any, shape: Sequence[int], weight: Any, bias: Any) -> int:
    """How many elements rows of `shape` have, which must be the input's last sizes."""
    if not isinstance(shape, tuple | list):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' must be tuple of ints, not "
            f"{type(shape).__name__}"
        )
    wanted = tuple(shape)
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for what, values in (("weight", weight), ("bias", bias)):
        if values is not None and tuple(values.shape) != wanted:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(values.shape)} and normalized_shape = {list(wanted)}"
            )
    if tuple(input.shape[-len(wanted) :]) != wanted or input.ndim < len(wanted):
        sizes = ", ".join(map(str, wanted))
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [*, {sizes}], but "
            f"got input of size{list(input.shape)}"
        )
    return prod(wanted)


def checked_kind(name: str, input: Any, kinds: str = "f") -> dtype:
    """The type of the input, if the operation takes it."""
    kind: dtype = input.form.dtype
    if kind.kind not in kinds:
        raise not_implemented(name, input)
    return kind
