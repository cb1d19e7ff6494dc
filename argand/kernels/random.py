"""The Mersenne Twister (Matsumoto and Nishimura, 1998) and fills from it.

A state is 625 words of 32 bits: the 624 of MT19937 and the position of the next one. Numbers are
drawn in order by one thread, so a stream depends on the seed alone. Kernels have the usual form;
their words are the state's address, two numbers, and the address of the output::

    seed      state, seed, 0, unused
    raw32     state, count, 0, output: int32, the bits of one number each
    raw64     state, count, 0, output: int64, two numbers each, the first in the high half
    shuffle   state, count, 0, output: int64, a random permutation of 0 ... count-1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from argand.dtypes import dtype
from argand.kernels import target
from argand.kernels.emit import KERNEL, Lowering, Writer, function
from argand.kernels.expr import Expr
from argand.kernels.loops import input_leaf, load_scalars

STATE_WORDS = 625  # 624 numbers and the position of the next
STATE_BYTES = 4 * STATE_WORDS
GROUP = 16  # numbers that a unit of `grouped` makes
_COUNT, _FAR = 624, 397


@cache
def text() -> str:
    """The module with all parts of the generator."""
    return "\n".join(
        (
            _refill(),
            _DRAW,
            _fill(),
            _SEED,
            _kernel("raw32", _call_fill),
            _kernel("raw64", _draw_pairs),
            _SHUFFLE,
        )
    )


def _defined(signature: str, w: Writer) -> str:
    return "\n".join((f"define {signature} {{", "entry:", *w.lines, "  ret void", "}", ""))


def _vectors(w: Writer, start: str, stop: str, body: Callable[[str, int], None]) -> None:
    """``body(index, lanes)`` for all elements from `start` on: whole vectors, then single ones."""
    lanes = target.lanes(4)
    length = w.let(f"sub i64 {stop}, {start}")
    rest = w.let(f"and i64 {length}, {lanes - 1}")
    middle = w.let(f"sub i64 {stop}, {rest}")
    for first, last, width in ((start, middle, lanes), (middle, stop, 1)):
        loop = w.begin_loop(first, last, str(width))
        body(loop.index, width)
        w.end_loop(loop)


def _refill() -> str:
    """Make the next 624 numbers; each needs its follower, and the one 397 places further on."""
    w = Writer()
    for start, stop, far in ((0, _COUNT - _FAR, _FAR), (_COUNT - _FAR, _COUNT - 1, _FAR - _COUNT)):
        _vectors(w, str(start), str(stop), partial(_twist, w, far=far))
    _twist(w, str(_COUNT - 1), 1, far=_FAR - _COUNT, following=1 - _COUNT)
    w.line(f"store i32 0, ptr {w.address('%state', _COUNT, 'i32')}")
    return _defined("internal void @NAME.refill(ptr %state)", w)


def _twist(w: Writer, at: str, lanes: int, *, far: int, following: int = 1) -> None:
    kind = f"<{lanes} x i32>"
    here = w.address("%state", at, "i32")
    places = here, w.address(here, following, "i32"), w.address(here, far, "i32")
    a, b, m = (w.let(f"load {kind}, ptr {place}, align 4") for place in places)
    high = w.let(f"and {kind} {a}, splat (i32 -2147483648)")
    low = w.let(f"and {kind} {b}, splat (i32 2147483647)")
    y = w.let(f"or {kind} {high}, {low}")
    half = w.let(f"lshr {kind} {y}, splat (i32 1)")
    odd = w.let(f"and {kind} {y}, splat (i32 1)")
    twist = w.let(f"sub {kind} zeroinitializer, {odd}")
    twist = w.let(f"and {kind} {twist}, splat (i32 -1727483681)")
    mixed = w.let(f"xor {kind} {m}, {half}")
    mixed = w.let(f"xor {kind} {mixed}, {twist}")
    w.line(f"store {kind} {mixed}, ptr {here}, align 4")


def _fill() -> str:
    """The next `count` numbers, tempered."""
    w = Writer()
    place = w.address("%state", _COUNT, "i32")
    loop = w.begin_loop("0", "%count", "0")
    position = w.let(f"load i32, ptr {place}")
    empty = w.let(f"icmp uge i32 {position}, {_COUNT}")
    fill, take = w.fresh("fill"), w.fresh("take")
    w.branch(empty, fill, take)
    w.label(fill)
    w.line("call void @NAME.refill(ptr %state)")
    w.jump(take)
    w.label(take)
    first = w.let(f"zext i32 {w.let(f'load i32, ptr {place}')} to i64")
    here = w.smaller(w.let(f"sub i64 {_COUNT}, {first}"), w.let(f"sub i64 %count, {loop.index}"))
    source, to = w.address("%state", first, "i32"), w.address("%out", loop.index, "i32")
    _vectors(w, "0", here, lambda at, n: _temper(w, source, to, at, n))
    end = w.let(f"trunc i64 {w.let(f'add i64 {first}, {here}')} to i32")
    w.line(f"store i32 {end}, ptr {place}")
    loop.step = here
    w.end_loop(loop)
    return _defined("internal void @NAME.fill(ptr %state, i64 %count, ptr %out)", w)


def _temper(w: Writer, source: str, to: str, at: str, lanes: int) -> None:
    kind = f"<{lanes} x i32>"
    y = w.let(f"load {kind}, ptr {w.address(source, at, 'i32')}, align 4")
    for code, distance, mask in (
        ("lshr", 11, -1), ("shl", 7, -1658038656), ("shl", 15, -272236544), ("lshr", 18, -1)
    ):  # fmt: skip
        moved = w.let(f"{code} {kind} {y}, splat (i32 {distance})")
        y = w.let(f"xor {kind} {y}, {w.let(f'and {kind} {moved}, splat (i32 {mask})')}")
    w.line(f"store {kind} {y}, ptr {w.address(to, at, 'i32')}, align 4")


def _kernel(name: str, body: Callable[[Writer, str, str, str], None]) -> str:
    w = Writer()
    state, count, out = w.word("%words", 0, "ptr"), w.word("%words", 1), w.word("%words", 3, "ptr")
    body(w, state, count, out)
    return _defined(f"void @NAME.{name}(ptr %words, ptr %parameters, i64 %first, i64 %end)", w)


def _call_fill(w: Writer, state: str, count: str, out: str) -> None:
    w.line(f"call void @NAME.fill(ptr {state}, i64 {count}, ptr {out})")


def _draw_pairs(w: Writer, state: str, count: str, out: str) -> None:
    _call_fill(w, state, w.let(f"shl i64 {count}, 1"), out)

    def swap(at: str, lanes: int) -> None:
        kind, place = f"<{lanes} x i64>", w.address(out, at, "i64")
        pair = w.let(f"load {kind}, ptr {place}, align 8")
        low = w.let(f"lshr {kind} {pair}, splat (i64 32)")
        high = w.let(f"shl {kind} {pair}, splat (i64 32)")
        w.line(f"store {kind} {w.let(f'or {kind} {high}, {low}')}, ptr {place}, align 8")

    _vectors(w, "0", count, swap)


@cache
def grouped(roots: Sequence[Expr], source: dtype, scalars: tuple[dtype, ...], kind: dtype) -> str:
    """A kernel whose units are groups of 16: `roots` make of the first and the last 8 elements of
    `source` the first and the last 8 results. Words: input, scalars, output."""
    half = GROUP // 2
    w = Writer()
    low = Lowering(w, min(half, target.lanes(kind.itemsize)))
    known = load_scalars(low, scalars, 1)
    given, out = w.word("%words", 0, "ptr"), w.word("%words", 1 + len(scalars), "ptr")
    group = w.begin_loop("%first", "%end", "1")
    first = w.let(f"mul i64 {group.index}, {GROUP}")
    for part in range(0, half, low.width):
        places = [w.let(f"add i64 {first}, {part + begin}") for begin in (0, half)]
        for number, place in enumerate(places):
            value = low.load(source, w.address(given, place, source.llvm), None)
            known[input_leaf(number, source)] = value
        for place, value in zip(places, low.values(roots, known)):
            low.store(kind, value, w.address(out, place, kind.llvm), None)
    w.end_loop(group)
    w.line("ret void")
    return function(w, KERNEL)


_DRAW = """
; The next number, tempered.
define internal i32 @NAME.draw(ptr %state) {
entry:
  %place = getelementptr i32, ptr %state, i64 624
  %position = load i32, ptr %place
  %empty = icmp uge i32 %position, 624
  br i1 %empty, label %fill, label %take
fill:
  call void @NAME.refill(ptr %state)
  br label %take
take:
  %now = load i32, ptr %place
  %index = zext i32 %now to i64
  %at = getelementptr i32, ptr %state, i64 %index
  %y0 = load i32, ptr %at
  %next = add i32 %now, 1
  store i32 %next, ptr %place
  %s1 = lshr i32 %y0, 11
  %y1 = xor i32 %y0, %s1
  %s2 = shl i32 %y1, 7
  %m2 = and i32 %s2, -1658038656
  %y2 = xor i32 %y1, %m2
  %s3 = shl i32 %y2, 15
  %m3 = and i32 %s3, -272236544
  %y3 = xor i32 %y2, %m3
  %s4 = lshr i32 %y3, 18
  %y4 = xor i32 %y3, %s4
  ret i32 %y4
}
"""

_SEED = """
define void @NAME.seed(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %seed.at = getelementptr i64, ptr %words, i64 1
  %seed = load i64, ptr %seed.at
  %short = trunc i64 %seed to i32
  store i32 %short, ptr %state
  br label %each
each:
  %i = phi i64 [ 1, %entry ], [ %next, %each ]
  %last = phi i32 [ %short, %entry ], [ %new, %each ]
  %s = lshr i32 %last, 30
  %x = xor i32 %last, %s
  %p = mul i32 %x, 1812433253
  %n = trunc i64 %i to i32
  %new = add i32 %p, %n
  %at = getelementptr i32, ptr %state, i64 %i
  store i32 %new, ptr %at
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 624
  br i1 %more, label %each, label %done
done:
  %place = getelementptr i32, ptr %state, i64 624
  store i32 624, ptr %place
  ret void
}
"""

_SHUFFLE = """
define void @NAME.shuffle(ptr %words, ptr %parameters, i64 %first, i64 %end) {
entry:
  %state = load ptr, ptr %words
  %count.at = getelementptr i64, ptr %words, i64 1
  %count = load i64, ptr %count.at
  %out.at = getelementptr ptr, ptr %words, i64 3
  %out = load ptr, ptr %out.at
  br label %number
number:
  %k = phi i64 [ 0, %entry ], [ %k.next, %fill ]
  %k.go = icmp ult i64 %k, %count
  br i1 %k.go, label %fill, label %swaps
fill:
  %k.at = getelementptr i64, ptr %out, i64 %k
  store i64 %k, ptr %k.at
  %k.next = add i64 %k, 1
  br label %number
swaps:
  %last = sub i64 %count, 1
  br label %each
each:
  %i = phi i64 [ 0, %swaps ], [ %next, %swap ]
  %go = icmp slt i64 %i, %last
  br i1 %go, label %swap, label %done
swap:
  %drawn = call i32 @NAME.draw(ptr %state)
  %wide = zext i32 %drawn to i64
  %left = sub i64 %count, %i
  %step = urem i64 %wide, %left
  %other = add i64 %i, %step
  %here.at = getelementptr i64, ptr %out, i64 %i
  %other.at = getelementptr i64, ptr %out, i64 %other
  %here = load i64, ptr %here.at
  %there = load i64, ptr %other.at
  store i64 %there, ptr %here.at
  store i64 %here, ptr %other.at
  %next = add i64 %i, 1
  br label %each
done:
  ret void
}
"""
