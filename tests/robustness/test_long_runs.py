"""Programs that run for long: memory stays flat, and plans do not pile up."""

import ctypes
import gc
import subprocess
import sys

import pytest

import argand
from argand import nn

STEPS = 10_000


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_flat_over_many_batch_sizes() -> None:
    """10,000 training steps on batches of 1 to 64 rows."""
    argand.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = argand.optim.Adam(net.parameters())
    seen = []
    for step in range(STEPS):
        count = step * 37 % 64 + 1
        x = argand.randn(count, 8)
        loss = nn.functional.cross_entropy(net(x), argand.randint(0, 4, (count,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 1000 == 999:
            gc.collect()
            seen.append((argand.memory_allocated(), resident()))
    first, last = seen[1], seen[-1]
    assert last[0] <= first[0] + 2**16
    assert last[1] <= first[1] + 8 * 2**20, seen


BIG = """
import argand
n = 2**31 + 5
x = argand.zeros(n, dtype=argand.bool)
assert not x.any().item()
x[n - 1] = True
x[2**31] = True
assert x.sum().item() == 2
assert x.any().item() and not x.all().item()
assert x[n - 1].item() and x[-1].item() and not x[n - 2].item()
assert x[2**31 - 1 : 2**31 + 2].tolist() == [False, True, False]
assert x.numel() == n and x.view(-1).shape == (n,)
copied = x.clone()
del x
assert copied[2**31].item() and copied.sum().item() == 2
assert copied[2**31 - 1 :].to(argand.int64).sum().item() == 2
print("fine")
"""


@pytest.mark.slow
def test_a_tensor_of_more_than_two_to_the_31_elements() -> None:
    done = subprocess.run([sys.executable, "-c", BIG], capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_failed_allocations_are_errors() -> None:
    with pytest.raises((RuntimeError, MemoryError)):
        argand.empty(2**60)
    with pytest.raises((RuntimeError, MemoryError)):
        argand.zeros(2**40, 2**20)
    assert argand.zeros(3).sum().item() == 0
    assert ctypes.sizeof(ctypes.c_void_p) == 8
