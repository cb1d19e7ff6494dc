"""Generated from the records by ``python -m argand.stubs``: the functions of linalg."""

from builtins import bool as _bool
from builtins import float as _float
from typing import Any as _Any

from argand.tensor import Tensor as _Tensor

def qr(A: _Any, mode: str = "reduced") -> tuple[_Tensor, _Tensor]: ...
def vector_norm(
    x: _Any,
    ord: _float = 2,
    dim: _Any = None,
    keepdim: _bool = False,
    *,
    dtype: _Any = None,
) -> _Tensor: ...
