"""Properties of views, broadcasting and reductions that hold for all shapes, against NumPy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import argand

SMALL = settings(max_examples=60, deadline=None)

sizes = st.integers(0, 4)
shapes = st.lists(sizes, min_size=0, max_size=4).map(tuple)


def numbered(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """A tensor and an array of 0, 1, 2, ... that are not the same memory."""
    array = np.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    return argand.from_numpy(array.copy()), array


def strides_of(array: Any) -> list[int]:
    return [s // array.itemsize for n, s in zip(array.shape, array.strides) if n > 1]


def assert_same(x: Any, array: Any) -> None:
    assert tuple(x.shape) == array.shape
    np.testing.assert_array_equal(x.numpy(), array)


# ---- broadcasting -------------------------------------------------------------------------------


@st.composite
def shapes_that_broadcast(draw: Any, count: int = 2) -> list[tuple[int, ...]]:
    """Shapes of one broadcast, each with some sizes left out or 1."""
    whole = draw(st.lists(st.integers(0, 4), max_size=4))
    found = []
    for _ in range(count):
        own = [draw(st.sampled_from([n, 1])) for n in whole]
        found.append(tuple(own[draw(st.integers(0, len(own))) :]))
    return found


@SMALL
@given(shapes_that_broadcast())
def test_binary_operations_broadcast(pair: list[tuple[int, ...]]) -> None:
    (x, a), (y, b) = (numbered(shape) for shape in pair)
    assert_same(x + y, a + b)
    assert_same(x * (y + 1), a * (b + 1))
    assert_same(x < y, a < b)


@SMALL
@given(shapes_that_broadcast(3))
def test_where_broadcasts(three: list[tuple[int, ...]]) -> None:
    (x, a), (y, b), (z, c) = (numbered(shape) for shape in three)
    assert_same(argand.where(x > 1, y, z), np.where(a > 1, b, c))


@SMALL
@given(shapes, shapes)
def test_what_does_not_broadcast_is_refused(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    (x, a), (y, b) = numbered(one), numbered(other)
    try:
        expected = a + b
    except ValueError:
        with pytest.raises(RuntimeError, match="must match"):
            _ = x + y
        return
    assert_same(x + y, expected)


@SMALL
@given(shapes_that_broadcast())
def test_gradients_of_broadcast_operands(pair: list[tuple[int, ...]]) -> None:
    """Each operand gets the sum over the places where it was repeated."""
    (x, a), (y, b) = (numbered(shape) for shape in pair)
    x.requires_grad_()
    y.requires_grad_()
    (x * y).sum().backward()
    product = a * b
    assert x.grad.shape == x.shape
    assert y.grad.shape == y.shape
    np.testing.assert_allclose(x.grad.numpy(), reduced(np.broadcast_to(b, product.shape), a.shape))
    np.testing.assert_allclose(y.grad.numpy(), reduced(np.broadcast_to(a, product.shape), b.shape))


def reduced(array: Any, shape: tuple[int, ...]) -> Any:
    lead = array.ndim - len(shape)
    kept = (1,) * lead + shape
    dims = tuple(d for d, n in enumerate(kept) if n == 1)
    return array.sum(dims, keepdims=True).reshape(shape)


@SMALL
@given(shapes_that_broadcast())
def test_expand_and_sum_to_size_undo_each_other(pair: list[tuple[int, ...]]) -> None:
    (x, a), (_, b) = (numbered(shape) for shape in pair)
    shape = np.broadcast_shapes(a.shape, b.shape)
    assume(len(shape) >= len(a.shape))
    wide = x.expand(*shape) if shape else x.expand(())
    assert_same(wide, np.broadcast_to(a, shape))
    assert wide._base is x
    times = np.prod(shape, dtype=int) / max(1, a.size)
    if a.size:
        np.testing.assert_allclose(wide.sum_to_size(a.shape).numpy(), a * times)


# ---- views --------------------------------------------------------------------------------------


def slices(size: int) -> st.SearchStrategy[slice]:
    return st.builds(
        slice,
        st.none() | st.integers(-size - 1, size + 1),
        st.none() | st.integers(-size - 1, size + 1),
        st.none() | st.integers(1, 3),
    )


def step(data: Any, x: Any, a: Any) -> tuple[Any, Any]:
    """The same view of a tensor and of an array."""
    kinds = ["unsqueeze", "permute", "slice", "squeeze", "flatten", "expand"]
    if a.ndim:
        kinds += ["select", "transpose", "narrow"]
    kind = data.draw(st.sampled_from(kinds))
    if kind == "unsqueeze":
        at = data.draw(st.integers(-a.ndim - 1, a.ndim))
        return x.unsqueeze(at), np.expand_dims(a, at)
    if kind == "permute":
        order = data.draw(st.permutations(range(a.ndim)))
        return x.permute(*order) if order else x.permute(()), a.transpose(order)
    if kind == "slice":
        parts = tuple(data.draw(slices(n)) for n in a.shape)
        return x[parts], a[parts]
    if kind == "squeeze":
        return x.squeeze(), a.squeeze()
    if kind == "flatten":
        return x.reshape(-1), a.reshape(-1)
    if kind == "expand":
        count = data.draw(st.integers(0, 3))
        return x.unsqueeze(0).expand(count, *x.shape), np.broadcast_to(a, (count, *a.shape))
    dim = data.draw(st.integers(0, a.ndim - 1))
    if kind == "transpose":
        other = data.draw(st.integers(-a.ndim, a.ndim - 1))
        return x.transpose(dim, other), np.swapaxes(a, dim, other)
    if kind == "select":
        assume(a.shape[dim])
        index = data.draw(st.integers(-a.shape[dim], a.shape[dim] - 1))
        return x.select(dim, index), a[(slice(None),) * dim + (index,)]
    first = data.draw(st.integers(0, a.shape[dim]))
    length = data.draw(st.integers(0, a.shape[dim] - first))
    part = (slice(None),) * dim + (slice(first, first + length),)
    return x.narrow(dim, first, length), a[part]


@SMALL
@given(st.data(), shapes)
def test_chains_of_views(data: Any, shape: tuple[int, ...]) -> None:
    """Values, strides and the sharing of memory, after any views of views."""
    x, a = numbered(shape)
    root = a
    view, array = x, a
    for _ in range(data.draw(st.integers(1, 5))):
        view, array = step(data, view, array)
        assert_same(view, array)
        if array.size and np.shares_memory(array, root):
            assert [s for n, s in zip(view.shape, view.stride()) if n > 1] == strides_of(array)
            assert view._base is x or view is x
    if array.size and np.shares_memory(array, root):
        view_of_one = tuple(0 for _ in array.shape)
        place = (array.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // 8
        view[view_of_one] = 99.0
        assert x.reshape(-1)[place].item() == 99.0
        assert x._version == view._version == 1


@SMALL
@given(st.data(), shapes)
def test_gradients_through_chains_of_views(data: Any, shape: tuple[int, ...]) -> None:
    """Every element gets the number of times that it is shown."""
    x, a = numbered(shape)
    x.requires_grad_()
    view, array = x * 1, np.arange(a.size).reshape(shape)
    for _ in range(data.draw(st.integers(1, 5))):
        view, array = step(data, view, array)
    view.sum().backward()
    times = np.bincount(array.reshape(-1), minlength=a.size).reshape(shape)
    np.testing.assert_array_equal(x.grad.numpy(), times)


@SMALL
@given(st.data(), shapes)
def test_changes_of_views_reach_the_graph(data: Any, shape: tuple[int, ...]) -> None:
    """A view in the graph is doubled in place: its elements' gradients double."""
    x, a = numbered(shape)
    x.requires_grad_()
    base, numbers = x * 1, np.arange(a.size).reshape(shape)
    view, array = base, numbers
    for _ in range(data.draw(st.integers(1, 4))):
        view, array = step(data, view, array)
        assume(len(np.unique(array)) == array.size)  # nothing is shown twice
        assume(not array.size or np.shares_memory(array, numbers))
    view.mul_(2)
    base.sum().backward()
    doubled = np.ones(a.size)
    doubled[array.reshape(-1)] = 2
    np.testing.assert_array_equal(x.grad.numpy(), doubled.reshape(shape))


@SMALL
@given(st.data(), shapes)
def test_reshape(data: Any, shape: tuple[int, ...]) -> None:
    x, a = numbered(shape)
    order = data.draw(st.permutations(range(len(shape))))
    view, array = x.permute(*order) if order else x, a.transpose(order)
    factors = data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), max_size=3))
    wanted: tuple[int, ...] = (*factors, -1)
    if not a.size or a.size % int(np.prod(factors, dtype=int)):
        wanted = (-1,) if a.size else (0,)
    own = view.reshape(wanted)
    assert_same(own, array.reshape(wanted))
    shared = array.size and np.shares_memory(array.reshape(wanted), a)
    assert (own.ptr in range(x.ptr, x.ptr + max(1, x.nbytes))) == bool(shared) or not array.size


@SMALL
@given(st.data(), shapes)
def test_reductions(data: Any, shape: tuple[int, ...]) -> None:
    x, a = numbered(shape)
    order = data.draw(st.permutations(range(len(shape))))
    x, a = x.permute(*order) if order else x, a.transpose(order)
    dims = tuple(data.draw(st.sets(st.integers(0, max(0, a.ndim - 1)), max_size=a.ndim)))
    keep = data.draw(st.booleans())
    over = dims if dims and a.ndim else None
    assert_same(x.sum(over, keep), a.sum(over, keepdims=keep))
    assert_same((x > 2).any(over, keep), (a > 2).any(over, keepdims=keep))
    if a.size:
        largest = x.amax(over, keep) if over else x.amax()
        assert_same(largest, a.max(over, keepdims=keep and bool(over)))
        np.testing.assert_allclose(x.mean(over, keep).numpy(), a.mean(over, keepdims=keep))


# ---- indexing -----------------------------------------------------------------------------------


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Ints, slices, None, lists and masks for some dimensions; at most one ellipsis."""
    parts: list[Any] = []
    dim = 0
    while dim < len(shape):
        size = shape[dim]
        kind = draw(st.sampled_from(["slice", "int", "none", "list", "mask", "stop"]))
        if kind == "stop":
            break
        if kind == "none":
            parts.append(None)
            continue
        if kind == "slice" or not size:
            parts.append(draw(slices(size)))
        elif kind == "int":
            parts.append(draw(st.integers(-size, size - 1)))
        elif kind == "list":
            parts.append(draw(st.lists(st.integers(-size, size - 1), min_size=2, max_size=2)))
        else:
            flags = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            assume(sum(flags) == 2)
            parts.append(np.array(flags))
        dim += 1
    if draw(st.booleans()):
        parts.append(Ellipsis)
    return tuple(parts)


def by_numpys_rules(index: tuple[Any, ...]) -> bool:
    """PyTorch selects by ints first; NumPy takes them for arrays if there are others."""
    arrays = any(isinstance(p, (list, np.ndarray)) for p in index)
    return not (arrays and any(type(p) is int for p in index))


def for_tensors(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(argand.from_numpy(p) if isinstance(p, np.ndarray) else p for p in index)


@SMALL
@given(st.data(), shapes)
def test_indexing(data: Any, shape: tuple[int, ...]) -> None:
    x, a = numbered(shape)
    index = data.draw(indices(shape).filter(by_numpys_rules))
    assert_same(x[for_tensors(index)], a[index])


@SMALL
@given(st.data(), shapes)
def test_assignment(data: Any, shape: tuple[int, ...]) -> None:
    x, a = numbered(shape)
    index = data.draw(indices(shape))
    x[for_tensors(index)] = -1.0
    a[index] = -1.0
    assert_same(x, a)


@SMALL
@given(st.data(), shapes)
def test_gradients_of_indexing(data: Any, shape: tuple[int, ...]) -> None:
    x, a = numbered(shape)
    x.requires_grad_()
    index = data.draw(indices(shape))
    x[for_tensors(index)].sum().backward()
    places = np.arange(a.size).reshape(shape)[index]
    times = np.bincount(np.asarray(places).reshape(-1), minlength=a.size).reshape(shape)
    np.testing.assert_array_equal(x.grad.numpy(), times)
