"""A module's three dictionaries and its attributes agree, whatever is written where."""

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import argand
from argand import nn
from argand.nn.modules.registry import REGISTRIES, Registry

NAMES = st.sampled_from(["a", "b", "c"])
WRITES = st.one_of(
    st.tuples(st.just("set"), NAMES, st.integers()),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("pop"), NAMES),
    st.tuples(st.just("pop or default"), NAMES, st.integers()),
    st.tuples(st.just("setdefault"), NAMES, st.integers()),
    st.tuples(st.just("update"), st.dictionaries(NAMES, st.integers())),
    st.tuples(st.just("merge"), st.dictionaries(NAMES, st.integers())),
    st.tuples(st.just("popitem")),
    st.tuples(st.just("clear")),
)


def write(target: dict[str, int], action: str, *arguments: Any) -> Any:
    """Apply one write to a dictionary; the outcome is what it returns or raises."""
    try:
        if action == "set":
            target[arguments[0]] = arguments[1]
        elif action == "delete":
            del target[arguments[0]]
        elif action == "pop or default":
            return target.pop(*arguments)
        elif action == "merge":
            target |= arguments[0]
        else:
            return getattr(target, action)(*arguments)
    except KeyError:
        return KeyError
    return None


@given(st.lists(WRITES))
def test_registry_is_a_dictionary_whose_items_are_attributes(writes: list[Any]) -> None:
    module = nn.Module()
    plain: dict[str, int] = {}
    for action in writes:
        assert write(module._buffers, *action) == write(plain, *action)  # type: ignore[arg-type]
        assert list(module._buffers.items()) == list(plain.items())
        attributes = {name: vars(module)[name] for name in "abc" if name in vars(module)}
        assert attributes == plain


def test_parameters_buffers_and_modules_are_read_from_the_instance() -> None:
    layer = nn.Linear(2, 3)
    layer.register_buffer("count", argand.zeros(1))
    layer.child = nn.Tanh()
    for name in ("weight", "bias", "count", "child"):
        assert vars(layer)[name] is getattr(layer, name)


def test_module_is_freed_with_its_last_reference() -> None:
    gc.disable()
    try:
        net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        net.register_forward_hook(print)
        seen = weakref.ref(net), weakref.ref(net[0])
        del net
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


def test_registry_outlives_its_module() -> None:
    layer = nn.Linear(2, 2)
    parameters = layer._parameters
    del layer
    parameters["more"] = None
    assert list(parameters) == ["weight", "bias", "more"]


def test_a_value_without_copy_is_found() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    del vars(layer)["weight"]
    assert layer.weight is weight
    layer.weight = None
    assert layer.weight is None


def test_state_of_a_module_has_plain_dictionaries() -> None:
    layer = nn.Linear(2, 2)
    state = layer.__getstate__()
    assert [type(state[name]) for name in REGISTRIES] == [dict, dict, dict]
    assert "weight" not in state
    assert isinstance(vars(layer)["_parameters"], Registry)


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_independent(make: Any) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    twin = make(net)
    twin[0] = nn.Tanh()
    twin._modules["2"] = nn.ReLU()
    assert isinstance(net[0], nn.Linear)
    assert len(net) == 2
    assert isinstance(getattr(twin, "0"), nn.Tanh)
    assert isinstance(getattr(twin, "2"), nn.ReLU)


def test_copy_of_a_class_that_copies_its_dictionary() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def __deepcopy__(self, memo: Any) -> Any:
            twin = type(self).__new__(type(self))
            memo[id(self)] = twin
            for name, value in vars(self).items():
                setattr(twin, name, copy.deepcopy(value, memo))
            return twin

    own = Own()
    twin = copy.deepcopy(own)
    assert twin.layer is not own.layer
    assert twin._modules["layer"] is twin.layer
    twin._modules["layer"] = nn.Tanh()
    assert isinstance(twin.layer, nn.Tanh)


def test_restoring_into_a_live_module_forgets_what_it_had() -> None:
    layer, other = nn.Linear(1, 1), nn.Linear(1, 1, bias=False)
    del other._parameters["bias"]
    layer.__setstate__(other.__getstate__())
    assert not hasattr(layer, "bias")
    assert layer.weight is other.weight


def test_state_from_an_earlier_version_gets_the_missing_tables() -> None:
    layer = nn.Linear(1, 1)
    state = layer.__getstate__()
    del state["_backward_pre_hooks"], state["_non_persistent_buffers_set"]
    layer = nn.Linear.__new__(nn.Linear)
    layer.__setstate__(state)
    assert layer._backward_pre_hooks == {}
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_replacing_a_dictionary_replaces_the_attributes() -> None:
    layer = nn.Linear(1, 1)
    weight = nn.Parameter(argand.zeros(1, 1))
    layer._parameters = {"weight": weight}
    assert layer.weight is weight
    assert not hasattr(layer, "bias")
    layer._parameters["bias"] = None
    assert layer.bias is None


def test_a_name_belongs_to_one_dictionary() -> None:
    module = nn.Module()
    module.x = nn.Tanh()
    module.x = nn.Parameter(argand.zeros(1))
    assert list(module._parameters) == ["x"]
    assert list(module._modules) == []
    del module.x
    module.register_buffer("x", argand.zeros(1), persistent=False)
    module.x = nn.Tanh()
    assert list(module._buffers) == []
    assert module._non_persistent_buffers_set == set()
