"""Packers that read images: the windows of a convolution, element by element, as panels.

The operand is the matrix of all windows of one image: a row for every channel and tap (position in
the window), a column for every window. It is never written out; these packers have the signature of
gemm_pack, and find the elements by the numbers of the first line and the first step. They read the
sizes of the convolution from a table among the parameters.

`patches` makes panels of windows (lines are windows, steps are channels and taps), for a
convolution. `turned` makes panels of channels and taps (steps are windows), for the gradient of the
weight: it packs a square with the former, and transposes it.
"""

from __future__ import annotations

from functools import cache

from argand.dtypes import dtype
from argand.kernels import jit
from argand.kernels.emit import Lowering, Writer
from argand.kernels.gemm_pack import SIGNATURE

SQUARE = 64  # windows that are packed and then transposed together

TABLE = (
    "channel",  # bytes of a channel of the image
    "height",
    "width",
    "kernel_height",
    "kernel_width",
    "stride_y",
    "stride_x",
    "pad_y",
    "pad_x",
    "dilation_y",
    "dilation_x",
    "out_width",
    "pixels",  # windows of an image
    "patches",  # addresses of the packers that `turned` calls
    "transpose",
)


DENSE = "dense"  # windows that follow each other do so in memory, also at the end of a row
ROWS = "rows"  # they do in a row: vectors end where rows do, which takes masks
APART = "apart"  # they do not: elements are gathered


@cache
def patches(kind: dtype, lanes: int, reading: str) -> int:
    """The address of the packer; `reading` is DENSE, ROWS or APART."""
    return jit.address(patches_text(kind, lanes, reading), "pack")


def patches_text(kind: dtype, lanes: int, reading: str) -> str:
    """The module with the packer."""
    w = Writer()
    _Windows(w, kind, lanes, reading).write()
    return _module(w)


@cache
def turned(kind: dtype, lanes: int) -> int:
    """The address of the packer whose steps are windows."""
    return jit.address(turned_text(kind, lanes), "pack")


def turned_text(kind: dtype, lanes: int) -> str:
    """The module with the packer."""
    w = Writer()
    _turned(w, kind, lanes)
    return _module(w)


def _module(w: Writer) -> str:
    w.line("ret void")
    lines = (*sorted(w.declarations), f"define {SIGNATURE} {{", "entry:", *w.lines, "}", "")
    return "\n".join(lines)


def _word(w: Writer, name: str, kind: str = "i64") -> str:
    return w.word("%table", TABLE.index(name), kind)


def _short(w: Writer, name: str, lanes: int) -> str:
    """A word of the table in every lane, as i32."""
    return w.splat(w.let(f"trunc i64 {_word(w, name)} to i32"), "i32", lanes)


class _Windows:
    """Writes the packer whose lines are windows."""

    def __init__(self, w: Writer, kind: dtype, lanes: int, reading: str) -> None:
        self.w = w
        self.kind = kind
        self.lanes = lanes
        self.reading = reading
        self.ints = f"<{lanes} x i32>"
        self.bools = f"<{lanes} x i1>"

    def write(self) -> None:
        w, lanes = self.w, self.lanes
        numbers = f"<{', '.join(f'i32 {i}' for i in range(lanes))}>"
        taps = w.let(f"mul i64 {_word(w, 'kernel_height')}, {_word(w, 'kernel_width')}")
        part = w.begin_loop("0", "%width", str(lanes))
        left = w.let(f"trunc i64 {w.let(f'sub i64 %width, {part.index}')} to i32")
        exists = w.let(f"icmp ugt {self.ints} {w.splat(left, 'i32', lanes)}, {numbers}")
        window = w.let(f"add i64 %first, {part.index}")
        if self.reading == ROWS:
            part.step = self._left_in_row(window, w.let(f"sub i64 %width, {part.index}"))
            length = w.splat(w.let(f"trunc i64 {part.step} to i32"), "i32", lanes)
            exists = w.let(f"icmp ugt {self.ints} {length}, {numbers}")
        y, x, start = self._corners(window, numbers)
        rows = w.begin_loop("0", _word(w, "kernel_height"), "1")
        y_here = self._moved(y, rows.index, "dilation_y")
        inside = self._below(y_here, "height")
        inside = w.let(f"and {self.bools} {inside}, {exists}")
        columns = w.begin_loop("0", _word(w, "kernel_width"), "1")
        mask = self._below(self._moved(x, columns.index, "dilation_x"), "width")
        mask = w.let(f"and {self.bools} {mask}, {inside}")
        down = w.let(f"mul i64 {rows.index}, {_word(w, 'dilation_y')}")
        shift = w.let(f"mul i64 {down}, {_word(w, 'width')}")
        across = w.let(f"mul i64 {columns.index}, {_word(w, 'dilation_x')}")
        shift = w.let(f"add i64 {shift}, {across}")
        tap = w.let(f"mul i64 {rows.index}, {_word(w, 'kernel_width')}")
        tap = w.let(f"add i64 {tap}, {columns.index}")
        stored = exists if self.reading == ROWS else None
        self._channels(tap, taps, (start, shift), (mask, stored), part.index)
        w.end_loop(columns)
        w.end_loop(rows)
        w.end_loop(part)

    def _corners(self, window: str, numbers: str) -> tuple[str, str, str]:
        """The first row and column of the windows in the lanes, and where they are in the image."""
        w, lanes = self.w, self.lanes
        out_width = _word(w, "out_width")
        row = w.let(f"udiv i64 {window}, {out_width}")
        column = w.let(f"sub i64 {window}, {w.let(f'mul i64 {row}, {out_width}')}")
        y = w.splat(w.let(f"trunc i64 {row} to i32"), "i32", lanes)
        x = w.splat(w.let(f"trunc i64 {column} to i32"), "i32", lanes)
        x = w.let(f"add {self.ints} {x}, {numbers}")
        end = _short(w, "out_width", lanes)
        # lanes beyond the end of a row go to the next one, as often as rows fit into a vector
        wrap = w.begin_loop("0", str(lanes), out_width, [(self.ints, y), (self.ints, x)])
        beyond = w.let(f"icmp uge {self.ints} {wrap.values[1]}, {end}")
        less = f"{self.ints} {end}, {self.ints} zeroinitializer"
        less = w.let(f"select {self.bools} {beyond}, {less}")
        more = w.let(f"zext {self.bools} {beyond} to {self.ints}")
        following = w.let(f"add {self.ints} {wrap.values[0]}, {more}")
        w.end_loop(wrap, [following, w.let(f"sub {self.ints} {wrap.values[1]}, {less}")])
        y, x = (
            self._scaled(value, f"stride_{axis}", f"pad_{axis}")
            for value, axis in zip(wrap.values, "yx")
        )
        start = w.let(f"mul {self.ints} {y}, {_short(w, 'width', lanes)}")
        return y, x, w.let(f"add {self.ints} {start}, {x}")

    def _left_in_row(self, window: str, left: str) -> str:
        """How many windows a vector can take that begins with this one."""
        w = self.w
        out_width = _word(w, "out_width")
        column = w.let(f"urem i64 {window}, {out_width}")
        row = w.smaller(w.let(f"sub i64 {out_width}, {column}"), str(self.lanes))
        return w.smaller(row, left)

    def _scaled(self, value: str, factor: str, less: str) -> str:
        w = self.w
        product = w.let(f"mul {self.ints} {value}, {_short(w, factor, self.lanes)}")
        return w.let(f"sub {self.ints} {product}, {_short(w, less, self.lanes)}")

    def _moved(self, value: str, index: str, dilation: str) -> str:
        w = self.w
        step = w.let(f"mul i64 {index}, {_word(w, dilation)}")
        step = w.splat(w.let(f"trunc i64 {step} to i32"), "i32", self.lanes)
        return w.let(f"add {self.ints} {value}, {step}")

    def _below(self, value: str, end: str) -> str:
        return self.w.let(f"icmp ult {self.ints} {value}, {_short(self.w, end, self.lanes)}")

    def _channels(
        self,
        tap: str,
        taps: str,
        places: tuple[str, str],
        masks: tuple[str, str | None],
        part: str,
    ) -> None:
        """Copy one tap of all channels of which it is among the steps.

        `places` are where windows begin and how far from there the tap is, `masks` which lanes are
        read and which are written.
        """
        w, kind = self.w, self.kind
        start, shift = places
        lower = Lowering(w, self.lanes)
        first = self._channel_from("%step", tap, taps)
        end = self._channel_from(w.let("add i64 %step, %depth"), tap, taps)
        base = w.address("%from", shift, kind.llvm)
        wide = f"<{self.lanes} x i64>"
        offset = w.let(f"extractelement {self.ints} {start}, i64 0")
        offset = w.let(f"sext i32 {offset} to i64")
        offsets = w.let(f"sext {self.ints} {start} to {wide}")
        channel_bytes = _word(w, "channel")
        channel = w.begin_loop(first, end, "1")
        image = w.address(base, w.let(f"mul i64 {channel.index}, {channel_bytes}"), "i8")
        if self.reading != APART:
            value = lower.load(kind, w.address(image, offset, kind.llvm), masks[0])
        else:
            addresses = w.let(f"getelementptr {kind.llvm}, ptr {image}, {wide} {offsets}")
            value = lower.gather(kind, addresses, masks[0])
        row = w.let(f"add i64 {w.let(f'mul i64 {channel.index}, {taps}')}, {tap}")
        row = w.let(f"mul i64 {w.let(f'sub i64 {row}, %step')}, %to_row")
        to = w.address(w.address("%to", row, "i8"), part, kind.llvm)
        lower.store(kind, value, to, masks[1])
        w.end_loop(channel)

    def _channel_from(self, step: str, tap: str, taps: str) -> str:
        """The first channel whose `tap` is not before `step`."""
        w = self.w
        before = w.let(f"icmp ule i64 {step}, {tap}")
        distance = w.let(f"sub i64 {step}, {tap}")
        rounded = w.let(f"add i64 {distance}, {w.let(f'sub i64 {taps}, 1')}")
        return w.let(f"select i1 {before}, i64 0, i64 {w.let(f'udiv i64 {rounded}, {taps}')}")


def _turned(w: Writer, kind: dtype, lanes: int) -> None:
    room = 2 * lanes * ((SQUARE + lanes) * kind.itemsize)
    w.line(f"%room = alloca [{room} x i8], align 64")
    row = (SQUARE + lanes) * kind.itemsize  # not a power of two
    window = w.let(f"urem i64 %step, {_word(w, 'pixels')}")
    packer, transpose = _word(w, "patches", "ptr"), _word(w, "transpose", "ptr")
    part = w.begin_loop("0", "%width", str(2 * lanes))
    count = w.smaller(w.let(f"sub i64 %width, {part.index}"), str(2 * lanes))
    tap = w.let(f"add i64 %first, {part.index}")
    block = w.begin_loop("0", "%depth", str(SQUARE))
    depth = w.smaller(w.let(f"sub i64 %depth, {block.index}"), str(SQUARE))
    here = w.let(f"add i64 {window}, {block.index}")
    w.line(
        f"call void {packer}(ptr %from, i64 0, i64 0, ptr %room, i64 {row}, i64 {depth}, "
        f"i64 {count}, i64 {here}, i64 {tap}, ptr %table)"
    )
    to = w.address("%to", w.let(f"mul i64 {block.index}, %to_row"), "i8")
    to = w.address(to, part.index, kind.llvm)
    w.line(
        f"call void {transpose}(ptr %room, i64 {row}, i64 {kind.itemsize}, ptr {to}, i64 %to_row, "
        f"i64 {count}, i64 {depth}, i64 0, i64 0, ptr %table)"
    )
    w.end_loop(block)
    w.end_loop(part)
