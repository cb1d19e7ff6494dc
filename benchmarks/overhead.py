"""A call with hardly any arithmetic in it."""

from typing import Any

from benchmarks.work import Call, Work

TITLE = "The cost of a call"


def add(torch: Any) -> Call:
    a, b = torch.rand(64), torch.rand(64)
    return lambda: a + b


def add_with_gradients(torch: Any) -> Call:
    a, b = (torch.rand(64, requires_grad=True) for _ in range(2))
    return lambda: a + b


WORKS = [
    Work("a + b, 64 floats", add, 1.0),
    Work("a + b, 64 floats, recording gradients", add_with_gradients, 1.0),
]
