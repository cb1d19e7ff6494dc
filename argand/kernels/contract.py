"""Matrix products: ``C[b] = activation(alpha A[b] @ B[b] (+ C[b]) (+ bias))``.

`product` chooses how a product of these sizes and strides is computed, generates what is missing,
and returns what `memory.make_plan` needs::

    parts = product(float32, (m, n, k), a, b, c, batch=(8,), bias=bias)
    plan = make_plan(parts.function, parts.parameters, parts.arguments,
                     units=parts.units, chunks=parts.chunks, ...)
    if parts.parallel:
        threads.ensure_started()
    plan.run(a_ptr, b_ptr, [bias_ptr,] [scratch_ptr,] c_ptr)

`scratch_ptr` is an argument exactly if ``parts.scratch_bytes`` is not 0 (large products): that much
memory, of any content, not shared with a product that runs at the same time.

Code is generated per structure (types, tile, whether A's columns are contiguous, activation), never
per size: sizes and strides are parameters. The pieces, each in a file of its own:

- microkernels: a register tile over the k of a block (gemm_micro), or, for few rows and a B that is
  transposed, dot products (gemm_dot);
- packers (gemm_pack): operands into panels, where they cannot be read well in place;
- ``deliver`` (gemm_deliver): scale, add, bias, activation, edges, strides;
- the loops around them (gemm_drive), generic and the same for all; what large products (gemm_share)
  and long sums (gemm_split) need beyond that;
- the parameters for all of it (gemm_plan).

The sizes alone tell in which order the terms of each sum are added: results do not depend on the
number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from argand.dtypes import dtype
from argand.kernels import target
from argand.kernels.gemm_deliver import Activation
from argand.kernels.gemm_dot import Dot
from argand.kernels.gemm_micro import Micro, heights
from argand.kernels.gemm_plan import (
    Method,
    Operand,
    Parts,
    Problem,
    estimate,
    has_masks,
    plan,
)
from argand.kernels.target import Target

__all__ = ["Activation", "Operand", "Parts", "product"]

# Measured on a core with 48 KiB and 2 MiB of cache; flat around these values.
SHARED_PRODUCTS = 200_000_000  # m n k from which on all threads pack first
SHARED_SIZE = 192  # and the least rows and columns for that,
FAR_BYTES = 1_000_000  # or bytes of a transposed A, of which each step of k reads another line,
FAR_COLUMNS = 64  # with so many columns of C
PACK_DEPTH = 32  # B is packed for longer sums than this,
PACK_ROWS = 256  # and more rows than these,
PACK_ROWS_FAR = 48  # or than these where it is larger than
NEAR_BYTES = 1 << 20
DOT_ROWS = 4  # at most so many rows are computed as dot products
DOT_DEPTH = 48  # of at least this length
SKINNY_ROWS = 3  # at most so many rows have tiles that are very wide
SPLIT_NANOSECONDS = 40_000  # work from which on long sums are split
SPLIT_UNITS = 16  # where there are fewer blocks of C than these
SPLIT_DEPTH = 256  # into slices of at least this many k


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
        kind: type of all the operands: a floating type; half types are computed in float32.
        sizes: rows of C, columns of C, and the length of the sums.
        a, b, c: strides in elements; a stride of 0 repeats. C must not overlap itself.
        batch: sizes of the batch dimensions that the operands' `batch` strides belong to.
        bias: strides of what is added last; of a usual bias 0 from row to row.
        activation: called as ``activation(lowering, name)``, writes instructions on a vector and
            returns the name of the result.
        accumulate: whether to add to what C holds.
        alpha: factor of the product.
        here: the machine to generate for, where it is not this one (tests).
    """
    place = here or target.host()
    problem = Problem(kind, kind, sizes, a, b, c, tuple(batch), bias, place).oriented()
    return plan(problem, choose(problem), activation, accumulate, alpha)


def choose(problem: Problem) -> Method:
    """How to compute a product."""
    method = _dots(problem) or _tiles(problem)
    few = method.units(problem) < SPLIT_UNITS and problem.matrices == 1
    if few and estimate(problem) >= SPLIT_NANOSECONDS and problem.k >= 2 * SPLIT_DEPTH:
        slices = min(SPLIT_UNITS, problem.k // SPLIT_DEPTH)
        return method._replace(slices=slices, shared=False)
    return method


def _dots(problem: Problem) -> Method | None:
    """Dot products, where there are few rows, and B lies so that packing is all the work."""
    m, kind = problem.m, problem.kind
    along_k = problem.a.column == 1 and problem.b.row == 1 and problem.b.column != 1
    few = 0 < m <= min(DOT_ROWS, problem.lanes)
    if not few or problem.k < DOT_DEPTH or kind is not problem.wide or not along_k:
        return None
    columns = 1
    while columns * 2 * m <= problem.lanes and columns < problem.n:
        columns *= 2
    dot = Dot(kind, problem.lanes, m, columns)
    return Method(dot, dot, (m,), pack_a=False, pack_b=False)


def _tiles(problem: Problem) -> Method:
    """Register tiles; operands are packed where that pays."""
    m, n, k, here = problem.m, problem.n, problem.k, problem.here
    wide = problem.kind is problem.wide
    columns_of_a = m > 1 and problem.a.row == 1 and problem.a.column != 1
    far = columns_of_a and k * m * problem.kind.itemsize >= FAR_BYTES and n >= FAR_COLUMNS
    large = m * n * k >= SHARED_PRODUCTS and min(m, n) >= SHARED_SIZE
    shared = (large or far) and problem.matrices == 1
    near = k * n * problem.kind.itemsize <= NEAR_BYTES
    few = m <= (PACK_ROWS if near else PACK_ROWS_FAR) or k <= PACK_DEPTH
    readable = n % problem.lanes == 0 or has_masks(here)
    pack_b = shared or not (wide and problem.b.column == 1 and few and readable)
    pack_a = shared or not wide
    if k == 0 or problem.empty:
        pack_a = pack_b = shared = False
    vectors, sizes = here.tile_vectors, heights(here.tile_rows)
    if 0 < m <= SKINNY_ROWS and not pack_b:
        vectors, sizes = here.registers // (2 if m == 1 else 4), heights(min(m, 2))
    adjacent = pack_a or problem.a.row == 1 or m == 1
    full = Micro(problem.wide, problem.lanes, vectors, adjacent)
    rest = n % full.width
    ragged = rest % problem.lanes != 0 and not pack_b and has_masks(here)
    needed = -(-rest // problem.lanes) or vectors
    last = full._replace(vectors=needed, masked=ragged)
    return Method(full, last, sizes, pack_a=pack_a, pack_b=pack_b, shared=shared)
