"""Convolutions of 3 x 3 at stride 1 by Winograd's F(4 x 4, 3 x 3), in float32.

The image is cut into tiles of 4 x 4 results, numbered over all images; a unit of work is a block of
tiles. It transforms the values of its tiles, channel by channel, to 36 matrices of points
(channels x tiles); the matrix microkernel multiplies these by the 36 matrices of transformed
weights (outputs x channels); and what that gives is transformed back. All of a block stays in a
thread's own slot of scratch memory. ``driver`` lets the threads transform the weights first, and
then compute the blocks.

A block's tiles are *segments*: runs of neighbours in one row of tiles. Vectors of values lie along
a row of the image while a column of a tile is transformed, and have a lane for each tile while a
row is; pieces of 128 bits are what both have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from argand.dtypes import float32
from argand.kernels import jit
from argand.kernels.conv_vectors import Vectors
from argand.kernels.emit import Writer
from argand.kernels.gemm_code import Body
from argand.kernels.gemm_deliver import Activation
from argand.kernels.gemm_drive import SLOT
from argand.kernels.gemm_micro import TASK
from argand.kernels.gemm_pack import transposed
from argand.kernels.gemm_share import launch
from argand.kernels.winograd_transform import (
    POINTS,
    TAPS,
    TILE,
    back,
    of_gradients,
    of_values,
    of_weights,
)

BLOCK = 32  # tiles that are transformed together; a multiple of every panel's width
PIECE = 4  # float32 in 128 bits
ROW = 4 * (2 * BLOCK * TILE + 32)  # bytes of a row of values on its way through the transform
OUT_ROW = 4 * BLOCK * TILE
SEGMENT = (  # what the table tells of a segment; offsets in bytes
    "length",  # tiles
    "place",  # tiles of the block before it
    "image",  # to its image
    "y",  # first row and column of values
    "x",
    "out",  # to its first result
    "rows",  # results of a column that exist
    "columns",  # and of a row
    "out_start",  # to the results of its image
    "out_y",  # first row and column of results
    "out_x",
)
HEIGHT_WORDS = 3  # a row of the table of heights: tiles, rows of a tile, microkernel

PARAMETERS = (
    "weight_lane",  # bytes: from an output to the next
    "weight_unit",  # from a channel to the next
    "weight_tap",
    "weight_first",  # to the first tap
    "weight_group",
    "weight_word",  # which arguments the operands are
    "image_word",
    "bias_word",
    "scratch_word",
    "out_word",
    "biased",
    "channels",  # of a group
    "outputs",
    "output_block",  # so many outputs are computed before they are transformed back
    "image_image",  # bytes: from an image to the next,
    "image_channel",
    "image_group",
    "height",
    "width",
    "pad_y",
    "pad_x",
    "out_image",
    "out_channel",
    "out_group",
    "out_height",
    "out_width",
    "tile_rows",  # rows of tiles of an image
    "tile_columns",
    "tiles",  # of all images
    "blocks",
    "u_row",  # bytes: transformed weights from a channel to the next
    "u_plane",  # from a point to the next
    "u_group",
    "v_plane",  # points from a plane to the next
    "m_plane",
    "m_first",  # from the points of a block to their products
    "panels",  # of the microkernel in a block
    "panel_bytes",
    "weight_units",
    "weight_chunks",
    "units",
    "chunks",
    "height_count",
    "heights_at",
    "slots",
    "slot_count",
    "slot_first",
    "slot_bytes",
    # the gradient of the weight: see winograd_gradient
    "slices",
    "slice_blocks",  # blocks of tiles in a slice
    "group_blocks",  # and blocks that are multiplied at once
    "parts",  # of the channels
    "part_channels",
    "h_row",  # bytes: gradients from a tile to the next
    "h_plane",
    "h_first",
    "v_row",
    "v_first",
    "s_row",  # sums from an output to the next
    "s_plane",
    "s_slice",
)


class Words(Body):
    """Code that reads these parameters."""

    number = {name: place for place, name in enumerate(PARAMETERS)}


@cache
def driver(lanes: int, masks: bool, activation: Activation | None = None) -> int:
    """The address of ``driver``, a kernel of one unit."""
    return jit.address(text(lanes, masks, activation), "driver")


def text(lanes: int, masks: bool, activation: Activation | None) -> str:
    """The module; `masks` tells whether masked loads and stores are instructions."""
    kernel = "(ptr %words, ptr %p, i64 %first, i64 %end)"
    image = "(ptr %p, ptr %segments, i64 %count, ptr %places, ptr %image, ptr %to)"
    results = "(ptr %p, ptr %segments, i64 %count, ptr %from, ptr %out, ptr %bias)"
    functions: tuple[tuple[str, Callable[[Words], None]], ...] = (
        (f"internal void @NAME.weights{kernel}", lambda w: _weights(w, lanes)),
        CUT,
        (f"internal void @NAME.values{image}", lambda w: _values(w, lanes)),
        ("internal void @NAME.multiply(ptr %p, ptr %u, ptr %v, ptr %m)", _multiply),
        (
            f"internal void @NAME.results{results}",
            lambda w: _results(w, lanes, masks, activation),
        ),
        (f"internal void @NAME.blocks{kernel}", _blocks),
        (f"void @NAME.driver{kernel}", _driver),
    )
    return module(functions)


def module(functions: Sequence[tuple[str, Callable[[Words], None]]]) -> str:
    """The text of a module with functions that are given by signature and body."""
    declarations = {"declare void @argand_parallel(ptr, ptr, ptr, i64, i64)"}
    texts = []
    for signature, write in functions:
        w = Words()
        write(w)
        declarations |= w.declarations
        ending = "" if signature.startswith("internal i64") else "  ret void"
        texts.append("\n".join((f"define {signature} {{", "entry:", *w.lines, ending, "}", "")))
    return "\n".join((*sorted(declarations), SLOT, *texts))


def _driver(w: Words) -> None:
    both = ("%words", "%p")
    launch(w, "@NAME.weights", both, *w.parameters("weight_units", "weight_chunks"))
    launch(w, "@NAME.blocks", both, *w.parameters("units", "chunks"))


# ---- weights ------------------------------------------------------------------------------------


def _weights(w: Words, lanes: int) -> None:
    """Units: channels of all groups. Transforms 3 x 3 weights to 6 x 6 points, outputs in lanes."""
    v = Vectors(w, lanes)
    channels, outputs = w.parameters("channels", "outputs")
    lane, tap = w.parameters("weight_lane", "weight_tap")
    plane = w.parameter("u_plane")
    wide = f"<{lanes} x i64>"
    unit = w.begin_loop("%first", "%end", "1")
    group, channel = w.divided(unit.index, channels)
    start = w.pointer(w.argument("weight_word"), w.parameter("weight_first"))
    start = w.pointer(start, w.mul(group, w.parameter("weight_group")))
    start = w.pointer(start, w.mul(channel, w.parameter("weight_unit")))
    to = w.pointer(w.argument("scratch_word"), w.mul(group, w.parameter("u_group")))
    to = w.pointer(to, w.mul(channel, w.parameter("u_row")))
    block = w.begin_loop("0", outputs, str(lanes))
    numbers = w.let(f"add {wide} {w.splat(block.index, 'i64', lanes)}, {v.numbers('i64')}")
    last = w.splat(w.sub(outputs, 1), "i64", lanes)
    beyond = w.let(f"icmp ugt {wide} {numbers}, {last}")
    numbers = w.let(f"select <{lanes} x i1> {beyond}, {wide} {last}, {wide} {numbers}")
    offsets = w.let(f"mul {wide} {numbers}, {w.splat(lane, 'i64', lanes)}")
    taps = []
    for number in range(TAPS * TAPS):
        base = w.pointer(start, w.mul(tap, number))
        places = w.let(f"getelementptr i8, ptr {base}, {wide} {offsets}")
        taps.append(v.gather(float32, places, "splat (i1 true)"))
    columns = [of_weights(v, taps[column::TAPS]) for column in range(TAPS)]
    to = w.address(to, block.index, "float")
    for i in range(POINTS):
        for value in of_weights(v, [column[i] for column in columns]):
            v.store(float32, value, to, None)
            to = w.pointer(to, plane)
    w.end_loop(block)
    w.end_loop(unit)


# ---- blocks -------------------------------------------------------------------------------------


def _blocks(w: Words) -> None:
    """Units: blocks of tiles of all groups."""
    w.line(f"%segments = alloca [{BLOCK * len(SEGMENT)} x i64], align 64")
    w.line(f"%places = alloca [{BLOCK} x i64], align 64")
    slots, count = w.parameter("slots", "ptr"), w.parameter("slot_count")
    mine = w.let(f"call i64 @NAME.claim(ptr {slots}, i64 {count})")
    place = w.add(w.mul(mine, w.parameter("slot_bytes")), w.parameter("slot_first"))
    points = w.pointer(slots, place)
    products = w.pointer(points, w.parameter("m_first"))
    unit = w.begin_loop("%first", "%end", "1")
    group, block = w.divided(unit.index, w.parameter("blocks"))
    found = w.let(
        "call i64 @NAME.cut(ptr %p, ptr %segments, ptr %places, "
        f"i64 {w.mul(block, BLOCK)})"
    )
    image = w.pointer(w.argument("image_word"), w.mul(group, w.parameter("image_group")))
    table = ("ptr %p", "ptr %segments", f"i64 {found}")
    w.call("@NAME.values", (*table, "ptr %places", f"ptr {image}", f"ptr {points}"))
    u = w.pointer(w.argument("scratch_word"), w.mul(group, w.parameter("u_group")))
    out = w.pointer(w.argument("out_word"), w.mul(group, w.parameter("out_group")))
    outputs = w.parameter("outputs")
    bias = w.address(w.argument("bias_word"), w.mul(group, outputs), "float")
    part = w.begin_loop("0", outputs, w.parameter("output_block"))
    u = w.address(u, part.index, "float")
    w.call("@NAME.multiply", ("ptr %p", f"ptr {u}", f"ptr {points}", f"ptr {products}"))
    out = w.pointer(out, w.mul(part.index, w.parameter("out_channel")))
    bias = w.address(bias, part.index, "float")
    w.call("@NAME.results", (*table, f"ptr {products}", f"ptr {out}", f"ptr {bias}"))
    w.end_loop(part)
    w.end_loop(unit)
    flag = w.let(f"getelementptr [8 x i64], ptr {slots}, i64 {mine}")
    w.line(f"store atomic i64 0, ptr {flag} release, align 8")


def _cut(w: Words) -> None:
    """Fill the table of segments of the block that begins with tile `first`; their number.

    `places` gets the byte in a row of values where each tile begins.
    """
    w.line("%length = alloca i64")
    columns, rows = w.parameters("tile_columns", "tile_rows")
    count = w.smaller(w.sub(w.parameter("tiles"), "%first"), str(BLOCK))
    clear = w.begin_loop("0", str(BLOCK), "1")
    w.line(f"store i64 0, ptr {w.address('%places', clear.index)}")
    w.end_loop(clear)
    # a loop whose step is the segment's length: the carried value, not the index, tells the tile
    segment = w.begin_loop("0", str(BLOCK), "1", [("i64", "0"), ("i64", "0")])
    done, number = segment.values
    active = w.holds("ult", done, count)

    def one() -> None:
        tile_row, column = w.divided(w.add("%first", done), columns)
        image, row = w.divided(tile_row, rows)
        length = w.smaller(w.sub(columns, column), w.sub(count, done))
        w.line(f"store i64 {length}, ptr %length")
        x, y = w.mul(column, TILE), w.mul(row, TILE)
        width, height = w.parameters("out_width", "out_height")
        place = w.add(done, number)
        out = w.mul(w.add(w.mul(y, width), x), 4)
        words = {
            "length": length,
            "place": done,
            "image": w.mul(image, w.parameter("image_image")),
            "y": w.sub(y, w.parameter("pad_y")),
            "x": w.sub(x, w.parameter("pad_x")),
            "out": w.add(out, w.mul(image, w.parameter("out_image"))),
            "rows": w.smaller(w.sub(height, y), str(TILE)),
            "columns": w.smaller(w.sub(width, x), w.mul(length, TILE)),
            "out_start": w.mul(image, w.parameter("out_image")),
            "out_y": y,
            "out_x": x,
        }
        line = w.address("%segments", w.mul(number, len(SEGMENT)))
        for field, word in enumerate(words.values()):
            w.line(f"store i64 {word}, ptr {w.address(line, field)}")
        each = w.begin_loop("0", length, "1")
        byte = w.mul(w.add(place, each.index), 4 * TILE)
        w.line(f"store i64 {byte}, ptr {w.address('%places', w.add(done, each.index))}")
        w.end_loop(each)

    w.line("store i64 0, ptr %length")
    w.when(active, one)
    length = w.let("load i64, ptr %length")
    w.end_loop(segment, [w.add(done, length), w.add(number, active)])
    w.line(f"ret i64 {number}")


CUT = ("internal i64 @NAME.cut(ptr %p, ptr %segments, ptr %places, i64 %first)", _cut)


def _segment(w: Writer, number: str) -> dict[str, str]:
    line = w.address("%segments", w.let(f"mul i64 {number}, {len(SEGMENT)}"))
    return {name: w.word(line, field) for field, name in enumerate(SEGMENT)}


def _values(w: Words, lanes: int) -> None:
    """Transform the values of a block's tiles, for all channels."""
    w.line(f"%rows = alloca [{POINTS * ROW} x i8], align 64")
    v = Vectors(w, lanes)
    channel = w.begin_loop("0", w.parameter("channels"), "1")
    image = w.pointer("%image", w.mul(channel.index, w.parameter("image_channel")))
    segment = w.begin_loop("0", "%count", "1")
    columns_to_points(w, v, VALUES, (image, "%rows"), segment.index)
    w.end_loop(segment)
    to = w.pointer("%to", w.mul(channel.index, 4 * BLOCK))
    _rows_of_values(w, v, to)
    w.end_loop(channel)


class Source(NamedTuple):
    """What is transformed to points: values of an image, or gradients of results."""

    values: int  # in a row or column of a tile
    transform: Callable[[Vectors, Sequence[str]], list[str]]
    size: tuple[str, str]  # the parameters with height and width of the image
    fields: tuple[str, str, str]  # of a segment: to its image, first row and column


VALUES = Source(POINTS, of_values, ("height", "width"), ("image", "y", "x"))
GRADIENTS = Source(
    TILE, of_gradients, ("out_height", "out_width"), ("out_start", "out_y", "out_x")
)


def columns_to_points(
    w: Words, v: Vectors, source: Source, ends: tuple[str, str], number: str
) -> None:
    """Transform columns of a segment's tiles: vectors along a row of the image."""
    lanes = v.width
    segment = _segment(w, number)
    offset, first_y, first_x = (segment[name] for name in source.fields)
    height, width = w.parameters(*source.size)
    start = w.pointer(ends[0], offset)
    place = w.mul(w.add(segment["place"], number), TILE)
    needed = w.add(w.mul(segment["length"], TILE), source.values - TILE)
    part = w.begin_loop("0", needed, str(lanes))
    x = w.add(first_x, part.index)
    numbers = w.splat(w.let(f"trunc i64 {x} to i32"), "i32", lanes)
    numbers = w.let(f"add <{lanes} x i32> {numbers}, {v.numbers()}")
    values = []
    for i in range(source.values):
        y = w.add(first_y, i)
        inside = w.let(f"icmp ult i64 {y}, {height}")
        end = w.let(f"trunc i64 {w.let(f'select i1 {inside}, i64 {width}, i64 0')} to i32")
        mask = w.let(f"icmp ult <{lanes} x i32> {numbers}, {w.splat(end, 'i32', lanes)}")
        at = w.address(start, w.add(w.mul(y, width), x), "float")
        values.append(v.load(float32, at, mask))
    target = w.address(ends[1], w.add(place, part.index), "float")
    for i, value in enumerate(source.transform(v, values)):
        v.store(float32, value, w.address(target, i * ROW, "i8"), None)
    w.end_loop(part)


def _rows_of_values(w: Words, v: Vectors, to: str) -> None:
    """Transform rows of 6 values: a lane for each tile."""
    plane = w.parameter("v_plane")
    part = w.begin_loop("0", str(BLOCK), str(v.width))
    here = w.address(to, part.index, "float")
    row = w.begin_loop("0", str(POINTS), "1")
    source = w.pointer("%rows", w.mul(row.index, ROW))
    starts = []
    for tile in range(v.width):
        byte = w.let(f"load i64, ptr {w.address('%places', w.add(part.index, tile))}")
        starts.append(w.pointer(source, byte))
    values = pieces_across(v, starts, 0) + pieces_across(v, starts, PIECE)
    target = w.pointer(here, w.mul(w.mul(row.index, POINTS), plane))
    for value in of_values(v, values[:POINTS]):
        v.store(float32, value, target, None)
        target = w.pointer(target, plane)
    w.end_loop(row)
    w.end_loop(part)


def pieces_across(v: Vectors, starts: list[str], first: int) -> list[str]:
    """4 neighbours at each of the addresses, as 4 vectors with a lane for each address."""
    w = v.w
    small = Vectors(w, PIECE)
    rows = []
    for line in range(PIECE):
        pieces = [
            small.load(float32, w.address(start, first, "float"), None)
            for start in starts[line::PIECE]
        ]
        width = PIECE
        while len(pieces) > 1:
            joined = Vectors(w, width)
            pairs = zip(pieces[::2], pieces[1::2])
            pieces = [joined.shuffle(a, b, range(2 * width)) for a, b in pairs]
            width *= 2
        rows.append(pieces[0])
    return transposed(w, rows, v.width, PIECE, float32)


def _multiply(w: Words) -> None:
    """For each point: outputs x channels times channels x tiles."""
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    w.set_task("depth", w.parameter("channels"))
    w.set_task("a_depth", w.parameter("u_row"))
    w.set_task("b_depth", str(4 * BLOCK))
    u_plane, v_plane, m_plane = w.parameters("u_plane", "v_plane", "m_plane")
    panels, panel_bytes = w.parameters("panels", "panel_bytes")
    table, heights = w.address("%p", w.parameter("heights_at")), w.parameter("height_count")
    starts = [("ptr", "%u"), ("ptr", "%v"), ("ptr", "%m")]
    point = w.begin_loop("0", str(POINTS * POINTS), "1", starts)
    u, values, m = point.values
    height = w.begin_loop("0", heights, "1", [("i64", "0")])
    line = w.let(f"getelementptr [{HEIGHT_WORDS} x i64], ptr {table}, i64 {height.index}")
    tiles, rows, micro = w.word(line, 0), w.word(line, 1), w.word(line, 2, "ptr")
    tile = w.begin_loop("0", tiles, "1", [("i64", height.values[0])])
    a = w.address(u, tile.values[0], "float")
    to = w.pointer(m, w.mul(tile.values[0], 4 * BLOCK))
    panel = w.begin_loop("0", panels, "1")
    across = w.mul(panel.index, panel_bytes)
    ends = (w.pointer(values, across), w.pointer(to, across))
    w.call(micro, (f"ptr {a}", f"ptr {ends[0]}", f"ptr {ends[1]}", f"i64 {4 * BLOCK}", "ptr %task"))
    w.end_loop(panel)
    w.end_loop(tile, [w.add(tile.values[0], rows)])
    w.end_loop(height, [tile.values[0]])
    w.end_loop(point, [w.pointer(u, u_plane), w.pointer(values, v_plane), w.pointer(m, m_plane)])


def _results(w: Words, lanes: int, masks: bool, activation: Activation | None) -> None:
    """Transform the products back, and write the results."""
    w.line(f"%tile = alloca [{TILE * OUT_ROW} x i8], align 64")
    v = Vectors(w, lanes)
    biased = w.let(f"trunc i64 {w.parameter('biased')} to i1")
    w.line("%none = alloca float")
    w.line("store float 0.0, ptr %none")
    out_row = w.mul(w.parameter("out_width"), 4)
    channel = w.begin_loop("0", w.parameter("output_block"), "1")
    at = w.address("%bias", channel.index, "float")
    at = w.let(f"select i1 {biased}, ptr {at}, ptr %none")
    term = w.splat(w.let(f"load float, ptr {at}"), "float", lanes)
    products = w.pointer("%from", w.mul(channel.index, 4 * BLOCK))
    part = w.begin_loop("0", str(BLOCK), str(lanes))
    _tile_of_results(w, v, w.address(products, part.index, "float"), part.index, term, activation)
    w.end_loop(part)
    out = w.pointer("%out", w.mul(channel.index, w.parameter("out_channel")))
    number = w.begin_loop("0", "%count", "1")
    segment = _segment(w, number.index)
    first = w.pointer("%tile", w.mul(segment["place"], 4 * TILE))
    target = w.pointer(out, segment["out"])
    row = w.begin_loop("0", segment["rows"], "1")
    source = w.pointer(first, w.mul(row.index, OUT_ROW))
    to = w.pointer(target, w.mul(row.index, out_row))
    _copy_row(w, v, (source, to), segment["columns"], masks)
    w.end_loop(row)
    w.end_loop(number)
    w.end_loop(channel)


def _tile_of_results(
    w: Words, v: Vectors, source: str, first: str, term: str, activation: Activation | None
) -> None:
    plane = w.parameter("m_plane")
    points = []
    for _ in range(POINTS * POINTS):
        points.append(v.load(float32, source, None))
        source = w.pointer(source, plane)
    columns = [back(v, points[column::POINTS]) for column in range(POINTS)]
    for i in range(TILE):
        values = [v.add(x, term) for x in back(v, [column[i] for column in columns])]
        if activation is not None:
            values = [activation(v, x) for x in values]
        to = w.address("%tile", i * OUT_ROW, "i8")
        to = w.address(to, w.mul(first, TILE), "float")
        for place, value in enumerate(_in_order(v, values)):
            v.store(float32, value, w.address(to, place * v.width, "float"), None)


def _in_order(v: Vectors, values: list[str]) -> list[str]:
    """4 vectors with a lane for each tile, as 4 vectors with tile after tile."""
    pieces = transposed(v.w, values, v.width, PIECE, float32)  # block b of i is tile i + 4 b
    blocks = v.width // PIECE
    if blocks == 1:
        return pieces
    found = []
    for number in range(PIECE):
        tiles = range(number * blocks, (number + 1) * blocks)
        found.append(_joined(v, [(pieces[t % PIECE], t // PIECE) for t in tiles]))
    return found


def _joined(v: Vectors, blocks: list[tuple[str, int]]) -> str:
    """A vector of blocks of others: pairs of a vector and a block's number."""
    if len(blocks) == 2:
        (a, i), (b, j) = blocks
        return v.shuffle(a, b, [*_lanes(i), *(v.width + lane for lane in _lanes(j))])
    half = len(blocks) // 2
    left, right = _joined_half(v, blocks[:half]), _joined_half(v, blocks[half:])
    lower = range(v.width // 2)
    return v.shuffle(left, right, [*lower, *(v.width + lane for lane in lower)])


def _joined_half(v: Vectors, blocks: list[tuple[str, int]]) -> str:
    """Two blocks side by side at the beginning of a vector."""
    (a, i), (b, j) = blocks
    lanes = [*_lanes(i), *(v.width + lane for lane in _lanes(j))]
    return v.shuffle(a, b, lanes + lanes)


def _lanes(block: int) -> range:
    return range(block * PIECE, (block + 1) * PIECE)


def _copy_row(w: Words, v: Vectors, ends: tuple[str, str], count: str, masks: bool) -> None:
    """Copy `count` elements."""
    lanes = v.width
    whole = count if masks else w.let(f"and i64 {count}, {-lanes}")
    part = w.begin_loop("0", whole, str(lanes))
    value = v.load(float32, w.address(ends[0], part.index, "float"), None)
    mask = None
    if masks:
        left = w.splat(w.let(f"trunc i64 {w.sub(count, part.index)} to i32"), "i32", lanes)
        mask = w.let(f"icmp ugt <{lanes} x i32> {left}, {v.numbers()}")
    v.store(float32, value, w.address(ends[1], part.index, "float"), mask)
    w.end_loop(part)
    if masks:
        return
    rest = w.begin_loop(whole, count, "1")
    one = w.let(f"load float, ptr {w.address(ends[0], rest.index, 'float')}")
    w.line(f"store float {one}, ptr {w.address(ends[1], rest.index, 'float')}")
    w.end_loop(rest)
