"""Parameters of convolutions by Winograd's method, and of the gradients of their weights."""

from __future__ import annotations

from argand.dtypes import float32
from argand.kernels import conv_winograd, target, winograd_gradient
from argand.kernels.conv_sizes import Task
from argand.kernels.conv_winograd import BLOCK, HEIGHT_WORDS, PARAMETERS, ROW
from argand.kernels.gemm_deliver import Activation
from argand.kernels.gemm_micro import Micro, heights
from argand.kernels.gemm_plan import FLOPS, Parts, cover, has_masks
from argand.kernels.gemm_scratch import SLOT_BYTES, slots
from argand.kernels.target import Target
from argand.kernels.winograd_gradient import PART_VECTORS
from argand.kernels.winograd_transform import POINTS, TAPS, TILE

POINT_COUNT = POINTS * POINTS
PAD = 128  # bytes between planes of points, so that they do not meet in one set of a cache
ALONE_NANOSECONDS = 20_000  # work below this is not shared
GAIN = 2.5  # products that are saved, less what the transforms take
WEIGHT_CHUNKS = 16
SLICES = 8  # units that the gradient of a weight is cut into at most, but for wide ones
GROUP_BLOCKS = 2  # blocks of tiles whose gradients are multiplied at once, where they fit


def takes_winograd(task: Task) -> bool:
    """Whether a convolution is one of 3 x 3 at stride 1 whose points fit into scratch memory."""
    sizes = task.sizes
    return (
        sizes.kernel == (TAPS, TAPS)
        and sizes.unit_stride
        and sizes.dilation == (1, 1)
        and task.channels + _output_block(task) <= _most_rows()
    )


def tiles_of(task: Task) -> int:
    """How many tiles the results of all images are cut into."""
    rows, columns = (-(-n // TILE) for n in task.sizes.out)
    return task.images * rows * columns


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
    """The plan of a convolution; arguments: weight, image, (bias,) scratch, result."""
    here = here or target.host()
    lanes = here.vector_bytes // 4
    block = _output_block(task)
    values = dict.fromkeys(PARAMETERS, 0)
    _operands(values, task, lanes, ("weight_word", "image_word", "bias_word"))
    micro = _micro(here)
    values.update(
        output_block=block,
        v_plane=task.channels * 4 * BLOCK + PAD,
        m_plane=block * 4 * BLOCK + PAD,
        panels=BLOCK // micro.width,
        panel_bytes=4 * micro.width,
        weight_units=task.groups * task.channels,
        units=task.groups * values["blocks"],
    )
    values["m_first"] = values["v_plane"] * POINT_COUNT
    function = conv_winograd.driver(lanes, has_masks(here), activation)
    scratch = task.groups * values["u_group"]
    table = _tiles(values, micro, block, here)
    return _parts(function, values, task, 4 + task.biased, scratch, table)


def winograd_gradient_of_weight(task: Task, here: Target | None = None) -> Parts | None:
    """The plan of the gradient of a weight; arguments: gradient, image, scratch, result.

    None where a block's points do not fit into a slot of scratch memory.
    """
    here = here or target.host()
    lanes = here.vector_bytes // 4
    micro = _micro(here)
    values = dict.fromkeys(PARAMETERS, 0)
    _operands(values, task, lanes, ("out_word", "image_word"))
    part = min(-(-task.channels // micro.width) * micro.width, PART_VECTORS * lanes)
    h_row, v_row = -(-task.outputs // lanes) * lanes * 4, part * 4
    rows = lanes * POINTS * ROW
    blocks = GROUP_BLOCKS
    while rows + POINT_COUNT * (BLOCK * blocks * (h_row + v_row) + 2 * PAD) > SLOT_BYTES:
        blocks -= 1
        if blocks == 0:
            return None
    parts = -(-task.channels // part)
    slice_blocks = -(-values["blocks"] // max(1, SLICES // parts))
    slices = -(-values["blocks"] // slice_blocks)
    s_row = parts * v_row
    s_plane = task.outputs * s_row + PAD
    values.update(
        slices=slices,
        slice_blocks=slice_blocks,
        group_blocks=blocks,
        parts=parts,
        part_channels=part,
        h_row=h_row,
        v_row=v_row,
        h_plane=BLOCK * blocks * h_row + PAD,
        v_plane=BLOCK * blocks * v_row + PAD,
        s_row=s_row,
        s_plane=s_plane,
        s_slice=POINT_COUNT * s_plane,
        h_first=rows,
        weight_units=task.groups * task.outputs,
        units=task.groups * slices * parts,
    )
    values["v_first"] = rows + POINT_COUNT * values["h_plane"]
    function = winograd_gradient.driver(lanes, micro.vectors)
    table = _tiles(values, micro, task.outputs, here)
    scratch = task.groups * slices * values["s_slice"]
    return _parts(function, values, task, 4, scratch, table)


def _micro(here: Target) -> Micro:
    """The microkernel; panels have to divide a block of tiles."""
    lanes, vectors = here.vector_bytes // 4, here.tile_vectors
    while BLOCK % (vectors * lanes):
        vectors -= 1
    return Micro(float32, lanes, vectors, adjacent=True)


def _tiles(values: dict[str, int], micro: Micro, rows: int, here: Target) -> list[int]:
    """The table of register tiles that cover so many rows."""
    values["heights_at"] = len(values)
    table: list[int] = []
    for height, count in cover(rows, heights(here.tile_rows)):
        table += [count, height, micro.kernel(height, heights(here.tile_rows))]
    values["height_count"] = len(table) // HEIGHT_WORDS
    return table


def _parts(
    function: int,
    values: dict[str, int],
    task: Task,
    arguments: int,
    scratch: int,
    table: list[int],
) -> Parts:
    values["slots"], values["slot_count"], values["slot_first"] = slots()
    values["slot_bytes"] = SLOT_BYTES
    nanoseconds = task.flops / FLOPS / GAIN
    shared = nanoseconds > ALONE_NANOSECONDS
    values["chunks"] = values["units"] if shared else 1
    values["weight_chunks"] = min(WEIGHT_CHUNKS, values["weight_units"]) if shared else 1
    return Parts(
        function=function,
        parameters=(*values.values(), *table),
        arguments=arguments,
        units=1,
        chunks=1,
        scratch_bytes=scratch,
        parallel=shared,
        nanoseconds=nanoseconds,
        path="winograd",
    )


def _operands(
    values: dict[str, int], task: Task, lanes: int, given: tuple[str, ...]
) -> None:
    """Where the operands are, their sizes, and their strides in bytes."""
    words = [name for name in given if task.biased or name != "bias_word"]
    words += ["scratch_word", "out_word" if "weight_word" in given else "weight_word"]
    values.update((name, number) for number, name in enumerate(words))
    tile_rows, tile_columns = (-(-n // TILE) for n in task.sizes.out)
    values.update(tile_rows=tile_rows, tile_columns=tile_columns, tiles=tiles_of(task))
    values["blocks"] = -(-values["tiles"] // BLOCK)
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
