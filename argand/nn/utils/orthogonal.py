"""Weights that are orthogonal matrices, whatever an optimizer does to their parameters."""

from __future__ import annotations

from typing import Any

import argand
from argand.errors import message
from argand.nn.modules.module import Module
from argand.nn.utils.parametrize import register_parametrization

__all__ = ["orthogonal"]

_MAPS = ("matrix_exp", "cayley", "householder")


def _tall(x: Any) -> Any:
    return x.mT if x.shape[-2] < x.shape[-1] else x


def _back(x: Any, shape: Any) -> Any:
    return x.mT if shape[-2] < shape[-1] else x


def _nearest(x: Any) -> Any:
    """The orthogonal factor of a matrix, with a positive diagonal of the other one."""
    q, r = argand.linalg.qr(x)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(q: Any) -> bool:
    size = q.shape[-1]
    identity = argand.eye(size, dtype=q.dtype)
    eps = 10 * size * argand.finfo(q.dtype).eps
    return bool(argand.allclose(q.mH @ q, identity, atol=eps))


class _Orthogonal(Module):
    """A map from all matrices to the orthogonal ones."""

    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError(message("orthogonal", "householder does not take complex matrices"))
        self.size = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, weight: Any) -> Any:
        x = _tall(weight)
        if self.orthogonal_map == "householder":
            q = self._reflected(x)
        else:
            q = self._rotated(x)
        if self.use_trivialization:
            q = self.base @ q
        return _back(q, weight.shape)

    def _reflected(self, x: Any) -> Any:
        """A product of reflections; the diagonal holds signs, which are not trained."""
        below = x.tril(-1)
        scales = 2.0 / (1.0 + (below * below).sum(-2))
        q = argand.linalg.householder_product(below, scales)
        return q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    def _rotated(self, x: Any) -> Any:
        """The matrix exponential, or the Cayley map, of a skew-symmetric matrix."""
        rows, columns = x.shape[-2:]
        lower = x.tril()
        if rows != columns:
            rest = x.new_zeros((*x.shape[:-1], rows - columns))
            lower = argand.cat([lower, rest], dim=-1)
        skew = lower - lower.mH
        if self.orthogonal_map == "matrix_exp":
            q = argand.linalg.matrix_exp(skew)
        else:
            identity = argand.eye(rows, dtype=skew.dtype)
            q = argand.linalg.solve(identity - 0.5 * skew, identity + 0.5 * skew)
        return q[..., :columns]

    def right_inverse(self, value: Any) -> Any:
        if value.shape != self.size:
            rule = f"the value must have the shape {list(self.size)}"
            raise ValueError(message("orthogonal", rule, str(list(value.shape))))
        with argand.no_grad():
            return self._based(value) if self.use_trivialization else self._factored(value)

    def _based(self, value: Any) -> Any:
        """Take the value as the base; the map begins at the identity."""
        q = _tall(value)
        rows, columns = q.shape[-2:]
        if rows != columns:
            more = argand.randn(*q.shape[:-2], rows, rows - columns, dtype=q.dtype)
            q = _nearest(argand.cat([q, more], dim=-1))
        else:
            q = q.clone() if _is_orthogonal(q) else _nearest(q)
        self.base = q
        start = argand.zeros_like(value)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start

    def _factored(self, value: Any) -> Any:
        """The reflections whose product the value is."""
        if self.orthogonal_map != "householder":
            rule = f"a value cannot be assigned through {self.orthogonal_map}"
            raise NotImplementedError(message("orthogonal", rule, hint="use_trivialization=True"))
        reflections, scales = argand.geqrf(_tall(value))
        signs = reflections.diagonal(dim1=-2, dim2=-1)
        signs.copy_(argand.where(scales == 0, -signs.sign(), signs.sign()))
        return _back(reflections, value.shape)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Let a matrix be orthogonal: `Q.T @ Q` is the identity, or `Q @ Q.T` if it is wide.

    Args:
        module (Module): whose matrix it is.
        name (str): the attribute. Default: "weight".
        orthogonal_map (str): how: "matrix_exp", "cayley" or "householder". Default: "matrix_exp"
            for square and complex matrices, "householder" for others.
        use_trivialization (bool): begin at the present value, made orthogonal. Default: True.

    Raises:
        ValueError: there is no such matrix or map.

    Source: Lezcano-Casado, "Trivializations for Gradient-Based Optimization on Manifolds", 2019,
    https://arxiv.org/abs/1909.09501.

    Example:
        >>> import argand
        >>> from argand import nn
        >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(2, 4))
        >>> bool(argand.allclose(layer.weight.T @ layer.weight, argand.eye(2), atol=1e-5))
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, argand.Tensor):
        rule = f"the module must have a tensor '{name}'"
        raise ValueError(message("orthogonal", rule, type(module).__name__))
    if weight.ndim < 2:
        rule = "expects a matrix, or a batch of matrices"
        raise ValueError(message("orthogonal", rule, f"{weight.ndim} dimensions"))
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        rule = f"orthogonal_map must be one of {_MAPS}"
        raise ValueError(message("orthogonal", rule, orthogonal_map))
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
