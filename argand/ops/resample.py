"""Resizing images: every output pixel is a weighted sum along each dimension in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from argand import dtypes
from argand.ops.adaptive_pooling import adaptive_mean
from argand.ops.arrays import from_array
from argand.ops.function import composite
from argand.ops.samples import call
from argand.ops.windows import not_implemented

NN = "nn.functional"
_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"


class _Step(NamedTuple):
    """One dimension: its old and new size, and how far new pixels are apart in old ones."""

    old: int
    new: int
    pace: float
    corners: bool


# ---- weights ------------------------------------------------------------------------------------


def _triangle(x: Any) -> Any:
    return np.maximum(0.0, 1 - np.abs(x))


def _cubic(x: Any, a: float) -> Any:
    """The convolution kernel of Keys (1981) with slope `a` at 1."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Any) -> Any:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


# how many old pixels to each side count when pixels are averaged, and their weights by distance
_FILTERS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, lambda x: _cubic(x, -0.5)),
    "lanczos": (3.0, _lanczos),
}


def _places(step: _Step) -> Any:
    """Where new pixels lie among the old ones."""
    pixels = np.arange(step.new)
    return pixels * step.pace if step.corners else (pixels + 0.5) * step.pace - 0.5


def _neighbours(mode: str, step: _Step) -> tuple[Any, Any]:
    """The old pixels that a new one is made of, and their weights: both ``(new, taps)``."""
    places = _places(step)
    if mode == "bicubic":
        low = np.floor(places).astype(np.int64)
        taps = low[:, None] + np.arange(-1, 3)
        return np.clip(taps, 0, step.old - 1), _cubic(places[:, None] - taps, -0.75)
    places = np.maximum(places, 0.0)
    low = np.minimum(places.astype(np.int64), step.old - 1)
    above = np.clip(places - low, 0.0, 1.0)
    taps = np.stack([low, np.minimum(low + 1, step.old - 1)], 1)
    return taps, np.stack([1 - above, above], 1)


def _averaging(mode: str, step: _Step) -> tuple[Any, Any]:
    """The same where shrinking averages over all pixels: a filter as wide as the pace."""
    reach, curve = _FILTERS[mode]
    width = max(step.pace, 1.0)
    center = (np.arange(step.new) + 0.5) * step.pace
    first = np.maximum((center - reach * width + 0.5).astype(np.int64), 0)
    last = np.minimum((center + reach * width + 0.5).astype(np.int64), step.old)
    taps = first[:, None] + np.arange(max(1, int((last - first).max())))
    weights = curve((taps + 0.5 - center[:, None]) / width)
    weights = np.where(taps < last[:, None], weights, 0.0)
    return np.minimum(taps, step.old - 1), weights / weights.sum(1, keepdims=True)


def _nearest(mode: str, step: _Step) -> Any:
    """The old pixel of every new one; in float32, as PyTorch finds them."""
    shift = np.float32(0.5 if mode == "nearest-exact" else 0.0)
    pixels = np.arange(step.new, dtype=np.float32)
    places = np.floor((pixels + shift) * np.float32(step.pace)).astype(np.int64)
    return np.minimum(places, step.old - 1)


_DENSE = 64  # a product with a matrix of weights is quicker where it has at most so many columns


@lru_cache(64)
def _prepared(mode: str, step: _Step, antialias: bool) -> tuple[Any, ...]:
    """One tensor of indices; a matrix of weights; or for every tap its indices and weights."""
    if mode in ("nearest", "nearest-exact"):
        return (from_array(_nearest(mode, step)),)
    taps, weights = (_averaging if antialias else _neighbours)(mode, step)
    if step.old > _DENSE and taps.shape[1] <= 8:
        columns = zip(np.ascontiguousarray(taps.T), np.ascontiguousarray(weights.T))
        return tuple((from_array(i.copy()), from_array(w.copy())) for i, w in columns)
    matrix = np.zeros((step.new, step.old))
    np.add.at(matrix, (np.arange(step.new)[:, None], taps), weights)
    return None, from_array(matrix)


def _resized(input: Any, dim: int, mode: str, step: _Step, antialias: bool) -> Any:
    """`input` with another size in `dim`; bytes are rounded after each dimension."""
    found = _prepared(mode, step, antialias)
    if len(found) == 1 and mode.startswith("nearest"):
        return input.index_select(dim, found[0])
    kind = input.form.dtype
    wide = input if kind.itemsize > 2 else input.to(dtypes.float32)
    if found[0] is None:
        matrix = found[1].to(wide.dtype)
        result = (wide.transpose(dim, -1) @ matrix.t()).transpose(dim, -1)
    else:
        shape = [1] * input.ndim
        shape[dim] = -1
        result = 0.0
        for picks, weights in found:
            scale = weights.to(wide.dtype).reshape(shape)
            result = result + wide.index_select(dim, picks) * scale
    if kind.kind != "f":
        result = (result + 0.5).floor().clamp(0, 255)
    return result if kind is wide.dtype else result.to(kind)


# ---- sizes --------------------------------------------------------------------------------------


def _new_sizes(input: Any, size: Any, factor: Any) -> tuple[list[int], list[float] | None]:
    """The new sizes, and the factors if these were given."""
    old = list(input.shape[2:])
    rank = len(old)
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and factor is None:
        raise ValueError("either size or scale_factor should be defined")
    what, given = ("output size", size) if size is not None else ("scale_factor", factor)
    if not isinstance(given, Sequence):
        given = [given] * rank
    if len(given) != rank:
        subject = "Input and output" if size is not None else "Input and scale_factor"
        wanted = "output size in (o1, o2" if size is not None else "scale_factor in (s1, s2"
        last = "oK" if size is not None else "sK"
        raise ValueError(
            f"{subject} must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {old} and {what} of {'' if size is not None else 'shape '}"
            f"{size if size is not None else tuple(given)}. Please provide input tensor in "
            f"(N, C, d1, d2, ...,dK) format and {wanted}, ...,{last}) format."
        )
    if size is not None:
        return [int(n) for n in given], None
    factors = [float(f) for f in given]
    return [int(n * f) for n, f in zip(old, factors)], factors


def _check_mode(input: Any, mode: str, align_corners: bool | None, antialias: bool) -> None:
    rank = input.ndim
    smooth = (*_LINEAR.values(), "bicubic")
    if align_corners is not None and mode not in smooth:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if antialias and (mode not in _FILTERS or rank != 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    wanted = {name: n for n, name in _LINEAR.items()} | {"bicubic": 4, "lanczos": 4}
    if mode in wanted and 3 <= rank <= 5 and rank != wanted[mode]:
        raise NotImplementedError(f"Got {rank}D input, but {mode} mode needs {wanted[mode]}D input")
    if not 3 <= rank <= 5 or mode not in (*wanted, "nearest", "nearest-exact", "area"):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: "
            f"{_MODES} (got {mode})"
        )


def _check_kind(input: Any, mode: str, antialias: bool) -> None:
    kind = input.form.dtype
    if antialias and kind.kind == "f" and kind.itemsize == 2:
        raise not_implemented("compute_index_ranges_weights", input)
    if kind.kind == "f":
        return
    nearest = mode.startswith("nearest")
    if kind is dtypes.uint8 and (nearest or input.ndim == 4):
        return
    name = "nearest" if nearest else "linear"
    raise not_implemented(f"compute_indices_weights_{name}", input)


# ---- the operation ------------------------------------------------------------------------------


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(draw(1, 2, 4), scale_factor=2.0), call(draw(1, 2, 4, 5), (2, 7)),
        call(draw(1, 2, 4, 5), (6, 3), mode="bilinear"),
        call(draw(1, 2, 4), 7, mode="linear", align_corners=True),
        call(draw(1, 2, 4, 5), scale_factor=1.7, mode="bicubic"),
        call(draw(1, 2, 80), 160, mode="linear"),
        call(draw(1, 2, 3, 4, 5), 2, mode="area"),
        call(draw(1, 2, 7, 9), 3, mode="bicubic", antialias=True),
        call(draw(1, 2, 5), 3, mode="nearest-exact"),
    ] if draw.kind in (draw.dtype("float32"), draw.dtype("float64")) else [],
)  # fmt: skip
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Resize the dimensions behind batch and channels.

    Args:
        input: ``(N, C, d1, ...)``, with one to three dimensions to resize.
        size: the new sizes, or one for all dimensions.
        scale_factor: factors instead of sizes.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"area"``; ``"linear"``, ``"bilinear"``,
            ``"trilinear"`` by dimensions; ``"bicubic"`` for images, and ``"lanczos"`` with
            `antialias`.
        align_corners: whether the corner pixels keep their values.
        recompute_scale_factor: whether factors only give the sizes, and pixels are as far apart as
            these say.
        antialias: whether shrinking averages over all pixels.

    Raises:
        ValueError: when not exactly one of `size` and `scale_factor` is given, or arguments do not
            fit together.
        NotImplementedError: when there is no such mode for so many dimensions.

    >>> import argand
    >>> x = argand.tensor([[[1.0, 2.0]]])
    >>> argand.nn.functional.interpolate(x, scale_factor=2.0)
    tensor([[[1., 1., 2., 2.]]])
    """
    _check_mode(input, mode, align_corners, antialias)
    new, factors = _new_sizes(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    old = list(input.shape[2:])
    if mode == "area":
        return adaptive_mean(f"adaptive_avg_pool{len(new)}d", len(new), input, new)
    _check_kind(input, mode, antialias)
    if min(new) <= 0 or min(old) <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {old} and output {new}"
        )
    for d in reversed(range(len(new))):
        n, m = old[d], new[d]
        pace = n / m if factors is None or recompute_scale_factor else 1.0 / factors[d]
        if align_corners:
            pace = (n - 1) / (m - 1) if m > 1 else 0.0
        if n != m or pace != 1.0:
            step = _Step(n, m, pace, bool(align_corners))
            input = _resized(input, d + 2, mode, step, antialias)
    return input.contiguous()
