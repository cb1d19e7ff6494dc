"""Saving, loading, copying and converting modules against PyTorch."""

import copy
import pickle
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import (
    Scenario,
    attempt,
    compare,
    print_nothing,
    registries,
    values,
)


def saving(t: ModuleType) -> Any:
    log: list[Any] = []

    class Extra(t.nn.Module):
        _version = 3

        def __init__(self) -> None:
            super().__init__()
            self.w = t.nn.Parameter(t.ones(2))
            self.register_buffer("kept", t.zeros(1))
            self.register_buffer("lost", t.zeros(1), persistent=False)
            self.register_buffer("none", None)

        def get_extra_state(self) -> Any:
            return {"x": 1}

        def set_extra_state(self, state: Any) -> None:
            log.append(["extra", state])

    net = t.nn.Sequential(t.nn.Linear(1, 1), Extra())
    state = net.state_dict()
    log += [list(state), [list(item) for item in state._metadata.items()]]
    log += [values(state["1.w"]), state["1.w"].data_ptr() == net[1].w.data_ptr()]
    kept = net.state_dict(prefix="p.", keep_vars=True)
    log += [list(kept), kept["p.1.w"] is net[1].w, type(kept).__name__]
    target: dict[str, Any] = {"old": 1}
    log.append(list(net.state_dict(destination=target)))
    with pytest.warns(FutureWarning):
        log.append(list(net.state_dict({}, "q.")))
    net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(["pre", prefix, keep]))
    net[0].register_state_dict_post_hook(lambda m, s, prefix, meta: s.pop(prefix + "bias"))
    log.append(attempt(lambda: net.state_dict()))
    net[0]._state_dict_hooks.clear()
    net[0]._register_state_dict_hook(lambda m, s, prefix, meta: log.append([list(s), meta]))
    log.append(list(net.state_dict()))
    net.load_state_dict(state)
    net.register_load_state_dict_pre_hook(lambda m, s, prefix, *rest: log.append([prefix, rest]))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.append("made up"))
    log.append(values(net.load_state_dict(state, strict=False)))
    log.append(attempt(lambda: net.load_state_dict(state)))
    log.append(attempt(lambda: t.nn.Module().get_extra_state()))
    return log


def loading(t: ModuleType) -> Any:
    def failure(target: Any, state: Any, **options: Any) -> str:
        with pytest.raises(RuntimeError) as caught:
            target.load_state_dict(state, **options)
        return str(caught.value)

    net = t.nn.Sequential(t.nn.Linear(1, 2), t.nn.Tanh())
    log: list[Any] = [attempt(lambda: net.load_state_dict(3))]
    log.append(failure(net, {"0.weight": t.zeros(2, 1), "0.more": 1, "1.x": 2, "z": 3}))
    log.append(failure(net, {"0.weight": t.zeros(3, 1)}, strict=False))
    log.append(values(net.load_state_dict({"0.bias": t.ones(2), "z": 1}, strict=False)))
    log.append(values(net[0].bias))
    bias, weight = net[0].bias, net[0].weight
    state = {"0.weight": t.ones(2, 1, dtype=t.float64), "0.bias": t.nn.Parameter(t.zeros(2))}
    net[0].bias.requires_grad_(False)
    net.load_state_dict(state)
    log += [net[0].weight is weight, values(net[0].weight)]
    net.load_state_dict(state, assign=True)
    log += [net[0].bias is bias, net[0].bias is state["0.bias"], values(net[0].bias)]
    log += [type(net[0].weight).__name__, values(net[0].weight)]
    log.append(net[0].weight.data_ptr() == state["0.weight"].data_ptr())
    scalar = t.nn.Module()
    scalar.register_buffer("s", t.tensor(1.0))
    scalar.load_state_dict({"s": t.tensor([2.0])})
    log.append(values(scalar.s))
    return log


def copying(t: ModuleType) -> Any:
    net = t.nn.Sequential(OrderedDict(a=t.nn.Linear(2, 2), b=t.nn.Dropout()))
    net.tied = net.a
    net.register_buffer("steps", t.tensor(3), persistent=False)
    net.register_forward_hook(print_nothing)
    net.eval()
    log: list[Any] = []
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        log += [repr(twin), registries(twin), twin.tied is twin.a, twin.training]
        log += [twin.a.weight is net.a.weight, values(twin.a.weight) == values(net.a.weight)]
        log += [list(twin.state_dict()), len(twin._forward_hooks)]
        twin.a._parameters["weight"] = t.nn.Parameter(t.zeros(2, 2))
        log += [values(twin.a.weight), values(net.a.weight) == values(twin.a.weight)]
    parameter = t.nn.Parameter(t.ones(2), requires_grad=False)
    for twin in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        log += [type(twin).__name__, twin is parameter, values(twin)]
    pair = [parameter, parameter]
    twins = copy.deepcopy(pair)
    log.append(twins[0] is twins[1])
    return log


def converting(t: ModuleType) -> Any:
    net = t.nn.Sequential(t.nn.Linear(2, 1))
    net.register_buffer("counts", t.tensor([1, 2]))
    net.register_buffer("scale", t.tensor([0.5]))
    t.nn.init.ones_(net[0].weight)
    t.nn.init.zeros_(net[0].bias)
    net(t.ones(2)).backward()
    weight, gradient = net[0].weight, net[0].weight.grad
    log: list[Any] = []

    def note() -> None:
        tensors = [weight, weight.grad, net.counts, net.scale]
        log.append([net[0].weight is weight, [str(tensor.dtype) for tensor in tensors]])

    log += [net.double() is net]
    note()
    log += [weight.grad is gradient, values(weight.grad)]
    for convert in (
        lambda: net.to(t.float32),
        lambda: net.half(),
        lambda: net.bfloat16(),
        lambda: net.float(),
        lambda: net.to("cpu", t.float64),
        lambda: net.to(t.zeros(1)),
        lambda: net.to(dtype=t.float64, device="cpu"),
        lambda: net.to(),
        lambda: net.cpu(),
        lambda: net.type(t.float64),
    ):
        convert()
        note()
    net.zero_grad(set_to_none=False)
    log.append(values(weight.grad))
    net.zero_grad()
    log.append(weight.grad)
    log.append([list(p.shape) for p in net.to_empty(device="cpu").parameters()])
    return log


@pytest.mark.parametrize(
    "scenario",
    [saving, loading, copying, converting],
    ids=lambda scenario: scenario.__name__,
)
def test_scenario(scenario: Scenario) -> None:
    compare(scenario)
