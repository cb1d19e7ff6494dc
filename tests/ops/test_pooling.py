"""Pooling beyond what the samples show: all windows, choices among equals, whole planes."""

import itertools

import numpy as np
import pytest

import argand
from argand.nn import functional as F


def _windows(x: np.ndarray, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """All windows of the last dimension, with NaN outside of the input."""
    wide = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(padding, padding)], constant_values=np.nan)
    count = (x.shape[-1] + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    taps = np.arange(kernel) * dilation
    return np.stack([wide[..., i * stride + taps] for i in range(count)], -2)


SIZES = [
    (k, s, p, d)
    for k, s, d in itertools.product((1, 2, 3, 5, 20), (1, 2, 3, 4, 7, 20), (1, 2))
    for p in {0, k // 2}
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SIZES)
def test_every_window_along_a_row(kernel: int, stride: int, padding: int, dilation: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 83)).astype(np.float32)
    leaf = argand.from_numpy(x).requires_grad_()
    out, places = F.max_pool1d(leaf, kernel, stride, padding, dilation, return_indices=True)
    windows = _windows(x, kernel, stride, padding, dilation)
    np.testing.assert_array_equal(out.detach().numpy(), np.nanmax(windows, -1))
    np.testing.assert_array_equal(
        np.take_along_axis(x, places.numpy(), -1), out.detach().numpy()
    )
    weights = np.random.default_rng(1).standard_normal(out.shape).astype(np.float32)
    out.backward(argand.from_numpy(weights))
    wanted = np.zeros_like(x)
    rows = np.indices(places.shape)
    np.add.at(wanted, (rows[0], rows[1], places.numpy()), weights)
    np.testing.assert_allclose(leaf.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)
    if dilation == 1:
        _check_means(x, kernel, stride, padding)


def _check_means(x: np.ndarray, kernel: int, stride: int, padding: int) -> None:
    leaf = argand.from_numpy(x).requires_grad_()
    out = F.avg_pool1d(leaf, kernel, stride, padding, count_include_pad=False)
    windows = _windows(x, kernel, stride, padding, 1)
    np.testing.assert_allclose(out.detach().numpy(), np.nanmean(windows, -1), 1e-5, 1e-6)
    out.sum().backward()
    wanted = np.zeros(x.shape[-1])
    for i in range(out.shape[-1]):
        begin = max(i * stride - padding, 0)
        end = min(i * stride - padding + kernel, x.shape[-1])
        wanted[begin:end] += 1 / (end - begin)
    np.testing.assert_allclose(leaf.grad.numpy()[0, 0], wanted, 1e-5, 1e-6)


def test_the_first_of_equals_wins_and_a_nan_is_larger() -> None:
    x = argand.tensor([[1.0, 1.0, float("-inf"), float("-inf"), float("nan"), 9.0]])
    values, places = F.max_pool1d(x, 2, return_indices=True)
    assert places.tolist() == [[0, 2, 4]]
    assert values[0, :2].tolist() == [1.0, float("-inf")]
    assert values[0, 2].isnan().item()


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "float16", "bfloat16"])
def test_other_types(kind: str) -> None:
    x = argand.arange(64).reshape(1, 1, 8, 8).to(getattr(argand, kind))
    assert F.max_pool2d(x, 4).tolist() == [[[[27, 31], [59, 63]]]]
    assert F.max_pool2d(x, 4).dtype == x.dtype


def test_a_mean_of_everything_is_taken_at_once() -> None:
    x = argand.randn(2, 3, 5, 4)
    np.testing.assert_allclose(
        F.avg_pool2d(x, (5, 4)).numpy(), x.numpy().mean((2, 3), keepdims=True), 1e-5, 1e-6
    )


def test_gradients_of_gradients() -> None:
    x = argand.randn(1, 2, 5, 6, dtype=argand.float64, requires_grad=True)
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert argand.autograd.gradcheck(lambda t, f=pool: f(t, 3, 2, 1), (x,))
        assert argand.autograd.gradgradcheck(lambda t, f=pool: f(t, 3, 2, 1), (x,))


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((2, 0), "stride"), ((2, 2, 2), "half of effective kernel size"),
        ((9,), "Output size is too small"), (((1, 2, 3),), "kernel_size must either be"),
    ],
)  # fmt: skip
def test_refusals(arguments: tuple[object, ...], rule: str) -> None:
    with pytest.raises(RuntimeError, match=rule):
        F.max_pool2d(argand.zeros(1, 1, 8, 8), *arguments)
