"""Views: other shapes and strides over the same memory. No element is moved."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from argand.errors import message
from argand.ops.fold import normalize_dim
from argand.ops.function import composite, operation
from argand.ops.record import describe
from argand.runtime.layout import Layout, contiguous_strides, dense, strided
from argand.runtime.tensor_base import TensorBase, make


def view_of(x: TensorBase, layout: Layout, offset: int = 0) -> Any:
    """A view of `x` from its element `offset` on."""
    out = make(x.storage, layout, x.ptr + offset * layout.dtype.itemsize)
    out.base = x if x.base is None else x.base
    return out


def sizes_of(name: str, sizes: Sequence[Any]) -> tuple[int, ...]:
    """Sizes given as ``f(2, 3)`` or as ``f((2, 3))``."""
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        only = sizes[0]
        if isinstance(only, (tuple, list)):
            sizes = only
    try:
        return tuple([n if type(n) is int else int(n.__index__()) for n in sizes])
    except (AttributeError, TypeError):
        raise TypeError(message(name, "sizes must be ints", describe(sizes))) from None


def _resolve(name: str, x: TensorBase, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Fill in the size given as -1."""
    numel = x.layout.numel
    if -1 in sizes:
        known = -prod(sizes)
        if sizes.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        if known < 0 or numel % known:
            raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {numel}")
        sizes = tuple([numel // known if n == -1 else n for n in sizes])
    if prod(sizes) != numel or any(n < 0 for n in sizes):
        raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {numel}")
    return sizes


def strides_for(layout: Layout, sizes: Sequence[int]) -> tuple[int, ...] | None:
    """Strides that view `layout` as `sizes`; None when the elements would have to be moved."""
    if layout.contiguous:
        return contiguous_strides(sizes)
    strides: list[int] = []
    new = len(sizes) - 1
    at = layout.ndim - 1
    while at >= 0:
        # a run of old dimensions that are contiguous to each other
        base, run = layout.strides[at], layout.shape[at]
        while at > 0 and (
            layout.shape[at - 1] == 1 or layout.strides[at - 1] == run * base
        ):
            at -= 1
            run *= layout.shape[at]
        covered = 1
        while new >= 0 and (covered < run or sizes[new] == 1):
            strides.append(covered * base)
            covered *= sizes[new]
            new -= 1
        if covered != run:
            return None
        at -= 1
    strides += [strides[-1] if strides else 1] * (new + 1)
    return tuple(reversed(strides))


@operation(as_method=False, as_function=False)
def view_as_sizes(input: Any, sizes: tuple[int, ...]) -> Any:
    """The same elements with other sizes; raises RuntimeError when they would have to move."""
    sizes = _resolve("view", input, sizes)
    strides = strides_for(input.layout, sizes)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view_of(input, strided(input.layout.dtype, sizes, strides))


@view_as_sizes.vjp()
def _view_vjp(g: Any, out: Any, input: Any, sizes: Any) -> Any:
    return g.reshape(input.shape), None


view_as_sizes.__name__ = view_as_sizes.name = "view"


@composite(as_function=False)
def view(input: Any, *shape: Any) -> Any:
    """The same elements with other sizes; one of them may be -1. A dtype reinterprets the bytes.

    Raises:
        RuntimeError: when the sizes do not fit, or the elements would have to be moved.

    >>> import argand
    >>> argand.arange(6).view(2, -1).shape
    torch.Size([2, 3])
    """
    if len(shape) == 1 and hasattr(shape[0], "itemsize"):
        return _reinterpreted(input, shape[0])
    return view_as_sizes(input, sizes_of("view", shape))


def _reinterpreted(input: Any, kind: Any) -> Any:
    """The bytes of the tensor as another type."""
    old, new = input.layout.dtype.itemsize, kind.itemsize
    sizes = list(input.shape)
    if old != new:
        if not input.layout.contiguous or not sizes or sizes[-1] * old % new:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {new // old or 1} to view "
                f"{input.dtype.name} as {kind.name} (different element sizes)"
            )
        sizes[-1] = sizes[-1] * old // new
        return view_of(input, dense(kind, sizes))
    return view_of(input, strided(kind, sizes, input.layout.strides))


@composite
def reshape(input: Any, *shape: Any) -> Any:
    """The same elements with other sizes: a view where possible, a copy otherwise.

    >>> import argand
    >>> argand.arange(4).reshape(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    sizes = _resolve("reshape", input, sizes_of("reshape", shape))
    if strides_for(input.layout, sizes) is None:
        input = input.contiguous()
    return view_as_sizes(input, sizes)


@composite(as_function=False)
def view_as(input: Any, other: Any) -> Any:
    """The same elements with the sizes of `other`.

    >>> import argand
    >>> argand.arange(4).view_as(argand.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return view_as_sizes(input, other.shape)


@composite(as_function=False)
def reshape_as(input: Any, other: Any) -> Any:
    """`reshape` to the sizes of `other`.

    >>> import argand
    >>> argand.arange(4).reshape_as(argand.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return input.reshape(other.shape)


@composite
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Merge the dimensions from `start_dim` to `end_dim` into one.

    >>> import argand
    >>> argand.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    rank = input.layout.ndim
    first, last = normalize_dim(start_dim, rank), normalize_dim(end_dim, rank)
    if rank == 0:
        return input.reshape(1)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    shape = input.layout.shape
    merged = prod(shape[first : last + 1])
    return input.reshape((*shape[:first], merged, *shape[last + 1 :]))


@composite
def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Split a dimension into several; one size may be -1.

    >>> import argand
    >>> argand.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    at = normalize_dim(dim, input.ndim)
    total = input.shape[at]
    sizes = tuple(sizes)
    if -1 in sizes:
        known = -prod(sizes)
        sizes = tuple(total // known if n == -1 and known else n for n in sizes)
    if prod(sizes) != total:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} "
            f"({total}) in the input tensor"
        )
    return input.reshape((*input.shape[:at], *sizes, *input.shape[at + 1 :]))


@operation(as_method=False, as_function=False, name="permute_dims")
def permuted(input: Any, order: tuple[int, ...]) -> Any:
    """Dimensions in another order."""
    layout = input.layout
    shape = [layout.shape[d] for d in order]
    return view_of(input, strided(layout.dtype, shape, [layout.strides[d] for d in order]))


@permuted.vjp()
def _permute_vjp(g: Any, out: Any, input: Any, order: Any) -> Any:
    inverse = [0] * len(order)
    for place, dim in enumerate(order):
        inverse[dim] = place
    return permuted(g, tuple(inverse)), None


@composite
def permute(input: Any, *dims: Any) -> Any:
    """Dimensions in another order.

    >>> import argand
    >>> argand.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    order = sizes_of("permute", dims)
    if len(order) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not "
            f"equal to len(dims) = {len(order)}"
        )
    normal = tuple(normalize_dim(d, input.ndim) for d in order)
    if len(set(normal)) != len(normal):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return permuted(input, normal)


@composite(aliases=("swapaxes", "swapdims"))
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged.

    >>> import argand
    >>> argand.zeros(2, 3).transpose(0, 1).shape
    torch.Size([3, 2])
    """
    rank = input.layout.ndim
    a, b = normalize_dim(dim0, rank), normalize_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return permuted(input, tuple(order))


@composite
def t(input: Any) -> Any:
    """The transpose of a matrix; tensors of fewer dimensions stay.

    >>> import argand
    >>> argand.zeros(2, 3).t().shape
    torch.Size([3, 2])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return permuted(input, tuple(range(input.ndim))[::-1])


@composite
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Dimensions moved to other places; the rest keep their order.

    >>> import argand
    >>> argand.zeros(2, 3, 4).movedim(0, -1).shape
    torch.Size([3, 4, 2])
    """
    rank = input.ndim
    old = [normalize_dim(d, rank) for d in ([source] if isinstance(source, int) else source)]
    new = [normalize_dim(d, rank)
           for d in ([destination] if isinstance(destination, int) else destination)]  # fmt: skip
    order = [d for d in range(rank) if d not in old]
    for place, dim in sorted(zip(new, old)):
        order.insert(place, dim)
    return permuted(input, tuple(order))


@operation(as_method=False, as_function=False)
def squeeze_dims(input: Any, dims: tuple[int, ...]) -> Any:
    """Without those of `dims` that have size 1."""
    layout = input.layout
    kept = [d for d in range(layout.ndim) if d not in dims or layout.shape[d] != 1]
    shape = [layout.shape[d] for d in kept]
    return view_of(input, strided(layout.dtype, shape, [layout.strides[d] for d in kept]))


@squeeze_dims.vjp()
def _squeeze_vjp(g: Any, out: Any, input: Any, dims: Any) -> Any:
    return g.reshape(input.shape), None


@composite
def squeeze(input: Any, dim: Any = None) -> Any:
    """Without dimensions of size 1: all of them, or those named.

    >>> import argand
    >>> argand.zeros(1, 2, 1).squeeze().shape
    torch.Size([2])
    """
    rank = input.layout.ndim
    if dim is None:
        return squeeze_dims(input, tuple(range(rank)))
    dims = (dim,) if isinstance(dim, int) else dim
    return squeeze_dims(input, tuple(normalize_dim(d, rank) for d in dims))


@operation
def unsqueeze(input: Any, dim: int) -> Any:
    """With a dimension of size 1 at `dim`.

    >>> import argand
    >>> argand.zeros(2).unsqueeze(1).shape
    torch.Size([2, 1])
    """
    layout = input.layout
    at = normalize_dim(dim, layout.ndim + 1)
    step = layout.strides[at] * layout.shape[at] if at < layout.ndim else 1
    shape = (*layout.shape[:at], 1, *layout.shape[at:])
    return view_of(input, strided(layout.dtype, shape,
                                  (*layout.strides[:at], step, *layout.strides[at:])))  # fmt: skip


@unsqueeze.vjp()
def _unsqueeze_vjp(g: Any, out: Any, input: Any, dim: Any) -> Any:
    return g.reshape(input.shape), None


@operation(as_method=False, as_function=False)
def expand_to(input: Any, sizes: tuple[int, ...]) -> Any:
    """Repeat dimensions of size 1 without copying."""
    layout = input.layout
    lead = len(sizes) - layout.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(sizes)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({layout.ndim})"
        )
    shape, strides = [], []
    for place, wanted in enumerate(sizes):
        old = layout.shape[place - lead] if place >= lead else 1
        if wanted == -1:
            if place < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor ({wanted}) isn't allowed in a leading, "
                    f"non-existing dimension {place}"
                )
            wanted = old
        if old not in (1, wanted):
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted}) must match the existing size ({old}) "
                f"at non-singleton dimension {place}.  Target sizes: {list(sizes)}.  Tensor sizes: "
                f"{list(layout.shape)}"
            )
        shape.append(wanted)
        same = place >= lead and old == wanted
        strides.append(layout.strides[place - lead] if same else 0)
    return view_of(input, strided(layout.dtype, shape, strides))


@expand_to.vjp()
def _expand_vjp(g: Any, out: Any, input: Any, sizes: Any) -> Any:
    return g.sum_to_size(input.shape), None


@composite(as_function=False)
def expand(input: Any, *sizes: Any) -> Any:
    """Repeat dimensions of size 1 without copying; -1 keeps a size.

    >>> import argand
    >>> argand.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return expand_to(input, sizes_of("expand", sizes))


@composite(as_function=False)
def expand_as(input: Any, other: Any) -> Any:
    """`expand` to the sizes of `other`.

    >>> import argand
    >>> argand.tensor([1]).expand_as(argand.zeros(3))
    tensor([1, 1, 1])
    """
    return expand_to(input, other.shape)


@composite
def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """`expand` to a shape.

    >>> import argand
    >>> argand.tensor([1]).broadcast_to((3,))
    tensor([1, 1, 1])
    """
    return expand_to(input, tuple(size))


@composite(as_function=False)
def sum_to_size(input: Any, *size: Any) -> Any:
    """The sum over the dimensions in which `size` is 1 or missing.

    >>> import argand
    >>> argand.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted = sizes_of("sum_to_size", size)
    shape = input.layout.shape
    if shape == wanted:
        return input
    lead = len(shape) - len(wanted)
    dims = [*range(lead)]
    dims += [lead + d for d, n in enumerate(wanted) if n == 1 and shape[lead + d] != 1]
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:])):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}.")
    total = input.sum(dims, True) if dims else input
    return total.reshape(wanted) if lead else total


@operation
def as_strided(input: Any, size: Sequence[int], stride: Sequence[int],
               storage_offset: int | None = None) -> Any:  # fmt: skip
    """A view with any sizes and strides (in elements) over the storage of `input`.

    >>> import argand
    >>> argand.arange(4).as_strided((2, 2), (1, 1))
    tensor([[0, 1],
            [1, 2]])
    """
    layout = strided(input.layout.dtype, tuple(size), tuple(stride))
    at = input.storage_offset() if storage_offset is None else storage_offset
    low, high = layout.span()
    capacity = input.storage.nbytes // layout.dtype.itemsize
    if layout.numel and (at + low < 0 or at + high >= capacity):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {at}, and "
            f"itemsize {layout.dtype.itemsize} requiring a storage size of "
            f"{(at + high + 1) * layout.dtype.itemsize} are out of bounds for storage of size "
            f"{input.storage.nbytes}"
        )
    return view_of(input, layout, at - input.storage_offset())


@as_strided.vjp()
def _as_strided_vjp(g: Any, out: Any, input: Any, size: Any, stride: Any, offset: Any) -> Any:
    if not input.layout.contiguous:
        raise NotImplementedError("the gradient of as_strided needs a contiguous input")
    positions = g.new_zeros(()).long().new_arange(input.layout.numel)
    index = positions.as_strided(size, stride, 0 if offset is None else offset)
    flat = g.new_zeros(input.layout.numel).index_add(0, index.reshape(-1), g.reshape(-1))
    return flat.reshape(input.shape), None, None, None


@operation
def slice_dim(input: Any, dim: int, start: int, step: int, length: int) -> Any:
    """``length`` elements of a dimension from `start` on, `step` apart (it may be negative)."""
    layout = input.layout
    shape, strides = list(layout.shape), list(layout.strides)
    offset = start * strides[dim]
    shape[dim] = length
    strides[dim] *= step
    return view_of(input, strided(layout.dtype, shape, strides), offset if layout.numel else 0)


slice_dim.as_method = slice_dim.as_function = False


@slice_dim.vjp()
def _slice_vjp(
    g: Any, out: Any, input: Any, dim: int, start: int, step: int, length: int
) -> Any:
    return embed_slice(g, input.shape, dim, start, step), None, None, None, None


@operation(as_method=False, as_function=False)
def embed_slice(g: Any, shape: Sequence[int], dim: int, start: int, step: int) -> Any:
    """Zeros of `shape` with `g` in one of their slices."""
    out = g.new_zeros(tuple(shape))
    slice_dim.body(out, dim, start, step, g.shape[dim]).copy_(g)
    return out


@embed_slice.vjp()
def _embed_slice_vjp(gg: Any, out: Any, g: Any, shape: Any, dim: int, start: int, step: int) -> Any:
    return slice_dim(gg, dim, start, step, g.shape[dim]), None, None, None, None


@operation
def select(input: Any, dim: int, index: int) -> Any:
    """The slice at `index` of a dimension, without that dimension.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    layout = input.layout
    if not layout.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = normalize_dim(dim, layout.ndim)
    size = layout.shape[at]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(layout.shape)} at "
            f"dimension {at}"
        )
    shape = layout.shape[:at] + layout.shape[at + 1 :]
    strides = layout.strides[:at] + layout.strides[at + 1 :]
    return view_of(input, strided(layout.dtype, shape, strides), index % size * layout.strides[at])


@select.vjp()
def _select_vjp(g: Any, out: Any, input: Any, dim: int, index: int) -> Any:
    at = normalize_dim(dim, input.ndim)
    return embed_slice(g.unsqueeze(at), input.shape, at, index % input.shape[at], 1), None, None


@composite
def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """``length`` elements of a dimension from `start` on.

    >>> import argand
    >>> argand.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    at = normalize_dim(dim, input.ndim)
    size = input.shape[at]
    start = int(start)
    begin = start + size if start < 0 else start
    if not 0 <= begin <= size or length < 0 or begin + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_dim(input, at, begin, 1, length)


@composite
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
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
    found, start = [], 0
    for length in pieces:
        found.append(slice_dim(tensor, at, start, 1, length))
        start += length
    return tuple(found)


@composite
def chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    """At most `chunks` pieces of equal size; the last may be smaller.

    >>> import argand
    >>> [len(piece) for piece in argand.arange(5).chunk(2)]
    [3, 2]
    """
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input.shape[normalize_dim(dim, input.ndim)]
    return split.body(input, max(1, -(-size // chunks)), dim)


@composite
def unbind(input: Any, dim: int = 0) -> Any:
    """All slices along a dimension.

    >>> import argand
    >>> argand.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """
    at = normalize_dim(dim, input.ndim)
    return tuple([select(input, at, i) for i in range(input.shape[at])])
