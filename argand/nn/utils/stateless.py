"""The older place of `argand.func.functional_call`."""

from __future__ import annotations

import warnings
from typing import Any

from argand.func.modules import functional_call as _functional_call
from argand.nn.modules.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The deprecated name of `argand.func.functional_call`."""
    warnings.warn(
        "nn.utils.stateless.functional_call is deprecated in favor of func.functional_call",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
