"""Dimensions as users name them: counted from the front or from the back."""

from __future__ import annotations

from typing import Any

from argand.ops.record import describe


def normalize_dims(name: str, dim: Any, rank: int) -> tuple[int, ...]:
    """Sorted non-negative dimensions; raises IndexError and RuntimeError as PyTorch does."""
    if dim is None or dim == ():
        return tuple(range(rank))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    found = [normalize_dim(d, rank) for d in dims]
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims ({name})")
    return tuple(sorted(found)) if rank else ()


def normalize_dim(dim: Any, rank: int) -> int:
    """A dimension counted from the front."""
    if not isinstance(dim, int):
        dim = _as_index(dim)
    size = max(rank, 1)
    if not -size <= dim < size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], "
            f"but got {dim})"
        )
    return int(dim % size)


def _as_index(dim: Any) -> int:
    try:
        return int(dim.__index__())
    except AttributeError:
        raise TypeError(f"a dimension must be an int, but got {describe(dim)}") from None
