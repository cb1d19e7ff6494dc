"""Saving and loading: keys, sharing, errors, versions, extra state."""

from collections import OrderedDict
from typing import Any

import pytest

import argand
from argand import nn


def make() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1, bias=False))


def test_keys_and_metadata() -> None:
    state = make().state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.weight"]
    assert isinstance(state, OrderedDict)
    assert state._metadata[""] == {"version": 1}  # type: ignore[attr-defined]
    assert list(make().state_dict(prefix="net.")) == ["net.0.weight", "net.0.bias", "net.2.weight"]


def test_state_shares_memory_but_no_graph() -> None:
    net = make()
    state = net.state_dict()
    assert not state["0.weight"].requires_grad
    with argand.no_grad():
        net[0].weight.fill_(7.0)
    assert state["0.weight"].unique().tolist() == [7.0]
    assert net.state_dict(keep_vars=True)["0.weight"] is net[0].weight


def test_loading_copies_values_into_the_same_parameters() -> None:
    source, target = make(), make()
    weight = target[0].weight
    assert str(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert target[0].weight is weight
    assert argand.equal(weight, source[0].weight)
    assert weight.requires_grad
    assert weight.data_ptr() != source[0].weight.data_ptr()


def test_assignment_takes_the_tensors() -> None:
    net = make()
    state = {name: tensor.double() for name, tensor in make().state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert isinstance(net[0].weight, nn.Parameter)
    assert net[0].weight.dtype == argand.float64
    assert net[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert net[0].weight.requires_grad


def test_errors_list_everything_at_once() -> None:
    net = make()
    state = dict(net.state_dict())
    del state["0.bias"]
    state |= {"2.weight": argand.zeros(3, 3), "2.bias": argand.zeros(1), "9.x": argand.zeros(1)}
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    first, *lines = str(caught.value).split("\n\t")
    assert first == "Error(s) in loading state_dict for Sequential:"
    assert lines == [
        'Missing key(s) in state_dict: "0.bias". ',
        'Unexpected key(s) in state_dict: "9.x", "2.bias". ',
        "size mismatch for 2.weight: copying a param with shape torch.Size([3, 3]) from "
        "checkpoint, the shape in current model is torch.Size([1, 3]).",
    ]


def test_lenient_loading_reports_the_keys() -> None:
    net = make()
    keys = net.load_state_dict({"0.bias": argand.ones(3), "x": argand.ones(1)}, strict=False)
    assert keys.missing_keys == ["0.weight", "2.weight"]
    assert keys.unexpected_keys == ["x"]
    assert net[0].bias.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.bias"):
        net.load_state_dict({"0.bias": argand.ones(4)}, strict=False)


def test_what_is_no_dictionary_or_no_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="dict-like"):
        make().load_state_dict([1])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r'named "0\.bias", expected .*Tensor.* received .*list'):
        make().load_state_dict({"0.bias": [1.0]}, strict=False)


def test_buffers_are_saved_if_persistent() -> None:
    module = nn.Module()
    module.register_buffer("kept", argand.zeros(1))
    module.register_buffer("lost", argand.zeros(1), persistent=False)
    module.register_buffer("none", None)
    assert list(module.state_dict()) == ["kept"]
    module.lost = argand.ones(1)
    assert list(module.state_dict()) == ["kept"]
    module.register_buffer("lost", argand.ones(1))
    assert list(module.state_dict()) == ["kept", "lost"]


def test_extra_state_travels() -> None:
    class Counting(nn.Module):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

        def get_extra_state(self) -> Any:
            return self.count

        def set_extra_state(self, state: Any) -> None:
            self.count = state

    net = nn.Sequential(Counting(5))
    state = net.state_dict()
    assert state == {"0._extra_state": 5}
    other = nn.Sequential(Counting(0))
    other.load_state_dict(state)
    assert other[0].count == 5
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        other.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"0._extra_state"'):
        nn.Sequential(nn.Tanh()).load_state_dict(state)


def test_version_reaches_the_module_that_loads() -> None:
    seen = []

    class Renamed(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *rest: Any) -> None:
            seen.append(metadata.get("version"))
            if metadata.get("version") is None:
                state[prefix + "weight"] = state.pop(prefix + "w")
            super()._load_from_state_dict(state, prefix, metadata, *rest)

    net = nn.Sequential(Renamed(1, 1, bias=False))
    net.load_state_dict({"0.w": argand.full((1, 1), 4.0)})
    assert net[0].weight.item() == 4.0
    net.load_state_dict(net.state_dict())
    assert seen == [None, 2]


def test_hooks_around_saving_and_loading() -> None:
    net = make()
    log: list[Any] = []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("save", prefix, keep)))
    net.register_state_dict_post_hook(lambda m, state, *rest: state.__delitem__("0.bias"))
    net.register_load_state_dict_pre_hook(lambda m, state, *rest: log.append(len(state)))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state = net.state_dict()
    assert "0.bias" not in state
    assert str(net.load_state_dict(state)) == "<All keys matched successfully>"
    assert log == [("save", "", False), 2]
    net.register_load_state_dict_post_hook(lambda m, keys: keys)
    with pytest.raises(AssertionError, match="must return None"):
        net.load_state_dict(state)


def test_scalars_saved_with_one_dimension_are_read() -> None:
    module = nn.Module()
    module.register_buffer("steps", argand.tensor(1))
    module.load_state_dict({"steps": argand.tensor([5])})
    assert module.steps.item() == 5


def test_loading_with_assignment_leaves_the_dictionary_alone() -> None:
    state = make().state_dict()
    before = {name: dict(entry) for name, entry in state._metadata.items()}
    make().load_state_dict(state, assign=True)
    assert dict(state._metadata) == before
