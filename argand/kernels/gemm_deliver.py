"""From a register tile to C: scale, add, bias, activation, edges, strides, conversion.

``deliver(ptr task, ptr c, ptr tile, i64 row, i64 rows)`` reads a tile that the microkernel left in
nearby memory, a row at a time, and writes what exists of it to C. The microkernel stores directly
when none of this is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer
from argand.kernels.gemm_micro import Micro, column_masks, field

# Writes the activation of the vector with this name, and returns the name of the result.
Activation = Callable[[Lowering, str], str]


@cache
def deliver(
    wide: dtype, lanes: int, vectors: int, kind: dtype, activation: Activation | None
) -> int:
    """The address of ``deliver`` for tiles of `vectors` vectors of `wide`, and a C of `kind`."""
    micro = Micro(wide, lanes, vectors, adjacent=False)
    return jit.address(deliver_text(micro, kind, activation), "deliver")


def deliver_text(micro: Micro, kind: dtype, activation: Activation | None) -> str:
    """The module with ``deliver``."""
    w = Writer()
    size = kind.itemsize
    masks = column_masks(w, micro)
    c_row, c_column, copy_row, columns = (
        field(w, name) for name in ("c_row", "c_column", "copy_row", "columns")
    )
    bias, bias_row, bias_column = (field(w, name) for name in ("bias", "bias_row", "bias_column"))
    alpha = _alpha(w, micro)
    load, finish = (w.let(f"trunc i64 {field(w, name)} to i1") for name in ("load", "finish"))
    biased = w.let(f"trunc i64 {field(w, 'biased')} to i1")
    biased = w.let(f"and i1 {biased}, {finish}")
    along_row = w.let(f"icmp ne i64 {bias_column}, 0")
    strided = w.let(f"icmp ne i64 {c_column}, {size}")
    buffer = w.let(f"alloca [{micro.width} x {kind.llvm}], align 64")
    spread = w.let(f"icmp ne i64 {bias_column}, {size}")
    spread = w.let(f"and i1 {spread}, {w.let(f'and i1 {biased}, {along_row}')}")
    terms = w.let(f"alloca [{micro.width} x {kind.llvm}], align 64")
    loop = w.begin_loop("0", "%rows", "1")
    c = w.address("%c", w.let(f"mul i64 {loop.index}, {c_row}"), "i8")
    place = w.let(f"select i1 {strided}, ptr {buffer}, ptr {c}")
    copies = w.let(f"and i1 {strided}, {load}")
    _when(w, copies, lambda: _move(w, kind, (buffer, str(size)), (c, c_column), columns))
    tile = w.address("%tile", w.let(f"mul i64 {loop.index}, {copy_row}"), "i8")
    number = w.let(f"add i64 %row, {loop.index}")
    bias_start = w.let(f"add i64 {bias}, {w.let(f'mul i64 {number}, {bias_row}')}")
    bias_at = w.let(f"inttoptr i64 {bias_start} to ptr")
    _when(w, spread, lambda: _move(w, kind, (terms, str(size)), (bias_at, bias_column), columns))
    bias_at = w.let(f"select i1 {spread}, ptr {terms}, ptr {bias_at}")
    values = []
    for v in range(micro.vectors):
        at = w.address(tile, v * micro.lanes, micro.kind.llvm)
        values.append(Lowering(w, micro.lanes).load(micro.kind, at, None))
    values = [w.let(f"fmul {micro.vector} {x}, {alpha}") for x in values]
    values = _add_old(w, micro, kind, load, place, masks, values)
    values = _add_bias(w, micro, kind, biased, along_row, bias_at, masks, values)
    if activation is not None:
        values = _activate(w, micro, activation, finish, values)
    for v in range(micro.vectors):
        at = w.address(place, v * micro.lanes, kind.llvm)
        Lowering(w, micro.lanes).store(kind, values[v], at, masks[v])
    _when(w, strided, lambda: _move(w, kind, (c, c_column), (buffer, str(size)), columns))
    w.end_loop(loop)
    w.line("ret void")
    signature = "void @NAME.deliver(ptr %task, ptr %c, ptr %tile, i64 %row, i64 %rows)"
    return "\n".join(
        (*sorted(w.declarations), f"define {signature} {{", "entry:", *w.lines, "}", "")
    )


def _alpha(w: Writer, micro: Micro) -> str:
    alpha = field(w, "alpha", "double")
    if micro.kind.llvm == "float":
        alpha = w.let(f"fptrunc double {alpha} to float")
    return w.splat(alpha, micro.kind.llvm, micro.lanes)


def _when(w: Writer, condition: str, body: Callable[[], None]) -> None:
    yes, after = w.fresh("yes"), w.fresh("after")
    w.branch(condition, yes, after)
    w.label(yes)
    body()
    w.jump(after)
    w.label(after)


def _choose(
    w: Writer, kind: str, condition: str, values: list[str], body: Callable[[], list[str]]
) -> list[str]:
    """The results of `body` where `condition` holds, else `values`."""
    before, yes, after = w.block, w.fresh("yes"), w.fresh("after")
    w.branch(condition, yes, after)
    w.label(yes)
    results = body()
    last = w.block
    w.jump(after)
    w.label(after)
    return [
        w.let(f"phi {kind} [ {old}, %{before} ], [ {new}, %{last} ]")
        for old, new in zip(values, results)
    ]


def _move(w: Writer, kind: dtype, to: tuple[str, str], source: tuple[str, str], count: str) -> None:
    """Copy `count` elements between two rows given by address and stride."""
    loop = w.begin_loop("0", count, "1")
    from_at = w.address(source[0], w.let(f"mul i64 {loop.index}, {source[1]}"), "i8")
    to_at = w.address(to[0], w.let(f"mul i64 {loop.index}, {to[1]}"), "i8")
    value = w.let(f"load {kind.llvm}, ptr {from_at}, align {kind.itemsize}")
    w.line(f"store {kind.llvm} {value}, ptr {to_at}, align {kind.itemsize}")
    w.end_loop(loop)


def _add_old(
    w: Writer,
    micro: Micro,
    kind: dtype,
    load: str,
    place: str,
    masks: list[str | None],
    values: list[str],
) -> list[str]:
    def add() -> list[str]:
        results = []
        for v, value in enumerate(values):
            at = w.address(place, v * micro.lanes, kind.llvm)
            old = Lowering(w, micro.lanes).load(kind, at, masks[v])
            results.append(w.let(f"fadd {micro.vector} {value}, {old}"))
        return results

    return _choose(w, micro.vector, load, values, add)


def _add_bias(
    w: Writer,
    micro: Micro,
    kind: dtype,
    biased: str,
    along_row: str,
    at: str,
    masks: list[str | None],
    values: list[str],
) -> list[str]:
    lower = Lowering(w, micro.lanes)

    def vectors() -> list[str]:
        places = [w.address(at, v * micro.lanes, kind.llvm) for v in range(micro.vectors)]
        return [lower.load(kind, p, m) for p, m in zip(places, masks)]

    def add() -> list[str]:
        single = Lowering(w, 1).load(kind, at, None)
        element = w.let(f"extractelement <1 x {micro.kind.llvm}> {single}, i64 0")
        same = w.splat(element, micro.kind.llvm, micro.lanes)
        terms = _choose(w, micro.vector, along_row, [same] * micro.vectors, vectors)
        return [w.let(f"fadd {micro.vector} {x}, {t}") for x, t in zip(values, terms)]

    return _choose(w, micro.vector, biased, values, add)


def _activate(
    w: Writer, micro: Micro, activation: Activation, finish: str, values: list[str]
) -> list[str]:
    def apply() -> list[str]:
        lower = Lowering(w, micro.lanes)
        return [activation(lower, value) for value in values]

    return _choose(w, micro.vector, finish, values, apply)
