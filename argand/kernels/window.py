"""Pooling kernels: the largest element or the mean of windows, and the way back.

Every pooling is three-dimensional here; leading dimensions of size 1 cost nothing. A kernel is made
for one `Window` (it is folded into the code) and works for all sizes. Vectors run along the rows of
what is written: outputs on the way forth, inputs on the way back. Where windows are some elements
apart, neighbouring vectors are loaded and the lanes picked (or, on the way back, spread).

A unit of work is one plane of the written tensor: ``(N * C, depth)``. Parameters, in words::

    depth, height, width of the input, depth, height, width of the output

Words of a call: forth ``input, output[, indices]``, back ``gradient[, indices], result``. Indices
count the elements of an input's volume, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels.emit import KERNEL, Lowering, Writer, compute_dtype, element, function
from argand.kernels.expr import LEFT, RIGHT, const, leaf
from argand.kernels.loops import lanes_for

PICKED = 4  # up to this distance of windows vectors are loaded whole and lanes picked
UNROLLED = 16  # up to this width of windows their columns are unrolled
COUNTED, COUNTED_WITH_PADDING = "counted", "counted with padding"

Triple = tuple[int, int, int]
Body = Callable[[str, Sequence[str]], list[str]]


class Window(NamedTuple):
    """How windows lie in the input; each field has one number for depth, height and width.

    `inside` says for each dimension whether all windows lie within the input.
    """

    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    inside: tuple[bool, bool, bool]


class _Pooling:
    """What both directions share while a kernel is written."""

    def __init__(self, window: Window, kind: dtype) -> None:
        self.window = window
        self.kind = kind
        self.value = compute_dtype(kind)
        self.w = w = Writer()
        self.width = lanes_for([kind, dtypes.int32])
        self.low = Lowering(w, self.width)
        self.input = [w.word("%parameters", i) for i in range(3)]
        self.output = [w.word("%parameters", 3 + i) for i in range(3)]
        self.ints = f"<{self.width} x i32>"
        self.floats = self.low.vector(self.value)
        self.masks = f"<{self.width} x i1>"

    # ---- numbers -------------------------------------------------------------------------------

    def add(self, a: str, b: str | int) -> str:
        return a if b == 0 else self.w.let(f"add i64 {a}, {b}")

    def times(self, a: str, b: str | int) -> str:
        return a if b == 1 else self.w.let(f"mul i64 {a}, {b}")

    def place(self, indices: Sequence[str], extents: Sequence[str]) -> str:
        """The row-major number of an element."""
        number = indices[0]
        for index, extent in zip(indices[1:], extents):
            number = self.w.let(f"add i64 {self.times(number, extent)}, {index}")
        return number

    def start(self, axis: int, index: str) -> str:
        """Where the window of an output begins, in the input."""
        begin = self.times(index, self.window.stride[axis])
        return self.add(begin, -self.window.padding[axis])

    def lanes(self, first: str, step: int = 1) -> str:
        """``first, first + step, ...`` as 32-bit integers."""
        w, n = self.w, self.width
        short = w.splat(w.let(f"trunc i64 {first} to i32"), "i32", n)
        steps = ", ".join(f"i32 {i * step}" for i in range(n))
        return w.let(f"add {self.ints} {short}, <{steps}>")

    def below(self, positions: str, limit: str) -> str:
        """Lanes with a position from 0 to ``limit - 1``."""
        w = self.w
        short = w.splat(w.let(f"trunc i64 {limit} to i32"), "i32", self.width)
        return w.let(f"icmp ult {self.ints} {positions}, {short}")

    def shuffle(self, kind: str, a: str, b: str, lanes: Sequence[int]) -> str:
        text = ", ".join(f"i32 {i}" for i in lanes)
        vector, mask = f"<{self.width} x {kind}>", f"<{self.width} x i32>"
        return self.w.let(f"shufflevector {vector} {a}, {vector} {b}, {mask} <{text}>")

    def divided(self, total: str, divisor: float | str, counts: Callable[[bool], str]) -> str:
        """A sum over a window as its mean."""
        left, right = leaf(LEFT, 0, self.value), leaf(RIGHT, 0, self.value)
        if isinstance(divisor, str):
            number = counts(divisor == COUNTED_WITH_PADDING)
            number = self.low.cast(number, dtypes.int32, self.value)
            return self.low.values([left / right], {left: total, right: number})[0]
        return self.low.values([left / const(divisor, self.value)], {left: total})[0]

    def counts(self, outer: Sequence[str], columns: str, padded: bool) -> str:
        """How many elements the windows of a row of outputs have; `columns` are their positions."""
        w, ints = self.w, self.ints
        total = self._count(0, outer[0], padded)
        total = self.times(total, self._count(1, outer[1], padded))
        step, padding = self.window.stride[2], self.window.padding[2]
        begins = w.let(f"mul {ints} {columns}, splat (i32 {step})")
        begins = w.let(f"sub {ints} {begins}, splat (i32 {padding})")
        ends = w.let(f"add {ints} {begins}, splat (i32 {self.window.kernel[2]})")
        limit = self.add(self.input[2], padding if padded else 0)
        short = w.splat(w.let(f"trunc i64 {limit} to i32"), "i32", self.width)
        ends = self._extreme("smin", ints, ends, short)
        if not padded:
            begins = self._extreme("smax", ints, begins, "zeroinitializer")
        found = w.let(f"sub {ints} {ends}, {begins}")
        rows = w.splat(w.let(f"trunc i64 {total} to i32"), "i32", self.width)
        return w.let(f"mul {ints} {found}, {rows}")

    def _count(self, axis: int, index: str, padded: bool) -> str:
        begin = self.start(axis, index)
        end = self.add(begin, self.window.kernel[axis])
        limit = self.add(self.input[axis], self.window.padding[axis] if padded else 0)
        end = self._extreme("smin", "i64", end, limit)
        if not padded:
            begin = self._extreme("smax", "i64", begin, "0")
        return self.w.let(f"sub i64 {end}, {begin}")

    def _extreme(self, name: str, kind: str, a: str, b: str) -> str:
        suffix = f"v{self.width}i32" if kind.startswith("<") else kind
        self.w.declare(f"{kind} @llvm.{name}.{suffix}({kind}, {kind})")
        return self.w.let(f"call {kind} @llvm.{name}.{suffix}({kind} {a}, {kind} {b})")

    def element_address(self, base: str, number: str, kind: dtype) -> str:
        return self.w.address(base, number, kind.llvm)


class _Forth(_Pooling):
    """From windows to outputs."""

    def taps(
        self, axis: int, start: str, kinds: Sequence[str], carried: Sequence[str], body: Body
    ) -> list[str]:
        """`carried` after ``body(position, carried)`` for every element of a window in a column."""
        w, window = self.w, self.window
        count, step = window.kernel[axis], window.dilation[axis]
        values = list(carried)
        if window.inside[axis] and count <= 4:
            for k in range(count):
                values = body(self.add(start, k * step), values)
            return values
        first, last = self.bounds(axis, start)
        loop = w.begin_loop(first, last, "1", list(zip(kinds, values)))
        at = w.let(f"add i64 {start}, {self.times(loop.index, step)}")
        w.end_loop(loop, body(at, loop.values))
        return loop.values

    def bounds(self, axis: int, start: str) -> tuple[str, str]:
        """The first element of a window that lies in the input, and the one after the last."""
        w, count, step = self.w, self.window.kernel[axis], self.window.dilation[axis]
        if self.window.inside[axis]:
            return "0", str(count)
        missing = self._extreme("smax", "i64", w.let(f"sub i64 0, {start}"), "0")
        left = self._extreme("smax", "i64", w.let(f"sub i64 {self.input[axis]}, {start}"), "0")
        first = w.let(f"udiv i64 {self.add(missing, step - 1)}, {step}")
        last = w.let(f"udiv i64 {self.add(left, step - 1)}, {step}")
        return first, w.smaller(last, str(count))

    def vectors(self, position: str) -> list[tuple[str, str]]:
        """Positions and masks of the vectors that hold every n-th element from `position` on."""
        found = []
        for j in range(self.window.stride[2]):
            at = self.add(position, j * self.width)
            found.append((at, self.below(self.lanes(at), self.input[2])))
        return found

    def read(self, row: str, places: Sequence[tuple[str, str]], fill: str) -> list[str]:
        values = []
        for at, mask in places:
            loaded = self.low.load(self.kind, self.element_address(row, at, self.kind), mask)
            if fill != "zeroinitializer" and not self.window.inside[2]:
                kind = self.floats
                loaded = self.w.let(f"select {self.masks} {mask}, {kind} {loaded}, {kind} {fill}")
            values.append(loaded)
        return values

    def pick(self, vectors: Sequence[str], offset: int) -> str:
        """Every n-th lane of n neighbouring vectors, from `offset` on."""
        n, step = self.width, len(vectors)
        sources = [i * step + offset for i in range(n)]
        found = vectors[0]
        for j in range(1, step):
            kept = [s % n for s in sources] if j == 1 else list(range(n))
            lanes = [n + s % n if s // n == j else k for s, k in zip(sources, kept)]
            found = self.shuffle(element(self.value), found, vectors[j], lanes)
        return found

    def gathered(self, row: str, position: str, fill: str) -> str:
        """Every n-th element of a row from `position` on, one by one."""
        w, n = self.w, self.width
        positions = self.lanes(position, self.window.stride[2])
        mask = self.below(positions, self.input[2])
        wide = w.let(f"sext {self.ints} {positions} to <{n} x i64>")
        addresses = w.let(f"getelementptr {self.kind.llvm}, ptr {row}, <{n} x i64> {wide}")
        values = self.low.gather(self.kind, addresses, mask)
        if fill == "zeroinitializer":
            return values
        return w.let(f"select {self.masks} {mask}, {self.floats} {values}, {self.floats} {fill}")

    def columns(
        self, start: str, fill: str, kinds: Sequence[str]
    ) -> Callable[[str, Sequence[str], Callable[[str, str, Sequence[str]], list[str]]], list[str]]:
        """A function that runs ``body(values, position, carried)`` for all columns of windows."""
        window = self.window
        count, step, stride = window.kernel[2], window.dilation[2], window.stride[2]
        picked = stride <= PICKED
        shared: dict[int, list[tuple[str, str]]] = {}
        if picked and count <= UNROLLED:
            for k in range(count):
                group = k * step // stride
                if group not in shared:
                    shared[group] = self.vectors(self.add(start, group * stride))

        def run(row: str, carried: Sequence[str], body: Callable[..., list[str]]) -> list[str]:
            values = list(carried)
            if shared:
                loaded = {g: self.read(row, places, fill) for g, places in shared.items()}
                for k in range(count):
                    group, offset = divmod(k * step, stride)
                    position = self.add(start, k * step)
                    values = body(self.pick(loaded[group], offset), position, values)
                return values
            loop = self.w.begin_loop("0", str(count), "1", list(zip(kinds, values)))
            position = self.w.let(f"add i64 {start}, {self.times(loop.index, step)}")
            if picked:
                taken = self.pick(self.read(row, self.vectors(position), fill), 0)
            else:
                taken = self.gathered(row, position, fill)
            self.w.end_loop(loop, body(taken, position, loop.values))
            return loop.values

        return run

    # ---- the two poolings ----------------------------------------------------------------------

    def rows(self, body: Callable[[str, Sequence[str], str, str], None]) -> None:
        """``body(volume, (depth, height), column, number of the output)`` for all vectors."""
        w = self.w
        units = w.begin_loop("%first", "%end", "1")
        plane = w.let(f"udiv i64 {units.index}, {self.output[0]}")
        depth = w.let(f"urem i64 {units.index}, {self.output[0]}")
        size = self.place([plane, "0", "0", "0"], self.input)
        volume = self.element_address(w.word("%words", 0, "ptr"), size, self.kind)
        rows = w.begin_loop("0", self.output[1], "1")
        number = self.place([units.index, rows.index, "0"], self.output[1:])
        columns = w.begin_loop("0", self.output[2], str(self.width))
        body(volume, (depth, rows.index), columns.index, self.add(number, columns.index))
        w.end_loop(columns)
        w.end_loop(rows)
        w.end_loop(units)
        w.line("ret void")

    def write(self, word: int, kind: dtype, number: str, value: str, column: str) -> None:
        base = self.w.word("%words", word, "ptr")
        mask = self.below(self.lanes(column), self.output[2])
        self.low.store(kind, value, self.element_address(base, number, kind), mask)

    def largest(self, indices: dtype | None) -> None:
        fill = self.low.values([const(_lowest(self.value), self.value)], {})[0]
        value, best = leaf(LEFT, 0, self.value), leaf(RIGHT, 0, self.value)
        better = (value > best) | value.ne(value) if self.value.kind == "f" else value > best
        kinds = [self.floats, self.ints] if indices else [self.floats]
        step = self.window.stride[2]

        def body(volume: str, outer: Sequence[str], column: str, number: str) -> None:
            starts = [self.start(0, outer[0]), self.start(1, outer[1]), self.start(2, column)]
            columns = self.columns(starts[2], fill, kinds)

            def of_row(depth: str, height: str, carried: Sequence[str]) -> list[str]:
                offset = self.place([depth, height, "0"], self.input[1:])
                row = self.element_address(volume, offset, self.kind)

                def tap(values: str, position: str, carried: Sequence[str]) -> list[str]:
                    (wins,) = self.low.values([better], {value: values, best: carried[0]})
                    chosen = [(self.floats, values, carried[0])]
                    if indices:
                        here = self.lanes(self.add(offset, position), step)
                        chosen.append((self.ints, here, carried[1]))
                    return [
                        self.w.let(f"select {self.masks} {wins}, {kind} {new}, {kind} {old}")
                        for kind, new, old in chosen
                    ]

                return columns(row, carried, tap)

            first = [fill, self.first(starts)] if indices else [fill]
            found = self.taps(
                0, starts[0], kinds, first, lambda depth, carried: self.taps(
                    1, starts[1], kinds, carried, lambda height, held: of_row(depth, height, held)
                ),
            )  # fmt: skip
            self.write(1, self.kind, number, found[0], column)
            if indices:
                wide = self.low.cast(found[1], dtypes.int32, indices)
                self.write(2, indices, number, wide, column)

        self.rows(body)

    def first(self, starts: Sequence[str]) -> str:
        """The number of the first element of every window, which wins where none is larger."""
        w, step = self.w, self.window.dilation[2]
        outer = []
        for axis in (0, 1):
            skipped = self.times(self.bounds(axis, starts[axis])[0], self.window.dilation[axis])
            outer.append(w.let(f"add i64 {starts[axis]}, {skipped}"))
        columns = self.lanes(starts[2], self.window.stride[2])
        if not self.window.inside[2]:
            missing = w.let(f"sub {self.ints} zeroinitializer, {columns}")
            missing = self._extreme("smax", self.ints, missing, "zeroinitializer")
            missing = w.let(f"add {self.ints} {missing}, splat (i32 {step - 1})")
            skipped = w.let(f"udiv {self.ints} {missing}, splat (i32 {step})")
            skipped = w.let(f"mul {self.ints} {skipped}, splat (i32 {step})")
            columns = w.let(f"add {self.ints} {columns}, {skipped}")
        offset = self.place([*outer, "0"], self.input[1:])
        short = w.splat(w.let(f"trunc i64 {offset} to i32"), "i32", self.width)
        return w.let(f"add {self.ints} {columns}, {short}")

    def mean(self, divisor: float | str) -> None:
        zero = "zeroinitializer"
        value, total = leaf(LEFT, 0, self.value), leaf(RIGHT, 0, self.value)
        kinds = [self.floats]

        def body(volume: str, outer: Sequence[str], column: str, number: str) -> None:
            starts = [self.start(0, outer[0]), self.start(1, outer[1]), self.start(2, column)]
            columns = self.columns(starts[2], zero, kinds)

            def tap(values: str, position: str, carried: Sequence[str]) -> list[str]:
                return self.low.values([total + value], {value: values, total: carried[0]})

            def of_row(depth: str, height: str, carried: Sequence[str]) -> list[str]:
                offset = self.place([depth, height, "0"], self.input[1:])
                return columns(self.element_address(volume, offset, self.kind), carried, tap)

            found = self.taps(
                0, starts[0], kinds, [zero], lambda depth, carried: self.taps(
                    1, starts[1], kinds, carried, lambda height, held: of_row(depth, height, held)
                ),
            )  # fmt: skip
            result = self.divided(
                found[0], divisor, lambda padded: self.counts(outer, self.lanes(column), padded)
            )
            self.write(1, self.kind, number, result, column)

        self.rows(body)


class _Back(_Pooling):
    """From the gradients of outputs to those of inputs: each input asks its windows."""

    def windows(self, axis: int, position: str, carried: str, body: Callable[..., str]) -> str:
        """`carried` after ``body(output, carried)`` for every window over a position."""
        w, window = self.w, self.window
        count, stride, step = window.kernel[axis], window.stride[axis], window.dilation[axis]
        if (count, stride, window.padding[axis]) == (1, 1, 0):
            return body(position, carried)
        moved = self.add(position, window.padding[axis])
        tries = -(-count // stride) if step == 1 else count
        loop = w.begin_loop("0", str(tries), "1", [(self.floats, carried)])
        if step == 1:
            output = w.let(f"sub i64 {w.let(f'udiv i64 {moved}, {stride}')}, {loop.index}")
            tap = w.let(f"urem i64 {moved}, {stride}")
            tap = w.let(f"add i64 {tap}, {self.times(loop.index, stride)}")
            fits = w.let(f"icmp ult i64 {tap}, {count}")
        else:
            distance = w.let(f"sub i64 {moved}, {self.times(loop.index, step)}")
            output = w.let(f"sdiv i64 {distance}, {stride}")
            fits = w.let(f"icmp eq i64 {self.times(output, stride)}, {distance}")
        there = w.let(f"icmp ult i64 {output}, {self.output[axis]}")
        before = w.block
        yes, join = w.fresh("covered"), w.fresh("join")
        w.branch(w.let(f"and i1 {fits}, {there}"), yes, join)
        w.label(yes)
        result = body(output, loop.values[0])
        after = w.block
        w.jump(join)
        w.label(join)
        merged = w.let(
            f"phi {self.floats} [ {loop.values[0]}, %{before} ], [ {result}, %{after} ]"
        )
        w.end_loop(loop, [merged])
        return loop.values[0]

    def groups(self) -> dict[int, set[int]]:
        """By the distance of outputs: which of the first lanes take an element from there."""
        stride, padding, step = (
            self.window.stride[2], self.window.padding[2], self.window.dilation[2],
        )  # fmt: skip
        found: dict[int, set[int]] = {}
        for k in range(self.window.kernel[2]):
            moved = padding - k * step
            lane = -moved % stride
            found.setdefault((lane + moved) // stride, set()).add(lane)
        return found

    def spread(self, kind: str, vector: str, lanes: set[int], fill: str) -> str:
        """Every element in its lane, n lanes apart; `fill` in the others."""
        stride, n = self.window.stride[2], self.width
        block = n // stride * stride
        sources = [i // stride if i < block and i % stride in lanes else n for i in range(n)]
        return self.shuffle(kind, vector, fill, sources)

    def write(self, indices: dtype | None, divisor: float | str) -> None:
        """The whole kernel: with `indices` of the largest elements, else of the mean."""
        w, window = self.w, self.window
        per = self.width // window.stride[2]
        block = per * window.stride[2]
        arrived = w.word("%words", 0, "ptr")
        places = w.word("%words", 1, "ptr") if indices else ""
        result = w.word("%words", 2 if indices else 1, "ptr")
        units = w.begin_loop("%first", "%end", "1")
        plane = w.let(f"udiv i64 {units.index}, {self.input[0]}")
        depth = w.let(f"urem i64 {units.index}, {self.input[0]}")
        rows = w.begin_loop("0", self.input[1], "1")
        number = self.place([units.index, rows.index, "0"], self.input[1:])
        own = self.place([depth, rows.index, "0"], self.input[1:])
        blocks = w.let(f"udiv i64 {self.add(self.input[2], block - 1)}, {block}")
        columns = w.begin_loop("0", blocks, "1")
        column = self.times(columns.index, block)
        first = self.times(columns.index, per)
        here = self.lanes(self.add(own, column)) if indices else ""

        def of_row(outer: Sequence[str], total: str) -> str:
            row = self.place([plane, *outer, "0"], self.output)
            for distance, lanes in self.groups().items():
                at = self.add(first, distance)
                outputs = self.lanes(at)
                mask = self.below(outputs, self.output[2])
                where = self.add(row, at)
                total = self.gather(arrived, places, where, mask, lanes, indices, here, total,
                                    outer, outputs, divisor)  # fmt: skip
            return total

        total = self.windows(
            0, depth, "zeroinitializer", lambda above, held: self.windows(
                1, rows.index, held, lambda beside, kept: of_row((above, beside), kept)
            ),
        )  # fmt: skip
        left = w.smaller(w.let(f"sub i64 {self.input[2]}, {column}"), str(block))
        at = self.element_address(result, self.add(number, column), self.kind)
        self.low.store(self.kind, total, at, self.below(self.lanes("0"), left))
        w.end_loop(columns)
        w.end_loop(rows)
        w.end_loop(units)
        w.line("ret void")

    def gather(
        self, arrived: str, places: str, where: str, mask: str, lanes: set[int],
        indices: dtype | None, here: str, total: str, outer: Sequence[str], outputs: str,
        divisor: float | str,
    ) -> str:  # fmt: skip
        """`total` and what a row of outputs adds to it."""
        kind, zero = element(self.value), "zeroinitializer"
        g = self.low.load(self.kind, self.element_address(arrived, where, self.kind), mask)
        if not indices:
            g = self.divided(g, divisor, lambda padded: self.counts(outer, outputs, padded))
        g = self.spread(kind, g, lanes, zero)
        if indices:
            chosen = self.low.load(indices, self.element_address(places, where, indices), mask)
            chosen = self.low.cast(chosen, indices, dtypes.int32)
            chosen = self.spread("i32", chosen, lanes, "splat (i32 -1)")
            same = self.w.let(f"icmp eq {self.ints} {chosen}, {here}")
            g = self.w.let(
                f"select {self.masks} {same}, {self.floats} {g}, {self.floats} {zero}"
            )
        left, right = leaf(LEFT, 0, self.value), leaf(RIGHT, 0, self.value)
        return self.low.values([left + right], {left: total, right: g})[0]


def _lowest(kind: dtype) -> float:
    if kind.kind == "f":
        return float("-inf")
    return -(1 << (8 * kind.itemsize - 1)) if kind.kind == "i" else 0


@cache
def max_pool_kernel(window: Window, kind: dtype, indices: dtype | None) -> str:
    """The largest element of every window, the first one of equals, and which one it is.

    A NaN counts as larger than everything.
    """
    kernel = _Forth(window, kind)
    kernel.largest(indices)
    return function(kernel.w, KERNEL)


@cache
def avg_pool_kernel(window: Window, kind: dtype, divisor: float | str) -> str:
    """The sum of every window over `divisor`: a number, COUNTED or COUNTED_WITH_PADDING."""
    kernel = _Forth(window, kind)
    kernel.mean(divisor)
    return function(kernel.w, KERNEL)


@cache
def pool_back_kernel(
    window: Window, kind: dtype, indices: dtype | None, divisor: float | str
) -> str:
    """The gradient of either pooling; windows must not be farther apart than a vector is long."""
    kernel = _Back(window, kind)
    kernel.write(indices, divisor)
    return function(kernel.w, KERNEL)


def can_go_back(window: Window, kind: dtype) -> bool:
    """Whether there is a kernel for the gradient."""
    return window.stride[2] <= lanes_for([kind, dtypes.int32])
