"""Advanced indexing against NumPy: reading, writing, adding, and the gradients of all three."""

from typing import Any

import numpy as np
import pytest

import argand

ROWS, COLUMNS = np.array([2, 0, -1]), np.array([1, 3, -4])
MASK = np.array([[True, False, True, False], [False] * 4, [True] * 4])
INDICES: list[Any] = [
    (ROWS,),
    (slice(None), COLUMNS),
    (ROWS, COLUMNS),
    (ROWS[:, None], COLUMNS),
    (slice(1, None), slice(None), ROWS),
    (ROWS, slice(None), ROWS),
    (MASK,),
    (slice(None), np.array([True, False, False, True])),
    (..., ROWS, None),
    (1, ROWS),
    (np.zeros((2, 0), "i8"),),
]


def own(index: Any) -> Any:
    parts = [argand.from_numpy(p) if isinstance(p, np.ndarray) else p for p in index]
    return tuple(parts)


def source() -> Any:
    return np.arange(60.0).reshape(3, 4, 5)


@pytest.mark.parametrize("place", range(len(INDICES)))
@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
def test_reading_and_its_gradient(place: int, layout: str) -> None:
    array, index = source(), INDICES[place]
    x = argand.from_numpy(array.copy())
    if layout == "transposed":
        x = x.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    x.requires_grad_()
    y = x[own(index)]
    np.testing.assert_array_equal(y.detach().numpy(), array[index])
    weights = np.arange(1.0, 1 + y.numel()).reshape(y.shape)
    (y * argand.from_numpy(weights)).sum().backward()
    expected = np.zeros_like(array)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@pytest.mark.parametrize("place", range(len(INDICES)))
def test_writing_and_its_gradient(place: int) -> None:
    array, index = source(), INDICES[place]
    leaf = argand.from_numpy(array.copy()).requires_grad_()
    values = np.arange(100.0, 100 + array[index].size).reshape(array[index].shape)
    given = argand.from_numpy(values).requires_grad_()
    x = leaf * 1
    x[own(index)] = given
    array[index] = values
    np.testing.assert_array_equal(x.detach().numpy(), array)
    x.sum().backward()
    untouched = np.ones_like(array)
    untouched[index] = 0
    np.testing.assert_array_equal(leaf.grad.numpy(), untouched)
    np.testing.assert_array_equal(given.grad.numpy(), np.ones_like(values))


def test_adding_at_repeated_places() -> None:
    x = argand.zeros(3)
    x.index_put_((argand.tensor([1, 1, 2]),), argand.tensor([1.0, 2.0, 4.0]), accumulate=True)
    assert x.tolist() == [0.0, 3.0, 4.0]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "complex64", "complex128", "bool", "int8"])
def test_every_type_is_moved(kind: str) -> None:
    x = argand.arange(6).to(getattr(argand, kind)) if "complex" not in kind else None
    if x is None:
        x = argand.from_numpy((np.arange(6) * (1 + 2j)).astype(kind))
    index = argand.tensor([5, 0, 3])
    np.testing.assert_array_equal(x[index].tolist(), [x.tolist()[i] for i in (5, 0, 3)])
    np.testing.assert_array_equal(
        x.view(2, 3).gather(1, argand.tensor([[2], [0]])).tolist(),
        [[x.tolist()[2]], [x.tolist()[3]]],
    )


@pytest.mark.parametrize("position", [3, -4])
def test_positions_outside(position: int) -> None:
    x, index = argand.zeros(3), argand.tensor([0, position])
    for attempt in (lambda: x[index], lambda: x.index_select(0, index), lambda: x.take(index)):
        with pytest.raises(IndexError):
            attempt()
    with pytest.raises((IndexError, RuntimeError)):
        x.scatter_add(0, index, argand.ones(2))


@pytest.mark.parametrize("step", [-1, -2, -5])
@pytest.mark.parametrize("begin", [None, 5, 2, -1, 9])
@pytest.mark.parametrize("end", [None, 0, 3, -9])
def test_slices_may_go_backwards(begin: int | None, end: int | None, step: int) -> None:
    """PyTorch refuses these; they mean what they mean in NumPy."""
    exact = np.arange(12.0).reshape(2, 6)
    x = argand.tensor(exact, requires_grad=True)
    part, wanted = x[:, begin:end:step], exact[:, begin:end:step]
    np.testing.assert_array_equal(part.detach().numpy(), wanted)
    (part * part).sum().backward()
    slope = np.zeros_like(exact)
    slope[:, begin:end:step] = 2 * wanted
    np.testing.assert_array_equal(x.grad.numpy(), slope)
    y = argand.zeros(2, 6)
    y[:, begin:end:step] = argand.tensor(wanted.copy()).float()
    written = np.zeros_like(exact)
    written[:, begin:end:step] = wanted
    np.testing.assert_array_equal(y.numpy(), written)


def test_a_slice_goes_somewhere() -> None:
    with pytest.raises(ValueError, match="step"):
        argand.zeros(3)[::0]
