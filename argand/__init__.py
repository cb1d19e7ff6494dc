"""Argand: PyTorch's programming model in readable Python, on kernels generated at run time.

>>> import argand
>>> x = argand.tensor([[1.0, 2.0]], requires_grad=True)
>>> (x @ argand.ones(2, 1)).sum().backward()
>>> x.grad
tensor([[1., 1.]])
"""

import gc as _gc
import math as _math
import typing as _typing

_collects = _gc.isenabled()
_gc.disable()  # nothing of what is imported now is garbage

from argand import autograd as autograd
from argand import dtypes as _dtypes
from argand.autograd.grad_mode import enable_grad as enable_grad
from argand.autograd.grad_mode import inference_mode as inference_mode
from argand.autograd.grad_mode import is_grad_enabled as is_grad_enabled
from argand.autograd.grad_mode import is_inference_mode_enabled as is_inference_mode_enabled
from argand.autograd.grad_mode import no_grad as no_grad
from argand.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from argand.device import channels_last as channels_last
from argand.device import channels_last_3d as channels_last_3d
from argand.device import contiguous_format as contiguous_format
from argand.device import device as device
from argand.device import layout as layout
from argand.device import memory_format as memory_format
from argand.device import preserve_format as preserve_format
from argand.device import strided as strided
from argand.dtypes import dtype as dtype
from argand.dtypes import finfo as finfo
from argand.dtypes import iinfo as iinfo
from argand.dtypes import promote_types as promote_types
from argand.errors import missing as _missing
from argand.modes import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
)
from argand.modes import compiled_with_cxx11_abi as compiled_with_cxx11_abi
from argand.modes import get_default_device as get_default_device
from argand.modes import get_deterministic_debug_mode as get_deterministic_debug_mode
from argand.modes import get_float32_matmul_precision as get_float32_matmul_precision
from argand.modes import get_num_interop_threads as get_num_interop_threads
from argand.modes import (
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
)
from argand.modes import is_warn_always_enabled as is_warn_always_enabled
from argand.modes import set_default_device as set_default_device
from argand.modes import set_deterministic_debug_mode as set_deterministic_debug_mode
from argand.modes import set_float32_matmul_precision as set_float32_matmul_precision
from argand.modes import set_flush_denormal as set_flush_denormal
from argand.modes import set_num_interop_threads as set_num_interop_threads
from argand.modes import set_warn_always as set_warn_always
from argand.modes import use_deterministic_algorithms as use_deterministic_algorithms
from argand.ops.random import Generator as Generator
from argand.ops.random import default_generator as default_generator
from argand.ops.random import get_rng_state as get_rng_state
from argand.ops.random import initial_seed as initial_seed
from argand.ops.random import manual_seed as manual_seed
from argand.ops.random import seed as seed
from argand.ops.random import set_rng_state as set_rng_state
from argand.ops.record import functions_in as _functions_in
from argand.ops.record import get_default_dtype as get_default_dtype
from argand.ops.record import set_default_dtype as set_default_dtype
from argand.printing import set_printoptions as set_printoptions
from argand.runtime.layout import Size as Size
from argand.runtime.memory import empty_cache as empty_cache
from argand.runtime.memory import max_memory_allocated as max_memory_allocated
from argand.runtime.memory import memory_allocated as memory_allocated
from argand.runtime.memory import memory_reserved as memory_reserved
from argand.runtime.memory import reset_peak_memory_stats as reset_peak_memory_stats
from argand.runtime.threads import get_num_threads as get_num_threads
from argand.runtime.threads import set_num_threads as set_num_threads
from argand.tensor import Tensor as Tensor
from argand.tensor.legacy import STORAGE_TYPES as _STORAGE_TYPES
from argand.tensor.legacy import TENSOR_TYPES as _TENSOR_TYPES
from argand.tensor.legacy import set_default_tensor_type as set_default_tensor_type
from argand.tensor.storage import TypedStorage as TypedStorage
from argand.tensor.storage import UntypedStorage as UntypedStorage
from argand.tensor.storage import is_storage as is_storage
from argand.tensor.storage import typename as typename
from argand.version import __version__ as __version__

if _typing.TYPE_CHECKING:
    from argand._functions import *  # what `_export_dtypes` and `_export_records` add

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None


def _export_dtypes() -> None:
    short = {
        "float": "float32", "double": "float64", "half": "float16", "long": "int64",
        "int": "int32", "short": "int16", "cfloat": "complex64", "cdouble": "complex128",
    }  # fmt: skip
    for kind in _dtypes.ALL:
        globals()[kind.name] = kind
    for name, full in short.items():
        globals()[name] = globals()[full]


def _export_records() -> None:
    for name, record in _functions_in("").items():
        globals()[name] = record.function()
        if record.in_place and (record.as_method or record.namespace):
            globals()[f"{name}_"] = record.in_place_method()


_export_dtypes()
_export_records()
globals().update(_TENSOR_TYPES | _STORAGE_TYPES)


from argand import backends as backends
from argand import cuda as cuda
from argand import fft as fft
from argand import func as func
from argand import linalg as linalg
from argand import masked as masked
from argand import nn as nn  # these need the names above
from argand import optim as optim
from argand import random as random
from argand import return_types as return_types
from argand import signal as signal
from argand import special as special
from argand import testing as testing
from argand import utils as utils
from argand import version as version
from argand.autograd import forward_ad as _forward_ad  # noqa: F401
from argand.autograd import functional as _functional  # noqa: F401
from argand.func.vectorize import vmap as vmap

_gc.freeze()  # it stays: no later collection, nor the end of the process, has to look at it
if _collects:
    _gc.enable()


def __getattr__(name: str) -> object:
    raise _missing(__name__, name)
