"""Connectionist temporal classification (Graves et al., 2006): losses of unaligned sequences.

States of an alignment are a sequence's labels with blanks between and around them. Probabilities of
all beginnings and of all ends of alignments are gathered step by step, for the whole batch at once,
as logarithms in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array, fresh
from argand.ops.function import composite, operation
from argand.ops.loss import NN, reduced
from argand.ops.samples import call
from argand.ops.windows import not_implemented
from argand.runtime.tensor_base import TensorBase

_ALLOCATES = "(while checking arguments for ctc_loss_allocate_outputs)"


class Alignments(NamedTuple):
    """What a batch of sequences is to be aligned with."""

    states: Any  # (N, 2 S + 1): the label of every state
    skips: Any  # (N, 2 S + 1): whether the state may follow the last but one
    steps: Any  # (N): how many steps of the input count
    labels: Any  # (N): how many labels count


# ---- arguments ----------------------------------------------------------------------------------


def _lengths(name: str, given: Any, count: int, most: int | None) -> Any:
    if isinstance(given, TensorBase):
        if given.form.dtype.kind not in "iu":
            raise RuntimeError(f"{name} must be integral")
        given = as_array(given)
    lengths = np.asarray(given, np.int64).reshape(-1)
    if len(lengths) != count:
        raise RuntimeError(f"{name} must be of size batch_size")
    for value in lengths:
        if value < 0:
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {value} {_ALLOCATES}"
            )
        if most is not None and value > most:
            raise RuntimeError(
                f"Expected {name} to have value at most {most}, but got value {value} {_ALLOCATES}"
            )
    return lengths


def _padded(targets: Any, lengths: Any) -> Any:
    """One row of labels per sequence, from rows or from sequences behind each other."""
    longest, values = int(lengths.max(initial=0)), as_array(targets)
    if values.ndim == 1:
        if len(values) != lengths.sum():
            raise RuntimeError(
                f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size "
                f"{len(values)} for argument #2 'targets' {_ALLOCATES}"
            )
        rows = np.zeros((len(lengths), longest), np.int64)
        for row, part in zip(rows, np.split(values, np.cumsum(lengths)[:-1])):
            row[: len(part)] = part
        return rows
    for dim, wanted in ((0, len(lengths)), (1, longest)):
        size = values.shape[dim]
        if size != wanted if dim == 0 else size < wanted:
            least = "at least " if dim else ""
            raise RuntimeError(
                f"Expected tensor to have size {least}{wanted} at dimension {dim}, but got size "
                f"{size} for argument #2 'targets' {_ALLOCATES}"
            )
    return values[:, :longest].astype(np.int64)


def _alignments(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> Alignments:
    most, count, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    steps = _lengths("input_lengths", input_lengths, count, most)
    labels = _lengths("target_lengths", target_lengths, count, None)
    rows = _padded(targets, labels)
    if rows.size and not (rows.min() >= 0 and rows.max() < classes):
        raise IndexError(f"ctc_loss: labels must be less than {classes}, the number of classes")
    states = np.full((count, 2 * rows.shape[1] + 1), blank)
    states[:, 1::2] = rows
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    return Alignments(states, skips, steps, labels)


# ---- recursions ---------------------------------------------------------------------------------


def _shifted(values: Any, by: int) -> Any:
    """States moved on by so many (back, if negative); what comes in is impossible."""
    moved = np.full_like(values, -np.inf)
    if by > 0:
        moved[:, by:] = values[:, :-by]
    else:
        moved[:, :by] = values[:, -by:]
    return moved


def _beginnings(emitted: Any, given: Alignments) -> Any:
    """(T, N, L): of all beginnings of alignments that end in a state at a step."""
    found = np.full(emitted.shape, -np.inf)
    if len(found):
        found[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(found)):
        before = found[t - 1]
        skipping = np.where(given.skips, _shifted(before, 2), -np.inf)
        every = np.logaddexp(np.logaddexp(before, _shifted(before, 1)), skipping)
        found[t] = every + emitted[t]
    return found


def _ends(emitted: Any, given: Alignments) -> Any:
    """(T, N, L): of all ends of alignments that begin in a state at a step."""
    steps, count, _ = emitted.shape
    found = np.full(emitted.shape, -np.inf)
    after = np.full(emitted.shape[1:], -np.inf)
    sequences = np.arange(count)
    for t in reversed(range(steps)):
        skipping = _shifted(np.where(given.skips, after, -np.inf), -2)
        after = np.logaddexp(np.logaddexp(after, _shifted(after, -1)), skipping) + emitted[t]
        last = given.steps == t + 1
        after[last] = -np.inf
        for place in (2 * given.labels, np.maximum(2 * given.labels - 1, 0)):
            after[sequences[last], place[last]] = emitted[t, sequences[last], place[last]]
        found[t] = after
    return found


def _losses(beginnings: Any, given: Alignments) -> Any:
    """(N): what is left of alignments that end where their sequences end."""
    losses = np.where((given.steps == 0) & (given.labels == 0), -0.0, np.inf)
    for n in np.flatnonzero(given.steps):
        at, label = beginnings[given.steps[n] - 1, n], 2 * given.labels[n]
        losses[n] = -(np.logaddexp(at[label], at[label - 1]) if label else at[0])
    return losses


# ---- operations ---------------------------------------------------------------------------------


@operation(as_method=False, as_function=False, graph_name="ctc_loss", extras=True)
def ctc_losses(log_probs: Any, given: Alignments, zero_infinity: bool) -> Any:
    """The loss of every sequence; what its gradient is made of."""
    values = as_array(log_probs).astype(np.float64)
    states = np.broadcast_to(given.states, (len(values), *given.states.shape))
    emitted = np.take_along_axis(values, states, 2)
    beginnings = _beginnings(emitted, given)
    losses = _losses(beginnings, given)
    kind = log_probs.form.dtype
    shown = np.where(np.isinf(losses), 0.0, losses) if zero_infinity else losses
    return fresh(shown, kind), *(fresh(x, dtypes.float64) for x in (emitted, beginnings, losses))


@ctc_losses.vjp(saves="log_probs")
def _ctc_losses_vjp(
    g: Any, extras: Any, log_probs: Any, given: Alignments, zero_infinity: bool
) -> tuple[Any, ...]:
    slope = ctc_slope(log_probs, g, *extras, given, zero_infinity)
    return slope, None, None


@operation(as_method=False, as_function=False, graph_name="ctc_loss_backward")
def ctc_slope(
    log_probs: Any, g: Any, emitted: Any, beginnings: Any, losses: Any, given: Alignments,
    zero_infinity: bool,
) -> Any:  # fmt: skip
    """The gradient for the unnormalized logits, as PyTorch gives it for their log-softmax."""
    values = as_array(log_probs).astype(np.float64)
    emissions, cost = as_array(emitted), as_array(losses)
    with np.errstate(invalid="ignore"):
        through = as_array(beginnings) + _ends(emissions, given) - emissions + cost[:, None]
        shares = np.where(np.isneginf(emissions), 0.0, np.exp(through))
    steps, count, classes = values.shape
    expected = np.zeros((count, classes, steps))
    rows = np.arange(count)[:, None]
    np.add.at(expected, (rows, given.states), shares.transpose(1, 2, 0))
    slope = (np.exp(values) - expected.transpose(2, 0, 1)) * as_array(g)[:, None]
    slope[np.arange(steps)[:, None] >= given.steps] = 0.0
    lost = np.isinf(cost) & (given.steps > 0)
    slope[:, lost] = 0.0 if zero_infinity else np.nan
    return fresh(slope, log_probs.form.dtype)


@ctc_slope.vjp()
def _ctc_slope_vjp(g: Any, out: Any, *arguments: Any) -> Any:
    raise NotImplementedError("ctc_loss: the gradient of its gradient is not there")


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [
        call(
            draw.index(4, 2, 3, below=5).to(draw.dtype("float64")).log_softmax(2),
            draw.index(2, 2, below=2) + 1, (4, 4), (2, 2), reduction=reduction,
        )
        for reduction in ("mean", "sum", "none")
    ],
)
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """The negative logarithm of the probability of all alignments of inputs with their labels.

    Args:
        log_probs: ``(T, N, C)`` or ``(T, C)``: logarithms of probabilities, from `log_softmax`; the
            gradient is right for these only.
        targets: ``(N, S)``, or labels of all sequences behind each other; none is `blank`.
        input_lengths, target_lengths: ``(N)``: how much of each sequence counts.
        blank: the class of no label.
        reduction: "mean" divides losses by their target's length and takes their mean; "sum",
            "none".
        zero_infinity: whether losses of inputs too short for their labels are 0.

    Raises:
        RuntimeError: when sizes or lengths do not fit together.

    >>> import argand
    >>> x = argand.zeros(3, 1, 2).log_softmax(2)
    >>> argand.nn.functional.ctc_loss(x, argand.tensor([[1]]), (3,), (1,))
    tensor(0.2877)
    """
    if log_probs.form.dtype.name not in ("float32", "float64"):
        raise not_implemented("ctc_loss_cpu", log_probs)
    single = log_probs.ndim == 2
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(
            "ctc_loss: log_probs must have the shape (T, N, C) or (T, C), but got "
            f"{list(log_probs.shape)}"
        )
    if single:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.ndim == 1 else targets
    given = _alignments(log_probs, targets, input_lengths, target_lengths, int(blank))
    losses = ctc_losses(log_probs, given, bool(zero_infinity))
    if reduction == "mean":
        losses = losses / fresh(np.maximum(given.labels, 1), losses.form.dtype)
    return reduced(losses.squeeze(0) if single else losses, reduction)
