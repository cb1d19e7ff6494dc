"""Whole Jacobians and Hessians: `jacrev`, `jacfwd`, `hessian`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import argand
from argand.func.transforms import Function, Level, _Forward
from argand.utils._pytree import tree_unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def basis(x: Any) -> Iterator[Any]:
    """Tensors like `x` that are 1 at one place and 0 elsewhere, one for each element."""
    for place in range(x.numel()):
        one = x.detach().new_zeros(x.numel())
        one[place] = 1
        yield one.reshape(x.shape)


def _check_chunk_size(chunk_size: int | None) -> None:
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")


def jacrev(
    func: Function,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:
    """A function that computes the Jacobian of `func` by rows: one backward pass for each.

    Args:
        func: takes tensors (or structures of them), returns tensors in any structure.
        argnums: which positional arguments to differentiate by: an int, or a tuple of them.
        has_aux: whether `func` returns ``(output, aux)``; then ``(jacobian, aux)`` is returned.
        chunk_size: accepted for compatibility; it changes nothing.

    Returns:
        The function's result has the structure of the output, with the structure of the arguments
        inside; a tensor of shape `(*output, *input)` for each pair.

    >>> import argand
    >>> jacrev(argand.square)(argand.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_chunk_size(chunk_size)

    def by_rows(level: Level) -> list[list[Any]]:
        table = []
        for number, output in enumerate(level.outputs):
            rows = []
            for one in basis(output):
                seeds = [o.detach().new_zeros(o.shape) for o in level.outputs]
                seeds[number] = one
                rows.append(level.gradients(seeds))
            table.append(
                [
                    _stacked([row[i] for row in rows], x).reshape((*output.shape, *x.shape))
                    for i, x in enumerate(level.inputs)
                ]
            )
        return table

    return _jacobian("jacrev", func, argnums, has_aux, by_rows)


def jacfwd(
    func: Function,
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Function:
    """A function that computes the Jacobian of `func` by columns: one derivative for each.

    The arguments and the result are those of `jacrev`. It is the better one where there are fewer
    inputs than outputs.

    >>> import argand
    >>> jacfwd(argand.square)(argand.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_chunk_size(chunk_size)

    def by_columns(level: Level) -> list[list[Any]]:
        forward = _Forward(level)
        table: list[list[Any]] = [[] for _ in level.outputs]
        for number, x in enumerate(level.inputs):
            columns = []
            for one in basis(x):
                tangents: list[Any] = [None] * len(level.inputs)
                tangents[number] = one
                columns.append(forward(tangents))
            for o, output in enumerate(level.outputs):
                whole = _stacked([column[o] for column in columns], output).movedim(0, -1)
                table[o].append(whole.reshape((*output.shape, *x.shape)))
        return table

    return _jacobian("jacfwd", func, argnums, has_aux, by_columns)


def _stacked(parts: Sequence[Any], like: Any) -> Any:
    return argand.stack(list(parts)) if parts else like.new_zeros((0, *like.shape))


def _jacobian(
    name: str,
    func: Function,
    argnums: Any,
    has_aux: bool,
    table_of: Callable[[Level], list[list[Any]]],
) -> Function:
    """The function that both ways to compute a Jacobian have around them."""

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        level = Level(name, func, args, kwargs, argnums, has_aux)
        level.check_tensors()
        found = []
        for row in table_of(level):
            parts = level.arranged(row)
            found.append(parts[0] if isinstance(argnums, int) else tuple(parts))
        jacobian = tree_unflatten(found, level.spec)
        return (jacobian, level.left_aux()) if has_aux else jacobian

    return wrapped


def hessian(func: Function, argnums: Any = 0) -> Function:
    """A function that computes the Hessian of `func`: ``jacfwd(jacrev(func))``.

    >>> import argand
    >>> hessian(lambda x: (x ** 3).sum())(argand.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
