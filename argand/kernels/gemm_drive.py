"""The loops around the microkernel: blocks, panels and tiles, and packing (no arithmetic).

``compute`` is a kernel whose units are blocks of C. For each block of k it packs the parts of A and
B that cannot be read well in place, and then goes through the panels of B and, in a panel, through
the tiles: a panel of B stays in a near cache while A passes by. These packed panels are private to
the thread, in a slot of scratch memory that it claims for the length of a call: what another core
has just written would be slow to read, and nobody has to wait for anybody. (In a *shared* product
all panels were packed before: see gemm_share.)

This module knows neither types nor tile sizes, for these come with the parameters as sizes in bytes
and addresses of functions. So it is generated once.
"""

from __future__ import annotations

from functools import cache

from argand.kernels import jit
from argand.kernels.gemm_code import Body, define, for_tiles, pack
from argand.kernels.gemm_micro import TASK


@cache
def compute() -> int:
    """The address of ``compute``."""
    return jit.address(text(), "compute")


@cache
def text() -> str:
    """The module."""
    place = "ptr %p, ptr %task, ptr %from, ptr %to"
    return "\n".join(
        (
            "declare void @llvm.memcpy.inline.p0.p0.i64(ptr, ptr, i64, i1)",
            _OFFSETS,
            SLOT,
            define("internal void @NAME.panel(ptr %task)", _panel),
            define(f"internal void @NAME.pack_a({place})", _pack_a),
            define(f"internal void @NAME.pack_b({place}, i64 %first, i64 %end)", _pack_b),
            define("void @NAME.compute(ptr %words, ptr %p, i64 %first, i64 %end)", _compute),
        )
    )


_OFFSETS = """
; Where the operand of column %which begins, in bytes, for the matrix %index of the batch.
define internal i64 @NAME.offset(ptr %table, i64 %dims, i64 %index, i64 %which) {
entry:
  br label %head
head:
  %dim = phi i64 [ %dims, %entry ], [ %inner, %body ]
  %left = phi i64 [ %index, %entry ], [ %quotient, %body ]
  %sum = phi i64 [ 0, %entry ], [ %more, %body ]
  %done = icmp eq i64 %dim, 0
  br i1 %done, label %end, label %body
body:
  %inner = sub i64 %dim, 1
  %row = getelementptr [5 x i64], ptr %table, i64 %inner
  %size = load i64, ptr %row
  %quotient = udiv i64 %left, %size
  %position = urem i64 %left, %size
  %stride.at = getelementptr i64, ptr %row, i64 %which
  %stride = load i64, ptr %stride.at
  %step = mul i64 %position, %stride
  %more = add i64 %sum, %step
  br label %head
end:
  ret i64 %sum
}
"""

SLOT = """
; Claim a slot: the number of the first whose flag could be raised. Flags are 64 bytes apart.
define internal i64 @NAME.claim(ptr %slots, i64 %count) {
entry:
  br label %try
try:
  %i = phi i64 [ 0, %entry ], [ %following, %taken ]
  %flag = getelementptr [8 x i64], ptr %slots, i64 %i
  %swap = cmpxchg ptr %flag, i64 0, i64 1 acquire monotonic
  %won = extractvalue { i64, i1 } %swap, 1
  br i1 %won, label %end, label %taken
taken:
  %next = add i64 %i, 1
  %last = icmp eq i64 %next, %count
  %following = select i1 %last, i64 0, i64 %next
  br label %try
end:
  ret i64 %i
}
"""


def _panel(w: Body) -> None:
    """All tiles of a task."""
    copy = w.let("alloca [8192 x i8], align 64")
    a, b, c = (w.task(name, "ptr") for name in "abc")
    a_row, a_tile, c_row = (w.task(name) for name in ("a_tile_row", "a_tile", "c_row"))
    copy_row, plain = w.task("copy_row"), w.task("plain")
    deliver = w.task("deliver", "ptr")
    to_row = w.select(plain, c_row, copy_row)
    indirect = w.holds("eq", plain, "0")

    def compute(tile: str, row: str, rows: str, micro: str) -> None:
        a_at = w.pointer(a, w.add(w.mul(row, a_row), w.mul(tile, a_tile)))
        c_at = w.pointer(c, w.mul(row, c_row))
        to = w.select(plain, c_at, copy, "ptr")
        w.call(micro, (f"ptr {a_at}", f"ptr {b}", f"ptr {to}", f"i64 {to_row}", "ptr %task"))
        arguments = ("ptr %task", f"ptr {c_at}", f"ptr {copy}", f"i64 {row}", f"i64 {rows}")
        w.when(indirect, lambda: w.call(deliver, arguments))

    for_tiles(w, compute)


# ---- units ----------------------------------------------------------------------------------


def _compute(w: Body) -> None:
    w.line(f"%task = alloca [{len(TASK)} x i64], align 64")
    w.line(
        f"call void @llvm.memcpy.inline.p0.p0.i64(ptr %task, ptr %p, i64 {8 * len(TASK)}, i1 false)"
    )
    number = w.let("alloca i64")
    w.line(f"store i64 0, ptr {number}")
    packs = w.let(f"or i64 {w.parameter('a_packer')}, {w.parameter('b_packer')}")
    slots, count = w.parameter("slots", "ptr"), w.parameter("slot_count")

    def claim() -> None:
        won = w.let(f"call i64 @NAME.claim(ptr {slots}, i64 {count})")
        w.line(f"store i64 {won}, ptr {number}")

    def release() -> None:
        flag = w.let(f"getelementptr [8 x i64], ptr {slots}, i64 {mine}")
        w.line(f"store atomic i64 0, ptr {flag} release, align 8")

    w.when(packs, claim)
    mine = w.let(f"load i64, ptr {number}")
    place = w.add(w.mul(mine, w.parameter("slot_bytes")), w.parameter("slot_first"))
    _units(w, w.pointer(slots, place))
    w.when(packs, release)


def _units(w: Body, slot: str) -> None:
    row_blocks, column_blocks = w.parameters("row_blocks", "column_blocks")
    tiles, panels = w.parameters("tiles", "panels")
    block_tiles, block_panels = w.parameters("block_tiles", "block_panels")
    unit = w.begin_loop("%first", "%end", "1", [("i64", "-1")])
    matrix, within = w.divided(unit.index, w.mul(row_blocks, column_blocks))
    down = _digit(w, within, w.parameter("row_step"), row_blocks)
    across = _digit(w, within, w.parameter("column_step"), column_blocks)
    columns = w.add(w.mul(matrix, column_blocks), across)
    first_tile = w.mul(down, block_tiles)
    w.set_task("tile", first_tile)
    w.set_task("tile_end", w.smaller(w.add(first_tile, block_tiles), tiles))
    first_panel = w.mul(across, block_panels)
    end_panel = w.smaller(w.add(first_panel, block_panels), panels)
    a, b, c = (_start(w, matrix, name, number) for number, name in enumerate("abc"))
    bias = _start(w, matrix, "bias", 3)
    content = _blocks_of_k(
        w, (a, b, c, bias), slot, (first_panel, end_panel), (matrix, columns), unit.values[0]
    )
    w.end_loop(unit, [content])


def _digit(w: Body, number: str, step: str, count: str) -> str:
    """``number // step % count``."""
    return w.divided(w.divided(number, step)[0], count)[1]


def _start(w: Body, matrix: str, name: str, number: int) -> str:
    """The address of an operand for one matrix of the batch."""
    table, dims = w.table("batch_at"), w.parameter("batch_dims")
    arguments = f"ptr {table}, i64 {dims}, i64 {matrix}, i64 {number + 1}"
    offset = w.let(f"call i64 @NAME.offset({arguments})")
    return w.pointer(w.argument(f"{name}_word"), offset)


def _blocks_of_k(
    w: Body,
    operands: tuple[str, str, str, str],
    slot: str,
    panels: tuple[str, str],
    numbers: tuple[str, str],
    present: str,
) -> str:
    """Compute a unit; `present` and the result tell which panels of B the slot holds."""
    a, b, c, bias = operands
    matrix, columns = numbers
    whole, first, step = w.parameters("whole_depth", "depth_first", "block_depth")
    left = w.sub(whole, w.mul(matrix, w.parameter("slice_depth")))
    depth = w.smaller(w.parameter("depth_count"), left)
    at_least_one = w.add(depth, w.holds("eq", depth, "0"))  # C is written even without any k
    block = w.begin_loop("0", at_least_one, step, [("i64", present)])
    k = w.add(first, block.index)
    count = w.smaller(step, w.sub(depth, block.index))
    w.set_task("depth", count)
    later = w.holds("ne", k, "0")
    w.set_task("load", w.let(f"or i64 {later}, {w.parameter('accumulate')}"))
    finish = w.holds("eq", w.add(k, count), whole)
    w.set_task("finish", finish)
    w.line(f"store ptr {w.table('tiles_at')}, ptr {w.address('%task', TASK.index('heights'))}")
    w.set_task("step", k)
    images = w.divided(k, w.parameter("image_depth"))[0]
    a_here, b_here = (
        w.pointer(
            w.pointer(base, w.mul(block.index, w.parameter(f"{name}_along"))),
            w.mul(images, w.parameter(f"{name}_jump")),
        )
        for name, base in (("a", a), ("b", b))
    )
    _place_a(w, a_here, slot)
    content = w.add(w.mul(columns, at_least_one), block.index)
    stale = w.holds("ne", content, block.values[0])
    b_here = _place_b(w, b_here, slot, panels, stale)
    panel = w.begin_loop(panels[0], panels[1], "1")
    _fields_of_panel(w, panel.index, b_here, c, bias)
    w.line("call void @NAME.panel(ptr %task)")
    w.end_loop(panel)
    w.end_loop(block, [content])
    return block.values[0]


def _place_a(w: Body, a: str, slot: str) -> None:
    """Let the task read A in place, or pack the tiles of the unit."""
    packer = w.parameter("a_packer")
    w.set_task("a", a, "ptr")

    def packed() -> None:
        first = w.pointer(slot, w.sub("0", w.mul(w.task("tile"), w.parameter("a_panel"))))
        w.set_task("a", first, "ptr")
        w.call("@NAME.pack_a", ("ptr %p", "ptr %task", f"ptr {a}", f"ptr {first}"))

    w.when(packer, packed)


def _place_b(w: Body, b: str, slot: str, panels: tuple[str, str], stale: str) -> str:
    """Where panel 0 of B is or would be; packs the panels of the unit if they are not there."""
    packer = w.parameter("b_packer")
    skipped = w.sub(w.parameter("slot_b"), w.mul(panels[0], w.parameter("b_panel")))
    packed = w.pointer(slot, skipped)
    ends = (f"ptr {b}", f"ptr {packed}", *(f"i64 {panel}" for panel in panels))
    w.when(
        w.select(packer, stale, "0"),
        lambda: w.call("@NAME.pack_b", ("ptr %p", "ptr %task", *ends)),
    )
    return w.select(packer, packed, b, "ptr")


def _fields_of_panel(w: Body, panel: str, b: str, c: str, bias: str) -> None:
    for name, base in (("b", b), ("c", c), ("bias", bias)):
        w.set_task(name, w.pointer(base, w.mul(panel, w.parameter(f"{name}_panel"))), "ptr")
    width = w.parameter("width")
    columns = w.smaller(w.sub(w.parameter("column_count"), w.mul(panel, width)), width)
    w.set_task("columns", columns)
    last = w.holds("eq", w.add(panel, 1), w.parameter("panels"))
    w.set_task(
        "heights", w.select(last, w.table("last_tiles_at"), w.table("tiles_at"), "ptr"), "ptr"
    )
    w.set_task("deliver", w.select(last, *w.parameters("last_deliver", "deliver")))
    finishing = w.let(f"and i64 {w.task('finish')}, {w.parameter('finishing')}")
    extra = w.let(f"or i64 {finishing}, {w.task('load')}")
    full = w.holds("eq", columns, w.select(last, w.parameter("last_width"), width))
    w.set_task("plain", w.select(extra, "0", w.let(f"and i64 {full}, {w.parameter('in_place')}")))


def _pack_a(w: Body) -> None:
    """Pack the tiles of the task; `to` is where tile 0 would be."""
    packer, size = w.parameter("a_packer", "ptr"), w.parameter("a_panel")

    def one(tile: str, row: str, rows: str, micro: str) -> None:
        pack(w, "a", packer, (row, rows), ("%from", w.pointer("%to", w.mul(tile, size))))

    for_tiles(w, one)


def _pack_b(w: Body) -> None:
    """Pack panels `first` to `end`; `to` is where panel 0 would be."""
    packer, size = w.parameter("b_packer", "ptr"), w.parameter("b_panel")
    width, columns = w.parameters("width", "column_count")
    panel = w.begin_loop("%first", "%end", "1")
    first = w.mul(panel.index, width)
    existing = w.smaller(w.sub(columns, first), width)
    target = w.pointer("%to", w.mul(panel.index, size))
    pack(w, "b", packer, (first, existing), ("%from", target))
    w.end_loop(panel)
