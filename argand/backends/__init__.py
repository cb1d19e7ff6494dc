"""What computes, under the names of ``torch.backends``: kernels of Argand's own, and nothing else.

MKL, oneDNN, cuDNN and the others are not there and say so. The switches of `cudnn` and the like are
kept, as programs set them without asking.

>>> import argand
>>> argand.backends.mkl.is_available(), argand.backends.cudnn.is_available()
(False, False)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from argand.errors import missing
from argand.kernels import target


class Backend:
    """A library that is not there, with the switches that programs set for it."""

    def __init__(self, name: str, **switches: Any) -> None:
        self.__name__ = f"argand.backends.{name}"
        self.__dict__.update(switches)

    def is_available(self) -> bool:
        """Whether it can be used: no."""
        return False

    is_built = is_available

    def version(self) -> None:
        """The version of the library: there is none."""
        return

    @contextmanager
    def flags(self, **switches: Any) -> Iterator[None]:
        """Set switches for a block."""
        before = {name: getattr(self, name) for name in switches}
        self.__dict__.update(switches)
        try:
            yield
        finally:
            self.__dict__.update(before)

    def __repr__(self) -> str:
        return f"<backend {self.__name__}>"

    def __getattr__(self, name: str) -> Any:
        raise missing(self.__name__, name)


class _CPU(Backend):
    """The CPU, as kernels are generated for it."""

    def is_available(self) -> bool:
        """Whether it can be used: yes."""
        return True

    def get_cpu_capability(self) -> str:
        """The widest vectors in use: "AVX512", "AVX2" or "DEFAULT"."""
        bits = 8 * target.host().vector_bytes
        return {512: "AVX512", 256: "AVX2"}.get(bits, "DEFAULT")


def _attention(name: str) -> dict[str, Callable[..., Any]]:
    """The pair of functions about one kernel of attention; only the plain one is there."""
    return {f"{name}_sdp_enabled": lambda: name == "math", f"enable_{name}_sdp": lambda on: None}


mkl = Backend("mkl")
mkldnn = Backend("mkldnn", enabled=False, deterministic=False, allow_tf32=False)
openmp = Backend("openmp")
mps = Backend("mps")
nnpack = Backend("nnpack")
opt_einsum = Backend("opt_einsum", enabled=False, strategy=None)
quantized = Backend("quantized", engine="none", supported_engines=["none"])
cudnn = Backend(
    "cudnn", enabled=True, benchmark=False, deterministic=False, allow_tf32=True, benchmark_limit=10
)
cuda = Backend(
    "cuda",
    matmul=Backend(
        "cuda.matmul",
        allow_tf32=False,
        allow_fp16_reduced_precision_reduction=True,
        allow_bf16_reduced_precision_reduction=True,
    ),
    **_attention("flash"),
    **_attention("math"),
    **_attention("mem_efficient"),
    **_attention("cudnn"),
)
cpu = _CPU("cpu")


def __getattr__(name: str) -> object:
    raise missing(__name__, name)
