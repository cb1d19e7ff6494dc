"""Changing the dtype or device of all tensors of a module."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import argand
from argand.errors import message
from argand.nn.modules.tree import Tree
from argand.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Conversion(Tree):
    """The part of `Module` that converts its parameters, their gradients, and its buffers."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every tensor by what a function makes of it.

        A parameter stays the same object, so an optimizer that holds it goes on working.
        """
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            with argand.no_grad():
                converted = fn(parameter)
                converted_gradient = None if gradient is None else fn(gradient)
            if converted is not parameter:
                parameter.data = converted
            if gradient is not None and converted_gradient is not gradient:
                gradient.data = converted_gradient
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert all tensors in place: `to(device, dtype)`, `to(dtype)` or `to(tensor)`.

        Args:
            device: where the tensors shall be.
            dtype (dtype): of floating-point and complex tensors; integers keep theirs.
            tensor (Tensor): its device and dtype are taken.
            non_blocking (bool): without effect on a CPU. Default: False.
            memory_format: of tensors with 4 or 5 dimensions; by keyword.

        Returns:
            The module itself.

        Raises:
            TypeError: the dtype is neither floating-point nor complex.

        Example:
            >>> import argand
            >>> from argand import nn
            >>> nn.Linear(2, 1, bias=False).to(argand.float64).weight.dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            rule = "only floating-point and complex dtypes are possible"
            raise TypeError(message("Module.to", rule, str(dtype)))
        if dtype is not None and dtype.is_complex:
            warnings.warn(
                "not every module has a meaning for complex parameters; check what it computes",
                stacklevel=2,
            )

        def convert(tensor: Tensor) -> Tensor:
            options: dict[str, Any] = {"non_blocking": non_blocking}
            if device is not None:
                options["device"] = device
            if dtype is not None and (tensor.is_floating_point() or tensor.is_complex()):
                options["dtype"] = dtype
            if memory_format is not None and tensor.dim() in (4, 5):
                options["memory_format"] = memory_format
            return tensor.to(**options)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype, integers too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Convert all floating-point parameters and buffers to float32."""
        return self._convert_floating(argand.float32)

    def double(self) -> Self:
        """Convert all floating-point parameters and buffers to float64.

        Example:
            >>> from argand import nn
            >>> nn.Linear(1, 1).double().bias.dtype
            torch.float64
        """
        return self._convert_floating(argand.float64)

    def half(self) -> Self:
        """Convert all floating-point parameters and buffers to float16."""
        return self._convert_floating(argand.float16)

    def bfloat16(self) -> Self:
        """Convert all floating-point parameters and buffers to bfloat16."""
        return self._convert_floating(argand.bfloat16)

    def _convert_floating(self, dtype: Any) -> Self:
        return self._apply(
            lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor
        )

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move all parameters and buffers to a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Replace all parameters and buffers by uninitialized ones on a device."""
        return self._apply(lambda tensor: argand.empty_like(tensor, device=device), recurse=recurse)

    def share_memory(self) -> Self:
        """Not available: argand shares no tensors between processes.

        Raises:
            NotImplementedError: always.
        """
        rule = "not available, since tensors are not shared between processes"
        raise NotImplementedError(message("Module.share_memory", rule))


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    tensor: Tensor | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> tuple[Any, Any, bool, Any]:
    """The device, dtype, non_blocking and memory format that the arguments of `to` ask for."""
    given = list(args)
    if given and isinstance(given[0], Tensor):
        tensor = given.pop(0)
    elif given and isinstance(given[0], argand.dtype):
        dtype = given.pop(0)
    elif given:
        device = given.pop(0)
        if given and (given[0] is None or isinstance(given[0], argand.dtype)):
            dtype = given.pop(0)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if given:
        non_blocking = given.pop(0)
    if device is not None:
        device = argand.device(device)
    if len(given) > 1 or not isinstance(non_blocking, bool):
        rule = (
            "expects (device, dtype, non_blocking), (dtype, non_blocking) or (tensor, non_blocking)"
        )
        raise TypeError(message("Module.to", rule, str(args)))
    return device, dtype, non_blocking, memory_format
