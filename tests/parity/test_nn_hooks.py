"""The hooks of `nn.Module` against PyTorch's: order, arguments, what they may replace."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import (
    Scenario,
    attempt,
    compare,
    print_nothing,
    values,
)


def forward_hooks(t: ModuleType) -> Any:
    log: list[Any] = []

    def note(name: str, result: Any = None) -> Callable[..., Any]:
        def hook(module: Any, *rest: Any) -> Any:
            log.append([name, type(module).__name__, values(rest)])
            return result

        return hook

    class Add(t.nn.Module):
        def forward(self, x: Any, more: float = 0.0) -> Any:
            log.append("forward")
            if more < 0:
                raise ValueError(more)
            return x + more

    common = t.nn.modules.module
    handles = [
        common.register_module_forward_pre_hook(note("global pre")),
        common.register_module_forward_hook(note("global post")),
        common.register_module_forward_hook(note("global always"), always_call=True),
    ]
    module = Add()
    module.register_forward_pre_hook(note("pre 1"))
    module.register_forward_pre_hook(note("pre 0", result=1.0), prepend=True)
    with_kwargs = module.register_forward_pre_hook(
        note("pre kwargs", result=((2.0,), {"more": 3.0})), with_kwargs=True
    )
    module.register_forward_hook(note("post 1", result=7.0))
    module.register_forward_hook(note("post kwargs"), with_kwargs=True)
    module.register_forward_hook(note("post 0"), prepend=True, always_call=True)
    log.append(module(5.0, more=1.0))
    with_kwargs.remove()
    with_kwargs.remove()
    log.append(len(module._forward_pre_hooks_with_kwargs))
    log.append(attempt(lambda: module(5.0, more=-1.0)))
    for handle in handles:
        handle.remove()
    log.append(module(5.0))
    with module.register_forward_pre_hook(note("bad", result=3), with_kwargs=True):
        log.append(attempt(lambda: module(5.0)))
    module._forward_hooks.clear()
    module._forward_pre_hooks.clear()
    log.append(module(5.0))
    module._forward_hooks[-1] = note("direct")
    log.append(module(5.0))
    module._forward_hooks = OrderedDict({-2: note("other table")})
    log.append(module(5.0))
    return log


def backward_hooks(t: ModuleType) -> Any:
    log: list[Any] = []

    def note(name: str, result: Callable[..., Any] = lambda *gradients: None) -> Callable[..., Any]:
        def hook(module: Any, *gradients: Any) -> Any:
            log.append([name, type(module).__name__, values(gradients)])
            return result(*gradients)

        return hook

    class Two(t.nn.Module):
        def forward(self, x: Any, y: Any, scale: float = 2.0) -> Any:
            return x * scale, x * y

    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = t.tensor([3.0, 4.0], requires_grad=True)
    two = Two()
    two.register_full_backward_pre_hook(note("pre"))
    two.register_full_backward_hook(note("full 1"))
    two.register_full_backward_hook(note("full 0"), prepend=True)
    first, second = two(x, y, 5.0)
    (first.sum() + second.sum()).backward()
    log += [values(x.grad), values(y.grad)]
    first, second = two(x, y)
    first.sum().backward()  # the other output is not used
    linear = t.nn.Linear(2, 1)
    t.nn.init.ones_(linear.weight)
    linear.register_full_backward_hook(note("no input"))
    output = linear(t.ones(2))
    with pytest.warns(UserWarning, match="requires? (a )?gradient"):
        output.backward()
    changed = t.nn.Identity()
    changed.register_full_backward_pre_hook(note("double", lambda out: (out[0] * 2,)))
    changed.register_full_backward_hook(note("seven", lambda in_, out: (in_[0] * 7,)))
    x.grad = None
    changed(x).sum().backward()
    log.append(values(x.grad))
    (gradient,) = t.autograd.grad((changed(x) ** 3).sum(), x, create_graph=True)
    log.append(values(t.autograd.grad(gradient.sum(), x)))
    wrong = t.nn.Identity()
    wrong.register_full_backward_hook(note("wrong", lambda in_, out: (None, None)))
    log.append(attempt(lambda: wrong(x).sum().backward()))
    log.append(attempt(lambda: wrong.register_backward_hook(print_nothing)))
    with t.no_grad():
        log.append(values(two(x, y)))
    common = t.nn.modules.module
    with (
        common.register_module_full_backward_hook(note("global")),
        common.register_module_full_backward_pre_hook(note("global pre")),
    ):
        t.nn.Sequential(t.nn.Tanh(), t.nn.Identity())(x).sum().backward()
    return log


def regular_backward_hook(t: ModuleType) -> Any:
    log: list[Any] = []
    layer = t.nn.Tanh()
    x = t.tensor([0.0, 0.0], requires_grad=True)
    layer.register_backward_hook(lambda m, in_, out: log.append([values(in_), values(out)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        layer(x).sum().backward()
    log.append(attempt(lambda: layer.register_full_backward_hook(print_nothing)))
    return log


def registration_hooks(t: ModuleType) -> Any:
    log: list[Any] = []
    common = t.nn.modules.module
    replacement = t.nn.Tanh()

    def note(kind: str, result: Any = None) -> Callable[..., Any]:
        return lambda module, name, value: log.append([kind, name]) or result

    with (
        common.register_module_parameter_registration_hook(note("parameter")),
        common.register_module_buffer_registration_hook(note("buffer")),
        common.register_module_module_registration_hook(note("module", replacement)),
    ):
        module = t.nn.Module()
        module.layer = t.nn.Linear(2, 2, bias=False)
        module.weight = t.nn.Parameter(t.ones(1))
        module.register_buffer("b", t.ones(1))
        module.add_module("sub", t.nn.ReLU())
        module.b = t.zeros(1)
    log.append([module.layer is replacement, module.sub is replacement])
    return log


@pytest.mark.parametrize(
    "scenario",
    [forward_hooks, backward_hooks, regular_backward_hook, registration_hooks],
    ids=lambda scenario: scenario.__name__,
)
def test_scenario(scenario: Scenario) -> None:
    compare(scenario)
