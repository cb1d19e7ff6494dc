"""Running sums and products along rows that lie one behind the other.

Parameters: the length of a row. Words of a call: addresses of the input and of the output. A unit
of work is a row. Floats are accumulated as doubles, as PyTorch does.
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Writer, function

_INSTRUCTIONS = {("sum", "f"): "fadd", ("sum", "i"): "add", ("prod", "f"): "fmul",
                 ("prod", "i"): "mul"}  # fmt: skip


@cache
def scan_kernel(operation: str, kind: dtype) -> str:
    """The module for elements of type `kind`: float32, float64 or int64."""
    w = Writer()
    wide = "double" if kind.kind == "f" else "i64"
    instruction = _INSTRUCTIONS[operation, kind.kind]
    start = {"sum": "0", "prod": "1"}[operation] + (".0" if kind.kind == "f" else "")
    source, target = (w.word("%words", i, "ptr") for i in range(2))
    length = w.word("%parameters", 0)
    rows = w.begin_loop("%first", "%end", "1")
    begin = w.let(f"mul i64 {rows.index}, {length}")
    here, there = (w.address(base, begin, kind.llvm) for base in (source, target))
    loop = w.begin_loop("0", length, "1", [(wide, start)])
    value = w.let(f"load {kind.llvm}, ptr {w.address(here, loop.index, kind.llvm)}")
    if kind.llvm == "float":
        value = w.let(f"fpext float {value} to double")
    total = w.let(f"{instruction} {wide} {loop.values[0]}, {value}")
    kept = w.let(f"fptrunc double {total} to float") if kind.llvm == "float" else total
    w.line(f"store {kind.llvm} {kept}, ptr {w.address(there, loop.index, kind.llvm)}")
    w.end_loop(loop, [total])
    w.end_loop(rows)
    w.line("ret void")
    return function(w, KERNEL)
