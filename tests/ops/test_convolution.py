"""Convolutions against sums written out in NumPy: sizes, settings, types, layouts, gradients."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import argand
from argand.autograd.gradcheck import gradcheck, gradgradcheck
from argand.nn import functional as F


def straightforward(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    groups: int = 1,
) -> np.ndarray:
    """A convolution, tap by tap, in float64."""
    rank = x.ndim - 2
    kind = np.result_type(x, np.float64)
    padded = np.pad(x.astype(kind), [(0, 0)] * 2 + [(p, p) for p in padding[:rank]])
    kernel = w.shape[2:]
    out = [
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(padded.shape[2:], dilation, kernel, stride)
    ]
    result = np.zeros((x.shape[0], w.shape[0], *out), kind)
    of_input, of_output = x.shape[1] // groups, w.shape[0] // groups
    for g, tap in itertools.product(range(groups), np.ndindex(*kernel)):
        place = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, d, o, s in zip(tap, dilation, out, stride)
        )
        part = padded[(slice(None), slice(g * of_input, (g + 1) * of_input), *place)]
        weights = w[(slice(g * of_output, (g + 1) * of_output), slice(None), *tap)]
        added = np.einsum("nc...,oc->no...", part, weights)
        result[:, g * of_output : (g + 1) * of_output] += added
    return result if bias is None else result + bias.reshape(-1, *[1] * rank)


def random(*shape: int, seed: int = 0, kind: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


CASES = (  # images, channels, size, outputs, kernel, stride, padding, dilation, groups
    (2, 3, (9, 11), 5, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (1, 4, (8, 8), 6, (3, 3), (1, 1), (0, 0), (1, 1), 2),
    (3, 2, (7, 5), 4, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 8, (6, 7), 4, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (2, 3, (12, 10), 20, (5, 4), (2, 3), (2, 1), (1, 1), 1),
    (1, 3, (14, 13), 33, (3, 3), (1, 1), (2, 2), (2, 2), 1),
    (2, 6, (10, 10), 6, (3, 3), (1, 1), (1, 1), (1, 1), 6),
    (2, 6, (9, 9), 12, (3, 3), (2, 2), (1, 1), (1, 1), 6),
    (1, 1, (3, 3), 1, (3, 3), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, (5, 5), 4, (3, 3), (1, 1), (4, 4), (1, 1), 1),
    (2, 40, (4, 4), 17, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (2, 16, (30, 31), 15, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (9, 5, (12, 12), 29, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (1, 20, (17, 40), 30, (3, 3), (1, 1), (0, 1), (1, 1), 1),
    (2, 3, (40, 1), 4, (7, 1), (2, 1), (3, 0), (1, 1), 1),
    (1, 2, (20, 21), 3, (2, 2), (3, 3), (1, 1), (1, 2), 1),
    (4, 3, (33,), 7, (5,), (1,), (2,), (1,), 1),
    (2, 4, (40,), 8, (3,), (2,), (1,), (3,), 2),
    (2, 3, (5, 6, 7), 4, (3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
    (1, 4, (4, 4, 4), 4, (2, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1), 2),
)
names = [str(case) for case in CASES]


def functions(rank: int) -> tuple[Any, Any]:
    return getattr(F, f"conv{rank}d"), getattr(F, f"conv_transpose{rank}d")


@pytest.mark.parametrize("case", CASES, ids=names)
@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "float16"])
def test_values(case: Any, kind: str) -> None:
    count, channels, size, outputs, kernel, stride, padding, dilation, groups = case
    x = (random(count, channels, *size) * 2).astype(kind)
    w = (random(outputs, channels // groups, *kernel, seed=1) * 2).astype(kind)
    b = (random(outputs, seed=2) * 2).astype(kind)
    convolve, _ = functions(len(size))
    settings = (stride, padding, dilation, groups)
    wanted = straightforward(x, w, b, *settings)
    given = [argand.from_numpy(v) for v in (x, w, b)]
    terms = channels // groups * np.prod(kernel)
    tolerance = {"float32": 2e-5, "float64": 1e-12, "int64": 0, "float16": 2e-2}[kind]
    found = convolve(*given, *settings).numpy()
    assert np.abs(found - wanted).max() <= tolerance * max(4, terms**0.5)
    found = convolve(*given[:2], None, *settings).numpy()
    assert np.abs(found - (wanted - b.reshape(-1, *[1] * len(size)))).max() <= tolerance * max(
        4, terms**0.5
    )


@pytest.mark.parametrize("case", CASES, ids=names)
def test_gradients(case: Any) -> None:
    """In float32, against float64 by the generic way with its derivatives by `gradcheck`."""
    count, channels, size, outputs, kernel, stride, padding, dilation, groups = case
    convolve, _ = functions(len(size))
    gradients = []
    for kind in ("float32", "float64"):
        x, w, b = (
            argand.from_numpy(v.astype(kind)).requires_grad_()
            for v in (
                random(count, channels, *size),
                random(outputs, channels // groups, *kernel, seed=1),
                random(outputs, seed=2),
            )
        )
        out = convolve(x, w, b, stride, padding, dilation, groups)
        out.backward(argand.from_numpy(random(*out.shape, seed=3).astype(kind)))
        gradients.append([v.grad.numpy() for v in (x, w, b)])
    for own, exact in zip(*gradients):
        assert np.abs(own - exact).max() <= 3e-5 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("case", [c for c in CASES if np.prod(c[2]) * c[1] <= 700], ids=str)
def test_adjoint(case: Any) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>."""
    count, channels, size, outputs, kernel, stride, padding, dilation, groups = case
    convolve, transpose = functions(len(size))
    x = argand.from_numpy(random(count, channels, *size, kind=np.float64))
    w = argand.from_numpy(random(outputs, channels // groups, *kernel, seed=1, kind=np.float64))
    out = convolve(x, w, None, stride, padding, dilation, groups)
    y = argand.from_numpy(random(*out.shape, seed=2, kind=np.float64))
    reached = [
        (o - 1) * s - 2 * p + d * (k - 1) + 1
        for o, s, p, d, k in zip(out.shape[2:], stride, padding, dilation, kernel)
    ]
    more = tuple(n - r for n, r in zip(size, reached))
    back = transpose(y, w, None, stride, padding, more, groups, dilation)
    assert back.shape == x.shape
    assert (out * y).sum().item() == pytest.approx((x * back).sum().item())


SMALL = [
    ((2, 2, 5), (4, 1, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 2, 4, 5), (3, 2, 3, 2), {"padding": 1}),
    ((1, 2, 4, 4), (2, 2, 2, 2), {"stride": 2, "dilation": 2, "padding": 1}),
    ((1, 2, 3, 3, 3), (2, 2, 2, 2, 2), {}),
]


@pytest.mark.parametrize(("shape", "weight", "settings"), SMALL)
def test_second_derivatives(shape: Any, weight: Any, settings: Any) -> None:
    convolve, transpose = functions(len(shape) - 2)

    def leaf(*sizes: int, seed: int) -> Any:
        return argand.from_numpy(random(*sizes, seed=seed, kind=np.float64)).requires_grad_()

    x, w, b = leaf(*shape, seed=0), leaf(*weight, seed=1), leaf(weight[0], seed=2)
    assert gradcheck(lambda *a: convolve(*a, **settings), (x, w, b))
    assert gradgradcheck(lambda *a: convolve(*a, **settings), (x, w, b))
    y = leaf(*convolve(x, w, **settings).shape, seed=3)
    c = leaf(shape[1], seed=4)
    assert gradcheck(lambda *a: transpose(*a, **settings), (y, w, c))
    assert gradgradcheck(lambda *a: transpose(*a, **settings), (y, w, c))


def test_same_padding() -> None:
    x, w = random(2, 3, 8, 9), random(4, 3, 4, 3, seed=1)
    found = F.conv2d(argand.from_numpy(x), argand.from_numpy(w), padding="same", dilation=(1, 2))
    padded = np.pad(x, [(0, 0), (0, 0), (1, 2), (2, 2)])
    wanted = straightforward(padded, w, dilation=(1, 2))
    assert found.shape == (2, 4, 8, 9)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)


def test_layouts() -> None:
    """Channels last, transposed, sliced: the values of the same tensor in row-major order."""
    x, w = random(2, 6, 9, 8), random(4, 6, 3, 3, seed=1)
    wanted = straightforward(x, w, padding=(1, 1))
    last = argand.from_numpy(np.ascontiguousarray(x.transpose(0, 2, 3, 1))).permute(0, 3, 1, 2)
    wide = argand.from_numpy(np.repeat(x, 2, axis=3))[..., ::2]
    turned = argand.from_numpy(np.ascontiguousarray(w.transpose(3, 1, 2, 0))).permute(3, 1, 2, 0)
    for image in (last, wide):
        for weight in (argand.from_numpy(w), turned):
            found = argand.conv2d(image, weight, padding=1)
            np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)


def test_whole_windows_of_output_padding() -> None:
    """With gaps in the windows `output_padding` may be larger than the stride."""
    x, w = random(1, 2, 4), random(2, 3, 2, seed=1)
    found = F.conv_transpose1d(
        argand.from_numpy(x), argand.from_numpy(w), output_padding=2, dilation=3, padding=1
    )
    wide = np.zeros((1, 3, 9))
    for i, k in itertools.product(range(4), range(2)):
        wide[:, :, i + 3 * k] += np.einsum("nc,co->no", x[:, :, i], w[:, :, k])
    np.testing.assert_allclose(found.numpy(), wide[:, :, 1:9][:, :, : found.shape[2]], atol=1e-5)


def test_refusals() -> None:
    x, w = argand.ones(2, 3, 5, 5), argand.ones(4, 3, 3, 3)
    for arguments, text in (
        ((x, argand.ones(4, 2, 3, 3)), "2 channels"),
        ((x, argand.ones(4, 3, 7, 7)), "Kernel size"),
        ((x, w, argand.ones(5)), "bias"),
        ((argand.ones(3, 5), w), "unbatched"),
        ((x, w, None, 0), "stride"),
        ((x, w, None, 1, -1), "padding"),
        ((x, w, None, 1, 0, 0), "dilation"),
        ((x, w, None, 1, 0, 1, 0), "groups"),
        ((x, argand.ones(3, 1, 3, 3), None, 1, 0, 1, 2), "divisible"),
        ((x.double(), w), "same type"),
        ((x, w, None, (1, 1, 1)), "stride"),
        ((x, w, None, 2, "same"), "same"),
        ((x, w, None, 1, "other"), "padding string"),
    ):
        with pytest.raises(RuntimeError, match=text):
            argand.conv2d(*arguments)
    with pytest.raises(NotImplementedError):
        argand.conv2d(x > 0, w > 0)


def test_unfold_and_fold_are_adjoint() -> None:
    x = argand.from_numpy(random(2, 3, 7, 6, kind=np.float64))
    settings = {"kernel_size": (3, 2), "dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
    columns = F.unfold(x, **settings)
    y = argand.from_numpy(random(*columns.shape, seed=1, kind=np.float64))
    images = F.fold(y, (7, 6), **settings)
    assert (columns * y).sum().item() == pytest.approx((x * images).sum().item())
    assert gradgradcheck(lambda v: F.unfold(v, 2), (x[:1, :1, :3, :3].clone().requires_grad_(),))
