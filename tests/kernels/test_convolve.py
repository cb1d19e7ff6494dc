"""Kernels of convolutions: every way, setting, edge and machine against NumPy, between guards."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from argand import dtypes
from argand.dtypes import dtype
from argand.kernels import conv_patch, conv_winograd, convolve, target, winograd_gradient
from argand.kernels.conv_sizes import Sizes, Task
from argand.kernels.gemm_plan import Parts
from argand.kernels.winograd_plan import takes_winograd, winograd, winograd_gradient_of_weight
from argand.runtime import threads
from tests.kernels.harness import MACHINES, Guarded, machine_named
from tests.kernels.test_contract import _forget, relu, run
from tests.ops.test_convolution import straightforward

F32, F64 = dtypes.float32, dtypes.float64


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything is generated anew for the machine of this test."""
    with machine_named(request.param):
        _forget_all()
        yield request.param
    _forget_all()


def _forget_all() -> None:
    _forget()
    for function in (
        conv_patch.patches, conv_patch.turned, conv_winograd.driver, winograd_gradient.driver
    ):  # fmt: skip
        function.cache_clear()


def task(
    images: int,
    groups: int,
    channels: int,
    outputs: int,
    size: Sequence[int],
    kernel: Sequence[int] = (3, 3),
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    biased: bool = True,
    backward: bool = False,
) -> Task:
    sizes = Sizes(tuple(size), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    return Task(images, groups, channels, outputs, sizes, biased, backward)


def guarded(kind: dtype, shape: Sequence[int], seed: int) -> Guarded:
    guard = Guarded(kind, shape, shift=seed)
    guard.array[...] = np.random.default_rng(seed).standard_normal(shape)
    guard.before = guard.block.copy()
    return guard


def check_convolution(
    job: Task, parts: Parts, kind: dtype = F32, chunks: int = 1, activated: bool = False
) -> None:
    sizes, groups = job.sizes, job.groups
    ends = (job.channels, job.outputs) if job.backward else (job.outputs, job.channels)
    weight = guarded(kind, (groups * ends[0], ends[1], *sizes.kernel), 0)
    image = guarded(kind, (job.images, groups * job.channels, *sizes.size), 1)
    bias = guarded(kind, (groups * job.outputs,), 2)
    out = guarded(kind, (job.images, groups * job.outputs, *sizes.out), 3)
    given = [weight, image, *[bias] * job.biased]
    run(parts, [g.array.ctypes.data for g in (*given, out)], chunks)
    applied = weight.array
    if job.backward:  # exchange channels and outputs within each group, and turn the windows
        apart = applied.reshape(groups, *ends, *sizes.kernel)[..., ::-1, ::-1]
        applied = apart.swapaxes(1, 2).reshape(groups * ends[1], ends[0], *sizes.kernel)
    inner = tuple(slice(max(-p, 0), n + min(p, 0)) for p, n in zip(sizes.padding, sizes.size))
    wanted = straightforward(
        image.array[(..., *inner)],
        applied,
        bias.array if job.biased else None,
        sizes.stride,
        [max(p, 0) for p in sizes.padding],
        sizes.dilation,
        groups,
    )
    if activated:
        wanted = np.maximum(wanted, 0)
    assert_close(out.array, wanted, kind, job.channels * sizes.taps, parts)
    for guard in (*given, out):
        guard.check()


def check_gradient(job: Task, parts: Parts, kind: dtype = F32, chunks: int = 1) -> None:
    sizes, groups = job.sizes, job.groups
    gradient = guarded(kind, (job.images, groups * job.outputs, *sizes.out), 0)
    image = guarded(kind, (job.images, groups * job.channels, *sizes.size), 1)
    out = guarded(kind, (groups * job.outputs, job.channels, *sizes.kernel), 2)
    run(parts, [g.array.ctypes.data for g in (gradient, image, out)], chunks)
    wanted = weight_gradient(job, gradient.array, image.array)
    assert_close(out.array, wanted, kind, job.images * sizes.pixels, parts)
    for guard in (gradient, image, out):
        guard.check()


def weight_gradient(job: Task, gradient: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Tap by tap, in float64."""
    sizes = job.sizes
    pads = [(p, p) for p in sizes.padding]
    padded = np.pad(image.astype(np.float64), [(0, 0), (0, 0), *pads])
    result = np.zeros((job.groups * job.outputs, job.channels, *sizes.kernel))
    for g in range(job.groups):
        rows = slice(g * job.outputs, (g + 1) * job.outputs)
        columns = slice(g * job.channels, (g + 1) * job.channels)
        for tap in np.ndindex(*sizes.kernel):
            place = tuple(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, sizes.dilation, sizes.out, sizes.stride)
            )
            part = padded[(slice(None), columns, *place)]
            result[(rows, slice(None), *tap)] = np.einsum(
                "nohw,nchw->oc", gradient[:, rows].astype(np.float64), part
            )
    return result


def assert_close(
    found: np.ndarray, wanted: np.ndarray, kind: dtype, terms: int, parts: Parts
) -> None:
    """Equal within the rounding of sums of so many terms of size one."""
    scale = 2.0**-23 if kind is F32 else 2.0**-52
    tolerance = (160 if parts.path == "winograd" else 60) * scale * max(4.0, terms**0.5)
    wrong = np.argwhere(~(np.abs(found - wanted) <= tolerance))
    assert not len(wrong), f"{len(wrong)} of {wanted.size} differ, first at {tuple(wrong[0])}"


THREES = (  # Winograd: tiles cut off at every edge, one and several segments, blocks, groups
    task(1, 1, 1, 1, (1, 1)),
    task(1, 1, 2, 3, (4, 4)),
    task(2, 1, 3, 5, (9, 7)),
    task(1, 2, 5, 17, (6, 13), padding=(0, 2)),
    task(3, 1, 20, 33, (5, 6), padding=(2, 0), biased=False),
    task(2, 1, 16, 14, (30, 31)),
    task(1, 3, 7, 4, (17, 140), padding=(1, 1)),
    task(40, 1, 4, 6, (3, 3)),
    task(1, 1, 6, 30, (70, 5), padding=(4, 3)),
    task(1, 1, 70, 90, (8, 8)),
)


@pytest.mark.parametrize("job", THREES, ids=str)
def test_winograd(machine: str, job: Task) -> None:
    assert takes_winograd(job)
    check_convolution(job, winograd(job))
    check_convolution(job._replace(backward=True), winograd(job._replace(backward=True)))
    check_convolution(job, winograd(job), chunks=5)


@pytest.mark.parametrize("job", THREES, ids=str)
def test_winograd_gradient(machine: str, job: Task) -> None:
    parts = winograd_gradient_of_weight(job)
    assert parts is not None
    check_gradient(job, parts)


def test_winograd_in_blocks_of_outputs() -> None:
    """More outputs than there is room for are computed one part after the other."""
    job = task(1, 1, 300, 256, (5, 9))
    check_convolution(job, winograd(job))
    assert not takes_winograd(task(1, 1, 1000, 8, (5, 9)))


def test_winograd_gradient_of_many_channels() -> None:
    parts = winograd_gradient_of_weight(task(2, 1, 140, 20, (9, 9)))
    assert parts is not None
    check_gradient(task(2, 1, 140, 20, (9, 9)), parts)
    assert winograd_gradient_of_weight(task(2, 1, 8, 2000, (9, 9))) is None


ANY = (
    task(1, 1, 1, 1, (1, 1)),
    task(2, 1, 3, 5, (9, 7)),
    task(1, 2, 4, 3, (8, 8), padding=(0, 0)),
    task(2, 1, 3, 20, (12, 10), (5, 4), (2, 3), (2, 1)),
    task(1, 1, 3, 33, (14, 13), (3, 3), (1, 1), (2, 2), (2, 2)),
    task(2, 6, 1, 2, (9, 9), (3, 3), (2, 2), (1, 1)),
    task(3, 1, 2, 4, (3, 40), (1, 1), (2, 2), (0, 0)),
    task(1, 1, 3, 4, (1, 50), (1, 5), (1, 1), (0, 2)),
    task(2, 1, 20, 30, (17, 40), (3, 3), (1, 1), (0, 1)),
    task(9, 1, 5, 29, (12, 12)),
    task(1, 1, 3, 4, (6, 6), (3, 3), (1, 1), (-1, -1)),
    task(1, 1, 2, 3, (33, 34), (7, 7), (2, 2), (3, 3)),
    task(1, 1, 40, 6, (20, 20), (5, 5), (1, 1), (2, 2)),
)


@pytest.mark.parametrize("kind", [F32, F64], ids=str)
@pytest.mark.parametrize("job", ANY, ids=str)
def test_direct(machine: str, kind: dtype, job: Task) -> None:
    here = target.host()
    parts = convolve._direct(job, kind, None, here)
    check_convolution(job, parts, kind)
    check_convolution(job, parts, kind, chunks=3)
    if min(job.sizes.padding) >= 0:
        gradient = convolve._direct_of_weight(job, kind, here)
        assert gradient is not None
        check_gradient(job, gradient, kind)


def test_slices_of_images() -> None:
    """Long sums over many images are split, and blocks are parts of an image."""
    job = task(20, 1, 12, 24, (40, 36), padding=(1, 1))
    parts = convolve._direct_of_weight(job, F32, target.host())
    assert parts is not None
    assert "slices" in parts.path
    check_gradient(job, parts)


def test_a_prime_number_of_windows() -> None:
    job = task(1, 1, 2, 3, (1, 20011), (1, 3), (1, 1), (0, 1))
    assert convolve._direct_of_weight(job, F32, target.host()) is None


def test_activation() -> None:
    job = task(2, 1, 16, 14, (9, 11))
    for parts in (
        winograd(job, relu), convolve._direct(job, F32, relu, target.host())
    ):  # fmt: skip
        check_convolution(job, parts, activated=True)


def test_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    job = task(8, 1, 64, 64, (56, 56))
    assert convolve.prefers_winograd(job, F32)
    assert not convolve.prefers_winograd(job, F64)
    assert not convolve.prefers_winograd(job._replace(channels=3), F32)
    assert not convolve.prefers_winograd(task(1, 1, 256, 256, (8, 8)), F32)
    monkeypatch.setenv("ARGAND_WINOGRAD", "off")
    assert not convolve.prefers_winograd(job, F32)
    assert convolve.convolution(job, F32).path != "winograd"


def test_results_do_not_depend_on_threads() -> None:
    import argand

    x = argand.randn(8, 16, 20, 20)
    results = []
    before = threads.get_num_threads()
    for number in (1, 2, 3):
        threads.set_num_threads(number)
        w = argand.full((24, 16, 3, 3), 0.1).requires_grad_()
        out = argand.conv2d(x, w, padding=1)
        out.square().sum().backward()
        results.append((out.detach().numpy(), w.grad.numpy()))
    threads.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_text_is_the_same_every_time(lanes: int) -> None:
    """The cache on disk finds a module by its text."""
    assert conv_winograd.text(lanes, True, None) == conv_winograd.text(lanes, True, None)
    assert winograd_gradient.text(lanes, 2) == winograd_gradient.text(lanes, 2)
