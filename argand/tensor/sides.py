"""The real and the imaginary part of a tensor, as attributes that can be read and written."""

from __future__ import annotations

from typing import Any

from argand.ops import complex as complex_numbers
from argand.tensor.base import Methods


class Sides(Methods):
    """Views of the parts of complex numbers."""

    __slots__ = ()

    @property
    def real(self) -> Any:
        """The real parts, a view; a real tensor itself."""
        return complex_numbers.real.body(self)

    @real.setter
    def real(self, value: Any) -> None:
        complex_numbers.real.body(self)[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary parts, a view.

        Raises:
            RuntimeError: when the tensor is not complex.
        """
        return complex_numbers.imag.body(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        complex_numbers.imag.body(self)[...] = value
