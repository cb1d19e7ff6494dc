"""Every public operation with samples, called in Argand and in PyTorch with the same arguments."""

import itertools
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from argand.ops.record import Record
from argand.ops.samples import Call
from tests.ops.drawing import KINDS, PUBLIC, Drawing, as_exact, calls, is_tensor, tensors_in
from tests.parity.scenarios import torch
from tests.tolerances import assert_close

BOTH = (argand, torch)


def of(framework: ModuleType, record: Record) -> Callable[..., Any]:
    """The operation in a framework: a function, or else a method."""
    if not record.as_function:
        return getattr(framework.Tensor, record.name)
    home: Any = framework
    for part in record.namespace.split(".") if record.namespace else ():
        home = getattr(home, part)
    return getattr(home, record.name)


def outcome(function: Callable[..., Any], call: Call) -> Any:
    """What a call returns, or the exception it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*call.args, **call.kwargs)
        except Exception as error:  # noqa: BLE001  (it is the outcome)
            return error


# what PyTorch itself computes in float64 to little more than the digits of float32: Bessel's
# functions, and the derivative of digamma
COARSE = {"special.bessel_j0", "special.bessel_j1", "special.bessel_y0", "special.bessel_y1",
          "digamma", "polygamma", "special.polygamma"}  # fmt: skip


REAL_GRADIENTS = "does not support automatic differentiation for outputs with complex dtype"


def assert_same_outcome(own: Any, theirs: Any, kind: str, where: str, values: bool = True) -> None:
    parts = theirs if isinstance(theirs, tuple) and theirs else (theirs,)
    is_empty = all(is_tensor(x) and not x.numel() for x in parts)
    if isinstance(own, NotImplementedError) and is_empty:
        return  # PyTorch does not look at the type when there is nothing to compute
    if isinstance(own, NotImplementedError) and any(
        is_tensor(x) and x.dtype is torch.complex32 for x in parts
    ):
        return  # complex numbers of half precision
    if isinstance(theirs, RuntimeError) and REAL_GRADIENTS in str(theirs):
        return
    if isinstance(theirs, Exception) or isinstance(own, Exception):
        text = f"{where}: {own!r} where PyTorch has {theirs!r}"
        assert isinstance(own, type(theirs)), text
    elif isinstance(theirs, (tuple, list)):
        assert len(own) == len(theirs), where
        for number, (one, other) in enumerate(zip(own, theirs)):
            assert_same_outcome(one, other, kind, f"{where}[{number}]", values)
    elif not is_tensor(theirs) and not values:
        assert type(own) is type(theirs), where
    elif not is_tensor(theirs):
        assert str(own) == str(theirs), where
    else:
        assert_same_tensor(own, theirs, kind, where, values)


def assert_same_tensor(own: Any, theirs: Any, kind: str, where: str, values: bool) -> None:
    assert is_tensor(own), f"{where}: {own!r} where PyTorch has a tensor"
    assert str(own.dtype) == str(theirs.dtype), where
    assert tuple(own.shape) == tuple(theirs.shape), where
    assert own.requires_grad == theirs.requires_grad, f"{where}: requires_grad"
    # PyTorch puts conjugation off, so that what is computed from it lies in another order
    if theirs.numel() and "complex" not in kind:
        walked = [d for d, n in enumerate(theirs.shape) if n > 1]
        assert [own.stride(d) for d in walked] == [theirs.stride(d) for d in walked], where
    if values:
        name = str(theirs.dtype).removeprefix("torch.")
        narrow = kind if theirs.is_floating_point() and "float" in kind else name
        chosen = min(name, narrow, key=lambda n: getattr(argand, n).itemsize)
        with np.errstate(all="ignore"):
            assert_close(as_exact(own), as_exact(theirs), chosen, where)


# Files whose complex results are one of many valid ones, or whose operations take more than
# PyTorch's: they have tests of their own.
FREE = ("triangular", "cholesky", "eigen", "svd", "interchange", "products", "qr", "pseudoinverse")
# The exponential is NaN, and the product depends on strides; NumPy has no bfloat16;
# numbers along a dimension may be complex, in PyTorch all others.
ODD = {("matrix_exp", "float16"), ("matrix_exp", "bfloat16"), ("inner", "bool"),
       ("to_dlpack", "bfloat16"), ("unique", "complex64"), ("unique", "complex128")}  # fmt: skip
MORE = ("sampling", "adaptive_pooling", "scatter", "sorting")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", PUBLIC)
def test_calls(key: str, kind: str) -> None:
    record = PUBLIC[key]
    if "complex" in kind and record.__module__.rpartition(".")[2] in (*FREE, *MORE):
        pytest.skip("complex numbers have tests of their own")
    if (record.name, kind) in ODD:
        pytest.skip("there is nothing to compare")
    for layout in ("contiguous", "strided"):
        drawn = [calls(record, Drawing(kind, f, layout, requires_grad=True)) for f in BOTH]
        for number, pair in enumerate(zip(*drawn)):
            own, theirs = (outcome(of(f, record), call) for f, call in zip(BOTH, pair))
            where = f"{key} {kind} {layout} call {number}"
            if key == "kron" and isinstance(theirs, RuntimeError):
                continue  # it asks for a view that there is not
            digits = "float32" if key in COARSE and kind == "float64" else kind
            assert_same_outcome(own, theirs, digits, where, not record.unpredictable)


def grows(call: Call, result: Any) -> bool:
    """Whether an in-place form gave its tensor more elements: a slip of PyTorch's addbmm_."""
    return is_tensor(result) and result.numel() > call.args[0].numel()


@pytest.mark.parametrize("key", [k for k, r in PUBLIC.items() if r.in_place and r.as_method])
def test_in_place_forms(key: str) -> None:
    record = PUBLIC[key]
    for kind in ("float32", "int64", "bool"):
        drawn = [calls(record, Drawing(kind, f)) for f in BOTH]
        for number, pair in enumerate(zip(*drawn)):
            found = []
            for framework, call in zip(BOTH, pair):
                if not is_tensor(call.args[0]):
                    continue
                changed = Call((call.args[0].clone(), *call.args[1:]), call.kwargs)
                found.append(outcome(getattr(framework.Tensor, f"{record.name}_"), changed))
            if found and not grows(pair[1], found[1]):
                assert_same_outcome(*found, kind, f"{key}_ {kind} call {number}")


@pytest.mark.parametrize(
    "key", [k for k, r in PUBLIC.items() if r.in_place and r.as_method and not r.view]
)
def test_gradients_of_in_place_forms(key: str) -> None:
    """The gradient of all arguments when the first is changed, and is looked at through a view."""
    record = PUBLIC[key]
    drawn = [calls(record, Drawing("float64", f, requires_grad=True)) for f in BOTH]
    for number, pair in enumerate(zip(*drawn)):
        found = []
        for framework, call in zip(BOTH, pair):
            leaves = [x for x in tensors_in(call) if x.requires_grad]
            if not is_tensor(call.args[0]) or not leaves:
                continue
            changed = call.args[0].clone()
            seen = changed.view(-1)
            arguments = Call((changed, *call.args[1:]), call.kwargs)
            result = outcome(getattr(framework.Tensor, f"{record.name}_"), arguments)
            if grows(call, result):
                found.clear()
                break
            if not isinstance(result, Exception) and changed.requires_grad:
                try:
                    ((changed * changed).sum() + seen.sum()).backward()
                except RuntimeError:
                    found.clear()  # floor_divide has a derivative in forward only
                    break
                result = tuple(x.detach() * 0 if x.grad is None else x.grad for x in leaves)
            found.append(result)
        plain = outcome(of(torch, record), pair[1])
        if len(found) == 2 and getattr(plain, "requires_grad", False):
            digits = "float32" if key in COARSE else "float64"
            assert_same_outcome(*found, digits, f"{key}_ call {number}")


@pytest.mark.parametrize("key", [k for k, r in PUBLIC.items() if r.as_function])
def test_out(key: str) -> None:
    """Whether there is ``out=``, and that floats are not put into bool."""
    record = PUBLIC[key]
    for kind in ("float32", "int64"):
        drawn = [calls(record, Drawing(kind, f)) for f in BOTH]
        for number, pair in enumerate(zip(*drawn)):
            expected = outcome(of(torch, record), pair[1])
            parts = expected if isinstance(expected, tuple) else (expected,)
            if not all(isinstance(part, torch.Tensor) for part in parts):
                continue
            computed = bool(tensors_in(pair[0])) and not record.unpredictable
            computed = computed and key not in ("lu", "chain_matmul")  # which do not look at it
            for target in ("same", "bool") if computed else ("same",):
                found = []
                for framework, call in zip(BOTH, pair):
                    names = [str(p.dtype)[6:] if target == "same" else target for p in parts]
                    given = [
                        framework.zeros(tuple(part.shape), dtype=getattr(framework, name))
                        for part, name in zip(parts, names)
                    ]
                    out = tuple(given) if isinstance(expected, tuple) else given[0]
                    named = {**call.kwargs, "out": out}
                    found.append(outcome(of(framework, record), Call(call.args, named)))
                where = f"{key} {kind} call {number} out={target}"
                own, theirs = found
                if isinstance(theirs, TypeError) and record.out:
                    continue  # PyTorch has it for other forms of the call
                if theirs is None:
                    continue  # a slip of its copies of several views
                if isinstance(own, Exception) and isinstance(theirs, Exception):
                    continue
                assert_same_outcome(own, theirs, kind, where, False)


# ---- arguments that are refused ------------------------------------------------------------------


def bad_calls(call: Call, framework: ModuleType) -> list[Call]:
    """The call spoiled in several ways."""
    args, kwargs = call.args, call.kwargs
    spoiled = [Call((), {}), Call(args, {**kwargs, "no_such_parameter": 1})]
    spoiled += [Call((*args, *["text"] * 9), kwargs)]
    spoiled += [Call((None, *args[1:]), kwargs), Call(("text", *args[1:]), kwargs)]
    if is_tensor(args[0]):
        spoiled.append(Call((framework.ones(2, 3, 7, 5), *args[1:]), kwargs))
    if len(args) > 1 and isinstance(args[1], int):
        spoiled += [Call((args[0], 99), kwargs), Call((args[0], "text"), kwargs)]
    return spoiled


# For an argument of the wrong kind, either of Python's own words will do.
KIND_ERRORS = (TypeError, AttributeError)


@pytest.mark.parametrize("key", PUBLIC)
def test_refusals(key: str) -> None:
    record = PUBLIC[key]
    drawn = [calls(record, Drawing("float32", f)) for f in BOTH]
    if not drawn[0] or not drawn[0][0].args:
        pytest.skip("nothing to spoil")
    spoiled = [bad_calls(call[0], f) for call, f in zip(drawn, BOTH)]
    for number, pair in enumerate(zip(*spoiled)):
        own, theirs = (outcome(of(f, record), call) for f, call in zip(BOTH, pair))
        if isinstance(theirs, Exception):
            text = f"{key} spoiled call {number}: {own!r} where PyTorch has {theirs!r}"
            wanted = KIND_ERRORS if isinstance(theirs, KIND_ERRORS) else type(theirs)
            if isinstance(theirs, NotImplementedError):
                wanted = (RuntimeError, ValueError)  # for that which makes no sense
            assert isinstance(own, wanted), text


# ---- promotion -----------------------------------------------------------------------------------

NUMBERS = (True, 3, 1.5)
ARITHMETIC = ("add", "sub", "mul", "div", "floor_divide", "pow", "eq", "maximum", "atan2")


def operands(framework: ModuleType) -> list[Any]:
    """Tensors of every type with and without dimensions, and Python numbers."""
    # PyTorch makes complex numbers of half precision of float16, which are not here
    kinds = [getattr(framework, name) for name in KINDS if name != "float16"]
    made = [framework.ones(2, dtype=kind) for kind in kinds]
    return [*made, *(framework.ones((), dtype=kind) for kind in kinds), *NUMBERS]


@pytest.mark.parametrize("name", ARITHMETIC)
def test_promotion(name: str) -> None:
    pairs = [itertools.product(operands(f), repeat=2) for f in BOTH]
    faults = []
    for one, other in zip(*pairs):
        if not any(map(is_tensor, other)):
            continue
        if name == "sub" and any(x is True for x in other):
            continue  # PyTorch refuses x - True; here True is the number 1
        own = outcome(getattr(argand, name), Call(one, {}))
        theirs = outcome(getattr(torch, name), Call(other, {}))
        if isinstance(theirs, Exception):
            same = isinstance(own, type(theirs))
        else:
            same = str(getattr(own, "dtype", own)) == str(theirs.dtype)
        if not same:
            described = [str(getattr(x, "dtype", x)) + str(getattr(x, "shape", "")) for x in other]
            faults.append(f"{name}({', '.join(described)}): {own!r}, PyTorch {theirs!r}")
    assert not faults, "\n".join(faults)


def test_result_type_and_promote_types() -> None:
    for a, b in itertools.product(KINDS, repeat=2):
        own = argand.promote_types(getattr(argand, a), getattr(argand, b))
        assert str(own) == str(torch.promote_types(getattr(torch, a), getattr(torch, b)))


def test_in_place_promotion() -> None:
    """What may be written into what."""
    pairs = [itertools.product(operands(f)[: len(KINDS) - 1], operands(f)) for f in BOTH]
    faults = []
    for one, other in zip(*pairs):
        found = []
        for target, value in (one, other):
            found.append(outcome(target.clone().add_, Call((value,), {})))
        own, theirs = found
        if isinstance(theirs, Exception) != isinstance(own, Exception):
            faults.append(f"{other[0].dtype} += {other[1]!r}: {own!r}, PyTorch {theirs!r}")
    assert not faults, "\n".join(faults)
