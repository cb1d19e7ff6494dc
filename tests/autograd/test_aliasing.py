"""A gradient is nobody else's memory: leaves adopt it only when nobody else can see it."""

from collections.abc import Callable
from typing import Any

import pytest

import argand


def leaf(*shape: int) -> Any:
    return argand.arange(1.0, 1.0 + argand.ones(*shape).numel()).reshape(*shape).requires_grad_()


def memory_of(x: Any) -> range:
    low, high = x.form.span()
    size = x.dtype.itemsize
    return range(x.ptr + low * size, x.ptr + (high + 1) * size)


def overlap(x: Any, y: Any) -> bool:
    a, b = memory_of(x), memory_of(y)
    return a.start < b.stop and b.start < a.stop


def assert_apart(*tensors: Any) -> None:
    for i, x in enumerate(tensors):
        for y in tensors[:i]:
            assert not overlap(x, y)


def test_gradients_of_two_leaves_of_a_sum() -> None:
    x, y = leaf(3), leaf(3)
    (x + y).sum().backward()
    assert_apart(x.grad, y.grad, x, y)
    x.grad.add_(1)
    assert y.grad.tolist() == [1.0, 1.0, 1.0]


def test_the_seed() -> None:
    x, y, seed = leaf(3), leaf(3), argand.ones(3)
    (x + y).backward(seed)
    assert_apart(x.grad, y.grad, seed)
    x.grad.zero_()
    assert seed.tolist() == [1.0, 1.0, 1.0]


def test_the_seed_of_a_leaf_itself() -> None:
    x, seed = leaf(3), argand.ones(3)
    x.backward(seed)
    assert_apart(x.grad, seed)
    x.backward(seed)
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert seed.tolist() == [1.0, 1.0, 1.0]


def test_a_temporary_seed() -> None:
    x = leaf(3)
    x.backward(argand.ones(3))
    x.grad.add_(1)
    x.backward(argand.ones(3))
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_saved_tensors() -> None:
    class Kept(argand.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: Any) -> Any:
            ctx.save_for_backward(factor)
            return x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (factor,) = ctx.saved_tensors
            return factor, None

    x, factor = leaf(3), argand.full((3,), 2.0)
    Kept.apply(x, factor).sum().backward()
    assert_apart(x.grad, factor)
    x.grad.zero_()
    assert factor.tolist() == [2.0, 2.0, 2.0]


def test_operands_that_pass_as_gradients() -> None:
    x, y = leaf(3), leaf(3)
    (x * y).sum().backward()
    assert_apart(x.grad, y.grad, x, y)


@pytest.mark.parametrize("of", ["leaf", "result"])
def test_what_hooks_hold(of: str) -> None:
    held = []
    x = leaf(3)
    y = x * 2
    (x if of == "leaf" else y).register_hook(held.append)
    (y + 1).sum().backward()
    assert_apart(x.grad, held[0])
    before = held[0].tolist()
    x.grad.zero_()
    assert held[0].tolist() == before


def test_what_hooks_return() -> None:
    other = argand.full((3,), 5.0)
    x = leaf(3)
    x.register_hook(lambda g: other)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]
    assert_apart(x.grad, other)


def test_what_node_hooks_hold() -> None:
    held: list[Any] = []
    x = leaf(3)
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, outputs: held.extend((*inputs, *outputs)))
    y.sum().backward()
    tensors = [g for g in held if g is not None]
    assert tensors
    for g in tensors:
        assert_apart(x.grad, g)


def test_retained_gradients() -> None:
    x = leaf(3)
    y = x + 0
    z = y + 0
    y.retain_grad()
    z.retain_grad()
    z.sum().backward()
    assert_apart(x.grad, y.grad)
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0, 1.0]
    assert z.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.view(3, 2),
        lambda x: x.t(),
        lambda x: x.reshape(-1),
        lambda x: x.unsqueeze(0),
        lambda x: x[0],
        lambda x: x.expand(4, 2, 3),
        lambda x: x.permute(1, 0),
        lambda x: x.contiguous(),
        lambda x: x.to(argand.float32),
        lambda x: x + 0,
    ],
)
def test_views_of_a_seed(change: Callable[[Any], Any]) -> None:
    x = leaf(2, 3)
    y = change(x)
    seed = argand.ones(*y.shape)
    y.backward(seed)
    assert_apart(x.grad, seed)
    x.grad.fill_(7)
    assert seed.sum().item() == seed.numel()


def test_grad_returns_tensors_of_their_own() -> None:
    x, y = leaf(3), leaf(3)
    seed = argand.ones(3)
    first, second = argand.autograd.grad(x + y, [x, y], seed)
    first.add_(1)
    assert x.grad is None
    (x + y).sum().backward()
    assert_apart(x.grad, y.grad)
    assert second.shape == (3,)


def test_accumulation_changes_only_the_leafs_own_memory() -> None:
    x = leaf(3)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0, 5.0, 5.0]


def test_accumulation_keeps_a_gradient_that_somebody_gave() -> None:
    x, given = leaf(3), argand.ones(3)
    x.grad = given
    (x * 2).sum().backward()
    assert x.grad is given
    assert given.tolist() == [3.0, 3.0, 3.0]


def test_accumulation_with_create_graph_leaves_the_old_gradient_alone() -> None:
    x = leaf(3)
    (x * x).sum().backward()
    first = x.grad
    before = first.tolist()
    (x * x).sum().backward(create_graph=True)
    assert first.tolist() == before
    assert x.grad is not first


def test_expanded_gradients_are_written_out() -> None:
    x = leaf(3)
    x.sum().backward()
    assert x.grad.is_contiguous()
    x.grad[0] = 9.0
    assert x.grad.tolist() == [9.0, 1.0, 1.0]


def test_the_same_leaf_through_two_ways() -> None:
    x = leaf(3)
    y = x + 0
    (y + y).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert_apart(x.grad, x)


def test_leaves_that_die_before_backward() -> None:
    x, y = leaf(3), leaf(3)
    z = x * y
    del x
    z.sum().backward()
    assert y.grad.tolist() == [1.0, 2.0, 3.0]
