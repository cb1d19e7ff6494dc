"""Ctrl-C at any moment: KeyboardInterrupt, no hang, and a cache that is still good."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
import argand
from argand import nn
print("begun", flush=True)
net = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 8))
optimizer = argand.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
step = 0
while True:
    step += 1
    x = argand.randn(step % 50 + 1, 64)
    loss = (net(x) ** 2).mean() + argand.rand(300, 300).softmax(step % 2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
CHECK = """
import argand
x = argand.arange(12.0).view(3, 4)
assert (x @ x.t()).sum().item() == 1134.0, (x @ x.t()).sum()
assert abs(x.softmax(1).sum().item() - 3) < 1e-5
print("fine")
"""


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "ARGAND_CACHE": str(folder)}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_interruptions_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(chance.uniform(0, 0.6))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
        assert process.returncode == -signal.SIGINT
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")
