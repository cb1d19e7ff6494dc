"""Initial values of parameters.

Every function fills a tensor in place, outside the graph, and returns it. With the same seed the
numbers are PyTorch's. In a weight `(out, in, *kernel)` the fan-in is the number of values that
enter one output, `in * prod(kernel)`; the fan-out is `out * prod(kernel)`.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import argand
from argand.errors import message
from argand.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_LAYERS = ["linear", *(f"conv{kind}{rank}d" for kind in ("", "_transpose") for rank in (1, 2, 3))]
_GAINS = {
    **dict.fromkeys(_LAYERS, 1.0),
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a weight's standard deviation makes up for the nonlinearity after it.

    Args:
        nonlinearity (str): the name of a layer or activation in `nn.functional`.
        param (float): the negative slope, for "leaky_relu". Default: 0.01.

    Raises:
        ValueError: the nonlinearity has no recommended gain, or `param` is no number.

    Example:
        >>> from argand import nn
        >>> nn.init.calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        known = ", ".join([*_GAINS, "leaky_relu"])
        rule = "the nonlinearity must have a recommended gain"
        raise ValueError(message("calculate_gain", rule, nonlinearity, f"known: {known}"))
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(message("calculate_gain", "the slope must be a number", repr(slope)))
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from U(a, b).

    Args:
        tensor (Tensor): what to fill.
        a (float): the lower bound. Default: 0.
        b (float): the upper bound. Default: 1.
        generator (Generator): the source. Default: the global one.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> w = nn.init.uniform_(argand.empty(3, 5), 2.0, 3.0)
        >>> bool((w >= 2).all() and (w < 3).all())
        True
    """
    with argand.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from N(mean, std ** 2).

    Args:
        tensor (Tensor): what to fill.
        mean (float): the mean. Default: 0.
        std (float): the standard deviation. Default: 1.
        generator (Generator): the source. Default: the global one.
    """
    with argand.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Draw from N(mean, std ** 2), cut to the interval [a, b].

    Args:
        tensor (Tensor): what to fill.
        mean (float): the mean before the cut. Default: 0.
        std (float): the standard deviation before the cut. Default: 1.
        a (float): the least value. Default: -2.
        b (float): the greatest value. Default: 2.
        generator (Generator): the source. Default: the global one.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> float(nn.init.trunc_normal_(argand.empty(3, 5), a=-0.5, b=0.5).abs().max()) <= 0.5
        True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: mean {mean} is more than 2 std from [{a}, {b}]; "
            "the distribution of values may be incorrect",
            stacklevel=2,
        )
    share_inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with argand.no_grad():
        if share_inside > 0.3:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        return _accept_uniform(tensor, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_outside(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    """Draw from the whole normal distribution until everything lies in [a, b]."""
    # The bounds in the tensor's dtype, or a value could be outside of them by rounding.
    low, high = tensor.new_tensor(a).item(), tensor.new_tensor(b).item()
    tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (tensor < low) | (tensor > high)
        if not outside.any():
            return tensor
        fresh = argand.empty_like(tensor).normal_(mean, std, generator=generator)
        tensor.copy_(argand.where(outside, fresh, tensor))


def _accept_uniform(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    """Draw from U(a, b) and accept in proportion to the density, for an interval in a tail."""
    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2

    def rejected(candidates: Tensor) -> Tensor:
        log_density = (candidates.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5)).sub_(log_peak)
        height = argand.empty_like(candidates).uniform_(generator=generator).log_()
        return height.gt(log_density)

    tensor.uniform_(a, b, generator=generator)
    pending = rejected(tensor)
    while pending.any():
        candidates = argand.empty_like(tensor).uniform_(a, b, generator=generator)
        tensor.copy_(argand.where(pending, candidates, tensor))
        pending = argand.where(pending, rejected(candidates), pending)
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.init.constant_(argand.empty(3), 0.3)
        tensor([0.3000, 0.3000, 0.3000])
    """
    with argand.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    with argand.no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: a linear layer then passes its input on, as far as it fits.

    Raises:
        ValueError: the tensor does not have 2 dimensions.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.init.eye_(argand.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    _require_matrix("eye_", tensor)
    with argand.no_grad():
        return tensor.copy_(argand.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it passes its input on, as far as the channels fit.

    Args:
        tensor (Tensor): `(out, in, *kernel)` with 3 to 5 dimensions.
        groups (int): the groups of the convolution. Default: 1.

    Raises:
        ValueError: the tensor has another number of dimensions, or `groups` does not divide `out`.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> nn.init.dirac_(argand.empty(1, 1, 3))
        tensor([[[0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        rule = "the tensor must have 3, 4 or 5 dimensions"
        raise ValueError(message("dirac_", rule, str(tensor.dim())))
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        got = f"{out_channels} and {groups}"
        raise ValueError(message("dirac_", "size 0 must be divisible by groups", got))
    per_group = out_channels // groups
    center = tuple(size // 2 for size in kernel)
    with argand.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, in_channels)):
                tensor[(group * per_group + channel, channel, *center)] = 1
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from U(-k, k) with `k = gain * sqrt(6 / (fan_in + fan_out))`.

    From Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks".

    Args:
        tensor (Tensor): a weight, with 2 or more dimensions.
        gain (float): see `calculate_gain`. Default: 1.
        generator (Generator): the source. Default: the global one.

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> float(nn.init.xavier_uniform_(argand.empty(3, 3)).abs().max()) <= 1.0
        True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from N(0, std ** 2) with `std = gain * sqrt(2 / (fan_in + fan_out))`.

    The arguments and the source are those of `xavier_uniform_`.
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Draw from U(-k, k) with `k = gain * sqrt(3 / fan)`.

    From He et al. 2015, "Delving deep into rectifiers".

    Args:
        tensor (Tensor): a weight, with 2 or more dimensions.
        a (float): the negative slope of the activation, for "leaky_relu". Default: 0.
        mode (str): "fan_in" keeps the variance in the forward direction, "fan_out" in the backward.
            Default: "fan_in".
        nonlinearity (str): see `calculate_gain`. Default: "leaky_relu".
        generator (Generator): the source. Default: the global one.

    Raises:
        ValueError: the tensor has fewer than 2 dimensions, or the mode is another.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> float(nn.init.kaiming_uniform_(argand.empty(3, 6)).abs().max()) <= 1.0
        True
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Draw from N(0, std ** 2) with `std = gain / sqrt(fan)`.

    The arguments and the source are those of `kaiming_uniform_`.
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        rule = "fan-in and fan-out are those of a weight with 2 or more dimensions"
        raise ValueError(message("nn.init", rule, f"shape {tuple(tensor.shape)}"))
    outputs, inputs, *kernel = tensor.shape
    positions = math.prod(kernel)
    return inputs * positions, outputs * positions


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    fans = {"fan_in": fan_in, "fan_out": fan_out}
    if mode.lower() not in fans:
        raise ValueError(message("nn.init", f"mode must be one of {list(fans)}", repr(mode)))
    return fans[mode.lower()]


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with a random (semi-)orthogonal matrix, scaled by a gain.

    Dimensions after the first count as one. From Saxe et al. 2013, "Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks".

    Args:
        tensor (Tensor): a weight, with 2 or more dimensions.
        gain (float): the factor. Default: 1.
        generator (Generator): the source. Default: the global one.

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> q = nn.init.orthogonal_(argand.empty(3, 3))
        >>> argand.allclose(q @ q.T, argand.eye(3), atol=1e-6)
        True
    """
    if tensor.dim() < 2:
        rule = "the tensor must have 2 or more dimensions"
        raise ValueError(message("orthogonal_", rule, str(tensor.dim())))
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    with argand.no_grad():
        drawn = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q, r = argand.linalg.qr(drawn.t() if rows < columns else drawn)
        # A unique decomposition, and so a uniform one: the diagonal of r positive.
        q = q * argand.diag(r, 0).sign()
        tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))
        return tensor.mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Draw from N(0, std ** 2) and set a share of each column to zero, at random places.

    From Martens 2010, "Deep learning via Hessian-free optimization".

    Args:
        tensor (Tensor): a matrix.
        sparsity (float): the share of zeros.
        std (float): the standard deviation of the rest. Default: 0.01.
        generator (Generator): the source of the values; the places come from the global one.
            Default: the global one.

    Raises:
        ValueError: the tensor does not have 2 dimensions.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> int((nn.init.sparse_(argand.empty(10, 2), sparsity=0.3) == 0).sum())
        6
    """
    _require_matrix("sparse_", tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with argand.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[argand.randperm(rows)[:zeros], column] = 0
    return tensor


def _require_matrix(function: str, tensor: Tensor) -> None:
    if tensor.dim() != 2:
        raise ValueError(message(function, "the tensor must have 2 dimensions", str(tensor.dim())))


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its former name, without the underscore."""
    name = function.__name__.removesuffix("_")

    @functools.wraps(function)
    def former(*args: Any, **kwargs: Any) -> Tensor:
        message = f"nn.init.{name} is deprecated in favor of nn.init.{function.__name__}"
        warnings.warn(message, FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    former.__name__ = name
    former.__doc__ = f"The deprecated name of `{function.__name__}`."
    return former


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
