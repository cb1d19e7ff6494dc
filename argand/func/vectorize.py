"""`vmap`: a function of one example as a function of a batch.

The function runs once for each example, and the results are stacked. So anything may happen in it
that may happen outside, and gradients flow through; but it takes the time of that many calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import argand
from argand.tensor import Tensor
from argand.utils._pytree import TreeSpec, broadcast_leaves, tree_flatten, tree_unflatten

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function of batches that computes `func` for each example in them.

    Args:
        func: takes tensors (or nested lists, tuples and dictionaries of them) without the batch
            dimension, returns tensors in any structure.
        in_dims: the batch dimension of the arguments; None for what is no batch. One for all, or a
            tuple with one for each, where an argument's may again be a structure.
        out_dims: where the batch dimension is to be in the results. None for a result that does not
            depend on the example: that of the first one is taken.
        randomness: "error" refuses random numbers, "different" draws others for each example, and
            "same" the same for all.
        chunk_size: accepted for compatibility; it changes nothing.

    Raises:
        ValueError: if the arguments or results do not have the structure or sizes they must have.
        RuntimeError: if random numbers are drawn and `randomness` is "error".

    Keyword arguments are passed on as they are. `func` runs once for each example: it may look at
    values (``if x.sum() > 0``), and whatever else it does happens as often.

    >>> import argand
    >>> x, y = argand.tensor([[1.0, 2.0], [3.0, 4.0]]), argand.ones(2)
    >>> vmap(argand.dot, in_dims=(0, None))(x, y)
    tensor([3., 7.])
    >>> vmap(argand.func.grad(lambda x: (x * x).sum()))(x)
    tensor([[2., 4.],
            [6., 8.]])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", type(func).__name__)

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(args)
        dims = _input_dims(f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)", name, in_dims,
                           leaves, spec)  # fmt: skip
        size = _batch_size(leaves, dims)
        results, result_spec = [], None
        random = _Randomness(randomness)
        for example in _examples(leaves, dims, size):
            with random:
                result = func(*tree_unflatten(example, spec), **kwargs)
            flat, result_spec = tree_flatten(result)
            results.append(flat)
        assert result_spec is not None
        places = _output_dims(name, out_dims, results[0], result_spec)
        columns = zip(*results) if results else ()
        joined = [_joined(list(c), place, size) for c, place in zip(columns, places)]
        return tree_unflatten(joined, result_spec)

    return wrapped


# ---- arguments ----------------------------------------------------------------------------------


def _input_dims(
    where: str, name: str, in_dims: Any, leaves: list[Any], spec: TreeSpec
) -> list[int | None]:
    """The batch dimension of every leaf of the arguments."""
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not leaves:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
        )
    dims = broadcast_leaves(tuple(in_dims) if isinstance(in_dims, list) else in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{where}: in_dims is not compatible with the structure of `inputs`, which has "
            f"{len(spec.children_specs)} arguments and {len(leaves)} leaves"
        )
    return [_checked_dim(where, x, dim) for x, dim in zip(leaves, dims)]


def _checked_dim(where: str, x: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer "
            "dimension or None."
        )
    if not isinstance(x, Tensor):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(
            f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {x.ndim} so expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
        )
    return dim % x.ndim


def _batch_size(leaves: list[Any], dims: list[int | None]) -> int:
    sizes = [x.shape[dim] for x, dim in zip(leaves, dims) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _examples(leaves: list[Any], dims: list[int | None], size: int) -> Iterator[list[Any]]:
    """The leaves of the arguments for each example; for an empty batch, for one of zeros."""
    if not size:
        yield [x if d is None else x.new_zeros(_without(x, d)) for x, d in zip(leaves, dims)]
        return
    columns = [[x] * size if d is None else x.unbind(d) for x, d in zip(leaves, dims)]
    for example in zip(*columns):
        yield list(example)


def _without(x: Any, dim: int) -> list[int]:
    return [n for d, n in enumerate(x.shape) if d != dim]


class _Randomness:
    """What a setting of `randomness` means around the call for one example."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.begin = None if kind == "different" else argand.get_rng_state()

    def __enter__(self) -> None:
        if self.kind == "same":
            argand.set_rng_state(self.begin)

    def __exit__(self, kind: Any, *details: object) -> None:
        if kind is not None or self.kind != "error":
            return
        if not argand.equal(argand.get_rng_state(), self.begin):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use "
                "the 'same' or 'different' randomness flags on vmap or perform the randomness "
                "operation out of vmap"
            )


# ---- results ------------------------------------------------------------------------------------


def _output_dims(name: str, out_dims: Any, leaves: list[Any], spec: TreeSpec) -> list[int | None]:
    """The batch dimension of every leaf of the result."""
    whole = tuple(out_dims) if isinstance(out_dims, list) else out_dims
    if spec.is_leaf() and isinstance(whole, tuple) and len(whole) == 1:
        whole = whole[0]
    dims = broadcast_leaves(whole, spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`, which has {len(leaves)} leaves"
        )
    for x, dim in zip(leaves, dims):
        if dim is not None and not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did "
                "you mean to set out_dims= to None for output?"
            )
    return dims


def _joined(values: list[Any], dim: int | None, size: int) -> Any:
    """One result of all examples, with the batch dimension at `dim`."""
    if dim is None:
        return values[0]
    joined = argand.stack(values, dim)
    return joined if size else joined.narrow(dim, 0, 0)
