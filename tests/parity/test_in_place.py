"""In-place changes, views and versions: the same programs in Argand and in PyTorch."""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import attempt, compare

SCENARIOS: list[Callable[[ModuleType], Any]] = []


def scenario(function: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda f: f.__name__)
def test_scenario(function: Callable[[ModuleType], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(function)


def leaf(t: ModuleType, *shape: int) -> Any:
    """1, 2, 3, ... as a leaf."""
    count = 1
    for n in shape or (3,):
        count *= n
    return t.arange(1.0, count + 1).reshape(shape or (3,)).clone().requires_grad_()


def gradient(function: Callable[[Any], Any], w: Any) -> Any:
    """The gradient of the sum of squares of what `function` makes of a leaf."""
    result = function(w)
    (result * result).sum().backward()
    return [result.tolist(), w.grad.tolist()]


# ---- changes of a whole tensor ------------------------------------------------------------------


@scenario
def every_operator(t: ModuleType) -> Any:
    found = []
    for change in (
        lambda y, w: y.add_(w),
        lambda y, w: y.sub_(2 * w),
        lambda y, w: y.mul_(w),
        lambda y, w: y.div_(w),
        lambda y, w: y.copy_(w),
        lambda y, w: y.fill_(2),
        lambda y, w: y.zero_(),
        lambda y, w: y.sigmoid_(),
        lambda y, w: y.sin_(),
        lambda y, w: y.exp_(),
        lambda y, w: y.clamp_(3, 5),
        lambda y, w: y.masked_fill_(y > 3, 0.0),
        lambda y, w: y.floor_(),
        lambda y, w: y.mul_(w).add_(w).mul_(w),
        lambda y, w: y.add_(y),
        lambda y, w: y.pow_(3),
    ):
        w = leaf(t)

        def run(w: Any, change: Any = change) -> Any:
            y = w * 2
            returned = change(y, w)
            assert returned is y
            return y

        found.append(gradient(run, w))
    return found


@scenario
def python_operators(t: ModuleType) -> Any:
    def run(w: Any) -> Any:
        y = w * 2
        z = y
        y += 1
        y *= w
        y -= 0.5
        y /= 2
        assert z is y
        return y

    return gradient(run, leaf(t))


@scenario
def constants_become_part_of_the_graph(t: ModuleType) -> Any:
    w, c = leaf(t), t.zeros(3)
    c.add_(w)
    before = c.requires_grad, c.is_leaf
    (c * c).sum().backward()
    return before, w.grad.tolist()


@scenario
def random_fills_cut_the_graph(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * 2
    y.uniform_()
    y.sum().backward()
    return y.requires_grad, w.grad.tolist()


@scenario
def leaves_are_refused(t: ModuleType) -> Any:
    w = leaf(t, 2, 3)
    found = [
        attempt(lambda: w.add_(1)),
        attempt(lambda: w.zero_()),
        attempt(lambda: w.copy_(t.zeros(2, 3))),
        attempt(lambda: w.uniform_()),
        attempt(lambda: w[0].add_(1)),
        attempt(lambda: w.t().mul_(2)),
        attempt(lambda: w.view(-1).fill_(2)),
        attempt(lambda: w.__setitem__(0, 1.0)),
        attempt(lambda: w.__setitem__(([0, 1], [1, 2]), 1.0)),
    ]
    with t.no_grad():
        w.add_(1)
        w[0].mul_(2)
    w.data.mul_(3)
    w.detach().add_(1)
    return found, w.tolist(), w.requires_grad


@scenario
def types_and_shapes_that_do_not_fit(t: ModuleType) -> Any:
    whole, some = t.ones(3, dtype=t.int64), t.ones(3)
    return [
        attempt(lambda: whole.add_(1.5)),
        attempt(lambda: whole.div_(2)),
        attempt(lambda: some.add_(t.ones(2, 3))),
        attempt(lambda: some.copy_(t.ones(4))),
        attempt(lambda: some.add_(t.ones(3, dtype=t.float64)).dtype == t.float32),
        attempt(lambda: whole.copy_(t.tensor([1.5, 2.5, 3.5])).tolist()),
        attempt(lambda: t.ones(3, dtype=t.bool).add_(1)),
    ]


@scenario
def memory_that_overlaps(t: ModuleType) -> Any:
    c, wide = t.arange(4.0), t.ones(1, 3).expand(2, 3)
    return [
        attempt(lambda: c[1:].add_(c[:-1])),
        attempt(lambda: c[1:].copy_(c[:-1])),
        attempt(lambda: t.add(c[1:], 1, out=c[:-1])),
        attempt(lambda: c.add_(c).tolist()),
        attempt(lambda: wide.mul_(2)),
        attempt(lambda: wide.copy_(t.ones(2, 3))),
        attempt(lambda: wide.uniform_()),
        attempt(lambda: wide.fill_(3).tolist()),
    ]


# ---- versions -----------------------------------------------------------------------------------


@scenario
def versions(t: ModuleType) -> Any:
    x = t.zeros(3)
    found = [x._version]
    for change in (
        lambda: x.add_(1),
        lambda: x[0].add_(1),
        lambda: x.detach().add_(1),
        lambda: x.__setitem__(0, 2.0),
        lambda: x.view(3, 1).copy_(t.ones(3, 1)),
        lambda: t.add(x, 1, out=x),
        lambda: x.uniform_(),
        lambda: x.data.add_(1),
        lambda: x.clone().add_(1),
    ):
        change()
        found.append(x._version)
    return found


@scenario
def saved_values_that_were_changed(t: ModuleType) -> Any:
    found = []
    for use, change in (
        (lambda y: y * y, lambda y, z: y.add_(1)),
        (lambda y: y * y, lambda y, z: y[0].add_(1)),
        (lambda y: y * y, lambda y, z: y.detach().add_(1)),
        (lambda y: y.exp(), lambda y, z: z.add_(1)),
        (lambda y: y.exp(), lambda y, z: y.add_(1)),
        (lambda y: y + 1, lambda y, z: y.add_(1)),
        (lambda y: y.sum(), lambda y, z: y.zero_()),
        (lambda y: y @ y, lambda y, z: y.zero_()),
        (lambda y: y.softmax(0), lambda y, z: y.zero_()),
        (lambda y: y.softmax(0), lambda y, z: z.zero_()),
        (lambda y: y.relu(), lambda y, z: y.mul_(2)),
        (lambda y: y * 2, lambda y, z: y.mul_(2)),
    ):
        w = leaf(t)
        y = w * 2
        z = use(y)
        change(y, z)
        found.append(attempt(lambda z=z, w=w: (z.sum().backward(), w.grad.tolist())[1]))
    return found


@scenario
def data_is_not_watched(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * w
    w.data.mul_(2)
    y.sum().backward()
    return w.grad.tolist(), w.tolist()


# ---- views --------------------------------------------------------------------------------------


@scenario
def a_view_is_changed(t: ModuleType) -> Any:
    found = []
    for change in (
        lambda y, w: y[0].mul_(3),
        lambda y, w: y[:, 1].copy_(w[:, 0]),
        lambda y, w: y.t()[0].add_(w[:, 2]),
        lambda y, w: y.view(-1)[1:5].mul_(w.view(-1)[:4]),
        lambda y, w: y.__setitem__((slice(None), 1), 5.0),
        lambda y, w: y.__setitem__(0, w[1]),
        lambda y, w: y.__setitem__((slice(None), [0, 2]), w[:, :2]),
        lambda y, w: y.__setitem__(y.detach() > 5, 0.0),
        lambda y, w: y[0][1:].mul_(2),
        lambda y, w: y.view(3, 2).relu_(),
        lambda y, w: y.unsqueeze(0).exp_(),
        lambda y, w: y.narrow(1, 0, 2).zero_(),
        lambda y, w: y.transpose(0, 1).sin_(),
        lambda y, w: y.squeeze().add_(1),
        lambda y, w: y[::1, ::2].mul_(4),
        lambda y, w: y.as_strided((2, 2), (1, 2)).mul_(2),
        lambda y, w: y.detach().mul_(2),
    ):
        w = leaf(t, 2, 3)

        def run(w: Any, change: Any = change) -> Any:
            y = w * 2
            change(y, w)
            return y

        found.append(gradient(run, w))
    return found


@scenario
def one_view_is_changed_and_another_read(t: ModuleType) -> Any:
    found = []
    for first, second in (
        (lambda y: y[0], lambda y: y[1]),
        (lambda y: y[0], lambda y: y[:, 1]),
        (lambda y: y[:, :2], lambda y: y[:, 1:]),
        (lambda y: y.view(-1), lambda y: y.t()),
        (lambda y: y, lambda y: y[0]),
        (lambda y: y[0], lambda y: y),
    ):
        w = leaf(t, 2, 3)

        def run(w: Any, first: Any = first, second: Any = second) -> Any:
            y = w * 2
            written, read = first(y), second(y)
            written.mul_(3)
            return read

        found.append(gradient(run, w))
    return found


@scenario
def what_was_read_before_stays(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * 2
    before = y + 0
    y[0] = 7.0
    (before * y.detach() + y).sum().backward()
    return before.tolist(), y.tolist(), w.grad.tolist()


@scenario
def views_of_constants(t: ModuleType) -> Any:
    w, c = leaf(t), t.zeros(3, 3)
    row, column, whole = c[0], c[:, 1], c.view(-1)
    row.copy_(w)
    state = [x.requires_grad for x in (c, row, column, whole)]
    (c * c * column).sum().backward()
    return state, c.tolist(), w.grad.tolist(), whole.tolist()


@scenario
def rows_filled_one_by_one(t: ModuleType) -> Any:
    w = leaf(t)
    out = t.zeros(4, 3)
    state = w
    for step in range(4):
        state = state * w
        out[step] = state
    (out * out).sum().backward()
    return out.tolist(), w.grad.tolist()


@scenario
def chained_changes(t: ModuleType) -> Any:
    w = leaf(t, 2, 3)
    y = w * 2
    a = y[0]
    b = a[1:]
    b.mul_(w[1, 1:])
    a.add_(w[0])
    y.mul_(w)
    b.sub_(1)
    (y * y).sum().backward()
    return y.tolist(), a.tolist(), b.tolist(), w.grad.tolist()


@scenario
def changes_and_double_backward(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * w
    y[:2].mul_(w[1:])
    y[1] = w[0] ** 3
    (first,) = t.autograd.grad((y * y).sum(), w, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), w)
    return first.tolist(), second.tolist()


@scenario
def a_base_in_another_memory_order(t: ModuleType) -> Any:
    w = leaf(t, 3, 2)
    y = (w.t() * 2)[:, :]
    base = w.t() * 3
    base[:, 1] = w[0]
    base.t()[0].mul_(w[2])
    y[0].add_(base[1])
    (y * y + base).sum().backward()
    return y.tolist(), base.tolist(), w.grad.tolist()


@scenario
def several_views_at_once(t: ModuleType) -> Any:
    found = []
    for make in (
        lambda y: y.unbind(0),
        lambda y: y.split(1),
        lambda y: y.chunk(2, 1),
        lambda y: tuple(y),
    ):
        w = leaf(t, 2, 2)
        y = w * 2
        parts = make(y)
        found.append(attempt(lambda parts=parts: parts[0].mul_(2)))
        (parts[0] * parts[1]).sum().backward()
        found.append(w.grad.tolist())
        with t.no_grad():
            parts[0].mul_(2)
        found.append(y.tolist())
    return found


@scenario
def views_made_without_recording(t: ModuleType) -> Any:
    w, c = leaf(t), t.zeros(3)
    y = w * 2
    with t.no_grad():
        views = [w[0], y[0], c[:2]]
    return [
        attempt(lambda: views[0].mul_(2)),
        attempt(lambda: views[1].mul_(2)),
        attempt(lambda: views[2].mul_(2).tolist()),
        attempt(lambda: views[2].mul_(w[0])),
    ]


@scenario
def bases(t: ModuleType) -> Any:
    x = t.zeros(2, 3)
    y = x.view(-1)
    z = y[1:]
    return [
        x._base is None,
        y._base is x,
        z._base is x,
        x.detach()._base is None,
        x.clone()._base is None,
        x.t()._is_view(),
        x._is_view(),
        (x.t() + 1)._base is None,
    ]


@scenario
def retained_gradients_follow(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * 2
    v = y[:2]
    y.retain_grad()
    v.retain_grad()
    v.mul_(3)
    y.mul_(2)
    (y * 5).sum().backward()
    return y.grad.tolist(), w.grad.tolist()


@scenario
def hooks_stay_where_they_were(t: ModuleType) -> Any:
    w, seen = leaf(t), []
    y = w * 2
    y.register_hook(lambda g: seen.append(["before", g.tolist()]))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(["after", g.tolist()]))
    (y * 5).sum().backward()
    return seen


@scenario
def many_views_come_and_go(t: ModuleType) -> Any:
    w = leaf(t, 4)
    y = w * 2
    for step in range(200):
        y[step % 4]
    kept = [y[i] for i in range(4)]
    y.mul_(w)
    for part in kept:
        part.add_(1)
    (kept[0] * kept[3]).backward()
    return y.tolist(), w.grad.tolist()


@scenario
def out_and_gradients(t: ModuleType) -> Any:
    w, room = leaf(t), t.empty(3)
    y = w * 2
    found = [
        attempt(lambda: t.add(w, 1, out=room)),
        attempt(lambda: t.add(room, 1, out=w)),
        attempt(lambda: t.add(room, 1, out=y)),
    ]
    with t.no_grad():
        t.add(w, 1, out=room)
    return found, room.tolist()


@scenario
def out_of_another_size_or_type(t: ModuleType) -> Any:
    one = t.ones(3)
    small, wide = t.empty(0), t.empty(3, dtype=t.float64)
    t.add(one, 1, out=small)
    t.add(one, 1, out=wide)
    return [
        small.tolist(),
        wide.tolist(),
        attempt(lambda: t.add(one, 1, out=t.empty(3, dtype=t.int64))),
    ]


@scenario
def detach_in_place(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * 2
    y.detach_()
    return y.requires_grad, y.is_leaf, attempt(lambda: (w * 2)[0].detach_())


@scenario
def requires_grad_of_results(t: ModuleType) -> Any:
    w = leaf(t)
    y = w * 2
    return [
        attempt(lambda: y.requires_grad_(False)),
        attempt(lambda: t.zeros(2, dtype=t.int64).requires_grad_()),
        attempt(lambda: y.numpy()),
        attempt(lambda: w.numpy()),
        attempt(lambda: w.requires_grad_(False).requires_grad),
        attempt(lambda: w.numpy().tolist()),
    ]
