"""What `vmap` may do here and PyTorch's may not, and derivatives across levels."""

from typing import Any

import pytest

import argand
from argand.func import functional_call, grad, jacfwd, jacrev, jvp, linearize, vmap


def test_a_function_may_look_at_values() -> None:
    signs = vmap(lambda x: x if x.item() > 0 else -x)(argand.tensor([-1.0, 2.0]))
    assert signs.tolist() == [1.0, 2.0]


def test_gradients_flow_through_a_batch() -> None:
    x = argand.arange(6.0).reshape(2, 3).requires_grad_()
    w = argand.ones(3, requires_grad=True)
    vmap(lambda row: (row * w).sum())(x).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
    assert w.grad.tolist() == [3.0, 5.0, 7.0]


def test_per_sample_gradients_are_the_gradients_of_the_samples() -> None:
    layer = argand.nn.Linear(3, 2)
    weights = {name: p.detach() for name, p in layer.named_parameters()}
    x, y = argand.randn(4, 3), argand.randn(4, 2)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        return (functional_call(layer, weights, x) - y).square().sum()

    found = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
    for i in range(4):
        layer.zero_grad()
        (layer(x[i]) - y[i]).square().sum().backward()
        assert argand.allclose(found["weight"][i], layer.weight.grad)
        assert argand.allclose(found["bias"][i], layer.bias.grad)


def test_no_graph_is_left_when_nothing_outside_needs_one() -> None:
    x = argand.tensor([1.0, 2.0])
    results = [
        grad(lambda x: (x * x).sum())(x),
        jacrev(argand.sin)(x),
        jacfwd(argand.sin)(x),
        jvp(lambda x: jvp(argand.sin, (x,), (x,))[1], (x,), (x,))[1],
        linearize(argand.sin, x)[1](x),
    ]
    assert not any(result.requires_grad for result in results)
    assert x.grad is None


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians_can_be_differentiated(jacobian: Any) -> None:
    x = argand.tensor([1.0, 2.0], dtype=argand.float64, requires_grad=True)
    assert argand.autograd.gradcheck(jacobian(lambda x: x**3 * x.sum()), x)
    assert argand.autograd.gradcheck(lambda x: jvp(argand.sin, (x,), (x,))[1], x)
