"""Functional forms of the layers: the records of ``nn.functional``, and what is built on them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import argand
from argand.errors import missing
from argand.ops.record import RECORDS, functions_in

if TYPE_CHECKING:
    from argand.nn._functional import *  # what `_export` adds


def _export() -> None:
    for name, record in functions_in("nn.functional").items():
        globals()[name] = _with_inplace(record) if record.in_place else record.function()
        if record.in_place and record.namespace:
            globals()[f"{record.name}_"] = record.in_place_method()
    for name in ("softmax", "log_softmax"):
        globals()[name] = _softmax_form(RECORDS[name])
    globals()["relu_"] = RECORDS["relu"].in_place_method()


def _with_inplace(record: Any) -> Any:
    """`relu` and its like take ``inplace`` after their settings."""
    plain, changing = record.function(), record.in_place_method()
    count = len(record.parameters)

    def function(*args: Any, inplace: bool = False, **named: Any) -> Any:
        if len(args) > count:
            *args, inplace = args  # type: ignore[assignment]
        return changing(*args, **named) if inplace else plain(*args, **named)

    function.__name__ = record.name
    function.__doc__ = record.__doc__
    return function


def _softmax_form(record: Any) -> Any:
    """`softmax` and its like take a deprecated argument before the type."""
    plain = record.function()

    def function(
        input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Any:
        return plain(input, dim, dtype)

    function.__name__ = plain.__name__
    function.__doc__ = plain.__doc__
    return function


_export()


def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Zero elements with probability `p` and scale the others by ``1 / (1 - p)``.

    >>> import argand
    >>> argand.nn.functional.dropout(argand.ones(2), training=False)
    tensor([1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        factor = argand.zeros_like(input)
    else:
        factor = argand.empty_like(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(factor) if inplace else input * factor


def _dropped(
    input: Any, p: float, training: bool, inplace: bool, channels: bool, alpha: bool
) -> Any:
    """Dropout of elements or whole channels; with `alpha` towards the negative limit of SELU."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    shape = input.shape
    if channels:
        if input.dim() < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = (*shape[:2], *(1,) * (input.dim() - 2))
    kept = input.new_empty(shape).bernoulli_(1 - p)
    if not alpha:
        kept.div_(1 - p)
        return input.mul_(kept) if inplace else input * kept
    limit = 1.7580993408473766  # SELU's scale times its alpha
    scale = ((limit * limit * p + 1) * (1 - p)) ** -0.5
    shift = (kept - 1).mul_(limit * scale).add_(limit * scale * p)
    factor = kept.mul_(scale)
    return input.mul_(factor).add_(shift) if inplace else input * factor + shift


def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """Dropout that keeps mean and variance of what SELU makes (Klambauer et al., 2017).

    >>> import argand
    >>> argand.nn.functional.alpha_dropout(argand.ones(2))
    tensor([1., 1.])
    """
    return _dropped(input, p, training, inplace, channels=False, alpha=True)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """`alpha_dropout` of whole channels.

    >>> import argand
    >>> argand.nn.functional.feature_alpha_dropout(argand.ones(1, 2))
    tensor([[1., 1.]])
    """
    return _dropped(input, p, training, inplace, channels=True, alpha=True)


def _of_channels(rank: int, input: Any, p: float, training: bool, inplace: bool) -> Any:
    """Dropout of the channels of a batch, or of one instance."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if input.dim() not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"dropout{rank}d: Expected {rank + 1}D or {rank + 2}D input, but received a "
            f"{input.dim()}D input"
        )
    alone = input.dim() == rank + 1
    batch = input.unsqueeze(0) if alone else input
    out = _dropped(batch, p, training, inplace, channels=True, alpha=False)
    return out.squeeze(0) if alone else out


def dropout1d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Dropout of whole channels of ``(N, C, L)`` or ``(C, L)``.

    >>> import argand
    >>> argand.nn.functional.dropout1d(argand.ones(1, 2), training=False)
    tensor([[1., 1.]])
    """
    return _of_channels(1, input, p, training, inplace)


def dropout2d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Dropout of whole channels of ``(N, C, H, W)``; ``(N, C, L)`` is taken, too.

    >>> import argand
    >>> argand.nn.functional.dropout2d(argand.ones(1, 1, 2), training=False)
    tensor([[[1., 1.]]])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if input.dim() not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated; use "
            "dropout instead.",
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, channels=True, alpha=False)


def dropout3d(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Dropout of whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> import argand
    >>> argand.nn.functional.dropout3d(argand.ones(1, 1, 1, 2), training=False)
    tensor([[[[1., 1.]]]])
    """
    return _of_channels(3, input, p, training, inplace)


def gumbel_softmax(
    logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Any:
    """A random sample of a class, softened by the temperature `tau` (Jang et al., 2017).

    With `hard` the result is one-hot, and its gradient that of the soft one.

    >>> import argand
    >>> argand.nn.functional.gumbel_softmax(argand.zeros(3), hard=True).sum()
    tensor(1.)
    """
    noise = -argand.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = soft.detach().max(dim, keepdim=True)[1]
    return argand.zeros_like(logits).scatter_(dim, chosen, 1.0) - soft.detach() + soft


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``input1[i] * weight[k, i, j] * input2[j]``, summed over i and j, plus ``bias[k]``.

    >>> import argand
    >>> one = argand.ones(1, 2)
    >>> argand.nn.functional.bilinear(one, one, argand.ones(3, 2, 2)).shape
    torch.Size([1, 3])
    """
    outputs, left, right = weight.shape
    rows = input1.reshape(-1, left) @ weight.permute(1, 0, 2).reshape(left, outputs * right)
    total = (rows.reshape(-1, outputs, right) * input2.reshape(-1, 1, right)).sum(-1)
    total = total.reshape(*input1.shape[:-1], outputs)
    return total if bias is None else total + bias


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)


def linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, weight: Any = None,
    reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:  # fmt: skip
    """The cross entropy of ``linear(input, linear_weight, linear_bias)``.

    Args:
        input: ``(N, in_features)`` or ``(in_features)``.
        linear_weight: ``(C, in_features)``, or ``(C, d1, ..., in_features)`` for losses with
            further dimensions.
        target: class numbers or probabilities, as `cross_entropy` takes them.
        linear_bias: ``(C)`` or ``(C, d1, ...)``.
        weight, reduction, ignore_index, label_smoothing: see `cross_entropy`.

    >>> import argand
    >>> x, w = argand.zeros(2, 3), argand.ones(4, 3)
    >>> argand.nn.functional.linear_cross_entropy(x, w, argand.tensor([0, 1]))
    tensor(1.3863)
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy: options (losses by chunks) are not there")
    shape = linear_weight.shape[:-1]
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    records = functions_in("nn.functional")
    rows = linear_weight.reshape(-1, linear_weight.shape[-1])
    logits = records["linear"].function()(input, rows, bias)
    logits = logits.reshape(*input.shape[:-1], *shape)
    ignored = -100 if ignore_index is None else ignore_index
    return records["cross_entropy"].function()(
        logits, target, weight, ignore_index=ignored, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip


# ---- former names -------------------------------------------------------------------------------


def _upsampled(name: str, input: Any, *settings: Any) -> Any:
    warnings.warn(
        f"`nn.functional.{name}` is the former name of `nn.functional.interpolate`.", stacklevel=3
    )
    return functions_in("nn.functional")["interpolate"].function()(input, *settings)


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:  # fmt: skip
    """The former name of `interpolate`.

    >>> import argand
    >>> argand.nn.functional.interpolate(argand.ones(1, 1, 2), 3).shape
    torch.Size([1, 1, 3])
    """
    return _upsampled("upsample", input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The former name of `interpolate`.

    >>> import argand
    >>> argand.nn.functional.interpolate(argand.ones(1, 1, 2), 3).shape
    torch.Size([1, 1, 3])
    """
    return _upsampled("upsample_nearest", input, size, scale_factor, "nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The former name of `interpolate` with ``mode="bilinear"`` and ``align_corners=True``.

    >>> import argand
    >>> x = argand.ones(1, 1, 2, 2)
    >>> argand.nn.functional.interpolate(x, 3, mode="bilinear", align_corners=True).shape
    torch.Size([1, 1, 3, 3])
    """
    return _upsampled("upsample_bilinear", input, size, scale_factor, "bilinear", True)
