"""What an elementwise operation computes, and its derivative, as expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import (
    COMPLEX,
    IMAGINARY,
    INPUT,
    SCALAR,
    Expr,
    differentiate,
    leaf,
    leaves,
    pair,
    parts,
    substitute,
)
from argand.kernels.loops import input_leaf
from argand.ops.record import _Defaults
from argand.runtime.tensor_base import TensorBase


class Trace(NamedTuple):
    """What an operation computes for operands of certain types."""

    roots: tuple[Expr, ...]
    outputs: tuple[dtype, ...]  # types in memory
    inputs: tuple[int, ...]  # which operands are tensors
    scalars: tuple[dtype, ...]  # types of the operands that are numbers

    @property
    def has_complex_numbers(self) -> bool:
        """Whether some number of the call travels as two words."""
        return any(kind.kind == "c" for kind in self.scalars)


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


def arranged(trace: Trace) -> Callable[[list[Any]], list[Any]]:
    """How the words of a call are brought in the order that kernels expect: addresses first."""
    tensors = set(trace.inputs)
    if trace.has_complex_numbers:
        return partial(_in_parts, trace)
    if not trace.scalars or trace.inputs == tuple(range(len(trace.inputs))):
        return _as_they_are
    others = [i for i in range(len(tensors) + len(trace.scalars)) if i not in tensors]
    order = (*trace.inputs, *others)
    return lambda words: [words[i] for i in order]


def _as_they_are(words: list[Any]) -> list[Any]:
    return words


def _in_parts(trace: Trace, words: list[Any]) -> list[Any]:
    """Complex numbers travel as two words."""
    numbers = [w for i, w in enumerate(words) if i not in trace.inputs]
    parts = [part for w, kind in zip(numbers, trace.scalars)
             for part in ((w.real, w.imag) if kind.kind == "c" else (w,))]  # fmt: skip
    return [words[i] for i in trace.inputs] + parts


def derivative(
    trace: Trace, operands: Sequence[Any], wanted: Sequence[int]
) -> Derivative | None:
    """The derivative's roots (one per wanted operand), and what they read.

    In these roots cotangents are inputs from ``len(operands)`` on, outputs after them.
    """
    count = len(trace.inputs)
    position = {operand: k for k, operand in enumerate(trace.inputs)}
    symbols = [input_leaf(position[i], operands[i].dtype) for i in wanted]
    targets = [part for symbol in symbols for part in parts(symbol)]
    found: dict[Expr, Expr | None] = dict.fromkeys(targets)
    outputs = len(trace.roots)
    for number, (root, kind) in enumerate(zip(trace.roots, trace.outputs)):
        if kind.kind not in "fc":
            continue
        cotangent = leaf(INPUT, count + number, compute_dtype(kind)).to(root.dtype)
        out = leaf(INPUT, count + outputs + number, compute_dtype(kind)).to(root.dtype)
        # an analytic function is no single node whose result could stand for it
        for part, g in zip(parts(root), parts(cotangent)):
            shown = out if out.op != COMPLEX else None
            for target, new in zip(targets, differentiate(part, g, targets, shown)):
                old = found[target]
                found[target] = new if old is None else old if new is None else old + new
    totals = [_gathered(symbol, found) for symbol in symbols]
    if all(t is None for t in totals):
        return None
    present = [t for t in totals if t is not None]
    read, scalars = _numbers_of(present, INPUT), _numbers_of(present, SCALAR)
    numbers = [i for i in range(len(operands)) if i not in position]
    saves = sorted(
        [trace.inputs[k] for k in read if k < count] + [numbers[k] for k in scalars]
    )
    saves_outputs = sorted(k - count - outputs for k in read if k >= count + outputs)
    return totals, tuple(saves), tuple(saves_outputs)


def _gathered(symbol: Expr, found: dict[Expr, Expr | None]) -> Expr | None:
    """The cotangent of an operand from those of its parts."""
    totals = [found[part] for part in parts(symbol)]
    if all(t is None for t in totals):
        return None
    whole = [p.constant(0) if t is None else t for p, t in zip(parts(symbol), totals)]
    return pair(*whole) if symbol.op == COMPLEX else whole[0]


def _numbers_of(roots: Sequence[Expr], op: str) -> set[int]:
    """Which operands of one sort `roots` read, in whole or in part."""
    return {x.value for sort in (op, op + IMAGINARY) for x in leaves(roots, sort)}


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
        if parts(symbol)[0].op == INPUT:
            new = leaf(INPUT, len(inputs), symbol.dtype)
            inputs.append(i)
        else:
            new = leaf(SCALAR, len(scalars), symbol.dtype)
            scalars.append(symbol.dtype)
        renamed.update(zip(parts(symbol), parts(new)))
    # renaming may swap numbers, so that it must happen at once
    return Trace(tuple(substitute(roots, renamed)), tuple(kinds), tuple(inputs), tuple(scalars))
