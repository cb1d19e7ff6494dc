"""The gradient of a 3 x 3 weight by Winograd's method, in float32.

It is the transpose of the convolution (conv_winograd) with respect to the weight: the values of
each tile and the gradients of its results are transformed to 36 points, for each point the products
of all pairs of channels are added up over the tiles, and these sums are transformed to 3 x 3
gradients. Sums over tiles are matrix products whose k are the tiles; so points lie with a lane for
each channel, which is how the second half of the transform leaves them.

A unit of work is a slice of the tiles and a part of the channels; it has sums of its own, and a
second kernel adds up the slices. Their number depends on sizes alone, and so does the result.
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import float32
from argand.kernels import jit
from argand.kernels.conv_vectors import Vectors
from argand.kernels.conv_winograd import (
    BLOCK,
    CUT,
    GRADIENTS,
    HEIGHT_WORDS,
    PIECE,
    ROW,
    SEGMENT,
    VALUES,
    Source,
    Words,
    columns_to_points,
    module,
    pieces_across,
)
from argand.kernels.gemm_micro import TASK
from argand.kernels.gemm_share import launch
from argand.kernels.winograd_transform import POINTS, TAPS, to_weights

PART_VECTORS = 4  # vectors of channels in a part


@cache
def driver(lanes: int, vectors: int) -> int:
    """The address of ``driver``, a kernel of one unit, for tiles of so many vectors."""
    return jit.address(text(lanes, vectors), "driver")


def text(lanes: int, vectors: int) -> str:
    """The module."""
    kernel = "(ptr %words, ptr %p, i64 %first, i64 %end)"
    points = (
        "(ptr %p, ptr %segments, i64 %count, ptr %places, i64 %tiles, ptr %rows, ptr %image, "
        "i64 %from, i64 %end, ptr %to)"
    )
    return module(
        (
            CUT,
            (f"internal void @NAME.values{points}", lambda w: _points(w, lanes, VALUES, "v")),
            (f"internal void @NAME.gradients{points}", lambda w: _points(w, lanes, GRADIENTS, "h")),
            (
                "internal void @NAME.multiply(ptr %p, i64 %tiles, ptr %h, ptr %v, ptr %s, "
                "i64 %width, i64 %fresh)",
                lambda w: _multiply(w, lanes, vectors),
            ),
            (f"internal void @NAME.slices{kernel}", lambda w: _slices(w, lanes)),
            (f"internal void @NAME.total{kernel}", lambda w: _total(w, lanes)),
            (f"void @NAME.driver{kernel}", _driver),
        )
    )


def _driver(w: Words) -> None:
    both = ("%words", "%p")
    launch(w, "@NAME.slices", both, *w.parameters("units", "chunks"))
    launch(w, "@NAME.total", both, *w.parameters("weight_units", "weight_chunks"))


def _slices(w: Words, lanes: int) -> None:
    """Units: slices of the tiles, times parts of the channels, times groups."""
    w.line(f"%segments = alloca [{BLOCK * len(SEGMENT)} x i64], align 64")
    w.line(f"%places = alloca [{BLOCK} x i64], align 64")
    slots, count = w.parameter("slots", "ptr"), w.parameter("slot_count")
    mine = w.let(f"call i64 @NAME.claim(ptr {slots}, i64 {count})")
    place = w.add(w.mul(mine, w.parameter("slot_bytes")), w.parameter("slot_first"))
    rows = w.pointer(slots, place)
    h_points = w.pointer(rows, w.parameter("h_first"))
    v_points = w.pointer(rows, w.parameter("v_first"))
    unit = w.begin_loop("%first", "%end", "1")
    rest, part = w.divided(unit.index, w.parameter("parts"))
    group, piece = w.divided(rest, w.parameter("slices"))
    channel = w.mul(part, w.parameter("part_channels"))
    channels = w.smaller(w.parameter("channels"), w.add(channel, w.parameter("part_channels")))
    image = w.pointer(w.argument("image_word"), w.mul(group, w.parameter("image_group")))
    out = w.pointer(w.argument("out_word"), w.mul(group, w.parameter("out_group")))
    sums = w.pointer(w.argument("scratch_word"), w.mul(rest, w.parameter("s_slice")))
    sums = w.address(sums, channel, "float")
    first_block = w.mul(piece, w.parameter("slice_blocks"))
    end_block = w.smaller(w.add(first_block, w.parameter("slice_blocks")), w.parameter("blocks"))
    several = w.begin_loop(first_block, end_block, w.parameter("group_blocks"))
    end = w.smaller(w.add(several.index, w.parameter("group_blocks")), end_block)
    block = w.begin_loop(several.index, end, "1", [("ptr", h_points), ("ptr", v_points)])
    first = w.mul(block.index, BLOCK)
    found = w.let(f"call i64 @NAME.cut(ptr %p, ptr %segments, ptr %places, i64 {first})")
    tiles = w.smaller(w.sub(w.parameter("tiles"), first), str(BLOCK))
    table = ["ptr %p", "ptr %segments", f"i64 {found}", "ptr %places", f"i64 {tiles}"]
    table.append(f"ptr {rows}")
    h, v = block.values
    outputs = w.parameter("outputs")
    w.call("@NAME.gradients", (*table, f"ptr {out}", "i64 0", f"i64 {outputs}", f"ptr {h}"))
    ends = (f"i64 {channel}", f"i64 {channels}", f"ptr {v}")
    w.call("@NAME.values", (*table, f"ptr {image}", *ends))
    h = w.pointer(h, w.mul(w.parameter("h_row"), BLOCK))
    v = w.pointer(v, w.mul(w.parameter("v_row"), BLOCK))
    w.end_loop(block, [h, v])
    last = w.smaller(w.mul(end, BLOCK), w.parameter("tiles"))
    depth = w.sub(last, w.mul(several.index, BLOCK))
    fresh = w.holds("eq", several.index, first_block)
    width = w.sub(channels, channel)
    operands = (f"ptr {h_points}", f"ptr {v_points}", f"ptr {sums}", f"i64 {width}", f"i64 {fresh}")
    w.call("@NAME.multiply", ("ptr %p", f"i64 {depth}", *operands))
    w.end_loop(several)
    w.end_loop(unit)
    flag = w.let(f"getelementptr [8 x i64], ptr {slots}, i64 {mine}")
    w.line(f"store atomic i64 0, ptr {flag} release, align 8")


def _points(w: Words, lanes: int, source: Source, letter: str) -> None:
    """Transform a block's tiles for the channels from `from` to `end`; lanes are channels."""
    v = Vectors(w, lanes)
    stride = w.parameter("image_channel" if source is VALUES else "out_channel")
    plane, line = w.parameters(f"{letter}_plane", f"{letter}_row")
    last = w.sub("%end", 1)
    block = w.begin_loop("%from", "%end", str(lanes))
    lane = w.begin_loop("0", str(lanes), "1")
    channel = w.smaller(w.add(block.index, lane.index), last)  # again, where there are no more
    image = w.pointer("%image", w.mul(channel, stride))
    rows = w.pointer("%rows", w.mul(lane.index, POINTS * ROW))
    segment = w.begin_loop("0", "%count", "1")
    columns_to_points(w, v, source, (image, rows), segment.index)
    w.end_loop(segment)
    w.end_loop(lane)
    to = w.address("%to", w.sub(block.index, "%from"), "float")
    tile = w.begin_loop("0", "%tiles", "1")
    place = w.let(f"load i64, ptr {w.address('%places', tile.index)}")
    base = w.pointer("%rows", place)
    here = w.pointer(to, w.mul(tile.index, line))
    row = w.begin_loop("0", str(POINTS), "1")
    start = w.pointer(base, w.mul(row.index, ROW))
    starts = [w.address(start, lane * POINTS * ROW, "i8") for lane in range(lanes)]
    values = []
    for first in range(0, source.values, PIECE):
        values += pieces_across(v, starts, first)
    target = w.pointer(here, w.mul(w.mul(row.index, POINTS), plane))
    for value in source.transform(v, values[: source.values]):
        v.store(float32, value, target, None)
        target = w.pointer(target, plane)
    w.end_loop(row)
    w.end_loop(tile)
    w.end_loop(block)


def _multiply(w: Words, lanes: int, vectors: int) -> None:
    """For each point: outputs x tiles times tiles x channels, added to the sums unless `fresh`."""
    v = Vectors(w, lanes)
    width = lanes * vectors
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    w.line(f"%tile = alloca [{64 * width} x float], align 64")
    w.set_task("depth", "%tiles")
    w.set_task("a_depth", w.parameter("h_row"))
    w.set_task("b_depth", w.parameter("v_row"))
    planes = w.parameters("h_plane", "v_plane", "s_plane")
    line = w.parameter("s_row")
    table, heights = w.address("%p", w.parameter("heights_at")), w.parameter("height_count")
    old = w.let("icmp eq i64 %fresh, 0")
    starts = [("ptr", "%h"), ("ptr", "%v"), ("ptr", "%s")]
    point = w.begin_loop("0", str(POINTS * POINTS), "1", starts)
    panel = w.begin_loop("0", "%width", str(width))
    b, to = (w.address(base, panel.index, "float") for base in point.values[1:])
    height = w.begin_loop("0", heights, "1", [("i64", "0")])
    entry = w.let(f"getelementptr [{HEIGHT_WORDS} x i64], ptr {table}, i64 {height.index}")
    tiles, rows, micro = w.word(entry, 0), w.word(entry, 1), w.word(entry, 2, "ptr")
    tile = w.begin_loop("0", tiles, "1", [("i64", height.values[0])])
    first = tile.values[0]
    a = w.address(point.values[0], first, "float")
    c = w.pointer(to, w.mul(first, line))
    straight = w.let(f"select i1 {old}, ptr %tile, ptr {c}")
    step = w.let(f"select i1 {old}, i64 {4 * width}, i64 {line}")
    w.call(micro, (f"ptr {a}", f"ptr {b}", f"ptr {straight}", f"i64 {step}", "ptr %task"))
    added = w.let(f"select i1 {old}, i64 {rows}, i64 0")
    row = w.begin_loop("0", added, "1")
    c_row = w.pointer(c, w.mul(row.index, line))
    source = w.address("%tile", w.mul(row.index, width), "float")
    for place in range(0, width, lanes):
        at = w.address(c_row, place, "float")
        new = v.load(float32, w.address(source, place, "float"), None)
        v.store(float32, v.add(new, v.load(float32, at, None)), at, None)
    w.end_loop(row)
    w.end_loop(tile, [w.add(first, rows)])
    w.end_loop(height, [tile.values[0]])
    w.end_loop(panel)
    w.end_loop(point, [w.pointer(x, plane) for x, plane in zip(point.values, planes)])


def _total(w: Words, lanes: int) -> None:
    """Units: outputs of all groups. Adds up the slices and transforms them to gradients."""
    v = Vectors(w, lanes)
    channels = w.parameter("channels")
    plane, piece_bytes = w.parameters("s_plane", "s_slice")
    slices = w.parameter("slices")
    zeros = [(v.type, "zeroinitializer")] * POINTS
    unit = w.begin_loop("%first", "%end", "1")
    group, output = w.divided(unit.index, w.parameter("outputs"))
    sums = w.pointer(w.argument("scratch_word"), w.mul(w.mul(group, slices), piece_bytes))
    sums = w.pointer(sums, w.mul(output, w.parameter("s_row")))
    to = w.pointer(w.argument("weight_word"), w.mul(unit.index, w.parameter("weight_lane")))
    part = w.begin_loop("0", channels, str(lanes))
    source = w.address(sums, part.index, "float")
    columns = []  # of 3 gradients, for each column of points
    for column in range(POINTS):
        first = w.pointer(source, w.mul(plane, column))
        each = w.begin_loop("0", slices, "1", zeros)
        here = w.pointer(first, w.mul(each.index, piece_bytes))
        found = []
        for total in each.values:
            found.append(v.add(total, v.load(float32, here, None)))
            here = w.pointer(here, w.mul(plane, POINTS))
        w.end_loop(each, found)
        columns.append(to_weights(v, each.values))
    left = w.splat(w.let(f"trunc i64 {w.sub(channels, part.index)} to i32"), "i32", lanes)
    mask = w.let(f"icmp ugt <{lanes} x i32> {left}, {v.numbers()}")
    numbers = ", ".join(f"i64 {TAPS * TAPS * i}" for i in range(lanes))
    start = w.address(to, w.mul(part.index, TAPS * TAPS), "float")
    for i in range(TAPS):
        for j, value in enumerate(to_weights(v, [column[i] for column in columns])):
            at = w.address(start, TAPS * i + j, "float")
            places = w.let(f"getelementptr float, ptr {at}, <{lanes} x i64> <{numbers}>")
            v.scatter(float32, value, places, mask)
    w.end_loop(part)
    w.end_loop(unit)
