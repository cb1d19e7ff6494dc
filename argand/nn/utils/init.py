"""Modules without initial values."""

from __future__ import annotations

from typing import Any

import argand
from argand.nn.modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters and buffers are uninitialized, for those who load them anyway.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> state = argand.get_rng_state()
        >>> nn.utils.skip_init(nn.Linear, 2, 3)
        Linear(in_features=2, out_features=3, bias=True)
        >>> argand.equal(state, argand.get_rng_state())
        True
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    device = kwargs.pop("device", "cpu")
    state = argand.get_rng_state()
    try:
        return module_cls(*args, **kwargs).to_empty(device=device)
    finally:
        argand.set_rng_state(state)
