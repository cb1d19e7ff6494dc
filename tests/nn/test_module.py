"""`nn.Module`: attributes, errors, the tree, conversion."""

from typing import Any

import pytest

import argand
from argand import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(3, 1))

    def forward(self, x: Any, *, scale: float = 1.0) -> Any:
        return self.second(self.first(x)) * scale


def test_call_passes_arguments_on() -> None:
    net = Net()
    x = argand.ones(4, 2)
    assert argand.equal(net(x), net.forward(x))
    assert argand.equal(net(x, scale=2.0), net.forward(x, scale=2.0))
    assert argand.equal(net(x=x, scale=2.0), net(x, scale=2.0))


def test_printed_form() -> None:
    assert repr(Net()).splitlines() == [
        "Net(",
        "  (first): Linear(in_features=2, out_features=3, bias=True)",
        "  (second): Sequential(",
        "    (0): ReLU()",
        "    (1): Linear(in_features=3, out_features=1, bias=True)",
        "  )",
        ")",
    ]


def test_walks() -> None:
    net = Net()
    names = ["first.weight", "first.bias", "second.1.weight", "second.1.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.named_modules()] == [
        "",
        "first",
        "second",
        "second.0",
        "second.1",
    ]
    assert [name for name, _ in net.named_children()] == ["first", "second"]
    assert [p for _, p in net.named_parameters()] == list(net.parameters())
    assert next(net.children()) is net.first
    net.second.append(net.first)
    assert len(list(net.parameters())) == 4
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6


def test_modes() -> None:
    net = Net()
    assert not any(module.training for module in net.eval().modules())
    assert all(module.training for module in net.train().modules())
    net.first.requires_grad_(False)
    assert [p.requires_grad for p in net.parameters()] == [False, False, True, True]


def test_gradients_are_removed_or_zeroed() -> None:
    net = Net()
    net(argand.ones(2)).backward()
    bias = net.second[1].bias
    assert bias.grad.tolist() == [1.0]
    net.zero_grad(set_to_none=False)
    assert bias.grad.tolist() == [0.0]
    net.zero_grad()
    assert bias.grad is None


def test_conversion_keeps_the_parameters_and_converts_gradients() -> None:
    net = Net()
    net.register_buffer("steps", argand.tensor([1]))
    before = list(net.parameters())
    net(argand.ones(2)).backward()
    assert net.to(argand.float64) is net
    assert [one is other for one, other in zip(net.parameters(), before)] == [True] * 4
    assert {p.dtype for p in net.parameters()} == {argand.float64}
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {argand.float64}
    assert net.steps.dtype == argand.int64
    assert net(argand.ones(2, dtype=argand.float64)).dtype == argand.float64
    assert net.float().first.weight.dtype == argand.float32


def test_conversion_shares_no_code_with_the_graph() -> None:
    net = Net().double()
    assert all(p.is_leaf and p.requires_grad for p in net.parameters())


ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda m: m.absent, AttributeError, "'Net' object has no attribute 'absent'"),
    (lambda m: m(), TypeError, "missing 1 required positional argument: 'x'"),
    (lambda m: nn.Module()(1), NotImplementedError, r"Module \[Module\] is missing .*forward"),
    (
        lambda m: setattr(m.first, "weight", 3),
        TypeError,
        "Linear: cannot assign parameter 'weight'",
    ),
    (lambda m: setattr(m, "first", 3), TypeError, "Net: cannot assign child module 'first'"),
    (lambda m: m.register_buffer("b", [1]), TypeError, "Net: cannot assign buffer 'b'.*list"),
    (lambda m: m.register_buffer("first", None), KeyError, "attribute 'first' already exists"),
    (lambda m: m.register_parameter("a.b", None), KeyError, "no dot and not be empty.*'a.b'"),
    (lambda m: m.add_module(3, nn.Tanh()), TypeError, "name of a module must be a string.*int"),
    (lambda m: m.register_parameter("p", m.first.weight * 2), TypeError, "an nn.Parameter or None"),
    (lambda m: m.get_submodule("second.7"), AttributeError, "Sequential has no attribute `7`"),
    (lambda m: m.get_parameter("first"), AttributeError, "`first` must be an nn.Parameter.*Linear"),
    (lambda m: m.get_buffer("first.weight"), AttributeError, "`weight` is not a buffer"),
    (lambda m: m.set_submodule("first", 3), ValueError, "expects a Module, but got int"),
    (lambda m: m.set_submodule("x", nn.Tanh(), strict=True), AttributeError, "no attribute `x`"),
    (lambda m: m.train(1), ValueError, "the mode must be a bool, but got 1"),
    (lambda m: m.to(argand.int32), TypeError, "only floating-point and complex dtypes.*int32"),
    (lambda m: nn.Module(1), TypeError, "takes 1 positional argument but 2 were given"),
    (lambda m: nn.Module(a=1), TypeError, "unexpected keyword argument 'a'"),
    (lambda m: m.compile(), NotImplementedError, "argand.compile"),
    (lambda m: m.share_memory(), NotImplementedError, "share_memory"),
]


@pytest.mark.parametrize(("action", "kind", "text"), ERRORS)
def test_errors(action: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        action(Net())


@pytest.mark.parametrize("value", [nn.Tanh(), nn.Parameter()])
def test_assignment_before_init_is_refused(value: Any) -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.value = value

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call.*super"):
        Early()


def test_wrapper_may_add_to_getattr() -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    wrapper = Wrapper(nn.Linear(2, 3))
    assert wrapper.out_features == 3
    assert wrapper.weight is wrapper.inner.weight
    assert not hasattr(wrapper, "absent")


def test_submodules_are_replaced_by_path() -> None:
    net = Net()
    net.set_submodule("second.0", nn.Tanh())
    assert isinstance(net.second[0], nn.Tanh)
    assert net.get_submodule("second.0") is net.second[0]
    assert net.get_parameter("second.1.bias") is net.second[1].bias


def test_directory_lists_names_that_can_be_written() -> None:
    net = Net()
    assert "first" in dir(net)
    assert "0" not in dir(net.second)
    assert "forward" in dir(net)


def test_parameter_is_a_leaf_that_shares_memory() -> None:
    source = argand.ones(2, requires_grad=True) * 3
    parameter = nn.Parameter(source)
    assert parameter.is_leaf
    assert parameter.requires_grad
    assert isinstance(parameter, argand.Tensor)
    assert type(parameter * 1) is argand.Tensor
    assert parameter.data_ptr() == source.data_ptr()
    assert not nn.Parameter(argand.tensor([1]), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(argand.tensor([1]))
    with pytest.raises(AttributeError, match="data must be a Tensor, but got list"):
        nn.Parameter([1.0])  # type: ignore[arg-type]


def test_buffer_object_is_registered_with_its_persistence() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(argand.zeros(1))
    module.lost = nn.Buffer(argand.zeros(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "lost"]
    assert list(module.state_dict()) == ["kept"]
