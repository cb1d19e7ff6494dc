"""From a product and the method chosen for it to a function and its parameters."""

from __future__ import annotations

import struct
from typing import NamedTuple

from argand.dtypes import dtype
from argand.kernels import gemm_drive, gemm_share, gemm_split
from argand.kernels.emit import compute_dtype
from argand.kernels.gemm_code import PARAMETERS
from argand.kernels.gemm_deliver import Activation, deliver
from argand.kernels.gemm_dot import Dot
from argand.kernels.gemm_micro import Micro
from argand.kernels.gemm_pack import packer
from argand.kernels.gemm_scratch import SLOT_BYTES, slots
from argand.kernels.target import Target

FLOPS = 160.0  # of one thread in a nanosecond, in float32; a rough estimate is enough
BYTES = 25.0  # that one thread reads in a nanosecond
ALONE_NANOSECONDS = 12_000  # work below this is not shared,
CHUNK_NANOSECONDS = 2_500  # and otherwise cut into pieces of about this length,
MAX_CHUNKS = 64  # but not into more than these
UNIT_NANOSECONDS = 50  # to begin a unit
PACK_NANOSECONDS = 0.12  # to pack an element
BLOCK_DEPTH = 1024  # k of a block at most
ROUNDED_BLOCK_DEPTH = 4096  # and where C has a half type
BLOCK_ROWS = 512  # rows of C in a unit at most
BLOCK_COLUMNS = 256  # and columns
NEAR_BYTES = 1 << 20  # operands that stay in a near cache
WRITTEN_DEPTH = 128  # sums of so many terms at most: C is most of what is touched
SHORT_DEPTH = 32  # for sums of no more terms
SHORT_BLOCK = (112, 4096)  # these rows and columns
IMAGE_DEPTH = 1024  # k of a block at most where sums go on from image to image
LEAST_IMAGE_DEPTH = 64  # and at least, or whole images
NO_IMAGES = 1 << 62
PIECE = 128  # k that a unit of packing transposes,
PIECE_ADJACENT = 16  # or copies: successive units then read whole rows
SHARED_BYTES = 8 << 20  # memory for shared panels, unless one block of k needs more


class Operand(NamedTuple):
    """How a matrix lies in memory, in elements; `batch` has a stride for each batch dimension."""

    row: int
    column: int
    batch: tuple[int, ...] = ()

    def transposed(self) -> Operand:
        """The same memory read as the transposed matrix."""
        return Operand(self.column, self.row, self.batch)


class Parts(NamedTuple):
    """What a plan needs to run a product."""

    function: int
    parameters: tuple[int, ...]
    arguments: int  # A, B, the bias if there is one, scratch memory if there is some, C
    units: int
    chunks: int
    scratch_bytes: int  # 0: no argument for it
    parallel: bool  # the threads have to be running
    nanoseconds: float  # estimated time on one thread
    path: str  # what was chosen, in words


class Patches(NamedTuple):
    """What is special where B is an image whose windows a packer reads (conv_patch).

    Sums may go on from image to image: then `pixels` k belong to an image, and A and B continue
    `a_image` and `b_image` elements further on.
    """

    packer: int
    table: tuple[int, ...]
    pixels: int = 0
    a_image: int = 0
    b_image: int = 0


class Problem(NamedTuple):
    """A product: C is m x n, and sums have k terms."""

    kind: dtype  # of A and B
    c_kind: dtype  # of C and the bias
    sizes: tuple[int, int, int]
    a: Operand
    b: Operand
    c: Operand
    batch: tuple[int, ...]
    bias: Operand | None
    here: Target
    swapped: bool = False  # the operands changed places
    patches: Patches | None = None  # B is an image

    @property
    def m(self) -> int:
        return self.sizes[0]

    @property
    def n(self) -> int:
        return self.sizes[1]

    @property
    def k(self) -> int:
        return self.sizes[2]

    @property
    def wide(self) -> dtype:
        """The type that is computed in."""
        return compute_dtype(self.kind)

    @property
    def lanes(self) -> int:
        return self.here.vector_bytes // self.wide.itemsize

    @property
    def matrices(self) -> int:
        product = 1
        for size in self.batch:
            product *= size
        return product

    @property
    def empty(self) -> bool:
        return 0 in (self.m, self.n, self.matrices)

    def oriented(self) -> Problem:
        """The product, or its transpose where C's columns are contiguous or C is a column."""
        if self.m == 1 or (self.n > 1 and (self.c.column == 1 or self.c.row != 1)):
            return self
        return self._replace(
            sizes=(self.n, self.m, self.k),
            a=self.b.transposed(),
            b=self.a.transposed(),
            c=self.c.transposed(),
            bias=self.bias and self.bias.transposed(),
            swapped=True,
        )


class Method(NamedTuple):
    """How a product is computed."""

    full: Micro | Dot  # the microkernel of whole panels
    last: Micro | Dot  # and of the last panel
    heights: tuple[int, ...]
    pack_a: bool
    pack_b: bool
    shared: bool = False  # all threads pack first: see gemm_share
    slices: int = 1  # into so many parts sums are split: see gemm_split

    def units(self, problem: Problem) -> int:
        """How many blocks C could be cut into at most."""
        tiles = sum(count for _, count in cover(problem.m, self.heights))
        return tiles * -(-problem.n // self.full.width) * problem.matrices

    def describe(self, problem: Problem) -> str:
        """The method in words."""
        words = ["dot products" if isinstance(self.full, Dot) else "tiles"]
        words += ["shared"] * self.shared
        words += ["packed A"] * self.pack_a + ["packed B"] * self.pack_b
        words += [f"{self.slices} slices"] * (self.slices > 1) + ["transposed"] * problem.swapped
        return ", ".join(words)


def has_masks(here: Target) -> bool:
    """Whether masked loads and stores are instructions."""
    return here.vector_bytes >= 32


def estimate(problem: Problem) -> float:
    """Nanoseconds that a product takes on one thread."""
    m, n, k = problem.sizes
    relative = problem.wide.itemsize / 4
    moved = (m * k + k * n + m * n) * problem.kind.itemsize
    return problem.matrices * max(2.0 * m * n * k * relative / FLOPS, moved / BYTES)


def cover(rows: int, heights: tuple[int, ...]) -> list[tuple[int, int]]:
    """Cover `rows` exactly by tiles of these heights: pairs of height and count, highest first.

    Tiles of four rows or more are about equally good per row; lower ones cost as much as these.
    Some of the highest are given up where the rest then fits better.

    >>> cover(64, (14, 8, 4, 2, 1)), cover(32, (14, 8, 4, 2, 1))
    ([(14, 4), (8, 1)], [(14, 2), (4, 1)])
    """
    best: list[tuple[int, int]] = []
    best_cost = None
    highest = rows // heights[0]
    for count in range(highest, max(-1, highest - 4), -1):
        tiles = [(heights[0], count)] if count else []
        cost = count * heights[0]
        left = rows - cost
        for height in heights[1:]:
            number, left = divmod(left, height)
            if number:
                tiles.append((height, number))
                cost += number * max(4, height)
        if left == 0 and (best_cost is None or cost < best_cost):
            best, best_cost = tiles, cost
    return best


def plan(
    problem: Problem,
    method: Method,
    activation: Activation | None,
    accumulate: bool,
    alpha: float,
) -> Parts:
    """The function and the parameters that compute a product by a method."""
    biased = problem.bias is not None
    nanoseconds = estimate(problem)
    if method.slices > 1:
        words, scratch, chunks = _split(problem, method, activation, accumulate, alpha)
        function = gemm_split.driver(problem.wide, problem.lanes, method.full.width)
        units = 1
    else:
        values, tables, scratch = _parameters(problem, method, activation, accumulate, alpha)
        words = (*values.values(), *tables)
        function = gemm_share.driver() if method.shared else gemm_drive.compute()
        units, chunks = values["units"], values["compute_chunks"]
    driven = method.slices > 1 or method.shared
    return Parts(
        function=function,
        parameters=words,
        arguments=3 + biased + bool(scratch),
        units=1 if driven else units,
        chunks=1 if driven else chunks,
        scratch_bytes=scratch,
        parallel=chunks > 1,
        nanoseconds=nanoseconds,
        path=method.describe(problem),
    )


def _parameters(
    problem: Problem,
    method: Method,
    activation: Activation | None,
    accumulate: bool,
    alpha: float,
) -> tuple[dict[str, int], list[int], int]:
    """Parameters, tables, and bytes of scratch memory."""
    values = dict.fromkeys(PARAMETERS, 0)
    tiles = cover(problem.m, method.heights)
    _words(values, problem, scratch=method.shared)
    _operands(values, problem, method, sum(count for _, count in tiles))
    _block(values, problem, method)
    values["finishing"] = int(problem.bias is not None or activation is not None)
    plain = not values["finishing"] and not accumulate and values["block_depth"] >= problem.k
    plain = plain and _storable(problem, alpha)
    if plain:
        method = _clipped(problem, method)
    _result(values, problem, method, accumulate, alpha)
    if not plain and problem.n > method.full.width:
        values["deliver"] = _deliver(method.full, problem, activation)
    if not plain or (problem.n - values["last_width"]) % method.full.width:
        values["last_deliver"] = _deliver(method.last, problem, activation)
    scratch = _packing(values, problem, method)
    tables = _tables(values, problem, method, tiles)
    values["length"] = len(values) + len(tables)
    values["units"] = values["row_blocks"] * values["column_blocks"] * problem.matrices
    chunks = _chunks(estimate(problem), values["units"])
    values["compute_chunks"] = values["share_chunks"] = chunks
    return values, tables, scratch


def _chunks(nanoseconds: float, units: int) -> int:
    if nanoseconds < ALONE_NANOSECONDS:
        return 1
    return max(1, int(min(MAX_CHUNKS, nanoseconds / CHUNK_NANOSECONDS, units)))


def _words(values: dict[str, int], problem: Problem, scratch: bool) -> None:
    """Which word of the call is which operand."""
    words = ["a_word", "b_word", "bias_word", "scratch_word", "c_word"]
    if problem.swapped:
        words[:2] = words[1::-1]
    if problem.bias is None:
        words.remove("bias_word")
    if not scratch:
        words.remove("scratch_word")
    values.update((name, number) for number, name in enumerate(words))
    values["arguments"] = len(words)


def _operands(values: dict[str, int], problem: Problem, method: Method, tiles: int) -> None:
    """Strides of A and B, in place and packed."""
    size, wide = problem.kind.itemsize, problem.wide.itemsize
    a, b, width = problem.a, problem.b, method.full.width
    across = -(-method.heights[0] // problem.lanes) * problem.lanes
    values["a_across"], values["a_along"] = a.row * size, a.column * size
    values["b_across"], values["b_along"] = b.column * size, b.row * size
    values["a_line"], values["b_line"] = across * wide, width * wide
    values["a_row"], values["b_column"] = values["a_across"], values["b_across"]
    values["a_depth"] = values["a_line"] if method.pack_a else values["a_along"]
    values["b_depth"] = values["b_line"] if method.pack_b else values["b_along"]
    values["a_tile_row"] = 0 if method.pack_a else values["a_across"]
    values["tiles"], values["panels"] = tiles, -(-problem.n // width)
    values["width"], values["column_count"] = width, problem.n
    images = problem.patches
    values["image_depth"] = NO_IMAGES
    if images is not None and images.pixels:
        values["image_depth"] = images.pixels
        values["a_jump"] = (images.a_image - images.pixels * a.column) * size
        values["b_jump"] = (images.b_image - images.pixels * b.row) * size


def _result(
    values: dict[str, int],
    problem: Problem,
    method: Method,
    accumulate: bool,
    alpha: float,
) -> None:
    """Where C and the bias are, and what is done to them."""
    size, width = problem.c_kind.itemsize, method.full.width
    values["c_row"], values["c_column"] = problem.c.row * size, problem.c.column * size
    if problem.n == 1:
        values["c_column"] = size
    values["c_panel"] = width * values["c_column"]
    if problem.bias is not None:
        values["biased"] = 1
        values["bias_row"] = problem.bias.row * size
        values["bias_column"] = problem.bias.column * size
        values["bias_panel"] = width * values["bias_column"]
    values["alpha"] = struct.unpack("q", struct.pack("d", alpha))[0]
    values["accumulate"] = int(accumulate)
    values["in_place"] = int(_storable(problem, alpha))
    clipped = isinstance(method.last, Micro) and method.last.clipped
    values["last_width"] = problem.n % width if clipped else method.last.width
    values["copy_row"] = width * problem.wide.itemsize


def _storable(problem: Problem, alpha: float) -> bool:
    """Whether a microkernel's tile can be a part of C as it is."""
    contiguous = problem.c.column == 1 or problem.n == 1
    return contiguous and alpha == 1 and problem.c_kind is problem.wide


def _clipped(problem: Problem, method: Method) -> Method:
    """Let the microkernel store what exists of the last panel, where nothing else is to be done."""
    ragged = problem.n % problem.lanes != 0 and has_masks(problem.here)
    if not ragged or not isinstance(method.last, Micro):
        return method
    return method._replace(last=method.last._replace(clipped=True))


def _deliver(kernel: Micro | Dot, problem: Problem, activation: Activation | None) -> int:
    lanes = min(kernel.width, problem.lanes)
    return deliver(problem.wide, lanes, kernel.width // lanes, problem.c_kind, activation)


def _block(values: dict[str, int], problem: Problem, method: Method) -> None:
    """Choose the blocks of C that are units, and the block of k."""
    private = (method.pack_a or method.pack_b) and not method.shared
    longest = BLOCK_DEPTH // 2 if method.pack_a and private else BLOCK_DEPTH
    if problem.c_kind is not problem.wide:  # what C holds between blocks is rounded
        longest = ROUNDED_BLOCK_DEPTH
    count = -(-problem.k // longest) or 1
    depth = -(-problem.k // count) or 1
    depth = values["block_depth"] = block_of_images(problem) or depth
    nanoseconds = estimate(problem)
    tiles, panels = values["tiles"], values["panels"]
    operands = (problem.m + problem.n) * problem.k * problem.kind.itemsize
    fetch = problem.k * problem.kind.itemsize * problem.matrices / BYTES / 4
    best = None
    most_rows, most_columns = BLOCK_ROWS, BLOCK_COLUMNS
    if problem.k <= SHORT_DEPTH and not private:  # writing C takes the time: row after row
        most_rows, most_columns = SHORT_BLOCK
    for high in _halves(tiles, most_rows // method.heights[0]):
        for wide in _halves(panels, most_columns // method.full.width):
            rows, columns = -(-tiles // max(1, high)), -(-panels // max(1, wide))
            line = rows * values["a_line"] * method.pack_a
            line += columns * values["b_line"] * method.pack_b
            if private and line * depth > SLOT_BYTES:
                continue
            packed = method.pack_a * problem.m * wide + method.pack_b * problem.n * high
            if method.shared:
                packed = 0
            cost = nanoseconds + packed * problem.k * problem.matrices * PACK_NANOSECONDS
            if operands > NEAR_BYTES:  # units fetch their operands, mostly ahead of use
                cost += (problem.m * wide + problem.n * high) * fetch
            units = high * wide * problem.matrices
            if nanoseconds >= ALONE_NANOSECONDS:
                cost *= 1 + 1.5 / max(1, min(MAX_CHUNKS, units))
            cost += units * UNIT_NANOSECONDS
            if best is None or cost < best[0]:
                best = cost, rows, columns, high, wide
    assert best is not None
    values["block_tiles"], values["block_panels"] = best[1:3]
    values["row_blocks"], values["column_blocks"] = best[3:]
    values["row_step"], values["column_step"] = 1, best[3]
    # Where C is most of what is touched, a thread shall write rows that follow each other: what
    # goes on with them (an optimizer) cuts them in the same way, and finds them in its cache.
    if not private and problem.k <= WRITTEN_DEPTH and best[3] > 1:
        values["row_step"], values["column_step"] = best[4], 1


def block_of_images(problem: Problem) -> int:
    """The block of k where sums go on from image to image: a part of one; 0 where they do not."""
    pixels = 0 if problem.patches is None else problem.patches.pixels
    if not pixels:
        return 0
    depths = (d for d in range(min(pixels, IMAGE_DEPTH), 0, -1) if pixels % d == 0)
    depth = next(depths)
    return depth if depth >= min(pixels, LEAST_IMAGE_DEPTH) else pixels


def _halves(number: int, most: int) -> list[int]:
    """Ways to cut `number` things into equal groups of at most `most`: how many groups."""
    if number == 0:
        return [0]
    counts = []
    groups = -(-number // max(1, most))
    while groups < number:
        size = -(-number // groups)
        counts.append(-(-number // size))
        groups *= 2
    return [*counts, number]


def _packing(values: dict[str, int], problem: Problem, method: Method) -> int:
    """Where packed panels go; returns the bytes of scratch memory for shared ones."""
    packers = []
    for packs, across in ((method.pack_a, problem.a.row), (method.pack_b, problem.b.column)):
        packers.append(packer(problem.kind, problem.lanes, across == 1) if packs else 0)
    if problem.patches is not None:
        packers[1] = problem.patches.packer
    values["whole_depth"] = values["depth_count"] = values["round_depth"] = problem.k
    depth = values["block_depth"]
    if method.shared:
        line = values["a_line"] * values["tiles"] + values["b_line"] * values["panels"]
        depth = min(problem.k, max(1, SHARED_BYTES // (line * depth)) * depth)
        values["round_depth"] = depth
        values["share_a"], values["share_b"] = packers
        values["piece_a"] = PIECE_ADJACENT if problem.a.row == 1 else PIECE
        values["piece_b"] = PIECE_ADJACENT if problem.b.column == 1 else PIECE
        values["compute"] = gemm_drive.compute()
    else:
        values["a_packer"], values["b_packer"] = packers
    if method.pack_a:
        values["a_panel"] = values["a_tile"] = values["a_line"] * depth
    values["b_panel"] = method.full.width * values["b_across"]
    if method.pack_b:
        values["b_panel"] = values["b_line"] * depth
    if method.shared:
        values["slot_b"] = values["a_panel"] * values["tiles"]
        return values["slot_b"] + values["b_panel"] * values["panels"]
    if method.pack_a or method.pack_b:
        values["slots"], values["slot_count"], values["slot_first"] = slots()
        values["slot_bytes"] = SLOT_BYTES
        values["slot_b"] = values["a_panel"] * values["block_tiles"]
    return 0


def _tables(
    values: dict[str, int], problem: Problem, method: Method, tiles: list[tuple[int, int]]
) -> list[int]:
    """The tables of tiles, for whole panels and for the last one, and of the batch."""
    start = len(values)
    tables: list[int] = []
    values["height_count"] = len(tiles)
    whole = method.full if problem.n > method.full.width else method.last
    for name, kernel in (("tiles_at", whole), ("last_tiles_at", method.last)):
        values[name] = start + len(tables)
        first_tile = first_row = 0
        for rows, count in tiles:
            base = first_row - first_tile * rows
            first_tile += count
            first_row += rows * count
            tables += [first_tile, base, rows, kernel.kernel(rows, method.heights)]
    values["batch_at"], values["batch_dims"] = start + len(tables), len(problem.batch)
    size, c_size = problem.kind.itemsize, problem.c_kind.itemsize
    none = Operand(0, 0, (0,) * len(problem.batch))
    for dim, extent in enumerate(problem.batch):
        tables += [extent, problem.a.batch[dim] * size, problem.b.batch[dim] * size]
        tables += [x.batch[dim] * c_size for x in (problem.c, problem.bias or none)]
    if problem.patches is not None:
        values["patches_at"] = start + len(tables)
        tables += problem.patches.table
    return tables


def _split(
    problem: Problem,
    method: Method,
    activation: Activation | None,
    accumulate: bool,
    alpha: float,
) -> tuple[tuple[int, ...], int, int]:
    """Slices of the sums: a batch of products into scratch memory, and then their total.

    Returns the parameters of both, the bytes of scratch memory, and the chunks of the first.
    """
    depth = -(-problem.k // method.slices)
    a_step, b_step = depth * problem.a.column, depth * problem.b.row
    if problem.patches is not None:  # slices are whole images
        images = -(-depth // problem.patches.pixels)
        depth = images * problem.patches.pixels
        a_step, b_step = images * problem.patches.a_image, images * problem.patches.b_image
    slices = -(-problem.k // depth)
    width, size = method.full.width, problem.wide.itemsize
    row = -(-problem.n // width) * width
    sliced = problem._replace(
        c_kind=problem.wide,
        sizes=(problem.m, problem.n, depth),
        a=problem.a._replace(batch=(a_step,)),
        b=problem.b._replace(batch=(b_step,)),
        c=Operand(row, 1, (problem.m * row,)),
        batch=(slices,),
        bias=None,
    )
    inner, tables, _ = _parameters(sliced, method, None, False, 1.0)
    outer = dict.fromkeys(PARAMETERS, 0)
    _words(outer, problem, scratch=True)
    _operands(outer, problem, method, 0)
    _result(outer, problem, method, accumulate, alpha)
    outer["deliver"] = _deliver(method.full, problem, activation)
    outer["last_deliver"] = _deliver(method.last, problem, activation)
    outer["load"], outer["finish"] = int(accumulate), 1
    outer["slices"], outer["units"] = slices, problem.m
    outer["slice_bytes"], outer["slice_row"] = problem.m * row * size, row * size
    outer["compute_chunks"] = min(16, problem.m) if problem.m * row * slices >= 1 << 16 else 1
    inner["c_word"] = outer["scratch_word"]
    inner["whole_depth"], inner["slice_depth"] = problem.k, depth
    inner["compute"] = gemm_drive.compute()
    words = (*inner.values(), *tables, *outer.values())
    return words, slices * problem.m * row * size, inner["compute_chunks"]
