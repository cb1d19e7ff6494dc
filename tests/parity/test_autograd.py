"""Differentiation: the same programs in Argand and in PyTorch."""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from argand.ops.map import Elementwise
from tests.ops.drawing import PUBLIC, as_exact
from tests.parity.scenarios import attempt, compare, torch
from tests.parity.test_ops import COARSE, of
from tests.tolerances import assert_close

SCENARIOS: list[Callable[[ModuleType], Any]] = []


def scenario(function: Callable[[ModuleType], Any]) -> Callable[[ModuleType], Any]:
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda f: f.__name__)
def test_scenario(function: Callable[[ModuleType], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(function)


def leaf(t: ModuleType, *values: float) -> Any:
    return t.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


@scenario
def who_requires_gradients(t: ModuleType) -> Any:
    x, c = leaf(t), t.ones(3)
    results = [
        x * c, c * 2, x > 0, x.detach(), x.clone(), x.argmax(), x.max(0)[0], x.max(0)[1],
        x.floor(), x.sign(), x.long(), x.double(), x[0], x[x > 1], x.new_zeros(2), x.data,
        x.round(), t.zeros_like(x), x.contiguous(), x.view(3, 1), x == x, x.isnan(),
    ]  # fmt: skip
    return [(r.requires_grad, r.is_leaf, r.grad_fn is None) for r in results]


@scenario
def errors(t: ModuleType) -> Any:
    x, grad = leaf(t), t.autograd.grad
    y = (x * x).sum()
    y.backward()
    return [
        attempt(lambda: y.backward()),
        attempt(lambda: t.ones(1).backward()),
        attempt(lambda: (x * 2).backward()),
        attempt(lambda: (x * 2).backward(t.ones(4))),
        attempt(lambda: (x * 2).backward(gradient=[1.0, 1.0, 1.0])),
        attempt(lambda: grad((x * 2).sum(), t.ones(1, requires_grad=True))),
        attempt(lambda: grad((x * 2).sum(), t.ones(1))),
        attempt(lambda: grad(t.ones(1), x)),
        attempt(lambda: (x * 2).sum().backward(inputs=[])),
        attempt(lambda: t.autograd.backward([x.sum(), x.sum()], [None])),
        attempt(lambda: t.ones(2).retain_grad()),
        attempt(lambda: t.ones(2).register_hook(print)),
        attempt(lambda: t.ones(2, dtype=t.int64, requires_grad=True)),
        attempt(lambda: t.tensor([1, 2], requires_grad=True)),
    ]


@scenario
def hooks_in_order(t: ModuleType) -> Any:
    x, seen = leaf(t), []

    def note(name: str, change: Any = None) -> Any:
        def hook(g: Any) -> Any:
            seen.append([name, g.tolist()])
            return None if change is None else change(g)

        return hook

    y = x * 2
    z = y * y
    x.register_hook(note("x"))
    y.register_hook(note("y", lambda g: g * 2))
    y.retain_grad()
    y.register_hook(note("y again", lambda g: g + 1))
    z.register_hook(note("z"))
    y.grad_fn.register_prehook(lambda outputs: seen.append(["pre", outputs[0].tolist()]))
    y.grad_fn.register_hook(lambda i, o: seen.append(["post", i[0].tolist(), o[0].tolist()]))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(["done", p.grad.tolist()]))
    z.sum().backward()
    return seen, y.grad.tolist(), x.grad.tolist()


@scenario
def hooks_with_grad_and_inputs(t: ModuleType) -> Any:
    x, seen = leaf(t), []
    y = x * 3
    x.register_hook(lambda g: seen.append(["x", g.tolist()]))
    y.register_hook(lambda g: seen.append(["y", g.tolist()]))
    found = t.autograd.grad((y * y).sum(), [y, x], retain_graph=True)
    (y * y).sum().backward(inputs=[y])
    return seen, [g.tolist() for g in found], y.grad.tolist(), x.grad is None


@scenario
def gradients_that_accumulate(t: ModuleType) -> Any:
    x = leaf(t)
    found = []
    for _ in range(3):
        (x * x).sum().backward()
        found.append(x.grad.tolist())
    x.grad.zero_()
    x.sum().backward()
    found.append(x.grad.tolist())
    x.grad = None
    (x * 0).sum().backward()
    return found, x.grad.tolist()


@scenario
def layouts_of_gradients(t: ModuleType) -> Any:
    found = []
    for make in (
        lambda: t.ones(2, 3),
        lambda: t.ones(3, 2).t(),
        lambda: t.ones(2, 3, 4).permute(2, 0, 1),
        lambda: t.ones(1, 3),
    ):
        for use in (
            lambda x: x.sum(),
            lambda x: (x * t.ones(x.shape)).sum(),
            lambda x: x.t().sum() if x.ndim == 2 else x.permute(1, 0, 2).sum(),
            lambda x: x[0].sum(),
        ):
            x = make().detach().requires_grad_()
            use(x).backward()
            found.append([d for d in zip(x.grad.shape, x.grad.stride()) if d[0] > 1])
    return found


@scenario
def modes(t: ModuleType) -> Any:
    x = leaf(t)
    found = []
    with t.no_grad():
        y = x * 2
        found.append(y.requires_grad)
        with t.enable_grad():
            found.append((x * 2).requires_grad)
        y.requires_grad_()
        found += [y.is_leaf, (y * 2).requires_grad, t.ones(1, requires_grad=True).requires_grad]
    with t.inference_mode():
        found += [(x * 2).requires_grad, t.is_inference_mode_enabled(), t.is_grad_enabled()]
    with t.inference_mode(False):
        found += [t.is_grad_enabled(), t.is_inference_mode_enabled()]
    with t.no_grad(), t.inference_mode(False):
        found.append(t.is_grad_enabled())
    with t.set_grad_enabled(False):
        found.append(t.is_grad_enabled())
    return found, t.is_grad_enabled()


@scenario
def functions(t: ModuleType) -> Any:
    seen: list[Any] = []

    class Both(t.autograd.Function):  # type: ignore[name-defined]
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any, factor: Any) -> Any:
            ctx.save_for_backward(a, b)
            ctx.factor = factor
            seen.append([ctx.needs_input_grad, t.is_grad_enabled(), a.requires_grad])
            return a * b, a + b, a > b

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            _, b = ctx.saved_tensors
            seen.append([None if g is None else g.tolist() for g in gradients[:2]])
            return gradients[0] * b * ctx.factor, gradients[1] * 2, None

    a, b = leaf(t), leaf(t, 4.0, 5.0, 6.0)
    product, total, larger = Both.apply(a, b, 2.0)
    state = [product.requires_grad, total.requires_grad, larger.requires_grad, product.output_nr]
    product.sum().backward(retain_graph=True)
    (product * 2 + total).sum().backward()
    constant = Both.apply(a.detach(), b.detach(), 1.0)[0].requires_grad
    return state, constant, seen, a.grad.tolist(), b.grad.tolist()


@scenario
def wrong_functions(t: ModuleType) -> Any:
    found = []
    for returned in (
        lambda g: None,
        lambda g: (g,),
        lambda g: (g, g),
        lambda g: (g, g, g),
        lambda g: (g, g, None),
        lambda g: (g, None),
        lambda g: (g.sum(), g),
        lambda g: (t.ones(7), g),
        lambda g: (g.double(), g),
        lambda g: ("text", g),
    ):

        class Wrong(t.autograd.Function):  # type: ignore[name-defined]
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                return a + b

            @staticmethod
            def backward(ctx: Any, g: Any, returned: Any = returned) -> Any:
                return returned(g)

        a, b = leaf(t), leaf(t)
        result = attempt(lambda a=a, b=b, wrong=Wrong: wrong.apply(a, b).sum().backward())
        found.append([result, None if a.grad is None else [str(a.grad.dtype), a.grad.tolist()]])
    return found


@scenario
def second_derivatives(t: ModuleType) -> Any:
    found = []
    for function in (
        lambda x: (x**3).sum(),
        lambda x: x.exp().sum().log(),
        lambda x: x.softmax(0).pow(2).sum(),
        lambda x: (x @ x) ** 2,
        lambda x: x.norm(),
        lambda x: x.relu().pow(3).sum(),
        lambda x: t.nn.functional.cross_entropy(x.view(1, 3), t.tensor([1])),
        lambda x: t.nn.functional.gelu(x).mean(),
        lambda x: x.max() * x.min(),
        lambda x: x.prod(),
        lambda x: x.var() + x.std(),
    ):
        x = leaf(t, 0.5, -1.0, 2.0)
        (first,) = t.autograd.grad(function(x), x, create_graph=True)
        (second,) = t.autograd.grad((first * first).sum(), x)
        found.append([first.tolist(), second.tolist()])
    return found


@scenario
def losses_where_they_bend(t: ModuleType) -> Any:
    functional, found = t.nn.functional, []
    for loss, values, targets in (
        (
            functional.binary_cross_entropy_with_logits,
            [0.0, 0.0, 50.0, -50.0],
            [0.0, 1.0, 1.0, 1.0],
        ),
        (
            lambda x, y: functional.binary_cross_entropy_with_logits(
                x, y, pos_weight=t.tensor([2.0])
            ),
            [0.0, 0.0, 200.0, -200.0],
            [0.0, 1.0, 0.0, 1.0],
        ),
        (functional.binary_cross_entropy, [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]),
        (functional.huber_loss, [1.0, -1.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]),
        (functional.smooth_l1_loss, [1.0, -1.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]),
        (functional.l1_loss, [1.0, 0.0, -1.0, 2.0], [1.0, 0.0, 0.0, 0.0]),
        (functional.mse_loss, [1.0, 0.0, -1.0, 2.0], [1.0, 0.0, 0.0, 0.0]),
        (functional.kl_div, [-1.0, -2.0, 0.0, -3.0], [0.0, 0.5, 1.0, 0.0]),
    ):
        x = leaf(t, *values)
        result = loss(x, t.tensor(targets))
        result.backward()
        found.append([result.item(), x.grad.tolist()])
    return found


@scenario
def pairs_that_are_equal(t: ModuleType) -> Any:
    found = []
    for function in (
        t.maximum,
        t.minimum,
        lambda a, b: a.clamp(min=b),
        lambda a, b: a.clamp(max=b),
        t.fmod,
        t.remainder,
        t.atan2,
        t.pow,
        lambda a, b: t.where(a > b, a, b),
        lambda a, b: t.stack([a, b]).amax(0),
        lambda a, b: t.stack([a, b]).max(0)[0],
        lambda a, b: t.stack([a, b]).prod(0),
    ):
        a, b = leaf(t, 1.0, 0.0, -2.0, 3.0), leaf(t, 1.0, 0.0, 2.0, -1.0)
        result = function(a, b)
        result.sum().backward()
        gradients = [None if x.grad is None else x.grad.tolist() for x in (a, b)]
        found.append([result.tolist(), gradients])
    return found


@scenario
def names_of_nodes(t: ModuleType) -> Any:
    x = leaf(t)
    results = [
        x + 1, x * x, x.exp(), x.sum(), x.mean(), x.view(3, 1), x[0], x[:2], x.relu(),
        x.softmax(0), x.clone(), x.double(), x.reshape(1, 3), x.unsqueeze(0), x.expand(2, 3),
        x.sin(), x.log(), x.sqrt(), x.abs(), -x, x / 2, x - 1, x**2,
    ]  # fmt: skip
    return [r.grad_fn.name() for r in results]


# ---- values where functions bend, grow or end ---------------------------------------------------

EDGES = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0, 1e-30, -1e-30, 20.5, -20.5, 90.0, -90.0, 1e4,
    -1e4, 1e30, -1e30, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
UNARY = [
    k for k, r in PUBLIC.items()
    if isinstance(r, Elementwise) and r.arity == 1 and r.name not in ("polygamma", "mvlgamma")
]  # fmt: skip


def is_known_better(key: str, value: float) -> bool:
    """Whether PyTorch's gradient is known to be wrong."""
    if key == "digamma":
        return value < 0 and value == round(value)  # its derivative has poles there
    if key == "special.log_ndtr":
        return value < -20
    return key == "logit" and str(value) == "-0.0"  # which infinity depends on the type


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("key", UNARY)
def test_gradients_at_the_edges(key: str, kind: str) -> None:
    record = PUBLIC[key]
    found = []
    for t, name in ((argand, kind), (torch, kind), (torch, "float64")):
        x = t.tensor(EDGES, dtype=getattr(t, kind)).to(getattr(t, name)).requires_grad_()
        try:
            y = of(t, record)(x)
        except RuntimeError:
            pytest.skip(f"{key} does not take {kind}")
        if not y.requires_grad:
            pytest.skip(f"{key} has no gradient")
        y.backward(t.full((len(EDGES),), 1.5, dtype=y.dtype))
        found.append((as_exact(y), as_exact(x.grad + 0)))
    (own, own_slope), (theirs, their_slope), (exact, exact_slope) = found
    digits = "float32" if key in COARSE else kind
    for place, value in enumerate(EDGES):
        if np.isinf(value) and np.isnan(theirs[place]):
            continue  # PyTorch's vectors meet infinity with 0
        where = f"{key} of {value}"
        if not np.isfinite(theirs[place]):
            with np.errstate(over="ignore"):
                theirs[place] = np.dtype(kind).type(exact[place])  # it may have overflown too early
                their_slope[place] = np.dtype(kind).type(exact_slope[place])
        assert_close(own[place], theirs[place], digits, where)
        if np.isnan(theirs[place]):
            continue  # there PyTorch's gradients follow whichever branch is last
        if not is_known_better(key, value):
            assert_close(own_slope[place], their_slope[place], digits, f"gradient of {where}")
