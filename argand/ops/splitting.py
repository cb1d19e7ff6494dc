"""Splitting tensors into views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand.ops.arrays import as_array
from argand.ops.dims import normalize_dim
from argand.ops.function import operation
from argand.ops.join import join
from argand.ops.samples import call
from argand.ops.shape import view_of
from argand.ops.slicing import slice
from argand.ops.viewing import viewing, with_copy
from argand.runtime.layout import strided
from argand.runtime.tensor_base import TensorBase


def _split_reference(x: Any, pieces: Any, dim: int = 0) -> tuple[Any, ...]:
    cuts: Any
    if isinstance(pieces, int):
        cuts = range(pieces, x.shape[dim], pieces)
    else:
        cuts = np.cumsum(pieces)[:-1]
    return tuple(np.split(x, cuts, dim))


@operation(as_method=False, as_function=False, graph_name="split")
def pieces_of(input: Any, lengths: tuple[int, ...], dim: int) -> tuple[Any, ...]:
    """Consecutive pieces of a dimension, as views."""
    layout, found, start = input.form, [], 0
    for length in lengths:
        shape = (*layout.shape[:dim], length, *layout.shape[dim + 1 :])
        piece = strided(layout.dtype, shape, layout.strides)
        found.append(view_of(input, piece, start * layout.strides[dim] if layout.numel else 0))
        start += length
    return tuple(found)


@pieces_of.vjp()
def _pieces_vjp(g: Any, out: Any, input: Any, lengths: tuple[int, ...], dim: int) -> Any:
    return _rejoined(g, [(*input.shape[:dim], n, *input.shape[dim + 1 :]) for n in lengths], dim)


def _rejoined(gradients: Any, shapes: Sequence[Sequence[int]], dim: int) -> Any:
    """Gradients of pieces as that of the whole; those that are missing are zero."""
    given = gradients if isinstance(gradients, tuple) else (gradients,)
    some = next(g for g in given if g is not None)
    whole = [some.new_zeros(s) if g is None else g for g, s in zip(given, shapes)]
    return join(dim, *whole), None, None


@viewing(
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), [1, 2, 3], 1), call(draw(0, 2), 3)],
    reference=_split_reference,
)
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of a dimension: of one size (the last may be smaller), or of the sizes given.

    >>> import argand
    >>> [len(piece) for piece in argand.arange(5).split(2)]
    [2, 2, 1]
    """
    at = normalize_dim(dim, tensor.ndim)
    size = tensor.shape[at]
    pieces = split_size_or_sections
    if isinstance(pieces, int):
        if pieces < 0 or (pieces == 0 and size):
            raise RuntimeError(f"split expects split_size be non-negative, but got {pieces}")
        step = pieces or 1
        pieces = [min(step, size - first) for first in range(0, max(size, 1), step)]
    elif sum(pieces) != size:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size "
            f"at dimension {at}), but got split_sizes={list(pieces)}"
        )
    return pieces_of(tensor, tuple(pieces), at)


with_copy(split, "(x, 1)[0]", samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), 4, 1)])


@viewing(
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), 4, -1), call(draw(2), 5)],
    reference=lambda x, chunks, dim=0: _split_reference(x, -(-x.shape[dim] // chunks), dim),
)
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most `chunks` pieces of equal size; the last may be smaller.

    >>> import argand
    >>> [len(piece) for piece in argand.arange(5).chunk(2)]
    [3, 2]
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input.shape[normalize_dim(dim, input.ndim)]
    return split.body(input, max(1, -(-size // chunks)), dim)


@operation(as_method=False, as_function=False, graph_name="unbind")
def slices_of(input: Any, dim: int) -> tuple[Any, ...]:
    """All slices along a dimension, as views."""
    layout = input.form
    shape = (*layout.shape[:dim], *layout.shape[dim + 1 :])
    strides = (*layout.strides[:dim], *layout.strides[dim + 1 :])
    piece, step = strided(layout.dtype, shape, strides), layout.strides[dim]
    return tuple([view_of(input, piece, i * step) for i in range(layout.shape[dim])])


@slices_of.vjp()
def _slices_vjp(g: Any, out: Any, input: Any, dim: int) -> Any:
    given = g if isinstance(g, tuple) else (g,)
    shape = (*input.shape[:dim], 1, *input.shape[dim + 1 :])
    lifted = tuple([None if x is None else x.unsqueeze(dim) for x in given])
    return _rejoined(lifted, [shape] * len(lifted), dim)[:2]


@viewing(
    copy="(x)[0]",
    samples=lambda draw: [call(draw(3, 2)), call(draw(2, 3), 1), call(draw(1)), call(draw(0, 2))],
    reference=lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
)
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices along a dimension.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """
    at = normalize_dim(dim, input.ndim)
    if not input.ndim:
        raise IndexError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return slices_of(input, at)


@viewing(
    copy="(x, (1, 1))[0]",
    aliases=("unsafe_split_with_sizes",),
    samples=lambda draw: [call(draw(5, 2), (2, 3)), call(draw(2, 6), (1, 0, 5), 1)],
    reference=_split_reference,
)
def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Pieces of a dimension with the given sizes.

    >>> import argand
    >>> argand.arange(3).split_with_sizes((1, 2))
    (tensor([0]), tensor([1, 2]))
    """
    if isinstance(split_sizes, int):
        raise TypeError("split_with_sizes(): argument 'split_sizes' must be tuple of ints, not int")
    return split.body(input, tuple(split_sizes), dim)


def _unrelated(pieces: tuple[Any, ...]) -> tuple[Any, ...]:
    """Pieces that do not tell the whole when they are changed."""
    for x in pieces:
        x.base = None
    return pieces


@viewing(
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), 4, -1)],
    reference=_split_reference,
)
def unsafe_split(tensor: Any, split_size: int, dim: int = 0) -> tuple[Any, ...]:
    """`split`, where the pieces may be changed in place (if the whole is not used any more).

    >>> import argand
    >>> argand.unsafe_split(argand.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _unrelated(split.body(tensor, split_size, dim))


@viewing(
    samples=lambda draw: [call(draw(5, 2), 2), call(draw(2, 6), 4, -1), call(draw(2), 5)],
    reference=lambda x, chunks, dim=0: _split_reference(x, -(-x.shape[dim] // chunks), dim),
)
def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """`chunk`, where the pieces may be changed in place (if the whole is not used any more).

    >>> import argand
    >>> argand.unsafe_chunk(argand.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _unrelated(chunk.body(input, chunks, dim))


@viewing(
    samples=lambda draw: [
        call(draw(7, 2), 3),
        call(draw(2, 6), (1, 4), 1),
        call(draw(3), 5),
        call(draw(4), (3, 1, 9)),
    ],
    reference=lambda x, pieces, dim=0: tuple(np.array_split(x, pieces, dim)),
)
def tensor_split(
    input: Any, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None,
    sections: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Pieces of a dimension: a number of nearly equal ones, or those between the given indices.

    >>> import argand
    >>> argand.arange(5).tensor_split(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> argand.arange(3).tensor_split((1,))
    (tensor([0]), tensor([1, 2]))
    """
    pieces = next((p for p in (indices_or_sections, indices, sections) if p is not None), None)
    if not input.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    if isinstance(pieces, TensorBase):
        if pieces.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional tensor, but got a tensor with {pieces.ndim} dims"
            )
        pieces = as_array(pieces).tolist()
    at = normalize_dim(dim, input.ndim)
    size = input.shape[at]
    if isinstance(pieces, int):
        if pieces <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {pieces}")
        short, longer = divmod(size, pieces)
        lengths = [short + (i < longer) for i in range(pieces)]
        return pieces_of(input, tuple(lengths), at)
    if pieces is None or not hasattr(pieces, "__iter__"):
        raise TypeError("tensor_split(): expected indices or the number of sections")
    cuts = [0, *pieces]
    parts = [slice.body(input, at, a, b) for a, b in zip(cuts, pieces)]
    return (*parts, slice.body(input, at, cuts[-1], None))


def _evenly(name: str, input: Any, pieces: Any, dim: int, rank: int) -> tuple[Any, ...]:
    if input.ndim < rank:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {rank} dimension, but got a tensor with "
            f"{input.ndim} dimensions!"
        )
    if isinstance(pieces, int) and (pieces <= 0 or input.shape[dim] % pieces):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {pieces}!"
        )
    return tensor_split.body(input, pieces, dim)


@viewing(
    samples=lambda draw: [call(draw(4), 2), call(draw(2, 6), 3), call(draw(2, 5), (1, 3))],
    reference=np.hsplit,
)
def hsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces of the second dimension, of a vector of its only one; see `tensor_split`.

    >>> import argand
    >>> argand.arange(4).hsplit(2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _evenly("hsplit", input, indices_or_sections, 1 if input.ndim > 1 else 0, 1)


@viewing(samples=lambda draw: [call(draw(4, 2), 2), call(draw(5, 2), (1, 3))], reference=np.vsplit)
def vsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces of the first dimension of a matrix; see `tensor_split`.

    >>> import argand
    >>> argand.tensor([[1], [2]]).vsplit(2)
    (tensor([[1]]), tensor([[2]]))
    """
    return _evenly("vsplit", input, indices_or_sections, 0, 2)


@viewing(
    samples=lambda draw: [call(draw(2, 1, 4), 2), call(draw(2, 1, 5), (1, 3))], reference=np.dsplit
)
def dsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Pieces of the third dimension; see `tensor_split`.

    >>> import argand
    >>> argand.tensor([[[1, 2]]]).dsplit(2)
    (tensor([[[1]]]), tensor([[[2]]]))
    """
    return _evenly("dsplit", input, indices_or_sections, 2, 3)
