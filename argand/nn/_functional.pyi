"""Generated from the records by ``python -m argand.stubs``: the functions of nn.functional."""

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from typing import Any as _Any
from typing import TypeAlias as _TypeAlias

import numpy as np

from argand.dtypes import dtype as _dtype
from argand.tensor import Tensor as _Tensor

_Operand: _TypeAlias = _Tensor | complex | np.number[_Any] | np.bool

def binary_cross_entropy(
    input: _Tensor,
    target: _Any,
    weight: _Any = None,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
) -> _Tensor: ...
def binary_cross_entropy_with_logits(
    input: _Tensor,
    target: _Any,
    weight: _Any = None,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
    pos_weight: _Any = None,
) -> _Tensor: ...
def celu(input: _Tensor, alpha: _float = 1.0, inplace: _bool = False) -> _Tensor: ...
def celu_(input: _Tensor, alpha: _float = 1.0) -> _Tensor: ...
def cross_entropy(
    input: _Tensor,
    target: _Any,
    weight: _Any = None,
    size_average: _Any = None,
    ignore_index: _int = -100,
    reduce: _Any = None,
    reduction: str = "mean",
    label_smoothing: _float = 0.0,
) -> _Tensor: ...
def elu(input: _Tensor, alpha: _float = 1.0, inplace: _bool = False) -> _Tensor: ...
def elu_(input: _Tensor, alpha: _float = 1.0) -> _Tensor: ...
def gelu(input: _Tensor, approximate: str = "none", *, out: _Tensor | None = None) -> _Tensor: ...
def glu(input: _Tensor, dim: _int = -1) -> _Tensor: ...
def hardshrink(input: _Tensor, lambd: _float = 0.5, *, out: _Tensor | None = None) -> _Tensor: ...
def hardsigmoid(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardsigmoid_(input: _Tensor) -> _Tensor: ...
def hardswish(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardswish_(input: _Tensor) -> _Tensor: ...
def hardtanh(
    input: _Tensor,
    min_val: _float = -1.0,
    max_val: _float = 1.0,
    inplace: _bool = False,
) -> _Tensor: ...
def hardtanh_(input: _Tensor, min_val: _float = -1.0, max_val: _float = 1.0) -> _Tensor: ...
def huber_loss(
    input: _Tensor,
    target: _Any,
    reduction: str = "mean",
    delta: _float = 1.0,
    weight: _Any = None,
) -> _Tensor: ...
def interpolate(
    input: _Tensor,
    size: _Any = None,
    scale_factor: _Any = None,
    mode: str = "nearest",
    align_corners: _bool | None = None,
    recompute_scale_factor: _bool | None = None,
    antialias: _bool = False,
) -> _Tensor: ...
def kl_div(
    input: _Tensor,
    target: _Any,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
    log_target: _bool = False,
) -> _Tensor: ...
def l1_loss(
    input: _Tensor,
    target: _Any,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
    weight: _Any = None,
) -> _Tensor: ...
def leaky_relu(
    input: _Tensor,
    negative_slope: _float = 0.01,
    inplace: _bool = False,
) -> _Tensor: ...
def leaky_relu_(input: _Tensor, negative_slope: _float = 0.01) -> _Tensor: ...
def linear(input: _Tensor, weight: _Any, bias: _Any = None) -> _Tensor: ...
def log_softmax(
    input: _Tensor,
    dim: _int | None = None,
    _stacklevel: _int = 3,
    dtype: _Any = None,
) -> _Tensor: ...
def logsigmoid(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor: ...
def mish(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def mish_(input: _Tensor) -> _Tensor: ...
def mse_loss(
    input: _Tensor,
    target: _Any,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
    weight: _Any = None,
) -> _Tensor: ...
def nll_loss(
    input: _Tensor,
    target: _Any,
    weight: _Any = None,
    size_average: _Any = None,
    ignore_index: _int = -100,
    reduce: _Any = None,
    reduction: str = "mean",
) -> _Tensor: ...
def prelu(input: _Tensor, weight: _Any) -> _Tensor: ...
def relu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def relu6(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def relu6_(input: _Tensor) -> _Tensor: ...
def rrelu(
    input: _Tensor,
    lower: _float = 0.125,
    upper: _float = 0.3333333333333333,
    training: _bool = False,
    inplace: _bool = False,
) -> _Tensor: ...
def selu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def selu_(input: _Tensor) -> _Tensor: ...
def sigmoid(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def silu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def silu_(input: _Tensor) -> _Tensor: ...
def smooth_l1_loss(
    input: _Tensor,
    target: _Any,
    size_average: _Any = None,
    reduce: _Any = None,
    reduction: str = "mean",
    beta: _float = 1.0,
) -> _Tensor: ...
def softmax(
    input: _Tensor,
    dim: _int | None = None,
    _stacklevel: _int = 3,
    dtype: _Any = None,
) -> _Tensor: ...
def softmin(input: _Tensor, dim: _int | None = None, dtype: _dtype | None = None) -> _Tensor: ...
def softplus(
    input: _Tensor,
    beta: _float = 1.0,
    threshold: _float = 20.0,
    *,
    out: _Tensor | None = None,
) -> _Tensor: ...
def softshrink(input: _Tensor, lambd: _float = 0.5, *, out: _Tensor | None = None) -> _Tensor: ...
def softsign(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor: ...
def tanh(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def tanhshrink(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor: ...
def threshold(
    input: _Operand,
    threshold: _Operand,
    value: _Operand,
    inplace: _bool = False,
) -> _Tensor: ...
def threshold_(input: _Tensor, threshold: _Operand, value: _Operand) -> _Tensor: ...
