"""Hooks: on tensors, on nodes, after accumulation; retained gradients."""

from typing import Any

import pytest

import argand


def leaf(*values: float) -> Any:
    return argand.tensor(values or (1.0, 2.0), requires_grad=True)


def test_a_hook_sees_the_gradient() -> None:
    x, seen = leaf(), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * 3).sum().backward()
    assert seen == [[3.0, 3.0]]
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_hook_replaces_the_gradient() -> None:
    x = leaf()
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]


def test_hooks_run_in_order_of_registration_and_feed_each_other() -> None:
    x, seen = leaf(), []
    y = x * 1

    def first(g: Any) -> Any:
        seen.append(("first", g.tolist()))
        return g + 1

    def second(g: Any) -> Any:
        seen.append(("second", g.tolist()))
        return g * 2

    y.register_hook(first)
    y.register_hook(second)
    y.sum().backward()
    assert seen == [("first", [1.0, 1.0]), ("second", [2.0, 2.0])]
    assert x.grad.tolist() == [4.0, 4.0]


def test_hooks_on_leaves() -> None:
    x, seen = leaf(), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 3)
    (x * x + x).sum().backward()
    assert seen == [[3.0, 5.0]]
    assert x.grad.tolist() == [9.0, 15.0]


def test_hooks_run_once_with_the_whole_gradient() -> None:
    x, seen = leaf(), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * 2 + y * 3).sum().backward()
    assert seen == [[5.0, 5.0]]


def test_a_removed_hook_is_silent() -> None:
    x, seen = leaf(), []
    handle = x.register_hook(lambda g: seen.append(1))
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: seen.append(2)):
        x.sum().backward()
    x.sum().backward()
    assert seen == [2]


def test_hooks_need_a_gradient() -> None:
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        argand.ones(2).register_hook(lambda g: None)


def test_hooks_and_grad() -> None:
    x = leaf()
    x.register_hook(lambda g: g * 5)
    y = x * 2
    y.register_hook(lambda g: g * 7)
    to_y, to_x = argand.autograd.grad(y.sum(), [y, x])
    assert to_y.tolist() == [7.0, 7.0]
    assert to_x.tolist() == [70.0, 70.0]


def test_hooks_on_outputs_of_an_operation_with_several() -> None:
    x, seen = leaf(3.0, 1.0), []
    values, _ = x.reshape(1, 2).max(1)
    first, second = (x * 2).unbind()
    first.register_hook(lambda g: seen.append(("first", g.item())))
    second.register_hook(lambda g: seen.append(("second", g.item())))
    values.register_hook(lambda g: seen.append(("values", g.tolist())))
    (first * 2 + second * 3 + values.sum()).backward()
    assert sorted(seen, key=str) == [("first", 2.0), ("second", 3.0), ("values", [1.0])]


def test_retained_gradients() -> None:
    x = leaf()
    y = x * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [4.0, 8.0]
    z.backward()
    assert y.grad.tolist() == [8.0, 16.0]
    x.retain_grad()
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        argand.ones(1).retain_grad()


def test_retained_gradients_are_what_hooks_returned() -> None:
    x = leaf()
    y = x * 2
    y.register_hook(lambda g: g * 3)
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


def test_after_accumulation() -> None:
    x, seen = leaf(), []

    def step(p: Any) -> None:
        seen.append(p.grad.tolist())
        with argand.no_grad():
            p.sub_(p.grad)
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    assert seen == [[2.0, 2.0]]
    assert x.tolist() == [-1.0, 0.0]
    assert x.grad is None
    handle.remove()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(step)


def test_after_accumulation_of_a_leaf_that_is_used_twice() -> None:
    x, seen = leaf(), []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (x * x + x * 3).sum().backward()
    assert seen == [[5.0, 7.0]]


def test_hooks_of_nodes() -> None:
    x, seen = leaf(), []
    y = x * 2
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    y.sum().backward()
    ((inputs, outputs),) = seen
    assert [g.tolist() for g in outputs] == [[10.0, 10.0]]
    assert inputs[0].tolist() == [20.0, 20.0]
    assert x.grad.tolist() == [20.0, 20.0]


def test_hooks_of_nodes_replace_gradients() -> None:
    x = leaf()
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 0,))
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_hooks_that_make_graphs() -> None:
    x = leaf()
    y = x * x
    y.register_hook(lambda g: g * x)
    (first,) = argand.autograd.grad(y.sum(), x, create_graph=True)
    assert first.tolist() == [2.0, 8.0]
    (second,) = argand.autograd.grad(first.sum(), x)
    assert second.tolist() == [4.0, 8.0]


def test_an_error_in_a_hook_is_raised() -> None:
    x = leaf()

    def fail(g: Any) -> None:
        raise LookupError("on purpose")

    x.register_hook(fail)
    with pytest.raises(LookupError, match="on purpose"):
        x.sum().backward()
