"""The containers of `nn` against PyTorch's."""

from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import (
    Scenario,
    attempt,
    compare,
    values,
)


def containers(t: ModuleType) -> Any:
    nn = t.nn
    kinds = (nn.Tanh, nn.ReLU, nn.Sigmoid, nn.Softplus)

    def names(module: Any) -> list[str]:
        return [f"{name}:{type(child).__name__}" for name, child in module.named_children()]

    log: list[Any] = []
    for kind in (nn.Sequential, nn.ModuleList):
        net = kind(*[k() for k in kinds]) if kind is nn.Sequential else kind(k() for k in kinds)
        log += [names(net[1:3]), names(net[::-2]), type(net[-1]).__name__, len(net)]
        for index in (4, -5, "0", 1.0):
            log.append(attempt(lambda n=net, i=index: n[i]))
        net[1] = nn.Identity()
        net.append(nn.Tanh())
        net.extend([nn.ReLU(), nn.ReLU()])
        log.append(names(net))
        del net[2]
        del net[:2]
        log += [names(net), type(net.pop(0)).__name__, names(net)]
        net.insert(1, nn.Softplus())
        log += [names(net), attempt(lambda n=net: n.append(3)), attempt(lambda n=net: n.extend(3))]
        log += [names(net + kind()), [type(m).__name__ for m in net], "1" in dir(net)]
        net += kind(net[:1])[0] if kind is nn.Sequential else net[:1]
        log.append(names(net))
    net = nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.ReLU()))
    log += [names(net[:1]), type(net[1]).__name__, names(net * 2), names(2 * net)]
    net[0] = nn.Sigmoid()
    log.append(names(net))
    for wrong in (lambda: net * 0, lambda: net * 1.5, lambda: net + 3, lambda: net.insert(9, net)):
        log.append(attempt(wrong))
    numbered = nn.Sequential(nn.Tanh(), nn.ReLU())
    numbered *= 2
    log += [names(numbered), names(numbered.insert(-1, nn.Sigmoid()))]
    log.append(attempt(lambda: nn.ModuleList()(3)))
    table = nn.ModuleDict([("b", nn.Tanh()), ("a", nn.ReLU())])
    table["c"] = nn.Sigmoid()
    table.update({"a": nn.Softplus(), "d": nn.Identity()})
    log += [names(table), "a" in table, len(table), list(table), type(table.pop("b")).__name__]
    del table["c"]
    log += [list(table.keys()), [type(m).__name__ for m in table.values()]]
    for wrong in (
        lambda: table["zz"],
        lambda: table.pop("zz"),
        lambda: table.update(3),
        lambda: table.update([3]),
        lambda: table.update([(1, 2, 3)]),
        lambda: table.update({"keys": nn.Tanh()}),
        lambda: table.update({"x": 3}),
    ):
        log.append(attempt(wrong))
    table.clear()
    log.append(list(table.items()))
    return log


def parameter_containers(t: ModuleType) -> Any:
    nn = t.nn
    listed = nn.ParameterList([t.ones(1), t.nn.Parameter(t.zeros(2)), "text"])
    listed.append(t.ones(3)).extend([t.ones(4)])
    listed += [t.ones(5)]
    log: list[Any] = [values(list(listed)), len(listed), [n for n, _ in listed.named_parameters()]]
    listed[0] = t.zeros(1)
    log += [values(listed[0]), values(list(listed[1::2])), values(listed[-1])]
    log += [
        attempt(lambda: listed[9]),
        attempt(lambda: listed()),
        attempt(lambda: listed.extend(3)),
    ]
    log.append(attempt(lambda: listed.extend(t.ones(2))))
    log.append(list(nn.ParameterList([listed[0], listed[0]]).state_dict()))
    table = nn.ParameterDict({"b": t.ones(1), "a": t.zeros(1)})
    table["c"] = 5
    log += [list(table), values([list(item) for item in table.items()]), "b" in table, len(table)]
    log += [
        values(table.get("b")),
        table.get("zz", 1),
        table.setdefault("d", 2),
        list(reversed(table)),
    ]
    log += [list(table.popitem()), values(table.pop("a")), list(table.keys())]
    log += [list((table | nn.ParameterDict({"z": 1})).keys()), list(table.copy())]
    log += [list(table.fromkeys(["x", "y"], 1).values()), list(table.state_dict())]
    del table["b"]
    for wrong in (
        lambda: table["b"],
        lambda: table[3],
        lambda: table.pop("zz"),
        lambda: table.update(3),
        lambda: table.update([(1, 2, 3)]),
        lambda: table(3),
    ):
        log.append(attempt(wrong))
    table.clear()
    log += [attempt(table.popitem), len(table), list(table.update(OrderedDict(z=1, a=2)) or table)]
    return log


@pytest.mark.parametrize(
    "scenario",
    [containers, parameter_containers],
    ids=lambda scenario: scenario.__name__,
)
def test_scenario(scenario: Scenario) -> None:
    compare(scenario)
