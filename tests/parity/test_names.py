"""The module names that Argand answers to are those of PyTorch.

`python tests/parity/test_names.py` writes the table anew from the installed PyTorch.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from argand.compat import names

torch = pytest.importorskip("torch")


def public_modules(folder: Path, name: str) -> Iterator[str]:
    """The modules that lie in the package `name` at `folder`, without importing them."""
    yield name
    for path in folder.iterdir():
        if path.name.startswith("_"):
            continue
        if path.suffix == ".py":
            yield f"{name}.{path.stem}"
        elif (path / "__init__.py").is_file():
            yield from public_modules(path, f"{name}.{path.name}")


def table() -> list[str]:
    return sorted(public_modules(Path(torch.__file__).parent, "torch"))


def test_the_table_of_names_is_pytorchs() -> None:
    assert names.TABLE.read_text(encoding="ascii").split() == table()


if __name__ == "__main__":
    names.TABLE.write_text("\n".join(table()) + "\n", encoding="ascii")
