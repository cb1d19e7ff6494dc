"""Activations."""

from __future__ import annotations

import math

import numpy as np

from argand.kernels.expr import Expr
from argand.ops.map import FLOAT, elementwise

NN = "nn.functional"


@elementwise(in_place=True, reference=lambda x: np.maximum(x, 0))
def relu(input: Expr) -> Expr:
    """``max(input, 0)``; the gradient at 0 is 0.

    >>> import argand
    >>> argand.relu(argand.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return (input <= 0).where(input.constant(0), input)


@elementwise(namespace=NN, as_method=False)
def leaky_relu(input: Expr, negative_slope: float = 0.01) -> Expr:
    """The input above 0, `negative_slope` times it below.

    >>> import argand
    >>> argand.nn.functional.leaky_relu(argand.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return (input > 0).where(input, input * negative_slope)


@elementwise(namespace=NN, as_method=False)
def elu(input: Expr, alpha: float = 1.0) -> Expr:
    """The input above 0, ``alpha * expm1(input)`` below (Clevert et al., 2015).

    >>> import argand
    >>> argand.nn.functional.elu(argand.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """
    return (input > 0).where(input, alpha * input.expm1())


@elementwise(namespace=NN, as_method=False)
def gelu(input: Expr, approximate: str = "none") -> Expr:
    """``input`` times the normal distribution function (Hendrycks and Gimpel, 2016).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for the approximation with tanh.

    >>> import argand
    >>> argand.nn.functional.gelu(argand.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8413])
    """
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * (input * input * input))
        return 0.5 * input * (1 + inner.tanh())
    if approximate != "none":
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate}")
    return 0.5 * input * (1 + (input * math.sqrt(0.5)).erf())


@elementwise(namespace=NN, as_method=False)
def silu(input: Expr) -> Expr:
    """``input * sigmoid(input)``.

    >>> import argand
    >>> argand.nn.functional.silu(argand.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return input * input.sigmoid()


@elementwise(namespace=NN, as_method=False)
def softplus(input: Expr, beta: float = 1.0, threshold: float = 20.0) -> Expr:
    """``log(1 + exp(beta * input)) / beta``, linear above the threshold.

    >>> import argand
    >>> argand.nn.functional.softplus(argand.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return (input * beta > threshold).where(input, (input * beta).exp().log1p() / beta)


@elementwise(namespace=NN, as_method=False)
def hardtanh(input: Expr, min_val: float = -1.0, max_val: float = 1.0) -> Expr:
    """The input limited to ``[min_val, max_val]``; the gradient outside and at the limits is 0.

    >>> import argand
    >>> argand.nn.functional.hardtanh(argand.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    low, high = input.constant(min_val), input.constant(max_val)
    return (input <= min_val).where(low, (input >= max_val).where(high, input))


@elementwise(promote=FLOAT, namespace=NN, as_method=False)
def logsigmoid(input: Expr) -> Expr:
    """``log(sigmoid(input))``, without overflow.

    >>> import argand
    >>> argand.nn.functional.logsigmoid(argand.tensor([0.0]))
    tensor([-0.6931])
    """
    smaller = (input < 0).where(input, input.constant(0))
    return smaller - (-input.abs()).exp().log1p()


@elementwise(namespace=NN, as_method=False)
def softsign(input: Expr) -> Expr:
    """``input / (1 + |input|)``.

    >>> import argand
    >>> argand.nn.functional.softsign(argand.tensor([1.0]))
    tensor([0.5000])
    """
    return input / (input.abs() + 1)


@elementwise(namespace=NN, as_method=False)
def mish(input: Expr) -> Expr:
    """``input * tanh(softplus(input))`` (Misra, 2019).

    >>> import argand
    >>> argand.nn.functional.mish(argand.tensor([0.0]))
    tensor([0.])
    """
    return input * (input > 20).where(input, input.exp().log1p()).tanh()


@elementwise(namespace=NN, as_method=False)
def hardsigmoid(input: Expr) -> Expr:
    """``min(max(input + 3, 0), 6) / 6``.

    >>> import argand
    >>> argand.nn.functional.hardsigmoid(argand.tensor([0.0]))
    tensor([0.5000])
    """
    inside = input / 6 + 0.5
    return (input <= -3).where(input.constant(0), (input >= 3).where(input.constant(1), inside))


@elementwise(namespace=NN, as_method=False)
def hardswish(input: Expr) -> Expr:
    """``input * hardsigmoid(input)``.

    >>> import argand
    >>> argand.nn.functional.hardswish(argand.tensor([3.0]))
    tensor([3.])
    """
    inside = input * (input / 6 + 0.5)
    return (input <= -3).where(input.constant(0), (input >= 3).where(input, inside))
