"""Packers: from an operand as it lies in memory to panels that the microkernel reads in order.

A packer ``void (ptr from, i64 across, i64 along, ptr to, i64 to_row, i64 width, i64 depth, i64
first, i64 step, ptr table)`` writes `depth` rows of `width` elements: row k holds, side by side,
the elements of the panel that meet in step k. In `from` they are `across` bytes apart, and `along`
bytes lie between steps; rows of `to` are `to_row` bytes apart. Elements beyond `width`, up to a
multiple of the vector length, get any value: the lanes they end up in are never stored. Nothing
outside of the operand is read.

The last three, the numbers of the first line and of the first step and a table of sizes, are for
operands that do not lie in memory as a matrix (conv_patch).
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer, compute_dtype
from argand.kernels.gemm_micro import prefetch

PREFETCH = 16  # steps ahead of its use that a step is fetched

SIGNATURE = (
    "void @NAME.pack(ptr %from, i64 %across, i64 %along, ptr %to, i64 %to_row, "
    "i64 %width, i64 %depth, i64 %first, i64 %step, ptr %table)"
)


@cache
def packer(kind: dtype, lanes: int, adjacent: bool) -> int:
    """The address of the packer for elements of type `kind`; half types become float32.

    With `adjacent` the elements of a step lie side by side (`across` is not read); otherwise it
    transposes blocks when those of successive steps do, and copies single elements when neither.
    """
    return jit.address(packer_text(kind, lanes, adjacent), "pack")


def packer_text(kind: dtype, lanes: int, adjacent: bool) -> str:
    """The module with the packer."""
    w = Writer()
    if adjacent:
        _copy(w, kind, lanes)
    else:
        _transpose(w, kind, lanes)
    w.line("ret void")
    return "\n".join(
        (*sorted(w.declarations), f"define {SIGNATURE} {{", "entry:", *w.lines, "}", "")
    )


def _copy(w: Writer, kind: dtype, lanes: int) -> None:
    wide = compute_dtype(kind)
    lower = Lowering(w, lanes)
    numbers = ", ".join(f"i64 {i}" for i in range(lanes))
    step = w.begin_loop("0", "%depth", "1")
    source = w.address("%from", w.let(f"mul i64 {step.index}, %along"), "i8")
    target = w.address("%to", w.let(f"mul i64 {step.index}, %to_row"), "i8")
    part = w.begin_loop("0", "%width", str(lanes))
    left = w.splat(w.let(f"sub i64 %width, {part.index}"), "i64", lanes)
    mask = w.let(f"icmp ugt <{lanes} x i64> {left}, <{numbers}>")
    ahead = w.address(source, w.let(f"mul i64 %along, {PREFETCH}"), "i8")
    prefetch(w, w.address(ahead, part.index, kind.llvm))
    value = lower.load(kind, w.address(source, part.index, kind.llvm), mask)
    lower.store(wide, value, w.address(target, part.index, wide.llvm), None)
    w.end_loop(part)
    w.end_loop(step)


def _transpose(w: Writer, kind: dtype, lanes: int) -> None:
    """Squares in 128 bits, side by side, through registers; what is left by single elements."""
    wide = compute_dtype(kind)
    lower = Lowering(w, lanes)
    starts = w.let(f"alloca [{lanes} x ptr], align 64")
    dense = w.let(f"icmp eq i64 %along, {kind.itemsize}")
    short = max(1, min(lanes, 16 // wide.itemsize))  # elements in 128 bits
    whole = w.let(f"and i64 %depth, {-short}")
    whole = w.let(f"select i1 {dense}, i64 {whole}, i64 0")
    last = w.let("sub i64 %width, 1")
    part = w.begin_loop("0", "%width", str(lanes))
    each = w.begin_loop("0", str(lanes), "1")
    line = w.smaller(w.let(f"add i64 {part.index}, {each.index}"), last)  # never beyond the last
    start = w.address("%from", w.let(f"mul i64 {line}, %across"), "i8")
    w.line(f"store ptr {start}, ptr {w.address(starts, each.index, 'ptr')}")
    w.end_loop(each)
    target = w.address("%to", part.index, wide.llvm)
    block = w.begin_loop("0", whole, str(short))
    values = [_gathered(w, kind, starts, block.index, i, lanes, short) for i in range(short)]
    row = w.address(target, w.let(f"mul i64 {block.index}, %to_row"), "i8")
    for i, value in enumerate(transposed(w, values, lanes, short, wide)):
        if i:
            row = w.address(row, "%to_row", "i8")
        lower.store(wide, value, row, None)
    w.end_loop(block)
    step_loop = w.begin_loop(whole, "%depth", "1")
    offset = w.let(f"mul i64 {step_loop.index}, %along")
    row = w.address(target, w.let(f"mul i64 {step_loop.index}, %to_row"), "i8")
    left = w.smaller(w.let(f"sub i64 %width, {part.index}"), str(lanes))
    single = w.begin_loop("0", left, "1")
    start = w.let(f"load ptr, ptr {w.address(starts, single.index, 'ptr')}")
    one = Lowering(w, 1)
    value = one.load(kind, w.address(start, offset, "i8"), None)
    one.store(wide, value, w.address(row, single.index, wide.llvm), None)
    w.end_loop(single)
    w.end_loop(step_loop)
    w.end_loop(part)


def _gathered(
    w: Writer, kind: dtype, starts: str, index: str, first: int, lanes: int, short: int
) -> str:
    """A vector of short pieces of lines `first`, `first` + `short`, ..."""
    lower = Lowering(w, short)
    element = compute_dtype(kind).llvm
    pieces = []
    for line in range(first, lanes, short):
        start = w.let(f"load ptr, ptr {w.address(starts, line, 'ptr')}")
        pieces.append(lower.load(kind, w.address(start, index, kind.llvm), None))
    width = short
    while len(pieces) > 1:
        numbers = ", ".join(f"i32 {i}" for i in range(2 * width))
        pieces = [
            w.let(
                f"shufflevector <{width} x {element}> {a}, <{width} x {element}> {b}, "
                f"<{2 * width} x i32> <{numbers}>"
            )
            for a, b in zip(pieces[::2], pieces[1::2])
        ]
        width *= 2
    return pieces[0]


def transposed(w: Writer, rows: list[str], lanes: int, short: int, kind: dtype) -> list[str]:
    """Transpose the square blocks in each 128 bits, by log2(short) rounds of interleaving."""
    vector = f"<{lanes} x {kind.llvm}>"
    half = short // 2
    masks = []
    for first in (0, half):
        numbers = []
        for i in range(lanes):
            block, within = divmod(i, short)
            numbers.append(block * short + first + within // 2 + lanes * (within % 2))
        masks.append(f"<{lanes} x i32> <{', '.join(f'i32 {n}' for n in numbers)}>")
    for _ in range(short.bit_length() - 1):
        rows = [
            w.let(f"shufflevector {vector} {rows[i]}, {vector} {rows[i + half]}, {mask}")
            for i in range(half)
            for mask in masks
        ]
    return rows
