"""Layouts: what a tensor's memory looks like, interned, so that equal layouts are one object.

A plan for an operation is found by the identity of its operands' layouts. `iteration` turns the
layouts of all operands of a kernel into the shortest loop nest that visits their elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cmp_to_key, partial
from math import prod
from typing import Any, NamedTuple

from argand.dtypes import dtype


class Size(tuple[int, ...]):
    """The shape of a tensor.

    >>> import argand
    >>> argand.zeros(2, 3).shape.numel()
    6
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor with this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


class Layout:
    """Type, shape and strides (in elements) of a tensor. Compare layouts with ``is``."""

    __slots__ = ("dtype", "shape", "strides", "ndim", "numel", "nbytes", "contiguous", "dense")

    def __init__(self, kind: dtype, shape: Size, strides: tuple[int, ...]) -> None:
        if shape and min(shape) < 0:
            rule = f"Trying to create tensor with negative dimension {min(shape)}"
            raise RuntimeError(f"{rule}: {list(shape)}")
        self.dtype = kind
        self.shape = shape
        self.strides = strides
        self.ndim = len(shape)
        self.numel = prod(shape)
        self.nbytes = self.numel * kind.itemsize
        self.contiguous = self.numel == 0 or _matches(shape, strides, contiguous_strides(shape))
        self.dense = self.contiguous or _is_dense(shape, strides)

    def __repr__(self) -> str:
        return f"Layout({self.dtype.name}, {tuple(self.shape)}, {self.strides})"

    @property
    def form(self) -> Layout:
        """Itself: to a gradient, a layout stands for a tensor that was not saved."""
        return self

    def span(self) -> tuple[int, int]:
        """The lowest and the highest element offset that belong to the tensor."""
        if not self.numel:
            return 0, -1
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides)]
        return sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)


_layouts: dict[tuple[Any, ...], Layout] = {}
_dense: dict[tuple[Any, ...], Layout] = {}


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides in elements.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


def _matches(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> bool:
    return all(n == 1 or s == w for n, s, w in zip(shape, strides, wanted))


def _is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements fill their memory without holes or overlaps, in whatever order."""
    step = 1
    for stride, extent in sorted((s, n) for n, s in zip(shape, strides) if n != 1):
        if stride != step:
            return False
        step *= extent
    return True


def dense(kind: dtype, shape: Sequence[int]) -> Layout:
    """The row-major layout of a shape."""
    key = (kind, tuple(shape))
    found = _dense.get(key)
    if found is None:
        found = _dense[key] = strided(kind, key[1], contiguous_strides(key[1]))
    return found


def strided(kind: dtype, shape: Sequence[int], strides: Sequence[int]) -> Layout:
    """The layout with these strides (in elements)."""
    key = (kind, tuple(shape), tuple(strides))
    found = _layouts.get(key)
    if found is None:
        found = _layouts[key] = Layout(kind, Size(key[1]), key[2])
    return found


def broadcast_shapes(shapes: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The shape that all `shapes` expand to.

    Raises:
        RuntimeError: when two sizes differ and neither is 1.

    >>> broadcast_shapes([(3, 1), (4,)])
    (3, 4)
    """
    result: tuple[int, ...] = ()
    for shape in shapes:
        if tuple(shape) == result:
            continue
        rank = max(len(result), len(shape))
        a = (1,) * (rank - len(result)) + result
        b = (1,) * (rank - len(shape)) + tuple(shape)
        for dim, (m, n) in enumerate(zip(a, b)):
            if m != n and m != 1 and n != 1:
                raise RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at "
                    f"non-singleton dimension {dim}: shapes {list(result)} and {list(shape)} "
                    "do not broadcast"
                )
        result = tuple(n if m == 1 else m for m, n in zip(a, b))
    return result


def expanded_strides(layout: Layout, shape: Sequence[int]) -> tuple[int, ...]:
    """Strides that walk `layout` as `shape`, which it broadcasts to: 0 where it is repeated."""
    lead = len(shape) - layout.ndim
    return (0,) * lead + tuple(
        0 if n == 1 and wanted != 1 else s
        for n, s, wanted in zip(layout.shape, layout.strides, shape[lead:])
    )


def elementwise_strides(shape: Sequence[int], operands: Sequence[Layout]) -> tuple[int, ...]:
    """The strides PyTorch gives to the output: in the order of the operands' memory."""
    if all(o.contiguous and o.shape == shape for o in operands) or len(shape) < 2:
        return contiguous_strides(shape)
    walks = [expanded_strides(o, shape) for o in operands if o.ndim]
    order = _memory_order(shape, walks)
    strides = [0] * len(shape)
    step = 1
    for dim in reversed(order):
        strides[dim] = step
        step *= max(shape[dim], 1)
    return tuple(strides)


def _memory_order(shape: Sequence[int], walks: Sequence[Sequence[int]]) -> list[int]:
    """The dimensions from the slowest to the fastest in memory.

    An insertion sort that steps over dimensions which no operand can compare.
    """

    def compare(i: int, j: int) -> int:
        """Above 0 when dimension `i` has larger strides than `j`, by the first that knows."""
        for walk in walks:
            a, b = abs(walk[i]), abs(walk[j])
            if a == 0 or b == 0:
                continue
            if a != b:
                return 1 if a > b else -1
            if shape[i] > shape[j]:
                return 1
        return 0

    order = list(range(len(shape)))[::-1]
    for start in range(1, len(order)):
        moved = start
        for place in range(start - 1, -1, -1):
            found = compare(order[place], order[moved])
            if found > 0:
                order[place], order[moved] = order[moved], order[place]
                moved = place
            elif found < 0:
                break
    return order[::-1]


class Iteration(NamedTuple):
    """A loop nest: extents from the outermost to the innermost, strides in bytes per operand."""

    extents: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def rank(self) -> int:
        return len(self.extents)


def iteration(shape: Sequence[int], operands: Sequence[Layout], ordered: bool = False) -> Iteration:
    """The shortest loop nest over `shape` for operands that broadcast to it.

    Dimensions are ordered by the memory of the last operand (the output), then neighbours that can
    be walked as one are merged. `ordered` keeps the dimensions in their order.
    """
    walks = [
        tuple(s * o.dtype.itemsize for s in expanded_strides(o, shape)) for o in operands
    ]
    dims = [d for d, n in enumerate(shape) if n != 1]
    if not ordered:
        dims.sort(key=cmp_to_key(partial(_slower, walks[::-1])))
    merged: list[tuple[int, list[int]]] = []
    for dim in dims:
        steps = [w[dim] for w in walks]
        if merged:
            extent, outer = merged[-1]
            if all(o == s * shape[dim] for o, s in zip(outer, steps)):
                merged[-1] = (extent * shape[dim], steps)
                continue
        merged.append((shape[dim], steps))
    if not merged:
        merged = [(1, [o.dtype.itemsize for o in operands])]
    extents = tuple(extent for extent, _ in merged)
    return Iteration(extents, tuple(zip(*(steps for _, steps in merged))))


def _slower(walks: Sequence[Sequence[int]], i: int, j: int) -> int:
    for walk in walks:
        a, b = abs(walk[i]), abs(walk[j])
        if a and b and a != b:
            return -1 if a > b else 1
    return i - j
