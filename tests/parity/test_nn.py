"""`nn.Module` against PyTorch's: printed forms, attributes, the tree, subclasses."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import argand
from tests.parity.scenarios import (
    Scenario,
    attempt,
    compare,
    registries,
    torch,
    values,
)

REPRS: dict[str, Scenario] = {
    "linear": lambda t: t.nn.Linear(3, 4),
    "linear without bias": lambda t: t.nn.Linear(3, 4, bias=False),
    "bilinear": lambda t: t.nn.Bilinear(2, 3, 4),
    "identity": lambda t: t.nn.Identity(5, a=3),
    "flatten": lambda t: t.nn.Flatten(2, -2),
    "unflatten": lambda t: t.nn.Unflatten(1, (2, 3)),
    "relu": lambda t: t.nn.ReLU(),
    "relu inplace": lambda t: t.nn.ReLU(inplace=True),
    "relu6": lambda t: t.nn.ReLU6(True),
    "leaky relu": lambda t: t.nn.LeakyReLU(0.2, True),
    "rrelu": lambda t: t.nn.RReLU(0.1, 0.2),
    "prelu": lambda t: t.nn.PReLU(3),
    "elu": lambda t: t.nn.ELU(0.5),
    "celu": lambda t: t.nn.CELU(0.5, inplace=True),
    "selu": lambda t: t.nn.SELU(True),
    "gelu": lambda t: t.nn.GELU("tanh"),
    "silu": lambda t: t.nn.SiLU(),
    "mish": lambda t: t.nn.Mish(True),
    "hardtanh": lambda t: t.nn.Hardtanh(-2, 2.5),
    "hardsigmoid": lambda t: t.nn.Hardsigmoid(True),
    "hardswish": lambda t: t.nn.Hardswish(True),
    "hardshrink": lambda t: t.nn.Hardshrink(0.25),
    "softshrink": lambda t: t.nn.Softshrink(),
    "softplus": lambda t: t.nn.Softplus(2, 10),
    "threshold": lambda t: t.nn.Threshold(0.1, 20, True),
    "glu": lambda t: t.nn.GLU(1),
    "sigmoid": lambda t: t.nn.Sigmoid(),
    "softmax": lambda t: t.nn.Softmax(dim=1),
    "softmax without dim": lambda t: t.nn.Softmax(),
    "softmax2d": lambda t: t.nn.Softmax2d(),
    "log softmax": lambda t: t.nn.LogSoftmax(-1),
    "softmin": lambda t: t.nn.Softmin(0),
    "dropout": lambda t: t.nn.Dropout(0.25, True),
    "dropout1d": lambda t: t.nn.Dropout1d(),
    "alpha dropout": lambda t: t.nn.AlphaDropout(0.1),
    "cross entropy": lambda t: t.nn.CrossEntropyLoss(t.ones(3), label_smoothing=0.1),
    "huber": lambda t: t.nn.HuberLoss(delta=2.0),
    "empty module": lambda t: t.nn.Module(),
    "empty sequential": lambda t: t.nn.Sequential(),
    "sequential": lambda t: t.nn.Sequential(t.nn.Linear(1, 2), t.nn.Sequential(t.nn.Tanh())),
    "named": lambda t: t.nn.Sequential(OrderedDict(a=t.nn.Tanh(), b=t.nn.Dropout())),
    "empty list": lambda t: t.nn.ModuleList(),
    "list with runs": lambda t: t.nn.ModuleList(
        [t.nn.Linear(1, 1), t.nn.Linear(1, 1), t.nn.Tanh(), t.nn.Linear(1, 1)]
    ),
    "list of blocks": lambda t: t.nn.ModuleList(
        [t.nn.Sequential(t.nn.Linear(1, 1), t.nn.ReLU()) for _ in range(2)]
    ),
    "dictionary": lambda t: t.nn.ModuleDict({"b": t.nn.Tanh(), "a": t.nn.ReLU()}),
    "parameter list": lambda t: t.nn.ParameterList([t.ones(2, 3), 5, t.ones(())]),
    "parameter dictionary": lambda t: t.nn.ParameterDict({"b": t.ones(2), "a": "text"}),
    "missing child": lambda t: with_missing_child(t),
    "several lines": lambda t: Several(t).module,
    "parameter": lambda t: t.nn.Parameter(t.ones(2)),
    "constant parameter": lambda t: t.nn.Parameter(t.ones(2), requires_grad=False),
    "empty parameter": lambda t: t.nn.Parameter(),
    "buffer": lambda t: t.nn.Buffer(t.ones(2)),
    "nothing incompatible": lambda t: t.nn.Linear(1, 1).load_state_dict(
        t.nn.Linear(1, 1).state_dict()
    ),
    "incompatible": lambda t: t.nn.Linear(1, 1).load_state_dict({"more": 1}, strict=False),
}


def with_missing_child(t: ModuleType) -> Any:
    module = t.nn.Module()
    module.register_module("gone", None)
    return module


class Several:
    """A module whose extra line is several lines, above its children."""

    def __init__(self, t: ModuleType) -> None:
        class Printed(t.nn.Module):
            def extra_repr(self) -> str:
                return "one\n\ntwo"

        self.module = Printed()
        self.module.inner = Printed()


@pytest.mark.parametrize("name", REPRS)
def test_printed_form(name: str) -> None:
    assert repr(REPRS[name](argand)) == repr(REPRS[name](torch))


def assigning(t: ModuleType) -> Any:
    """Every kind of value assigned over every other kind."""
    make: dict[str, Callable[[], Any]] = {
        "parameter": lambda: t.nn.Parameter(t.ones(1)),
        "tensor": lambda: t.ones(1),
        "module": t.nn.Tanh,
        "buffer": lambda: t.nn.Buffer(t.ones(1), persistent=False),
        "number": lambda: 5,
        "none": lambda: None,
    }
    log = []
    for first in [*make, "registered buffer"]:
        for second in [*make, "deleted"]:
            module = t.nn.Module()
            if first == "registered buffer":
                module.register_buffer("x", t.ones(1))
            else:
                module.x = make[first]()
            action = lambda m=module, s=second: (  # noqa: E731
                delattr(m, "x") if s == "deleted" else setattr(m, "x", make[s]())
            )
            outcome = attempt(action)
            kept = "x" in dir(module)
            kind = type(module.x).__name__.replace("Buffer", "Tensor") if kept else None
            non_persistent = list(module._non_persistent_buffers_set)
            log.append([first, second, outcome, registries(module), kept, kind, non_persistent])
    return log


def naming(t: ModuleType) -> Any:
    """What may not be registered."""
    log = []
    for name in ("training", "forward", "a.b", "", 3, "used"):
        module = t.nn.Module()
        module.used = t.nn.Tanh()
        parameter = t.nn.Parameter(t.ones(1))
        log.append(attempt(lambda m=module, n=name: m.register_buffer(n, t.ones(1))))
        log.append(attempt(lambda m=module, n=name, p=parameter: m.register_parameter(n, p)))
        log.append(attempt(lambda m=module, n=name: m.add_module(n, t.nn.Tanh())))
    module = t.nn.Module()
    computed = t.nn.Parameter(t.ones(1)) * 2
    log.append(attempt(lambda: module.register_parameter("p", computed)))
    log.append(attempt(lambda: module.register_buffer("p", 3)))
    log.append(attempt(lambda: module.add_module("p", 3)))
    log.append(attempt(lambda: module.absent))
    log.append(attempt(lambda: delattr(module, "absent")))
    log.append(attempt(lambda: t.nn.Module(3)))
    log.append(attempt(lambda: t.nn.Module(a=3)))
    log.append(attempt(lambda: module(3)))
    log.append(attempt(lambda: module.train("yes")))
    log.append(attempt(lambda: module.to(t.int64)))
    log.append(attempt(lambda: t.nn.Parameter([1.0])))
    log.append(attempt(lambda: t.nn.Parameter(t.tensor([1]))))
    return log


def before_init(t: ModuleType) -> Any:
    class Late(t.nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = value

    early = (3, t.ones(1), t.nn.Tanh(), t.nn.Parameter(t.ones(1)))
    log = [attempt(lambda v=value: Late(v) and None) for value in early]
    late = Late(3)
    log += [late.value, attempt(lambda: late.absent), attempt(lambda: list(late.parameters()))]
    log.append(attempt(lambda: late.register_buffer("b", t.ones(1))))
    log.append(attempt(lambda: late.register_parameter("b", None)))
    return log


def writing_to_registries(t: ModuleType) -> Any:
    """Programs change the three dictionaries themselves."""
    layer = t.nn.Linear(2, 2)
    new = t.nn.Parameter(t.zeros(2, 2))
    layer._parameters["weight"] = new
    log = [layer.weight is new]
    layer._parameters["extra"] = t.nn.Parameter(t.zeros(1))
    log += [layer.extra is layer._parameters["extra"], [n for n, _ in layer.named_parameters()]]
    del layer._parameters["weight"]
    log += [hasattr(layer, "weight"), layer._parameters.pop("bias", None) is not None]
    log += [hasattr(layer, "bias"), layer._parameters.pop("bias", "default")]
    layer.weight = 3
    log += [layer.weight, registries(layer)]
    layer._buffers.update(a=t.ones(1), b=None)
    log += [layer.b, layer._buffers.setdefault("b", 1), sorted(layer.state_dict())]
    log.append(layer._buffers.popitem())
    layer._buffers.clear()
    log += [hasattr(layer, "a"), registries(layer)]
    net = t.nn.Sequential(t.nn.Tanh(), t.nn.ReLU())
    net._modules = OrderedDict(reversed(list(net._modules.items())))
    log += [[type(m).__name__ for m in net], hasattr(net, "0"), repr(net)]
    net._modules |= {"2": t.nn.Sigmoid()}
    log += [len(net), type(getattr(net, "2")).__name__]
    layer.__dict__["shadow"] = 1
    layer.shadow = t.nn.Parameter(t.ones(1))
    log += [registries(layer), layer.shadow.tolist()]
    return log


def walking(t: ModuleType) -> Any:
    shared = t.nn.Linear(1, 1)
    net = t.nn.Sequential(shared, t.nn.Sequential(shared, t.nn.Module()), shared)
    net[1][1].register_buffer("running_mean", t.zeros(2))
    net.own = t.nn.Parameter(t.ones(1))
    net.register_module("gone", None)
    log: list[Any] = []
    for duplicates in (True, False):
        log.append([n for n, _ in net.named_modules(remove_duplicate=duplicates)])
        log.append([n for n, _ in net.named_parameters("p", remove_duplicate=duplicates)])
        log.append([n for n, _ in net.named_buffers(remove_duplicate=duplicates)])
    log.append([n for n, _ in net.named_parameters(recurse=False)])
    log.append([n for n, _ in net.named_children()])
    log += [len(list(net.modules())), len(list(net.parameters())), len(list(net.buffers()))]
    log.append([n for n, _ in net.named_modules(memo={shared}, prefix="top")])
    visited: list[str] = []
    net.apply(lambda m: visited.append(type(m).__name__))
    log.append(visited)
    log += [net.get_submodule("1.0") is shared, net.get_submodule("") is net]
    log.append(net.get_parameter("1.0.bias") is shared.bias)
    log.append(net.get_buffer("1.1.running_mean") is net[1][1].running_mean)
    for path in ("9", "0.weight", "0.weight.x", "1.7"):
        log.append(attempt(lambda p=path: net.get_submodule(p)))
    for path in ("0", "0.absent", "own.x", "1.1.running_mean"):
        log.append(attempt(lambda p=path: net.get_parameter(p)))
    for path in ("0", "0.absent", "0.weight"):
        log.append(attempt(lambda p=path: net.get_buffer(p)))
    net.set_submodule("1.0", t.nn.Tanh())
    net.set_submodule("1.5", t.nn.ReLU())
    log.append(repr(net[1]))
    log.append(attempt(lambda: net.set_submodule("", t.nn.Tanh())))
    log.append(attempt(lambda: net.set_submodule("0", 3)))
    log.append(attempt(lambda: net.set_submodule("77", t.nn.Tanh(), strict=True)))
    log.append(attempt(lambda: net.set_submodule("own", t.nn.Tanh())))
    log.append([m.training for m in net.eval().modules()])
    log.append([p.requires_grad for p in net.requires_grad_(False).parameters()])
    return log


def subclassing(t: ModuleType) -> Any:
    """What subclasses do to the base class."""
    log: list[Any] = []

    class Wrapper(t.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    wrapper = Wrapper(t.nn.Linear(3, 2))
    log += [wrapper.in_features, wrapper.weight is wrapper.inner.weight]
    log += [attempt(lambda: wrapper.absent), wrapper.__getattr__("inner") is wrapper.inner]

    class Mixin:
        def __init__(self, extra: int = 0) -> None:
            self.extra = extra

    class Both(t.nn.Module, Mixin):
        call_super_init = True

    log += [Both(extra=5).extra, attempt(lambda: Both(wrong=5))]

    class Own(t.nn.Module):
        def __getstate__(self) -> Any:
            return self.__dict__.copy()

        def __setstate__(self, state: Any) -> None:
            self.__dict__.update(state)

    own = Own()
    own.layer = t.nn.Linear(1, 1)
    own.weight = t.nn.Parameter(t.ones(1))
    twin = copy.deepcopy(own)
    twin.weight = t.nn.Parameter(t.zeros(1))
    log += [values(twin.weight), values(own.weight), registries(twin), twin.layer is own.layer]

    class Frozen(t.nn.Sequential):
        def train(self, mode: bool = True) -> Any:
            return super().train(False)

    net = t.nn.Sequential(Frozen(t.nn.Dropout()), t.nn.Dropout()).train()
    log.append([module.training for module in net.modules()])
    layer = t.nn.Identity()
    layer.forward = lambda x: x + 1
    log.append(layer(1))
    return log


def names_shown(t: ModuleType) -> Any:
    layer = t.nn.Sequential(t.nn.Linear(1, 1))
    layer.register_buffer("b", t.ones(1))
    shown = dir(layer)
    common = ["0", "b", "training", "forward", "parameters", "_modules"]
    return [[name in shown for name in common], len(shown) == len(set(shown))]


def initial_parameters(t: ModuleType) -> Any:
    t.manual_seed(3)
    modules = [
        t.nn.Linear(7, 5),
        t.nn.Linear(3, 2, bias=False, dtype=t.float64),
        t.nn.Linear(1, 1),
        t.nn.Bilinear(2, 3, 4),
        t.nn.PReLU(2),
    ]
    return [[name, values(p)] for m in modules for name, p in m.named_parameters()]


@pytest.mark.parametrize(
    "scenario",
    [
        assigning,
        naming,
        before_init,
        writing_to_registries,
        walking,
        subclassing,
        names_shown,
        initial_parameters,
    ],
    ids=lambda scenario: scenario.__name__,
)
def test_scenario(scenario: Scenario) -> None:
    compare(scenario)
