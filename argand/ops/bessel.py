"""Bessel functions, and Airy's, under the names of `torch.special`."""

from __future__ import annotations

from functools import partial

from argand.kernels.expr import Expr
from argand.ops.map import FLOAT, elementwise
from argand.ops.restricted import restricted
from argand.ops.samples import Range, operands

SPECIAL = "special"

_special = partial(restricted, namespace=SPECIAL, as_method=False, promote=FLOAT)
_constant = partial(_special, differentiable=False, halves=False)


@elementwise(promote=FLOAT, in_place=True, elsewhere=("special.i0",))
def i0(input: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 0.

    >>> import argand
    >>> argand.i0(argand.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return input.i0()


@_special()
def i1(input: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 1.

    >>> import argand
    >>> argand.special.i1(argand.tensor([1.0, 2.0]))
    tensor([0.5652, 1.5906])
    """
    return input.i1()


@_special()
def i0e(input: Expr) -> Expr:
    """``exp(-|input|) i0(input)``, which does not overflow.

    >>> import argand
    >>> argand.special.i0e(argand.tensor([1.0, 2.0]))
    tensor([0.4658, 0.3085])
    """
    return input.i0e()


@_special()
def i1e(input: Expr) -> Expr:
    """``exp(-|input|) i1(input)``, which does not overflow.

    >>> import argand
    >>> argand.special.i1e(argand.tensor([1.0, 2.0]))
    tensor([0.2079, 0.2153])
    """
    return input.i1e()


@_constant()
def modified_bessel_i0(x: Expr) -> Expr:
    """`i0`, outside of the graph.

    >>> import argand
    >>> argand.special.modified_bessel_i0(argand.tensor([1.0, 2.0]))
    tensor([1.2661, 2.2796])
    """
    return x.i0()


@_constant()
def modified_bessel_i1(x: Expr) -> Expr:
    """`i1`, outside of the graph.

    >>> import argand
    >>> argand.special.modified_bessel_i1(argand.tensor([1.0, 2.0]))
    tensor([0.5652, 1.5906])
    """
    return x.i1()


@_constant(samples=operands(Range(0.3, 12.0)))
def modified_bessel_k0(x: Expr) -> Expr:
    """The modified Bessel function of the second kind of order 0.

    >>> import argand
    >>> argand.special.modified_bessel_k0(argand.tensor([1.0, 2.0]))
    tensor([0.4210, 0.1139])
    """
    return x.modified_bessel_k0()


@_constant(samples=operands(Range(0.3, 12.0)))
def modified_bessel_k1(x: Expr) -> Expr:
    """The modified Bessel function of the second kind of order 1.

    >>> import argand
    >>> argand.special.modified_bessel_k1(argand.tensor([1.0, 2.0]))
    tensor([0.6019, 0.1399])
    """
    return x.modified_bessel_k1()


@_constant(samples=operands(Range(0.3, 12.0)))
def scaled_modified_bessel_k0(x: Expr) -> Expr:
    """``exp(x) modified_bessel_k0(x)``, which does not vanish.

    >>> import argand
    >>> argand.special.scaled_modified_bessel_k0(argand.tensor([1.0, 2.0]))
    tensor([1.1445, 0.8416])
    """
    return x.scaled_modified_bessel_k0()


@_constant(samples=operands(Range(0.3, 12.0)))
def scaled_modified_bessel_k1(x: Expr) -> Expr:
    """``exp(x) modified_bessel_k1(x)``, which does not vanish.

    >>> import argand
    >>> argand.special.scaled_modified_bessel_k1(argand.tensor([1.0, 2.0]))
    tensor([1.6362, 1.0335])
    """
    return x.scaled_modified_bessel_k1()


@_constant(samples=operands(Range(-12.0, 12.0)))
def bessel_j0(input: Expr) -> Expr:
    """The Bessel function of the first kind of order 0.

    >>> import argand
    >>> argand.special.bessel_j0(argand.tensor([1.0, 2.0]))
    tensor([0.7652, 0.2239])
    """
    return input.bessel_j0()


@_constant(samples=operands(Range(-12.0, 12.0)))
def bessel_j1(input: Expr) -> Expr:
    """The Bessel function of the first kind of order 1.

    >>> import argand
    >>> argand.special.bessel_j1(argand.tensor([1.0, 2.0]))
    tensor([0.4401, 0.5767])
    """
    return input.bessel_j1()


@_constant(samples=operands(Range(0.3, 12.0)))
def bessel_y0(input: Expr) -> Expr:
    """The Bessel function of the second kind of order 0.

    >>> import argand
    >>> argand.special.bessel_y0(argand.tensor([1.0, 2.0]))
    tensor([0.0883, 0.5104])
    """
    return input.bessel_y0()


@_constant(samples=operands(Range(0.3, 12.0)))
def bessel_y1(input: Expr) -> Expr:
    """The Bessel function of the second kind of order 1.

    >>> import argand
    >>> argand.special.bessel_y1(argand.tensor([1.0, 2.0]))
    tensor([-0.7812, -0.1070])
    """
    return input.bessel_y1()


@_constant(samples=operands(Range(-12.0, 12.0)))
def spherical_bessel_j0(x: Expr) -> Expr:
    """``sin(x) / x``, and 1 at 0.

    >>> import argand
    >>> argand.special.spherical_bessel_j0(argand.tensor([1.0, 2.0]))
    tensor([0.8415, 0.4546])
    """
    return x.spherical_bessel_j0()


@_constant(samples=operands(Range(-12.0, 12.0)))
def airy_ai(x: Expr) -> Expr:
    """Airy's function Ai.

    >>> import argand
    >>> argand.special.airy_ai(argand.tensor([1.0, 2.0]))
    tensor([0.1353, 0.0349])
    """
    return x.airy_ai()
