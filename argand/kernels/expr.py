"""Expressions: what a kernel computes for one element, traced from an ordinary Python function.

An `Expr` is an immutable, interned node: equal expressions are the same object, so common parts are
computed once. `differentiate` turns an expression into those of its cotangents, from the rows of
the scalar table. All walks are iterative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.scalar import TABLE

Number = int | float | bool | complex

# leaves: what a kernel reads rather than computes
INPUT = "input"  # an operand, by its number
SCALAR = "scalar"  # a number given at the call, by its number
CONST = "const"
INDEX = "index"  # the position within a row, int64
IMAGINARY = "_imag"  # behind the name of a leaf: the imaginary part of what it reads
LEFT = "left"  # what a reduction has gathered so far, by its number
RIGHT = "right"  # what it takes in, by its number
# operations that are no rows of the table
CAST = "cast"
BITCAST = "bitcast"
ROW_SUM = "row_sum"  # reductions of a row to one value (row kernels only)
ROW_MAX = "row_max"
ITERATE = "iterate"  # a loop (iterate.py); its value is what a turn does
PART = "part"  # one value of the final state of a loop, by its number

# complex numbers, see kernels/complex.py: a pair of real expressions; one part of a function
COMPLEX = "complex"
ANALYTIC = "analytic"

LEAVES = (INPUT, SCALAR, CONST, INDEX, LEFT, RIGHT, INPUT + IMAGINARY, SCALAR + IMAGINARY)
ROW_REDUCTIONS = (ROW_SUM, ROW_MAX)

_interned: dict[tuple[Any, ...], Expr] = {}

# what kernels/complex.py knows: rows of the table, the derivative and the values of functions
RULES: dict[str, Callable[..., Expr]] = {}
ANALYTIC_COTANGENTS: list[Callable[..., tuple[Expr, ...]]] = []
ANALYTIC_VALUES: list[Callable[..., Any]] = []


class Expr:
    """One value of the computation; make new ones with Python's operators and the methods."""

    __slots__ = ("op", "args", "dtype", "value")

    op: str
    args: tuple[Expr, ...]
    dtype: dtypes.dtype
    value: Any  # the number of a leaf, or of a constant

    def __init__(self, op: str, args: tuple[Expr, ...], kind: dtypes.dtype, value: Any) -> None:
        self.op = op
        self.args = args
        self.dtype = kind
        self.value = value

    # ---- building -------------------------------------------------------------------------

    def constant(self, value: Number) -> Expr:
        """A constant of this expression's type."""
        return const(value, self.dtype)

    def _with(self, op: str, other: Expr | Number, swap: bool = False) -> Expr:
        right = other if isinstance(other, Expr) else const_like(self, other)
        left, right = _same_type(self, right)
        return apply(op, right, left) if swap else apply(op, left, right)

    def __add__(self, other: Expr | Number) -> Expr:
        return self._with("add", other)

    def __radd__(self, other: Number) -> Expr:
        return self._with("add", other, swap=True)

    def __sub__(self, other: Expr | Number) -> Expr:
        return self._with("sub", other)

    def __rsub__(self, other: Number) -> Expr:
        return self._with("sub", other, swap=True)

    def __mul__(self, other: Expr | Number) -> Expr:
        return self._with("mul", other)

    def __rmul__(self, other: Number) -> Expr:
        return self._with("mul", other, swap=True)

    def __truediv__(self, other: Expr | Number) -> Expr:
        return self._with("div", other)

    def __rtruediv__(self, other: Number) -> Expr:
        return self._with("div", other, swap=True)

    def __neg__(self) -> Expr:
        return apply("neg", self)

    def __lt__(self, other: Expr | Number) -> Expr:
        return self._with("lt", other)

    def __le__(self, other: Expr | Number) -> Expr:
        return self._with("le", other)

    def __gt__(self, other: Expr | Number) -> Expr:
        return self._with("gt", other)

    def __ge__(self, other: Expr | Number) -> Expr:
        return self._with("ge", other)

    def __and__(self, other: Expr | Number) -> Expr:
        return self._with("and", other)

    def __or__(self, other: Expr | Number) -> Expr:
        return self._with("or", other)

    def __xor__(self, other: Expr | Number) -> Expr:
        return self._with("xor", other)

    def __invert__(self) -> Expr:
        return apply("not", self)

    def __bool__(self) -> bool:
        raise TypeError("a traced expression has no truth value: use where(condition, a, b)")

    def eq(self, other: Expr | Number) -> Expr:
        return self._with("eq", other)

    def ne(self, other: Expr | Number) -> Expr:
        return self._with("ne", other)

    def pow(self, other: Expr | Number) -> Expr:
        return self._with("pow", other)

    def minimum(self, other: Expr | Number) -> Expr:
        return self._with("minimum", other)

    def maximum(self, other: Expr | Number) -> Expr:
        return self._with("maximum", other)

    def where(self, a: Expr | Number, b: Expr | Number) -> Expr:
        """`a` where this condition holds, else `b`."""
        if not isinstance(a, Expr):
            assert isinstance(b, Expr), "one branch of where must be an expression"
            a = const_like(b, a)
        if not isinstance(b, Expr):
            b = const_like(a, b)
        a, b = _same_type(a, b)
        return apply("where", self.to(dtypes.bool_), a, b)

    def sign(self) -> Expr:
        """-1, 0 or 1; 0 for NaN."""
        zero = self.constant(0)
        if self.dtype.kind == "b":
            return self
        ones = (self > 0).where(self.constant(1), zero)
        if self.dtype.kind == "u":
            return ones
        return (self < 0).where(self.constant(-1), ones)

    def to(self, kind: dtypes.dtype) -> Expr:
        """Convert to another type, as C does; to bool by comparing with zero."""
        if kind is self.dtype:
            return self
        if self.op == COMPLEX:
            if kind.kind == "c":
                return pair(*(part.to(kind.to_real()) for part in self.args))
            return self.ne(0) if kind.kind == "b" else self.real.to(kind)
        if kind.kind == "c":
            real = self.to(kind.to_real())
            return pair(real, real.constant(0))
        # what no integer holds, infinity and NaN among it, is left to the kernel
        if self.op == CONST and (kind.kind == "f" or abs(self.value) < 2.0**63):
            return const(self.value, kind)
        if kind.kind == "b":
            return apply("ne", self, self.constant(0))
        return make(CAST, (self,), kind)

    @property
    def real(self) -> Expr:
        """The real part."""
        return self.args[0] if self.op == COMPLEX else self

    @property
    def imag(self) -> Expr:
        """The imaginary part."""
        return self.args[1] if self.op == COMPLEX else self.constant(0)

    def bitcast(self, kind: dtypes.dtype) -> Expr:
        """The same bits as another type of the same size."""
        return make(BITCAST, (self,), kind)

    def __getattr__(self, name: str) -> Callable[..., Expr]:
        """Rows of the scalar table are methods: ``x.exp()``, ``x.fma(y, z)``."""
        if name not in TABLE:
            raise AttributeError(f"expressions have no operation {name!r}")

        def method(*others: Expr | Number) -> Expr:
            arguments = (o if isinstance(o, Expr) else self.constant(o) for o in others)
            return apply(name, self, *arguments)

        return method

    def __repr__(self) -> str:
        return _show(self, 4)


def _show(node: Expr, depth: int) -> str:
    """`node` in words; parts that lie deeper are left out."""
    if node.op in LEAVES:
        return f"{node.op}{'' if node.value is None else f' {node.value}'}"
    inside = ", ".join(_show(a, depth - 1) for a in node.args) if depth else "..."
    return f"{node.op}({inside})"


def make(op: str, args: tuple[Expr, ...], kind: dtype, value: Any = None) -> Expr:
    """The interned node."""
    # repr tells -0.0 from 0.0, True from 1 and one NaN from none
    key = (op, *map(id, args), kind.name, repr(value))
    found = _interned.get(key)
    if found is None:
        found = _interned[key] = Expr(op, args, kind, value)
    return found


def pair(re: Expr, im: Expr) -> Expr:
    """The complex number of two real ones of one type."""
    return make(COMPLEX, (re, im), re.dtype.to_complex())


def parts(x: Expr) -> tuple[Expr, ...]:
    """The real expressions that `x` consists of: two for complex ones."""
    return x.args if x.op == COMPLEX else (x,)


def const(value: Any, kind: dtype) -> Expr:
    """A constant of type `kind`."""
    if kind.kind == "c":
        return pair(const(value.real, kind.to_real()), const(value.imag, kind.to_real()))
    if kind.kind == "b":
        value = bool(value)
    elif kind.kind in "ui":
        bits = 8 * kind.itemsize
        value = int(value) & ((1 << bits) - 1)
        if kind.kind == "i" and value >> (bits - 1):
            value -= 1 << bits
    else:
        with np.errstate(over="ignore"):
            value = float(kind.numpy.type(value)) if kind.name != "bfloat16" else float(value)
    return make(CONST, (), kind, value)


def const_like(other: Expr, value: Number) -> Expr:
    """A number beside `other`: of its type, or of the type its category asks for."""
    kind = other.dtype
    if isinstance(value, complex):
        kind = kind if kind.kind in "fc" else dtypes.float32
        return const(value, kind.to_complex())
    if kind.kind == "c":
        return const(value, kind)
    if isinstance(value, bool) or not isinstance(value, float) or kind.kind == "f":
        return const(value, dtypes.int64 if kind.kind == "b" and type(value) is int else kind)
    return const(value, dtypes.float32)


def like(other: Expr, value: Expr | Number) -> Expr:
    """A value in the type of `other`."""
    return value.to(other.dtype) if isinstance(value, Expr) else other.constant(value)


def leaf(op: str, number: int | None, kind: dtype) -> Expr:
    """An input or a scalar by its number, or the index; of complex ones both parts."""
    if kind.kind == "c":
        real = kind.to_real()
        return pair(make(op, (), real, number), make(op + IMAGINARY, (), real, number))
    return make(op, (), kind, number)


def _same_type(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    if a.dtype is b.dtype:
        return a, b
    kind = dtypes.promote_types(a.dtype, b.dtype)
    return a.to(kind), b.to(kind)


def apply(op: str, *args: Expr) -> Expr:
    """A row of the scalar table on `args`, simplified where the result is exactly the same."""
    row = TABLE[op]
    if any(a.op == COMPLEX for a in args):
        if op not in RULES:
            raise NotImplementedError(f"no kernel computes {op} of complex numbers")
        return RULES[op](*args)
    if all(a.op == CONST for a in args) and op != "stop_gradient":
        folded = _fold(op, args)
        if folded is not None:
            return folded
    simple = _simplify(op, args)
    if simple is not None:
        return simple
    kind = dtypes.bool_ if row.result == "bool" else args[-1].dtype
    return make(op, args, kind)


def _fold(op: str, args: tuple[Expr, ...]) -> Expr | None:
    row = TABLE[op]
    kind = dtypes.bool_ if row.result == "bool" else args[-1].dtype
    if kind.name == "bfloat16" or (op in ("div", "rem") and kind.kind != "f"):
        return None
    if op == "fma":  # rounds once, NumPy twice
        return None
    if op in ("minimum", "maximum") and args[0].value == args[1].value:
        return None  # NumPy may choose either zero
    with np.errstate(all="ignore"):
        value = row.numpy(*(a.dtype.numpy.type(a.value) for a in args))
    if kind.kind == "f" and not math.isfinite(float(value)):
        return None
    return const(value.item() if hasattr(value, "item") else value, kind)


def _is(expr: Expr, value: Number) -> bool:
    return expr.op == CONST and expr.value == value and expr.dtype.kind != "b"


def _simplify(op: str, args: tuple[Expr, ...]) -> Expr | None:
    """Identities that hold for every input, infinities, NaN and the sign of zero included."""
    a = args[0]
    b = args[1] if len(args) > 1 else a
    if op == "mul":
        return _product(a, b)
    if op == "add" and a.dtype.kind != "f":
        return a if _is(b, 0) else b if _is(a, 0) else None
    if op == "div" and _is(b, 1):
        return a
    if op == "neg" and a.op == "neg":
        return a.args[0]
    if op == "sub" and _is(b, 0) and math.copysign(1, b.value) > 0:
        return a
    if op == "where":
        if args[1] is args[2]:
            return args[1]
        if a.op == CONST:
            return args[1] if a.value else args[2]
    elif op in ("minimum", "maximum", "and", "or") and a is b:
        return a
    elif op == "pow" and b.op == CONST:
        return power(a, b.value)
    return None


def _product(a: Expr, b: Expr) -> Expr | None:
    for factor, other in ((b, a), (a, b)):
        if _is(factor, 1):
            return other
        if _is(factor, -1):
            return -other
    return None


def power(a: Expr, exponent: float) -> Expr | None:
    """Powers that are exact, or what PyTorch computes, in another way."""
    if exponent == 1:
        return a
    if exponent == 2:
        return a * a
    if exponent == 3:
        return a * a * a
    if exponent == 0:
        return a.constant(1)
    if a.dtype.kind in "fc" and exponent == 0.5:
        return a.sqrt()
    if a.dtype.kind in "fc" and exponent == -0.5:
        return a.constant(1) / a.sqrt()
    if a.dtype.kind in "fc" and exponent == -1:
        return a.constant(1) / a
    return None


# ---- row reductions ---------------------------------------------------------------------------


def row_sum(x: Expr) -> Expr:
    """The sum of `x` over the row."""
    return make(ROW_SUM, (x,), x.dtype)


def row_max(x: Expr) -> Expr:
    """The largest `x` of the row; its cotangent is dropped: it only shifts."""
    return make(ROW_MAX, (x,), x.dtype)


def row_index() -> Expr:
    """The position within the row, int64."""
    return leaf(INDEX, None, dtypes.int64)


# ---- walking and differentiating ----------------------------------------------------------------


def topological(roots: Iterable[Expr], known: Iterable[int] = ()) -> list[Expr]:
    """Every node below `roots`, arguments before users; nothing below the ids in `known`."""
    order: list[Expr] = []
    done: set[int] = set(known)
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, expanded = stack.pop()
        if id(node) in done:
            continue
        if expanded:
            done.add(id(node))
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args) if id(a) not in done)
    return order


def leaves(roots: Iterable[Expr], op: str) -> list[Expr]:
    """The leaves of one sort that `roots` depend on, by number."""
    found = [n for n in topological(roots) if n.op == op]
    return sorted(found, key=lambda n: n.value)


def substitute(roots: Sequence[Expr], replacements: dict[Expr, Expr]) -> list[Expr]:
    """`roots` with some nodes replaced."""
    new: dict[int, Expr] = {id(old): other for old, other in replacements.items()}
    for node in topological(roots):
        if id(node) in new:
            continue
        args = tuple(new[id(a)] for a in node.args)
        if all(a is b for a, b in zip(args, node.args)):
            new[id(node)] = node
        elif node.op in TABLE:
            new[id(node)] = apply(node.op, *args)
        else:
            new[id(node)] = make(node.op, args, node.dtype, node.value)
    return [new[id(root)] for root in roots]


def varies(node: Expr, memory: dict[int, bool]) -> bool:
    """Whether `node` differs along a row; operands in `memory` are known."""
    for part in topological([node]):
        if id(part) in memory:
            continue
        if part.op in ROW_REDUCTIONS or part.op in (SCALAR, CONST):
            memory[id(part)] = False
        elif part.op in (INDEX, INPUT):
            memory[id(part)] = True
        else:
            memory[id(part)] = any(memory[id(a)] for a in part.args)
    return memory[id(node)]


def differentiate(
    root: Expr,
    cotangent: Expr,
    wanted: Sequence[Expr],
    out: Expr | None = None,
    rows: dict[int, bool] | None = None,
) -> list[Expr | None]:
    """The cotangents of the leaves `wanted` when that of `root` is `cotangent`.

    Where the derivative of the outermost operation uses its own result, `out` stands for it, so a
    backward kernel can read the result instead of computing it again. For row kernels `rows` tells
    which leaves vary along a row: what one value per row gets from all positions is summed.
    """
    gathered: dict[int, Expr] = {id(root): cotangent}
    for node in reversed(topological([root])):
        g = gathered.get(id(node))
        if g is None or node.op in LEAVES:
            continue
        shown = out if out is not None and node is root else node
        for arg, part in zip(node.args, _cotangents(node, g, shown)):
            if part is None or arg.dtype.kind not in "f":
                continue
            if rows is not None and not varies(arg, rows) and varies(part, rows):
                part = row_sum(part)
            known = gathered.get(id(arg))
            gathered[id(arg)] = part if known is None else known + part
    return [gathered.get(id(leaf)) for leaf in wanted]


def _cotangents(node: Expr, g: Expr, shown: Expr) -> tuple[Expr | None, ...]:
    """The cotangents of the arguments of `node`.

    What a branch of ``where`` that was not taken contributes is 0, whatever its derivative is
    there: the condition is drawn out of the product, so that no 0 meets an infinity.
    """
    if g.op == "where" and node.op not in ROW_REDUCTIONS:
        condition, taken, other = g.args
        for part, place in ((taken, 1), (other, 2)):
            if _is(g.args[3 - place], 0):
                found = _cotangents(node, part, shown)
                zeros = [None if x is None else x.constant(0) for x in found]
                pairs = zip(found, zeros) if place == 1 else zip(zeros, found)
                return tuple(None if a is None or b is None else condition.where(a, b)
                             for a, b in pairs)  # fmt: skip
    if node.op == CAST:
        source = node.args[0].dtype
        return (g.to(source) if source.kind == "f" else None,)
    if node.op == ANALYTIC:
        return ANALYTIC_COTANGENTS[0](node, g)
    if node.op == ROW_SUM:
        return (g,)
    if node.op in (ROW_MAX, BITCAST):
        return (None,)
    vjp = TABLE[node.op].vjp
    return vjp(g, shown, *node.args) if vjp else (None,) * len(node.args)


def evaluate(roots: Sequence[Expr], values: dict[Expr, Any]) -> list[Any]:
    """Compute `roots` with NumPy from the values of their leaves: the reference for kernels."""
    known: dict[int, Any] = {id(e): v for e, v in values.items()}
    for node in topological(roots):
        if id(node) in known:
            continue
        args = [known[id(a)] for a in node.args]
        known[id(node)] = _evaluate_one(node, args)
    return [known[id(root)] for root in roots]


def _evaluate_one(node: Expr, args: list[Any]) -> Any:
    kind = node.dtype.numpy
    if node.op == CONST:
        return kind.type(node.value)
    if node.op == CAST:
        return np.asarray(args[0]).astype(kind)
    if node.op == BITCAST:
        return np.asarray(args[0]).view(kind)
    if node.op == ITERATE:
        return node.value.run(args)
    if node.op == PART:
        return np.asarray(args[0][node.value]).astype(kind)
    if node.op == COMPLEX:
        return np.asarray(args[0]) + kind.type(1j) * np.asarray(args[1])
    if node.op == ANALYTIC:
        return np.asarray(ANALYTIC_VALUES[0](node, args)).astype(kind)
    if node.op == ROW_SUM:
        return np.sum(args[0], axis=-1, keepdims=True, dtype=kind)
    if node.op == ROW_MAX:
        return np.max(args[0], axis=-1, keepdims=True)
    result = np.asarray(TABLE[node.op].numpy(*args))
    return result if node.op == "where" else result.astype(kind)
