"""What an elementwise operation computes, and its derivative, as expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import INPUT, SCALAR, Expr, differentiate, leaf, leaves, substitute
from argand.kernels.loops import input_leaf
from argand.ops.record import _Defaults
from argand.runtime.tensor_base import TensorBase


class Trace(NamedTuple):
    """What an operation computes for operands of certain types."""

    roots: tuple[Expr, ...]
    outputs: tuple[dtype, ...]  # types in memory
    inputs: tuple[int, ...]  # which operands are tensors
    scalars: tuple[dtype, ...]  # types of the operands that are numbers


# its roots, one per wanted operand; the operands and the outputs that it reads
Derivative = tuple[list[Expr | None], tuple[int, ...], tuple[int, ...]]


def promoted(operands: Sequence[Any]) -> dtype:
    """The type that PyTorch gives to the combination of tensors and Python numbers."""
    dimensioned = zero_dim = number = None
    for x in operands:
        if not isinstance(x, TensorBase):
            kind = dtypes.of_number(x, _Defaults.float_dtype)
            number = kind if number is None else dtypes.promote_types(number, kind)
        elif x.form.ndim:
            known = x.dtype if dimensioned is None else dimensioned
            dimensioned = dtypes.promote_types(known, x.dtype)
        else:
            known = x.dtype if zero_dim is None else zero_dim
            zero_dim = dtypes.promote_types(known, x.dtype)
    return dtypes.result_of(dimensioned, zero_dim, number)


def ordered(words: list[Any], trace: Trace) -> list[Any]:
    """Addresses first, then numbers, as kernels expect them."""
    if not trace.scalars:
        return words
    tensors = set(trace.inputs)
    return [words[i] for i in trace.inputs] + [w for i, w in enumerate(words) if i not in tensors]


def derivative(
    trace: Trace, operands: Sequence[Any], wanted: Sequence[int]
) -> Derivative | None:
    """The derivative's roots (one per wanted operand), and what they read.

    In these roots cotangents are inputs from ``len(operands)`` on, outputs after them.
    """
    count = len(trace.inputs)
    position = {operand: k for k, operand in enumerate(trace.inputs)}
    symbols = [
        input_leaf(position[i], operands[i].dtype) for i in wanted
    ]
    totals: list[Expr | None] = [None] * len(wanted)
    outputs = len(trace.roots)
    for number, (root, kind) in enumerate(zip(trace.roots, trace.outputs)):
        if kind.kind not in "fc":
            continue
        cotangent = leaf(INPUT, count + number, compute_dtype(kind))
        out = leaf(INPUT, count + outputs + number, compute_dtype(kind))
        parts = differentiate(root, cotangent.to(root.dtype), symbols, out.to(root.dtype))
        totals = [p if t is None else t if p is None else t + p for t, p in zip(totals, parts)]
    if all(t is None for t in totals):
        return None
    read = {x.value for x in leaves([t for t in totals if t is not None], INPUT)}
    scalars = {x.value for x in leaves([t for t in totals if t is not None], SCALAR)}
    numbers = [i for i in range(len(operands)) if i not in position]
    saves = sorted(
        [trace.inputs[k] for k in read if k < count] + [numbers[k] for k in scalars]
    )
    saves_outputs = sorted(k - count - outputs for k in read if k >= count + outputs)
    return totals, tuple(saves), tuple(saves_outputs)


def derivative_by_output(
    rule: Callable[[Expr, Expr], Expr], trace: Trace, count: int
) -> Derivative:
    """The derivative of an operation on one tensor as its author wrote it: from the output."""
    kind = compute_dtype(trace.outputs[0])
    root = rule(leaf(INPUT, count, kind), leaf(INPUT, count + 1, kind))
    return [root], (), (0,)


def symbol_of(trace: Trace, operands: Sequence[Any], operand: int) -> Expr:
    """The leaf that stands for an operand in the trace."""
    if operand in trace.inputs:
        return input_leaf(trace.inputs.index(operand), operands[operand].dtype)
    numbers = [i for i in range(len(operands)) if i not in trace.inputs]
    place = numbers.index(operand)
    return leaf(SCALAR, place, trace.scalars[place])


def derived_trace(
    roots: Sequence[Expr], reads: Sequence[Expr], kinds: Sequence[dtype]
) -> Trace:
    """A trace whose operands are `reads`, in their order."""
    renamed: dict[Expr, Expr] = {}
    inputs: list[int] = []
    scalars: list[dtype] = []
    for i, symbol in enumerate(reads):
        if symbol.op == INPUT:
            renamed[symbol] = leaf(INPUT, len(inputs), symbol.dtype)
            inputs.append(i)
        else:
            renamed[symbol] = leaf(SCALAR, len(scalars), symbol.dtype)
            scalars.append(symbol.dtype)
    # renaming may swap numbers, so that it must happen at once
    new = tuple(substitute(roots, renamed))
    return Trace(new, tuple(kinds), tuple(inputs), tuple(scalars))
