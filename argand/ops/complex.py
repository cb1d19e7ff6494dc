"""Complex tensors: made of real ones, seen as real ones, and what only they have.

Conjugation computes at once: `conj` returns a new tensor, never a view with a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from argand.kernels import complex as formulas
from argand.kernels.expr import Expr, pair
from argand.ops.function import composite, view
from argand.ops.map import COMPLEX, EVERY, FLOAT, elementwise
from argand.ops.samples import ANY, NONZERO, call, operands
from argand.runtime.layout import Layout, strided
from argand.runtime.tensor_base import TensorBase

Strided = tuple[Layout, int]


def _is_complex(input: Any) -> bool:
    return bool(input.form.dtype.kind == "c")


def _itself(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    return input


# ---- views --------------------------------------------------------------------------------------


def _as_pairs(x: Any) -> Any:
    return np.stack((x.real, x.imag), -1) if np.iscomplexobj(x) else None


@view(reference=_as_pairs, as_method=False,
      samples=lambda draw: [call(draw(2, 3)), call(draw()), call(draw(0, 2))])  # fmt: skip
def view_as_real(input: Layout) -> Strided:
    """The same memory as real numbers, with real and imaginary part in a last dimension of size 2.

    Raises:
        RuntimeError: when `input` is not complex.

    >>> import argand
    >>> argand.view_as_real(argand.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if input.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    strides = [2 * s for s in input.strides]
    return strided(input.dtype.to_real(), (*input.shape, 2), (*strides, 1)), 0


@view_as_real.vjp
def _view_as_real_vjp(g: Any, input: Layout) -> Any:
    return view_as_complex(g.contiguous())


def _from_pairs(x: Any) -> Any:
    return x[..., 0] + 1j * x[..., 1]


@view(reference=_from_pairs, as_method=False,
      samples=lambda draw: [call(draw(*sizes).contiguous()) for sizes in ((2, 3, 2), (2,))]
      )  # fmt: skip
def view_as_complex(input: Layout) -> Strided:
    """The same memory as complex numbers: the last dimension, of size 2, holds their parts.

    Raises:
        RuntimeError: when the type, the last size or the strides do not fit.

    >>> import argand
    >>> argand.view_as_complex(argand.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    kind = input.dtype
    if kind.name == "float16":
        raise NotImplementedError("view_as_complex: there is no complex type of half precision")
    if kind.name not in ("float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for floating point tensors, but got a tensor of "
            f"{kind.name}"
        )
    if not input.ndim or input.shape[-1] != 2:
        raise RuntimeError(
            f"view_as_complex: the last size must be 2, but got shape {list(input.shape)}"
        )
    *outer, last = input.strides
    if last != 1 or any(s % 2 for s in outer):
        raise RuntimeError(
            "view_as_complex: the parts must be neighbours in memory and all other strides even, "
            f"but got strides {input.strides}"
        )
    return strided(kind.to_complex(), input.shape[:-1], [s // 2 for s in outer]), 0


@view_as_complex.vjp
def _view_as_complex_vjp(g: Any, input: Layout) -> Any:
    return view_as_real(g)


@composite(samples=lambda draw: [call(draw(2, 3)), call(draw())], reference=np.real,
           as_method=False)  # fmt: skip
def real(input: Any) -> Any:
    """The real parts, a view; a real tensor itself.

    >>> import argand
    >>> argand.real(argand.tensor([1 + 2j]))
    tensor([1.])
    """
    return view_as_real(input).select(-1, 0) if _is_complex(input) else input


@composite(samples=lambda draw: [call(draw(2, 3)), call(draw())], reference=np.imag,
           as_method=False)  # fmt: skip
def imag(input: Any) -> Any:
    """The imaginary parts, a view.

    Raises:
        RuntimeError: when `input` is not complex.

    >>> import argand
    >>> argand.imag(argand.tensor([1 + 2j]))
    tensor([2.])
    """
    if not _is_complex(input):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return view_as_real(input).select(-1, 1)


# ---- made of real ones --------------------------------------------------------------------------


def _check_parts(operands: Sequence[Any], settings: Sequence[Any]) -> None:
    first, second = (x.form.dtype for x in operands)
    for kind in (first, second):
        if kind.name not in ("float16", "float32", "float64"):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {first.name} "
                f"and {second.name}"
            )
    if first.name == "float16":
        raise NotImplementedError("there is no complex type of half precision")
    if first is not second:
        raise RuntimeError(
            f"Expected object of scalar type {first.name} but got scalar type {second.name} for "
            "second argument"
        )


@elementwise(
    out="exact",
    name="complex",
    as_method=False,
    reference=lambda a, b: a + 1j * b,
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("real", "imag"),
    check=_check_parts,
)
def complex_of(real: Expr, imag: Expr) -> Expr:
    """``real + 1j * imag`` of two tensors of one floating type.

    >>> import argand
    >>> argand.complex(argand.tensor([1.0]), argand.tensor([2.0]))
    tensor([1.+2.j])
    """
    return pair(real, imag)


@elementwise(
    out="exact",
    as_method=False,
    reference=lambda a, b: a * np.exp(1j * b),
    samples=operands(ANY, ANY, numbers=[]),
    tensors=("abs", "angle"),
    check=_check_parts,
)
def polar(abs: Expr, angle: Expr) -> Expr:
    """The complex numbers with these absolute values and angles.

    >>> import argand
    >>> argand.polar(argand.tensor([2.0]), argand.tensor([0.0]))
    tensor([2.+0.j])
    """
    return pair(abs * angle.cos(), abs * angle.sin())


# ---- element by element -------------------------------------------------------------------------


@elementwise(as_method=False, as_function=False, kinds=COMPLEX, graph_name="conj")
def conjugated(input: Expr) -> Expr:
    """The complex conjugates."""
    return formulas.conj(input)


@composite(in_place=True, samples=operands(ANY), reference=np.conj)
def conj_physical(input: Any) -> Any:
    """The complex conjugates, in a new tensor; a real tensor itself.

    >>> import argand
    >>> argand.conj_physical(argand.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conjugated(input) if _is_complex(input) else input


@composite(samples=operands(ANY), reference=np.conj)
def conj(input: Any) -> Any:
    """The complex conjugates, in a new tensor; a real tensor itself.

    >>> import argand
    >>> argand.conj(argand.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conjugated(input) if _is_complex(input) else input


@composite(samples=operands(ANY), reference=np.positive)
def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugation is never put off.

    >>> import argand
    >>> argand.resolve_conj(argand.tensor([1 + 2j]))
    tensor([1.+2.j])
    """
    return _itself("resolve_conj", input)


@composite(samples=operands(ANY), reference=np.positive)
def resolve_neg(input: Any) -> Any:
    """The tensor itself: negation is never put off.

    >>> import argand
    >>> argand.resolve_neg(argand.tensor([1.0]))
    tensor([1.])
    """
    return _itself("resolve_neg", input)


@composite(out="", samples=lambda draw: [call(draw(2))], reference=lambda x: False)
def is_conj(input: Any) -> bool:
    """Whether the conjugation of `input` is put off: never.

    >>> import argand
    >>> argand.is_conj(argand.tensor([1 + 2j]))
    False
    """
    return _itself("is_conj", input) is None


@composite(out="", samples=lambda draw: [call(draw(2))], reference=lambda x: False)
def is_neg(input: Any) -> bool:
    """Whether the negation of `input` is put off: never.

    >>> import argand
    >>> argand.is_neg(argand.tensor([1.0]))
    False
    """
    return _itself("is_neg", input) is None


@elementwise(promote=FLOAT, reference=np.angle, samples=operands(NONZERO), kinds=EVERY + COMPLEX)
def angle(input: Expr) -> Expr:
    """The angle of complex numbers in radians; of real ones 0 or pi.

    >>> import argand
    >>> argand.angle(argand.tensor([1j, -1.0]))
    tensor([1.5708, 3.1416])
    """
    if input.dtype.kind == "c":
        return formulas.angle(input)
    turned = (input < 0).where(input.constant(np.pi), input.constant(0))
    return input.ne(input).where(input.constant(np.nan), turned)


def _sgn_reference(x: Any) -> Any:
    size = np.abs(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


@elementwise(out="exact", in_place=True, reference=_sgn_reference, samples=operands(NONZERO),
             kinds=EVERY + COMPLEX)  # fmt: skip
def sgn(input: Expr) -> Expr:
    """``input / |input|``, and 0 at 0: the sign of real numbers.

    >>> import argand
    >>> argand.sgn(argand.tensor([3 + 4j]))
    tensor([0.6000+0.8000j])
    """
    return formulas.sgn(input) if input.dtype.kind == "c" else input.sign()


@elementwise(reference=np.isreal, kinds=EVERY + COMPLEX)
def isreal(input: Expr) -> Expr:
    """Whether elements have no imaginary part.

    >>> import argand
    >>> argand.isreal(argand.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    if input.dtype.kind == "c":
        return input.imag.eq(0)
    return input.eq(input) | input.ne(input)


# ---- matrices -----------------------------------------------------------------------------------


@composite(samples=lambda draw: [call(draw(2, 3)), call(draw(2, 3, 4))],
           reference=lambda x: np.conj(np.swapaxes(x, -2, -1)))  # fmt: skip
def adjoint(input: Any) -> Any:
    """The conjugates of matrices with rows and columns exchanged.

    >>> import argand
    >>> argand.adjoint(argand.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return conj.body(input.transpose(-2, -1))
