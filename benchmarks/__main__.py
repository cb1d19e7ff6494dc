"""Print the tables: see `python -m benchmarks --help`."""

import argparse
import importlib
import importlib.metadata
import os
import platform
import sys

import benchmarks
from benchmarks.interleave import compare
from benchmarks.report import Failure, Row, header, line, summary

NAMES = (
    "processes", "size", "overhead", "matmul", "convolution", "elementwise", "training",
    "operations",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=benchmarks.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=9, help="of each framework (default: 9)")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown or options.rounds < 1:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}" if unknown else "no rounds")
    print(f"{_version('torch')}, {_version('argand')}, Python {platform.python_version()}")
    print(f"{platform.platform()}, {os.cpu_count()} processors")
    rows = [row for name in options.names or NAMES for row in _table(name, options.rounds)]
    failed = sum(isinstance(row, Failure) for row in rows)
    met = sum(isinstance(row, Row) and row.is_met for row in rows)
    print(f"\n{met} of {len(rows)} goals met" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0


def _table(name: str, rounds: int) -> list[Row | Failure]:
    module = importlib.import_module(f"benchmarks.{name}")
    print(header(module.TITLE), flush=True)
    works = getattr(module, "WORKS", None)
    found = []
    for row in compare(name, works, rounds) if works else module.rows(rounds):
        print(line(row), flush=True)
        found.append(row)
    measured = [row for row in found if isinstance(row, Row)]
    if measured:
        print(summary(measured))
    return found


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} (not installed)"


if __name__ == "__main__":
    sys.exit(main())
