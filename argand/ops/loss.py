"""Losses."""

from __future__ import annotations

import ctypes
import warnings
from functools import cache
from typing import Any

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.errors import message
from argand.kernels.expr import LEFT, RIGHT, Expr, const, leaf, row_index, row_max, row_sum
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import Monoid, monoid
from argand.ops.fold import reduce_two
from argand.ops.function import composite, operation
from argand.ops.map import elementwise
from argand.ops.rowwise import row
from argand.runtime.layout import Layout, dense
from argand.runtime.tensor_base import make

NN = "nn.functional"
REDUCTIONS = ("none", "mean", "sum")


def reduced(values: Any, reduction: str) -> Any:
    """The losses of all elements, their mean, or their sum."""
    if reduction == "mean":
        return values.mean()
    if reduction == "sum":
        return values.sum()
    if reduction == "none":
        return values
    raise ValueError(f"{reduction} is not a valid value for reduction")


def _same_sizes(name: str, input: Any, target: Any) -> None:
    """PyTorch broadcasts with a warning where sizes differ."""
    if input.layout.shape != target.layout.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


@elementwise(as_method=False, as_function=False)
def squared_error(input: Expr, target: Expr) -> Expr:
    """``(input - target) ** 2``."""
    difference = input - target
    return difference * difference


@composite(namespace=NN, as_method=False)
def mse_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
             reduction: str = "mean", weight: Any = None) -> Any:  # fmt: skip
    """The mean of the squared differences.

    >>> import argand
    >>> argand.nn.functional.mse_loss(argand.zeros(2), argand.ones(2))
    tensor(1.)
    """
    _same_sizes("mse_loss", input, target)
    losses = squared_error(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@composite(namespace=NN, as_method=False)
def l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
            reduction: str = "mean", weight: Any = None) -> Any:  # fmt: skip
    """The mean of the absolute differences.

    >>> import argand
    >>> argand.nn.functional.l1_loss(argand.zeros(2), argand.ones(2))
    tensor(1.)
    """
    _same_sizes("l1_loss", input, target)
    losses = (input - target).abs()
    return reduced(losses if weight is None else losses * weight, reduction)


@elementwise(as_method=False, as_function=False)
def huber(input: Expr, target: Expr, delta: float = 1.0, scaled: bool = False) -> Expr:
    """Squared near zero, linear beyond `delta`; divided by `delta` when `scaled`."""
    size = (input - target).abs()
    near = size * size * 0.5
    far = (size - 0.5 * delta) * delta
    losses = (size < delta).where(near, far)
    return losses / delta if scaled else losses


@composite(namespace=NN, as_method=False)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0,
               weight: Any = None) -> Any:  # fmt: skip
    """Squared differences below `delta`, linear ones above (Huber, 1964).

    >>> import argand
    >>> argand.nn.functional.huber_loss(argand.zeros(1), argand.full((1,), 3.0))
    tensor(2.5000)
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _same_sizes("huber_loss", input, target)
    losses = huber(input, target, delta)
    return reduced(losses if weight is None else losses * weight, reduction)


@composite(namespace=NN, as_method=False)
def smooth_l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
                   reduction: str = "mean", beta: float = 1.0) -> Any:  # fmt: skip
    """Squared differences over ``2 beta`` below `beta`, linear ones above.

    >>> import argand
    >>> argand.nn.functional.smooth_l1_loss(argand.zeros(1), argand.full((1,), 3.0))
    tensor(2.5000)
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss.body(input, target, reduction=reduction)
    _same_sizes("smooth_l1_loss", input, target)
    return reduced(huber(input, target, beta, True), reduction)


@elementwise(as_method=False, as_function=False)
def cross_entropy_of_probability(input: Expr, target: Expr) -> Expr:
    """``-target log(input) - (1 - target) log(1 - input)``; logarithms are at least -100."""
    yes = input.log().maximum(-100.0)
    no = (-input).log1p().maximum(-100.0)
    return (target - 1) * no - target * yes


@composite(namespace=NN, as_method=False)
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, size_average: Any = None,
                         reduce: Any = None, reduction: str = "mean") -> Any:  # fmt: skip
    """The cross entropy of probabilities with targets between 0 and 1.

    >>> import argand
    >>> argand.nn.functional.binary_cross_entropy(argand.tensor([0.5]), argand.ones(1))
    tensor(0.6931)
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    losses = cross_entropy_of_probability(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@elementwise(as_method=False, as_function=False)
def cross_entropy_of_logit(input: Expr, target: Expr) -> Expr:
    """``-target log(sigmoid(input)) - (1 - target) log(1 - sigmoid(input))``, without overflow."""
    limited = (input > 0).where(input, input.constant(0))
    return limited - input * target + (-input.abs()).exp().log1p()


@composite(namespace=NN, as_method=False)
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Any = None,
) -> Any:  # fmt: skip
    """`binary_cross_entropy` of ``sigmoid(input)``, without overflow.

    >>> import argand
    >>> argand.nn.functional.binary_cross_entropy_with_logits(argand.zeros(1), argand.ones(1))
    tensor(0.6931)
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if pos_weight is None:
        losses = cross_entropy_of_logit(input, target)
    else:
        log_weight = 1 + (pos_weight - 1) * target
        softened = (-input.abs()).exp().log1p() + (-input).clamp(min=0)
        losses = (1 - target) * input + log_weight * softened
    return reduced(losses if weight is None else losses * weight, reduction)


@composite(namespace=NN, as_method=False)
def kl_div(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
           reduction: str = "mean", log_target: bool = False) -> Any:  # fmt: skip
    """The divergence of Kullback and Leibler; `input` holds logarithms of probabilities.

    >>> import argand
    >>> argand.nn.functional.kl_div(argand.zeros(1), argand.ones(1), reduction="sum")
    tensor(0.)
    """
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = (target * target.log()).masked_fill(target == 0, 0.0) - target * input
    if reduction == "batchmean":
        return losses.sum() / input.shape[0]
    return reduced(losses, reduction)


# ---- classes ------------------------------------------------------------------------------------


@row(per_row=(False, True), outputs_per_row=(True, True), as_method=False, as_function=False)
def cross_entropy_rows(input: Expr, target: Expr) -> tuple[Expr, Expr]:
    """The loss of each row of logits, and the logarithm of its sum of exponentials."""
    top = row_max(input)
    total = row_sum((input - top).exp()).log() + top
    chosen = row_sum(row_index().eq(target).where(input, input.constant(0)))
    return total - chosen, total


@row(per_row=(False, True, True, True), as_method=False, as_function=False)
def cross_entropy_slope(input: Expr, target: Expr, total: Expr, scale: Expr) -> Expr:
    """``scale * (softmax(input) - one_hot(target))``; rows with a negative target have 0."""
    probability = (input - total).exp()
    slope = row_index().eq(target).where(probability - 1, probability)
    return (target < 0).where(input.constant(0), slope * scale)


@cache
def _mean_of_valid(kind: Any, ignored: int, classes: int) -> Monoid:
    """Over (loss, target): the sum of losses of valid targets, their number, the invalid ones."""
    loss, target = input_leaf(0, kind), input_leaf(1, dtypes.int64)
    zero, one = const(0, dtypes.int64), const(1, dtypes.int64)
    kept = target.ne(ignored)
    wrong = kept & ((target < 0) | (target >= classes))
    lift = (kept.where(loss, loss.constant(0)), kept.where(one, zero), wrong.where(one, zero))
    sides = [[leaf(side, i, e.dtype) for i, e in enumerate(lift)] for side in (LEFT, RIGHT)]
    joined = [a + b for a, b in zip(*sides)]
    total, count, faults = sides[0]
    return monoid(
        lift, joined, [e.constant(0) for e in lift],
        (total / count.to(kind), total, 1 / count.to(kind), faults),
    )  # fmt: skip


class _Classes:
    """How the cross entropy of logits (rows, classes) with class numbers is computed."""

    def __init__(self, logits: Layout, target: Layout, ignored: int) -> None:
        kind = logits.dtype
        rows = dense(kind, target.shape)
        scalars = [dense(kind, ()), dense(kind, ()), dense(kind, ()), dense(dtypes.int64, ())]
        self.classes = logits.shape[1]
        self.finish = reduce_two(
            _mean_of_valid(kind, ignored, self.classes), [rows, dense(dtypes.int64, target.shape)],
            scalars,
        )  # fmt: skip
        self.layouts = scalars


_classes: dict[tuple[Any, ...], _Classes] = {}


@operation(as_method=False, as_function=False, name="cross_entropy_loss")
def class_loss(input: Any, target: Any, ignored: int, mean: bool) -> Any:
    """Mean (or sum) over the rows of the cross entropy, and what the gradient needs."""
    key = (input.layout, target.layout, ignored)
    plan = _classes.get(key)
    if plan is None:
        plan = _classes[key] = _Classes(input.layout, target.layout, ignored)
    rows, totals = cross_entropy_rows.compute((input, target), 1)[1]
    mean_loss, sum_loss, share, faults = plan.finish(rows.ptr, target.ptr)
    if ctypes.c_int64.from_address(faults.ptr).value:
        raise _out_of_bounds(target, ignored, plan.classes)
    chosen = make(mean_loss if mean else sum_loss, plan.layouts[0])
    return chosen, totals, make(share, plan.layouts[2])


def _out_of_bounds(target: Any, ignored: int, classes: int) -> IndexError:
    wrong = next(
        t for t in target.flatten().tolist() if t != ignored and not 0 <= t < classes
    )
    return IndexError(
        message("cross_entropy", f"Target {wrong} is out of bounds", "", f"{classes} classes")
    )


@class_loss.vjp(saves="input target out")
def _class_loss_vjp(
    gradients: Any, outputs: Any, input: Any, target: Any, ignored: int, mean: bool
) -> Any:
    g = gradients[0]
    _, totals, share = outputs
    if mode.enabled and (g.node is not None or input.node is not None):
        return _class_loss_slope(g, input, target, ignored, mean), None, None, None
    scale = (g * share if mean else g).expand(target.shape)
    if ignored >= 0:
        target = target.masked_fill(target == ignored, -1)
    return cross_entropy_slope.apply((input, target, totals, scale), 1), None, None, None


def _class_loss_slope(g: Any, input: Any, target: Any, ignored: int, mean: bool) -> Any:
    """The same gradient from operations that can be differentiated again."""
    kept = target != ignored
    safe = target.masked_fill(~kept, 0)
    hot = input.new_zeros(input.shape).scatter(1, safe.unsqueeze(1), 1.0)
    weight = kept.to(input.dtype)
    if mean:
        weight = weight / weight.sum()
    return (input.softmax(1) - hot) * (weight * g).unsqueeze(1)


@composite(namespace=NN, as_method=False)
def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """The cross entropy of logits with class numbers, or with probabilities.

    Args:
        input: logits: ``(C)``, ``(N, C)`` or ``(N, C, d1, ...)``.
        target: class numbers ``()``, ``(N)`` or ``(N, d1, ...)``; or probabilities like `input`.
        weight: one factor per class, or None.
        ignore_index: a class number that does not count.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: share of the target that is spread over all classes.

    Raises:
        IndexError: when a class number is out of range.

    >>> import argand
    >>> argand.nn.functional.cross_entropy(argand.zeros(1, 2), argand.tensor([0]))
    tensor(0.6931)
    """
    plain = weight is None and not label_smoothing and reduction in ("mean", "sum")
    if (
        plain
        and input.layout.ndim == 2
        and target.layout.dtype is dtypes.int64
        and input.layout.dtype.kind == "f"
        and input.layout.dtype.itemsize >= 4
        and target.layout.shape == input.layout.shape[:1]
        and input.layout.numel
    ):
        target = target if target.layout.contiguous else target.contiguous()
        return class_loss(input, target, ignore_index, reduction == "mean")[0]
    return _general_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def _general_cross_entropy(
    input: Any, target: Any, weight: Any, ignored: int, reduction: str, smoothing: float
) -> Any:
    axis = 0 if input.ndim == 1 else 1
    logs = input.log_softmax(axis)
    if target.layout.dtype.kind == "f":
        if target.shape != input.shape:
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities to have the "
                f"input's shape {list(input.shape)}, but got {list(target.shape)}"
            )
        if smoothing:
            target = target * (1 - smoothing) + smoothing / input.shape[axis]
        losses = -(logs * target * _along(weight, axis, input)).sum(axis)
        if reduction == "mean":
            return losses.sum() / max(1, losses.numel())
        return reduced(losses, reduction)
    plain = nll_loss.body(logs, target, weight, ignore_index=ignored, reduction=reduction)
    if not smoothing:
        return plain
    kept = target != ignored
    spread = -(logs * _along(weight, axis, input)).sum(axis).masked_fill(~kept, 0.0)
    spread = spread / input.shape[axis]
    if reduction == "mean":
        if weight is None:
            spread = spread.sum() / kept.sum()
        else:
            spread = spread.sum() / weight[target.masked_fill(~kept, 0)].masked_fill(~kept, 0).sum()
    else:
        spread = reduced(spread, reduction)
    return plain * (1 - smoothing) + spread * smoothing


def _along(weight: Any, axis: int, input: Any) -> Any:
    """Class weights in the shape that multiplies logits; 1 without weights."""
    if weight is None:
        return 1
    return weight.reshape([-1 if d == axis else 1 for d in range(input.ndim)])


@composite(namespace=NN, as_method=False)
def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative logarithm of the target's probability; `input` holds logarithms.

    >>> import argand
    >>> argand.nn.functional.nll_loss(argand.tensor([[-1.0, -2.0]]), argand.tensor([1]))
    tensor(2.)
    """
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    if tuple(target.shape) != (*input.shape[:axis], *input.shape[axis + 1 :]):
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 1})."
        )
    kept = target != ignore_index
    if (kept & ((target < 0) | (target >= classes))).any().item():
        raise _out_of_bounds(target, ignore_index, classes)
    safe = target.masked_fill(~kept, 0)
    losses = -input.gather(axis, safe.unsqueeze(axis)).squeeze(axis)
    factor = kept.to(input.dtype) if weight is None else weight[safe].masked_fill(~kept, 0)
    losses = (losses * factor).masked_fill(~kept, 0.0)
    if reduction == "mean":
        return losses.sum() / factor.sum()
    return reduced(losses, reduction)
