"""Memory that is shared with other libraries, in Argand and in PyTorch."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import attempt, torch
from tests.parity.test_tensor import plain

BOTH = (argand, torch)

CREATION = """
f.asarray([1, 2]); f.asarray(np.ones(2), dtype=f.float32); f.asarray(3.5)
f.asarray(np.float32(3)); f.asarray(f.ones(2), copy=True); f.asarray(bytearray(8), dtype=f.int32)
f.asarray([1, 2], copy=False); f.asarray(f.ones(2, requires_grad=True))
f.asarray([1.0], requires_grad=True)
f.asarray(f.ones(2, requires_grad=True), requires_grad=False); f.asarray(bytearray(7))
f.asarray(np.ones(2), dtype=f.float32, copy=False); f.frombuffer(bytearray(8), dtype=f.int32)
f.frombuffer(bytearray(8), dtype=f.int32, count=1, offset=4)
f.frombuffer(bytearray(7), dtype=f.int32); f.frombuffer(bytearray(8), dtype=f.int32, count=5)
f.frombuffer(bytearray(8), dtype=f.int32, offset=9); f.frombuffer(bytearray(0), dtype=f.int32)
f.frombuffer(3, dtype=f.int32); f.frombuffer(bytearray(8))
f.frombuffer(bytearray(8), dtype=f.float32, requires_grad=True)
f.frombuffer(bytearray(8), dtype=f.int32, count=0)
f.frombuffer(bytearray(8), dtype=f.int32, offset=2); f.from_numpy(np.ones(2)[::-1])
f.from_numpy(np.ones(2, ">f4")); f.from_numpy(np.array(["a"])); f.from_numpy([1])
f.from_numpy(np.float32(1)); f.as_tensor(np.float32(3)); f.as_tensor(range(3))
f.as_tensor(np.ones(2)[::-1]); f.tensor(np.ones(2)[::-1])
f.ones(2, requires_grad=True).__dlpack__(); tuple(int(n) for n in f.ones(2).__dlpack_device__())
f.from_dlpack(np.ones(2))
"""


@pytest.mark.filterwarnings("ignore")
def test_expressions() -> None:
    faults = []
    for part in CREATION.replace("\n", ";").split(";"):
        found = []
        for f in BOTH:
            names = {"f": f, "np": np}
            found.append(attempt(lambda names=names, part=part: plain(eval(part.strip(), names))))
        if part.strip() and found[0] != found[1]:
            faults.append(f"{part.strip()}: {found[0]}, PyTorch: {found[1]}")
    assert not faults, "\n".join(faults)


def is_shared(f: ModuleType, made: Any, source: Any) -> bool:
    source[0] = 7
    return bool(float(made[0]) == 7)


def test_what_shares_memory() -> None:
    found = []
    for f in BOTH:
        array, x = np.zeros(3), f.zeros(3)
        found.append(
            [
                is_shared(f, f.from_numpy(array), array),
                is_shared(f, f.as_tensor(np.zeros(3)), np.zeros(3)),
                is_shared(f, f.asarray(array), array),
                is_shared(f, f.asarray(x), x),
                is_shared(f, f.from_dlpack(array), array),
                is_shared(f, f.utils.dlpack.from_dlpack(f.utils.dlpack.to_dlpack(x)), x),
                is_shared(f, np.from_dlpack(x), x),
                is_shared(f, np.asarray(x), x),
                is_shared(f, x.numpy(), x),
            ]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["float32", "float64", "int64", "int8", "uint8", "complex64"])
def test_dlpack_between_both(name: str) -> None:
    values = np.arange(12).astype(name).reshape(3, 4)
    own = argand.from_numpy(values.copy()).t()
    theirs = torch.from_dlpack(own)
    assert theirs.stride() == own.stride()
    np.testing.assert_array_equal(theirs.numpy(), values.T)
    theirs[0, 0] = 5
    assert own.numpy()[0, 0] == 5
    back = argand.from_dlpack(theirs)
    assert back.data_ptr() == own.data_ptr()
    assert (back.shape, back.stride()) == (own.shape, own.stride())
    copied = argand.from_dlpack(theirs, copy=True)
    assert copied.data_ptr() != own.data_ptr()
