"""Lazy modules and parameters without a shape."""

import copy
import pickle

import pytest

import argand
from argand import nn


def test_the_first_input_decides() -> None:
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert layer.has_uninitialized_params()
    assert layer(argand.ones(2, 4)).shape == (2, 3)
    assert type(layer) is nn.Linear
    assert layer.in_features == 4
    assert not layer._forward_pre_hooks
    layer(argand.ones(2, 4)).sum().backward()
    assert layer.weight.grad.shape == (3, 4)


def test_the_draw_is_that_of_a_linear() -> None:
    argand.manual_seed(0)
    lazy = nn.LazyLinear(3)
    lazy(argand.ones(2, 4))
    argand.manual_seed(0)
    assert argand.equal(lazy.weight, nn.Linear(4, 3).weight)


def test_an_optimizer_may_have_it_already() -> None:
    net = nn.Sequential(nn.LazyLinear(3), nn.Tanh(), nn.LazyLinear(1))
    parameters = list(net.parameters())
    net(argand.ones(2, 4))
    assert all(a is b for a, b in zip(parameters, net.parameters()))


def test_a_state_gives_shapes_too() -> None:
    source, layer = nn.Linear(4, 3), nn.LazyLinear(3)
    layer.load_state_dict(source.state_dict())
    assert argand.equal(layer.weight, source.weight)
    x = argand.ones(1, 4)
    assert argand.equal(layer(x), source(x))
    assert layer.in_features == 4
    with pytest.raises(RuntimeError, match="shape is not known"):
        nn.Linear(4, 3).load_state_dict(nn.LazyLinear(3).state_dict())


def test_what_has_no_shape_cannot_be_used() -> None:
    parameter = nn.UninitializedParameter()
    assert (parameter.requires_grad, parameter.is_leaf, parameter.dtype) == (
        True, True, argand.float32,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="shape"):
        _ = parameter.shape
    with pytest.raises(ValueError, match="values"):
        _ = parameter + 1


def test_conversions_and_copies() -> None:
    layer = nn.LazyLinear(3, bias=False).double()
    for made in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert made.weight.dtype is argand.float64
        made(argand.ones(2, 4, dtype=argand.float64))
        assert type(made) is nn.Linear


def test_a_buffer_becomes_a_tensor() -> None:
    buffer = nn.UninitializedBuffer()
    buffer.materialize((2, 3))
    assert type(buffer) is argand.Tensor
    assert buffer.shape == (2, 3)
