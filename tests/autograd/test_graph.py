"""The graph and the engine: depth, sharing, repeated and nested walks, accumulation."""

import gc
import weakref
from typing import Any

import pytest

import argand
from argand.autograd import grad


def leaf(*values: float) -> Any:
    return argand.tensor(values, dtype=argand.float64, requires_grad=True)


# ---- shape of the graph -------------------------------------------------------------------------


def test_a_graph_of_many_operations() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    assert y.tolist() == [100_001.0]


def test_a_deep_graph_can_be_forgotten() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    gone = weakref.ref(y)
    del y
    assert gone() is None


def test_a_deep_graph_with_branches() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(5_000):
        y = (y * 0.5) + (y * 0.5)
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_shared_parts_are_walked_once() -> None:
    x = leaf(2.0)
    seen = []
    shared = x * x
    shared.register_hook(lambda g: seen.append(g.item()))
    (shared * 3 + shared * shared).backward()
    assert seen == [3 + 2 * 4.0]
    assert x.grad.tolist() == [11.0 * 4.0]


def test_the_same_tensor_twice() -> None:
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad.tolist() == [7.0]


def test_parts_that_need_no_gradient_are_not_recorded() -> None:
    x, c = leaf(1.0), argand.ones(1)
    assert (c * 2).grad_fn is None
    assert (x * c).grad_fn is not None
    assert (x > 0).grad_fn is None
    assert x.argmax().grad_fn is None


def test_steps_have_a_gradient_of_zero() -> None:
    x = leaf(1.3)
    for step in (argand.floor, argand.ceil, argand.round, argand.trunc, argand.sign):
        x.grad = None
        step(x).backward()
        assert x.grad.tolist() == [0.0]


def test_nodes_are_freed_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = x.exp() * x
        node = weakref.ref(y.grad_fn)
        y.backward()
        del y
        assert node() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x,
        lambda x: x.exp(),
        lambda x: x.relu(),
        lambda x: x.sum(),
        lambda x: x.max(0)[0],
        lambda x: x.softmax(0),
        lambda x: x @ x,
        lambda x: x[1:],
        lambda x: x.view(3, 1),
        lambda x: x.unbind()[0],
        lambda x: argand.cat([x, x]),
        lambda x: x[x > 1],
        lambda x: (x * 1).mul_(x),
        lambda x: (x * 1)[1:].exp_(),
        lambda x: argand.nn.functional.linear(x, x.expand(2, 3)),
        lambda x: argand.nn.functional.cross_entropy(x.view(1, 3), argand.tensor([1])),
    ],
)
def test_nothing_holds_tensors_after_use(function: Any) -> None:
    """Neither the plans of operations nor cycles keep what a program has forgotten."""

    def use(again: bool) -> list[Any]:
        x = leaf(0.5, 1.5, 2.5)
        y = x * 2
        z = function(y)
        found = [weakref.ref(t) for t in (x, y, z)]
        (first,) = grad(z.sum(), y, create_graph=again)
        if again:
            found.append(weakref.ref(first))
        return found

    gc.collect()
    gc.disable()
    try:
        for again in (False, True):
            assert [reference() for reference in use(again)] == [None] * (3 + again)
    finally:
        gc.enable()


def test_names_and_edges_are_shown() -> None:
    x = leaf(1.0)
    y = x.exp()
    assert type(y.grad_fn).__name__
    assert y.grad_fn.name() == "ExpBackward0"
    ((target, number),) = y.grad_fn.next_functions
    assert number == 0
    assert target.variable is x


# ---- several walks ------------------------------------------------------------------------------


def test_leaves_accumulate() -> None:
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_a_second_walk_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_what_saves_nothing_can_be_walked_again() -> None:
    x = leaf(2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_double_and_triple_backward() -> None:
    x = leaf(2.0)
    first = grad((x**4).sum(), x, create_graph=True)[0]
    second = grad(first.sum(), x, create_graph=True)[0]
    third = grad(second.sum(), x)[0]
    assert first.tolist() == [32.0]
    assert second.tolist() == [48.0]
    assert third.tolist() == [48.0]
    assert not third.requires_grad


def test_backward_with_create_graph_makes_gradients_part_of_the_graph() -> None:
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = grad(x.grad.sum(), x)
    assert second.tolist() == [12.0]


def test_third_derivatives_through_reductions_and_products() -> None:
    w = leaf(0.5, -0.25, 1.5)

    def energy(v: Any) -> Any:
        return ((v.tanh().softmax(0) * v).sum().exp() + (v @ v) ** 2).log()

    step = 1e-5

    def third(v: Any) -> Any:
        a = grad(energy(v), v, create_graph=True)[0]
        b = grad((a * a).sum(), v, create_graph=True)[0]
        return b, grad(b.sum(), v)[0]

    _, exact = third(w)
    for i in range(3):
        moved = []
        for sign in (1, -1):
            v = w.detach().clone()
            v[i] += sign * step
            moved.append(third(v.requires_grad_())[0].sum().item())
        assert exact[i].item() == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-5)


# ---- backward and grad --------------------------------------------------------------------------


def test_seeds() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    with pytest.raises(RuntimeError, match="scalar outputs"):
        y.backward()
    y.backward(argand.tensor([1.0, 10.0], dtype=argand.float64))
    assert x.grad.tolist() == [3.0, 30.0]
    with pytest.raises(RuntimeError, match="shape"):
        (x * 3).backward(argand.ones(3, dtype=argand.float64))
    with pytest.raises(RuntimeError, match="does not require grad"):
        argand.ones(1).backward()


def test_several_roots() -> None:
    x = leaf(1.0, 2.0)
    a, b = (x * 2).sum(), x * x
    argand.autograd.backward([a, b], [None, argand.ones(2, dtype=argand.float64)])
    assert x.grad.tolist() == [4.0, 6.0]


def test_grad_leaves_grad_alone() -> None:
    x, y = leaf(1.0), leaf(2.0)
    found = grad((x * y).sum(), [x, y])
    assert [g.tolist() for g in found] == [[2.0], [1.0]]
    assert x.grad is None
    assert y.grad is None


def test_grad_of_intermediate_results() -> None:
    x = leaf(3.0)
    y = x * x
    z = y * y
    to_y, to_x = grad(z.sum(), [y, x])
    assert to_y.tolist() == [18.0]
    assert to_x.tolist() == [108.0]
    assert grad(x, x, argand.ones(1, dtype=argand.float64))[0].tolist() == [1.0]


def test_unused_inputs() -> None:
    x, unused = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="not have been used"):
        grad((x * 2).sum(), [x, unused])
    found = grad((x * 2).sum(), [x, unused], allow_unused=True)
    assert found[1] is None
    found = grad((x * 2).sum(), [x, unused], materialize_grads=True)
    assert found[1].tolist() == [0.0]
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad((x * 2).sum(), [argand.ones(1)])


def test_backward_with_inputs() -> None:
    x, y = leaf(1.0), leaf(2.0)
    z = x * y
    (z * z).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2 * 2.0 * 2.0]
    assert y.grad is None
    with pytest.raises(RuntimeError, match="empty"):
        (x * y).sum().backward(inputs=[])


def test_inputs_that_are_no_leaves() -> None:
    x = leaf(1.0)
    y = x * 2
    (y * y).sum().backward(inputs=[y])
    assert y.grad.tolist() == [4.0]
    assert x.grad is None


def test_types_of_gradients() -> None:
    x = argand.ones(2, requires_grad=True)
    (x.double() * argand.tensor(2.0, dtype=argand.float64)).sum().backward()
    assert x.grad.dtype is argand.float32
    y = argand.ones(2, 1, requires_grad=True)
    (y + argand.zeros(3, 2, 4)).sum().backward()
    assert y.grad.shape == (2, 1)


def test_gradients_have_the_layout_of_their_leaf() -> None:
    x = argand.ones(3, 2).t().requires_grad_()
    (x * argand.ones(2, 3)).sum().backward()
    assert x.grad.stride() == x.stride()


def test_numbers_of_zero_elements() -> None:
    x = argand.zeros(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad.shape == (0, 3)


def test_an_error_in_backward_leaves_the_mode_as_it_was() -> None:
    class Fails(argand.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ZeroDivisionError("on purpose")

    x = leaf(1.0)
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        Fails.apply(x).backward()
    assert argand.is_grad_enabled()
    (x * 2).backward()
    assert x.grad.tolist() == [2.0]


def test_deepcopy_and_pickle_of_leaves() -> None:
    import copy
    import pickle

    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    assert twin.grad.tolist() == x.grad.tolist()
    assert twin.grad is not x.grad
    loaded = pickle.loads(pickle.dumps(x))
    assert loaded.requires_grad
    assert loaded.tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(x * 2)
