"""Machines for the tests of kernels."""

from collections.abc import Iterator

import pytest

from tests.kernels.harness import MACHINES, machine_named


@pytest.fixture(scope="module", params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Kernels are generated for the host and for older processors, and run here."""
    with machine_named(request.param):
        yield request.param
