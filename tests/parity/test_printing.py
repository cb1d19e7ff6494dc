"""Printed tensors against the real PyTorch: the same text, character by character."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import argand
from argand import printing

torch = pytest.importorskip("torch")
torch_str = pytest.importorskip("torch._tensor_str")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
DTYPES = ["bool", *INTEGERS, *FLOATS, *COMPLEX]
WIDENED = ("float16", "bfloat16")

SHAPES = [
    (),
    (1,),
    (7,),
    (40,),
    (1000,),
    (1001,),
    (3, 1),
    (4, 5),
    (2, 30),
    (6, 200),
    (7, 200),
    (500, 3),
    (2, 3, 4),
    (1, 1, 1),
    (11, 11, 11),
    (2, 600, 1),
    (2, 1, 3, 2),
    (7, 2, 9, 10),
    (2, 2, 2, 2, 2),
]
EMPTY_SHAPES = [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)]

SPECIAL = [
    *(0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, -1.0, 0.5, -0.5, 1e-4, -1e-4, 9.9e-5),
    *(0.00004, 9.99995, -9.99995, 99.99996, 999.99996, 1000.0, 1001.0, 1e8, 100000008.0, -1e8),
    *(1e-45, 5e-324, 65504.0, 3e38, -3e38, 1e300, 1.8e-300, 123456.0, 2.5, 1e5, -123.25),
]

OPTIONS: list[dict[str, Any]] = [
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "no such profile"},
    {"precision": 0},
    {"precision": 9},
    {"threshold": 3},
    {"threshold": 0, "edgeitems": 1},
    {"threshold": 3, "edgeitems": 0},
    {"threshold": math.inf, "edgeitems": 0},
    {"edgeitems": 5, "threshold": 10},
    {"linewidth": 1},
    {"linewidth": 30},
    {"linewidth": 200},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short", "sci_mode": True, "precision": 6},
]


@contextmanager
def both_printing(**options: Any) -> Iterator[None]:
    with torch_str.printoptions(**options), printing.printoptions(**options):
        yield


@contextmanager
def default_dtype(name: str) -> Iterator[None]:
    saved = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(saved)


def argand_repr(tensor: Any) -> str:
    """What Argand prints for a PyTorch tensor, told its facts the way a Tensor would tell them."""
    dtype_name = str(tensor.dtype).removeprefix("torch.")
    default = torch.get_default_dtype()
    default_complex = torch.complex128 if default == torch.float64 else torch.complex64
    is_default = tensor.dtype in (default, default_complex, torch.int64, torch.bool)
    suffixes = []
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{type(tensor.grad_fn).__name__}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    content = tensor.detach()
    content = content.float() if dtype_name in WIDENED else content
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    text = printing.tensor_repr(
        content.as_subclass(torch.Tensor).numpy(),
        dtype_name,
        is_default,
        suffixes,
        "tensor(" if plain else f"{type(tensor).__name__}(",
    )
    if isinstance(tensor, torch.nn.Parameter):
        text = printing.parameter_repr(text, plain)
    return text


def check(tensor: Any) -> None:
    expected = repr(tensor)
    assert argand_repr(tensor) == expected
    assert str(tensor) == expected


def sample(dtype_name: str, shape: tuple[int, ...], scale: float = 1.0, seed: int = 0) -> Any:
    """Reproducible values: both signs, of about `scale`, some of them zero."""
    dtype = getattr(torch, dtype_name)
    generator = torch.Generator().manual_seed(seed)
    if dtype_name == "bool":
        return torch.randint(0, 2, shape, generator=generator).bool()
    wide = torch.complex128 if dtype.is_complex else torch.float64
    values = torch.randn(shape, dtype=wide, generator=generator) * scale
    if not (dtype.is_floating_point or dtype.is_complex):
        limits = torch.iinfo(dtype)
        values = (values * 50).clamp(max(limits.min, -1e15), min(limits.max, 1e15))
    return values.to(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype_name", DTYPES)
def test_every_dtype_and_size(dtype_name: str, shape: tuple[int, ...]) -> None:
    check(sample(dtype_name, shape))


@pytest.mark.parametrize("dtype_name", DTYPES)
def test_empty(dtype_name: str) -> None:
    for shape, default in itertools.product(EMPTY_SHAPES, ("float32", "float64", "bfloat16")):
        with default_dtype(default):
            check(torch.empty(shape, dtype=getattr(torch, dtype_name)))
    if dtype_name in FLOATS + COMPLEX:
        check(torch.empty((2, 0), dtype=getattr(torch, dtype_name), requires_grad=True))


@pytest.mark.parametrize("default", FLOATS)
def test_default_dtype(default: str) -> None:
    with default_dtype(default):
        for dtype_name in DTYPES:
            check(sample(dtype_name, (3,)))


@pytest.mark.parametrize("dtype_name", FLOATS + COMPLEX)
def test_every_magnitude(dtype_name: str) -> None:
    for exponent, shape in itertools.product(range(-12, 13), [(), (5,), (3, 4), (2, 2, 600)]):
        check(sample(dtype_name, shape, scale=10.0**exponent, seed=exponent + 20))


@pytest.mark.parametrize("dtype_name", FLOATS + COMPLEX)
def test_every_special_pair(dtype_name: str) -> None:
    dtype = getattr(torch, dtype_name)
    for pair in itertools.product(SPECIAL, repeat=2):
        values = torch.tensor(complex(*pair) if dtype.is_complex else pair, dtype=torch.complex128)
        check((values if dtype.is_complex else values.real).to(dtype))


@pytest.mark.parametrize("dtype_name", INTEGERS)
def test_integer_extremes(dtype_name: str) -> None:
    limits = torch.iinfo(getattr(torch, dtype_name))
    check(torch.tensor([limits.min, 0, 1, limits.max], dtype=getattr(torch, dtype_name)))


@pytest.mark.parametrize("dtype_name", FLOATS + COMPLEX)
def test_integer_like(dtype_name: str) -> None:
    values = torch.arange(-6, 6).to(getattr(torch, dtype_name))
    for each in (values, values.reshape(3, 4), values * 1000, values * 0, values / 0):
        check(each)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_print_options(options: dict[str, Any]) -> None:
    shapes = [(), (3,), (7,), (50,), (4, 5), (8, 9), (2, 3, 4), (0, 2)]
    with both_printing(**options):
        for dtype_name, shape in itertools.product(DTYPES, shapes):
            check(sample(dtype_name, shape, scale=30.0))
        check(torch.arange(1200.0).reshape(3, 400))
        check(torch.zeros(3))


def test_options_stay_in_step() -> None:
    """Any sequence of settings leaves the same state, what is left out included."""
    start = torch_str.get_printoptions()
    assert printing.get_printoptions() == start
    with both_printing():
        for options in [*OPTIONS, {}, {"linewidth": 60}, {"profile": "default"}]:
            torch.set_printoptions(**options)
            printing.set_printoptions(**options)
            assert printing.get_printoptions() == torch_str.get_printoptions()
            check(sample("float32", (3, 20)))
    assert printing.get_printoptions() == start


@pytest.mark.parametrize("linewidth", [80, 50])
@pytest.mark.parametrize("dtype_name", ["float32", "float64", "complex64"])
def test_suffixes_at_every_column(dtype_name: str, linewidth: int) -> None:
    with both_printing(linewidth=linewidth):
        for count, negative in itertools.product(range(1, 45), (0.0, -100.0)):
            leaf = torch.full((count,), negative, dtype=getattr(torch, dtype_name))
            leaf[-1] = 1.5
            leaf.requires_grad_()
            for tensor in (leaf, leaf + 1, leaf.reshape(1, -1), leaf.expand(2, -1).abs()):
                check(tensor)


def test_suffixes_of_one_element() -> None:
    """Every length of the last line, one column at a time."""
    for linewidth in range(1, 90):
        with both_printing(linewidth=linewidth):
            leaf = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
            check(leaf)
            check(leaf.exp())
            check(leaf.reshape(1, 1).expand(3, 1))


def test_prefix_of_a_subclass() -> None:
    temperature = type("Temperature", (torch.Tensor,), {})
    for shape in [(), (3,), (40,), (3, 20), (0, 2), (40, 40)]:
        check(sample("float64", shape).as_subclass(temperature))


def test_parameter() -> None:
    weight = type("Weight", (torch.nn.Parameter,), {})
    for shape in [(), (3,), (2, 40), (0,), (40, 40)]:
        check(torch.nn.Parameter(sample("float32", shape)))
        check(torch.nn.Parameter(sample("float32", shape), requires_grad=False))
        check(weight(sample("float64", shape)))


@pytest.mark.parametrize("dtype_name", ["float32", "int64", "complex64"])
def test_strided(dtype_name: str) -> None:
    base = sample(dtype_name, (12, 14, 16))
    views = [
        base.permute(2, 0, 1),
        base[::2, 3:9, 5],
        base[1, :, ::3].t(),
        base[0, :1].expand(50, 16),
    ]
    for view in views:
        check(view)


def test_width_rests_on_the_shown_elements() -> None:
    hidden = torch.zeros(40, 40)
    hidden[20, 20] = 1e10
    check(hidden)
    hidden[0, 2] = 0.25
    check(hidden)
    hidden[38, 38] = -math.inf
    check(hidden)


def numbers(width: Any) -> st.SearchStrategy[float]:
    special = [float(np.array(value, f"f{width // 8}")) for value in SPECIAL if abs(value) < 6e4]
    return st.one_of(
        st.floats(width=width),
        st.floats(-1000, 1000, width=width),
        st.integers(-2000, 2000).map(float),
        st.sampled_from([*special, math.nan, math.inf, -math.inf]),
    )


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, np.ndarray]:
    """A dtype name and an array; bfloat16 is drawn as float32."""
    name = draw(st.sampled_from(DTYPES))
    dtype = np.dtype("float32" if name == "bfloat16" else name)
    elements: st.SearchStrategy[Any] | None = None
    if dtype.kind == "f":
        elements = numbers(dtype.itemsize * 8)
    elif dtype.kind == "c":
        part = numbers(dtype.itemsize * 4)
        elements = st.builds(complex, part, part)
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    return name, draw(hnp.arrays(dtype, shape, elements=elements))


option_sets = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 10),
        "threshold": st.integers(0, 60),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(1, 120),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@settings(max_examples=400, deadline=None)
@given(array=arrays(), options=option_sets, grad=st.booleans())
def test_any_array(array: tuple[str, np.ndarray], options: dict[str, Any], grad: bool) -> None:
    name, values = array
    tensor = torch.from_numpy(np.array(values)).to(getattr(torch, name))
    if grad and name in FLOATS + COMPLEX:
        tensor.requires_grad_()
    with both_printing(**options):
        check(tensor)


# ---- whole tensors -------------------------------------------------------------------------------

KINDS_OF_TENSORS = ["bool", "uint8", "int8", "int16", "int32", "int64", *FLOATS, *COMPLEX]


def printed(framework: Any, array: Any, name: str, change: str) -> str:
    with np.errstate(over="ignore"):
        given = np.array(array, dtype="float64" if name == "bfloat16" else name)
    x = framework.from_numpy(given)
    if name == "bfloat16":
        x = x.bfloat16()
    if change == "requires grad" and (x.is_floating_point() or x.is_complex()):
        x.requires_grad_()
    if change == "computed" and x.is_floating_point():
        x = x.requires_grad_() * 2
    if change == "parameter" and x.is_floating_point():
        x = framework.nn.Parameter(x)
    if change == "view":
        x = x.t() if x.ndim == 2 else x[..., ::2] if x.ndim else x
    if change == "text":
        return f"{x}" if x.ndim else str(x)
    return repr(x)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("change", ["", "requires grad", "computed", "parameter", "view", "text"])
@pytest.mark.parametrize("name", KINDS_OF_TENSORS)
def test_tensors(name: str, change: str) -> None:
    random = np.random.default_rng(len(change))
    faults = []
    for shape in (*SHAPES, *EMPTY_SHAPES):
        for scale in (1, 1e-6, 1e5):
            values = random.normal(size=shape) * scale
            if scale == 1 and values.size > 3:
                values.reshape(-1)[[0, 1, -1]] = np.nan, np.inf, -np.inf
            if "float" not in name and "complex" not in name:
                values = random.integers(0, 100, shape)
            array = np.asarray(values, "f8" if values.dtype.kind == "f" else "i8")
            if "complex" in name:
                turned = random.permutation(array.reshape(-1)).reshape(array.shape)
                array = np.asarray(array + 1j * turned)
            own, theirs = (printed(f, array, name, change) for f in (argand, torch))
            if own != theirs:
                faults.append(f"{shape} {scale}:\n{own}\nPyTorch:\n{theirs}")
    assert not faults, "\n\n".join(faults[:3])


def test_another_default_type() -> None:
    found = []
    for framework in (argand, torch):
        framework.set_default_dtype(framework.float64)
        try:
            made = [framework.ones(2), framework.ones(2, dtype=framework.float32)]
            made += [framework.from_numpy(np.ones(2, "c16")), framework.ones(0)]
            found.append([repr(x) for x in made])
        finally:
            framework.set_default_dtype(framework.float32)
    assert found[0] == found[1]
