"""Convolutions with 3 x 3 windows: forward, and with the gradients of input, weight and bias."""

from functools import partial
from typing import Any

from benchmarks.work import Call, Work

TITLE = "Convolutions"
# batch, channels, side of the image, channels of the result
SHAPES = ((8, 64, 56, 64), (8, 128, 28, 128), (64, 32, 12, 64))


def forward(torch: Any, shape: tuple[int, int, int, int]) -> Call:
    batch, channels, side, out = shape
    x = torch.randn(batch, channels, side, side)
    layer = torch.nn.Conv2d(channels, out, 3, padding=1)

    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def with_gradients(torch: Any, shape: tuple[int, int, int, int]) -> Call:
    batch, channels, side, out = shape
    x = torch.randn(batch, channels, side, side, requires_grad=True)
    layer = torch.nn.Conv2d(channels, out, 3, padding=1)
    given = torch.randn(batch, out, side, side)

    def call() -> None:
        x.grad = None
        layer.zero_grad()
        layer(x).backward(given)

    return call


def _name(shape: tuple[int, int, int, int], what: str) -> str:
    batch, channels, side, out = shape
    return f"({batch}, {channels}, {side}, {side}) -> {out}, {what}"


WORKS = [
    Work(_name(shape, what), partial(prepare, shape=shape), goal)
    for shape in SHAPES
    for what, prepare, goal in (
        ("forward", forward, 1.8),
        ("with gradients", with_gradients, 1.3),
    )
]
