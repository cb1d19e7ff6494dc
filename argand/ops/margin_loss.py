"""Losses of margins, distances and distributions, and the distances they use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from argand.ops.activation import logsigmoid
from argand.ops.arrays import as_array, from_array
from argand.ops.function import composite
from argand.ops.linalg import vector_norm
from argand.ops.loss import NN, check_reduction, pairs, reduced
from argand.ops.samples import POSITIVE, Draw, call
from argand.runtime.layout import broadcast_shapes

_FLOATS = ("float32", "float64")


def _only_floats(samples: Callable[[Draw], Any]) -> Callable[[Draw], Any]:
    def chosen(draw: Draw) -> Any:
        return samples(draw) if draw.kind in map(draw.dtype, _FLOATS) else []

    return chosen


def _signs(draw: Draw, *shape: int) -> Any:
    """Targets that are 1 or -1."""
    return (draw.index(*shape, below=2) * 2 - 1).to(draw.kind)


# ---- distances ----------------------------------------------------------------------------------


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("cosine_similarity",),
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(3, 4), draw(4), 0), call(draw(2, 3), draw(2, 3), -1)
    ]),
)  # fmt: skip
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along `dim`; lengths are at least `eps`.

    >>> import argand
    >>> x = argand.tensor([[1.0, 0.0]])
    >>> argand.nn.functional.cosine_similarity(x, argand.tensor([[3.0, 0.0]]))
    tensor([1.])
    """
    if x1.form.dtype.kind not in "fc" or x2.form.dtype.kind not in "fc":
        raise RuntimeError(
            f"cosine_similarity: expected both inputs to be floating-point, but got {x1.dtype} and "
            f"{x2.dtype}"
        )
    shape = broadcast_shapes((x1.form.shape, x2.form.shape))
    x1, x2 = x1.expand(shape), x2.expand(shape)
    first, second = (
        x / vector_norm.body(x, 2, dim, True).clamp_min(eps) for x in (x1, x2)
    )
    return (first * second).sum(dim)


@composite(
    namespace=NN,
    as_method=False,
    elsewhere=("pairwise_distance",),
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), draw(3, 4)), call(draw(3, 4), draw(4), 1.0, 1e-6, True),
    ]),
)  # fmt: skip
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """The `p`-norm of ``x1 - x2 + eps`` along the last dimension.

    >>> import argand
    >>> x = argand.tensor([[3.0, 4.0]])
    >>> argand.nn.functional.pairwise_distance(x, argand.zeros(1, 2))
    tensor([5.0000])
    """
    return vector_norm.body(x1 - x2 + eps, p, -1, keepdim)


# ---- two classes --------------------------------------------------------------------------------


@composite(
    namespace=NN, as_method=False,
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), _signs(draw, 3, 4), reduction=r) for r in ("mean", "sum", "none")
    ]),
    reference=None,
)  # fmt: skip
def soft_margin_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None,
                     reduction: str = "mean") -> Any:  # fmt: skip
    """``log(1 + exp(-target * input))``, for targets 1 and -1.

    >>> import argand
    >>> argand.nn.functional.soft_margin_loss(argand.zeros(1), argand.ones(1))
    tensor(0.6931)
    """
    return reduced((-target * input).exp().log1p(), reduction)


@composite(
    namespace=NN, as_method=False, elsewhere=("margin_ranking_loss",),
    samples=_only_floats(lambda draw: [
        call(draw(5), draw(5), _signs(draw, 5)), call(draw(5), draw(5), _signs(draw, 5), 0.5),
    ]),
)  # fmt: skip
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """``max(0, -target * (input1 - input2) + margin)``: which of two should be larger.

    >>> import argand
    >>> one = argand.ones(1)
    >>> argand.nn.functional.margin_ranking_loss(one, 3 * one, one)
    tensor(2.)
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape}"
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@composite(
    namespace=NN, as_method=False, elsewhere=("hinge_embedding_loss",),
    samples=_only_floats(lambda draw: [
        call(draw(5), _signs(draw, 5)), call(draw(5), _signs(draw, 5), 0.5),
    ]),
)  # fmt: skip
def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    >>> import argand
    >>> argand.nn.functional.hinge_embedding_loss(argand.zeros(1), -argand.ones(1))
    tensor(1.)
    """
    apart = (margin - input).clamp_min(0).masked_fill(target == 1, 0)
    close = input.masked_fill(target == -1, 0)
    return reduced(apart + close, reduction)


@composite(
    namespace=NN, as_method=False, elsewhere=("cosine_embedding_loss",),
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), draw(3, 4), _signs(draw, 3)),
        call(draw(3, 4), draw(3, 4), _signs(draw, 3), 0.5),
    ]),
)  # fmt: skip
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """``1 - cosine`` where the target is 1, ``max(0, cosine - margin)`` where it is -1.

    >>> import argand
    >>> x = argand.ones(1, 2)
    >>> argand.nn.functional.cosine_embedding_loss(x, -x, argand.ones(1))
    tensor(2.)
    """
    if target.ndim not in (0, 1) or input1.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12
    product = (input1 * input2).sum(-1)
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = product / squares.sqrt()
    losses = (1 - cosine).masked_fill(target != 1, 0)
    losses = losses + (cosine - margin).clamp_min(0).masked_fill(target != -1, 0)
    return reduced(losses, reduction)


# ---- triplets -----------------------------------------------------------------------------------


def _triplet_samples(draw: Draw) -> Any:
    yield call(draw(3, 4), draw(3, 4), draw(3, 4))
    yield call(draw(3, 4), draw(3, 4), draw(3, 4), 0.5, swap=True)


@composite(
    namespace=NN, as_method=False, elsewhere=("triplet_margin_loss",),
    samples=_only_floats(_triplet_samples),
)  # fmt: skip
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """``max(0, margin + distance to positive - distance to negative)``.

    With `swap` the distance of the negative to the positive counts where it is the smaller one.

    >>> import argand
    >>> x = argand.zeros(1, 2)
    >>> argand.nn.functional.triplet_margin_loss(x, x, x)
    tensor(1.)
    """
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, but got {margin}")

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance.body(a, b, p, eps)

    return _triplets(anchor, positive, negative, distance, margin, swap, reduction)


def _triplets(
    anchor: Any, positive: Any, negative: Any, distance: Callable[[Any, Any], Any], margin: float,
    swap: bool, reduction: str,
) -> Any:  # fmt: skip
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)


@composite(namespace=NN, as_method=False, samples=_only_floats(
    lambda draw: [call(draw(3, 4), draw(3, 4), draw(3, 4))]
))  # fmt: skip
def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *, distance_function: Any = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Any:  # fmt: skip
    """`triplet_margin_loss` with any distance.

    >>> import argand
    >>> x = argand.zeros(1, 2)
    >>> argand.nn.functional.triplet_margin_with_distance_loss(x, x, x)
    tensor(1.)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, but got {margin}")
    distance = distance_function or pairwise_distance.body
    return _triplets(anchor, positive, negative, distance, margin, swap, reduction)


# ---- many classes -------------------------------------------------------------------------------


@composite(
    namespace=NN, as_method=False,
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), draw.index(3, below=4)), call(draw(3, 4), draw.index(3, below=4), 2, 0.5),
    ]),
)  # fmt: skip
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The mean of ``max(0, margin - input[target] + input[i]) ** p`` over the other classes.

    Args:
        input: ``(N, C)`` or ``(C)``.
        target: ``(N)`` or ``()``.
        weight: ``(C)``, a factor for each target.

    >>> import argand
    >>> argand.nn.functional.multi_margin_loss(argand.zeros(1, 2), argand.tensor([0]))
    tensor(0.5000)
    """
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    check_reduction("multi_margin_loss", reduction)
    if weight is not None and weight.ndim != 1:
        rule = "multi_margin_loss: weight must be one-dimensional"
        raise ValueError(f"{rule}, but got shape {list(weight.shape)}")
    if input.form.dtype.kind != "f":
        raise NotImplementedError(f"\"multi_margin_loss\" not implemented for '{input.dtype}'")
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    places = target.reshape(-1, 1)
    if rows.shape[1] == 0 or places.shape[0] != rows.shape[0]:
        raise RuntimeError(
            f"inconsistent target size, expected {rows.shape[0]} but got {list(target.shape)}"
        )
    losses = (margin - rows.gather(1, places) + rows).clamp_min(0)
    losses = losses if p == 1 else losses * losses
    if weight is not None:
        losses = losses * weight[places.squeeze(1)].unsqueeze(1)
    losses = losses.scatter(1, places, 0.0).sum(1) / rows.shape[1]
    return reduced(losses if target.ndim else losses.squeeze(0), reduction)


@composite(
    namespace=NN, as_method=False,
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), (draw.index(3, 4, below=2)).to(draw.kind)),
        call(draw(3, 4), (draw.index(3, 4, below=2)).to(draw.kind), draw(4, low=0.1).detach()),
    ]),
)  # fmt: skip
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The mean over classes of the cross entropy of each, as if it were the only one.

    >>> import argand
    >>> argand.nn.functional.multilabel_soft_margin_loss(argand.zeros(1, 2), argand.ones(1, 2))
    tensor(0.6931)
    """
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses.sum(input.ndim - 1) / input.shape[input.ndim - 1], reduction)


@composite(namespace=NN, as_method=False, samples=_only_floats(
    lambda draw: [call(draw(3, 4), draw.index(3, 4, below=4) - 1)]
))  # fmt: skip
def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """The mean of ``max(0, 1 - input[target] + input[i])`` over targets and all other classes.

    Args:
        input: ``(N, C)`` or ``(C)``.
        target: of the same shape: class numbers, the first -1 ends them.

    >>> import argand
    >>> F = argand.nn.functional
    >>> F.multilabel_margin_loss(argand.zeros(1, 2), argand.tensor([[1, -1]]))
    tensor(0.5000)
    """
    check_reduction("multilabel_margin_loss", reduction)
    if not math.prod(input.shape[1:] or input.shape) > 0:
        rule = "multilabel_margin_loss: Expected non-empty vector or matrix with optional 0-dim"
        raise RuntimeError(f"{rule} batch size, but got shape {list(input.shape)}")
    if target.shape != input.shape or input.ndim > 2:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}"
        )
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    places = target.reshape(rows.shape)
    named_first = np.logical_and.accumulate(as_array(places) >= 0, axis=1)
    valid = from_array(named_first).to(rows.dtype)
    safe = places.clamp_min(0)
    named = rows.new_zeros(rows.shape).scatter_add(1, safe, valid).clamp_max(1)
    margins = (1 - rows.gather(1, safe).unsqueeze(2) + rows.unsqueeze(1)).clamp_min(0)
    margins = margins * valid.unsqueeze(2) * (1 - named).unsqueeze(1)
    losses = margins.sum((1, 2)) / rows.shape[1]
    return reduced(losses if input.ndim == 2 else losses.squeeze(0), reduction)


# ---- distributions ------------------------------------------------------------------------------


@composite(
    namespace=NN, as_method=False,
    samples=_only_floats(pairs({"full": True}, {"log_input": False}, input=POSITIVE,
                               target=POSITIVE)),
)  # fmt: skip
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None,
    eps: float = 1e-8, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative log likelihood of counts whose mean (or its logarithm) is the input.

    Args:
        log_input: whether the input is the logarithm.
        full: whether Stirling's approximation of the target's factorial is added.

    >>> import argand
    >>> argand.nn.functional.poisson_nll_loss(argand.zeros(1), argand.ones(1))
    tensor(1.)
    """
    if log_input:
        losses = input.exp() - target * input
    else:
        losses = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced(losses, reduction)


@composite(
    namespace=NN, as_method=False,
    samples=_only_floats(lambda draw: [
        call(draw(3, 4), draw(3, 4), draw(3, 4, low=0.5)),
        call(draw(3, 4), draw(3, 4), draw(3, low=0.5), True, reduction="sum"),
    ]),
)  # fmt: skip
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative log likelihood of targets with normal distributions of mean `input`.

    Args:
        var: the variances, of the input's shape, one for each row, or a number.
        full: whether the constant term is added.
        eps: the smallest variance.

    >>> import argand
    >>> one = argand.ones(1)
    >>> argand.nn.functional.gaussian_nll_loss(one, 3 * one, one)
    tensor(2.)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(input.shape, var)
    elif (var < 0).any().item():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif any(n not in (1, m) for n, m in zip(var.shape, input.shape)):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    # the limit is no part of the graph: a small variance keeps its gradient
    var = var + (var.detach().clamp_min(eps) - var.detach())
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)
