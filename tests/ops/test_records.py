"""Every public operation, as its record describes it: values, memory, forms, gradients."""

import ast
import operator
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import argand
from argand.autograd import gradcheck, gradgradcheck
from argand.kernels.expr import SCALAR, evaluate, leaf, parts
from argand.kernels.loops import input_leaf
from argand.kernels.scalar import TABLE
from argand.ops.map import Elementwise
from argand.ops.record import NUMBERS, RECORDS, Record
from argand.ops.samples import Call
from tests.ops.drawing import (
    KINDS,
    LAYOUTS,
    PUBLIC,
    Drawing,
    as_exact,
    calls,
    is_tensor,
    tensors_in,
    with_tensors,
)
from tests.tolerances import GRADIENTS, assert_close

ROOT = Path(__file__).resolve().parents[2]
REFUSALS = (RuntimeError, TypeError, ValueError, NotImplementedError, BufferError)


def run(record: Record, call: Call) -> Any:
    """The operation as programs call it: the function, or else the method."""
    if record.as_function:
        return record.function()(*call.args, **call.kwargs)
    return getattr(argand.Tensor, record.name)(*call.args, **call.kwargs)


def accepts(record: Record, kind: str) -> bool:
    """Whether the operation takes tensors of this type; those of PyTorch are in tests/parity."""
    try:
        for call in calls(record, Drawing(kind)):
            run(record, call)
    except REFUSALS:
        return False
    except UserWarning as warning:
        if "imaginary" not in str(warning):  # that these are lost is a refusal
            raise
        return False
    return True


def flat(result: Any) -> list[Any]:
    """The parts of a result: tensors, numbers, or other values."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def values_of(result: Any) -> list[Any]:
    return [as_exact(x) if is_tensor(x) else np.asarray(x) for x in flat(result)]


# ---- values --------------------------------------------------------------------------------------


def expected(record: Record, call: Call) -> Any:
    """The same in NumPy: by the record's reference, or by evaluating the traced expression."""
    traced = isinstance(record, Elementwise)
    if record.reference is None or (traced and call.kwargs):
        return by_trace(record, call) if traced else None
    arrays = [as_exact(x) for x in tensors_in(call)]
    widened = [x.astype("i8") if x.dtype.kind in "ui" else x for x in arrays]
    exact = with_tensors(call, widened)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's about empty means
        try:
            found = record.reference(*exact.args, **exact.kwargs)
        except TypeError:
            found = None
        if found is None or getattr(found, "dtype", None) == np.float16:
            # NumPy has no such operation on bool, or a coarse one
            exact = with_tensors(call, [x.astype("i8") if x.dtype == bool else x for x in widened])
            found = record.reference(*exact.args, **exact.kwargs)
    return found


def by_trace(record: Record, call: Call) -> Any:
    """Evaluate the expression that the kernel computes, in NumPy."""
    assert isinstance(record, Elementwise)
    operands, static = record._bind(call.args, call.kwargs)
    trace = record.trace(operands, static)
    values: dict[Any, Any] = {}
    for place, number in enumerate(trace.inputs):
        x = operands[number]
        array = as_exact(x)
        symbol = input_leaf(place, x.dtype)
        sides = (array.real, array.imag) if x.is_complex() else (array,)
        for part, side in zip(parts(symbol), sides):
            values[part] = side.astype(part.dtype.numpy)
    numbers = [x for x in operands if isinstance(x, NUMBERS)]
    for place, (number, kind) in enumerate(zip(numbers, trace.scalars)):
        sides = (number.real, number.imag) if kind.is_complex else (number,)
        for part, side in zip(parts(leaf(SCALAR, place, kind)), sides):
            values[part] = part.dtype.numpy.type(side)
    with np.errstate(all="ignore"):
        results = evaluate(trace.roots, values)
    return results[0] if len(results) == 1 else tuple(results)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", PUBLIC)
def test_values(key: str, kind: str) -> None:
    record = PUBLIC[key]
    if not accepts(record, kind):
        pytest.skip(f"{key} does not take {kind}")
    for layout in LAYOUTS:
        for number, call in enumerate(calls(record, Drawing(kind, layout=layout))):
            own = run(record, call)
            compare(record, call, own, kind, f"{key} {kind} {layout} call {number}")


def compare(record: Record, call: Call, own: Any, kind: str, where: str) -> None:
    if record.unpredictable:
        return
    with np.errstate(all="ignore"):
        compare_values(record, call, own, kind, where)


def compare_values(record: Record, call: Call, own: Any, kind: str, where: str) -> None:
    exact = expected(record, call)
    if exact is None:  # then at least the layout of the arguments must not matter
        exact = values_of(run(record, with_tensors(call, [dense(x) for x in tensors_in(call)])))
    parts = flat(own)
    wanted = list(exact) if isinstance(exact, (tuple, list)) else [exact]
    assert len(parts) == len(wanted), where
    for part, reference in zip(parts, wanted):
        if not is_tensor(part):
            assert part == reference, where
            continue
        got = as_exact(part)
        if np.ndim(reference):
            assert got.shape == np.shape(reference), where
        if part.dtype is argand.float16:
            reference = np.asarray(reference, "f2")  # what is too large becomes infinite
        narrowest = min(part.dtype.name, kind, key=lambda name: getattr(argand, name).itemsize)
        chosen = narrowest if part.is_floating_point() and "float" in kind else part.dtype.name
        assert_close(got, np.asarray(reference).astype(got.dtype), chosen, where)


def dense(x: Any) -> Any:
    return x.detach().clone().contiguous()


def test_every_operation_takes_some_type() -> None:
    useless = [key for key, record in PUBLIC.items() if not any(accepts(record, k) for k in KINDS)]
    assert not useless


def test_every_public_operation_has_samples() -> None:
    assert not [key for key, record in PUBLIC.items() if record.samples is None]


# ---- forms ---------------------------------------------------------------------------------------


def names_of(record: Record) -> tuple[str, ...]:
    return (record.name, *record.aliases)


@pytest.mark.parametrize("key", PUBLIC)
def test_functions_methods_and_aliases_are_one(key: str) -> None:
    record = PUBLIC[key]
    kind = next(k for k in ("float32", "int64", "complex64") if accepts(record, k))
    home: Any = argand
    for part in record.namespace.split(".") if record.namespace else ():
        home = getattr(home, part)
    for number, call in enumerate(calls(record, Drawing(kind))):
        own = run(record, call)
        elsewhere = [operator.attrgetter(name)(argand) for name in record.elsewhere]
        others = [function(*call.args, **call.kwargs) for function in elsewhere]
        for name in names_of(record):
            if record.as_function:
                others.append(getattr(home, name)(*call.args, **call.kwargs))
            if record.as_method and is_tensor(call.args[0]) and record.name != "where":
                others.append(getattr(call.args[0], name)(*call.args[1:], **call.kwargs))
        for other in others:
            assert [getattr(x, "dtype", None) for x in flat(own)] == [
                getattr(x, "dtype", None) for x in flat(other)
            ]
            if not record.unpredictable:
                for a, b in zip(values_of(own), values_of(other)):
                    np.testing.assert_array_equal(a, b, err_msg=f"{key} call {number}")


# ---- memory --------------------------------------------------------------------------------------

CANARY = 77


def framed(x: Any) -> tuple[Any, Any]:
    """A copy of `x` in the midst of canaries, with holes; and the memory around it."""
    shape = tuple(x.shape)
    room = argand.full((*[n + 2 for n in shape], 2), CANARY, dtype=x.dtype)
    inside = room.select(-1, 1)
    for d, n in enumerate(shape):
        inside = inside.narrow(d, 1, n)
    inside.copy_(x.detach())
    return inside, room


def assert_frame(inside: Any, room: Any, where: str) -> None:
    """The canaries are alive: only the elements of `inside` were written."""
    bare = room.clone()
    framed_part = bare.select(-1, 1)
    for d, n in enumerate(inside.shape):
        framed_part = framed_part.narrow(d, 1, n)
    framed_part.fill_(CANARY)
    whole = argand.full(tuple(room.shape), CANARY, dtype=room.dtype)
    np.testing.assert_array_equal(as_exact(bare), as_exact(whole), err_msg=where)


def takes_out(record: Record) -> bool:
    return bool(record.out)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("key", [k for k, r in PUBLIC.items() if takes_out(r) and r.as_function])
def test_out(key: str, kind: str) -> None:
    record = PUBLIC[key]
    if not accepts(record, kind):
        pytest.skip(f"{key} does not take {kind}")
    for number, call in enumerate(calls(record, Drawing(kind))):
        where = f"{key} {kind} call {number}"
        own = run(record, call)
        frames = [framed(part) for part in flat(own)]
        for inside, _ in frames:
            inside.fill_(0)
        given = tuple(inside for inside, _ in frames)
        out = given if isinstance(own, tuple) else given[0]
        returned = run(record, Call(call.args, {**call.kwargs, "out": out}))
        assert type(returned) is type(own), where
        for part, wanted, (inside, room) in zip(flat(returned), flat(own), frames):
            assert part is inside, where
            if not record.unpredictable:
                np.testing.assert_array_equal(as_exact(inside), as_exact(wanted), err_msg=where)
            assert_frame(inside, room, where)


CHANGING = {key: r for key, r in RECORDS.items() if r.in_place and r.as_method}


@pytest.mark.parametrize("key", [k for k, r in CHANGING.items() if r.view])
def test_views_in_place(key: str) -> None:
    """Only sizes and strides change, not the memory."""
    record = CHANGING[key]
    for number, call in enumerate(calls(record, Drawing("float32", requires_grad=True))):
        where = f"{key}_ call {number}"
        x = call.args[0].clone()
        own = run(record, Call((x, *call.args[1:]), call.kwargs))
        for name in names_of(record):
            changed = x.detach().clone().requires_grad_() * 1
            address = changed.data_ptr()
            assert getattr(changed, f"{name}_")(*call.args[1:], **call.kwargs) is changed, where
            assert changed.data_ptr() - address == own.data_ptr() - x.data_ptr(), where
            assert changed.shape == own.shape, where
            assert changed.stride() == own.stride(), where
            np.testing.assert_array_equal(as_exact(changed), as_exact(own), where)
            assert changed.grad_fn.name() == own.grad_fn.name(), where


CHANGED = ("float32", "float64", "float16", "int64", "uint8", "bool", "complex64")


@pytest.mark.parametrize("kind", CHANGED)
@pytest.mark.parametrize("key", [k for k, r in CHANGING.items() if not r.view])
def test_in_place(key: str, kind: str) -> None:
    record = RECORDS[key]
    if not accepts(record, kind):
        pytest.skip(f"{key} does not take {kind}")
    for number, call in enumerate(calls(record, Drawing(kind))):
        where = f"{key}_ {kind} call {number}"
        first = call.args[0]
        if not is_tensor(first):
            continue
        own = run(record, call)
        if own.shape != first.shape:
            with pytest.raises(RuntimeError):
                getattr(first.clone(), f"{record.name}_")(*call.args[1:], **call.kwargs)
            continue
        inside, room = framed(first)
        version = inside._version
        for name in names_of(record):
            inside.copy_(first)
            # what wants float64 to write to, or has no complex result
            exact = record.name == "float_power" or (record.name == "abs" and first.is_complex())
            if own.dtype is not first.dtype and (exact or fits_badly(own.dtype, first.dtype)):
                with pytest.raises(RuntimeError):
                    getattr(inside, f"{name}_")(*call.args[1:], **call.kwargs)
                continue
            returned = getattr(inside, f"{name}_")(*call.args[1:], **call.kwargs)
            assert returned is inside, where
            assert inside._version > version, where
            assert inside.dtype is first.dtype, where
            np.testing.assert_array_equal(as_exact(inside), as_exact(own.to(first.dtype)), where)
            assert_frame(inside, room, where)


def fits_badly(result: Any, target: Any) -> bool:
    """Whether a result cannot be written into a target: floats into integers, numbers into bool."""
    order = "bufic"
    group = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
    assert result.kind in order
    return group[result.kind] > group[target.kind]


# ---- gradients -----------------------------------------------------------------------------------


def differentiable_calls(record: Record, kind: str) -> Iterator[tuple[int, Call, list[Any]]]:
    """Sample calls whose result depends on tensors that want gradients."""
    for number, call in enumerate(calls(record, Drawing(kind, requires_grad=True))):
        leaves = [x for x in tensors_in(call) if x.requires_grad]
        if leaves and any(is_tensor(x) and x.requires_grad for x in flat(run(record, call))):
            yield number, call, leaves


LARGE = 100  # elements


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("key", [key for key, r in PUBLIC.items() if not r.unpredictable])
def test_gradients(key: str, kind: str) -> None:
    record = PUBLIC[key]
    if not accepts(record, kind) or not any(True for _ in differentiable_calls(record, kind)):
        pytest.skip(f"{key} has no gradient")
    rtol, atol = GRADIENTS
    for number, call, leaves in differentiable_calls(record, kind):
        if not all(x.numel() for x in leaves):
            continue
        if kind == "complex128" and max(x.numel() for x in leaves) > LARGE:
            continue  # float64 has shown it, and two numbers take four times as long

        def function(*tensors: Any, call: Call = call) -> Any:
            wanted = iter(tensors)
            own = [next(wanted) if x.requires_grad else x for x in tensors_in(call)]
            found = flat(run(record, with_tensors(call, own)))
            return tuple(x for x in found if is_tensor(x) and x.dtype.kind in "fc")

        try:
            gradcheck(function, leaves, rtol=rtol, atol=atol)
            gradgradcheck(function, leaves, rtol=rtol, atol=atol)
        except RuntimeError as error:
            raise AssertionError(f"{key} call {number}: {error}") from error


# ---- no second list ------------------------------------------------------------------------------


def literal_lists(tree: ast.Module) -> Iterator[tuple[int, list[str]]]:
    """The operations in every list, tuple, set or dictionary that is written out in a file.

    Not those among labels of other things: most of a list of operations are operations.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            parts: list[Any] = list(node.elts)
        elif isinstance(node, ast.Dict):
            parts = [part for part in node.keys if part is not None]
        else:
            continue
        names = [p.value for p in parts if isinstance(p, ast.Constant) and p.value in OWN]
        if len(names) > 0.7 * len(parts):
            yield node.lineno, names


OWN = {name for record in RECORDS.values() for name in names_of(record)}
MANY = 10


def test_there_is_no_second_list_of_operations() -> None:
    found = []
    for folder in ("argand", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for line, names in literal_lists(ast.parse(path.read_text(encoding="utf-8"))):
                if "kernels" in path.parts:  # rows of the table of scalar primitives
                    names = [name for name in names if name not in TABLE]
                if len(names) > MANY:
                    found.append(f"{path.relative_to(ROOT)}:{line} lists {', '.join(names)}")
    assert not found, "\n".join(found)


def test_a_second_list_is_seen() -> None:
    names = sorted(name for name in OWN if name.isidentifier())[: MANY + 1]
    for text in (f"x = {names!r}", f"x = {dict.fromkeys(names, 0)!r}"):
        assert any(len(found) > MANY for _, found in literal_lists(ast.parse(text)))
