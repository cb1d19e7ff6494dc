"""Convolutions of images: which kernel computes one, and its parameters.

`convolution` and `gradient_of_weight` plan what `memory.make_plan` needs, as `contract.product`
does. There are two ways:

- *direct*: the matrix microkernel, with packers that read the windows of the image (conv_patch);
- *Winograd's* method for 3 x 3 at stride 1 in float32 (winograd_plan), with a quarter of the
  multiplications and, for few channels, more time in its transforms than that saves. Its error is
  about five times that of the direct way; ``ARGAND_WINOGRAD=off`` does without it.

Code is generated per structure, never per size.
"""

from __future__ import annotations

from argand import config
from argand.dtypes import dtype, float32
from argand.kernels import target
from argand.kernels.conv_patch import APART, DENSE, ROWS, patches, turned
from argand.kernels.conv_sizes import Sizes, Task
from argand.kernels.gemm_deliver import Activation
from argand.kernels.gemm_micro import Micro, heights
from argand.kernels.gemm_pack import packer
from argand.kernels.gemm_plan import (
    Method,
    Operand,
    Parts,
    Patches,
    Problem,
    block_of_images,
    estimate,
    has_masks,
    plan,
)
from argand.kernels.gemm_scratch import SLOT_BYTES
from argand.kernels.target import Target
from argand.kernels.winograd_plan import (
    takes_winograd,
    tiles_of,
    winograd,
    winograd_gradient_of_weight,
)

# Where Winograd's method is faster, measured on two AVX-512 cores: from 8 channels and outputs on,
# up to 2.7 times as fast; fewer than 32 tiles lose (transforming the weight takes the time), up to
# 49 are a tie.
WINOGRAD_CHANNELS = 8
WINOGRAD_TILES = 48
LEAST_ROW = 4  # windows of a row from which on reading row by row beats gathering
SLICES = 16  # sums over many images are split into so many parts at most,
SPLIT_NANOSECONDS = 40_000  # where there is so much to do,
SLICE_BYTES = 8 << 20  # and as far as their sums do not take more memory


def convolution(
    task: Task, kind: dtype, activation: Activation | None = None, here: Target | None = None
) -> Parts:
    """The plan of a convolution; arguments: weight, image, (bias,) (scratch,) result.

    The weight of a task that is `backward` is that of the convolution whose gradient it is, for
    Winograd's method; for the direct way it has to be turned before: see `turns_weight`.
    """
    here = here or target.host()
    if prefers_winograd(task, kind):
        return winograd(task, activation, here)
    return _direct(task, kind, activation, here)


def gradient_of_weight(task: Task, kind: dtype, here: Target | None = None) -> Parts | None:
    """The plan of the gradient of a weight; arguments: gradient, image, (scratch,) result.

    None where an image has so many windows, of a prime number, that no part of it fits.
    """
    here = here or target.host()
    if prefers_winograd(task, kind):
        found = winograd_gradient_of_weight(task, here)
        if found is not None:
            return found
    return _direct_of_weight(task, kind, here)


def prefers_winograd(task: Task, kind: dtype) -> bool:
    """Whether Winograd's method is there for a task, and the faster one."""
    large = min(task.channels, task.outputs) >= WINOGRAD_CHANNELS
    large = large and tiles_of(task) >= WINOGRAD_TILES
    return kind is float32 and large and config.winograd() and takes_winograd(task)


def turns_weight(task: Task, kind: dtype) -> bool:
    """Whether the weight has to be turned by 180 degrees before."""
    return task.backward and not prefers_winograd(task, kind)


def _direct(
    task: Task, kind: dtype, activation: Activation | None, here: Target
) -> Parts:
    """A convolution as a product of the weight and the windows."""
    sizes = task.sizes
    m, n, k = task.outputs, sizes.pixels, task.channels * sizes.taps
    image = task.channels * sizes.size[0] * sizes.size[1]
    added = Operand(1, 0, (0, m)) if task.biased else None
    problem = Problem(
        kind,
        kind,
        (m, n, k),
        Operand(k, 1, (0, m * k)),
        Operand(0, 0, (image * task.groups, image)),
        Operand(n, 1, (m * n * task.groups, m * n)),
        (task.images, task.groups),
        added,
        here,
        patches=Patches(_patches(sizes, kind, here), _table(sizes, kind)),
    )
    return plan(problem, _panels(problem), activation, False, 1.0)


def _direct_of_weight(task: Task, kind: dtype, here: Target) -> Parts | None:
    """The gradient of a weight as a product of the gradient and the windows."""
    sizes = task.sizes
    m, n, pixels = task.outputs, task.channels * sizes.taps, sizes.pixels
    image = task.channels * sizes.size[0] * sizes.size[1]
    lanes = here.vector_bytes // kind.itemsize
    addresses = (_patches(sizes, kind, here), packer(kind, lanes, False))
    several = task.groups > 1
    problem = Problem(
        kind,
        kind,
        (m, n, pixels * task.images),
        Operand(pixels, 1, (m * pixels,) * several),
        Operand(0, 0, (image,) * several),
        Operand(n, 1, (m * n,) * several),
        (task.groups,) * several,
        None,
        here,
        patches=Patches(
            turned(kind, lanes),
            (*_table(sizes, kind), *addresses),
            pixels,
            m * pixels * task.groups,
            image * task.groups,
        ),
    )
    method = _panels(problem)
    depth = block_of_images(problem)
    if depth * method.full.width * kind.itemsize > SLOT_BYTES:
        return None
    if task.images > 1 and not several and estimate(problem) >= SPLIT_NANOSECONDS:
        room = SLICE_BYTES // (m * n * kind.itemsize)
        method = method._replace(slices=max(1, min(SLICES, task.images, room)))
    return plan(problem, method, None, False, 1.0)


def _patches(sizes: Sizes, kind: dtype, here: Target) -> int:
    reading = APART
    if sizes.unit_stride and sizes.out[1] == sizes.size[1]:
        reading = DENSE
    elif sizes.stride[1] == 1 and sizes.out[1] >= LEAST_ROW and has_masks(here):
        reading = ROWS
    return patches(kind, here.vector_bytes // kind.itemsize, reading)


def _table(sizes: Sizes, kind: dtype) -> tuple[int, ...]:
    """The table that packers of windows read, but for addresses."""
    height, width = sizes.size
    words = (height * width * kind.itemsize, height, width, *sizes.kernel, *sizes.stride)
    return (*words, *sizes.padding, *sizes.dilation, sizes.out[1], sizes.pixels)


def _panels(problem: Problem) -> Method:
    """Register tiles on packed panels of windows."""
    here = problem.here
    full = Micro(problem.wide, problem.lanes, here.tile_vectors, adjacent=problem.m == 1)
    needed = -(-(problem.n % full.width) // problem.lanes) or full.vectors
    last = full._replace(vectors=needed)
    return Method(full, last, heights(here.tile_rows), pack_a=False, pack_b=True)
