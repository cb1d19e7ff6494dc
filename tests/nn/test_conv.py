"""Convolution modules: shapes, settings, texts, state."""

import pickle
from typing import Any

import numpy as np
import pytest

import argand
from argand import nn
from argand.nn import functional as F


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_forward_is_the_function(rank: int) -> None:
    layer = getattr(nn, f"Conv{rank}d")(4, 6, 3, stride=2, padding=1, groups=2)
    x = argand.randn(2, 4, *(7,) * rank)
    wanted = getattr(F, f"conv{rank}d")(x, layer.weight, layer.bias, 2, 1, 1, 2)
    assert layer.weight.shape == (6, 2, *(3,) * rank)
    assert np.array_equal(layer(x).detach().numpy(), wanted.detach().numpy())
    assert layer(x[0]).shape == (6, *(4,) * rank)
    back = getattr(nn, f"ConvTranspose{rank}d")(6, 4, 3, stride=2, padding=1, bias=False)
    assert back.weight.shape == (6, 4, *(3,) * rank)
    assert back.bias is None
    assert back(layer(x)).shape == (2, 4, *(7,) * rank)
    assert back(layer(x), output_size=(8,) * rank).shape == (2, 4, *(8,) * rank)


@pytest.mark.parametrize(
    ("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_padding_modes(mode: str, numpy_mode: Any) -> None:
    layer = nn.Conv2d(2, 3, (3, 5), padding=(1, 2), padding_mode=mode)
    x = argand.randn(2, 2, 6, 7)
    edges = [(0, 0), (0, 0), (1, 1), (2, 2)]
    padded = argand.from_numpy(np.pad(x.numpy(), edges, mode=numpy_mode))
    wanted = F.conv2d(padded, layer.weight, layer.bias)
    assert argand.allclose(layer(x), wanted, atol=1e-5)
    same = nn.Conv2d(2, 3, 4, padding="same", padding_mode=mode)
    assert same(x).shape == (2, 3, 6, 7)


def test_texts() -> None:
    assert repr(nn.Conv2d(3, 4, 3)) == "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))"
    layer = nn.Conv2d(
        4, 4, 3, 2, 1, dilation=2, groups=2, bias=False, padding_mode="reflect"
    )
    assert repr(layer) == (
        "Conv2d(4, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "groups=2, bias=False, padding_mode=reflect)"
    )
    assert repr(nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1)) == (
        "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(2,), output_padding=(1,))"
    )
    assert repr(nn.Unfold(3)) == "Unfold(kernel_size=3, dilation=1, padding=0, stride=1)"


@pytest.mark.parametrize(
    "settings",
    [
        {"groups": 2}, {"groups": 0}, {"padding": "other"}, {"padding": "same", "stride": 2},
        {"padding_mode": "other"},
    ],
)  # fmt: skip
def test_refusals(settings: Any) -> None:
    with pytest.raises(ValueError):
        nn.Conv2d(3, 4, 3, **settings)


def test_refusals_of_transposed_convolutions() -> None:
    with pytest.raises(ValueError, match="zeros"):
        nn.ConvTranspose2d(4, 6, 3, padding_mode="reflect")
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2)
    with pytest.raises(ValueError, match="valid sizes"):
        layer(argand.zeros(1, 4, 5, 5), output_size=(20, 20))
    with pytest.raises(ValueError, match="elements"):
        layer(argand.zeros(1, 4, 5, 5), output_size=(20,))


def test_state() -> None:
    layer, other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    other.load_state_dict(layer.state_dict())
    restored = pickle.loads(pickle.dumps(layer))
    x = argand.randn(1, 3, 5, 5)
    for copy in (other, restored):
        assert np.array_equal(copy(x).detach().numpy(), layer(x).detach().numpy())


def test_training_lowers_the_loss() -> None:
    argand.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    x = argand.randn(4, 1, 8, 8)
    y = argand.zeros(4, 1, 8, 8)
    y[:, :, 1:] = x[:, :, :-1]
    optimizer = argand.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
