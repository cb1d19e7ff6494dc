"""`einsum`: sums of products, written with one label per dimension."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from argand.ops.function import composite
from argand.ops.matmul import product_of
from argand.ops.samples import Call, Draw, call
from argand.runtime.tensor_base import TensorBase

Labels = list[int]  # of the dimensions of an operand; what an ellipsis stands for comes from 52 on

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COUNT = len(_LETTERS)
_ELLIPSIS = -1


def _refuse(rule: str) -> RuntimeError:
    return RuntimeError(f"einsum(): {rule}")


# ---- reading -------------------------------------------------------------------------------------


def _labels_of(text: str, where: str) -> Labels:
    """The labels in one part of an equation."""
    found: Labels = []
    rest = text.replace(" ", "")
    while rest:
        if rest.startswith("..."):
            if _ELLIPSIS in found:
                raise _refuse(f"found '.' for {where} that is not part of any ellipsis")
            found.append(_ELLIPSIS)
            rest = rest[3:]
            continue
        if rest[0] == ".":
            raise _refuse(f"found '.' for {where} that is not part of any ellipsis")
        label = _LETTERS.find(rest[0])
        if label < 0:
            place = text.index(rest[0])
            raise _refuse(
                f"invalid subscript given at index {place} in the equation string, subscripts must "
                "be in [a-zA-Z]"
            )
        found.append(label)
        rest = rest[1:]
    return found


def _from_sublist(sublist: Any) -> Labels:
    found: Labels = []
    for item in sublist:
        if item is not Ellipsis and not 0 <= item < _COUNT:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range "
                f"[0, {_COUNT}), got {item}"
            )
        found.append(_ELLIPSIS if item is Ellipsis else item)
    return found


def _read(args: Sequence[Any]) -> tuple[list[Any], list[Labels], Labels | None]:
    """The operands, their labels, and those of the result where they are given."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if not isinstance(args[0], (str, TensorBase)):
        given = type(args[0]).__name__
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {given}")
    if not isinstance(args[0], str):
        operands = list(args[: len(args) // 2 * 2 : 2])
        inputs = [_from_sublist(x) for x in args[1::2]]
        return operands, inputs, _from_sublist(args[-1]) if len(args) % 2 else None
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    for i, x in enumerate(operands):
        if not isinstance(x, TensorBase):
            raise TypeError(f"einsum(): operand {i} must be a Tensor, not {type(x).__name__}")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        which = "more" if len(parts) < len(operands) else "fewer"
        raise _refuse(
            f"{which} operands were provided than specified in the equation: {len(operands)}, and "
            f"{len(parts)} in {equation!r}"
        )
    inputs = [_labels_of(part, f"operand {i}") for i, part in enumerate(parts)]
    return operands, inputs, _labels_of(right, "the output") if arrow else None


def _without_ellipses(operands: Sequence[Any], inputs: list[Labels]) -> int:
    """Give the dimensions that an ellipsis stands for labels; returns how many there are."""
    covered = []
    for i, (x, labels) in enumerate(zip(operands, inputs)):
        if not isinstance(x, TensorBase):
            raise TypeError(f"einsum(): operand {i} must be a Tensor, not {type(x).__name__}")
        count = x.ndim - len(labels) + 1 if _ELLIPSIS in labels else 0
        if count < 0 or (_ELLIPSIS not in labels and x.ndim != len(labels)):
            raise _refuse(
                f"the number of subscripts in the equation ({len(labels)}) does not match the "
                f"number of dimensions ({x.ndim}) for operand {i}"
                + (" and no ellipsis was given" if _ELLIPSIS not in labels else "")
            )
        covered.append(count)
    most = max(covered)
    for labels, count in zip(inputs, covered):
        if _ELLIPSIS in labels:
            place = labels.index(_ELLIPSIS)
            labels[place : place + 1] = range(_COUNT + most - count, _COUNT + most)
    return most


def _result_labels(inputs: list[Labels], given: Labels | None, covered: int) -> Labels:
    """The labels of the result; by default those that occur once, in alphabetical order."""
    every = [label for labels in inputs for label in labels]
    hidden = list(range(_COUNT, _COUNT + covered))
    if given is None:
        return hidden + sorted(x for x in set(every) if x < _COUNT and every.count(x) == 1)
    found: Labels = []
    for label in given:
        if label == _ELLIPSIS:
            found += hidden
            continue
        if given.count(label) > 1:
            raise _refuse(
                f"output subscript {_LETTERS[label]} appears more than once in the output"
            )
        if label not in every:
            raise _refuse(
                f"output subscript {_LETTERS[label]} does not appear in the equation for any input "
                "operand"
            )
        found.append(label)
    return found


def _shown(label: int) -> str:
    return _LETTERS[label] if label < _COUNT else "..."


# ---- operands with labels ------------------------------------------------------------------------


def _diagonals(x: Any, labels: Labels, number: int) -> tuple[Any, Labels]:
    """Every label once: of dimensions that share one, the diagonal."""
    labels = list(labels)
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise _refuse(
                    f"subscript {_shown(label)} is repeated for operand {number} but the sizes "
                    f"don't match, {x.shape[second]} != {x.shape[first]}"
                )
            x = x.diagonal(0, first, second)
            labels = [n for i, n in enumerate(labels) if i not in (first, second)] + [label]
    return x, labels


def _sizes(operands: Sequence[tuple[Any, Labels]]) -> dict[int, int]:
    """The size of each label; 1 broadcasts."""
    sizes: dict[int, int] = {}
    for i, (x, labels) in enumerate(operands):
        for label, size in zip(labels, x.shape):
            known = sizes.setdefault(label, size)
            if known != size and 1 not in (known, size):
                raise _refuse(
                    f"subscript {_shown(label)} has size {size} for operand {i} which does not "
                    f"broadcast with previously seen size {known}"
                )
            sizes[label] = size if known == 1 else known
    return sizes


def _narrowed(x: Any, labels: Labels, sizes: dict[int, int]) -> tuple[Any, Labels]:
    """Without dimensions of size 1 that broadcast: other operands have them."""
    ones = [i for i, n in enumerate(labels) if x.shape[i] == 1 and sizes[n] != 1]
    if not ones:
        return x, labels
    return x.squeeze(tuple(ones)), [n for i, n in enumerate(labels) if i not in ones]


def _summed(
    x: Any, labels: Labels, kept: set[int], keeps_type: bool = False
) -> tuple[Any, Labels]:
    """The sum over the labels that nobody else needs; of integers it is int64, or of their type."""
    gone = [i for i, n in enumerate(labels) if n not in kept]
    if not gone:
        return x, labels
    total = x.sum(gone, dtype=x.dtype if keeps_type else None)
    return total, [n for n in labels if n in kept]


def _laid_out(x: Any, labels: Labels, groups: Sequence[Labels], sizes: dict[int, int]) -> Any:
    """With one dimension per group of labels."""
    order = [labels.index(n) for group in groups for n in group]
    return x.permute(order).reshape([prod(sizes[n] for n in group) for group in groups])


def _contracted(
    a: tuple[Any, Labels], b: tuple[Any, Labels], kept: set[int], sizes: dict[int, int]
) -> tuple[Any, Labels]:
    """The sum of products of two operands, as matrix products."""
    (x, of_x), (y, of_y) = a, b
    inner = [n for n in of_x if n in of_y and n not in kept]
    x, of_x = _summed(x, of_x, kept | set(of_y), bool(inner))
    y, of_y = _summed(y, of_y, kept | set(of_x), bool(inner))
    batch = [n for n in of_x if n in of_y and n in kept]
    left = [n for n in of_x if n not in of_y]
    right = [n for n in of_y if n not in of_x]
    labels = batch + left + right
    if not inner:
        return _aligned(x, of_x, labels) * _aligned(y, of_y, labels), labels
    x = _laid_out(x, of_x, (batch, left, inner), sizes)
    y = _laid_out(y, of_y, (batch, inner, right), sizes)
    product = product_of(x, y) if batch else product_of(x[0], y[0])
    return product.reshape([sizes[n] for n in labels]), labels


def _aligned(x: Any, labels: Labels, wanted: Labels) -> Any:
    """With a dimension per wanted label, of size 1 for those that the operand has not."""
    x = x.permute([labels.index(n) for n in wanted if n in labels])
    for d, label in enumerate(wanted):
        if label not in labels:
            x = x.unsqueeze(d)
    return x


def _best_pair(
    operands: list[tuple[Any, Labels]], result: set[int], sizes: dict[int, int]
) -> tuple[int, int]:
    """Which operands to contract next: those whose product grows least."""
    best, chosen = None, (0, 1)
    for i in range(len(operands)):
        for j in range(i + 1, len(operands)):
            rest = result.union(*(set(o[1]) for k, o in enumerate(operands) if k not in (i, j)))
            both = [set(operands[k][1]) for k in (i, j)]
            grown = prod(sizes[n] for n in (both[0] | both[1]) & rest)
            cost = grown - sum(prod(sizes[n] for n in labels) for labels in both)
            if best is None or cost < best:
                best, chosen = cost, (i, j)
    return chosen


# ---- the operation -------------------------------------------------------------------------------


def _samples(draw: Draw) -> list[Call]:
    return [
        call("i,i->", draw(3), draw(3)), call("ij,jk->ik", draw(2, 3), draw(3, 4)),
        call("bij,bkj", draw(2, 3, 4), draw(2, 5, 4)), call("ii->i", draw(3, 3)),
        call("ii", draw(3, 3)), call("...ij->...ji", draw(2, 3, 4)), call("ij->j", draw(2, 3)),
        call("ij,j", draw(2, 3), draw(3)),
        call("bn,anm,bm->ba", draw(2, 3), draw(4, 3, 5), draw(2, 5)),
        call("...k,k...->...", draw(2, 3), draw(3, 1)), call("ij,ij->ij", draw(2, 3), draw(2, 3)),
        call(draw(2, 3), [0, 1], draw(3, 4), [1, 2], [0, 2]), call("Ab,b->A", draw(2, 3), draw(1)),
    ]  # fmt: skip


@composite(as_method=False, samples=_samples, reference=np.einsum)
def einsum(*args: Any) -> Any:
    """Sums of products of the operands' elements, in Einstein's notation.

    Args:
        args: an equation such as ``"ij,jk->ik"`` and the operands; or operands that alternate with
            lists of labels from 0 to 51 (and ``...``), and a list for the result.

    A label that occurs in the result is kept, others are summed over. One that is repeated in an
    operand takes its diagonal. Without ``->`` the result has the labels that occur once, in
    alphabetical order. ``...`` stands for the dimensions that have no label and broadcast.

    Raises:
        RuntimeError: when the equation is none, or does not fit the operands.

    >>> import argand
    >>> argand.einsum("ij,jk->ik", argand.eye(2), argand.ones(2, 1))
    tensor([[1.],
            [1.]])
    >>> argand.einsum("ii", argand.eye(3))
    tensor(3.)
    """
    operands, inputs, given = _read(args)
    covered = _without_ellipses(operands, inputs)
    result = _result_labels(inputs, given, covered)
    pairs = [_diagonals(x, n, i) for i, (x, n) in enumerate(zip(operands, inputs))]
    sizes = _sizes(pairs)
    pairs = [_narrowed(x, labels, sizes) for x, labels in pairs]
    while len(pairs) > 1:
        i, j = _best_pair(pairs, set(result), sizes) if len(pairs) > 2 else (0, 1)
        second, first = pairs.pop(j), pairs.pop(i)
        kept = set(result).union(*(labels for _, labels in pairs))
        pairs.append(_contracted(first, second, kept, sizes))
    x, labels = _summed(*pairs[0], set(result))
    return x.permute([labels.index(n) for n in result])
