"""Views: other shapes and strides over the same memory. No element is moved."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand.errors import message
from argand.ops.dims import normalize_dim
from argand.ops.function import composite, view
from argand.ops.history import note_view
from argand.ops.record import describe
from argand.ops.samples import call
from argand.ops.viewing import viewing, with_copy
from argand.runtime.layout import Layout, contiguous_strides, dense, strided
from argand.runtime.tensor_base import TensorBase, make

Strided = tuple[Layout, int]  # a layout, and the element of the old one where it begins


def view_of(x: TensorBase, layout: Layout, offset: int = 0) -> Any:
    """A view of `x` from its element `offset` on."""
    out = make(x.buffer, layout, x.ptr + offset * layout.dtype.itemsize)
    note_view(out, x)
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


def _resolve(layout: Layout, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Fill in the size given as -1."""
    numel = layout.numel
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


def _flat_reference(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    first, last = start_dim % max(x.ndim, 1), end_dim % max(x.ndim, 1)
    merged = prod(x.shape[first : last + 1])
    return x.reshape(*x.shape[:first], merged, *x.shape[last + 1 :])


def _squeezed_reference(x: Any, dim: Any = None) -> Any:
    if dim is None:
        return np.squeeze(x)
    dims = (dim,) if isinstance(dim, int) else dim
    return np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1))


def _expanded_reference(x: Any, *sizes: Any) -> Any:
    wanted = sizes if isinstance(sizes[0], int) else sizes[0]
    lead = len(wanted) - x.ndim
    shape = [x.shape[d - lead] if n == -1 else n for d, n in enumerate(wanted)]
    return np.broadcast_to(x, shape)


def _summed_reference(x: Any, *size: Any) -> Any:
    wanted = size if isinstance(size[0], int) else size[0]
    lead = x.ndim - len(wanted)
    ones = (1,) * lead + tuple(wanted)
    dims = tuple(d for d, n in enumerate(ones) if n == 1)
    return x.sum(dims, keepdims=True).reshape(wanted)


@view(as_method=False, as_function=False, graph_name="view")
def view_as_sizes(input: Layout, sizes: tuple[int, ...]) -> Strided:
    """The same elements with other sizes; raises RuntimeError when they would have to move."""
    sizes = _resolve(input, sizes)
    strides = strides_for(input, sizes)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return strided(input.dtype, sizes, strides), 0


@view_as_sizes.vjp
def _view_vjp(g: Any, input: Layout, sizes: Any) -> Any:
    return g.reshape(input.shape)


@viewing(
    copy="(x, (4,))",
    as_function=False,
    name="view",
    samples=lambda draw: [
        call(draw(3, 4), 3, 2, 2), call(draw(2, 1, 3), (2, 3)), call(draw(2, 6), 2, -1, 3),
        call(draw(), 1, 1), call(draw(0, 3), 0, 1, 3),
    ],
    reference=lambda x, *shape: x.reshape(*shape),
)
def view_method(input: Any, size: Any, *more: int) -> Any:
    """The same elements with other sizes; one of them may be -1. A dtype reinterprets the bytes.

    Raises:
        RuntimeError: when the sizes do not fit, or the elements would have to be moved.

    >>> import argand
    >>> argand.arange(6).view(2, -1).shape
    torch.Size([2, 3])
    """
    if hasattr(size, "itemsize"):
        return _reinterpreted(input, size)
    return view_as_sizes(input, sizes_of("view", (size, *more)))


def _reinterpreted(input: Any, kind: Any) -> Any:
    """The bytes of the tensor as another type."""
    old, new = input.form.dtype.itemsize, kind.itemsize
    sizes = list(input.shape)
    if old != new:
        if not input.form.contiguous or not sizes or sizes[-1] * old % new:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {new // old or 1} to view "
                f"{input.dtype.name} as {kind.name} (different element sizes)"
            )
        sizes[-1] = sizes[-1] * old // new
        return view_of(input, dense(kind, sizes))
    return view_of(input, strided(kind, sizes, input.form.strides))


@viewing(
    samples=lambda draw: [
        call(draw(3, 4), (2, 6)), call(draw(3, 4), (-1,)), call(draw(3, 4), (4, -1)),
        call(draw(), (1, 1)), call(draw(0, 3), (3, 0)),
    ],
    reference=np.reshape,
)
def reshape(input: Any, shape: Any, *more: int) -> Any:
    """The same elements with other sizes: a view where possible, a copy otherwise.

    >>> import argand
    >>> argand.arange(4).reshape(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    sizes = sizes_of("reshape", (shape, *more))
    if not input.form.contiguous:
        sizes = _resolve(input.form, sizes)
        if strides_for(input.form, sizes) is None:
            input = input.contiguous()
    return view_as_sizes(input, sizes)


@viewing(
    as_method=False,
    as_function=False,
    copy="(x)",
    samples=lambda draw: [call(draw(3, 4)), call(draw())],
    reference=lambda x: x,
)
def alias(input: Any) -> Any:
    """A view of the whole tensor.

    >>> import argand
    >>> alias(argand.ones(2))
    tensor([1., 1.])
    """
    return permuted(input, tuple(range(input.ndim)))


@viewing(
    as_function=False,
    samples=lambda draw: [call(draw(3, 4), draw(3, 2, 2))],
    reference=lambda x, other: x.reshape(other.shape),
)
def view_as(input: Any, other: Any) -> Any:
    """The same elements with the sizes of `other`.

    >>> import argand
    >>> argand.arange(4).view_as(argand.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return view_as_sizes(input, other.shape)


@viewing(
    as_function=False,
    samples=lambda draw: [call(draw(3, 4), draw(2, 6))],
    reference=lambda x, other: x.reshape(other.shape),
)
def reshape_as(input: Any, other: Any) -> Any:
    """`reshape` to the sizes of `other`.

    >>> import argand
    >>> argand.arange(4).reshape_as(argand.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return input.reshape(other.shape)


@viewing(
    samples=lambda draw: [
        call(draw(2, 3, 4)), call(draw(2, 3, 4), 1), call(draw(2, 3, 4), 0, 1),
        call(draw(2, 3), 1, 1), call(draw()), call(draw(2, 0)),
    ],
    reference=_flat_reference,
)
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Merge the dimensions from `start_dim` to `end_dim` into one.

    >>> import argand
    >>> argand.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    rank = input.form.ndim
    first, last = normalize_dim(start_dim, rank), normalize_dim(end_dim, rank)
    if rank == 0:
        return input.reshape(1)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    shape = input.form.shape
    merged = prod(shape[first : last + 1])
    return input.reshape((*shape[:first], merged, *shape[last + 1 :]))


@viewing(
    samples=lambda draw: [call(draw(2, 12), 1, (3, -1)), call(draw(6, 2), 0, (2, 3))],
    reference=lambda x, dim, sizes: x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :]),
)
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


@view(as_method=False, as_function=False, graph_name="permute")
def permuted(input: Layout, order: tuple[int, ...]) -> Strided:
    """Dimensions in another order."""
    shape = [input.shape[d] for d in order]
    return strided(input.dtype, shape, [input.strides[d] for d in order]), 0


@permuted.vjp
def _permute_vjp(g: Any, input: Layout, order: Any) -> Any:
    inverse = [0] * len(order)
    for place, dim in enumerate(order):
        inverse[dim] = place
    return permuted(g, tuple(inverse))


@viewing(
    copy="(x, (1, 0))",
    samples=lambda draw: [
        call(draw(2, 3, 4), (2, 0, 1)), call(draw(2, 3), (1, 0)), call(draw(2, 3, 4), (0, -1, 1)),
        call(draw(), ()),
    ],
    reference=np.transpose,
)
def permute(input: Any, dims: Any, *more: int) -> Any:
    """Dimensions in another order.

    >>> import argand
    >>> argand.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    order = sizes_of("permute", (dims, *more))
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


@viewing(
    copy="(x, 0, 1)", in_place=True,
    aliases=("swapaxes", "swapdims"),
    samples=lambda draw: [
        call(draw(2, 3, 4), 0, 2), call(draw(2, 3), -1, -2), call(draw(0, 3), 0, 1),
        call(draw(), 0, 0),
    ],
    reference=lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1) if x.ndim else x,
)
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged.

    >>> import argand
    >>> argand.zeros(2, 3).transpose(0, 1).shape
    torch.Size([3, 2])
    """
    rank = input.form.ndim
    a, b = normalize_dim(dim0, rank), normalize_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return permuted(input, tuple(order))


@viewing(
    copy="(x)", in_place=True,
    samples=lambda draw: [call(draw(2, 3)), call(draw(3)), call(draw())],
    reference=np.transpose,
)
def t(input: Any) -> Any:
    """The transpose of a matrix; tensors of fewer dimensions stay.

    >>> import argand
    >>> argand.zeros(2, 3).t().shape
    torch.Size([3, 2])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return permuted(input, tuple(range(input.ndim))[::-1])


@viewing(
    aliases=("moveaxis",),
    samples=lambda draw: [call(draw(2, 3, 4), 0, -1), call(draw(2, 3, 4), (0, 1), (2, 0))],
    reference=np.moveaxis,
)
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
    if len(old) != len(new) or len({*old}) < len(old) or len({*new}) < len(new):
        raise RuntimeError(
            "movedim: source and destination must name as many dimensions, none of them twice, but "
            f"got {source} and {destination}"
        )
    order = [d for d in range(rank) if d not in old]
    for place, dim in sorted(zip(new, old)):
        order.insert(place, dim)
    return permuted(input, tuple(order))


@view(as_method=False, as_function=False, graph_name="squeeze")
def squeeze_dims(input: Layout, dims: tuple[int, ...]) -> Strided:
    """Without those of `dims` that have size 1."""
    kept = [d for d in range(input.ndim) if d not in dims or input.shape[d] != 1]
    shape = [input.shape[d] for d in kept]
    return strided(input.dtype, shape, [input.strides[d] for d in kept]), 0


@squeeze_dims.vjp
def _squeeze_vjp(g: Any, input: Layout, dims: Any) -> Any:
    return g.reshape(input.shape)


@viewing(
    copy="(x)", in_place=True,
    samples=lambda draw: [
        call(draw(1, 2, 1)), call(draw(1, 2, 1), 0), call(draw(1, 2, 1), 1),
        call(draw(1, 2, 1), (0, 2)), call(draw()),
    ],
    reference=_squeezed_reference,
)
def squeeze(input: Any, dim: Any = None) -> Any:
    """Without dimensions of size 1: all of them, or those named.

    >>> import argand
    >>> argand.zeros(1, 2, 1).squeeze().shape
    torch.Size([2])
    """
    rank = input.form.ndim
    if dim is None:
        return squeeze_dims(input, tuple(range(rank)))
    dims = (dim,) if isinstance(dim, int) else dim
    return squeeze_dims(input, tuple(normalize_dim(d, rank) for d in dims))


@view(
    in_place=True,
    samples=lambda draw: [
        call(draw(2, 3), 0), call(draw(2, 3), -1), call(draw(2, 3), 1), call(draw(), 0),
        call(draw(0, 2), 1),
    ],
    reference=np.expand_dims,
)
def unsqueeze(input: Layout, dim: int) -> Strided:
    """With a dimension of size 1 at `dim`.

    >>> import argand
    >>> argand.zeros(2).unsqueeze(1).shape
    torch.Size([2, 1])
    """
    at = normalize_dim(dim, input.ndim + 1)
    step = input.strides[at] * input.shape[at] if at < input.ndim else 1
    shape = (*input.shape[:at], 1, *input.shape[at:])
    return strided(input.dtype, shape, (*input.strides[:at], step, *input.strides[at:])), 0


with_copy(unsqueeze, "(x, 0)")


@unsqueeze.vjp
def _unsqueeze_vjp(g: Any, input: Layout, dim: Any) -> Any:
    return g.reshape(input.shape)


@view(as_method=False, as_function=False, graph_name="expand")
def expand_to(input: Layout, sizes: tuple[int, ...]) -> Strided:
    """Repeat dimensions of size 1 without copying."""
    layout = input
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
    return strided(layout.dtype, shape, strides), 0


@expand_to.vjp
def _expand_vjp(g: Any, input: Layout, sizes: Any) -> Any:
    return g.sum_to_size(input.shape)


@viewing(
    copy="(x, (3, 2, 2))",
    as_function=False,
    samples=lambda draw: [
        call(draw(3, 1), 3, 4), call(draw(3, 1), (2, -1, 4)), call(draw(), 2, 3),
        call(draw(1, 3), 0, 3),
    ],
    reference=_expanded_reference,
)
def expand(input: Any, size: Any, *more: int, implicit: bool = False) -> Any:
    """Repeat dimensions of size 1 without copying; -1 keeps a size.

    >>> import argand
    >>> argand.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return expand_to(input, sizes_of("expand", (size, *more)))


@viewing(
    as_function=False,
    samples=lambda draw: [call(draw(3, 1), draw(2, 3, 4))],
    reference=lambda x, other: np.broadcast_to(x, other.shape),
)
def expand_as(input: Any, other: Any) -> Any:
    """`expand` to the sizes of `other`.

    >>> import argand
    >>> argand.tensor([1]).expand_as(argand.zeros(3))
    tensor([1, 1, 1])
    """
    return expand_to(input, other.shape)


@viewing(
    samples=lambda draw: [call(draw(3, 1), (2, 3, 4)), call(draw(3), (2, 3))],
    reference=np.broadcast_to,
)
def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """`expand` to a shape.

    >>> import argand
    >>> argand.tensor([1]).broadcast_to((3,))
    tensor([1, 1, 1])
    """
    return expand_to(input, tuple(size))


@composite(
    as_function=False,
    samples=lambda draw: [
        call(draw(2, 3, 4), 3, 1), call(draw(2, 3), (2, 3)), call(draw(2, 3), (1, 3)),
        call(draw(2, 3), 1),
    ],
    reference=_summed_reference,
)
def sum_to_size(input: Any, size: Any, *more: int) -> Any:
    """The sum over the dimensions in which `size` is 1 or missing.

    >>> import argand
    >>> argand.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted = sizes_of("sum_to_size", (size, *more))
    shape = input.form.shape
    if shape == wanted:
        return input
    lead = len(shape) - len(wanted)
    dims = [*range(lead)]
    dims += [lead + d for d, n in enumerate(wanted) if n == 1 and shape[lead + d] != 1]
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:])):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}.")
    total = input.sum(dims, True) if dims else input
    return total.reshape(wanted) if lead else total
