"""Writing LLVM IR as text: a writer with loops, and expressions turned into vector instructions."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import half, special, target, vecmath
from argand.kernels.expr import (
    BITCAST,
    CAST,
    CONST,
    ITERATE,
    LEAVES,
    PART,
    ROW_REDUCTIONS,
    Expr,
    topological,
)
from argand.kernels.scalar import TABLE


def compute_dtype(kind: dtype) -> dtype:
    """The type in which values of `kind` are computed: half types widen to float32."""
    return dtypes.float32 if kind.name in ("float16", "bfloat16") else kind


def element(kind: dtype) -> str:
    """LLVM's type of one computed element."""
    return "i1" if kind.kind == "b" else compute_dtype(kind).llvm


def mangled(kind: dtype, width: int) -> str:
    """The suffix of an overloaded intrinsic, for example ``v16f32``."""
    letter = "f" if kind.kind == "f" else "i"
    bits = 1 if kind.kind == "b" else 8 * kind.itemsize
    return f"v{width}{letter}{bits}"


def literal(value: float | int | bool, kind: dtype) -> str:
    """A constant of one element; floats by their bits as a double."""
    if kind.kind == "b":
        return "true" if value else "false"
    if kind.kind == "f":
        return f"0x{struct.pack('>d', value).hex().upper()}"
    return str(int(value))


class Loop:
    """A loop being written: its index, its carried values, and its labels."""

    def __init__(self, index: str, values: list[str], labels: tuple[str, str], phis: int) -> None:
        self.index = index
        self.values = values
        self.header, self.exit = labels
        self.phis = phis  # the line where the phi instructions begin
        self.entry = ""
        self.step = ""


class Writer:
    """Lines of one function, fresh names, and the current block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self._count = 0
        self.block = "entry"

    def fresh(self, stem: str = "v") -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def let(self, text: str) -> str:
        """Write ``%name = text`` and return the name."""
        name = f"%{self.fresh()}"
        self.lines.append(f"  {name} = {text}")
        return name

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def jump(self, label: str) -> None:
        self.line(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.line(f"br i1 {condition}, label %{yes}, label %{no}")

    def address(self, base: str, index: str | int, unit: str = "i64") -> str:
        return self.let(f"getelementptr {unit}, ptr {base}, i64 {index}")

    def word(self, base: str, number: int, kind: str = "i64") -> str:
        """The word `number` of a block of 8-byte words."""
        return self.let(f"load {kind}, ptr {self.address(base, number)}")

    def smaller(self, a: str, b: str) -> str:
        below = self.let(f"icmp ult i64 {a}, {b}")
        return self.let(f"select i1 {below}, i64 {a}, i64 {b}")

    def splat(self, value: str, kind: str, width: int) -> str:
        first = self.let(f"insertelement <{width} x {kind}> poison, {kind} {value}, i64 0")
        zeros = f"<{width} x i32> zeroinitializer"
        vector = f"<{width} x {kind}>"
        return self.let(f"shufflevector {vector} {first}, {vector} poison, {zeros}")

    def begin_loop(
        self, start: str, stop: str, step: str, carried: Sequence[tuple[str, str]] = ()
    ) -> Loop:
        """``for index in range(start, stop, step)``; `carried` are (type, initial value)."""
        header, body, after = self.fresh("loop"), self.fresh("body"), self.fresh("after")
        entry = self.block
        self.jump(header)
        self.label(header)
        index = f"%{self.fresh('i')}"
        values = [f"%{self.fresh('c')}" for _ in carried]
        loop = Loop(index, values, (header, after), len(self.lines))
        loop.entry, loop.step = entry, step
        self.lines.append(f"  {index} = phi i64 [ {start}, %{entry} ]")
        for name, (kind, initial) in zip(values, carried):
            self.lines.append(f"  {name} = phi {kind} [ {initial}, %{entry} ]")
        go = self.let(f"icmp ult i64 {index}, {stop}")
        self.branch(go, body, after)
        self.label(body)
        return loop

    def end_loop(self, loop: Loop, values: Sequence[str] = ()) -> None:
        """Close the loop; afterwards `loop.values` are the final carried values."""
        following = self.let(f"add i64 {loop.index}, {loop.step}")
        for offset, value in enumerate((following, *values)):
            self.lines[loop.phis + offset] += f", [ {value}, %{self.block} ]"
        self.jump(loop.header)
        self.label(loop.exit)

    def declare(self, text: str) -> None:
        self.declarations.add(f"declare {text}")


class Lowering:
    """Turns expressions into instructions on vectors of `width` lanes."""

    def __init__(self, writer: Writer, width: int) -> None:
        self.w = writer
        self.width = width

    def vector(self, kind: dtype) -> str:
        return f"<{self.width} x {element(kind)}>"

    def values(self, roots: Sequence[Expr], known: dict[Expr, str]) -> list[str]:
        """The names that hold `roots`, given the names of their leaves."""
        names = {id(expr): name for expr, name in known.items()}
        states: dict[int, list[str]] = {}  # of loops
        for node in topological(roots, names):
            if node.op == ITERATE:
                states[id(node)] = node.value.lower(self, [names[id(a)] for a in node.args])
            elif node.op == PART:
                names[id(node)] = states[id(node.args[0])][node.value]
            else:
                names[id(node)] = self._one(node, names)
        return [names[id(root)] for root in roots]

    def _one(self, node: Expr, names: dict[int, str]) -> str:
        if node.op == CONST:
            return f"splat ({element(node.dtype)} {literal(node.value, node.dtype)})"
        assert node.op not in (*LEAVES, *ROW_REDUCTIONS), f"{node} has no value here"
        arguments = [names[id(a)] for a in node.args]
        if node.op == CAST:
            return self.cast(arguments[0], node.args[0].dtype, node.dtype)
        if node.op == BITCAST:
            source = self.vector(node.args[0].dtype)
            return self.w.let(f"bitcast {source} {arguments[0]} to {self.vector(node.dtype)}")
        if node.op in ("stop_gradient", "through"):
            return arguments[0]
        row = TABLE[node.op]
        kind = node.args[-1].dtype
        if kind is dtypes.float32 and self._has_estimates():
            if node.op in _ESTIMATES:
                return self._quick(node.op, arguments[0])
            if node.op == "scaled":
                return self._scaled(*arguments)
        template = row.templates.get(kind.kind)
        if template is not None:
            if node.op in ("div", "rem") and kind.kind in "ui":
                arguments[1] = self._divisor(kind, *arguments)
            return self.instruction(template, kind, arguments)
        if kind is dtypes.float32 and node.op in vecmath.EXPANSIONS:
            return self._expand(node, arguments)
        if node.op in special.EXPANSIONS:
            root, symbols = special.expansion(node.op, kind)
            (result,) = self.values([root], dict(zip(symbols, arguments)))
            return result
        if node.op in _BY_OTHERS:
            inner = _BY_OTHERS[node.op](node.args[0])
            return self.values([inner], {node.args[0]: arguments[0]})[0]
        if not row.libm or kind.kind != "f":
            raise NotImplementedError(f"no kernel computes {node.op} on {kind.name}")
        return self.library(row.libm, kind, arguments)

    def _has_estimates(self) -> bool:
        return self.width == 16 and target.host().vector_bytes == 64

    def _scaled(self, x: str, n: str) -> str:
        """``x * 2**n`` by one instruction, right for all that overflows or gets denormal."""
        w, t = self.w, self.vector(dtypes.float32)
        name = "@llvm.x86.avx512.mask.scalef.ps.512"
        w.declare(f"{t} {name}({t}, {t}, {t}, i16, i32)")
        return w.let(f"call {t} {name}({t} {x}, {t} {n}, {t} zeroinitializer, i16 -1, i32 4)")

    def _quick(self, op: str, x: str) -> str:
        """1/x or the root of x: an estimate of 14 bits, and one step of Newton's method.

        The step gives NaN for 0 and infinity, where the estimate is exact already.
        """
        w, t, lanes = self.w, self.vector(dtypes.float32), f"<{self.width} x i1>"
        name = f"@llvm.x86.avx512.{_ESTIMATES[op]}.ps.512"
        w.declare(f"{t} {name}({t}, {t}, i16)")
        first = w.let(f"call {t} {name}({t} {x}, {t} zeroinitializer, i16 -1)")
        if op == "quick_reciprocal":
            minus = w.let(f"fneg {t} {x}")
            error = self._fma(minus, first, "splat (float 1.0)")
            better, known = self._fma(first, error, first), first
        else:
            root = w.let(f"fmul {t} {x}, {first}")
            half_inverse = w.let(f"fmul {t} {first}, splat (float -0.5)")
            error = self._fma(root, half_inverse, "splat (float 0.5)")
            better, known = self._fma(root, error, root), x
        special = w.let(f"fcmp uno {t} {error}, {error}")
        if op == "quick_sqrt":  # of a negative number it is NaN
            defined = w.let(f"fcmp oge {t} {x}, zeroinitializer")
            special = w.let(f"and {lanes} {special}, {defined}")
        return w.let(f"select {lanes} {special}, {t} {known}, {t} {better}")

    def _fma(self, *arguments: str) -> str:
        return self.instruction(TABLE["fma"].templates["f"], dtypes.float32, arguments)

    def instruction(self, template: str, kind: dtype, arguments: Sequence[str]) -> str:
        types = {
            "t": self.vector(kind),
            "e": element(kind),
            "m": mangled(kind, self.width),
            "c": f"<{self.width} x i1>",
        }
        if "@llvm." in template:
            signature = template.format(*("" for _ in arguments), **types)
            self.w.declare(signature.removeprefix("call ").replace("i1 false", "i1"))
        return self.w.let(template.format(*arguments, **types))

    def _divisor(self, kind: dtype, a: str, b: str) -> str:
        """`b`, but 1 where the machine traps: at 0 (also beyond a mask), and for smallest / -1.

        A quotient by 0 is the dividend then, and smallest / -1 wraps around to the smallest.
        """
        w, t, one = self.w, self.vector(kind), f"splat ({element(kind)} 1)"
        traps = w.let(f"icmp eq {t} {b}, zeroinitializer")
        if kind.kind == "i":
            smallest = f"splat ({element(kind)} {-(1 << (8 * kind.itemsize - 1))})"
            lowest = w.let(f"icmp eq {t} {a}, {smallest}")
            minus = w.let(f"icmp eq {t} {b}, splat ({element(kind)} -1)")
            lanes = f"<{self.width} x i1>"
            overflows = w.let(f"and {lanes} {lowest}, {minus}")
            traps = w.let(f"or {lanes} {traps}, {overflows}")
        return w.let(f"select <{self.width} x i1> {traps}, {t} {one}, {t} {b}")

    def cast(self, name: str, source: dtype, target: dtype) -> str:
        """Convert a vector between computed types; to bool is `Expr.to`'s comparison."""
        source, target = compute_dtype(source), compute_dtype(target)
        if source is target:
            return name
        both_float = source.kind == target.kind == "f"
        if source.kind == "f" and not both_float:
            # through 64 bits, so that values outside of the target wrap around as PyTorch's do
            wide = self.w.let(f"fptosi {self.vector(source)} {name} to <{self.width} x i64>")
            if target.itemsize == 8:
                return wide
            return self.w.let(f"trunc <{self.width} x i64> {wide} to {self.vector(target)}")
        if both_float:
            code = "fpext" if target.itemsize > source.itemsize else "fptrunc"
        elif target.kind == "f":
            code = "sitofp" if source.kind == "i" else "uitofp"
        elif source.kind != "b" and target.itemsize == source.itemsize:
            return name
        elif source.kind != "b" and target.itemsize < source.itemsize:
            code = "trunc"
        else:
            code = "sext" if source.kind == "i" else "zext"
        return self.w.let(f"{code} {self.vector(source)} {name} to {self.vector(target)}")

    def _expand(self, node: Expr, arguments: Sequence[str]) -> str:
        """A float32 function by its expansion, with the C library for what lies beyond it."""
        known = dict(zip(node.args, arguments))
        expansion = vecmath.EXPANSIONS[node.op](*node.args)
        fast = self.values([expansion], known)[0]
        limit = vecmath.LIMITED.get(node.op)
        if limit is None:
            return fast
        (beyond,) = self.values([node.args[0].abs() > limit], known)
        return self._unless(beyond, fast, TABLE[node.op].libm, node.dtype, arguments)

    def _unless(
        self, beyond: str, fast: str, function: str, kind: dtype, arguments: Sequence[str]
    ) -> str:
        """`fast`, unless a lane is `beyond`: then the library's result for the whole vector."""
        w = self.w
        bits = f"i{self.width}"
        packed = w.let(f"bitcast <{self.width} x i1> {beyond} to {bits}")
        some = w.let(f"icmp ne {bits} {packed}, 0")
        slow, join = w.fresh("slow"), w.fresh("join")
        before = w.block
        w.branch(some, slow, join)
        w.label(slow)
        exact = self.library(function, kind, arguments)
        after = w.block
        w.jump(join)
        w.label(join)
        return w.let(f"phi {self.vector(kind)} [ {fast}, %{before} ], [ {exact}, %{after} ]")

    def library(self, function: str, kind: dtype, arguments: Sequence[str]) -> str:
        """Call the C library's function of doubles for every lane."""
        w = self.w
        scalar = element(kind)
        types = ", ".join("double" for _ in arguments)
        w.declare(f"double @{function}({types})")
        result = "poison"
        for lane in range(self.width):
            given = []
            for name in arguments:
                one = w.let(f"extractelement {self.vector(kind)} {name}, i64 {lane}")
                if scalar == "float":
                    one = w.let(f"fpext float {one} to double")
                given.append(f"double {one}")
            value = w.let(f"call double @{function}({', '.join(given)})")
            if scalar == "float":
                value = w.let(f"fptrunc double {value} to float")
            result = w.let(
                f"insertelement {self.vector(kind)} {result}, {scalar} {value}, i64 {lane}"
            )
        return result

    # ---- memory -----------------------------------------------------------------------------

    def load(self, kind: dtype, address: str, mask: str | None) -> str:
        """A vector of consecutive elements as computed values; lanes outside `mask` are 0."""
        memory = f"<{self.width} x {kind.llvm}>"
        if mask is None:
            raw = self.w.let(f"load {memory}, ptr {address}, align {kind.itemsize}")
        else:
            name = f"llvm.masked.load.{_memory_mangled(kind, self.width)}.p0"
            lanes = f"<{self.width} x i1>"
            self.w.declare(f"{memory} @{name}(ptr, {lanes}, {memory})")
            raw = self.w.let(
                f"call {memory} @{name}(ptr align {kind.itemsize} {address}, {lanes} {mask}, "
                f"{memory} zeroinitializer)"
            )
        return self.widen(kind, raw)

    def gather(self, kind: dtype, addresses: str, mask: str) -> str:
        """A vector of elements from a vector of addresses."""
        memory = f"<{self.width} x {kind.llvm}>"
        pointers, lanes = f"<{self.width} x ptr>", f"<{self.width} x i1>"
        name = f"llvm.masked.gather.{_memory_mangled(kind, self.width)}.v{self.width}p0"
        self.w.declare(f"{memory} @{name}({pointers}, {lanes}, {memory})")
        raw = self.w.let(
            f"call {memory} @{name}({pointers} align {kind.itemsize} {addresses}, "
            f"{lanes} {mask}, {memory} zeroinitializer)"
        )
        return self.widen(kind, raw)

    def store(self, kind: dtype, value: str, address: str, mask: str | None) -> None:
        memory = f"<{self.width} x {kind.llvm}>"
        raw = self.narrow(kind, value)
        if mask is None:
            self.w.line(f"store {memory} {raw}, ptr {address}, align {kind.itemsize}")
            return
        name = f"llvm.masked.store.{_memory_mangled(kind, self.width)}.p0"
        lanes = f"<{self.width} x i1>"
        self.w.declare(f"void @{name}({memory}, ptr, {lanes})")
        self.w.line(
            f"call void @{name}({memory} {raw}, ptr align {kind.itemsize} {address}, "
            f"{lanes} {mask})"
        )

    def scatter(self, kind: dtype, value: str, addresses: str, mask: str) -> None:
        memory = f"<{self.width} x {kind.llvm}>"
        raw = self.narrow(kind, value)
        pointers, lanes = f"<{self.width} x ptr>", f"<{self.width} x i1>"
        name = f"llvm.masked.scatter.{_memory_mangled(kind, self.width)}.v{self.width}p0"
        self.w.declare(f"void @{name}({memory}, {pointers}, {lanes})")
        self.w.line(
            f"call void @{name}({memory} {raw}, {pointers} align {kind.itemsize} {addresses}, "
            f"{lanes} {mask})"
        )

    def widen(self, kind: dtype, raw: str) -> str:
        """From the form in memory to the computed form."""
        w, n = self.w, self.width
        if kind.kind == "b":
            return w.let(f"icmp ne <{n} x i8> {raw}, zeroinitializer")
        if kind.name == "float16" and not target.host().converts_half:
            short = w.let(f"bitcast <{n} x half> {raw} to <{n} x i16>")
            bits = w.let(f"zext <{n} x i16> {short} to <{n} x i32>")
            return self.values([half.FROM_HALF], {half.BITS: bits})[0]
        if kind.name == "float16":
            return w.let(f"fpext <{n} x half> {raw} to <{n} x float>")
        if kind.name == "bfloat16":
            wide = w.let(f"zext <{n} x i16> {raw} to <{n} x i32>")
            high = w.let(f"shl <{n} x i32> {wide}, splat (i32 16)")
            return w.let(f"bitcast <{n} x i32> {high} to <{n} x float>")
        return raw

    def narrow(self, kind: dtype, value: str) -> str:
        """From the computed form to the form in memory; bfloat16 rounds to nearest even."""
        w, n = self.w, self.width
        if kind.kind == "b":
            return w.let(f"zext <{n} x i1> {value} to <{n} x i8>")
        if kind.name == "float16" and not target.host().converts_half:
            (bits,) = self.values([half.TO_HALF], {half.VALUE: value})
            short = w.let(f"trunc <{n} x i32> {bits} to <{n} x i16>")
            return w.let(f"bitcast <{n} x i16> {short} to <{n} x half>")
        if kind.name == "float16":
            return w.let(f"fptrunc <{n} x float> {value} to <{n} x half>")
        if kind.name != "bfloat16":
            return value
        bits = w.let(f"bitcast <{n} x float> {value} to <{n} x i32>")
        shifted = w.let(f"lshr <{n} x i32> {bits}, splat (i32 16)")
        odd = w.let(f"and <{n} x i32> {shifted}, splat (i32 1)")
        bias = w.let(f"add <{n} x i32> {odd}, splat (i32 32767)")
        rounded = w.let(f"add <{n} x i32> {bits}, {bias}")
        nan = w.let(f"fcmp uno <{n} x float> {value}, {value}")
        chosen = w.let(f"select <{n} x i1> {nan}, <{n} x i32> splat (i32 2143289344), "
                       f"<{n} x i32> {rounded}")
        high = w.let(f"lshr <{n} x i32> {chosen}, splat (i32 16)")
        return w.let(f"trunc <{n} x i32> {high} to <{n} x i16>")


_BY_OTHERS: dict[str, Callable[[Expr], Expr]] = {  # where there is no expansion
    "sigmoid": lambda x: 1 / ((-x).exp() + 1),
    "normal_cdf": lambda x: 0.5 * (1 + (x * math.sqrt(0.5)).erf()),
}
_ESTIMATES = {"quick_reciprocal": "rcp14", "quick_sqrt": "rsqrt14"}


def _memory_mangled(kind: dtype, width: int) -> str:
    letter = "f" if kind.llvm in ("half", "float", "double") else "i"
    return f"v{width}{letter}{8 * kind.itemsize}"


def function(writer: Writer, signature: str, linkage: str = "") -> str:
    """The text of a module with one function whose body `writer` holds."""
    head = f"define {linkage} {signature} {{".replace("  ", " ")
    declarations = sorted(writer.declarations)
    return "\n".join((*declarations, head, "entry:", *writer.lines, "}", ""))


KERNEL = "void @NAME.kernel(ptr %words, ptr %parameters, i64 %first, i64 %end)"
