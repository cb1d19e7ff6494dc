"""Convolutions of images: which kernel computes one, and its parameters.

`winograd` plans what `memory.make_plan` needs, as `contract.product` does. Code is generated per
structure, never per size.
"""

from __future__ import annotations

from typing import NamedTuple

from argand.dtypes import dtype, float32
from argand.kernels import conv_winograd, target
from argand.kernels.conv_patch import patches, turned
from argand.kernels.conv_sizes import Sizes
from argand.kernels.conv_winograd import BLOCK, HEIGHT_WORDS, PARAMETERS
from argand.kernels.gemm_deliver import Activation
from argand.kernels.gemm_micro import Micro, heights
from argand.kernels.gemm_pack import packer
from argand.kernels.gemm_plan import (
    FLOPS,
    Method,
    Operand,
    Parts,
    Patches,
    Problem,
    block_of_images,
    cover,
    estimate,
    has_masks,
    plan,
)
from argand.kernels.gemm_scratch import SLOT_BYTES, slots
from argand.kernels.target import Target
from argand.kernels.winograd_transform import POINTS, TAPS, TILE

POINT_COUNT = POINTS * POINTS
SLICES = 16  # sums over many images are split into so many parts at most,
SPLIT_NANOSECONDS = 40_000  # where there is so much to do
PAD = 128  # bytes between planes of points, so that they do not meet in one set of a cache


class Task(NamedTuple):
    """A convolution of images ``(images, groups * channels, height, width)``, row-major."""

    images: int
    groups: int
    channels: int  # of a group
    outputs: int  # of a group
    sizes: Sizes
    biased: bool = False
    backward: bool = False  # the weight is that of the convolution whose gradient this is

    @property
    def flops(self) -> float:
        terms = self.channels * self.sizes.taps
        return 2.0 * self.images * self.groups * self.outputs * self.sizes.pixels * terms


def takes_winograd(task: Task) -> bool:
    """Whether a convolution is one of 3 x 3 at stride 1, large enough for Winograd to be faster."""
    sizes = task.sizes
    return (
        sizes.kernel == (TAPS, TAPS)
        and sizes.unit_stride
        and sizes.dilation == (1, 1)
        and min(sizes.padding) >= 0
        and task.channels + _output_block(task) <= _most_rows()
    )


def _most_rows() -> int:
    """How many rows of points (channels and outputs) a slot of scratch memory has room for."""
    return (SLOT_BYTES // POINT_COUNT - 2 * PAD) // (4 * BLOCK)


def _output_block(task: Task) -> int:
    """Into what blocks the outputs are cut, so that a block's points and products fit."""
    room = max(1, _most_rows() - task.channels)
    for parts in range(1, task.outputs + 1):
        if task.outputs % parts == 0 and task.outputs // parts <= room:
            return task.outputs // parts
    return task.outputs


def winograd(
    task: Task, activation: Activation | None = None, here: Target | None = None
) -> Parts:
    """The plan of a convolution by Winograd's method; arguments: image, weight, (bias,) scratch,
    result."""
    here = here or target.host()
    lanes = here.vector_bytes // 4
    sizes, block = task.sizes, _output_block(task)
    values = dict.fromkeys(PARAMETERS, 0)
    _operands(values, task, lanes)
    tile_rows, tile_columns = (-(-n // TILE) for n in sizes.out)
    tiles = task.images * tile_rows * tile_columns
    vectors = here.tile_vectors
    while BLOCK % (vectors * lanes):
        vectors -= 1
    micro = Micro(float32, lanes, vectors, adjacent=True)
    values.update(
        tile_rows=tile_rows,
        tile_columns=tile_columns,
        tiles=tiles,
        blocks=-(-tiles // BLOCK),
        output_block=block,
        v_plane=task.channels * 4 * BLOCK + PAD,
        m_plane=block * 4 * BLOCK + PAD,
        panels=BLOCK // micro.width,
        panel_bytes=4 * micro.width,
        weight_units=task.groups * task.channels,
        units=task.groups * -(-tiles // BLOCK),
        heights_at=len(values),
        slot_bytes=SLOT_BYTES,
    )
    values["m_first"] = values["v_plane"] * POINT_COUNT
    values["slots"], values["slot_count"], values["slot_first"] = slots()
    nanoseconds = task.flops / FLOPS / 2.5
    values["chunks"] = values["units"] if nanoseconds > 20_000 else 1
    values["weight_chunks"] = min(16, values["weight_units"]) if nanoseconds > 20_000 else 1
    sizes_of_tiles = heights(here.tile_rows)
    table: list[int] = []
    for rows, count in cover(block, sizes_of_tiles):
        table += [count, rows, micro.kernel(rows, sizes_of_tiles)]
    values["height_count"] = len(table) // HEIGHT_WORDS
    return Parts(
        function=conv_winograd.driver(lanes, has_masks(here), activation),
        parameters=(*values.values(), *table),
        arguments=4 + task.biased,
        units=1,
        chunks=1,
        scratch_bytes=task.groups * values["u_group"],
        parallel=values["chunks"] > 1,
        nanoseconds=nanoseconds,
        path="winograd",
    )


def direct(
    task: Task, kind: dtype, activation: Activation | None = None, here: Target | None = None
) -> Parts:
    """The plan of a convolution as a product; arguments: weight, image, (bias,) result."""
    here = here or target.host()
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


def of_weight(task: Task, kind: dtype, here: Target | None = None) -> Parts | None:
    """The plan of the gradient of a weight; arguments: gradient, image, (scratch,) result.

    None where an image has so many windows, of a prime number, that no part of it fits.
    """
    here = here or target.host()
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
        method = method._replace(slices=min(SLICES, task.images))
    return plan(problem, method, None, False, 1.0)


def _patches(sizes: Sizes, kind: dtype, here: Target) -> int:
    dense = sizes.unit_stride and sizes.out[1] == sizes.size[1]
    return patches(kind, here.vector_bytes // kind.itemsize, dense)


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


def _operands(values: dict[str, int], task: Task, lanes: int) -> None:
    """Where the operands are, and their strides in bytes."""
    words = ["image_word", "weight_word", "bias_word", "scratch_word", "out_word"]
    if not task.biased:
        words.remove("bias_word")
    values.update((name, number) for number, name in enumerate(words))
    sizes, channels, outputs = task.sizes, task.channels, task.outputs
    taps = TAPS * TAPS * 4
    values["weight_lane"], values["weight_unit"] = channels * taps, taps
    values["weight_tap"] = 4
    if task.backward:
        values["weight_lane"], values["weight_unit"] = taps, outputs * taps
        values["weight_tap"], values["weight_first"] = -4, taps - 4
    values["weight_group"] = channels * outputs * taps
    row = -(-outputs // lanes) * lanes * 4
    plane = row * channels
    values["u_row"], values["u_plane"], values["u_group"] = row, plane, plane * POINT_COUNT
    image, out = 4 * sizes.size[0] * sizes.size[1], 4 * sizes.pixels
    values.update(
        biased=int(task.biased),
        channels=channels,
        outputs=outputs,
        image_channel=image,
        image_group=image * channels,
        image_image=image * channels * task.groups,
        out_channel=out,
        out_group=out * outputs,
        out_image=out * outputs * task.groups,
        height=sizes.size[0],
        width=sizes.size[1],
        pad_y=sizes.padding[0],
        pad_x=sizes.padding[1],
        out_height=sizes.out[0],
        out_width=sizes.out[1],
    )


def prefers_winograd(task: Task) -> bool:
    """Whether Winograd's method is the faster one."""
    return takes_winograd(task) and task.channels >= 8 and task.outputs >= 8
