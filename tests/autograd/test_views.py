"""In-place changes in the graph, of tensors and of views."""

from collections.abc import Callable
from typing import Any

import pytest

import argand
from argand.autograd import gradcheck, gradgradcheck


def leaf(*shape: int) -> Any:
    made = argand.arange(1.0, 1.0 + argand.ones(shape).numel(), dtype=argand.float64)
    return (made / 4).reshape(shape).requires_grad_()


def test_a_row_is_scaled() -> None:
    x = argand.ones(2, 2, requires_grad=True)
    y = x * 2
    y[0].mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [[6.0, 6.0], [2.0, 2.0]]


def test_a_column_is_overwritten() -> None:
    x = argand.ones(2, 2, requires_grad=True)
    y = x * 2
    y[:, 1] = 5
    y.sum().backward()
    assert y.tolist() == [[2.0, 5.0], [2.0, 5.0]]
    assert x.grad.tolist() == [[2.0, 0.0], [2.0, 0.0]]


def test_a_row_that_has_a_name() -> None:
    x = argand.ones(2, 2, requires_grad=True)
    y = x * 2
    row = y[1]
    row += 1
    row *= x[0]
    (row.sum() + y.sum()).backward()
    assert y.tolist() == [[2.0, 2.0], [3.0, 3.0]]
    assert x.grad.tolist() == [[2.0 + 6.0, 2.0 + 6.0], [4.0, 4.0]]


def test_nodes_after_a_change() -> None:
    y = leaf(2, 2) * 2
    before, row = y.grad_fn, y[0]
    row.exp_()
    assert y.grad_fn.name() == "CopySlices"
    assert y.grad_fn.next_functions[0][0] is before
    assert row.grad_fn.name() == "AsStridedBackward0"
    assert row.grad_fn.next_functions[0][0] is y.grad_fn


def test_a_base_that_is_changed_changes_its_views() -> None:
    x = leaf(3)
    y = x * 2
    part = y[:2]
    y.mul_(x)
    part.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 0.0]


def write(y: Any, x: Any) -> Any:
    y[0] = x[1] * x[2]
    return y


def accumulate(y: Any, x: Any) -> Any:
    for i in range(3):
        y[i] += x[i - 1] * y[i - 2].clone()
    return y


def overlapping(y: Any, x: Any) -> Any:
    first, second = y[:2], y[1:]
    first.mul_(x[1:])
    second.sin_()
    first[1:].add_(x[:1])
    return y * first.sum()


def transposed(y: Any, x: Any) -> Any:
    z = y.outer(y)
    z.t()[0].mul_(x)
    z[:, 1:].add_(x.unsqueeze(1))
    return z


def reversed_and_strided(y: Any, x: Any) -> Any:
    z = (y.unsqueeze(0) * x.unsqueeze(1)).reshape(-1)
    z[::2].mul_(2)
    z.as_strided((2, 2), (1, 3), 1).exp_()
    return z


def constant_buffer(y: Any, x: Any) -> Any:
    room = argand.zeros(4, 3, dtype=argand.float64)
    for i in range(3):
        room[i] = y * x[i]
    room[3].copy_(room[:3].clone().prod(0))
    return room


def by_positions(y: Any, x: Any) -> Any:
    y[[0, 2]] = x[:2] * 3
    y[argand.tensor([False, True, False])] = x[2:]
    return y * x


def masked(y: Any, x: Any) -> Any:
    y.masked_fill_(x.detach() > 0.6, 2.0)
    y[1:].clamp_(max=1.0)
    return y * y


def diagonal(y: Any, x: Any) -> Any:
    z = y.outer(x)
    z.diagonal().mul_(x)
    return z


def view_of_a_view_of_a_view(y: Any, x: Any) -> Any:
    z = y.expand(2, 3).clone()
    z.view(3, 2)[1:][:, 0].mul_(x[1:])
    return z


PROGRAMS = (
    write, accumulate, overlapping, transposed, reversed_and_strided, constant_buffer, by_positions,
    masked, diagonal, view_of_a_view_of_a_view,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_programs_that_change_views(program: Callable[[Any, Any], Any]) -> None:
    def function(x: Any, w: Any) -> Any:
        return program(x * 2 + w, w)

    x, w = leaf(3), leaf(3).detach().flip(0).requires_grad_()
    assert gradcheck(function, (x, w))
    assert gradgradcheck(function, (x, w))


def test_views_that_are_gone_cost_nothing() -> None:
    x = argand.zeros(10)
    for _ in range(1000):
        x[0]
    assert len(x.base.alive()) == 0
    kept = [x[i] for i in range(10)]
    for _ in range(1000):
        x[0]
    assert len(x.base.alive()) == len(kept)


def test_views_do_not_keep_each_other_alive() -> None:
    import gc
    import weakref

    gc.collect()
    gc.disable()
    try:
        y = leaf(3) * 2
        row = y[0]
        row.mul_(2)
        gone = weakref.ref(y)
        del y
        assert gone() is not None  # the view holds its base
        del row
        assert gone() is None
    finally:
        gc.enable()


def test_changes_within_no_grad_are_not_recorded() -> None:
    x = leaf(2, 2)
    y = x * 2
    with argand.no_grad():
        y[0].mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
