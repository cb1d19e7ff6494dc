"""float16 by integer arithmetic, for processors without instructions that convert it."""

from __future__ import annotations

from argand import dtypes
from argand.kernels.expr import INPUT, Expr, const, leaf

BITS = leaf(INPUT, 0, dtypes.int32)  # a float16's bits, zero-extended
VALUE = leaf(INPUT, 0, dtypes.float32)


def _from_half(bits: Expr) -> Expr:
    sign = (bits & 0x8000).shl(bits.constant(16))
    size = (bits & 0x7FFF).shl(bits.constant(13))
    # exponents shift by 127 - 15; as a product, so that denormal numbers come out normal
    scaled = (size.bitcast(dtypes.float32) * 2.0**112).bitcast(dtypes.int32)
    endless = (bits & 0x7C00).eq(0x7C00)  # infinity or NaN
    return (endless.where(size | 0x7F800000, scaled) | sign).bitcast(dtypes.float32)


def _to_half(x: Expr) -> Expr:
    bits = x.bitcast(dtypes.int32)
    size = bits & 0x7FFFFFFF
    odd = size.shr(size.constant(13)) & 1
    normal = (size + odd + 0xFFF).shr(size.constant(13)) - ((127 - 15) << 10)
    # the last place of 0.5 is the smallest float16, so that the sum rounds to it
    denormal = (x.abs() + 0.5).bitcast(dtypes.int32) - 0x3F000000
    result = (x.abs() < 2.0**-14).where(denormal, normal)
    result = (x.abs() < 65520.0).where(result, const(0x7C00, dtypes.int32))
    result = x.ne(x).where(const(0x7E00, dtypes.int32), result)
    return result | bits.lshr(bits.constant(16)) & 0x8000


FROM_HALF = _from_half(BITS)  # the float32
TO_HALF = _to_half(VALUE)  # the float16's bits as int32
