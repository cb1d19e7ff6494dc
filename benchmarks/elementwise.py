"""Work whose time is memory and special functions: maps, reductions, rows."""

from functools import partial
from typing import Any

from benchmarks.work import Call, Work

TITLE = "Maps, reductions and rows"
SIZES = {"1 K": 2**10, "1 M": 2**20, "16 M": 2**24}
CLASSES = 128  # the length of a row, for softmax and cross entropy


def expression(torch: Any, size: int) -> Call:
    a, b, c = (torch.randn(size) for _ in range(3))
    return lambda: torch.tanh(a * b + c)


def total(torch: Any, size: int) -> Call:
    x = torch.randn(size)
    return x.sum


def softmax(torch: Any, size: int) -> Call:
    x = torch.randn(size // CLASSES, CLASSES)
    return lambda: torch.softmax(x, -1)


def cross_entropy(torch: Any, size: int) -> Call:
    logits = torch.randn(size // CLASSES, CLASSES)
    labels = torch.randint(0, CLASSES, (size // CLASSES,))
    return lambda: torch.nn.functional.cross_entropy(logits, labels)


_CALLS = {
    "tanh(a * b + c)": expression,
    "sum": total,
    "softmax": softmax,
    "cross entropy": cross_entropy,
}

WORKS = [
    Work(f"{name}, {amount} floats", partial(prepare, size=size), 1.0)
    for name, prepare in _CALLS.items()
    for amount, size in SIZES.items()
]
