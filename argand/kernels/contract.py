"""Matrix products: ``C[b] = activation(alpha A[b] @ B[b] (+ C[b]) (+ bias))``.

`product` chooses how a product of these sizes and strides is computed, generates what is missing,
and returns what `memory.make_plan` needs::

    parts = product(float32, (m, n, k), a, b, c, batch=(8,), bias=bias)
    plan = make_plan(parts.function, parts.parameters, parts.arguments,
                     units=parts.units, chunks=parts.chunks, ...)
    if parts.chunks > 1:
        threads.ensure_started()
    plan.run(a_ptr, b_ptr, [bias_ptr,] c_ptr)

Code is generated per structure (types, tile, whether A's columns are contiguous, activation), never
per size. Sizes and strides are parameters. The parts of a product, each in a file of its own:

- the microkernel (gemm_micro): a register tile over all k of a block;
- packers (gemm_pack): operands into panels, where they cannot be read well in place;
- ``deliver`` (gemm_deliver): scale, add, bias, activation, edges;
- the loops around them (gemm_drive), generic and the same for all.

Each element of C is computed by one thread in one order: results do not depend on the number of
threads.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import gemm_drive, target
from argand.kernels.emit import compute_dtype
from argand.kernels.gemm_deliver import Activation, deliver
from argand.kernels.gemm_micro import Micro, heights, microkernel
from argand.kernels.gemm_pack import packer
from argand.kernels.gemm_scratch import SLOT_BYTES, slots
from argand.kernels.target import Target


class Operand(NamedTuple):
    """How a matrix lies in memory, in elements; `batch` has a stride for each batch dimension."""

    row: int
    column: int
    batch: tuple[int, ...] = ()

    def transposed(self) -> Operand:
        return Operand(self.column, self.row, self.batch)


class Parts(NamedTuple):
    """What a plan needs to run a product."""

    function: int
    parameters: tuple[int, ...]
    arguments: int  # A, B, the bias if there is one, C
    units: int
    chunks: int  # more than 1: the threads have to be running
    nanoseconds: float  # estimated time on one thread
    path: str  # what was chosen, in words


FLOPS_PER_NANOSECOND = 160.0  # of one thread in float32; a rough estimate is enough
ALONE_NANOSECONDS = 20_000  # work below this is not shared
CHUNK_NANOSECONDS = 2_500  # and is cut into pieces of about this length
MAX_CHUNKS = 64
BLOCK_DEPTH = 512  # k of a block when A is packed, and
LONG_BLOCK_DEPTH = 1024  # when it is not
PACK_NANOSECONDS = 0.12  # to pack an element
UNIT_NANOSECONDS = 50  # to begin a unit
PACK_A_COLUMNS = 256
PACK_B_ROWS = 256
BLOCK_ROWS = 512
BLOCK_COLUMNS = 256


def product(
    kind: dtype,
    sizes: tuple[int, int, int],
    a: Operand,
    b: Operand,
    c: Operand,
    *,
    batch: Sequence[int] = (),
    bias: Operand | None = None,
    activation: Activation | None = None,
    accumulate: bool = False,
    alpha: float = 1.0,
    here: Target | None = None,
) -> Parts:
    """Plan ``C = activation(alpha A @ B (+ C) (+ bias))`` for each matrix of a batch.

    Args:
        kind: type of all the operands.
        sizes: rows of C, columns of C, and the length of the sums.
        a, b, c: strides in elements; a stride of 0 repeats. C must not overlap itself.
        batch: sizes of the batch dimensions that the operands' `batch` strides belong to.
        bias: strides of what is added last: its column stride is 1 or 0 (a usual bias: row 0).
        activation: called as ``activation(lowering, name)``, writes instructions on a vector and
            returns the name of the result.
        accumulate: whether to add to what C holds.
        alpha: factor of the product.
        here: the machine to generate for, where it is not this one (tests).
    """
    problem = _Problem(kind, sizes, a, b, c, tuple(batch), bias, here or target.host())
    problem.orient()
    problem.choose()
    return problem.parts(activation, accumulate, alpha)


class _Problem:
    """A product while it is being planned."""

    def __init__(
        self,
        kind: dtype,
        sizes: tuple[int, int, int],
        a: Operand,
        b: Operand,
        c: Operand,
        batch: tuple[int, ...],
        bias: Operand | None,
        here: Target,
    ) -> None:
        self.kind = kind
        self.wide = compute_dtype(kind)
        self.m, self.n, self.k = sizes
        self.a, self.b, self.c, self.bias = a, b, c, bias
        self.batch = batch
        self.here = here
        self.swapped = False
        self.matrices = 1
        for size in batch:
            self.matrices *= size
        self.lanes = here.vector_bytes // self.wide.itemsize
        self.width = self.lanes * here.tile_vectors
        self.height = -(-here.tile_rows // self.lanes) * self.lanes
        self.empty = 0 in (self.m, self.n, self.matrices)

    def orient(self) -> None:
        """Compute the transpose where it is C's columns that are contiguous."""
        if self.m == 1:
            self.c = Operand(self.n * self.c.column, self.c.column, self.c.batch)
        if self.c.column != 1 and (self.c.row == 1 or self.n == 1):
            self.m, self.n = self.n, self.m
            self.a, self.b = self.b.transposed(), self.a.transposed()
            self.c = self.c.transposed()
            self.bias = self.bias and self.bias.transposed()
            self.swapped = True

    def choose(self) -> None:
        """Which operands are packed."""
        small = self.m <= PACK_B_ROWS or self.k * self.n * self.kind.itemsize <= 1 << 18
        direct_b = self.kind is self.wide and self.b.column == 1 and small
        ragged = self.n % self.lanes != 0
        if ragged and not _has_masks(self.here):
            direct_b = False
        adjacent = self.a.row == 1 or self.m == 1
        direct_a = self.kind is self.wide and (self.n <= PACK_A_COLUMNS or (adjacent and small))
        if self.k == 0 or self.empty:
            direct_a = direct_b = True
        self.pack_a, self.pack_b = not direct_a, not direct_b
        self.adjacent = self.pack_a or adjacent

    # ---- numbers ----------------------------------------------------------------------------

    def parts(self, activation: Activation | None, accumulate: bool, alpha: float) -> Parts:
        values = dict.fromkeys(gemm_drive.PARAMETERS, 0)
        tiles = _cover(self.m, heights(self.here))
        self._operands(values, sum(count for _, count in tiles))
        self._result(values, activation, accumulate, alpha)
        nanoseconds = self._blocks(values, sum(count for _, count in tiles))
        tables = self._tables(values, tiles)
        units = 0 if self.empty else self.matrices
        units *= values["row_blocks"] * values["column_blocks"]
        chunks = 1
        if nanoseconds >= ALONE_NANOSECONDS:
            chunks = int(min(MAX_CHUNKS, nanoseconds / CHUNK_NANOSECONDS, units))
        return Parts(
            function=gemm_drive.compute(),
            parameters=(*values.values(), *tables),
            arguments=3 + (self.bias is not None),
            units=units,
            chunks=chunks,
            nanoseconds=nanoseconds,
            path=self._describe(),
        )

    def _describe(self) -> str:
        words = [f"{'packed' if self.pack_a else 'direct'} A"]
        words.append(f"{'packed' if self.pack_b else 'direct'} B")
        if self.swapped:
            words.append("transposed")
        return ", ".join(words)

    def _operands(self, values: dict[str, int], tiles: int) -> None:
        size = self.kind.itemsize
        values["a_word"], values["b_word"] = (1, 0) if self.swapped else (0, 1)
        values["bias_word"] = -1 if self.bias is None else 2
        values["c_word"] = 2 if self.bias is None else 3
        values["a_row"], values["a_depth"] = self.a.row * size, self.a.column * size
        values["b_row"], values["b_depth"] = self.b.column * size, self.b.row * size
        values["tiles"], values["panels"] = tiles, -(-self.n // self.width)
        values["a_line"] = self.height * self.wide.itemsize
        values["b_line"] = self.width * self.wide.itemsize
        if self.pack_a:
            values["a_packer"] = packer(self.kind, self.lanes, self.a.row == 1)
        if self.pack_b:
            values["b_packer"] = packer(self.kind, self.lanes, self.b.column == 1)

    def _result(
        self,
        values: dict[str, int],
        activation: Activation | None,
        accumulate: bool,
        alpha: float,
    ) -> None:
        size = self.kind.itemsize
        values["c_row"], values["c_column"] = self.c.row * size, self.c.column * size
        values["columns"], values["depth"] = self.n, self.k
        values["panel_columns"] = self.width
        values["last_panel_columns"] = self._micros()[1].width
        values["panel_bytes"] = self.width * self.c.column * size
        values["b_panel_bytes"] = self.width * size
        if self.bias is not None:
            assert self.bias.column in (0, 1), "a bias has a column stride of 0 or 1"
            values["bias_row"] = self.bias.row * size
            values["bias_column"] = self.bias.column * size
            values["bias_panel_bytes"] = self.width * self.bias.column * size
        values["alpha"] = struct.unpack("q", struct.pack("d", alpha))[0]
        values["accumulate"] = int(accumulate)
        plain = self.c.column == 1 and alpha == 1 and self.kind is self.wide
        values["in_place"] = int(plain)
        values["finishing"] = int(self.bias is not None or activation is not None)
        full, last = self._micros()
        values["copy_row"] = self.width * self.wide.itemsize
        whole = plain and not values["finishing"] and not accumulate and self.k <= BLOCK_DEPTH
        if not whole and self.n > self.width:
            values["deliver"] = deliver(full, self.kind, activation)
        if not whole or self.n % self.lanes:
            values["last_deliver"] = deliver(last, self.kind, activation)

    def _micros(self) -> tuple[Micro, Micro]:
        """The structure of microkernels for whole panels, and for the last."""
        vectors = self.here.tile_vectors
        masks = _has_masks(self.here)
        full = Micro(self.wide, self.lanes, vectors, self.adjacent, False)
        rest = self.n % self.width
        edge = bool(rest % self.lanes) and not self.pack_b and masks
        needed = -(-rest // self.lanes) if rest else vectors
        last = Micro(self.wide, self.lanes, needed, self.adjacent, edge)
        return full, last

    def _blocks(self, values: dict[str, int], tiles: int) -> float:
        """Choose the blocks of C that are units, and of k; returns the estimated time."""
        flops = 2.0 * self.m * self.n * self.k * self.matrices
        nanoseconds = flops * self.wide.itemsize / (4 * FLOPS_PER_NANOSECOND)
        longest = BLOCK_DEPTH if self.pack_a else LONG_BLOCK_DEPTH
        count = -(-self.k // longest) or 1
        values["block_depth"] = -(-self.k // count) or 1
        panels = values["panels"]
        best = None
        for rows in _halves(tiles, BLOCK_ROWS // self.here.tile_rows):
            for columns in _halves(panels, BLOCK_COLUMNS // self.width):
                high, wide = -(-tiles // rows), -(-panels // columns)
                packed = self.pack_a * self.m * wide + self.pack_b * self.n * high
                work = nanoseconds + packed * self.k * self.matrices * PACK_NANOSECONDS
                units = high * wide * self.matrices
                cost = work
                if nanoseconds >= ALONE_NANOSECONDS:
                    cost = work * (1 + 1.5 / min(MAX_CHUNKS, units))
                cost += units * UNIT_NANOSECONDS
                if best is None or cost < best[0]:
                    best = cost, rows, columns, high, wide
        assert best is not None
        _, values["block_tiles"], values["block_panels"], high, wide = best
        values["row_blocks"], values["column_blocks"] = high, wide
        self._slots(values)
        return nanoseconds

    def _slots(self, values: dict[str, int]) -> None:
        if not (self.pack_a or self.pack_b):
            return
        place = slots()
        values["slots"], values["slot_count"], values["slot_first"] = place
        values["slot_bytes"] = SLOT_BYTES
        values["a_panel"] = values["a_line"] * values["block_depth"]
        values["b_panel"] = values["b_line"] * values["block_depth"]
        values["slot_b"] = self.pack_a * values["a_panel"] * values["block_tiles"]
        used = values["slot_b"] + self.pack_b * values["b_panel"] * values["block_panels"]
        assert used <= SLOT_BYTES

    def _tables(self, values: dict[str, int], tiles: list[tuple[int, int]]) -> list[int]:
        """The tables of tiles, for whole panels and the last one, and of the batch."""
        start = len(values)
        tables: list[int] = []
        full, last = self._micros()
        values["heights"] = len(tiles)
        if self.n < self.width:
            full = last
        for name, micro in (("tiles_at", full), ("last_tiles_at", last)):
            values[name] = start + len(tables)
            tables += _tile_table(micro, tiles, self.here)
        values["batch_at"], values["batch_dims"] = start + len(tables), len(self.batch)
        size = self.kind.itemsize
        none = Operand(0, 0, (0,) * len(self.batch))
        operands = (self.a, self.b, self.c, self.bias or none)
        for dim, extent in enumerate(self.batch):
            tables += [extent, *(operand.batch[dim] * size for operand in operands)]
        return tables


def _halves(number: int, most: int) -> list[int]:
    """Ways to cut `number` things into nearly equal groups of at most `most`: sizes of a group."""
    sizes = []
    groups = -(-number // max(1, most))
    while groups < number:
        sizes.append(-(-number // groups))
        groups *= 2
    return [*sizes, 1]


def _has_masks(here: Target) -> bool:
    """Whether masked loads and stores are instructions."""
    return here.vector_bytes >= 32


def _cover(rows: int, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Cover `rows` exactly by tiles of these heights: pairs of height and count, highest first.

    Tiles of the first two heights are equally good per row; the lower ones cost as much as four
    rows. One or two of the highest are given up where the rest then fits better.
    """
    best: list[tuple[int, int]] = []
    best_cost = 0
    highest = rows // sizes[0]
    for count in range(highest, max(-1, highest - 4), -1):
        cover = [(sizes[0], count)] if count else []
        cost = count * sizes[0]
        left = rows - count * sizes[0]
        for size in sizes[1:]:
            number, left = divmod(left, size)
            if number:
                cover.append((size, number))
                cost += number * max(4, size)
        if not best or cost < best_cost:
            best, best_cost = cover, cost
    return best


def _tile_table(micro: Micro, tiles: list[tuple[int, int]], here: Target) -> list[int]:
    """For each height: end and base of its tiles, rows, and the microkernel."""
    table: list[int] = []
    sizes = heights(here)
    first_tile = first_row = 0
    for rows, count in tiles:
        together = sizes[:2] if rows in sizes[:2] else sizes[2:]
        base = first_row - first_tile * rows
        first_tile += count
        first_row += rows * count
        table += [first_tile, base, rows, microkernel(micro, rows, together)]
    return table
