"""Large products: all threads pack, then all threads compute.

When both operands are far larger than the caches, every thread would pack the same panels of A
again. Instead ``driver``, a kernel of one unit, works in rounds: the threads pack all panels of A
and B for so many k as the scratch memory holds, and then compute with them.
"""

from __future__ import annotations

from functools import cache

from argand.kernels import jit
from argand.kernels.gemm_code import TILES_WORDS, Body, define, pack, tile_rows
from argand.kernels.gemm_micro import TASK


@cache
def driver() -> int:
    """The address of ``driver``."""
    return jit.address(text(), "driver")


@cache
def text() -> str:
    """The module."""
    kernel = "(ptr %words, ptr %p, i64 %first, i64 %end)"
    return "\n".join(
        (
            "declare void @argand_parallel(ptr, ptr, ptr, i64, i64)",
            "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
            define(f"internal void @NAME.pack{kernel}", _pack),
            define(f"void @NAME.driver{kernel}", _driver),
        )
    )


def _driver(w: Body) -> None:
    packing, computing = _copied(w, "%p", "length"), _copied(w, "%p", "length")
    words = _copied(w, "%words", "arguments")
    panels = w.argument("scratch_word")
    panels_of_b = w.pointer(panels, w.parameter("slot_b"))
    for operand, place in (("a", panels), ("b", panels_of_b)):  # to be computed with
        word = w.address(words, w.parameter(f"{operand}_word"))
        w.line(f"store ptr {place}, ptr {word}")
        w.set_parameter(computing, f"{operand}_along", w.parameter(f"{operand}_line"))
    depth, longest = w.parameters("whole_depth", "round_depth")
    first = w.begin_loop("0", depth, longest)
    count = w.smaller(longest, w.sub(depth, first.index))
    for parameters in (packing, computing):
        w.set_parameter(parameters, "depth_first", first.index)
        w.set_parameter(parameters, "depth_count", count)
    pieces = w.add(_pieces(w, "a", "tiles", count), _pieces(w, "b", "panels", count))
    launch(w, "@NAME.pack", ("%words", packing), pieces, w.parameter("share_chunks"))
    units, chunks = w.parameters("units", "compute_chunks")
    launch(w, w.parameter("compute", "ptr"), (words, computing), units, chunks)
    w.end_loop(first)


def _copied(w: Body, base: str, length: str) -> str:
    """A copy of a block of words whose length is a parameter."""
    count = w.parameter(length)
    own = w.let(f"alloca i64, i64 {count}, align 64")
    bytes_of_block = w.mul(count, 8)
    w.line(
        f"call void @llvm.memcpy.p0.p0.i64(ptr {own}, ptr {base}, i64 {bytes_of_block}, i1 false)"
    )
    return own


def launch(w: Body, kernel: str, blocks: tuple[str, str], units: str, chunks: str) -> None:
    """Let the threads run a kernel over its units; `blocks` are its words and parameters."""
    chunks = w.smaller(chunks, units)
    words = (*(f"ptr {block}" for block in blocks), f"i64 {units}", f"i64 {chunks}")
    w.call("@argand_parallel", (f"ptr {kernel}", *words))


def _pieces(w: Body, operand: str, panels: str, depth: str) -> str:
    """How many units pack an operand: each packs `piece` k of one panel."""
    piece = w.parameter(f"piece_{operand}")
    count = w.let(f"udiv i64 {w.sub(w.add(depth, piece), 1)}, {piece}")
    return w.mul(count, w.parameter(panels))


def _pack(w: Body) -> None:
    """Units: pieces of the panels of A, then those of B; neighbours in the operand follow."""
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    units_of_a = _pieces(w, "a", "tiles", w.parameter("depth_count"))
    unit = w.begin_loop("%first", "%end", "1")
    of_b = w.holds("uge", unit.index, units_of_a)
    w.when(
        of_b,
        lambda: _pack_panel(w, w.sub(unit.index, units_of_a)),
        lambda: _pack_tile(w, unit.index),
    )
    w.end_loop(unit)


def _pack_tile(w: Body, unit: str) -> None:
    piece, tile = w.divided(unit, w.parameter("tiles"))
    table = w.table("tiles_at")
    height = w.begin_loop("0", w.parameter("height_count"), "1", [("i64", "0"), ("i64", "0")])
    line = w.let(f"getelementptr [{TILES_WORDS} x i64], ptr {table}, i64 {height.index}")
    row, rows = tile_rows(w, tile, line)
    below = w.holds("ult", tile, w.word(line, 0))
    fresh = w.let(f"and i64 {below}, {w.holds('eq', height.values[1], '0')}")
    row = w.select(fresh, row, height.values[0])
    rows = w.select(fresh, rows, height.values[1])
    w.end_loop(height, [row, rows])
    _pack_piece(w, "a", tile, piece, (height.values[0], height.values[1]), "0")


def _pack_panel(w: Body, unit: str) -> None:
    piece, panel = w.divided(unit, w.parameter("panels"))
    width = w.parameter("width")
    first = w.mul(panel, width)
    columns = w.smaller(w.sub(w.parameter("column_count"), first), width)
    _pack_piece(w, "b", panel, piece, (first, columns), w.parameter("slot_b"))


def _pack_piece(
    w: Body, operand: str, panel: str, piece: str, lines: tuple[str, str], place: str
) -> None:
    step = w.parameter(f"piece_{operand}")
    k = w.mul(piece, step)
    w.set_task("depth", w.smaller(step, w.sub(w.parameter("depth_count"), k)))
    w.set_task("step", w.add(k, w.parameter("depth_first")))
    along, line, size = w.parameters(*(f"{operand}_{n}" for n in ("along", "line", "panel")))
    offset = w.mul(w.add(k, w.parameter("depth_first")), along)
    source = w.pointer(w.argument(f"{operand}_word"), offset)
    target = w.pointer(w.argument("scratch_word"), w.add(place, w.mul(k, line)))
    target = w.pointer(target, w.mul(panel, size))
    pack(w, operand, w.parameter(f"share_{operand}", "ptr"), lines, (source, target))
