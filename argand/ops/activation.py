"""Activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from argand.kernels.expr import Expr, like
from argand.ops.function import composite
from argand.ops.map import COMPLEX, FLOAT, FLOATING, NUMERIC, elementwise
from argand.ops.samples import ANY, call, operands
from argand.runtime.tensor_base import TensorBase

NN = "nn.functional"


def _prelu_reference(x: Any, weight: Any) -> Any:
    slope = weight.reshape(()) if weight.size == 1 else weight.reshape(-1, *[1] * (x.ndim - 2))
    return np.where(x > 0, x, x * slope)


def _gated_reference(x: Any, dim: int = -1) -> Any:
    first, second = np.split(x, 2, dim)
    return first / (1 + np.exp(-second))


@elementwise(
    out="",
    in_place=True,
    elsewhere=("nn.functional.relu",),
    reference=lambda x: np.maximum(x, 0),
    kinds=NUMERIC,
    from_output=lambda g, out: (out <= 0).where(g.constant(0), g),
)
def relu(input: Expr) -> Expr:
    """``max(input, 0)``; the gradient at 0 is 0.

    >>> import argand
    >>> argand.relu(argand.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return (input <= 0).where(input.constant(0), input)


@elementwise(
    namespace=NN,
    as_method=False,
    in_place=True,
    samples=operands(ANY, settings=[{"negative_slope": 0.2}]),
    kinds=FLOATING,
)
def leaky_relu(input: Expr, negative_slope: float = 0.01) -> Expr:
    """The input above 0, `negative_slope` times it below.

    >>> import argand
    >>> argand.nn.functional.leaky_relu(argand.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return (input > 0).where(input, input * negative_slope)


@elementwise(
    namespace=NN,
    as_method=False,
    in_place=True,
    samples=operands(ANY, settings=[{"alpha": 0.5}]),
    kinds=FLOATING,
)
def elu(input: Expr, alpha: float = 1.0) -> Expr:
    """The input above 0, ``alpha * expm1(input)`` below (Clevert et al., 2015).

    >>> import argand
    >>> argand.nn.functional.elu(argand.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """
    return (input <= 0).where(alpha * input.expm1(), input)


@elementwise(
    out="exact",
    namespace=NN,
    as_method=False,
    samples=operands(ANY, settings=[{"approximate": "tanh"}]),
    kinds=FLOATING,
)
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
    return input * input.normal_cdf()


@elementwise(namespace=NN, as_method=False, in_place=True, kinds=FLOATING + COMPLEX)
def silu(input: Expr) -> Expr:
    """``input * sigmoid(input)``.

    >>> import argand
    >>> argand.nn.functional.silu(argand.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return input * input.sigmoid()


@elementwise(
    out="exact",
    namespace=NN,
    as_method=False,
    samples=operands(ANY, settings=[{"beta": 2.0}, {"threshold": 1.0}]),
    kinds=FLOATING,
)
def softplus(input: Expr, beta: float = 1.0, threshold: float = 20.0) -> Expr:
    """``log(1 + exp(beta * input)) / beta``, linear above the threshold.

    >>> import argand
    >>> argand.nn.functional.softplus(argand.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return (input * beta > threshold).where(input, (input * beta).exp().log1p() / beta)


def _check_limits(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    low, high = settings
    if low > high:
        raise ValueError(f"hardtanh: min_val cannot be greater than max_val, got {low} and {high}")
    if isinstance(operands[0], TensorBase) and operands[0].dtype.kind == "u" and int(low) < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")


@elementwise(
    namespace=NN,
    as_method=False,
    in_place=True,
    samples=operands(ANY, settings=[{"min_val": -0.5, "max_val": 1.5}]),
    kinds=NUMERIC,
    check=_check_limits,
)
def hardtanh(input: Expr, min_val: float = -1.0, max_val: float = 1.0) -> Expr:
    """The input limited to ``[min_val, max_val]``; the gradient outside and at the limits is 0.

    >>> import argand
    >>> argand.nn.functional.hardtanh(argand.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    low, high = like(input, min_val), like(input, max_val)
    return (input <= low).where(low, (input >= high).where(high, input))


@elementwise(
    out="exact",
    promote=FLOAT,
    namespace=NN,
    as_method=False,
    kinds=FLOATING,
    row_major=True,
)
def logsigmoid(input: Expr) -> Expr:
    """``log(sigmoid(input))``, without overflow.

    >>> import argand
    >>> argand.nn.functional.logsigmoid(argand.tensor([0.0]))
    tensor([-0.6931])
    """
    return input.minimum(0) - (-input.abs()).exp().log1p()


@elementwise(namespace=NN, as_method=False, promote=FLOAT, kinds=NUMERIC + COMPLEX)
def softsign(input: Expr) -> Expr:
    """``input / (1 + |input|)``.

    >>> import argand
    >>> argand.nn.functional.softsign(argand.tensor([1.0]))
    tensor([0.5000])
    """
    return input / (input.abs() + 1)


@elementwise(namespace=NN, as_method=False, in_place=True, kinds=FLOATING)
def mish(input: Expr) -> Expr:
    """``input * tanh(softplus(input))`` (Misra, 2019).

    >>> import argand
    >>> argand.nn.functional.mish(argand.tensor([0.0]))
    tensor([0.])
    """
    return input * (input > 20).where(input, input.exp().log1p()).tanh()


def _hardsigmoid_slope(g: Expr, out: Expr) -> Expr:
    sixth = 0.1666666716337204  # PyTorch's 1 / 6, in every type
    return ((out > 0) & (out < 1)).where(g * sixth, g.constant(0))


@elementwise(
    namespace=NN,
    as_method=False,
    in_place=True,
    kinds=FLOATING,
    from_output=_hardsigmoid_slope,
)
def hardsigmoid(input: Expr) -> Expr:
    """``min(max(input + 3, 0), 6) / 6``.

    >>> import argand
    >>> argand.nn.functional.hardsigmoid(argand.tensor([0.0]))
    tensor([0.5000])
    """
    inside = input / 6 + 0.5
    return (input <= -3).where(input.constant(0), (input >= 3).where(input.constant(1), inside))


@elementwise(namespace=NN, as_method=False, in_place=True, kinds=FLOATING)
def hardswish(input: Expr) -> Expr:
    """``input * hardsigmoid(input)``.

    >>> import argand
    >>> argand.nn.functional.hardswish(argand.tensor([3.0]))
    tensor([3.])
    """
    shifted = input + 3
    below_six = (shifted >= 6).where(input.constant(6), shifted)
    return input * (shifted <= 0).where(input.constant(0), below_six) / 6


@elementwise(namespace=NN, as_method=False, in_place=True, kinds=NUMERIC)
def relu6(input: Expr) -> Expr:
    """``min(max(input, 0), 6)``.

    >>> import argand
    >>> argand.nn.functional.relu6(argand.tensor([-1.0, 7.0]))
    tensor([0., 6.])
    """
    zero, six = input.constant(0), input.constant(6)
    return (input <= 0).where(zero, (input >= 6).where(six, input))


@elementwise(elsewhere=("selu",), namespace=NN, as_method=False, in_place=True, kinds=FLOATING)
def selu(input: Expr) -> Expr:
    """`elu` scaled so that activations normalize themselves (Klambauer et al., 2017).

    >>> import argand
    >>> argand.nn.functional.selu(argand.tensor([1.0]))
    tensor([1.0507])
    """
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return (input <= 0).where(input.expm1() * (scale * alpha), input * scale)


@elementwise(elsewhere=("celu",), namespace=NN, as_method=False, in_place=True, kinds=FLOATING)
def celu(input: Expr, alpha: float = 1.0) -> Expr:
    """``max(0, input) + min(0, alpha * expm1(input / alpha))``.

    >>> import argand
    >>> argand.nn.functional.celu(argand.tensor([1.0]))
    tensor([1.])
    """
    return (input <= 0).where(alpha * (input / alpha).expm1(), input)


@elementwise(elsewhere=("hardshrink",), out="exact", namespace=NN, kinds=FLOATING)
def hardshrink(input: Expr, lambd: float = 0.5) -> Expr:
    """The input where it is larger than `lambd` in size, else 0.

    >>> import argand
    >>> argand.nn.functional.hardshrink(argand.tensor([0.2, 1.0]))
    tensor([0., 1.])
    """
    return ((input >= -lambd) & (input <= lambd)).where(input.constant(0), input)


def _check_shrinkage(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    if settings[0] < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {settings[0]}.")


@elementwise(
    out="exact", namespace=NN, as_method=False, kinds=FLOATING, check=_check_shrinkage
)
def softshrink(input: Expr, lambd: float = 0.5) -> Expr:
    """The input moved by `lambd` towards 0.

    >>> import argand
    >>> argand.nn.functional.softshrink(argand.tensor([0.2, 1.0]))
    tensor([0.0000, 0.5000])
    """
    between = (input >= -lambd) & (input <= lambd)
    moved = (input > 0).where(input - lambd, input + lambd)
    return between.where(input.constant(0), moved)


@elementwise(namespace=NN, as_method=False, promote=FLOAT, kinds=NUMERIC + COMPLEX)
def tanhshrink(input: Expr) -> Expr:
    """``input - tanh(input)``.

    >>> import argand
    >>> argand.nn.functional.tanhshrink(argand.tensor([0.0]))
    tensor([0.])
    """
    return input - input.tanh()


@elementwise(
    elsewhere=("threshold",),
    namespace=NN,
    as_method=False,
    in_place=True,
    result_of="input",
    kinds=NUMERIC,
    samples=lambda draw: [call(draw(3, 4), draw.number(), 2), call(draw(), 0, 1)],
    tensors=("input",),
)
def threshold(input: Expr, threshold: Expr, value: Expr) -> Expr:
    """The input where it is larger than `threshold`, else `value`.

    >>> import argand
    >>> argand.nn.functional.threshold(argand.tensor([0.0, 2.0]), 1.0, 9.0)
    tensor([9., 2.])
    """
    return (input <= threshold).where(value, input)


@elementwise(as_method=False, as_function=False, kinds=FLOATING)
def sloped(input: Expr, slope: Expr) -> Expr:
    """The input above 0, `slope` times it below."""
    return (input > 0).where(input, input * slope)


@composite(
    elsewhere=("prelu",),
    namespace=NN,
    samples=lambda draw: [
        call(draw(3, 4), draw(1)), call(draw(2, 3, 4), draw(3)), call(draw(3), draw(1)),
        call(draw(), draw(1)),
    ],
    reference=_prelu_reference,
)
def prelu(input: Any, weight: Any) -> Any:
    """The input above 0, `weight` (one, or one per channel) times it below (He et al., 2015).

    >>> import argand
    >>> argand.nn.functional.prelu(argand.tensor([-1.0, 2.0]), argand.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or weight.numel() != channels:
            raise RuntimeError(
                f"prelu: weight must have one element or one per channel ({channels}), but got "
                f"shape {list(weight.shape)}"
            )
        weight = weight.reshape([-1 if d == 1 else 1 for d in range(max(input.ndim, 1))])
    elif input.ndim == 0:
        weight = weight.reshape(())
    return sloped(input, weight)


@composite(
    elsewhere=("rrelu",),
    namespace=NN,
    as_method=False,
    samples=lambda draw: [call(draw(3, 4)), call(draw(3, 4), 0.1, 0.3)],
    reference=lambda x, low=1 / 8, high=1 / 3: np.where(x > 0, x, x * (low + high) / 2),
)
def rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
          inplace: bool = False) -> Any:  # fmt: skip
    """`leaky_relu` with a slope drawn from ``[lower, upper]`` in training, else their mean.

    >>> import argand
    >>> argand.nn.functional.rrelu(argand.tensor([8.0]))
    tensor([8.])
    """
    if lower > upper:
        raise RuntimeError(
            f"rrelu: lower must be less than or equal to upper, but got {lower} and {upper}"
        )
    if training:
        slope = input.detach().new_empty(input.shape).uniform_(lower, upper)
        result = sloped(input, slope)
    else:
        result = leaky_relu(input, (lower + upper) / 2).contiguous()
    return input.copy_(result) if inplace else result


@composite(
    namespace=NN,
    as_method=False,
    samples=lambda draw: [call(draw(3, 4)), call(draw(4, 3), 0)],
    reference=_gated_reference,
)
def glu(input: Any, dim: int = -1) -> Any:
    """One half of a dimension times the sigmoid of the other (Dauphin et al., 2016).

    >>> import argand
    >>> argand.nn.functional.glu(argand.tensor([2.0, 0.0]))
    tensor([1.])
    """
    if input.form.dtype.kind != "f":
        raise NotImplementedError(f"\"glu\" not implemented for '{input.dtype.name}'")
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()
