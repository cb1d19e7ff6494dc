"""What an installation takes on disk: the package and all it requires, without extras."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.interleave import FRAMEWORKS
from benchmarks.report import Failure, Row, median_row

TITLE = "Installed size"


def rows(rounds: int) -> Iterator[Row | Failure]:
    """One row; files do not change between rounds."""
    try:
        sizes = {name: [sum(map(_bytes_of, _required(name)))] for name in FRAMEWORKS}
    except importlib.metadata.PackageNotFoundError as error:
        yield Failure("installed size", str(error))
        return
    yield median_row("with required dependencies", sizes, "B", 3.0)


def _required(name: str) -> set[str]:
    """The distribution `name` and those that it requires here, directly or not."""
    found: set[str] = set()
    pending = [name]
    while pending:
        distribution = canonicalize_name(pending.pop())
        if distribution in found:
            continue
        found.add(distribution)
        for text in importlib.metadata.requires(distribution) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    return found


def _bytes_of(distribution: str) -> int:
    files = importlib.metadata.files(distribution) or []
    paths = [Path(str(file.locate())) for file in files]
    if distribution == "argand":
        paths += _editable(paths)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _editable(paths: list[Path]) -> Iterator[Path]:
    """Argand's own files where they are not among the installed `paths`."""
    package = importlib.util.find_spec("argand")
    if package is None or package.origin is None or Path(package.origin) in paths:
        return
    compiled = f".{sys.implementation.cache_tag}"
    for path in Path(package.origin).parent.rglob("*"):
        if "__pycache__" not in path.parts or path.stem.endswith(compiled):
            yield path
