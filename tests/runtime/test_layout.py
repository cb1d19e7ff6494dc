"""Layouts and loop nests, against NumPy and against walking through every element."""

import itertools
import pickle
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from argand import dtypes
from argand.dtypes import dtype
from argand.runtime.layout import (
    Iteration,
    Layout,
    Size,
    broadcast_shapes,
    contiguous_strides,
    dense,
    elementwise_strides,
    expanded_strides,
    iteration,
    strided,
)

F32 = dtypes.float32
KINDS = (dtypes.uint8, dtypes.float16, F32, dtypes.float64)

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
filled_shapes = st.lists(st.integers(1, 5), max_size=4).map(tuple)


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> Layout:
    """Any layout of a shape: permuted, with gaps, reversed, broadcast, overlapping."""
    extents = draw(filled_shapes) if shape is None else shape
    order = draw(st.permutations(range(len(extents))))
    strides = [0] * len(extents)
    step = draw(st.sampled_from([1, 1, 2]))
    for dim in order:
        strides[dim] = step * draw(st.sampled_from([1, 1, 1, 1, -1, 0]))
        step *= extents[dim] + draw(st.sampled_from([0, 0, 0, 1]))
    return strided(draw(st.sampled_from(KINDS)), extents, strides)


@st.composite
def broadcast_to(draw: st.DrawFn, shape: tuple[int, ...]) -> Layout:
    """A layout that broadcasts to `shape`: fewer dimensions, or some of size 1."""
    lead = draw(st.integers(0, len(shape)))
    inner = tuple(1 if draw(st.booleans()) and draw(st.booleans()) else n for n in shape[lead:])
    return draw(layouts(inner))


def offsets(shape: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """The offset of every element, in the shape's form."""
    total = np.zeros(shape, np.int64)
    for dim, (extent, stride) in enumerate(zip(shape, strides)):
        steps = np.arange(extent) * stride
        total += steps.reshape([-1 if d == dim else 1 for d in range(len(shape))])
    return total


# ---- layouts ------------------------------------------------------------------------------------


def test_equal_layouts_are_one_object() -> None:
    assert dense(F32, (2, 3)) is dense(F32, [2, 3])
    assert dense(F32, (2, 3)) is strided(F32, Size((2, 3)), (3, 1))
    assert dense(F32, (2, 3)) is not dense(dtypes.float64, (2, 3))
    assert dense(F32, (2, 3)) is not strided(F32, (2, 3), (1, 2))
    assert dense(F32, (2, 1)) is not strided(F32, (2, 1), (1, 7)), "strides can be asked for"
    assert dense(F32, ()) is strided(F32, (), ())


@settings(max_examples=300, deadline=None)
@given(shapes)
def test_contiguous_strides_are_numpys(shape: tuple[int, ...]) -> None:
    layout = dense(F32, shape)
    assert layout.contiguous
    assert layout.dense
    assert (layout.ndim, layout.numel) == (len(shape), int(np.prod(shape)))
    assert layout.nbytes == 4 * layout.numel
    if layout.numel:
        assert tuple(4 * s for s in layout.strides) == np.empty(shape, np.float32).strides
    assert contiguous_strides(shape) == layout.strides


@settings(max_examples=300, deadline=None)
@given(layouts())
def test_facts_about_a_layout(layout: Layout) -> None:
    places = offsets(layout.shape, layout.strides)
    assert layout.span() == (places.min(), places.max())
    in_order = places.reshape(-1).tolist() == list(range(layout.numel))
    assert layout.contiguous == in_order
    without_holes = sorted(places.reshape(-1).tolist()) == list(range(layout.numel))
    assert layout.dense == without_holes


@given(shapes.filter(lambda shape: 0 in shape))
def test_no_elements_no_span(shape: tuple[int, ...]) -> None:
    layout = strided(F32, shape, [3] * len(shape))
    assert layout.span() == (0, -1)
    assert layout.contiguous
    assert layout.dense
    assert layout.nbytes == 0


def test_sizes_behave_as_pytorchs() -> None:
    size = Size((2, 3, 4))
    assert repr(size) == "torch.Size([2, 3, 4])"
    assert size.numel() == 24
    assert tuple(size) == (2, 3, 4)
    assert type(size[1:]) is Size
    assert type(size[0]) is int
    tail = (1,)
    assert type(size + tail) is type(size + Size(tail)) is type(size * 2) is type(2 * size) is Size
    assert size + tail == (2, 3, 4, 1)
    again = pickle.loads(pickle.dumps(size))
    assert (again, type(again)) == (size, Size)
    assert Size().numel() == 1


# ---- broadcasting -------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4).map(tuple), max_size=4))
def test_broadcasting_is_numpys(given_shapes: list[tuple[int, ...]]) -> None:
    try:
        wanted = np.broadcast_shapes(*given_shapes)
    except ValueError:
        with pytest.raises(RuntimeError, match="must match"):
            broadcast_shapes(given_shapes)
    else:
        assert broadcast_shapes(given_shapes) == wanted


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(RuntimeError) as caught:
        broadcast_shapes([(2, 3, 4), (5, 4)])
    said = str(caught.value)
    assert "tensor a (3) must match the size of tensor b (5)" in said
    assert "non-singleton dimension 1" in said
    assert "[2, 3, 4] and [5, 4]" in said


@settings(max_examples=300, deadline=None)
@given(st.data(), filled_shapes)
def test_expanded_strides_are_numpys(data: st.DataObject, shape: tuple[int, ...]) -> None:
    layout = data.draw(broadcast_to(shape))
    assume(broadcast_shapes([layout.shape, shape]) == shape)
    wanted = np.broadcast_to(offsets(layout.shape, layout.strides), shape)
    assert (offsets(shape, expanded_strides(layout, shape)) == wanted).all()


# ---- outputs ------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.data(), filled_shapes)
def test_outputs_are_dense(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Whatever the operands' memory, the output has no holes and no overlaps."""
    operands = [data.draw(broadcast_to(shape)) for _ in range(data.draw(st.integers(1, 3)))]
    strides = elementwise_strides(shape, operands)
    assert strided(F32, shape, strides).dense
    if all(o.contiguous and o.shape == shape for o in operands):
        assert strides == contiguous_strides(shape)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(st.integers(2, 5), max_size=4).map(tuple))
def test_outputs_follow_the_memory_of_an_operand(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    """A permuted operand gives a result permuted alike: what NumPy calls order K."""
    order = data.draw(st.permutations(range(len(shape))))
    array = np.empty([shape[d] for d in order], np.float32).transpose(np.argsort(order))
    assert array.shape == shape
    layout = strided(F32, shape, [s // 4 for s in array.strides])
    assert elementwise_strides(shape, [layout, layout]) == layout.strides
    assert tuple(s // 4 for s in np.empty_like(array).strides) == layout.strides


# ---- loop nests ---------------------------------------------------------------------------------


def visits(nest: Iteration) -> list[tuple[int, ...]]:
    """The byte offsets into all operands, in the order of the loops."""
    walks = [offsets(nest.extents, steps).reshape(-1).tolist() for steps in nest.strides]
    return list(zip(*walks))


def expected_visits(shape: Sequence[int], operands: Sequence[Layout]) -> list[tuple[int, ...]]:
    walks = []
    for layout in operands:
        places = offsets(layout.shape, layout.strides) * layout.dtype.itemsize
        walks.append(np.broadcast_to(places, shape).reshape(-1).tolist())
    return list(zip(*walks))


@settings(max_examples=300, deadline=None)
@given(st.data(), filled_shapes)
def test_every_element_is_visited_once(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """With the elements of the other operands that belong to it."""
    operands = [data.draw(broadcast_to(shape)) for _ in range(data.draw(st.integers(0, 2)))]
    operands.append(data.draw(layouts(shape)))
    nest = iteration(shape, operands)
    assert Counter(visits(nest)) == Counter(expected_visits(shape, operands))
    assert nest.rank == len(nest.extents) >= 1
    assert all(len(steps) == nest.rank for steps in nest.strides)


@settings(max_examples=300, deadline=None)
@given(st.data(), filled_shapes)
def test_the_order_is_kept_on_demand(data: st.DataObject, shape: tuple[int, ...]) -> None:
    operands = [data.draw(broadcast_to(shape)), data.draw(layouts(shape))]
    nest = iteration(shape, operands, ordered=True)
    assert visits(nest) == expected_visits(shape, operands)


@settings(max_examples=300, deadline=None)
@given(st.data(), filled_shapes)
def test_neighbours_that_could_be_merged_are(data: st.DataObject, shape: tuple[int, ...]) -> None:
    operands = [data.draw(broadcast_to(shape)), data.draw(layouts(shape))]
    nest = iteration(shape, operands)
    for outer, inner in itertools.pairwise(range(nest.rank)):
        extent = nest.extents[inner]
        assert any(steps[outer] != steps[inner] * extent for steps in nest.strides)
    assert 1 not in nest.extents or nest.extents == (1,)


@pytest.mark.parametrize(
    ("shape", "strides", "extents"),
    [
        ((2, 3, 4), [(12, 4, 1)] * 2, (24,)),
        ((2, 3, 4), [(1, 2, 6)] * 2, (24,)),  # the same order in all: one walk
        ((2, 3, 4), [(12, 4, 1), (1, 2, 6)], (4, 3, 2)),
        ((2, 3, 4), [(0, 0, 0), (12, 4, 1)], (24,)),
        ((2, 3, 4), [(0, 4, 1), (12, 4, 1)], (2, 12)),
        ((2, 3, 4), [(3, 1, 0), (12, 4, 1)], (6, 4)),
        ((1, 1, 1), [(9, 9, 9)] * 2, (1,)),
        ((), [()] * 2, (1,)),
        ((3, 1, 5), [(5, 77, 1)] * 2, (15,)),
        ((0, 3), [(3, 1)] * 2, (0,)),
    ],
)
def test_loop_nests(
    shape: tuple[int, ...], strides: list[tuple[int, ...]], extents: tuple[int, ...]
) -> None:
    operands = [strided(F32, shape, s) for s in strides]
    assert iteration(shape, operands).extents == extents


def test_strides_are_in_bytes_of_each_operand() -> None:
    kinds: tuple[dtype, ...] = (dtypes.uint8, dtypes.float64, F32)
    nest = iteration((2, 3), [dense(kind, (2, 3)) for kind in kinds])
    assert nest == Iteration((6,), ((1,), (8,), (4,)))


def test_the_output_decides_the_order() -> None:
    """Its neighbours in memory are the innermost loop; ties go to the operand before it."""
    rows, columns = dense(F32, (4, 5)), strided(F32, (4, 5), (1, 4))
    assert iteration((4, 5), [columns, rows]).strides == ((4, 16), (20, 4))
    assert iteration((4, 5), [rows, columns]).strides == ((4, 20), (16, 4))
    same = strided(F32, (4, 5), (0, 0))
    assert iteration((4, 5), [columns, same]).extents == (20,)
