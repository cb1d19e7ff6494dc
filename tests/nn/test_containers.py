"""`Sequential`, `ModuleList`, `ModuleDict`, `ParameterList` and `ParameterDict`."""

from collections import OrderedDict
from typing import Any

import pytest

import argand
from argand import nn


def names(modules: Any) -> list[str]:
    return [f"{name} {type(module).__name__}" for name, module in modules.named_children()]


@pytest.fixture(params=[nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def numbered(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_numbered_containers(numbered: Any) -> None:
    net = numbered(nn.Tanh(), nn.ReLU(), nn.Sigmoid())
    assert len(net) == 3
    assert isinstance(net[-1], nn.Sigmoid)
    assert [type(module).__name__ for module in net[1:]] == ["ReLU", "Sigmoid"]
    net[1] = nn.GELU()
    assert net.append(nn.SiLU()) is net
    net.extend([nn.ELU()])
    net.insert(0, nn.Mish())
    assert names(net) == ["0 Mish", "1 Tanh", "2 GELU", "3 Sigmoid", "4 SiLU", "5 ELU"]
    del net[1]
    del net[3:]
    assert names(net) == ["0 Mish", "1 GELU", "2 Sigmoid"]
    assert isinstance(net.pop(0), nn.Mish)
    assert names(net) == ["0 GELU", "1 Sigmoid"]
    assert getattr(net, "1") is net[1]


@pytest.mark.parametrize("index", [2, -3])
def test_positions_out_of_range(numbered: Any, index: int) -> None:
    net = numbered(nn.Tanh(), nn.ReLU())
    with pytest.raises(IndexError, match=rf"out of range for length 2, but got {index}"):
        net[index]
    with pytest.raises(TypeError):
        net["0"]


def test_what_is_no_module_is_refused(numbered: Any) -> None:
    with pytest.raises(TypeError, match=r"an nn\.Module or None expected, but got int"):
        numbered(3)
    with pytest.raises(TypeError, match="extend: expects an iterable, but got int"):
        numbered().extend(3)


def test_sequence_is_called_in_order() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    x = argand.ones(2)
    assert argand.equal(net(x), argand.tanh(net[0](x)))
    assert nn.Sequential()(5) == 5


def test_sequence_with_names() -> None:
    net = nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.ReLU()))
    assert net.a is net[0]
    assert names(net[1:]) == ["b ReLU"]
    net[0] = nn.Sigmoid()
    assert names(net) == ["a Sigmoid", "b ReLU"]


def test_arithmetic_of_sequences() -> None:
    one, two = nn.Sequential(nn.Tanh()), nn.Sequential(nn.ReLU(), nn.Sigmoid())
    assert names(one + two) == ["0 Tanh", "1 ReLU", "2 Sigmoid"]
    assert names(one) == ["0 Tanh"]
    assert list((two * 2)._modules.items()) == [(str(i), two[i % 2]) for i in range(4)]
    assert list(2 * two) == list(two * 2)
    same = one
    one += two
    one *= 2
    assert same is one
    assert [type(module).__name__ for module in one] == ["Tanh", "ReLU", "Sigmoid"] * 2
    with pytest.raises(ValueError, match="expects a Sequential, but got int"):
        one + 3
    with pytest.raises(ValueError, match="factor must be positive"):
        one * 0
    with pytest.raises(TypeError, match="expects an integer"):
        one * 1.5  # type: ignore[operator]


def test_list_shows_runs() -> None:
    layers = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.Tanh(), nn.Linear(1, 2)])
    assert repr(layers).splitlines() == [
        "ModuleList(",
        "  (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)",
        "  (2): Tanh()",
        "  (3): Linear(in_features=1, out_features=2, bias=True)",
        ")",
    ]


def test_list_is_joined() -> None:
    layers = nn.ModuleList([nn.Tanh()])
    assert names(layers + nn.ModuleList([nn.ReLU()])) == ["0 Tanh", "1 ReLU"]
    layers += [nn.ReLU()]
    layers.insert(-1, nn.GELU())
    assert names(layers) == ["0 Tanh", "1 GELU", "2 ReLU"]
    with pytest.raises(NotImplementedError, match="forward"):
        layers(1)


def test_dictionary_of_modules() -> None:
    table = nn.ModuleDict({"b": nn.Tanh(), "a": nn.ReLU()})
    table["c"] = nn.GELU()
    table.update([("d", nn.Linear(1, 1))])
    assert list(table) == list(table.keys()) == ["b", "a", "c", "d"]
    assert [name for name, _ in table.items()] == list(table)
    assert "a" in table
    assert len(list(table.parameters())) == 2
    assert isinstance(table.pop("b"), nn.Tanh)
    del table["a"]
    assert [type(module).__name__ for module in table.values()] == ["GELU", "Linear"]
    with pytest.raises(KeyError):
        table["a"]
    with pytest.raises(KeyError, match="'values' already exists"):
        table["values"] = nn.Tanh()
    with pytest.raises(ValueError, match="element 0 must be a pair, but got 3 values"):
        table.update([(1, 2, 3)])  # type: ignore[list-item]
    table.clear()
    assert len(table) == 0
    assert not hasattr(table, "c")


def test_list_of_parameters() -> None:
    scales = nn.ParameterList([argand.ones(2), nn.Parameter(argand.zeros(1))])
    scales.append(argand.ones(3))
    scales += [argand.ones(4)]
    assert all(isinstance(scale, nn.Parameter) for scale in scales)
    assert [name for name, _ in scales.named_parameters()] == ["0", "1", "2", "3"]
    assert [len(scale) for scale in scales[1:3]] == [1, 3]
    scales[-1] = argand.zeros(4)
    assert scales[3].tolist() == [0.0] * 4
    with pytest.raises(IndexError, match="out of range for length 4"):
        scales[4]
    with pytest.raises(TypeError, match="expects an iterable of values, but got Tensor"):
        scales.extend(argand.ones(2))
    with pytest.raises(RuntimeError, match="cannot be called"):
        scales(1)


def test_dictionary_of_parameters() -> None:
    table = nn.ParameterDict({"b": argand.ones(1), "a": argand.zeros(1)})
    assert list(table) == ["a", "b"]
    assert list(nn.ParameterDict(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert isinstance(table["a"], nn.Parameter)
    assert list(table.state_dict()) == ["a", "b"]
    assert table.get("zz", 3) == 3
    assert table.setdefault("c", 5) == 5
    assert table.popitem() == ("c", 5)
    assert table.pop("b").tolist() == [1.0]
    assert list((table | nn.ParameterDict({"z": 1})).keys()) == ["a", "z"]
    assert list(table.copy()) == ["a"]
    with pytest.raises(TypeError, match="a key must be a string, but got int"):
        table[3] = argand.ones(1)  # type: ignore[index]
    table.clear()
    with pytest.raises(KeyError):
        table.popitem()
