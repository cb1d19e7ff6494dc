"""Convolutions against PyTorch's: initial weights, outputs, gradients, texts, errors."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import torch

LAYERS: tuple[tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]], ...] = (
    ("Conv1d", (3, 8, 5), {}, (2, 3, 30)),
    ("Conv1d", (4, 8, 3), {"padding": "same", "dilation": 2, "groups": 2}, (4, 20)),
    ("Conv2d", (3, 32, 3), {"padding": 1}, (4, 3, 24, 24)),
    ("Conv2d", (32, 64, 3), {"padding": 1}, (4, 32, 12, 12)),
    ("Conv2d", (3, 16, 7), {"stride": 2, "padding": 3, "bias": False}, (2, 3, 33, 31)),
    ("Conv2d", (16, 16, 3), {"padding": 1, "groups": 16}, (2, 16, 14, 14)),
    ("Conv2d", (8, 6, (3, 4)), {"padding": "same", "padding_mode": "reflect"}, (2, 8, 9, 10)),
    ("Conv2d", (8, 6, 3), {"padding": 2, "padding_mode": "circular", "dilation": 2}, (2, 8, 9, 10)),
    ("Conv2d", (64, 64, 1), {"stride": 2}, (2, 64, 15, 14)),
    ("Conv2d", (20, 40, 3), {"padding": 1}, (3, 20, 23, 29)),
    ("Conv3d", (2, 4, 3), {"padding": 1, "padding_mode": "replicate"}, (2, 2, 6, 7, 8)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 9)),
    ("ConvTranspose2d", (8, 4, 4), {"stride": 2, "padding": 1}, (2, 8, 7, 9)),
    ("ConvTranspose2d", (8, 12, 3), {"padding": 1, "groups": 2, "dilation": 2}, (2, 8, 7, 9)),
    ("ConvTranspose3d", (4, 2, 2), {"stride": 2, "bias": False}, (2, 4, 3, 4, 5)),
)


def run(t: ModuleType, case: Any, kind: str) -> tuple[str, list[np.ndarray]]:
    """The layer's text, its parameters, its output, and all gradients, with seed 3."""
    name, sizes, settings, shape = case
    t.manual_seed(3)
    layer = getattr(t.nn, name)(*sizes, **settings).to(getattr(t, kind))
    x = t.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(kind))
    x.requires_grad_()
    out = layer(x)
    weights = np.random.default_rng(1).standard_normal(tuple(out.shape)).astype(kind)
    (out * t.from_numpy(weights)).sum().backward()
    tensors = [*layer.parameters(), out, x.grad, *(p.grad for p in layer.parameters())]
    return repr(layer), [v.detach().numpy() for v in tensors]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_layers(case: Any, kind: str) -> None:
    own, theirs = run(argand, case, kind), run(torch, case, kind)
    assert own[0] == theirs[0]
    for one, other in zip(own[1], theirs[1]):
        assert one.shape == other.shape
        tolerance = 1e-11 if kind == "float64" else 2e-5
        assert np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max())


REFUSED: tuple[tuple[Any, ...], ...] = (
    ("conv2d", (2, 3, 5, 5), (4, 2, 3, 3), {}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 7, 7), {}),
    ("conv2d", (2, 3, 5), (4, 3, 3, 3), {}),
    ("conv2d", (3, 5), (4, 3, 3, 3), {}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"stride": 0}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"padding": -1}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"dilation": 0}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"groups": 0}),
    ("conv2d", (2, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}),
    ("conv2d", (2, 3, 5, 5), (0, 3, 3, 3), {}),
    ("conv2d", (2, 3, 0, 5), (4, 3, 1, 3), {}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"padding": "same", "stride": 2}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"padding": "other"}),
    ("conv2d", (2, 3, 5, 5), (4, 3, 3, 3), {"stride": (1, 1, 1)}),
    ("conv_transpose2d", (2, 3, 5, 5), (4, 3, 3, 3), {}),
    ("conv_transpose2d", (2, 3, 5, 5), (3, 3, 3, 3), {"output_padding": 1}),
    ("conv_transpose2d", (2, 3, 5, 5), (3, 3, 3, 3), {"output_padding": -1}),
    ("conv_transpose2d", (2, 3, 5, 5), (3, 3, 3, 3), {"padding": 4}),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refusals(case: Any) -> None:
    name, shape, weight, settings = case
    for t, error in ((torch, None), (argand, RuntimeError)):
        with pytest.raises(RuntimeError if error is None else error):
            getattr(t.nn.functional, name)(t.ones(*shape), t.ones(*weight), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 6}, {"kernel_size": 0}, {"kernel_size": 3, "stride": 0},
        {"kernel_size": 3, "padding": -1}, {"kernel_size": 3, "dilation": 0},
    ],
    ids=str,
)  # fmt: skip
def test_refusals_of_unfold(settings: Any) -> None:
    for t in (torch, argand):
        with pytest.raises(RuntimeError):
            t.nn.functional.unfold(t.ones(2, 3, 5, 5), **settings)
