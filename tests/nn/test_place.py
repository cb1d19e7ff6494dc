"""An error inside of a network tells in which layer it was raised."""

import sys
from typing import Any

import pytest

import argand
from argand import nn
from argand.nn.modules.place import _lengthen


def told(module: nn.Module, *args: Any) -> str:
    with pytest.raises(RuntimeError) as caught:
        module(*args)
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(3, 3)))


def test_the_path_of_the_layer() -> None:
    text = told(network(), argand.ones(1, 2))
    assert text.count("in the layer") == 1
    assert (
        "in the layer '1.1' of Sequential: Linear(in_features=3, out_features=3, bias=True), "
        "called with (float32[1, 2])"
    ) in text


def test_a_layer_alone() -> None:
    assert "in the layer Linear(in_features=3" in told(nn.Linear(3, 3), argand.ones(1, 2))


def test_a_layer_in_a_list_and_with_hooks() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([nn.Identity(), network()])

        def forward(self, x: Any) -> Any:
            return self.parts[1](self.parts[0](x))

    net = Net()
    handle = net.register_forward_hook(lambda module, args, output: None)
    assert "'parts.1.1.1' of Net" in told(net, argand.ones(1, 2))
    handle.remove()


def test_the_error_itself_stays() -> None:
    class Failing(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("name")

    with pytest.raises(KeyError) as caught:
        nn.Sequential(Failing())(1)
    if sys.version_info >= (3, 11):
        assert caught.value.args == ("name",)


def test_notes_in_the_message_replace_each_other() -> None:
    error = ValueError("text", 3)
    _lengthen(error, "", "in a")
    _lengthen(error, "in a", "in b.a")
    assert error.args == ("text\nin b.a", 3)
