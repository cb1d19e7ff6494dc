"""Losses."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.errors import message
from argand.kernels.expr import LEFT, RIGHT, Expr, const, leaf, row_index, row_max, row_sum
from argand.kernels.loops import input_leaf
from argand.kernels.reduce import Monoid, monoid
from argand.ops.activation import logsigmoid
from argand.ops.fold import reduce_launcher
from argand.ops.function import composite, operation
from argand.ops.map import FLOATING, elementwise
from argand.ops.rowwise import row
from argand.ops.samples import ANY, Call, Draw, Range, call
from argand.runtime.layout import Layout, dense
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import make

NN = "nn.functional"
REDUCTIONS = ("none", "mean", "sum")


def check_reduction(name: str, reduction: str) -> None:
    """Refuse what is no reduction; raises ValueError."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: {reduction} is not a valid value for reduction")


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
    if input.form.shape != target.form.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


# ---- for tests ----------------------------------------------------------------------------------


def pairs(
    *settings: dict[str, Any], input: Range = ANY, target: Range = ANY
) -> Callable[[Draw], Iterable[Call]]:
    """Samples for a loss of two tensors of one shape."""

    def samples(draw: Draw) -> Iterable[Call]:
        for chosen in ({}, {"reduction": "sum"}, {"reduction": "none"}, *settings):
            yield call(draw(3, 4, **input._asdict()), draw(3, 4, **target._asdict()), **chosen)
        yield call(draw(**input._asdict()), draw(**target._asdict()))

    return samples


def loss_reference(losses: Callable[..., Any]) -> Callable[..., Any]:
    """A loss in NumPy, from a function of input, target and settings."""

    def reference(x: Any, y: Any, reduction: str = "mean", **settings: Any) -> Any:
        values = losses(x, y, **settings)
        return values if reduction == "none" else getattr(values, reduction)()

    return reference


def _huber_reference(x: Any, y: Any, delta: float = 1.0) -> Any:
    size = np.abs(x - y)
    return np.where(size < delta, size**2 / 2, delta * (size - delta / 2))


def _smooth_reference(x: Any, y: Any, beta: float = 1.0) -> Any:
    return _huber_reference(x, y, beta) / beta if beta else np.abs(x - y)


def _divergence_reference(x: Any, y: Any, log_target: bool = False) -> Any:
    return np.exp(y) * (y - x) if log_target else y * (np.log(y) - x)


def _class_samples(draw: Draw) -> Iterable[Call]:
    yield call(draw(5, 3), draw.index(5, below=3))
    yield call(draw(5, 3), draw.index(5, below=3), ignore_index=1)
    yield call(draw(5, 3), draw.index(5, below=3), reduction="sum")
    yield call(draw(2, 3, 4), draw.index(2, 4, below=3), reduction="none")
    yield call(draw(5, 3), draw.index(5, below=3), draw(3, low=0.1).detach())
    yield call(draw(3), draw.index(below=3))


def _nll_reference(
    x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    axis = 0 if x.ndim == 1 else 1
    kept = target != ignore_index
    factor = kept if weight is None else kept * weight[target]
    chosen = np.take_along_axis(x, np.expand_dims(target, axis), axis).squeeze(axis)
    losses = -chosen * factor
    if reduction == "mean":
        return losses.sum() / factor.sum()
    return losses.sum() if reduction == "sum" else losses


def _cross_entropy_reference(x: Any, target: Any, *args: Any, **settings: Any) -> Any:
    total = np.log(np.exp(x).sum(0 if x.ndim == 1 else 1, keepdims=True))
    return _nll_reference(x - total, target, *args, **settings)


# ---- losses of elements -------------------------------------------------------------------------


@elementwise(as_method=False, as_function=False)
def squared_error(input: Expr, target: Expr) -> Expr:
    """``(input - target) ** 2``."""
    difference = input - target
    return difference * difference


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs(),
    reference=loss_reference(lambda x, y: (x - y) ** 2),
)
def mse_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
             reduction: str = "mean", weight: Any = None) -> Any:  # fmt: skip
    """The mean of the squared differences.

    >>> import argand
    >>> argand.nn.functional.mse_loss(argand.zeros(2), argand.ones(2))
    tensor(1.)
    """
    if input.form.dtype.kind not in "fc":
        raise NotImplementedError(f"\"mse_loss\" not implemented for '{input.dtype.name}'")
    _same_sizes("mse_loss", input, target)
    losses = squared_error(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs(),
    reference=loss_reference(lambda x, y: np.abs(x - y)),
)
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


@elementwise(as_method=False, as_function=False, kinds=FLOATING)
def huber(input: Expr, target: Expr, delta: float = 1.0, scaled: bool = False) -> Expr:
    """Squared near zero, linear beyond `delta`; divided by `delta` when `scaled`."""
    size = (input - target).abs()
    near = size * size * 0.5
    far = (size - 0.5 * delta) * delta
    losses = (size < delta).where(near, far)
    return losses / delta if scaled else losses


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs({"delta": 0.5}),
    reference=loss_reference(_huber_reference),
)
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


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs({"beta": 0.5}, {"beta": 0.0}),
    reference=loss_reference(_smooth_reference),
)
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


@elementwise(as_method=False, as_function=False)
def probability_slope(g: Expr, input: Expr, target: Expr) -> Expr:
    """The gradient of that loss, limited near 0 and 1 as PyTorch limits it."""
    return g * (input - target) / ((1 - input) * input).maximum(1e-12)


@operation(as_method=False, as_function=False, graph_name="binary_cross_entropy")
def probability_loss(input: Any, target: Any) -> Any:
    """The cross entropy of probabilities, per element."""
    return cross_entropy_of_probability(input.detach(), target.detach())


@probability_loss.vjp(saves="input target")
def _probability_vjp(g: Any, out: Any, input: Any, target: Any) -> Any:
    to_input = None if input.node is None else probability_slope(g, input, target)
    if target.node is None:
        return to_input, None
    return to_input, g * ((-input).log1p().clamp(min=-100) - input.log().clamp(min=-100))


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs(input=Range(0.1, 0.9), target=Range(0.1, 0.9)),
    reference=loss_reference(lambda x, y: -y * np.log(x) - (1 - y) * np.log(1 - x)),
)
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
    losses = probability_loss(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@elementwise(as_method=False, as_function=False)
def cross_entropy_of_logit(input: Expr, target: Expr) -> Expr:
    """``-target log(sigmoid(input)) - (1 - target) log(1 - sigmoid(input))``, without overflow."""
    return input.maximum(0) - input * target + (-input.abs()).exp().log1p()


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs(target=Range(0.1, 0.9)),
    reference=loss_reference(lambda x, y: np.log1p(np.exp(x)) - x * y),
)
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
        losses = (1 - target) * input + log_weight * -logsigmoid(input)
    return reduced(losses if weight is None else losses * weight, reduction)


@elementwise(as_method=False, as_function=False, graph_name="xlogy")
def entropy_term(target: Expr) -> Expr:
    """``target * log(target)``, 0 at 0."""
    return target.eq(0).where(target.constant(0), target * target.log())


@composite(
    namespace=NN,
    as_method=False,
    samples=pairs({"log_target": True}, target=Range(0.1, 0.9)),
    reference=loss_reference(_divergence_reference),
)
def kl_div(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
           reduction: str = "mean", log_target: bool = False) -> Any:  # fmt: skip
    """The divergence of Kullback and Leibler; `input` holds logarithms of probabilities.

    >>> import argand
    >>> argand.nn.functional.kl_div(argand.zeros(1), argand.ones(1), reduction="sum")
    tensor(0.)
    """
    if input.form.dtype.kind != "f" or target.form.dtype.kind != "f":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = entropy_term(target) - target * input
    if reduction == "batchmean":
        return losses.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(losses, reduction)


# ---- classes ------------------------------------------------------------------------------------


@row(per_row=(False, True), outputs_per_row=(True, True), as_method=False, as_function=False)
def cross_entropy_rows(input: Expr, target: Expr) -> tuple[Expr, Expr]:
    """The loss of each row of logits, and the logarithm of its sum of exponentials."""
    top = row_max(input)
    total = row_sum((input - top).exp()).log() + top
    chosen = row_sum(row_index().eq(target).where(input, input.constant(0)))
    return total - chosen, total


@row(per_row=(False, True, True, True, True), as_method=False, as_function=False)
def cross_entropy_slope(input: Expr, target: Expr, total: Expr, share: Expr, g: Expr) -> Expr:
    """``g * share * (softmax(input) - one_hot(target))``; 0 in rows with a negative target."""
    probability = (input - total).exp()
    slope = row_index().eq(target).where(probability - 1, probability)
    scale = (target < 0).where(share.constant(0), share * g)
    return slope * scale


@cache
def _over_valid(kind: Any, ignored: int, classes: int, mean: bool) -> Monoid:
    """Over (loss, target): the loss of the valid targets, the share of each, the invalid ones."""
    loss, target = input_leaf(0, kind), input_leaf(1, dtypes.int64)
    zero, one = const(0, dtypes.int64), const(1, dtypes.int64)
    kept = target.ne(ignored)
    wrong = kept & ((target < 0) | (target >= classes))
    lift = (kept.where(loss, loss.constant(0)), kept.where(one, zero), wrong.where(one, zero))
    sides = [[leaf(side, i, e.dtype) for i, e in enumerate(lift)] for side in (LEFT, RIGHT)]
    joined = [a + b for a, b in zip(*sides)]
    total, count, faults = sides[0]
    number = count.to(kind)
    finish = (total / number, 1 / number, faults) if mean else (total, const(1, kind), faults)
    return monoid(lift, joined, [e.constant(0) for e in lift], finish)


class _Classes:
    """How the cross entropy of logits with class numbers is computed in two kernels."""

    def __init__(self, logits: Layout, target: Layout, ignored: int, mean: bool) -> None:
        kind = logits.dtype
        self.ignored, self.mean = ignored, mean
        self.classes = logits.shape[1]
        self.rows = dense(kind, target.shape)
        self.scalar = dense(kind, ())
        self.losses = cross_entropy_rows.prepare([logits, target], 1).run
        self.finish = reduce_launcher(
            _over_valid(kind, ignored, self.classes, mean),
            [self.rows, dense(dtypes.int64, target.shape)],
            [0],
            [self.scalar, self.scalar, dense(dtypes.int64, ())],
        )


_UNKNOWN: Any = object()
_classes: dict[tuple[Any, ...], _Classes | None] = {}


def _plan_classes(logits: Layout, target: Layout, ignored: int, reduction: str) -> _Classes | None:
    """The plan for these logits and targets; None where it needs a more general way."""
    fits = (
        reduction in ("mean", "sum")
        and logits.ndim == 2
        and logits.numel > 0
        and logits.dtype in (dtypes.float32, dtypes.float64)
        and target.dtype is dtypes.int64
        and target.contiguous
        and target.shape == logits.shape[:1]
    )
    return _Classes(logits, target, ignored, reduction == "mean") if fits else None


@operation(as_method=False, as_function=False, graph_name="nll_loss", extras=True)
def class_loss(input: Any, target: Any, plan: _Classes) -> Any:
    """Mean (or sum) over the rows of the cross entropy, and what the gradient needs."""
    size = plan.rows.nbytes
    rows, totals = allocate(size), allocate(size)
    plan.losses(input.ptr, target.ptr, rows.ptr, totals.ptr)
    loss, share, faults = plan.finish(rows.ptr, target.ptr)
    if ctypes.c_int64.from_address(faults.ptr).value:
        raise _out_of_bounds(target, plan.ignored, plan.classes)
    return make(loss, plan.scalar), make(totals, plan.rows), make(share, plan.scalar)


def _out_of_bounds(target: Any, ignored: int, classes: int) -> IndexError:
    wrong = next(
        t for t in target.flatten().tolist() if t != ignored and not 0 <= t < classes
    )
    return IndexError(
        message("cross_entropy", f"Target {wrong} is out of bounds", "", f"{classes} classes")
    )


@class_loss.vjp(saves="input target")
def _class_loss_vjp(g: Any, extras: Any, input: Any, target: Any, plan: _Classes) -> Any:
    if mode.enabled and (g.node is not None or input.node is not None):
        return _class_loss_slope(g, input, target, plan.ignored, plan.mean), None, None
    totals, share = extras
    if plan.ignored >= 0:
        target = target.masked_fill(target == plan.ignored, -1)
    return cross_entropy_slope.apply((input, target, totals, share, g), 1), None, None


def _class_loss_slope(g: Any, input: Any, target: Any, ignored: int, mean: bool) -> Any:
    """The same gradient from operations that can be differentiated again."""
    kept = target != ignored
    safe = target.masked_fill(~kept, 0)
    hot = input.new_zeros(input.shape).scatter(1, safe.unsqueeze(1), 1.0)
    weight = kept.to(input.dtype)
    if mean:
        weight = weight / weight.sum()
    return (input.softmax(1) - hot) * (weight * g).unsqueeze(1)


@composite(
    namespace=NN,
    as_method=False,
    samples=_class_samples,
    reference=_cross_entropy_reference,
)
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
    if weight is None and not label_smoothing:
        key = (input.form, target.form, ignore_index, reduction)
        plan = _classes.get(key, _UNKNOWN)
        if plan is _UNKNOWN:
            plan = _classes[key] = _plan_classes(*key)
        if plan is not None:
            return class_loss(input, target, plan)
    return _general_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def _general_cross_entropy(
    input: Any, target: Any, weight: Any, ignored: int, reduction: str, smoothing: float
) -> Any:
    axis = 0 if input.ndim == 1 else 1
    logs = input.log_softmax(axis)
    if target.form.dtype.kind == "f":
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


@composite(namespace=NN, as_method=False, samples=_class_samples, reference=_nll_reference)
def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative logarithm of the target's probability; `input` holds logarithms.

    >>> import argand
    >>> argand.nn.functional.nll_loss(argand.tensor([[-1.0, -2.0]]), argand.tensor([1]))
    tensor(2.)
    """
    if input.form.dtype.kind != "f":
        raise NotImplementedError(f"\"nll_loss\" not implemented for '{input.dtype.name}'")
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
