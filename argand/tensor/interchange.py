"""What a tensor offers to NumPy and to other libraries, without copying."""

from __future__ import annotations

from typing import Any

import numpy as np

from argand import dtypes
from argand.ops.arrays import as_array
from argand.ops.create import from_numpy
from argand.tensor.base import Methods

_CPU = (1, 0)  # DLPack's number of the CPU, and which one


class Interchange(Methods):
    """The array protocols."""

    __slots__ = ()

    __array_priority__ = 1000

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array over the same memory.

        Args:
            force: take the values out of the graph first.

        Raises:
            RuntimeError: when the tensor requires grad.
            TypeError: for bfloat16, which NumPy does not have.
        """
        if self.node is not None and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if self.form.dtype is dtypes.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return as_array(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a tensor of {array.dtype} is no array of {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """The result of a NumPy function as a tensor; truth values as PyTorch has them here."""
        made = np.asarray(array)
        return from_numpy(made.astype(np.uint8) if made.dtype == np.bool_ else made)

    def __dlpack__(self, **options: Any) -> Any:
        """The memory as a DLPack capsule, for ``from_dlpack`` of another library.

        Raises:
            BufferError: when the tensor requires grad, or DLPack lacks its type.
        """
        if self.node is not None:
            rule = "Can't export tensors that require gradient, use tensor.detach()"
            raise BufferError(rule)
        if self.form.dtype is dtypes.bfloat16:
            raise BufferError("NumPy, which makes the capsule, does not have bfloat16")
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("stream") == -1:  # "do not synchronize": there is nothing to wait for
            del given["stream"]
        return as_array(self).__dlpack__(**given)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the memory is: ``(1, 0)``, the CPU."""
        return _CPU
