"""Products of few elements with long sums: slices of the sums in parallel, then their total.

The slices are a batch of products into scratch memory. ``driver``, a kernel of one unit, lets the
threads compute them, and then add them up row by row; ``deliver`` brings the totals to C. The sizes
alone tell the slices, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering
from argand.kernels.gemm_code import PARAMETERS, Body, define
from argand.kernels.gemm_micro import TASK
from argand.kernels.gemm_share import launch


@cache
def driver(kind: dtype, lanes: int, width: int) -> int:
    """The address of ``driver`` for panels of `width` columns."""
    return jit.address(text(kind, lanes, width), "driver")


def text(kind: dtype, lanes: int, width: int) -> str:
    """The module."""
    kernel = "(ptr %words, ptr %p, i64 %first, i64 %end)"
    short = min(lanes, width)
    return "\n".join(
        (
            "declare void @argand_parallel(ptr, ptr, ptr, i64, i64)",
            "declare void @llvm.memcpy.inline.p0.p0.i64(ptr, ptr, i64, i1)",
            define(f"internal void @NAME.total{kernel}", lambda w: _total(w, kind, short, width)),
            define(f"void @NAME.driver{kernel}", _driver),
        )
    )


def _driver(w: Body) -> None:
    compute, units, chunks = (
        w.parameter("compute", "ptr"),
        w.parameter("units"),
        w.parameter("compute_chunks"),
    )
    outer = w.address("%p", w.parameter("length"))
    launch(w, compute, ("%words", "%p"), units, chunks)
    names = ("units", "compute_chunks")
    rows, chunks = (w.word(outer, PARAMETERS.index(name)) for name in names)
    launch(w, "@NAME.total", ("%words", outer), rows, chunks)


def _total(w: Body, kind: dtype, lanes: int, width: int) -> None:
    """Units: rows of C."""
    size = kind.itemsize
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    w.line(
        f"call void @llvm.memcpy.inline.p0.p0.i64(ptr %task, ptr %p, i64 {8 * len(TASK)}, i1 false)"
    )
    sums = w.let(f"alloca [{width} x {kind.llvm}], align 64")
    c, slices = w.argument("c_word"), w.argument("scratch_word")
    bias = w.argument("bias_word")
    row = w.begin_loop("%first", "%end", "1")
    line = w.pointer(slices, w.mul(row.index, w.parameter("slice_row")))
    c_row = w.pointer(c, w.mul(row.index, w.parameter("c_row")))
    panel = w.begin_loop("0", w.parameter("panels"), "1")
    start = w.pointer(line, w.mul(panel.index, width * size))
    lower = Lowering(w, lanes)
    vector = f"<{lanes} x {kind.llvm}>"
    offsets = range(0, width, lanes)
    zeros = [(vector, "zeroinitializer")] * len(offsets)
    each = w.begin_loop("0", w.parameter("slices"), "1", zeros)
    here = w.pointer(start, w.mul(each.index, w.parameter("slice_bytes")))
    values = [lower.load(kind, w.address(here, offset, kind.llvm), None) for offset in offsets]
    w.end_loop(each, [w.let(f"fadd {vector} {x}, {y}") for x, y in zip(each.values, values)])
    for offset, value in zip(offsets, each.values):
        lower.store(kind, value, w.address(sums, offset, kind.llvm), None)
    first = w.mul(panel.index, width)
    w.set_task("columns", w.smaller(w.sub(w.parameter("column_count"), first), str(width)))
    w.set_task("bias", w.pointer(bias, w.mul(panel.index, w.parameter("bias_panel"))), "ptr")
    last = w.holds("eq", w.add(panel.index, 1), w.parameter("panels"))
    deliver = w.select(
        last, w.parameter("last_deliver", "ptr"), w.parameter("deliver", "ptr"), "ptr"
    )
    c_at = w.pointer(c_row, w.mul(panel.index, w.parameter("c_panel")))
    w.call(deliver, ("ptr %task", f"ptr {c_at}", f"ptr {sums}", f"i64 {row.index}", "i64 1"))
    w.end_loop(panel)
    w.end_loop(row)
