"""Expressions: interned, simplified without changing a value, differentiated, of any depth."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import expr
from argand.kernels.expr import (
    CONST,
    INPUT,
    Expr,
    apply,
    const,
    differentiate,
    evaluate,
    leaf,
    make,
    row_max,
    row_sum,
    substitute,
    topological,
)
from argand.kernels.loops import input_leaf
from argand.kernels.scalar import TABLE
from argand.kernels.special import EXPANSIONS
from tests.kernels.harness import Guarded, assert_same, run_map, special_values, steps_between

F32, F64, I32, I64, BOOL = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64, dtypes.bool_
)  # fmt: skip
X, Y, G = (leaf(INPUT, number, F64) for number in range(3))


# ---- interning ----------------------------------------------------------------------------------


def test_equal_expressions_are_one_object() -> None:
    x, y = input_leaf(0, F32), input_leaf(1, F32)
    assert (x + y).exp() is (x + y).exp()
    assert x + y is not y + x
    assert (x * 0.1) is (x * 0.1)
    assert x.to(F64) is x.to(F64)


def test_constants_that_compare_equal_are_kept_apart() -> None:
    assert const(0.0, F32) is not const(-0.0, F32)
    assert const(1, I32) is not const(1, I64)
    assert const(1.0, F32) is not const(1.0, F64)
    assert const(1, I32) is not const(True, BOOL)
    assert const(math.nan, F32) is const(float("nan"), F32)


@pytest.mark.parametrize(
    ("value", "kind", "held"),
    [
        (300, dtypes.uint8, 44),
        (-1, dtypes.uint8, 255),
        (200, dtypes.int8, -56),
        (2**63, I64, -(2**63)),
        (0.1, F32, float(np.float32(0.1))),
        (0.1, F64, 0.1),
        (2, BOOL, True),
        (-1.9, I32, -1),
        (1e40, F32, math.inf),
    ],
)
def test_constants_hold_what_their_type_can(value: float, kind: dtype, held: float) -> None:
    made = const(value, kind)
    assert (made.value, type(made.value)) == (held, type(held))


def test_numbers_beside_an_expression_take_its_type_or_that_of_their_category() -> None:
    for kind, number, result in (
        (F32, 2, F32), (F64, 0.5, F64), (I32, 2, I32), (I32, 0.5, F32), (BOOL, 2, I64),
        (BOOL, 0.5, F32), (I32, True, I32),
    ):  # fmt: skip
        assert (input_leaf(0, kind) + number).dtype is result, (kind, number)
        assert (number + input_leaf(0, kind)).dtype is result, (kind, number)


def test_an_expression_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="use where"):
        bool(X < Y)


def test_unknown_operations_are_refused() -> None:
    with pytest.raises(AttributeError, match="no operation 'frobnicate'"):
        X.frobnicate()


# ---- simplification -----------------------------------------------------------------------------

FLOAT_EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, math.inf, -math.inf, math.nan, 1e-45, 3e38]
INT_EDGES: list[float] = [0, 1, -1, 2, 7, 2**31 - 1, -(2**31)]

_FLOAT_BINARY = ("add", "sub", "mul", "div", "minimum", "maximum", "copysign")
_FLOAT_UNARY = ("neg", "abs", "floor", "ceil", "trunc", "round", "sqrt")
_INT_BINARY = ("add", "sub", "mul", "minimum", "maximum", "and", "or", "xor")
_INT_UNARY = ("neg", "abs", "not")
_COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")


class Pair:
    """The same expression twice: `plain` from bare nodes, `simple` as tracing makes it."""

    def __init__(self, plain: Expr, simple: Expr) -> None:
        self.plain = plain
        self.simple = simple

    def __repr__(self) -> str:
        return f"Pair({self.plain!r})"


def both(op: str, *args: Pair) -> Pair:
    kind = BOOL if TABLE[op].result == "bool" else args[-1].plain.dtype
    plain = make(op, tuple(a.plain for a in args), kind)
    return Pair(plain, apply(op, *(a.simple for a in args)))


def cast(kind: dtype, arg: Pair) -> Pair:
    return Pair(make(expr.CAST, (arg.plain,), kind), arg.simple.to(kind))


def leaves_of(kind: dtype, edges: list[float]) -> st.SearchStrategy[Pair]:
    inputs = [input_leaf(i, kind) for i in range(2)]
    constants = [const(v, kind) for v in edges]
    return st.sampled_from([Pair(e, e) for e in (*inputs, *inputs, *constants)])


def grown(
    kind: dtype, edges: list[float], unary: tuple[str, ...], binary: tuple[str, ...]
) -> st.SearchStrategy[Pair]:
    """Trees over leaves of one type; their conditions compare such trees."""

    def grow(part: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
        condition = st.builds(both, st.sampled_from(_COMPARE), part, part)
        joined = st.builds(both, st.sampled_from(["and", "or", "xor"]), condition, condition)
        fixed = st.sampled_from([Pair(const(v, BOOL), const(v, BOOL)) for v in (True, False)])
        return st.one_of(
            st.builds(both, st.sampled_from(unary), part),
            st.builds(both, st.sampled_from(binary), part, part),
            st.builds(lambda op, a: both(op, a, a), st.sampled_from(binary), part),
            st.builds(both, st.just("where"), st.one_of(condition, joined, fixed), part, part),
        )

    return st.recursive(leaves_of(kind, edges), grow, max_leaves=12)


def check_pair(pair: Pair, kind: dtype, edges: list[float]) -> None:
    values = np.array(edges, kind.numpy)
    a, b = np.repeat(values, len(values)), np.tile(values, len(values))
    known = {input_leaf(0, kind): a, input_leaf(1, kind): b}
    with np.errstate(all="ignore"):
        plain, simple = evaluate([pair.plain, pair.simple], known)
    shape = a.shape
    assert_same(np.broadcast_to(simple, shape), np.broadcast_to(plain, shape), repr(pair.plain))


@settings(max_examples=400, deadline=None)
@given(grown(F32, FLOAT_EDGES, _FLOAT_UNARY, _FLOAT_BINARY))
def test_simplifying_floats_changes_no_value(pair: Pair) -> None:
    """Infinities, NaN and the sign of zero included."""
    check_pair(pair, F32, FLOAT_EDGES)


@settings(max_examples=300, deadline=None)
@given(grown(I32, INT_EDGES, _INT_UNARY, _INT_BINARY))
def test_simplifying_integers_changes_no_value(pair: Pair) -> None:
    check_pair(pair, I32, INT_EDGES)


@pytest.mark.parametrize(
    ("kind", "edges", "unary", "binary"),
    [
        (F32, FLOAT_EDGES, _FLOAT_UNARY, _FLOAT_BINARY),
        (I32, INT_EDGES, _INT_UNARY, _INT_BINARY),
    ],
    ids=["float32", "int32"],
)
def test_no_constant_beside_an_operation_changes_a_value(
    kind: dtype, edges: list[float], unary: tuple[str, ...], binary: tuple[str, ...]
) -> None:
    """All operations with all of the edges on either side: what chance might leave out above."""
    x, y = (Pair(leaf, leaf) for leaf in (input_leaf(0, kind), input_leaf(1, kind)))
    for op in (*binary, *_COMPARE):
        for value in edges:
            number = Pair(const(value, kind), const(value, kind))
            check_pair(both(op, x, number), kind, edges)
            check_pair(both(op, number, x), kind, edges)
        check_pair(both(op, x, x), kind, edges)
        check_pair(both(op, x, y), kind, edges)
    for first in unary:
        for second in unary:
            check_pair(both(first, both(second, x)), kind, edges)


@settings(max_examples=200, deadline=None)
@given(grown(F32, FLOAT_EDGES[:7], _FLOAT_UNARY, _FLOAT_BINARY), st.sampled_from([F64, I32, BOOL]))
def test_conversions_of_constants_change_no_value(pair: Pair, kind: dtype) -> None:
    if kind is BOOL:
        zero = Pair(const(0, F32), const(0, F32))
        check_pair(Pair(both("ne", pair, zero).plain, pair.simple.to(BOOL)), F32, [0.0, -2.0])
    elif kind is F64:
        check_pair(cast(F64, pair), F32, FLOAT_EDGES)
    else:  # what no integer can hold has no value to keep
        size = both("minimum", both("abs", pair), Pair(const(1e6, F32), const(1e6, F32)))
        known = both("eq", size, size)
        zero = Pair(const(0, F32), const(0, F32))
        check_pair(cast(I32, both("where", known, size, zero)), F32, FLOAT_EDGES)


FOLDED = [name for name, row in TABLE.items() if "f" in row.templates or row.libm]


@pytest.mark.parametrize("name", FOLDED)
def test_folding_gives_what_the_kernel_would(name: str) -> None:
    """A constant computed while tracing is the number the kernel would have computed."""
    row = TABLE[name]
    edges = [const(v.item(), F32) for v in special_values(F32)]
    truth = [const(v, BOOL) for v in (True, False)]
    rng = np.random.default_rng(0)
    plain: list[Expr] = []
    simple: list[Expr] = []
    for _ in range(40 if row.arity > 1 else len(edges)):
        chosen = [edges[i] for i in rng.integers(0, len(edges), row.arity)]
        if name == "where":
            chosen[0] = truth[rng.integers(0, 2)]
        if row.arity == 1:
            chosen = [edges[len(plain)]]
        if name == "fma":
            a, b = rng.normal(size=2).astype(np.float32)
            chosen = [const(a.item(), F32), const(b.item(), F32), const(-(a * b).item(), F32)]
        folded = apply(name, *chosen)
        plain.append(make(name, tuple(chosen), folded.dtype))
        simple.append(folded)
    results = []
    for roots in (plain, simple):
        out = [Guarded(roots[0].dtype, (1,)) for _ in roots]
        run_map(roots, [], [(r.dtype, o.array) for r, o in zip(roots, out)])
        results.append(np.concatenate([o.array for o in out]))
    exact = name in (*_FLOAT_BINARY, *_FLOAT_UNARY, *_COMPARE, "fma", "where", "rem")
    if exact:
        assert_same(results[1], results[0], name)
    elif name != "pow":  # some powers are PyTorch's: see below
        assert steps_between(results[1], results[0]).max() <= 2


def test_constants_beyond_their_integer_type_wait_for_the_kernel() -> None:
    """Infinity and NaN as integers are the machine's affair, no error while tracing."""
    for value in (math.inf, -math.inf, math.nan, 1e30):
        made = const(value, F32).to(I32)
        assert made.op != CONST
        assert const(value, F32).to(BOOL) is const(True, BOOL)


def test_large_constants_overflow_silently() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (input_leaf(0, F32) * 1e40).args[1].value == math.inf


def test_powers_that_are_written_otherwise() -> None:
    """As PyTorch does, where -inf and -0 differ from the C library's pow."""
    x, i = input_leaf(0, F32), input_leaf(0, I32)
    assert x.pow(2) is x * x
    assert x.pow(3) is x * x * x
    assert x.pow(1) is x
    assert x.pow(0) is const(1, F32)
    assert x.pow(0.5) is x.sqrt()
    assert x.pow(-1) is 1 / x
    assert x.pow(-0.5) is 1 / x.sqrt()
    assert i.pow(-1).op == "pow", "an integer has no reciprocal"
    assert x.pow(4).op == "pow"


# ---- derivatives --------------------------------------------------------------------------------

# where each function is smooth
DOMAINS = {
    "log": (0.1, 3), "log2": (0.1, 3), "log10": (0.1, 3), "log1p": (-0.8, 3), "sqrt": (0.1, 3),
    "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "pow": (0.2, 2.5), "div": (0.3, 3), "tan": (-1, 1),
    "abs": (0.1, 2), "rem": (2.1, 2.9), "atan2": (0.3, 2), "quick_sqrt": (0.1, 3),
    "quick_reciprocal": (0.3, 3), "acosh": (1.2, 3), "atanh": (-0.9, 0.9), "lgamma": (0.3, 3),
}  # fmt: skip
SPECIAL = {"where", "through", "copysign", *EXPANSIONS}  # tested elsewhere
DIFFERENTIABLE = sorted(name for name, row in TABLE.items() if row.vjp and name not in SPECIAL)


def points(name: str, count: int) -> list[np.ndarray]:
    low, high = DOMAINS.get(name, (-2, 2))
    rng = np.random.default_rng(len(name))
    return [rng.uniform(low, high, 60) for _ in range(count)]


def slope(function: Callable[..., np.ndarray], at: list[np.ndarray], number: int) -> np.ndarray:
    """The derivative by the argument `number`, from a central difference of fourth order."""
    h = 1e-3

    def moved(steps: int) -> np.ndarray:
        return function(*(a + steps * h if i == number else a for i, a in enumerate(at)))

    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivative_of_a_row(name: str) -> None:
    row = TABLE[name]
    arguments = [leaf(INPUT, i, F64) for i in range(row.arity)]
    root = apply(name, *arguments)
    at = points(name, row.arity)
    if name == "rem":
        at[1] = at[1] / 2.2
    given = np.random.default_rng(1).normal(size=60)
    cotangent, result = leaf(INPUT, 10, F64), leaf(INPUT, 11, F64)
    values = dict(zip(arguments, at)) | {cotangent: given, result: row.numpy(*at)}
    for out in (None, result):
        parts = differentiate(root, cotangent, arguments, out)
        for number, part in enumerate(parts):
            assert part is not None
            (got,) = evaluate([part], values)
            wanted = given * slope(row.numpy, at, number)
            np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-8)


def test_every_smooth_row_has_a_derivative() -> None:
    flat = {"floor", "ceil", "trunc", "round", "stop_gradient"}
    plain = {n: row for n, row in TABLE.items() if n not in EXPANSIONS}
    lacking = {n for n, row in plain.items() if row.vjp is None and row.result != "bool"}
    part_of_others = {"scaled"}  # of exp and its kind, which have theirs
    assert lacking == flat | part_of_others | {"and", "or", "xor", "not", "shl", "shr", "lshr"}


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "erf", "sin", "log", "sqrt", "atan"])
def test_second_derivative_of_a_row(name: str) -> None:
    root = apply(name, X)
    one = const(1.0, F64)
    (first,) = differentiate(root, one, [X])
    assert first is not None
    (second,) = differentiate(first, one, [X])
    assert second is not None
    (at,) = points(name, 1)
    wanted = slope(lambda x: evaluate([first], {X: x})[0], [at], 0)
    np.testing.assert_allclose(evaluate([second], {X: at})[0], wanted, rtol=1e-7, atol=1e-7)


def test_ties_share_the_cotangent() -> None:
    at = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for name, wanted in (("minimum", [1, 0.5, 0]), ("maximum", [0, 0.5, 1])):
        parts = differentiate(apply(name, X, Y), const(1.0, F64), [X, Y])
        left, right = evaluate([p for p in parts if p is not None], {X: at[0], Y: at[1]})
        assert left.tolist() == wanted
        assert (left + right).tolist() == [1, 1, 1]


def test_where_sends_the_cotangent_to_the_branch_taken() -> None:
    root = (X > 0).where(X * 2, Y * 3)
    parts = differentiate(root, G, [X, Y])
    at = {X: np.array([1.0, -1.0]), Y: np.zeros(2), G: np.array([10.0, 10.0])}
    left, right = evaluate([p for p in parts if p is not None], at)
    assert left.tolist() == [20, 0]
    assert right.tolist() == [0, 30]


def test_power_at_zero() -> None:
    """0 to a power has no slope by the power, unless it is negative."""
    parts = differentiate(X.pow(Y), const(1.0, F64), [X, Y])
    at = {X: np.zeros(4), Y: np.array([0.0, 1.0, 2.0, -1.0])}
    with np.errstate(all="ignore"):
        left, right = evaluate([p for p in parts if p is not None], at)
    assert left.tolist() == [0, 1, 0, -math.inf]
    assert right.tolist() == [0, 0, 0, -math.inf]


def test_what_a_leaf_does_not_reach_has_no_cotangent() -> None:
    assert differentiate(X * 2, G, [X, Y])[1] is None
    assert differentiate(X.floor(), G, [X]) == [None]
    assert differentiate(X.stop_gradient() * Y, G, [X])[0] is None
    assert differentiate(X, G, [X]) == [G]


_SMOOTH = st.recursive(
    st.sampled_from([X, Y, const(0.7, F64), const(-1.3, F64)]),
    lambda part: st.one_of(
        st.builds(apply, st.sampled_from(["sin", "tanh", "sigmoid", "neg", "cos"]), part),
        st.builds(apply, st.sampled_from(["add", "sub", "mul"]), part, part),
        st.builds(lambda a, b: a / (b * b + 1), part, part),
        st.builds(lambda a: a.to(F32).to(F64) if a.op == CONST else a, part),
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(_SMOOTH)
def test_derivative_of_a_composition(root: Expr) -> None:
    at = points("sin", 2)

    def function(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.broadcast_to(evaluate([root], {X: x, Y: y})[0], x.shape)

    for number, part in enumerate(differentiate(root, const(1.0, F64), [X, Y])):
        wanted = slope(function, at, number)
        got = 0.0 if part is None else evaluate([part], {X: at[0], Y: at[1]})[0]
        np.testing.assert_allclose(np.broadcast_to(got, wanted.shape), wanted, rtol=1e-5, atol=1e-5)


def test_derivative_through_reductions_of_a_row() -> None:
    """Softmax with a factor per row: what one value gets from a whole row is summed."""
    shifted = (X - row_max(X)).exp()
    root = Y * shifted / row_sum(shifted)
    rows = {id(X): True, id(Y): False, id(G): True}
    parts = differentiate(root, G, [X, Y], rows=rows)
    rng = np.random.default_rng(0)
    x, y, g = rng.normal(size=(3, 5)), rng.normal(size=(3, 1)), rng.normal(size=(3, 5))
    got_x, got_y = evaluate([p for p in parts if p is not None], {X: x, Y: y, G: g})
    soft = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(got_y, (g * soft).sum(1, keepdims=True), rtol=1e-12)
    inner = g * y * soft
    np.testing.assert_allclose(
        got_x, inner - soft * inner.sum(1, keepdims=True), rtol=1e-10, atol=1e-14
    )


# ---- depth and walking --------------------------------------------------------------------------

DEEP = 50_000


def deep_chain(length: int) -> Expr:
    """Alternating, so that nothing folds; every node depends on the one before."""
    node = X
    for i in range(length):
        node = node + Y if i % 2 else node * Y
    return node


def test_deep_expressions_are_walked_without_recursion() -> None:
    root = deep_chain(DEEP)
    assert len(topological([root])) == DEEP + 2
    ones = {X: np.float64(1.0), Y: np.float64(0.5)}
    (value,) = evaluate([root], ones)
    assert value == pytest.approx(1.0)  # the fixed point of x -> x / 2 + 1 / 2
    (swapped,) = substitute([root], {X: Y, Y: X})
    assert len(topological([swapped])) == DEEP + 2
    (slope_of_x,) = differentiate(root, const(1.0, F64), [X])
    assert slope_of_x is not None
    assert evaluate([slope_of_x], ones)[0] == 0.0  # 0.5 ** 25_000
    assert expr.varies(root, {id(X): False, id(Y): True})
    assert len(repr(root)) < 1000


def test_deep_expressions_become_kernels(machine: str) -> None:
    root = deep_chain(2_000)
    x, y = np.linspace(-1, 1, 20), np.linspace(0.4, 0.6, 20)
    out = Guarded(F64, (20,))
    run_map([root], [(F64, x), (F64, y)], [(F64, out.array)])
    assert_same(out.array, evaluate([root], {X: x, Y: y})[0])


def test_common_parts_are_walked_once() -> None:
    """Sixty doublings: as a tree it would have 2**60 leaves."""
    node = X
    for _ in range(60):
        node = node + node
    assert len(topological([node])) == 61
    assert evaluate([node], {X: np.float64(1)})[0] == 2.0**60
    (part,) = differentiate(node, const(1.0, F64), [X])
    assert part is not None
    assert evaluate([part], {X: np.float64(1)})[0] == 2.0**60


def test_substitution_keeps_what_it_does_not_touch() -> None:
    kept = Y.exp()
    root = kept + X
    (new,) = substitute([root], {X: G})
    assert new is kept + G
    (same,) = substitute([root], {G: X})
    assert same is root
    (folded,) = substitute([X * Y], {X: const(1.0, F64)})
    assert folded is Y, "what is put in is simplified again"
