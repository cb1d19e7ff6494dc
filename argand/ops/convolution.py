"""Convolutions and transposed convolutions in one, two and three dimensions, with gradients.

Three operations carry all of it, and each is linear in both of its tensors, with gradients that are
again two of the three:

- `correlation` takes images to windows' results (the forward of a convolution),
- `correlation_input` takes these back to images (its gradient; a transposed convolution),
- `correlation_weight` is the gradient of the weight.

How they are computed is in ``argand.ops.correlate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from argand import dtypes
from argand.kernels.conv_sizes import Sizes
from argand.ops import correlate
from argand.ops.function import composite, operation
from argand.ops.matrices import conjugate
from argand.ops.samples import Draw, call
from argand.ops.slicing import embed_slice


def _conj(x: Any) -> Any:
    return conjugate(x) if x.dtype.is_complex else x


def _bias_gradient(g: Any, bias: Any) -> Any:
    if bias is None:
        return None
    return g.sum((0, *range(2, g.ndim)))


@operation(as_method=False, as_function=False, graph_name="convolution")
def correlation(input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    """``(N, C, *size)`` and ``(O, C / groups, *kernel)`` to ``(N, O, *sizes.out)``."""
    return correlate.forward(input, weight, bias, sizes, groups)


@correlation.vjp(saves="input weight")
def _correlation_vjp(
    g: Any, out: Any, input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int
) -> Any:
    to_input = to_weight = None
    if input.node is not None:
        to_input = correlation_input(g, _conj(weight), None, sizes, groups)
    if weight.node is not None:
        to_weight = correlation_weight(g, _conj(input), sizes, groups)
    return to_input, to_weight, _bias_gradient(g, bias), None, None


@operation(as_method=False, as_function=False, graph_name="convolution")
def correlation_input(input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int) -> Any:
    """``(N, O, *sizes.out)`` and ``(O, C / groups, *kernel)`` to ``(N, C, *size)``."""
    return correlate.to_input(input, weight, bias, sizes, groups)


@correlation_input.vjp(saves="input weight")
def _correlation_input_vjp(
    g: Any, out: Any, input: Any, weight: Any, bias: Any, sizes: Sizes, groups: int
) -> Any:
    to_input = to_weight = None
    if input.node is not None:
        to_input = correlation(g, _conj(weight), None, sizes, groups)
    if weight.node is not None:
        to_weight = correlation_weight(_conj(input), g, sizes, groups)
    return to_input, to_weight, _bias_gradient(g, bias), None, None


@operation(as_method=False, as_function=False, graph_name="convolution")
def correlation_weight(windows: Any, images: Any, sizes: Sizes, groups: int) -> Any:
    """``(N, O, *sizes.out)`` and ``(N, C, *size)`` to ``(O, C / groups, *kernel)``."""
    return correlate.to_weight(windows, images, sizes, groups)


@correlation_weight.vjp(saves="windows images")
def _correlation_weight_vjp(
    g: Any, out: Any, windows: Any, images: Any, sizes: Sizes, groups: int
) -> Any:
    to_windows = to_images = None
    if windows.node is not None:
        to_windows = correlation(_conj(images), g, None, sizes, groups)
    if images.node is not None:
        to_images = correlation_input(_conj(windows), g, None, sizes, groups)
    return to_windows, to_images, None, None


# ---- arguments ----------------------------------------------------------------------------------


def _numbers(value: Any, rank: int, name: str) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * rank
    values = tuple(index(v) for v in value)
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {rank} values to match "
            f"the convolution dimensions, but got {name}={list(values)}"
        )
    return values


def _check_settings(name: str, value: Sequence[int], least: int) -> None:
    if min(value) < least:
        word = "negative" if least == 0 else "non-positive"
        raise RuntimeError(f"{word} {name} is not supported")


def _check_types(input: Any, weight: Any, bias: Any, name: str, spread: bool) -> None:
    """`spread`: windows with gaps, or transposed; PyTorch has these for one integer type only."""
    kind = input.dtype
    if weight.dtype is not kind:
        raise RuntimeError(
            f"convolution: input and weight must have the same type, but got {kind.name} and "
            f"{weight.dtype.name}"
        )
    if bias is not None and bias.dtype is not kind:
        raise RuntimeError(
            f"Input type ({kind.name}) and bias type ({bias.dtype.name}) should be the same"
        )
    if kind.kind == "b" or (spread and kind.kind in "ui" and kind is not dtypes.int64):
        raise NotImplementedError(f'"{name}" not implemented for {kind.name}')


def _check_channels(
    input: Any, weight: Any, bias: Any, groups: int, rank: int, transposed: bool
) -> None:
    shape = list(weight.shape)
    given = f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size {shape}"
    if weight.ndim != rank + 2:
        raise RuntimeError(
            f"expected weight to have {rank + 2} dimensions, but got weight of size {shape}"
        )
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {shape} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {shape} instead"
        )
    wanted = shape[0] if transposed else shape[1] * groups
    if input.shape[1] != wanted:
        raise RuntimeError(
            f"{given}, expected input{list(input.shape)} to have {wanted} channels, but got "
            f"{input.shape[1]} channels instead"
        )
    outputs = shape[1] * groups if transposed else shape[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"{given}, expected bias to be 1-dimensional with {outputs} elements, but got bias of "
            f"size {list(bias.shape)} instead"
        )


def _batched(name: str, input: Any, rank: int) -> Any:
    if input.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input.shape)}"
        )
    return input if input.ndim == rank + 2 else input.unsqueeze(0)


def _same_padding(
    input: Any, weight: Any, stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Any, tuple[int, ...]]:
    """The paddings for which results are as large as images; odd ones widen the input first."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    both = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
    for dim, total in enumerate(both, 2):
        if total % 2:
            input = embed_slice(input, _longer(input.shape, dim), dim, 0, 1)
    return input, tuple(total // 2 for total in both)


def _longer(shape: Sequence[int], dim: int, more: int = 1) -> tuple[int, ...]:
    return (*shape[:dim], shape[dim] + more, *shape[dim + 1 :])


def _convolve(
    name: str,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    rank = int(name[-2])
    batch = _batched(name, input, rank)
    steps = _numbers(stride, rank, "stride")
    gaps = _numbers(dilation, rank, "dilation")
    _check_settings("stride", steps, 1)
    _check_settings("dilation", gaps, 1)
    _check_settings("groups", (groups,), 1)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: {padding!r}")
        around = (0,) * rank
        _check_channels(batch, weight, bias, groups, rank, False)
        if padding == "same":
            batch, around = _same_padding(batch, weight, steps, gaps)
    else:
        around = _numbers(padding, rank, "padding")
    _check_settings("padding", around, 0)
    _check_channels(batch, weight, bias, groups, rank, False)
    _check_types(batch, weight, bias, name, any(d > 1 for d in gaps))
    sizes = Sizes(tuple(batch.shape[2:]), tuple(weight.shape[2:]), steps, around, gaps)
    if min(sizes.out) < 1 or 0 in sizes.size:
        padded = " x ".join(str(n + 2 * p) for n, p in zip(sizes.size, around))
        reach = " x ".join(str(d * (k - 1) + 1) for d, k in zip(gaps, sizes.kernel))
        raise RuntimeError(
            f"Calculated padded input size per channel: ({padded}). Kernel size: ({reach}). "
            "Kernel size can't be greater than actual input size"
        )
    out = correlation(batch, weight, bias, sizes, groups)
    return out if batch.ndim == input.ndim else out.squeeze(0)


def _transpose(
    name: str,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    rank = int(name[-2])
    batch = _batched(name, input, rank)
    steps = _numbers(stride, rank, "stride")
    around = _numbers(padding, rank, "padding")
    more = _numbers(output_padding, rank, "output_padding")
    gaps = _numbers(dilation, rank, "dilation")
    _check_settings("stride", steps, 1)
    _check_settings("padding", around, 0)
    _check_settings("output_padding", more, 0)
    _check_settings("dilation", gaps, 1)
    _check_settings("groups", (groups,), 1)
    _check_channels(batch, weight, bias, groups, rank, True)
    _check_types(batch, weight, bias, name, True)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, gaps)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding: {more} stride: {steps} dilation: {gaps}"
        )
    kernel = tuple(weight.shape[2:])
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(batch.shape[2:], steps, around, gaps, kernel, more)
    )
    if min(size) < 1:
        raise RuntimeError(
            f"{name}: the output must have at least one element in each dimension, but got size "
            f"{list(size)} for an input of size {list(input.shape)}"
        )
    for dim, (m, s) in enumerate(zip(more, steps), 2):
        if m >= s:  # whole further windows fit; nothing is in them
            batch = embed_slice(batch, _longer(batch.shape, dim, m // s), dim, 0, 1)
    sizes = Sizes(size, kernel, steps, around, gaps)
    out = correlation_input(batch, weight, bias, sizes, groups)
    return out if batch.ndim == input.ndim else out.squeeze(0)


# ---- public -------------------------------------------------------------------------------------


def _samples(rank: int) -> Any:
    def samples(draw: Draw) -> Any:
        if str(draw.kind) == "torch.bool":
            return []
        size = (6, 7, 5)[:rank]
        kernel = (3, 2, 3)[:rank]
        return [
            call(draw(2, 4, *size), draw(6, 4, *kernel), draw(6)),
            call(draw(4, *size), draw(6, 4, *kernel)),
            call(draw(2, 4, *size), draw(6, 2, *kernel), draw(6), 2, 1, 1, 2),
            call(draw(1, 4, *size), draw(4, 1, *kernel), padding="same", groups=4),
            call(draw(2, 4, *size), draw(3, 4, *kernel), dilation=2, padding=2),
            call(draw(2, 4, *size), draw(3, 4, *(1,) * rank)),
            call(draw(0, 4, *size), draw(3, 4, *kernel)),
        ]

    return samples


@composite(
    elsewhere=("nn.functional.conv1d",), as_method=False, samples=_samples(1)
)
def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution (cross-correlation) of sequences.

    Args:
        input: ``(N, C, L)`` or ``(C, L)``.
        weight: ``(O, C / groups, K)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: numbers; `padding` may be ``"same"`` or ``"valid"``.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, (L + 2 * padding - dilation * (K - 1) - 1) // stride + 1)``.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv1d(argand.arange(4.0).reshape(1, 1, 4), argand.ones(1, 1, 2))
    tensor([[[1., 3., 5.]]])
    """
    return _convolve("conv1d", input, weight, bias, stride, padding, dilation, groups)


@composite(
    elsewhere=("nn.functional.conv2d",), as_method=False, samples=_samples(2)
)
def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution (cross-correlation) of images.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        weight: ``(O, C / groups, KH, KW)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: numbers or pairs; `padding` may be ``"same"`` or ``"valid"``.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, H', W')`` with ``H' = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv2d(argand.ones(1, 1, 3, 3), argand.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve("conv2d", input, weight, bias, stride, padding, dilation, groups)


@composite(
    elsewhere=("nn.functional.conv3d",), as_method=False, samples=_samples(3)
)
def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution (cross-correlation) of volumes.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.
        weight: ``(O, C / groups, KD, KH, KW)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: numbers or triples; `padding` may be ``"same"`` or ``"valid"``.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, D', H', W')``, each as in `conv2d`.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv3d(argand.ones(1, 1, 2, 2, 2), argand.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return _convolve("conv3d", input, weight, bias, stride, padding, dilation, groups)


def _transposed_samples(rank: int) -> Any:
    def samples(draw: Draw) -> Any:
        if str(draw.kind) == "torch.bool":
            return []
        size = (4, 3, 4)[:rank]
        kernel = (3, 2, 3)[:rank]
        return [
            call(draw(2, 4, *size), draw(4, 6, *kernel), draw(6)),
            call(draw(4, *size), draw(4, 6, *kernel)),
            call(draw(2, 4, *size), draw(4, 3, *kernel), draw(6), 2, 1, 1, 2),
            call(draw(2, 4, *size), draw(4, 3, *kernel), None, 1, 0, 1, 1, 2),
            call(draw(0, 4, *size), draw(4, 3, *kernel)),
        ]

    return samples


@composite(
    elsewhere=("nn.functional.conv_transpose1d",), as_method=False, samples=_transposed_samples(1)
)
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution of sequences: the gradient of `conv1d` as an operation.

    Args:
        input: ``(N, C, L)`` or ``(C, L)``.
        weight: ``(C, O / groups, K)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: how much longer than the least length the result is.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, (L - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1)``.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv_transpose1d(argand.ones(1, 1, 2), argand.ones(1, 1, 2))
    tensor([[[1., 2., 1.]]])
    """
    return _transpose(
        "conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(
    elsewhere=("nn.functional.conv_transpose2d",), as_method=False, samples=_transposed_samples(2)
)
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution of images: the gradient of `conv2d` as an operation.

    Args:
        input: ``(N, C, H, W)`` or ``(C, H, W)``.
        weight: ``(C, O / groups, KH, KW)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: how much larger than the least size the result is.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, H', W')``, each as in `conv_transpose1d`.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv_transpose2d(argand.ones(1, 1, 1, 1), argand.ones(1, 1, 1, 2), stride=2)
    tensor([[[[1., 1.]]]])
    """
    return _transpose(
        "conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(
    elsewhere=("nn.functional.conv_transpose3d",), as_method=False, samples=_transposed_samples(3)
)
def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution of volumes: the gradient of `conv3d` as an operation.

    Args:
        input: ``(N, C, D, H, W)`` or ``(C, D, H, W)``.
        weight: ``(C, O / groups, KD, KH, KW)``.
        bias: ``(O,)`` or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: how much larger than the least size the result is.
        groups: into how many independent convolutions the channels are split.

    Shape:
        ``(N, O, D', H', W')``, each as in `conv_transpose1d`.

    Raises:
        RuntimeError: when sizes, types or settings do not fit.

    >>> import argand
    >>> argand.conv_transpose3d(argand.ones(1, 1, 1, 1, 1), argand.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 1.]]]]])
    """
    return _transpose(
        "conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )
