"""Histograms of several dimensions, whose results the records' tests do not take apart."""

import numpy as np
import pytest

import argand


@pytest.mark.parametrize("density", [False, True])
def test_histogramdd_counts_as_numpy_does(density: bool) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    limits = [(-1.0, 1.0), (-0.5, 0.5)]
    found = argand.histogramdd(
        argand.from_numpy(points), [3, 4], range=[-1.0, 1.0, -0.5, 0.5], density=density
    )
    counts, edges = np.histogramdd(points, [3, 4], limits, density=density)
    np.testing.assert_allclose(found.hist.numpy(), counts)
    for own, wanted in zip(found.bin_edges, edges):
        np.testing.assert_allclose(own.numpy(), wanted)


def test_histogramdd_takes_edges_and_weights() -> None:
    points = argand.tensor([[0.5], [1.5], [2.0], [7.0]])
    edges = argand.tensor([0.0, 1.0, 2.0])
    found = argand.histogramdd(points, [edges], weight=argand.tensor([1.0, 2.0, 4.0, 8.0]))
    assert found.hist.tolist() == [1.0, 6.0]  # the upper edge belongs to the last bin


def test_sums_of_bool_are_integers() -> None:
    mask = argand.tensor([True, False, True])
    assert mask.cumsum(0).tolist() == [1, 1, 2]
    assert mask.cumprod(0).dtype is argand.int64
