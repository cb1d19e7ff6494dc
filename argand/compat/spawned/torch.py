"""`torch` in a process spawned by a program under `argand run`: install Argand's names."""

import importlib
import sys

from argand.compat.names import install

if __name__ == "torch":
    del sys.modules["torch"]  # this file, which Argand's module now replaces
    install()
    importlib.import_module("torch")
