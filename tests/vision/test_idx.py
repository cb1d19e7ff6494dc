"""Reading IDX files: what is whole is read, what is not is refused, whatever the bytes."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from argand.vision.datasets.idx import read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}

shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array):
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda code: npst.arrays(code, npst.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@shared_folder
@given(arrays, st.booleans())
def test_round_trip(tmp_path, array, packed):
    path = tmp_path / ("data.gz" if packed else "data")
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


@shared_folder
@given(arrays, st.booleans(), st.data())
def test_a_truncated_file_is_refused(tmp_path, array, packed, data):
    path = tmp_path / ("data.gz" if packed else "data")
    content = idx_bytes(array)
    content = gzip.compress(content) if packed else content
    kept = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:kept])
    with pytest.raises(ValueError, match="data"):
        read_idx(path)


@shared_folder
@given(arrays, st.binary(min_size=1, max_size=9))
def test_a_longer_file_is_refused(tmp_path, array, extra):
    path = tmp_path / "data"
    path.write_bytes(idx_bytes(array) + extra)
    with pytest.raises(ValueError, match="but got more"):
        read_idx(path)


def check_garbage(path, content):
    """Garbage is refused, or it is by chance a file whose parts fit together."""
    path.write_bytes(content)
    try:
        array = read_idx(path)
    except ValueError:
        return
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    assert idx_bytes(array) == content


headers = st.builds(
    lambda start, code, sizes: (
        bytes(start) + bytes([code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    ),
    st.just((0, 0)) | st.tuples(st.integers(0, 255), st.integers(0, 255)),
    st.sampled_from(sorted(CODES.values())) | st.integers(0, 255),
    st.lists(st.integers(0, 4) | st.integers(0, 2**32 - 1), max_size=10),
)


@shared_folder
@given(st.binary(max_size=40) | st.builds(bytes.__add__, headers, st.binary(max_size=40)))
def test_garbage(tmp_path, content):
    check_garbage(tmp_path / "data", content)


@shared_folder
@given(arrays, st.data())
def test_damaged_gzip_files(tmp_path, array, data):
    content = bytearray(gzip.compress(idx_bytes(array)))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "data.gz"
    path.write_bytes(content)
    try:
        found = read_idx(path)
    except ValueError:
        return
    # Some bits of a gzip file carry no data: its time stamp, the padding of its last byte.
    assert found.tobytes() == array.tobytes()


def test_a_header_that_lies_reserves_no_memory(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes([0, 0, 14, 3]) + b"\xff" * 12 + b"few")
    with pytest.raises(ValueError, match="but got 3"):
        read_idx(path)


def test_the_message_names_file_and_bytes(tmp_path):
    path = tmp_path / "train-images"
    path.write_bytes(idx_bytes(np.zeros((5, 4), "u1"))[:-3])
    with pytest.raises(ValueError, match=r"train-images must have 20 bytes .*, but got 17"):
        read_idx(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=r"train-images must start .*3c 68 74 6d"):
        read_idx(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="but got nothing"):
        read_idx(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "data")
