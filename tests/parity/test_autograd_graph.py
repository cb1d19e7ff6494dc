"""The graph as programs see it, in Argand and in PyTorch: hooks, saved tensors, functions."""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.parity.scenarios import attempt, compare, values

SCENARIOS: list[Callable[[ModuleType], Any]] = []


def scenario(function: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda f: f.__name__)
def test_scenario(function: Callable[[ModuleType], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(function)


def leaf(t: ModuleType, *numbers: float) -> Any:
    return t.tensor(numbers or (1.0, 2.0, 3.0), requires_grad=True)


def function_of(t: ModuleType, **methods: Callable[..., Any]) -> Any:
    """A `Function` with these static methods."""
    made = {name: staticmethod(method) for name, method in methods.items()}
    return type("Own", (t.autograd.Function,), made)


def double(ctx: Any, x: Any) -> Any:
    return x * 2


def same(ctx: Any, g: Any) -> Any:
    return g


@scenario
def faults_of_functions(t: ModuleType) -> Any:
    def saves_a_number(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(3)
        return x

    def loses_the_dirty(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.clone()

    def run(**methods: Callable[..., Any]) -> Any:
        return attempt(lambda: values(function_of(t, **methods).apply(leaf(t))))

    def back(**methods: Callable[..., Any]) -> Any:
        x = leaf(t)
        own = function_of(t, **{"forward": double, **methods})
        return attempt(lambda: own.apply(x).sum().backward()), values(x.grad)

    return [
        run(forward=saves_a_number, backward=same),
        run(forward=loses_the_dirty, backward=same),
        run(forward=lambda ctx, x: 5),
        run(forward=lambda ctx, x: [x * 2, 3]),
        run(backward=same),
        back(backward=lambda ctx, g: (g, g)),
        back(backward=lambda ctx, g: (g, None)),
        back(backward=lambda ctx, g: 5),
        back(backward=lambda ctx, g: t.ones(2)),
        back(backward=lambda ctx, g: None),
        back(),
        back(vjp=lambda ctx, g: g * 7),
        back(vjp=same, backward=same),
        attempt(lambda: function_of(t, forward=double)()(leaf(t))),
    ]


@scenario
def outputs_of_functions(t: ModuleType) -> Any:
    seen: list[Any] = []

    def several(ctx: Any, x: Any, text: str) -> Any:
        return x * 2, x.argmax(), x * 3, text

    def note(ctx: Any, *gradients: Any) -> Any:
        seen.append(values(gradients))
        return gradients[0], None

    def in_place(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2)

    def constant(ctx: Any, x: Any) -> Any:
        ctx.mark_non_differentiable(x)
        return x

    x = leaf(t)
    first, place, second, text = function_of(t, forward=several, backward=note).apply(x, "text")
    first.sum().backward()
    identity = function_of(t, forward=lambda ctx, x: x, backward=lambda ctx, g: g * 3).apply(x)
    identity.sum().backward()
    view = function_of(t, forward=lambda ctx, x: x.view(-1), backward=same).apply(x * 1)
    y = x * 1
    changed = function_of(t, forward=in_place, backward=same).apply(y)
    plain = function_of(t, forward=constant, backward=same).apply(x)
    return [
        seen,
        [z.requires_grad for z in (first, place, second)],
        text,
        [type(z.grad_fn).__name__ for z in (first, second, identity, changed)],
        [first.grad_fn.name(), first.output_nr, second.output_nr],
        [identity is x, identity._is_view(), values(x.grad)],
        [view._is_view(), attempt(lambda: view.mul_(2))],
        [changed is y, y.grad_fn.name(), y.tolist()],
        attempt(lambda: function_of(t, forward=in_place, backward=same).apply(x)),
        [plain is x, plain.requires_grad],
    ]


@scenario
def contexts_of_functions(t: ModuleType) -> Any:
    seen: list[Any] = []

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.number = 5

    def back(ctx: Any, g: Any) -> Any:
        a, b, out = ctx.saved_tensors
        seen.append([ctx.needs_input_grad, ctx.number, ctx.name(), a is x, values((a, b, out))])
        return g * b, None

    own = function_of(t, forward=lambda x, y: x * y, setup_context=setup, backward=back)
    x, y = leaf(t), t.ones(3)
    z = own.apply(x, y)
    node = z.grad_fn
    seen.append([node.number, values(node.saved_tensors), node.needs_input_grad, node.metadata])
    z.sum().backward()
    seen.append(attempt(lambda: node.saved_tensors))
    w = x * 1
    z = own.apply(w, y)
    w.add_(1)
    seen.append(attempt(lambda: z.sum().backward()))
    with t.no_grad():
        seen.append(own.apply(x, y).requires_grad)
    return seen


@scenario
def once_differentiable(t: ModuleType) -> Any:
    once = t.autograd.function.once_differentiable
    own, x = function_of(t, forward=double, backward=once(lambda ctx, g: g * 2)), leaf(t)
    grad = t.autograd.grad
    first = grad(own.apply(x).sum(), x, create_graph=True)[0]
    seed = t.ones((), requires_grad=True)
    second = grad(own.apply(x).sum(), x, seed, create_graph=True)[0]
    return [
        values(first),
        attempt(lambda: first.sum().backward()),
        values(second),
        attempt(lambda: second.sum().backward()),
    ]


@scenario
def saved_tensors(t: ModuleType) -> Any:
    graph, log = t.autograd.graph, []
    x = leaf(t)

    def pack(tensor: Any) -> Any:
        log.append(["pack", tensor.tolist(), tensor is x])
        return tensor.tolist()

    def unpack(numbers: Any) -> Any:
        log.append(["unpack", numbers])
        return t.tensor(numbers)

    with graph.saved_tensors_hooks(pack, unpack):
        y = x * x.exp()
    y.sum().backward()
    found = [sorted(map(str, log)), values(x.grad)]
    with graph.saved_tensors_hooks(lambda s: s * 2, lambda s: s):
        z = x * x
    found.append(values(t.autograd.grad(z.sum(), x, create_graph=True)[0]))
    with graph.saved_tensors_hooks(lambda s: s.tolist(), lambda s: 5):
        z = x * x
    found.append(attempt(lambda: z.sum().backward()))
    with graph.saved_tensors_hooks(lambda s: s.add_(1), lambda s: s):
        found.append(attempt(lambda: leaf(t) ** 2))
    with graph.disable_saved_tensors_hooks("no hooks"):
        found.append(attempt(lambda: graph.saved_tensors_hooks(pack, unpack).__enter__()))
    with graph.save_on_cpu():
        z = x * x
    found.append(values(t.autograd.grad(z.sum(), x)[0]))
    with graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        out = (y**2).sum()
        y.mul_(3)
        found.append(values(t.autograd.grad(out, x)[0]))
    return found


@scenario
def hooks_on_several_gradients(t: ModuleType) -> Any:
    found = []
    for mode in ("all", "any"):
        a, b, c = leaf(t, 1.0), leaf(t, 2.0), leaf(t, 3.0)
        seen: list[Any] = []
        note = lambda g: seen.append(values(g) if isinstance(g, (list, tuple)) else 1)  # noqa: B023, E731
        handle = t.autograd.graph.register_multi_grad_hook((a, b, c), note, mode=mode)
        (a * b).backward()
        (a * b * c).backward()
        found.append([list(seen)])
        handle.remove()
        (a * b * c).backward()
        found.append(len(seen))
    error = attempt(lambda: t.autograd.graph.register_multi_grad_hook((a,), print, mode="some"))
    return [*found, error]


@scenario
def edges(t: ModuleType) -> Any:
    graph, grad = t.autograd.graph, t.autograd.grad
    x = leaf(t)
    y = x * x
    edge = graph.get_gradient_edge(y)
    z = (y * 3).sum()
    found = [
        edge.output_nr,
        edge.node.name(),
        values(grad(z, edge, retain_graph=True)),
        values(grad(z, [graph.get_gradient_edge(x), y], retain_graph=True)),
        attempt(lambda: graph.get_gradient_edge(t.ones(1))),
        isinstance(y.grad_fn, graph.Node),
        isinstance(x, t.autograd.Variable),
    ]
    t.autograd.backward(edge, t.ones(3))
    graph.increment_version(x)
    return [*found, values(x.grad), x._version]


@scenario
def which_gradients(t: ModuleType) -> Any:
    grad, x, u = t.autograd.grad, leaf(t), leaf(t)
    y = x * x
    seeds = t.eye(3)
    noted: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda p: noted.append(values(p.grad)))
    y.backward(t.ones(3), retain_graph=True, inputs=[x, x])
    y.backward(t.ones(3), retain_graph=True, inputs=[y])
    same = t.ones(3)
    (x + u).backward(same, inputs=u)
    same.mul_(5)
    return [
        noted,
        values((x.grad, y.grad, u.grad)),
        values(grad(y, x, seeds, is_grads_batched=True, retain_graph=True)),
        values(grad(y, [x, u], t.ones(3), allow_unused=True, retain_graph=True)),
        values(grad(y, [x, u], t.ones(3), materialize_grads=True, retain_graph=True)),
        attempt(
            lambda: grad(y, u, t.ones(3), materialize_grads=True, allow_unused=False)
        ),
        attempt(lambda: grad(y, [x, u], t.ones(3), retain_graph=True)),
        attempt(lambda: grad([y, y], x, [t.ones(3), t.ones(2)])),
        attempt(lambda: y.sum().backward(t.ones((), dtype=t.complex64))),
        attempt(lambda: y.backward(t.ones(3), inputs=[t.ones(2)])),
    ]


@scenario
def anomalies(t: ModuleType) -> Any:
    found = []
    with t.autograd.set_detect_anomaly(True):
        x = leaf(t, -1.0)
        y = x.sqrt()
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            found.append(attempt(lambda: y.backward()))
        found.append(any("y = x.sqrt()" in str(w.message) for w in noted))
        found.append(any("SqrtBackward0" in str(w.message) for w in noted))
    with t.autograd.detect_anomaly(check_nan=False):
        found.append(attempt(lambda: leaf(t, -1.0).sqrt().backward()))
    found.append(attempt(lambda: leaf(t, -1.0).sqrt().backward()))
    y = leaf(t, -1.0).sqrt()
    with t.autograd.set_detect_anomaly(True), warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        found.append(attempt(lambda: y.backward()))
    return [*found, any("No forward pass information" in str(w.message) for w in noted)]


@scenario
def changed_in_place(t: ModuleType) -> Any:
    def text(operation: Callable[[Any], Any]) -> Any:
        x = leaf(t)
        y = x * 1
        z = operation(y)
        y.add_(1)
        y.add_(1)
        try:
            z.sum().backward()
        except RuntimeError as error:
            said = str(error)
            return ["is at version 2" in said, "expected version 0" in said, "Add" in said]
        return "no error"

    return [text(lambda y: y * y), text(lambda y: y.exp()), text(lambda y: y + 1)]


@scenario
def what_nodes_saved(t: ModuleType) -> Any:
    x = leaf(t)
    y = x.exp()
    product, square = y * x, x.pow(2)
    result = [
        values(product.grad_fn._saved_self),
        product.grad_fn._saved_other is x,
        values(y.grad_fn._saved_result),
        y.grad_fn._saved_result is y,
        square.grad_fn._saved_self is x,
        attempt(lambda: y.grad_fn._saved_other),
    ]
    (product + square).sum().backward()
    return [*result, attempt(lambda: y.grad_fn._saved_result)]
