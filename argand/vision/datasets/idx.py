"""The IDX file format of MNIST and its relatives.

Two zero bytes, a byte for the type of the values, a byte for the number of dimensions, their
sizes as big-endian 32-bit integers, then the values, big-endian, last dimension fastest.
Source: http://yann.lecun.com/exdb/mnist/
"""

import gzip
import math
import os
import struct
import zlib
from io import BufferedIOBase

import numpy as np

from argand.errors import message

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_DIMENSIONS = 8
_BLOCK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file, which may be compressed with gzip (name ending in `.gz`).

    The array is writable, in the machine's byte order.

    Raises:
        ValueError: the file is not what its header says; the message names the file, and the
            bytes expected and found.
        FileNotFoundError: no such file.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]))
    ...     read_idx(path)
    array([5, 7], dtype=uint8)
    """
    name = os.fspath(path)
    try:
        with gzip.open(name) if name.endswith(".gz") else open(name, "rb") as file:
            dtype, shape = _read_header(file, name)
            expected = math.prod(shape) * dtype.itemsize
            content = _read_up_to(file, expected + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(message("read_idx", f"{name} is no complete gzip file: {error}")) from None
    if len(content) != expected:
        found = str(len(content)) if len(content) < expected else "more"
        raise ValueError(
            message(
                "read_idx",
                f"{name} must have {expected} bytes of data for the shape {shape}",
                found,
                "delete the file and fetch it anew",
            )
        )
    values = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _read_header(file: BufferedIOBase, name: str) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise ValueError(
            message(
                "read_idx",
                f"{name} must start with two zero bytes, a type out of "
                f"{sorted(_TYPES)} and a number of dimensions",
                magic.hex(" ") or "nothing",
            )
        )
    dimensions = magic[3]
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError(
            message("read_idx", f"{name} may have {_MOST_DIMENSIONS} dimensions", str(dimensions))
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise ValueError(
            message(
                "read_idx",
                f"{name} must have {4 * dimensions} bytes of sizes after the first 4",
                str(len(sizes)),
            )
        )
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{dimensions}I", sizes)


def _read_up_to(file: BufferedIOBase, count: int) -> bytearray:
    """At most `count` bytes; a header that lies about the size reserves no memory."""
    content = bytearray()
    while len(content) < count:
        block = file.read(min(_BLOCK, count - len(content)))
        if not block:
            break
        content += block
    return content
