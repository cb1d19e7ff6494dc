"""Losses of sequences: against all alignments, one by one."""

from itertools import groupby, product

import numpy as np
import pytest

import argand
from argand.nn import functional as F


def _by_enumeration(values: np.ndarray, labels: list[int]) -> float:
    total = 0.0
    steps, classes = values.shape
    for path in product(range(classes), repeat=steps):
        if [label for label, _ in groupby(path) if label] == labels:
            total += float(np.exp(sum(values[t, c] for t, c in enumerate(path))))
    return -np.log(total) if total else np.inf


@pytest.mark.parametrize("labels", [[1, 2], [1, 1], [2], []])
def test_ctc_loss_sums_over_all_alignments(labels: list[int]) -> None:
    x = argand.randn(4, 1, 3, dtype=argand.float64).log_softmax(2)
    targets = argand.tensor([labels], dtype=argand.int64)
    own = F.ctc_loss(x, targets, (4,), (len(labels),), reduction="sum")
    assert own.item() == pytest.approx(_by_enumeration(x[:, 0].numpy(), labels))


def test_ctc_loss_gradient_of_logits() -> None:
    x = argand.randn(5, 2, 3, dtype=argand.float64, requires_grad=True)
    targets = argand.tensor([[1, 2], [2, 0]])

    def loss(x: argand.Tensor) -> argand.Tensor:
        return F.ctc_loss(x.log_softmax(2), targets, (5, 3), (2, 1))

    assert argand.autograd.gradcheck(loss, [x])


def test_ctc_loss_of_inputs_that_are_too_short() -> None:
    x = argand.zeros(1, 1, 3).log_softmax(2).requires_grad_()
    targets = argand.tensor([[1, 2]])
    assert F.ctc_loss(x, targets, (1,), (2,)).item() == np.inf
    lost = F.ctc_loss(x, targets, (1,), (2,), zero_infinity=True)
    lost.backward()
    assert lost.item() == 0.0
    assert x.grad.tolist() == [[[0.0, 0.0, 0.0]]]
    with pytest.raises(RuntimeError, match="value at most 1"):
        F.ctc_loss(x, targets, (2,), (2,))
