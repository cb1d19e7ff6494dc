"""Dropout of channels, and dropout for SELU: what becomes of elements, and of their moments."""

import numpy as np
import pytest

import argand
from argand import nn
from argand.nn import functional as F


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dropout1d, (4, 6, 5)), (nn.Dropout2d, (4, 6, 3, 3)), (nn.Dropout3d, (4, 6, 2, 2, 2))],
)
def test_whole_channels_vanish(layer: type[nn.Module], shape: tuple[int, ...]) -> None:
    argand.manual_seed(0)
    out = layer(0.5)(argand.ones(shape)).flatten(2).numpy()
    assert set(out[:, :, 0].flat) == {0.0, 2.0}
    assert (out == out[:, :, :1]).all()


@pytest.mark.parametrize("function", [F.alpha_dropout, F.feature_alpha_dropout])
def test_alpha_dropout_keeps_the_moments(function: object) -> None:
    argand.manual_seed(0)
    out = function(argand.randn(2000, 50), 0.3, training=True).numpy()  # type: ignore[operator]
    assert abs(out.mean()) < 0.02
    assert abs(out.std() - 1) < 0.02


def test_nothing_happens_in_evaluation() -> None:
    x = argand.randn(2, 3, 4)
    for layer in (nn.Dropout1d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()):
        np.testing.assert_array_equal(layer.eval()(x).numpy(), x.numpy())


def test_gumbel_softmax_is_one_hot_with_a_soft_gradient() -> None:
    argand.manual_seed(0)
    logits = argand.randn(5, 4, requires_grad=True)
    out = F.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(np.sort(out.detach().numpy(), 1)[:, -1], np.ones(5), 1e-6)
    (out * argand.arange(4.0)).sum().backward()
    assert (logits.grad.abs().sum(1) > 0).all().item()
