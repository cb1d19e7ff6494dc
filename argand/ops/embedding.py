"""Tables of rows: looking rows up by number, sums and means of bags of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from argand import dtypes
from argand.errors import message
from argand.kernels import jit
from argand.kernels.scatter import BLOCK, add_rows_kernel
from argand.ops.arrays import as_array, from_array, new
from argand.ops.create import fill
from argand.ops.function import composite, operation
from argand.ops.plans import BYTES_PER_NS, RELEASE_ABOVE
from argand.ops.samples import Call, Draw, call
from argand.runtime import memory, threads
from argand.runtime.layout import Layout, dense

NN = "nn.functional"
_HIDDEN: dict[str, Any] = {"as_method": False, "as_function": False}


@lru_cache(256)
def _adder(rows: Layout) -> Any:
    """The plan that adds rows to chosen rows of a table."""
    count, columns = rows.shape
    units = -(-columns // BLOCK)
    work = 3 * rows.nbytes / BYTES_PER_NS
    return memory.make_plan(
        jit.address(add_rows_kernel(rows.dtype)),
        [count, columns],
        3,
        units=units,
        chunks=threads.chunks_for(work, units),
        release_gil=work > RELEASE_ABOVE,
    ).run


@operation(graph_name="embedding", **_HIDDEN)
def look_up(weight: Any, indices: Any, skipped: int) -> Any:
    """The rows of a table; the row `skipped` gets no gradient."""
    found = as_array(weight).take(as_array(indices), 0)
    out = new(dense(weight.form.dtype, (*indices.form.shape, weight.form.shape[1])))
    if out.form.numel:
        as_array(out)[...] = found
    return out


@look_up.vjp(saves="indices")
def _look_up_vjp(g: Any, out: Any, weight: Any, indices: Any, skipped: int) -> Any:
    return add_up(g.contiguous(), indices, weight.form.shape[0], skipped), None, None


@operation(graph_name="embedding_dense_backward", **_HIDDEN)
def add_up(g: Any, indices: Any, count: int, skipped: int) -> Any:
    """A table of zeros to which rows are added where they were looked up."""
    columns = g.form.shape[-1]
    table = fill(new(dense(g.form.dtype, (count, columns))), 0)
    if g.form.numel:
        parts = 2 if g.form.dtype.kind == "c" else 1  # which add up one by one
        rows = dense(g.form.dtype.to_real(), (indices.form.numel, parts * columns))
        _adder(rows)(indices.ptr, g.ptr, table.ptr)
        if skipped >= 0:
            as_array(table)[skipped] = 0
    return table


@add_up.vjp(saves="indices")
def _add_up_vjp(g: Any, out: Any, rows: Any, indices: Any, count: int, skipped: int) -> Any:
    if skipped >= 0:
        kept = (indices != skipped).to(g.dtype).unsqueeze(-1)
        return look_up(g, indices, -1) * kept, None, None, None
    return look_up(g, indices, -1), None, None, None


def _checked(name: str, indices: Any, weight: Any) -> Any:
    """Row-major int64 numbers of rows, which exist."""
    if indices.form.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {indices.dtype} instead (while checking arguments for {name})"
        )
    if weight.form.ndim != 2:
        raise RuntimeError(message(name, "'weight' must be 2-D", f"{weight.form.ndim}-D"))
    values = as_array(indices)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < weight.form.shape[0]:
        raise IndexError(
            f"index out of range in self: {name} has {weight.form.shape[0]} rows, but got indices "
            f"from {values.min()} to {values.max()}"
        )
    return indices.to(dtypes.int64).contiguous()


def _padding(name: str, weight: Any, padding_idx: int | None) -> int:
    if padding_idx is None:
        return -1
    count = weight.form.shape[0]
    if not -count <= padding_idx < count:
        raise AssertionError(f"{name}: Padding_idx must be within num_embeddings")
    return padding_idx % count


def _shorten(weight: Any, indices: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that will be looked up, in place, if they are longer than `max_norm`."""
    table = as_array(weight.detach())
    used = np.unique(as_array(indices))
    if norm_type == np.inf:
        length = np.abs(table[used]).max(1, initial=0)
    else:
        length = (np.abs(table[used]) ** norm_type).sum(1) ** (1 / norm_type)
    long = length > max_norm
    table[used[long]] *= (max_norm / (length[long] + 1e-7))[:, None].astype(table.dtype)
    if long.any():
        weight.buffer.version += 1


def _look_up_samples(draw: Draw) -> Iterable[Call]:
    if draw.kind != draw.dtype("bool"):
        yield call(draw.index(3, below=5), draw(5, 4))
        yield call(draw.index(2, 3, below=5), draw(5, 4))


@composite(
    namespace=NN,
    as_method=False,
    samples=_look_up_samples,
    reference=lambda indices, table, padding_idx=None: table[indices],
)
def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """Rows of a table.

    Args:
        input: numbers of rows, in any shape.
        weight: ``(rows, columns)``.
        padding_idx: a row that gets no gradient.
        max_norm: longer rows are shortened in place before they are read.
        norm_type: which norm that is.
        scale_grad_by_freq: divide gradients by how often a row is read.
        sparse: not there: gradients are dense.

    Shape:
        ``(*, columns)``.

    Raises:
        IndexError: when there is no such row.

    >>> import argand
    >>> argand.nn.functional.embedding(argand.tensor([1, 0]), argand.eye(2))
    tensor([[0., 1.],
            [1., 0.]])
    """
    if sparse and weight.node is not None:
        raise NotImplementedError("embedding: sparse gradients are not there: use sparse=False")
    skipped = _padding("embedding", weight, padding_idx)
    indices = _checked("embedding", input, weight)
    if max_norm is not None:
        _shorten(weight, indices, max_norm, norm_type)
    found = look_up(weight, indices, skipped)
    if not scale_grad_by_freq or weight.node is None:
        return found
    counts = np.bincount(as_array(indices).reshape(-1), minlength=weight.shape[0])
    share = from_array(1.0 / counts[as_array(indices)]).to(weight.dtype).unsqueeze(-1)
    return found.detach() + (found - found.detach()) * share


@composite(
    name="embedding",
    as_method=False,
    samples=lambda draw: [call(draw(5, 4), draw.index(2, 3, below=5))],
)
def embedding_package(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:  # fmt: skip
    """`nn.functional.embedding` with its arguments in another order.

    >>> import argand
    >>> argand.embedding(argand.eye(2), argand.tensor([1]))
    tensor([[0., 1.]])
    """
    skipped = None if padding_idx < 0 else padding_idx
    return embedding.body(
        indices, weight, skipped, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse
    )


# ---- bags ---------------------------------------------------------------------------------------


def _bags(input: Any, offsets: Any, last: bool) -> tuple[Any, Any, int]:
    """The numbers in a row, the bag of each, and how many bags there are."""
    if input.form.ndim == 2:
        if offsets is not None:
            given = "None was expected, since input is 2D"
            raise ValueError(f"if input is 2D, then offsets has to be None: {given}")
        bags, size = input.shape
        return input.reshape(-1), np.repeat(np.arange(bags), size), bags
    if input.form.ndim != 1:
        rule = "input has to be 1D or 2D Tensor"
        raise ValueError(f"{rule}, but got Tensor of dimension {input.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.form.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    begins = as_array(offsets).astype(np.int64)
    if begins.size and begins[0] != 0:
        rule = "offsets[0] has to be 0, i.e., the first sequence begins at 0"
        raise RuntimeError(f"{rule}, but got {begins[0]}")
    if begins.size and begins.max() > input.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length ({input.shape[0]}), but got "
            f"{begins.max()}"
        )
    count = len(begins) - 1 if last else len(begins)
    ends = begins[1:] if last else np.append(begins[1:], input.shape[0])
    return input, np.repeat(np.arange(count), ends - begins[:count]), count


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(draw.index(2, 3, below=5), draw(5, 4)),
        call(draw.index(2, 3, below=5), draw(5, 4), mode="sum"),
        call(draw.index(2, 3, below=5), draw(5, 4), mode="max"),
    ] if draw.kind in (draw.dtype("float32"), draw.dtype("float64")) else [],
)  # fmt: skip
def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Any = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """Means, sums or maxima of bags of rows of a table.

    Args:
        input: numbers of rows: ``(bags, size)``, or all in a row.
        weight: ``(rows, columns)``.
        offsets: where bags begin, if input has one dimension.
        mode: ``"mean"``, ``"sum"`` or ``"max"``.
        per_sample_weights: a factor for each row that is added, with mode ``"sum"``.
        include_last_offset: whether the last offset is the end of the last bag.
        padding_idx: rows with this number do not count.

    >>> import argand
    >>> argand.nn.functional.embedding_bag(argand.tensor([[0, 1]]), argand.eye(2))
    tensor([[0.5000, 0.5000]])
    """
    if per_sample_weights is not None:
        if per_sample_weights.form.shape != input.form.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not "
                f"None, then it must have the same shape as the input ({list(input.shape)})"
            )
        if mode != "sum":
            raise NotImplementedError(
                f"embedding_bag: per_sample_weights was not None. It is only supported for "
                f"mode='sum' (got mode='{mode}')"
            )
    skipped = _padding("embedding_bag", weight, padding_idx)
    flat, bags, count = _bags(input, offsets, include_last_offset)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    rows = embedding.body(
        flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    )
    kept = as_array(flat) != skipped
    if mode == "max":
        return _largest(rows, bags, count, kept)
    factors = kept.astype(np.float64)
    if mode == "mean":
        sizes = np.bincount(bags[kept], minlength=count)
        factors = factors / np.maximum(sizes, 1)[bags]
    rows = rows * from_array(factors).to(rows.dtype).unsqueeze(-1)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    zeros = weight.new_zeros(count, weight.shape[1])
    return zeros.index_add(0, from_array(bags.astype(np.int64)), rows)


def _largest(rows: Any, bags: Any, count: int, kept: Any) -> Any:
    """The largest element of every column of each bag; 0 for empty bags."""
    values = as_array(rows.detach())
    chosen = np.zeros((count, values.shape[1]), np.int64)
    filled = np.zeros(count, bool)
    for bag in range(count):
        own = np.flatnonzero((bags == bag) & kept)
        if own.size:
            chosen[bag] = own[values[own].argmax(0)]
            filled[bag] = True
    if not filled.any():
        return rows.new_zeros(count, values.shape[1])
    found = rows.gather(0, from_array(chosen))
    return found.masked_fill(from_array(~filled).unsqueeze(-1), 0)


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [call(draw.index(3, below=4)), call(draw.index(2, 2, below=4), 6)],
)
def one_hot(input: Any, num_classes: int = -1) -> Any:
    """1 at the place of each number, 0 elsewhere.

    Args:
        input: int64 numbers of classes, in any shape.
        num_classes: how many there are; by default one more than the largest.

    Shape:
        ``(*, num_classes)``, of int64.

    >>> import argand
    >>> argand.nn.functional.one_hot(argand.tensor([1, 0]))
    tensor([[0, 1],
            [1, 0]])
    """
    if input.form.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    values = as_array(input)
    if not values.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return input.new_zeros(*input.shape, num_classes)
    if values.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(values.max()) + 1
    if values.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    classes = from_array(np.arange(num_classes))
    return (input.contiguous().unsqueeze(-1) == classes).to(dtypes.int64)
