"""Padding: volumes with a margin of one value, of reflections, the edge, or the other side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argand.ops.arrays import from_array
from argand.ops.function import composite
from argand.ops.samples import call

NN = "nn.functional"


def _constant(input: Any, pad: Sequence[int], value: float) -> Any:
    before = [0] * input.ndim
    shape = list(input.shape)
    for k in range(len(pad) // 2):
        dim = input.ndim - 1 - k
        before[dim] = pad[2 * k]
        shape[dim] += pad[2 * k] + pad[2 * k + 1]
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"pad: The input size {list(input.shape)}, plus padding {list(pad)} resulted in a "
            f"negative output size {shape}"
        )
    out = input.new_full(shape, value)
    target, source = out, input
    for dim, first in enumerate(before):
        length = min(input.shape[dim] + min(first, 0), shape[dim] - max(first, 0))
        target = target.narrow(dim, max(first, 0), max(length, 0))
        source = source.narrow(dim, max(-first, 0), max(length, 0))
    target.copy_(source)
    return out


def _reflected(places: Any, size: int) -> Any:
    """Positions mirrored at the first and the last element."""
    round_trip = max(2 * (size - 1), 1)
    places = np.abs(places) % round_trip
    return np.where(places >= size, round_trip - places, places)


def _wrapped(places: Any, size: int) -> Any:
    """Positions on a ring of the elements that negative padding has left."""
    first, last = max(int(places[0]), 0), min(int(places[-1]), size - 1)
    return (places - first) % (last - first + 1) + first


_SOURCES: dict[str, Callable[[Any, int], Any]] = {
    "reflect": _reflected,
    "replicate": lambda places, size: np.clip(places, 0, size - 1),
    "circular": _wrapped,
}


def _check_margin(mode: str, input: Any, dim: int, left: int, right: int) -> None:
    size = input.shape[dim]
    if mode == "reflect" and max(left, right) >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({left}, {right}) at dimension {dim} of input {list(input.shape)}"
        )
    if mode == "circular" and max(left, right) > size:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if size + left + right <= 0 and size:
        raise RuntimeError(
            f"pad: input (size: {size}) is too small for padding ({left}, {right}): the output "
            "would be empty"
        )


def _pad_samples(draw: Any) -> Any:
    yield call(draw(2, 3), (1, 2))
    yield call(draw(2, 3), (1, 0, -1, 2), "constant", 1)
    if draw.kind != draw.dtype("bool"):
        yield call(draw(1, 2, 4), (1, 2), "replicate")
        yield call(draw(1, 2, 4, 5), (1, 2, 2, 0), "reflect")
        yield call(draw(1, 2, 4, 5), (1, 2, 2, 0), "circular")


def _pad_reference(x: Any, pad: Any, mode: str = "constant", value: float = 0) -> Any:
    widths = [(0, 0)] * x.ndim
    for k in range(len(pad) // 2):
        widths[-1 - k] = (pad[2 * k], pad[2 * k + 1])
    cut = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths)
    )
    widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    names = {"replicate": "edge", "circular": "wrap"}
    settings = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x[cut], widths, names.get(mode, mode), **settings)  # type: ignore[call-overload]


@composite(namespace=NN, as_method=False, samples=_pad_samples, reference=_pad_reference)
def pad(
    input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Any:
    """Widen the last dimensions by `pad` (left and right of the last, of the last but one, ...).

    Args:
        input: any tensor; but for ``"constant"`` it needs one or two dimensions before those that
            are widened.
        pad: how many elements are added; negative numbers take some away.
        mode: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        value: what is added in mode ``"constant"``.

    Raises:
        RuntimeError: when the padding does not fit the input.
        NotImplementedError: for numbers of dimensions that a mode does not take.

    >>> import argand
    >>> argand.nn.functional.pad(argand.ones(1), (1, 2))
    tensor([0., 1., 0., 0.])
    >>> argand.nn.functional.pad(argand.tensor([[1.0, 2.0, 3.0]]), (1, 1), "reflect")
    tensor([[2., 1., 2., 3., 2.]])
    """
    pad = tuple(pad)
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise RuntimeError(
            "Padding length must be divisible by 2 and at most twice the number of dimensions, "
            f"but got {list(pad)} for {input.ndim} dimensions"
        )
    if mode == "constant":
        return _constant(input, pad, 0 if value is None else value)
    if mode not in _SOURCES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if not 1 <= dims <= 3 or input.ndim not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: got "
            f"{len(pad)} numbers for {input.ndim} dimensions"
        )
    for k in range(dims):
        dim, left, right = input.ndim - 1 - k, pad[2 * k], pad[2 * k + 1]
        _check_margin(mode, input, dim, left, right)
        places = _SOURCES[mode](np.arange(-left, input.shape[dim] + right), input.shape[dim])
        input = input.index_select(dim, from_array(np.ascontiguousarray(places)))
    return input


@composite(as_method=False, samples=lambda draw: [call(draw(2, 3), (1, 2), 1)])
def constant_pad_nd(input: Any, pad: Sequence[int], value: float = 0) -> Any:
    """`nn.functional.pad` with one value.

    >>> import argand
    >>> argand.constant_pad_nd(argand.ones(1), (1, 2))
    tensor([0., 1., 0., 0.])
    """
    return _constant(input, tuple(pad), value)
