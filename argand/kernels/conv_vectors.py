"""Arithmetic on vectors of float32 as instructions, for kernels that are not traced expressions."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from argand.dtypes import float32
from argand.kernels.emit import Lowering, Writer, literal


def constant(value: float) -> str:
    """A vector with this number, rounded to float32, in each lane."""
    rounded = struct.unpack("f", struct.pack("f", value))[0]
    return f"splat (float {literal(rounded, float32)})"


class Vectors(Lowering):
    """Instructions on vectors of float32."""

    def __init__(self, writer: Writer, width: int) -> None:
        super().__init__(writer, width)
        self.type = self.vector(float32)
        self._multiply_add = f"llvm.fmuladd.v{width}f32"
        writer.declare(f"{self.type} @{self._multiply_add}({self.type}, {self.type}, {self.type})")

    def add(self, a: str, b: str) -> str:
        return self.w.let(f"fadd {self.type} {a}, {b}")

    def sub(self, a: str, b: str) -> str:
        return self.w.let(f"fsub {self.type} {a}, {b}")

    def scaled(self, a: str, factor: float) -> str:
        return a if factor == 1 else self.w.let(f"fmul {self.type} {a}, {constant(factor)}")

    def plus(self, a: str, b: str, factor: float) -> str:
        """``a + b * factor``."""
        arguments = ", ".join(f"{self.type} {x}" for x in (b, constant(factor), a))
        return self.w.let(f"call {self.type} @{self._multiply_add}({arguments})")

    def shuffle(self, a: str, b: str, lanes: Sequence[int]) -> str:
        """Lanes of `a` (numbered from 0) and of `b` (from the width on)."""
        numbers = ", ".join(f"i32 {i}" for i in lanes)
        mask = f"<{len(lanes)} x i32> <{numbers}>"
        return self.w.let(f"shufflevector {self.type} {a}, {self.type} {b}, {mask}")

    def numbers(self, kind: str = "i32", first: int = 0) -> str:
        """The vector ``first, first + 1, ...`` of integers."""
        inside = ", ".join(f"{kind} {first + i}" for i in range(self.width))
        return f"<{inside}>"
