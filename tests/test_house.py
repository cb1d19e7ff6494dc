"""The order of the house: what may import what, how long things may be, what is not mentioned.

Everything is read from the source alone, so a fault is shown even where the code cannot run.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "argand"

# As in docs/architecture.md: a module imports only from its own floor and from those above it in
# this list. ARGAND stands for the package itself, which collects what lies beneath and beside it;
# OTHERS for every module that is not named: those that mirror torch's.
ARGAND = "argand"
OTHERS = "nn, optim, utils, linalg, ..."
FLOORS = (
    ("config", "errors", "dtypes", "device", "version", "printing"),
    ("kernels",),
    ("runtime",),
    ("autograd",),
    ("ops",),
    ("tensor",),
    ("graph",),
    # the last two are in autograd's folder, as in PyTorch, and are written with tensors
    (ARGAND, OTHERS, "autograd.functional", "autograd.forward_ad"),
    ("vision",),
    ("distributed",),
    ("compat",),
    ("cli", "demo", "doctor", "stubs", "__main__"),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
TOP = len(FLOORS) - 1

OPTIONAL = {"scipy", "PIL", "tqdm", "rich", "safetensors", "tensorboard", "mpi4py", "matplotlib"}
REQUIRED = {"numpy", "llvmlite"}

MODULE_LINES = 600
FUNCTION_LINES = 80  # without the docstring

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def floor_of(module: str) -> int:
    part = module.partition(".")[2] or ARGAND
    return FLOOR.get(part, FLOOR.get(part.partition(".")[0], FLOOR[OTHERS]))


def is_type_checking(node: ast.AST) -> bool:
    """Whether `node` is ``if TYPE_CHECKING:``, whose imports never happen."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(node: ast.AST, local: bool = False) -> Iterator[tuple[ast.stmt, str, bool]]:
    """Every import under `node`: the statement, the module, and whether a function holds it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child, alias.name, local) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((child, module, local) for module in sorted(set(imported_from(child))))
        elif not is_type_checking(child):
            yield from imports(child, local or isinstance(child, Function | ast.Lambda))


def imported_from(node: ast.ImportFrom) -> Iterator[str]:
    """The modules of ``from package import names``: a name may be a module of the package."""
    package = node.module or ""
    for alias in node.names:
        path = ROOT.joinpath(*package.split("."), alias.name)
        is_module = path.with_suffix(".py").is_file() or path.is_dir()
        yield f"{package}.{alias.name}" if is_module else package


def within_argand(module: str) -> bool:
    return module == ARGAND or module.startswith(ARGAND + ".")


def faults_of_order(path: Path) -> Iterator[str]:
    own = name_of(path)
    highest = TOP - 1 if own == ARGAND else floor_of(own)  # the package itself opens every floor
    for node, module, _ in imports(tree_of(path)):
        if within_argand(module) and floor_of(module) > highest:
            yield f"{path.relative_to(ROOT)}:{node.lineno} imports {module} from a later floor"


@cache
def loaded_anyway() -> frozenset[str]:
    """The modules that every use of Argand loads, because NumPy and llvmlite do."""
    code = "import sys, numpy, llvmlite.binding; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return frozenset(out.stdout.split())


def faults_of_local_imports(path: Path) -> Iterator[str]:
    for node, module, local in imports(tree_of(path)):
        root = module.partition(".")[0]
        if not local or root in OPTIONAL:
            continue
        place = f"{path.relative_to(ROOT)}:{node.lineno} imports {module} inside a function"
        if root == ARGAND or root in REQUIRED:
            yield f"{place}; import it at the top of the file"
        elif root not in sys.stdlib_module_names:
            yield f"{place}; it is neither required nor one of the optional packages"
        elif module in loaded_anyway():
            yield f"{place}; that saves nothing, because it is always loaded"


def faults_of_required_imports(path: Path) -> Iterator[str]:
    for node, module, local in imports(tree_of(path)):
        root = module.partition(".")[0]
        if not local and root in OPTIONAL:
            yield f"{path.relative_to(ROOT)}:{node.lineno} imports the optional {root} always"


def faults_of_length(path: Path) -> Iterator[str]:
    place = path.relative_to(ROOT)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MODULE_LINES:
        yield f"{place} has {lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, Function):
            body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1
            if length > FUNCTION_LINES:
                yield f"{place}:{node.lineno} {node.name} has {length} lines of code"


def faults_of_words(path: Path) -> Iterator[str]:
    """A missing docstring: a file says at its start what it is for."""
    tree = tree_of(path)
    if tree.body and not ast.get_docstring(tree):
        yield f"{path.relative_to(ROOT)} does not say what it is for"


@pytest.mark.parametrize(
    "faults",
    [
        faults_of_order,
        faults_of_local_imports,
        faults_of_required_imports,
        faults_of_length,
        faults_of_words,
    ],
)
def test_the_house_is_in_order(faults: object) -> None:
    assert callable(faults)
    found = [fault for path in sources() for fault in faults(path)]
    assert not found, "\n".join(found)


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a development machine, no neighbouring folder, no package registry."""
    strange = ["../" + "shared", "/work" + "/", "/tmp" + "/dev", "pypi" + ".org"]
    folders = ("argand", "tests", "examples", "benchmarks", "docs", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    found = []
    for path in files:
        if "__pycache__" in path.parts or path.suffix in {".npz", ".png", ".pth"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)} mentions {word}" for word in strange if word in text]
    assert not found, "\n".join(found)


def write_module(monkeypatch: pytest.MonkeyPatch, root: Path, name: str, text: str) -> Path:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", root)
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("argand/kernels/a.py", "from argand.ops import b", "imports argand.ops"),
        ("argand/kernels/a.py", "import argand", "imports argand "),
        ("argand/kernels/a.py", "import argand.runtime.b as b", "imports argand.runtime.b"),
        ("argand/kernels/a.py", "if 1:\n    from argand import ops", "imports argand.ops"),
        ("argand/nn/a.py", "from argand import cli", "imports argand.cli"),
        ("argand/__init__.py", "from argand import cli", "imports argand.cli"),
        ("argand/kernels/a.py", "from argand.errors import message", None),
        ("argand/kernels/a.py", "if TYPE_CHECKING:\n    import argand.ops", None),
        ("argand/nn/a.py", "import argand\nfrom argand.optim import b", None),
        ("argand/__init__.py", "from argand import vision, compat", None),
    ],
)
def test_order_is_seen(
    name: str, text: str, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ops", "cli", "vision", "compat", "runtime", "optim"):
        write_module(monkeypatch, tmp_path, f"argand/{module}/__init__.py", "")
    found = list(faults_of_order(write_module(monkeypatch, tmp_path, name, text)))
    assert len(found) == (fault is not None), found
    assert fault is None or fault in found[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("def f():\n    import scipy.special", None),
        ("def f():\n    import multiprocessing", None),
        ("import numpy", None),
        ("def f():\n    import numpy", "at the top"),
        ("def f():\n    from argand import errors", "at the top"),
        ("def f():\n    def g():\n        import os", "saves nothing"),
        ("f = lambda: 1\ndef g():\n    import pandas", "neither required nor"),
    ],
)
def test_local_imports_are_seen(
    text: str, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_module(monkeypatch, tmp_path, "argand/a.py", text)
    found = list(faults_of_local_imports(path))
    assert len(found) == (fault is not None), found
    assert fault is None or fault in found[0]


def test_length_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "    x = 1\n" * (FUNCTION_LINES + 1)
    text = f'def long():\n    """Says."""\n{body}\n' + "#\n" * MODULE_LINES
    found = list(faults_of_length(write_module(monkeypatch, tmp_path, "argand/a.py", text)))
    assert len(found) == 2
    assert f"long has {FUNCTION_LINES + 1} lines" in found[1]
