"""How far computed values may lie from exact ones: the only table of tolerances of the tests."""

from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """``|own - exact| <= atol + rtol |exact|``."""

    rtol: float
    atol: float


# Against a reference in float64: some units in the last place, and their growth in short sums.
OPERATIONS = {
    "float64": Tolerance(1e-12, 1e-12),
    "float32": Tolerance(1e-5, 1e-6),
    "float16": Tolerance(4e-3, 2e-3),
    "bfloat16": Tolerance(3e-2, 1e-2),
}
OPERATIONS |= {"complex128": OPERATIONS["float64"], "complex64": OPERATIONS["float32"]}
EXACT = Tolerance(0.0, 0.0)  # integers and bool

# Gradients against central differences in float64, and gradients of gradients.
GRADIENTS = Tolerance(1e-3, 1e-5)

# Normal random numbers against PyTorch's, whose logarithm and cosine round otherwise.
NORMALS = {"float32": Tolerance(0.0, 2e-7), "float64": Tolerance(0.0, 1e-15)}


def of(kind: str) -> Tolerance:
    """The tolerance for results of the type named `kind`."""
    return OPERATIONS.get(kind, EXACT)


def assert_close(own: Any, exact: Any, kind: str, where: str = "") -> None:
    """Compare arrays whose elements were computed in the type named `kind`.

    The absolute part grows with the largest value: sums of such numbers may cancel.
    """
    rtol, atol = of(kind)
    if atol and np.size(exact):
        atol *= max(1.0, float(np.max(np.abs(np.nan_to_num(exact, posinf=0.0, neginf=0.0)))))
    np.testing.assert_allclose(own, exact, rtol=rtol, atol=atol, equal_nan=True, err_msg=where)
