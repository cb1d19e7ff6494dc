"""NaN, infinities, denormals and nothing at all through the main kernels, against NumPy."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import argand

NAN, INF = float("nan"), float("inf")
SPECIAL = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 1e-39, 3e38, -3e38, 2.5])

UNARY: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sin": np.sin, "abs": np.abs,
    "floor": np.floor, "square": np.square,
}  # fmt: skip
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip


def both(kind: str) -> tuple[Any, Any]:
    values = SPECIAL.astype(kind)
    return argand.from_numpy(values.copy()), values


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, kind: str) -> None:
    x, values = both(kind)
    with np.errstate(all="ignore"):
        expected = UNARY[name](values)
    np.testing.assert_allclose(getattr(argand, name)(x).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, kind: str) -> None:
    x, values = both(kind)
    with np.errstate(all="ignore"):
        expected = BINARY[name](values[:, None], values)
    found = getattr(argand, name)(x[:, None], x).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("length", [1, 7, 64, 1000, 100_000])
def test_reductions_see_one_nan(length: int) -> None:
    for place in (0, length // 2, length - 1):
        x = argand.ones(length)
        x[place] = NAN
        assert x.sum().isnan()
        assert x.max().isnan()
        assert x.min().isnan()
        assert x.amax(0).isnan()
        assert x.argmax().item() == place
        assert x.mean().isnan()
        assert x.softmax(0).isnan().all()


def test_sums_of_infinities() -> None:
    assert argand.tensor([INF, 1.0]).sum().item() == INF
    assert argand.tensor([INF, -INF]).sum().isnan()
    assert argand.tensor([-INF, -INF]).logsumexp(0).item() == -INF
    assert argand.tensor([INF, 0.0]).softmax(0).isnan().all()
    assert argand.tensor([-INF, 0.0]).softmax(0).tolist() == [0.0, 1.0]


def test_products_of_matrices() -> None:
    a = argand.ones(20, 30)
    a[3, 4] = NAN
    a[5, 6] = INF
    found = (a @ argand.ones(30, 40)).numpy()
    assert np.isnan(found[3]).all()
    assert np.isinf(found[5]).all()
    assert np.isfinite(np.delete(found, [3, 5], 0)).all()
    assert (argand.zeros(1, 2) @ argand.tensor([[INF], [1.0]])).isnan().all()


def test_denormal_numbers_are_kept() -> None:
    small = argand.tensor([1e-45, 1e-40])
    np.testing.assert_array_equal((small * 1).numpy(), small.numpy())
    np.testing.assert_array_equal((small + small).numpy(), 2 * small.numpy())
    assert small.sum().item() > 1e-40
    assert (small / 2)[1].item() > 0


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (0, 0), (2, 0, 4)])
def test_nothing(shape: tuple[int, ...]) -> None:
    x = argand.ones(shape, requires_grad=True)
    assert (x * 2 + 1).exp().shape == shape
    total = x.sum() + x.prod()
    assert total.item() == 1
    total.backward()
    assert x.grad.shape == shape
    assert x.softmax(-1).shape == shape
    assert argand.cat([x, x]).shape[0] == 2 * shape[0]
    assert x.detach().clone().contiguous().numpy().size == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x.mean().isnan()
    with pytest.raises(RuntimeError):
        x.max()
    assert (argand.ones(2, 0) @ argand.ones(0, 3)).tolist() == [[0.0] * 3] * 2


def test_scalars() -> None:
    x = argand.tensor(2.0, requires_grad=True)
    y = (x.exp() * x).sum().view(1)[0]
    y.backward()
    assert x.grad.shape == ()
    assert x.softmax(0).item() == 1
    assert x.max().item() == 2
    assert x.sum(0).shape == ()
    assert argand.stack([x, x]).shape == (2,)
    assert x.clone().squeeze().t().reshape(()).shape == ()
