"""Channels and pixels in another order, and attention."""

from __future__ import annotations

import math
from typing import Any

from argand.ops.function import composite
from argand.ops.samples import call
from argand.ops.softmax import softmax

NN = "nn.functional"


@composite(
    namespace=NN, as_method=False, elsewhere=("pixel_shuffle",),
    samples=lambda draw: [call(draw(2, 8, 3, 2), 2), call(draw(9, 1, 2), 3)],
)  # fmt: skip
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """``(*, C r^2, H, W)`` as ``(*, C, H r, W r)`` (Shi et al., 2016).

    >>> import argand
    >>> argand.nn.functional.pixel_shuffle(argand.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )
    *lead, channels, height, width = input.shape
    if r <= 0 or channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    parts = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return parts.permute(order).reshape(*lead, channels // (r * r), height * r, width * r)


@composite(
    namespace=NN, as_method=False, elsewhere=("pixel_unshuffle",),
    samples=lambda draw: [call(draw(2, 2, 4, 6), 2), call(draw(1, 3, 6), 3)],
)  # fmt: skip
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The inverse of `pixel_shuffle`.

    >>> import argand
    >>> argand.nn.functional.pixel_unshuffle(argand.zeros(1, 2, 2), 2).shape
    torch.Size([4, 1, 1])
    """
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )
    *lead, channels, height, width = input.shape
    if r <= 0 or height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
            f"got {height} and {width} with {r}"
        )
    parts = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return parts.permute(order).reshape(*lead, channels * r * r, height // r, width // r)


@composite(
    namespace=NN, as_method=False, elsewhere=("channel_shuffle",),
    samples=lambda draw: [call(draw(2, 6, 3), 2)],
)  # fmt: skip
def channel_shuffle(input: Any, groups: int) -> Any:
    """Channels dealt out to groups: the first of every group, the second of every group, ...

    >>> import argand
    >>> argand.nn.functional.channel_shuffle(argand.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    batch, channels, *rest = input.shape
    if groups <= 0 or channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    parts = input.reshape(batch, groups, channels // groups, *rest)
    return parts.transpose(1, 2).reshape(input.shape)


@composite(
    namespace=NN, as_method=False,
    samples=lambda draw: [
        call(draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3)),
        call(draw(2, 3, 4), draw(2, 3, 4), draw(2, 3, 4), is_causal=True),
        call(draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3), draw.mask(2, 3, 5) | True),
        call(draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 3), draw(3, 5), scale=0.3),
    ] if draw.kind in (draw.dtype("float32"), draw.dtype("float64")) else [],
)  # fmt: skip
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """``softmax(query key^T / sqrt(E) + mask) value`` (Vaswani et al., 2017).

    Args:
        query: ``(*, L, E)``.
        key: ``(*, S, E)``.
        value: ``(*, S, V)``.
        attn_mask: what is added to the scores, or bool: which of them count.
        dropout_p: the probability that a weight becomes 0.
        is_causal: whether a query sees only keys that are no later.
        scale: the factor of the scores, by default ``1 / sqrt(E)``.
        enable_gqa: whether several heads of queries share one of keys and values.

    Shape:
        ``(*, L, V)``.

    >>> import argand
    >>> x = argand.zeros(1, 2, 4)
    >>> argand.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 2, 4])
    """
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{query.ndim}, {key.ndim} and {value.ndim}"
        )
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if enable_gqa:
        shared = query.shape[-3] // key.shape[-3]
        key = key.repeat_interleave(shared, -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if is_causal:
        rows, columns = scores.shape[-2:]
        later = query.new_ones(rows, columns).triu(1) != 0
        scores = scores.masked_fill(later, -math.inf)
    elif attn_mask is not None:
        if attn_mask.dtype.is_floating_point:
            scores = scores + attn_mask
        else:
            scores = scores.masked_fill(~attn_mask, -math.inf)
    weights = softmax.body(scores, -1)
    if attn_mask is not None and not attn_mask.dtype.is_floating_point:
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0.0)
    if dropout_p > 0:
        kept = weights.new_empty(weights.shape).bernoulli_(1 - dropout_p)
        weights = weights * kept.div_(1 - dropout_p)
    return weights @ value
