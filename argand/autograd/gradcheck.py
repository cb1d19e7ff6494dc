"""Gradients against finite differences: `gradcheck` and `gradgradcheck`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argand.autograd.api import grad
from argand.autograd.levels import Linearized
from argand.runtime.tensor_base import TensorBase

Function = Callable[..., Any]
Matrix = Any  # a NumPy array (elements of the input, elements of the output)


class GradcheckError(RuntimeError):
    """What `gradcheck` and `gradgradcheck` raise when a gradient is wrong."""


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of a function with central differences, for all inputs and outputs.

    Args:
        func: takes `inputs`, returns a tensor or several.
        inputs: a tensor or several; those that require gradients are checked; float64 or
            complex128, whose real and imaginary parts count as numbers of their own.
        eps: by how much elements are moved.
        atol, rtol: how far gradients may be apart: ``|a - n| <= atol + rtol |n|``.
        raise_exception: whether a difference raises; otherwise False is returned.
        nondet_tol: how far two runs of backward may be apart.
        check_undefined_grad: whether backward must cope with outputs that have no gradient.
        check_grad_dtypes: whether gradients must have the types of their inputs.
        check_forward_ad: whether derivatives in forward mode are compared too.
        fast_mode: accepted; every element is moved all the same.
        check_batched_grad, check_batched_forward_grad: accepted; batches of gradients are computed
            one by one, as the others are.
        masked: accepted; it concerns sparse tensors.

    Returns:
        Whether all gradients agree.

    Raises:
        GradcheckError: when they do not.
        ValueError: when no input requires gradients.

    >>> import argand
    >>> x = argand.tensor([0.5, 1.0], dtype=argand.float64, requires_grad=True)
    >>> gradcheck(argand.sin, x)
    True
    """
    given = _tuple(inputs)
    _check_inputs(given)
    try:
        outputs = _differentiable(func(*given))
        slopes = _numerical(func, given, eps)
        if not outputs:
            _check_zero(slopes)
        elif check_backward_ad:
            _check_backward(func, given, slopes, (atol, rtol), nondet_tol, check_grad_dtypes)
            if check_undefined_grad:
                _check_undefined(func, given)
        if outputs and check_forward_ad:
            _check_forward(outputs, given, slopes, (atol, rtol))
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare gradients of gradients with central differences; see `gradcheck`.

    Args:
        grad_outputs: the gradients of the outputs; random ones between -1 and 1 if left out.
        gen_non_contig_grad_outputs: whether the random ones lie in memory with holes.

    >>> import argand
    >>> x = argand.tensor([0.5, 1.0], dtype=argand.float64, requires_grad=True)
    >>> gradgradcheck(argand.sin, x)
    True
    """
    given = _tuple(inputs)
    outputs = _differentiable(func(*given))
    if grad_outputs is None:
        seeds = tuple(_random_like(o, gen_non_contig_grad_outputs) for o in outputs)
    else:
        seeds = _tuple(grad_outputs)
    count = len(seeds)

    def first_gradients(*args: Any) -> tuple[Any, ...]:
        own = args[: len(args) - count]
        wanted = [x for x in own if _wants_gradient(x)]
        results = _differentiable(func(*own))
        found = grad(results, wanted, args[len(own) :], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first_gradients,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )


# ---- inputs and outputs -------------------------------------------------------------------------


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, TensorBase) else tuple(value)


def _wants_gradient(x: Any) -> bool:
    return isinstance(x, TensorBase) and x.node is not None


def _differentiable(outputs: Any) -> tuple[Any, ...]:
    return tuple(o for o in _tuple(outputs) if _wants_gradient(o))


def _sides(array: Any) -> list[Any]:
    """Views of an array as real numbers: of a complex one, its real and its imaginary parts."""
    return [array.real, array.imag] if array.dtype.kind == "c" else [array]


def _flat(x: Any) -> Any:
    """The elements of a tensor as a float64 vector that is a copy; complex ones side by side."""
    return np.concatenate([np.array(a, "f8").reshape(-1) for a in _sides(x.detach().numpy())])


def _real_size(layout: Any) -> int:
    """The real numbers that a tensor with this layout consists of."""
    return int(layout.numel * (2 if layout.dtype.kind == "c" else 1))


def _check_inputs(inputs: Sequence[Any]) -> None:
    if not any(map(_wants_gradient, inputs)):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for number, x in enumerate(inputs):
        if not _wants_gradient(x):
            continue
        if x.form.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{number} requires gradient and is not a double precision floating point "
                f"tensor, but {x.form.dtype}. This check will likely fail: finite differences "
                "need float64 or complex128.",
                stacklevel=3,
            )
        if any(n > 1 and s == 0 for n, s in zip(x.form.shape, x.form.strides)):
            raise RuntimeError(
                f"The {number}th input has a dimension with stride 0. gradcheck only supports "
                "inputs whose elements have memory of their own: call .contiguous() on it first."
            )


def _random_like(output: Any, with_holes: bool) -> Any:
    shape, kind = tuple(output.shape), output.dtype
    holes = (*shape, 2) if with_holes else shape
    made = output.detach().new_empty(holes, dtype=kind).uniform_(-1, 1)
    return (made[..., 0] if with_holes else made).requires_grad_()


# ---- Jacobians ----------------------------------------------------------------------------------


def _numerical(func: Function, inputs: Sequence[Any], eps: float) -> list[list[Matrix]]:
    """By central differences, per input that wants a gradient and per output."""

    chosen = _compared(_tuple(func(*inputs)))

    def results() -> list[Any]:
        made = _tuple(func(*inputs))
        return [_flat(made[i]) for i in chosen]

    found = []
    for x in inputs:
        if not _wants_gradient(x):
            continue
        rows = []
        for memory in _sides(x.detach().numpy()):
            for place in np.ndindex(memory.shape):
                before = memory[place]
                memory[place] = before - eps
                low = results()
                memory[place] = before + eps
                high = results()
                memory[place] = before
                rows.append([(b - a) / (2 * eps) for a, b in zip(low, high)])
        found.append([np.array([row[o] for row in rows]) for o in range(len(chosen))])
    return found


def _compared(outputs: Sequence[Any]) -> list[int]:
    """The outputs that require gradients; when none does, all of a floating type."""
    wanted = [i for i, o in enumerate(outputs) if _wants_gradient(o)]
    return wanted or [i for i, o in enumerate(outputs) if o.form.dtype.kind in "fc"]


def _analytical(
    output: Any, inputs: Sequence[Any], check_dtypes: bool
) -> tuple[list[Matrix], list[Matrix]]:
    """By backward, one element of the output at a time, in two runs; per input."""
    wanted = [x for x in inputs if _wants_gradient(x)]
    runs: list[list[Matrix]] = []
    for _ in range(2):
        columns = _real_size(output.form)
        jacobians = [np.zeros((_real_size(x.form), columns)) for x in wanted]
        for column in range(columns):
            seed = output.detach().new_zeros(tuple(output.shape))
            part, place = divmod(column, output.form.numel)
            _sides(seed.numpy())[part][np.unravel_index(place, tuple(output.shape))] = 1
            found = grad([output], wanted, [seed], retain_graph=True, allow_unused=True)
            for x, g, jacobian in zip(wanted, found, jacobians):
                if g is None:
                    continue
                _check_kind(g, x, check_dtypes)
                jacobian[:, column] = _flat(g)
        runs.append(jacobians)
    return runs[0], runs[1]


def _check_kind(gradient: Any, x: Any, check_dtypes: bool) -> None:
    if gradient.shape != x.shape:
        raise GradcheckError(
            f"Analytical gradient has incorrect size: {list(gradient.shape)} for an input of "
            f"shape {list(x.shape)}"
        )
    if check_dtypes and gradient.dtype is not x.dtype:
        raise GradcheckError(
            f"Analytical gradient has incorrect type: {gradient.dtype} for an input of {x.dtype}"
        )


# ---- comparisons --------------------------------------------------------------------------------


def _check_zero(slopes: Sequence[Sequence[Matrix]]) -> None:
    for number, per_output in enumerate(slopes):
        for slope in per_output:
            if np.any(slope != 0):
                raise GradcheckError(
                    f"Numerical gradient for function expected to be zero, because no output "
                    f"requires a gradient; with respect to input {number} it is\n{slope}"
                )


def _check_backward(
    func: Function,
    inputs: Sequence[Any],
    slopes: Sequence[Sequence[Matrix]],
    tolerances: tuple[float, float],
    nondet_tol: float,
    check_dtypes: bool,
) -> None:
    for o, output in enumerate(_differentiable(func(*inputs))):
        first, second = _analytical(output, inputs, check_dtypes)
        for i, (one, other) in enumerate(zip(first, second)):
            _compare(one, slopes[i][o], (o, i), tolerances)
            if not np.allclose(one, other, 0, nondet_tol, equal_nan=True):
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and "
                    f"grad_output multiple times gives different values, although analytical "
                    f"gradient matches numerical gradient. The tolerance for nondeterminism was "
                    f"{nondet_tol}; output {o}, input {i}."
                )
        _check_scales(output, inputs)


def _compare(
    analytical: Matrix, slope: Matrix, place: tuple[int, int], tolerances: tuple[float, float]
) -> None:
    (o, i), (atol, rtol) = place, tolerances
    expected = slope.reshape(analytical.shape)
    if not np.allclose(analytical, expected, rtol, atol, equal_nan=True):
        raise GradcheckError(
            f"Jacobian mismatch for output {o} with respect to input {i},\n"
            f"numerical:{expected}\nanalytical:{analytical}\n"
            f"largest difference: {np.max(np.abs(analytical - expected))}"
        )


def _check_forward(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    slopes: Sequence[Sequence[Matrix]],
    tolerances: tuple[float, float],
) -> None:
    """Derivatives in forward mode, one element of the inputs at a time."""
    wanted = [x for x in inputs if _wants_gradient(x)]
    linear = Linearized(outputs, wanted)
    for i, x in enumerate(wanted):
        jacobians = [np.zeros((x.form.numel, o.form.numel)) for o in outputs]
        for row, place in enumerate(np.ndindex(tuple(x.shape))):
            tangents: list[Any] = [None] * len(wanted)
            tangents[i] = x.detach().new_zeros(tuple(x.shape))
            tangents[i].numpy()[place] = 1
            for jacobian, found in zip(jacobians, linear(tangents, create_graph=False)):
                if found is not None:
                    jacobian[row] = _flat(found)
        for o, jacobian in enumerate(jacobians):
            _compare(jacobian, slopes[i][o], (o, i), tolerances)


def _check_scales(output: Any, inputs: Sequence[Any]) -> None:
    wanted = [x for x in inputs if _wants_gradient(x)]
    zeros = output.detach().new_zeros(tuple(output.shape))
    found = grad([output], wanted, [zeros], retain_graph=True, allow_unused=True)
    if any(g is not None and np.any(_flat(g) != 0) for g in found):
        raise GradcheckError("backward not multiplied by grad_output: zeros give a gradient")


def _check_undefined(func: Function, inputs: Sequence[Any]) -> None:
    """A missing gradient of one output counts as zeros."""
    wanted = [x for x in inputs if _wants_gradient(x)]
    outputs = _differentiable(func(*inputs))
    if len(outputs) < 2:
        return
    for output in outputs:
        seed = output.detach().new_ones(tuple(output.shape))
        try:
            grad([output], wanted, [seed], retain_graph=True, allow_unused=True)
        except Exception as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads: with the gradient "
                f"of one output alone it raised {type(error).__name__}: {error}"
            ) from error
