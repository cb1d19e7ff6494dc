"""The examples in the documentation of operations, which doctest itself does not find.

It looks for functions and classes, and a record is neither.
"""

import doctest
import sys

import pytest

from argand.ops.record import RECORDS
from tests.ops.drawing import PUBLIC

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(key: str) -> doctest.DocTest | None:
    record = RECORDS[key]
    names = vars(sys.modules[record.body.__module__]).copy()
    found = doctest.DocTestFinder(recurse=False).find(record.body, key, globs=names)
    return found[0] if found and found[0].examples else None


@pytest.mark.parametrize("key", PUBLIC)
def test_the_example_is_right(key: str) -> None:
    test = examples(key)
    assert test is not None, f"the documentation of {key} has no example"
    report: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(test, out=report.append)
    assert not report, "".join(report)
