"""`default_collate` and `default_convert` through nested containers."""

from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argand
from argand.utils.data import default_collate, default_convert

Pair = namedtuple("Pair", "left right")


def plain(value):
    """Tensors as (dtype, list); containers with their types."""
    if isinstance(value, argand.Tensor):
        return (str(value.dtype).split(".")[-1], value.tolist())
    if isinstance(value, dict | UserDict):
        return (type(value).__name__, {key: plain(value[key]) for key in value})
    if isinstance(value, list | tuple | deque):
        return (type(value).__name__, [plain(member) for member in value])
    return value


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([1, 2], ("int64", [1, 2])),
        ([1.5, 2], ("float64", [1.5, 2.0])),
        ([True, False], ("bool", [True, False])),
        ([np.float32(1), np.float32(2)], ("float32", [1.0, 2.0])),
        ([np.float64(1)], ("float64", [1.0])),
        ([np.int8(3)], ("int8", [3])),
        ([np.bool_(True)], ("bool", [True])),
        ([np.zeros(2, "f4"), np.ones(2, "f4")], ("float32", [[0.0, 0.0], [1.0, 1.0]])),
        ([np.array(3), np.array(4)], ("int64", [3, 4])),
        (["a", "b"], ("list", ["a", "b"])),
        ([b"a"], ("list", [b"a"])),
        ([(1, "x"), (2, "y")], ("list", [("int64", [1, 2]), ("tuple", ["x", "y"])])),
        ([[1], (2,)], ("list", [("int64", [1, 2])])),
        ([(), ()], ("list", [])),
        ([range(2), range(2)], ("list", [("int64", [0, 0]), ("int64", [1, 1])])),
        ([{"a": 1}, {"a": 2}], ("dict", {"a": ("int64", [1, 2])})),
        ([OrderedDict(a=1)], ("OrderedDict", {"a": ("int64", [1])})),
        ([defaultdict(int, a=1)], ("defaultdict", {"a": ("int64", [1])})),
        ([UserDict(a=1)], ("UserDict", {"a": ("int64", [1])})),
        ([deque([1]), deque([2])], ("deque", [("int64", [1, 2])])),
        ([Pair(1, 2), Pair(3, 4)], ("Pair", [("int64", [1, 3]), ("int64", [2, 4])])),
    ],
)
def test_default_collate(batch, expected):
    assert plain(default_collate(batch)) == expected


def test_default_collate_stacks_tensors():
    result = default_collate([argand.zeros(2, 3), argand.ones(2, 3)])
    assert tuple(result.shape) == (2, 2, 3)
    assert result.sum().item() == 6


def test_default_collate_keeps_the_gradient():
    leaf = argand.ones(2, requires_grad=True)
    default_collate([leaf, leaf]).sum().backward()
    assert leaf.grad.tolist() == [2, 2]


def test_default_collate_leaves_samples_alone():
    sample = {"a": [1, 2]}
    default_collate([sample, sample])
    assert sample == {"a": [1, 2]}


@pytest.mark.parametrize(
    "batch",
    [[None], [object()], [{1, 2}], [1j], [np.array(["a"])], [np.array([None])], [(1, None)]],
)
def test_default_collate_refuses_types(batch):
    with pytest.raises(TypeError, match="collate_fn"):
        default_collate(batch)


def test_default_collate_refuses_unequal_parts():
    with pytest.raises(RuntimeError, match=r"\[1, 2\]"):
        default_collate([(1, 2), (3,)])
    with pytest.raises(RuntimeError):
        default_collate([argand.zeros(2), argand.zeros(3)])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {"b": 1}])
    with pytest.raises(IndexError):
        default_collate([])


samples = st.recursive(
    st.sampled_from(["int", "float", "array", "tensor", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(samples, st.integers(1, 4), st.randoms())
def test_collating_structures_keeps_every_value(structure, count, random):
    def build(node):
        if isinstance(node, list):
            return [build(member) for member in node]
        if isinstance(node, dict):
            return {key: build(member) for key, member in node.items()}
        number = random.randrange(100)
        makers = {
            "int": lambda: number,
            "float": lambda: number / 2,
            "array": lambda: np.full((2, 2), number),
            "tensor": lambda: argand.full((2,), number),
            "text": lambda: str(number),
        }
        return makers[node]()

    def check(batch, parts):
        if isinstance(parts[0], list):
            assert len(batch) == len(parts[0])
            for position, member in enumerate(batch):
                check(member, [part[position] for part in parts])
        elif isinstance(parts[0], dict):
            assert batch.keys() == parts[0].keys()
            for key, member in batch.items():
                check(member, [part[key] for part in parts])
        elif isinstance(parts[0], str):
            assert list(batch) == parts
        else:
            assert batch.tolist() == [np.asarray(part).tolist() for part in parts]

    parts = [build(structure) for _ in range(count)]
    check(default_collate(parts), parts)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (1, 1),
        ("a", "a"),
        (None, None),
        (np.float32(2), ("float32", 2.0)),
        (np.arange(2), ("int64", [0, 1])),
        ((1, np.ones(1)), ("list", [1, ("float64", [1.0])])),
        ({"a": np.ones(1)}, ("dict", {"a": ("float64", [1.0])})),
        (Pair(np.ones(1), 2), ("Pair", [("float64", [1.0]), 2])),
        (range(2), ("list", [0, 1])),
        ([], ("list", [])),
    ],
)
def test_default_convert(data, expected):
    assert plain(default_convert(data)) == expected


def test_default_convert_shares_memory_and_skips_text():
    array = np.zeros(2)
    default_convert(array)[0] = 5
    assert array[0] == 5
    texts = np.array(["a"])
    assert default_convert(texts) is texts
    tensor = argand.zeros(1)
    assert default_convert(tensor) is tensor
