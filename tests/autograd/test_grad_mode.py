"""What is recorded, and when: modes as contexts and decorators, per thread."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import argand

MODES = {
    "no_grad": (argand.no_grad, False),
    "enable_grad": (argand.enable_grad, True),
    "set_grad_enabled(False)": (lambda: argand.set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: argand.set_grad_enabled(True), True),
    "inference_mode": (argand.inference_mode, False),
    "inference_mode(False)": (lambda: argand.inference_mode(False), True),
}
every_mode = pytest.mark.parametrize(("make", "wanted"), MODES.values(), ids=MODES)


@pytest.fixture(autouse=True)
def _mode_is_restored() -> Iterator[None]:
    assert argand.is_grad_enabled()
    yield
    assert argand.is_grad_enabled()


def records() -> bool:
    return bool((argand.ones(1, requires_grad=True) * 2).requires_grad)


@every_mode
def test_as_context(make: Callable[[], Any], wanted: bool) -> None:
    for before in (True, False):
        with argand.set_grad_enabled(before):
            with make():
                assert argand.is_grad_enabled() is wanted
                assert records() is wanted
            assert argand.is_grad_enabled() is before


@every_mode
def test_as_decorator(make: Callable[[], Any], wanted: bool) -> None:
    @make()
    def inside(a: int, *, b: int) -> Any:
        """Documentation."""
        return records(), a + b

    for before in (True, False):
        with argand.set_grad_enabled(before):
            assert inside(1, b=2) == (wanted, 3)
            assert argand.is_grad_enabled() is before
    assert inside.__name__ == "inside"
    assert inside.__doc__ == "Documentation."


@pytest.mark.parametrize("switch", [argand.no_grad, argand.enable_grad, argand.inference_mode])
def test_as_decorator_without_parentheses(switch: Any) -> None:
    @switch
    def inside() -> bool:
        return records()

    assert inside() is (switch is argand.enable_grad)


@every_mode
def test_errors_restore_the_mode(make: Callable[[], Any], wanted: bool) -> None:
    with pytest.raises(KeyError), make():
        raise KeyError
    assert argand.is_grad_enabled()


@every_mode
def test_generators_switch_whenever_they_run(make: Callable[[], Any], wanted: bool) -> None:
    @make()
    def numbers(count: int) -> Iterator[Any]:
        for number in range(count):
            assert argand.is_grad_enabled() is wanted
            yield number, records()

    found = []
    for item in numbers(3):
        assert argand.is_grad_enabled()
        found.append(item)
    assert found == [(0, wanted), (1, wanted), (2, wanted)]


def test_generators_get_what_is_sent_and_thrown() -> None:
    seen: list[Any] = []

    @argand.no_grad()
    def echo() -> Iterator[Any]:
        received = yield "ready"
        seen.append((received, argand.is_grad_enabled()))
        try:
            yield "again"
        except KeyError:
            seen.append(("thrown", argand.is_grad_enabled()))
        yield "last"
        return "value"

    def outer() -> Any:
        return (yield from running)

    running = echo()
    assert next(running) == "ready"
    assert running.send("text") == "again"
    assert argand.is_grad_enabled()
    assert running.throw(KeyError()) == "last"
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "value"
    assert seen == [("text", False), ("thrown", False)]


def test_generators_are_closed() -> None:
    seen: list[bool] = []

    @argand.no_grad()
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            seen.append(argand.is_grad_enabled())

    running = endless()
    next(running)
    running.close()
    assert seen == [False]


def test_classes_of_functions_are_decorated() -> None:
    class Model:
        @argand.no_grad()
        def run(self, x: Any) -> Any:
            return x * 2

    assert not Model().run(argand.ones(1, requires_grad=True)).requires_grad


def test_one_switch_used_again_and_nested() -> None:
    switch = argand.no_grad()
    with switch:
        with switch:
            assert not records()
        assert not records()
    assert records()
    with switch:
        assert not records()


def test_set_grad_enabled_at_once() -> None:
    argand.set_grad_enabled(False)
    assert not records()
    argand.set_grad_enabled(True)
    assert records()


def test_every_thread_has_its_own_mode() -> None:
    found: dict[str, Any] = {}
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        found["at first"] = argand.is_grad_enabled()
        with argand.no_grad():
            inside.set()
            leave.wait(10)
            found["in no_grad"] = records()

    thread = threading.Thread(target=other)
    with argand.no_grad():
        thread.start()
        assert inside.wait(10)
    assert records()
    leave.set()
    thread.join()
    assert found == {"at first": True, "in no_grad": False}


def test_graphs_from_several_threads() -> None:
    x = argand.ones(4, requires_grad=True)
    found: list[Any] = []

    def work(factor: float) -> None:
        for _ in range(20):
            (g,) = argand.autograd.grad((x * factor).sum(), x)
            found.append((factor, g.tolist()))

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(g == [factor] * 4 for factor, g in found)


def test_backward_runs_outside_of_recording() -> None:
    seen = []
    x = argand.ones(1, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: seen.append((argand.is_grad_enabled(), g.requires_grad)))
    y.backward(retain_graph=True)
    y.backward(create_graph=True)
    assert [enabled for enabled, _ in seen] == [False, True]


def test_backward_within_no_grad() -> None:
    x = argand.ones(1, requires_grad=True)
    y = x * 3
    with argand.no_grad():
        y.backward()
    assert x.grad.tolist() == [3.0]


def test_inference_mode_is_seen() -> None:
    assert not argand.is_inference_mode_enabled()
    with argand.inference_mode():
        assert argand.is_inference_mode_enabled()
        with argand.inference_mode(False):
            assert not argand.is_inference_mode_enabled()
        assert argand.is_inference_mode_enabled()
    assert not argand.is_inference_mode_enabled()
