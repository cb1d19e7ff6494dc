"""The transforms of Winograd's F(4 x 4, 3 x 3), one dimension at a time, as instructions.

A tile of 4 results of a window of 3 needs 6 values d of the image and 3 weights g. With a
polynomial that has the roots 0, a, -a, b, -b and infinity, the 4 x 3 products become 6 (S.
Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, "Fast Algorithms for
Convolutional Neural Networks", 2015): results = back((taken to values(d)) * (taken to weights(g))).

The usual roots 1 and 2 lose most of two digits. These here, 11/16 and 11/8, are near the square
roots of 1/2 and 2, where errors are smallest (B. Barabasz et al., "Error Analysis and Improving the
Accuracy of Winograd Convolution for Deep Neural Networks", 2020), and their powers are exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from argand.kernels.conv_vectors import Vectors

TILE = 4  # results in a row of a tile
TAPS = 3
POINTS = 6  # values in a row of a tile

A = 11 / 16
B = 11 / 8
_AA, _BB = A * A, B * B
_SCALE_0 = _AA * _BB
_SCALE_A = 2 * _AA * (_AA - _BB)
_SCALE_B = 2 * _BB * (_BB - _AA)


def of_values(v: Vectors, d: Sequence[str]) -> list[str]:
    """6 values of the image to 6 points."""
    first = v.plus(v.plus(d[4], d[2], -(_AA + _BB)), d[0], _AA * _BB)
    last = v.plus(v.plus(d[5], d[3], -(_AA + _BB)), d[1], _AA * _BB)
    pairs = []
    for root, other in ((A, _BB), (B, _AA)):
        even, odd = v.plus(d[4], d[2], -other), v.plus(d[3], d[1], -other)
        pairs += [v.plus(even, odd, root), v.plus(even, odd, -root)]
    return [first, *pairs, last]


def of_weights(v: Vectors, g: Sequence[str]) -> list[str]:
    """3 weights to 6 points."""
    pairs = []
    for root, scale in ((A, _SCALE_A), (B, _SCALE_B)):
        even = v.plus(v.scaled(g[0], 1 / scale), g[2], root * root / scale)
        pairs += [v.plus(even, g[1], root / scale), v.plus(even, g[1], -root / scale)]
    return [v.scaled(g[0], 1 / _SCALE_0), *pairs, g[2]]


def of_gradients(v: Vectors, y: Sequence[str]) -> list[str]:
    """4 gradients of results to 6 points: the transpose of `back`."""
    pairs = []
    for root in (A, B):
        even, odd = v.plus(y[0], y[2], root * root), v.plus(y[1], y[3], root * root)
        pairs += [v.plus(even, odd, root), v.plus(even, odd, -root)]
    return [y[0], *pairs, y[3]]


def to_weights(v: Vectors, s: Sequence[str]) -> list[str]:
    """6 points to 3 gradients of weights: the transpose of `of_weights`."""
    sum_a, sum_b = v.add(s[1], s[2]), v.add(s[3], s[4])
    apart_a, apart_b = v.sub(s[1], s[2]), v.sub(s[3], s[4])
    return [
        v.plus(v.plus(v.scaled(s[0], 1 / _SCALE_0), sum_a, 1 / _SCALE_A), sum_b, 1 / _SCALE_B),
        v.plus(v.scaled(apart_a, A / _SCALE_A), apart_b, B / _SCALE_B),
        v.plus(v.plus(s[5], sum_a, _AA / _SCALE_A), sum_b, _BB / _SCALE_B),
    ]


def back(v: Vectors, m: Sequence[str]) -> list[str]:
    """6 points to 4 results."""
    sum_a, sum_b = v.add(m[1], m[2]), v.add(m[3], m[4])
    apart_a, apart_b = v.sub(m[1], m[2]), v.sub(m[3], m[4])
    return [
        v.add(v.add(m[0], sum_a), sum_b),
        v.plus(v.scaled(apart_a, A), apart_b, B),
        v.plus(v.scaled(sum_a, _AA), sum_b, _BB),
        v.plus(v.plus(m[5], apart_a, A * _AA), apart_b, B * _BB),
    ]
