"""`torch.func`, `torch.autograd.functional` and forward mode in Argand and in PyTorch."""

import importlib
import itertools
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


def plain(value: Any) -> Any:
    """Results with their shapes, types and whether they belong to a graph."""
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *(plain(x) for x in value)]
    if isinstance(value, dict):
        return [[key, plain(x)] for key, x in value.items()]
    if hasattr(value, "tolist"):
        kind = str(value.dtype).partition(".")[2]
        return [kind, list(value.shape), value.requires_grad, value.tolist()]
    return value


def tried(function: Callable[[], Any]) -> Any:
    return plain(attempt(function))


def vectors(t: ModuleType) -> tuple[Any, Any]:
    return t.tensor([1.0, 2.0, 3.0]), t.tensor([2.0, 0.5, -1.0])


def cubes(x: Any) -> Any:
    return (x**3).sum()


@scenario
def gradients_of_functions(t: ModuleType) -> Any:
    f, (x, y) = t.func, vectors(t)
    return [
        tried(lambda: f.grad(cubes)(x)),
        tried(lambda: f.grad(lambda x: x**2)(x)),
        tried(lambda: f.grad(lambda x: 3.0)(x)),
        tried(lambda: f.grad(cubes)(x.long())),
        tried(lambda: f.grad(cubes)(3.0)),
        tried(lambda: f.grad(cubes, argnums=(0, 1))(x)),
        tried(lambda: f.grad(cubes, argnums="0")(x)),
        tried(lambda: f.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)),
        tried(lambda: f.grad(lambda x, y: (x * y).sum(), argnums=-1)(x, y)),
        tried(lambda: f.grad(lambda x, y: (x * y).sum(), argnums=(0, 0))(x, y)),
        tried(lambda: f.grad_and_value(cubes)(x)),
        tried(lambda: f.grad_and_value(lambda x: (cubes(x), x * 2), has_aux=True)(x)),
        tried(lambda: f.grad(lambda x: (cubes(x), x * 2), has_aux=True)(x)),
        tried(lambda: f.grad(cubes, has_aux=True)(x)),
        tried(lambda: f.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [y]})),
        tried(lambda: f.grad(lambda x, scale: cubes(x) * scale)(x, scale=2.0)),
        tried(lambda: f.grad(lambda x: t.ones(()))(x)),
        tried(lambda: f.grad(lambda x: x.detach().sum())(x)),
        tried(lambda: f.grad(f.grad(lambda x: x**3))(t.tensor(2.0))),
        tried(lambda: f.grad(f.grad(f.grad(lambda x: x**4)))(t.tensor(2.0))),
    ]


@scenario
def functions_and_the_outside(t: ModuleType) -> Any:
    f, (x, _) = t.func, vectors(t)
    w = t.ones(3, requires_grad=True)
    through = f.grad(lambda x: (x * x * w).sum())(x)
    through.sum().backward()
    own = f.grad(cubes)(w)

    def partly(x: Any) -> Any:
        with t.no_grad():
            constant = x**2
        return (x - constant).sum()

    with t.no_grad():
        quiet = f.grad(cubes)(w)
    value, pull = f.vjp(lambda x: x * w, x)
    return plain([through, w.grad, own, quiet, f.grad(partly)(x), value, pull(x)])


@scenario
def products_with_jacobians(t: ModuleType) -> Any:
    f, (x, y) = t.func, vectors(t)
    both = lambda x, y: (x * y, x.sum())  # noqa: E731
    return [
        tried(lambda: f.vjp(t.square, x)[1](y)),
        tried(lambda: f.vjp(lambda x, y: {"a": x * y}, x, y)[1]({"a": x})),
        tried(lambda: f.vjp(lambda x, y: {"a": x * y}, x, y)[1](x)),
        tried(lambda: f.vjp(both, x, y)[1]((x, t.ones(())))),
        tried(lambda: f.vjp(lambda x: 3, x)),
        tried(lambda: f.vjp(lambda x: (x * 2, x.sum()), x, has_aux=True)[2]),
        tried(lambda: f.jvp(t.square, (x,), (y,))),
        tried(lambda: f.jvp(both, (x, y), (y, x))),
        tried(lambda: f.jvp(t.square, x, y)),
        tried(lambda: f.jvp(t.square, (x,), (x, y))),
        tried(lambda: f.jvp(t.square, (x,), (y[:2],))),
        tried(lambda: f.jvp(lambda x: (x**2, x.sum()), (x,), (y,), has_aux=True)),
        tried(lambda: f.jvp(lambda x: t.ones(2), (x,), (y,))),
        tried(lambda: f.jvp(lambda x: f.jvp(t.sin, (x,), (y,))[1], (x,), (y,))),
        tried(lambda: f.linearize(t.square, x)[1](y)),
    ]


@scenario
def jacobians(t: ModuleType) -> Any:
    f, (x, y) = t.func, vectors(t)
    both = lambda x, y: (x**2 * y, y.sum())  # noqa: E731
    found = []
    for jacobian in (f.jacrev, f.jacfwd):
        found += [
            tried(lambda: jacobian(t.square)(x)),  # noqa: B023
            tried(lambda: jacobian(both, argnums=(0, 1))(x, y)),  # noqa: B023
            tried(lambda: jacobian(both, argnums=(1,))(x, y)),  # noqa: B023
            tried(lambda: jacobian(lambda d: d["a"] * 2)({"a": x})),  # noqa: B023
            tried(lambda: jacobian(lambda x: (x**2, x), has_aux=True)(x)),  # noqa: B023
            tried(lambda: jacobian(lambda x: x.sum())(x.reshape(1, 3))),  # noqa: B023
        ]
    return [
        *found,
        tried(lambda: f.hessian(cubes)(x)),
        tried(lambda: f.hessian(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)),
    ]


@scenario
def vectorized_functions(t: ModuleType) -> Any:
    vmap, ones = t.vmap, t.ones
    a, b = t.arange(6.0).reshape(2, 3), t.arange(6.0, 12.0).reshape(2, 3)
    return [
        tried(lambda: vmap(t.dot)(a, b)),
        tried(lambda: vmap(t.dot)(a, ones(3, 3))),
        tried(lambda: vmap(t.dot, in_dims=(0,))(a, b)),
        tried(lambda: vmap(t.dot, in_dims=(0, None))(a, b[0])),
        tried(lambda: vmap(t.dot, in_dims=(None, None))(a, b)),
        tried(lambda: vmap(t.dot, in_dims=(0, 5))(a, b)),
        tried(lambda: vmap(t.dot, in_dims="a")(a, b)),
        tried(lambda: vmap(lambda x: x * 2)(3)),
        tried(lambda: vmap(lambda x: x * 2)()),
        tried(lambda: vmap(lambda x: 3)(a)),
        tried(lambda: vmap(lambda x: None)(a)),
        tried(lambda: vmap(lambda x: x * 2, out_dims=1)(a)),
        tried(lambda: vmap(lambda x: x * 2, out_dims=3)(a)),
        tried(lambda: vmap(lambda x: (x * 2, x), out_dims=(1, 0))(a)),
        tried(lambda: vmap(lambda x: (x * 2, x), out_dims=(1,))(a)),
        tried(lambda: vmap(lambda x: (x * 2, ones(2)), out_dims=(1, None))(a)),
        tried(lambda: vmap(lambda x: {"a": [x, ones(1)]})(a)),
        tried(lambda: vmap(lambda x: t.rand(2))(a)),
        tried(lambda: vmap(lambda x: t.rand(2), randomness="foo")(a)),
        tried(lambda: vmap(t.square, chunk_size=0)(a)),
        tried(lambda: vmap(t.square, chunk_size=1)(a)),
        tried(lambda: vmap(t.square)(ones(0, 2))),
        tried(lambda: vmap(t.square)(t.tensor(3.0))),
        tried(lambda: vmap(lambda d: d["a"] * d["b"], in_dims=({"a": 0, "b": None},))
              ({"a": a, "b": b[0]})),
        tried(lambda: vmap(lambda x, s: x * s)(a, s=3.0)),
        tried(lambda: vmap(t.sum, in_dims=-1)(a)),
        tried(lambda: vmap(vmap(t.dot, in_dims=(None, 0)), in_dims=(0, None))(a, b)),
        tried(lambda: vmap(t.func.grad(cubes))(a)),
        tried(lambda: t.func.grad(lambda x: vmap(cubes)(x).sum())(a)),
        tried(lambda: vmap(lambda x: x.mul_(2))(a.clone())),
    ]  # fmt: skip


@scenario
def random_numbers_in_batches(t: ModuleType) -> Any:
    found = []
    for kind in ("same", "different"):
        t.manual_seed(3)
        found.append(plain(t.vmap(lambda x: t.rand(2) + x, randomness=kind)(t.zeros(3, 1))))
    return found


@scenario
def modules_as_functions(t: ModuleType) -> Any:
    call, layer, x = t.func.functional_call, t.nn.Linear(2, 1), t.ones(1, 2)
    ones = {name: t.ones_like(p) for name, p in layer.named_parameters()}
    parts = ({"weight": t.ones(1, 2)}, {"bias": t.zeros(1)})
    before = [p.tolist() for p in layer.parameters()]

    class Tied(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = t.nn.Linear(1, 1, bias=False)
            self.b = self.a

        def forward(self, x: Any) -> Any:
            return self.b(self.a(x))

    two = {"weight": t.full((1, 2), 2.0, requires_grad=True), "bias": t.zeros(1)}
    call(layer, two, x).backward()
    models = [t.nn.Linear(2, 1) for _ in range(3)]
    parameters, buffers = t.func.stack_module_state(models)
    found = [
        tried(lambda: call(layer, ones, x)),
        tried(lambda: call(layer, ones, (x,))),
        tried(lambda: call(layer, parts, (), {"input": x})),
        tried(lambda: call(layer, {"weight": t.ones(1, 2)}, x, strict=True)),
        tried(lambda: call(layer, {**ones, "other": x}, x, strict=True)),
        tried(lambda: call(layer, (ones, ones), x)),
        tried(lambda: call(layer, [1], x)),
        tried(lambda: call(Tied(), {"a.weight": t.full((1, 1), 3.0)}, t.ones(1))),
        plain(two["weight"].grad),
        layer.weight.grad is None,
        before == [p.tolist() for p in layer.parameters()],
        [[name, list(p.shape), p.is_leaf, p.requires_grad] for name, p in parameters.items()],
        len(buffers),
        tried(lambda: t.func.stack_module_state([])),
        tried(lambda: t.func.stack_module_state([layer, t.nn.ReLU()])),
        tried(lambda: t.func.stack_module_state([layer, t.nn.Linear(2, 1).eval()])),
    ]
    singles = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(weights: Any, x: Any) -> Any:
        return call(layer, weights, x).square().sum()

    per_sample = t.vmap(t.func.grad(loss), in_dims=(None, 0))(singles, t.arange(6.0).reshape(3, 2))
    return [*found, [[name, list(g.shape)] for name, g in per_sample.items()]]


INPUTS: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x**2, "x"),
    (lambda x, y: (x * y, x.sum()), "xy"),
    (lambda x, y: x * 2, "xy"),
    (lambda x: (x * 2, "a"), "x"),
    (lambda x: 3.0, "x"),
    (lambda x: (x**3).sum(), "x"),
    (lambda x, y: (x**2 * y).sum(), "xy"),
    (lambda x, y: (x**3).sum(), "xy"),
    (lambda x: x.sum(), "x"),
    (lambda x: (x.sum(), x.sum()), "x"),
]


@scenario
def functional(t: ModuleType) -> Any:
    functional = importlib.import_module(f"{t.__name__}.autograd.functional")
    x, y = vectors(t)
    found = []
    for (function, names), create_graph in itertools.product(INPUTS, (False, True)):
        given = x if names == "x" else (x, y)
        options = {"create_graph": create_graph}
        found += [
            tried(lambda: getattr(functional, name)(function, given, **options))  # noqa: B023
            for name in ("jacobian", "hessian")
        ]
        vs = (None, y, (y, x), (y, t.ones(())), y[:2])
        found += [
            tried(lambda: getattr(functional, name)(function, given, v, **options))  # noqa: B023
            for name, v in itertools.product(("vjp", "jvp", "vhp", "hvp"), vs)
        ]
    for name in ("jacobian", "hessian"):
        run = getattr(functional, name)
        found += [
            tried(lambda: run(lambda x: t.ones(()), x, strict=True)),  # noqa: B023
            tried(lambda: run(lambda x, y: cubes(x), (x, y), strict=True)),  # noqa: B023
            tried(lambda: run(cubes, x, strict=True)),  # noqa: B023
            tried(lambda: run(cubes, [x])),  # noqa: B023
            tried(lambda: run(cubes, x, strict=True, vectorize=True)),  # noqa: B023
            tried(lambda: run(cubes, x, vectorize=True)),  # noqa: B023
        ]
    return found


@scenario
def dual_tensors(t: ModuleType) -> Any:
    forward = importlib.import_module(f"{t.__name__}.autograd.forward_ad")
    x, y = vectors(t)
    leaf = x.clone().requires_grad_()
    tangent = lambda x: forward.unpack_dual(x).tangent  # noqa: E731
    found = [attempt(lambda: forward.make_dual(x, y)), attempt(forward.exit_dual_level)]
    with forward.dual_level():
        dual = forward.make_dual(x, y)
        changed = dual.clone()
        changed.mul_(2)
        copied = t.zeros(3)
        copied.copy_(dual)
        cube = forward.unpack_dual(forward.make_dual(leaf, y) ** 3)
        cube.tangent.sum().backward()
        found += [
            [tangent(z).tolist() for z in (dual, dual * dual, changed, copied, dual.sum())],
            [tangent(z) for z in (x, x * 2, leaf * 2)],
            forward.unpack_dual(dual * dual).primal.tolist(),
            leaf.grad.tolist(),
            attempt(lambda: forward.make_dual(x, y[:2])),
            attempt(lambda: forward.make_dual(x.long(), y)),
            attempt(forward.enter_dual_level),
        ]
    return [*found, tangent(dual)]
