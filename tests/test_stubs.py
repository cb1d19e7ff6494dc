"""The type stubs say what is there, and a type checker makes of them what a program means."""

import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from argand import Tensor, stubs
from argand.ops.map import Elementwise
from argand.ops.record import RECORDS, functions_in
from tests.ops.drawing import PUBLIC, Drawing, calls
from tests.ops.test_records import run


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """The stubs of the records as they are now: the source tree does not keep them."""
    stubs.main()


@cache
def names_in(path: str) -> set[str]:
    """The names of functions, methods and variables in a stub, without those it imports."""
    lines = (stubs.FOLDER / path).read_text(encoding="utf-8").splitlines()
    words = (line.strip().removeprefix("def ") for line in lines if ": " in line or "def " in line)
    return {word.partition("(")[0].partition(":")[0] for word in words}


def test_nothing_is_left_out() -> None:
    methods = names_in("_methods.pyi")
    places = {
        "": "_functions.pyi",
        "fft": "fft/_functions.pyi",
        "linalg": "linalg/_functions.pyi",
        "nn.functional": "nn/_functional.pyi",
    }
    for record in RECORDS.values():
        names = {record.name, *record.aliases}
        if record.as_method:
            assert names <= methods
    for namespace, path in places.items():
        public = {name for name in functions_in(namespace) if name[0] != "_"}
        assert public <= names_in(path)


@pytest.fixture(scope="module")
def mypy() -> str:
    pytest.importorskip("mypy", reason="needs mypy")
    return "mypy"


PROGRAM = """
import argand
import argand.nn.functional as F
from argand import Tensor

x: Tensor = argand.ones(2, 3, requires_grad=True)
y = (2 * x + 1).exp().sum(dim=1).float()
reveal_type(y)
reveal_type(F.softplus(y, beta=2.0))
reveal_type(y == 0)
reveal_type(argand.float32)
reveal_type(x.split(2))
reveal_type(x.unsqueeze(0))
reveal_type(x.mul_(2))
argand.exp(x, tau=3)
x.flatten("1")
"""
REVEALED = [
    "argand.tensor.Tensor",
    "argand.tensor.Tensor",
    "argand.tensor.Tensor",
    "argand.dtypes.dtype",
    "tuple[argand.tensor.Tensor, ...]",
    "argand.tensor.Tensor",
    "argand.tensor.Tensor",
]
REFUSED = ['Unexpected keyword argument "tau"', 'Argument 1 to "flatten"']


@pytest.mark.slow
def test_a_checker_understands_a_program(mypy: str, tmp_path: Path) -> None:
    """As in a user's project: with mypy's strict settings, and not those of this one."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    words = [sys.executable, "-m", mypy, "--strict", "--follow-imports=silent", "--config-file="]
    words += ["--cache-dir", str(tmp_path / "cache"), str(program)]
    root = stubs.FOLDER.parent
    out = subprocess.run(words, capture_output=True, text=True, cwd=root, check=False)
    lines = [line.partition("program.py:")[2] for line in out.stdout.splitlines()]
    revealed = [line.split('"')[1] for line in lines if "Revealed" in line]
    assert revealed == REVEALED, out.stdout
    errors = [line for line in lines if " error: " in line]
    assert len(errors) == len(REFUSED), out.stdout
    assert all(text in line for text, line in zip(REFUSED, errors)), out.stdout


@pytest.mark.parametrize("key", [k for k, r in PUBLIC.items() if not isinstance(r, Elementwise)])
def test_results_are_what_the_stubs_say(key: str) -> None:
    """`Any` as the type of a result stands for a tensor in the bodies of operations."""
    record = PUBLIC[key]
    said = inspect.signature(record.body).return_annotation
    is_tensor = said in ("Any", "Strided")
    for kind in ("float32", "int64"):
        try:
            results = [run(record, call) for call in calls(record, Drawing(kind))]
        except (RuntimeError, TypeError, ValueError):
            continue  # an operation may refuse a type
        for result in results:
            assert isinstance(result, Tensor) == is_tensor or said == "Either", f"{key} -> {said}"
