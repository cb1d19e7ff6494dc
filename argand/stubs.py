"""Type stubs of what is made from the records when Argand is imported.

    python -m argand.stubs

Methods of `Tensor` and functions of the package, of `nn.functional` and the like come from the
records, so a type checker cannot find them in any source. This command writes them down in stubs,
which the modules import ``if TYPE_CHECKING``. They are no stubs of ``tensor.py`` and
``__init__.py`` themselves: a checker would read those instead of the sources, and check these no
longer.

In the bodies of operations `Any` stands for a tensor, because their floor does not know the class:
as the type of a result it becomes `Tensor` here. `Either` says that it depends on the arguments.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from argand.dtypes import dtype
from argand.ops.map import Elementwise
from argand.ops.record import RECORDS, Record, functions_in
from argand.tensor import Tensor

FOLDER = Path(__file__).parent
WIDTH = 100

_HEAD = '"""Generated from the records by ``python -m argand.stubs``: {what}."""\n'
_OPERAND = "_Operand: _TypeAlias = _Tensor | _complex | np.number[_Any] | np.bool"
# Where the names that stubs use come from. They all get an underscore: some have a namesake among
# the functions and methods, and the others must not look like functions of the package.
_SOURCES = {
    "Any": "typing",
    "Tensor": "argand.tensor",
    "TensorBase": "argand.runtime.tensor_base",
    "TypeAlias": "typing",
    "bool": "builtins",
    "complex": "builtins",
    "dtype": "argand.dtypes",
    "float": "builtins",
    "int": "builtins",
}
_PLAIN = {"None", "str", "tuple", "list", "dict", "object"}


def texts() -> dict[Path, str]:
    """The stubs: their paths, and what belongs there."""
    found = {FOLDER / "_methods.pyi": _methods_stub(_added_to_class(Tensor))}
    for namespace in sorted({r.namespace for r in RECORDS.values() if r.as_function}):
        module = import_module(f"argand.{namespace}".rstrip("."))
        found[_stub_of(module)] = _functions_stub(namespace, _added_to(module))
    return found


def _stub_of(module: ModuleType) -> Path:
    """Where the functions of a module are written down: a file in the same folder."""
    source = Path(module.__file__ or "")
    name = "functions" if source.stem == "__init__" else source.stem
    return source.with_name(f"_{name}.pyi")


def main() -> None:
    """Write the stubs."""
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")


# ---- what there is ------------------------------------------------------------------------------


def _added_to_class(kind: type) -> dict[str, Any]:
    """The attributes of a class that its source does not bind."""
    tree = _source_of(sys.modules[kind.__module__])
    body = next(n.body for n in tree if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    written = set(_bound(body))
    return {name: value for name, value in vars(kind).items() if name not in written}


def _added_to(module: ModuleType) -> dict[str, Any]:
    """The public names of a module that its source does not bind."""
    written = set(_bound(_source_of(module)))
    return {
        name: value
        for name, value in vars(module).items()
        if name not in written and name[0] != "_" and not isinstance(value, ModuleType)
    }


def _source_of(module: ModuleType) -> list[ast.stmt]:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            yield from (n.id for n in names if isinstance(n.ctx, ast.Store))


# ---- writing it down ---------------------------------------------------------------------------


class _Stub:
    """Lines of a stub, and what they import."""

    def __init__(self) -> None:
        self.imports: set[tuple[str, str]] = set()  # modules and names

    def use(self, name: str, module: str = "") -> str:
        """`name` as the stub knows it."""
        self.imports.add((module or _SOURCES[name], name))
        return f"_{name}"

    def annotation(self, text: str, body: Callable[..., Any], symbol: str) -> str:
        """An annotation of `body` in terms of this stub; `symbol` is what `Expr` stands for."""

        def renamed(match: re.Match[str]) -> str:
            name = match.group()
            if name == "Expr":
                return self.operand() if symbol == "operand" else self.use("Tensor")
            if name == "Any" and symbol == "result":
                return self.use("Tensor")
            if name in _PLAIN:
                return name
            if name in _SOURCES:
                return self.use(name)
            found = inspect.unwrap(body).__globals__[name]
            if found is Any:  # an alias that says why
                return self.use("Any")
            return self.use(name, found.__module__ if isinstance(found, type) else body.__module__)

        return re.sub(r"\w+", renamed, text)

    def operand(self) -> str:
        """The type of what an elementwise operation takes: a tensor or a number."""
        for name in ("Tensor", "Any", "TypeAlias", "complex"):
            self.use(name)
        return "_Operand"

    def parameters(self, source: Any, method: bool, changes: bool) -> Iterator[str]:
        """The parameters of a record or of a function; those of a method begin with ``self``."""
        body = _body(source)
        only_tensors = isinstance(source, Elementwise) and source.arity == 1
        keyword = False
        for i, p in enumerate(inspect.signature(body).parameters.values()):
            if p.kind is p.KEYWORD_ONLY and not keyword:
                yield "*"
            keyword = keyword or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
            if i == 0 and method:
                yield "self"
                continue
            named = p.annotation in ("Any", "Layout") and p.name in ("input", "tensor")
            if i == 0 and (named or changes or only_tensors):
                kind = self.use("Tensor")
            else:
                kind = self.annotation(p.annotation, body, "operand")
            stars = "*" * (p.kind is p.VAR_POSITIONAL) + "**" * (p.kind is p.VAR_KEYWORD)
            yield f"{stars}{p.name}: {kind}{_default(p)}"

    def function(
        self,
        name: str,
        source: Any,
        method: bool = False,
        changes: bool = False,
        extra: Sequence[str] = (),
    ) -> str:
        """The text of a function; one that `changes` its first argument also returns it."""
        given = list(self.parameters(source, method, changes))
        if isinstance(source, Record) and not (method or changes):
            if extra and isinstance(source, Elementwise):
                given += extra
            elif source.out and not extra:
                given += self._out(source, given)
        returned = inspect.signature(_body(source)).return_annotation
        if changes or returned == "Strided":  # the body of a view makes a layout
            result = self.use("Tensor")
        else:
            result = self.annotation(returned, _body(source), "result")
        end = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        indent = "    " if method else ""
        line = f"{indent}def {name}({', '.join(given)}) -> {result}: ...{end}"
        if len(line) <= WIDTH:
            return line
        middle = "".join(f"{indent}    {g},\n" for g in given)
        return f"{indent}def {name}(\n{middle}{indent}) -> {result}: ...{end}"

    def _out(self, record: Record, given: list[str]) -> list[str]:
        """The parameter ``out`` of a function, unless its keywords go on to `Options`."""
        if any(p.startswith(("out:", "**")) for p in given):
            return []
        returned = inspect.signature(record.body).return_annotation
        several = "tuple" in returned or returned == "Either"
        kind = self.use("Any") if several else f"{self.use('Tensor')} | None"
        star = [] if any(p.startswith("*") for p in given) else ["*"]
        return [*star, f"out: {kind} = None"]

    def text(self, what: str, lines: list[str]) -> str:
        """The whole file."""
        imports = sorted(f"from {module} import {name} as _{name}" for module, name in self.imports)
        own = [line for line in imports if line.startswith("from argand")]
        blocks = ["\n".join(line for line in imports if line not in own), "\n".join(own)]
        if ("typing", "TypeAlias") in self.imports:
            blocks[1:] = ["import numpy as np", blocks[1], _OPERAND]
        blocks.append("\n".join(lines))
        return _HEAD.format(what=what) + "".join(f"\n{block}\n" for block in blocks)


def _body(source: Any) -> Callable[..., Any]:
    body: Callable[..., Any] = source.body if isinstance(source, Record) else source
    return body


def _default(p: inspect.Parameter) -> str:
    if p.default is p.empty:
        return ""
    return f' = "{p.default}"' if isinstance(p.default, str) else f" = {p.default!r}"


def _methods_stub(methods: dict[str, Any]) -> str:
    stub = _Stub()
    operators = {name: record for record in RECORDS.values() for name in record.operators}
    named = {n: r for r in RECORDS.values() if r.as_method for n in (r.name, *r.aliases)}
    lines = [f"class Methods({stub.use('TensorBase')}):"]
    for name in sorted(methods):
        if name.startswith("__"):
            plain = re.sub("^__i(?!nv)", "__", name)
            record = operators.get(name) or operators.get(plain)
            if record is None:
                continue  # Python's own
            lines.append(stub.function(name, record, method=True))
        elif name in named:
            lines.append(stub.function(name, named[name], method=True))
        elif name.removesuffix("_") in named:
            record = named[name.removesuffix("_")]
            lines.append(stub.function(name, record, method=True, changes=True))
        else:
            lines.append(stub.function(name, methods[name], method=True))
    return stub.text("the methods of tensors", lines)


def _functions_stub(namespace: str, names: dict[str, Any]) -> str:
    stub = _Stub()
    records = functions_in(namespace)
    lines = []
    for name in sorted(names):
        if isinstance(names[name], dtype):
            lines.append(f"{name}: {stub.use('dtype')}")
        elif "inplace" in inspect.signature(names[name]).parameters:  # as activations have it
            extra = [f"inplace: {stub.use('bool')} = False"]
            lines.append(stub.function(name, records.get(name) or RECORDS[name], extra=extra))
        elif name in records:
            lines.append(stub.function(name, records[name]))
        elif name.removesuffix("_") in records:
            lines.append(stub.function(name, records[name.removesuffix("_")], changes=True))
        else:
            lines.append(stub.function(name, names[name]))
    where = namespace or "the package"
    return stub.text(f"the functions of {where}", lines)


if __name__ == "__main__":
    main()
