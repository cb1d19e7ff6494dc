"""`argand doctor`: the machine as Argand sees it, and whether the generated kernels are right.

The checks compute with Argand and with NumPy (the random numbers with the published output of
MT19937) and compare. A failed check is a bug in Argand or a broken installation.
"""

import importlib.metadata
import importlib.util
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping

import llvmlite
import numpy as np

import argand
from argand.kernels import cache, target
from argand.runtime import threads
from argand.version import __version__

_OPTIONAL = {  # distribution: the module it brings, what Argand needs it for
    "scipy": ("scipy", "special functions, some decompositions"),
    "pillow": ("PIL", "images"),
    "tqdm": ("tqdm", "progress bars"),
    "rich": ("rich", "progress bars"),
    "safetensors": ("safetensors", "safetensors files"),
    "tensorboard": ("tensorboard", "logs of training"),
    "mpi4py": ("mpi4py", "several machines"),
    "matplotlib": ("matplotlib", "figures"),
}

# The first outputs of the reference implementation of MT19937 after init_genrand(5489),
# http://www.math.sci.hiroshima-u.ac.jp/m-mat/MT/MT2002/emt19937ar.html
_MT19937 = (3499211612, 581869302, 3890346734, 3586334585, 545404204)


def main() -> int:
    """Print the report; 0 if every check passes, otherwise 1.

    >>> main() in (0, 1)  # doctest: +ELLIPSIS
    argand ...
    True
    """
    for title, facts in _sections():
        print(title)
        for name, fact in facts.items():
            print(f"  {name:<24} {fact}")
    print("checks")
    passed = [_passes(name, check) for name, check in _CHECKS.items()]
    return 0 if all(passed) else 1


def _sections() -> Iterator[tuple[str, Mapping[str, object]]]:
    yield f"argand {__version__}", {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "numpy": np.__version__,
        "llvmlite": llvmlite.__version__,
    }
    yield "target", target.describe()
    yield "threads", threads.describe()
    yield "kernel cache", cache.describe()
    yield "memory", {"in use": f"{argand.memory_allocated()} bytes"}
    yield "optional packages", {name: _optional(name) for name in _OPTIONAL}


def _optional(distribution: str) -> str:
    module, purpose = _OPTIONAL[distribution]
    if importlib.util.find_spec(module) is None:
        return f"missing: {purpose}"
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "present"


def _passes(name: str, check: Callable[[], float]) -> bool:
    """Run one check, which returns the largest error in units of what is allowed."""
    try:
        error = check()
    except Exception:  # noqa: BLE001  # whatever goes wrong is a finding
        print(f"  {name:<24} FAILED")
        traceback.print_exc()
        return False
    passed = error <= 1
    print(f"  {name:<24} {'ok' if passed else f'FAILED: {error:.3g} times the allowed error'}")
    return passed


def _excess(got: "argand.Tensor", wanted: np.ndarray, tolerance: float) -> float:
    """The largest difference relative to the largest value, in units of `tolerance`."""
    values = got.numpy()
    if values.shape != wanted.shape:
        raise AssertionError(f"shape {values.shape} instead of {wanted.shape}")
    scale = max(1.0, float(np.abs(wanted).max()))
    return float(np.abs(values.astype(np.float64) - wanted).max()) / scale / tolerance


def _data(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _check_map() -> float:
    a, b, c = _data(3, 1000, 101)
    got = argand.tanh(argand.from_numpy(a) * argand.from_numpy(b) + argand.from_numpy(c))
    return _excess(got, np.tanh(a.astype(np.float64) * b + c), 1e-6)


def _check_reduce() -> float:
    x = _data(257, 1023)
    return _excess(argand.from_numpy(x).sum(0), x.sum(0, dtype=np.float64), 1e-5)


def _check_softmax() -> float:
    x = _data(129, 1001)
    weights = np.exp(x.astype(np.float64))
    wanted = weights / weights.sum(1, keepdims=True)
    return _excess(argand.softmax(argand.from_numpy(x), 1), wanted, 1e-6)


def _check_matmul() -> float:
    a, b = _data(131, 259), _data(259, 193)
    got = argand.from_numpy(a) @ argand.from_numpy(b)
    return _excess(got, a.astype(np.float64) @ b, 1e-5)


def _check_gradient() -> float:
    x = argand.from_numpy(_data(33, 65)).requires_grad_()
    (x * x.exp()).sum().backward()
    values = x.detach().numpy().astype(np.float64)
    assert x.grad is not None
    return _excess(x.grad, (1 + values) * np.exp(values), 1e-6)


def _check_random() -> float:
    argand.manual_seed(5489)
    wanted = np.array([(word & 0xFFFFFF) / 2**24 for word in _MT19937])
    return _excess(argand.rand(len(wanted)), wanted, 1e-12)


_CHECKS = {
    "map": _check_map,
    "reduce": _check_reduce,
    "softmax": _check_softmax,
    "matmul": _check_matmul,
    "gradient": _check_gradient,
    "random numbers": _check_random,
}
