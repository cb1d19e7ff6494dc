"""`make_tensor`: random tensors for tests."""

from __future__ import annotations

from typing import Any

from argand.device import check_available
from argand.dtypes import dtype as Kind
from argand.ops.arrays import require
from argand.ops.create import empty
from argand.ops.shape import sizes_of

_LIMITS = {"b": (0, 2), "u": (0, 10), "i": (-9, 10), "f": (-9, 9), "c": (-9, 9)}


def make_tensor(
    *shape: Any,
    dtype: Kind,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor of uniform numbers from `low` to `high` (which integers do not reach).

    Args:
        low, high: by default -9 and 9 (10 for integers), 0 and 2 for bool, 0 and 10 for unsigned.
        noncontiguous: leave holes in memory.
        exclude_zero: put the smallest positive number, or 1, in the place of 0.

    Raises:
        ValueError: when `low` is not below `high`.

    >>> import argand
    >>> make_tensor(2, 3, dtype=argand.float32, device="cpu").shape
    torch.Size([2, 3])
    """
    check_available(device)
    least, most = _LIMITS[dtype.kind]
    low = least if low is None else low
    high = most if high is None else high
    if low >= high:
        raise ValueError(f"make_tensor: low must be below high, but got {low} and {high}")
    sizes = sizes_of("make_tensor", shape)
    room = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous and sizes else sizes
    out = empty.body(*(room or ((),)), dtype=dtype)
    if dtype.kind == "c":
        out.real.uniform_(low, high)
        out.imag.uniform_(low, high)
    elif dtype.kind == "f":
        out.uniform_(low, high)
    else:
        out.random_(int(low), int(high))
    if exclude_zero:
        out.masked_fill_(out == 0, 1)
    if noncontiguous and sizes:
        out = out[..., ::2]
    if memory_format is not None:
        out = out.clone(memory_format=memory_format)
    return require(out.detach()) if requires_grad else out
