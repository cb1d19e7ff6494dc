"""Batches on their way from a worker process to the loader.

A message is pickled with its arrays and tensors left out, which then follow as raw bytes and
are received into fresh memory: no array is copied into a pickle. Three parts go through the pipe:
the pickled sizes of the raw parts, the pickle itself, and the raw parts.
"""

import io
import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

import argand
from argand.errors import message
from argand.tensor import Tensor

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Parts = list[Any]

_DESCRIPTORS = hasattr(os, "readv")


def encode(content: Any) -> Parts:
    """The byte parts of a message.

    Raises:
        RuntimeError: a tensor that takes part in a gradient and is no leaf.
        pickle.PicklingError, TypeError, AttributeError: content that cannot be pickled.

    >>> [type(part).__name__ for part in encode({"x": argand.ones(2)})]
    ['bytes', 'bytes', 'memoryview']
    """
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    _BatchPickler(stream, protocol=5, buffer_callback=buffers.append).dump(content)
    raw = [buffer.raw() for buffer in buffers]
    return [pickle.dumps([part.nbytes for part in raw]), stream.getvalue(), *raw]


def send(connection: "Connection[Any, Any]", parts: Parts) -> None:
    """Write a message's parts to a pipe."""
    sizes, pickled, *raw = parts
    connection.send_bytes(sizes)
    connection.send_bytes(pickled)
    for part in raw:
        _send_raw(connection, part)


def receive(connection: "Connection[Any, Any]") -> Any:
    """Read the next message's content from a pipe; EOFError or OSError if it breaks off."""
    sizes = pickle.loads(connection.recv_bytes())
    pickled = connection.recv_bytes()
    buffers = [np.empty(size, np.uint8) for size in sizes]
    for buffer in buffers:
        _receive_raw(connection, buffer.data)
    return pickle.loads(pickled, buffers=buffers)


# A `Connection` receives through two further copies, so that where a pipe is a file descriptor
# it is read and written directly.


def _send_raw(connection: "Connection[Any, Any]", part: memoryview) -> None:
    if not _DESCRIPTORS:
        connection.send_bytes(part)
        return
    while part.nbytes:
        part = part[os.write(connection.fileno(), part) :]


def _receive_raw(connection: "Connection[Any, Any]", part: memoryview) -> None:
    if not _DESCRIPTORS:
        connection.recv_bytes_into(part)
        return
    while part.nbytes:
        count = os.readv(connection.fileno(), [part])
        if count == 0:
            raise EOFError
        part = part[count:]


class _BatchPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return _reduce(value) if isinstance(value, Tensor) else NotImplemented


def _reduce(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            message(
                "DataLoader",
                "a tensor from a worker must not be the result of a recorded operation",
                f"a tensor of shape {tuple(tensor.shape)} with requires_grad=True",
                "detach() it in the data set or in collate_fn",
            )
        )
    values = tensor.detach()
    if values.dtype == argand.bfloat16:  # NumPy has no such type: send the bits
        return _rebuild, (values.view(argand.int16).numpy(), True, tensor.requires_grad)
    return _rebuild, (values.numpy(), False, tensor.requires_grad)


def _rebuild(array: np.ndarray, is_bfloat16: bool, requires_grad: bool) -> Tensor:
    tensor = argand.from_numpy(array)
    if is_bfloat16:
        tensor = tensor.view(argand.bfloat16)
    return tensor.requires_grad_(requires_grad)
