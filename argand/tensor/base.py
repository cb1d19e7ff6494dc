"""What the parts of the class `Tensor` build on."""

from typing import TYPE_CHECKING

from argand.runtime.tensor_base import TensorBase

if TYPE_CHECKING:
    from argand._methods import Methods as Methods  # what comes from the records
else:
    Methods = TensorBase
