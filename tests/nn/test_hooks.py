"""Hooks: their order, what they get, what they may replace, and that they leave no trace."""

import copy
from typing import Any

import pytest

import argand
from argand import nn
from argand.nn.modules import module as common


class Scaled(nn.Module):
    def forward(self, x: Any, factor: float = 2.0) -> Any:
        if factor < 0:
            raise ValueError("negative factor")
        return x * factor


@pytest.fixture
def log() -> list[Any]:
    return []


def test_order_around_forward(log: list[Any]) -> None:
    module = Scaled()
    module.register_forward_pre_hook(lambda *a: log.append("pre"))
    module.register_forward_pre_hook(lambda *a: log.append("first pre"), prepend=True)
    module.register_forward_hook(lambda *a: log.append("post"))
    module.register_forward_hook(lambda *a: log.append("first post"), prepend=True)
    with (
        common.register_module_forward_pre_hook(lambda *a: log.append("global pre")),
        common.register_module_forward_hook(lambda *a: log.append("global post")),
    ):
        module(1)
    assert log == ["global pre", "first pre", "pre", "global post", "first post", "post"]


def test_arguments_and_results_can_be_replaced() -> None:
    module = Scaled()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"factor": 10.0}), with_kwargs=True
    )
    module.register_forward_hook(lambda m, args, output: output + 0.5)
    assert module(1) == 20.5


def test_hook_with_keywords_sees_them(log: list[Any]) -> None:
    module = Scaled()
    module.register_forward_hook(lambda m, *rest: log.append(rest), with_kwargs=True)
    module(1, factor=3.0)
    assert log == [((1,), {"factor": 3.0}, 3.0)]


def test_removed_hook_does_not_run(log: list[Any]) -> None:
    module = Scaled()
    handle = module.register_forward_hook(
        lambda *a: log.append(a), with_kwargs=True, always_call=True
    )
    handle.remove()
    handle.remove()
    module(1)
    assert log == []
    assert not module._forward_hooks_with_kwargs
    assert not module._forward_hooks_always_called


def test_hook_that_is_always_called_sees_a_failure(log: list[Any]) -> None:
    module = Scaled()
    module.register_forward_hook(lambda m, args, output: log.append(output), always_call=True)
    module.register_forward_hook(lambda *a: log.append("not reached"))
    with pytest.raises(ValueError, match="negative"):
        module(1, factor=-1.0)
    assert log == [None]


def test_failure_of_such_a_hook_does_not_hide_the_first() -> None:
    module = Scaled()
    module.register_forward_hook(lambda *a: 1 / 0, always_call=True)
    with (
        pytest.warns(UserWarning, match="division by zero"),
        pytest.raises(ValueError, match="negative"),
    ):
        module(1, factor=-1.0)


def test_hook_written_to_the_table_runs(log: list[Any]) -> None:
    module = Scaled()
    module._forward_hooks[-5] = lambda *a: log.append("written")
    module(1)
    module._forward_hooks = {1: lambda *a: log.append("replaced")}
    module(1)
    assert log == ["written", "replaced"]


def test_copied_module_keeps_its_hooks(log: list[Any]) -> None:
    module = Scaled()
    module.register_forward_hook(lambda *a: log.append("hook"))
    twin = copy.deepcopy(module)
    twin(1)
    twin._forward_hooks.clear()
    module(1)
    assert log == ["hook", "hook"]


def test_pre_hook_with_keywords_must_return_both() -> None:
    module = Scaled()
    module.register_forward_pre_hook(lambda *a: (1,), with_kwargs=True)
    with pytest.raises(
        RuntimeError, match="Scaled: a forward pre-hook must return None or a tuple"
    ):
        module(1)


def test_backward_hooks_see_and_replace_gradients(log: list[Any]) -> None:
    module = Scaled()
    x = argand.tensor([1.0, 2.0], requires_grad=True)
    module.register_full_backward_pre_hook(lambda m, out: (out[0] * 10,))

    def note(m: Any, grad_input: Any, grad_output: Any) -> Any:
        log.append((grad_input[0].tolist(), grad_input[1:], grad_output[0].tolist()))
        return grad_input[0] + 1, None

    module.register_full_backward_hook(note)
    module(x, 3.0).sum().backward()
    assert log == [([30.0, 30.0], (None,), [10.0, 10.0])]
    assert x.grad.tolist() == [31.0, 31.0]


def test_backward_hook_of_a_module_between_others(log: list[Any]) -> None:
    net = nn.Sequential(Scaled(), Scaled(), Scaled())
    net[1].register_full_backward_hook(
        lambda m, in_, out: log.append([in_[0].item(), out[0].item()])
    )
    x = argand.tensor(1.0, requires_grad=True)
    net(x).backward()
    net(x).backward()
    assert log == [[4.0, 2.0], [4.0, 2.0]]
    assert x.grad.item() == 16.0


def test_backward_hook_without_gradient_of_the_input(log: list[Any]) -> None:
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda m, in_, out: log.append((in_, out[0].tolist())))
    output = layer(argand.ones(2))
    with pytest.warns(UserWarning, match="no input requires a gradient"):
        output.backward()
    assert log == [((None,), [1.0])]
    assert layer.bias.grad.tolist() == [1.0]


def test_backward_hook_must_return_every_gradient() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda m, in_, out: (None, None))
    loss = module(argand.ones(2, requires_grad=True)).sum()
    with pytest.raises(RuntimeError, match="as many grad_input as it gets, here 1, but got 2"):
        loss.backward()


def test_kinds_of_backward_hooks_do_not_mix() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match="both regular backward hooks and full"):
        module.register_backward_hook(lambda *a: None)


def test_result_that_is_no_tensor_has_no_backward_hooks() -> None:
    module = Scaled()
    module.register_full_backward_hook(lambda *a: None)
    module.forward = lambda x: {"x": x}  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match="output should be a Tensor or a tuple"):
        module(argand.ones(1, requires_grad=True))


def test_registration_hooks_can_replace(log: list[Any]) -> None:
    replacement = nn.Tanh()

    def swap(module: Any, name: str, child: Any) -> Any:
        log.append(name)
        return replacement

    with common.register_module_module_registration_hook(swap):
        net = nn.Sequential(nn.ReLU(), nn.ReLU())
    assert log == ["0", "1"]
    assert net[0] is net[1] is replacement
