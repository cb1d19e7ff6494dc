"""The Mersenne Twister in generated code, against NumPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argand import dtypes
from argand.kernels import jit
from argand.kernels.random import STATE_BYTES, STATE_WORDS, text
from tests.kernels.harness import _CALL, Guarded, assert_same

SEEDS = (0, 1, 42, 5489, 2**31, 2**32 - 1)


class Stream:
    """A generator as the kernels keep it, with guards around its state."""

    def __init__(self, seed: int) -> None:
        self.state = Guarded(dtypes.int32, (STATE_WORDS,))
        self._run("seed", seed)

    def _run(self, part: str, number: int, out: int = 0) -> None:
        words = np.array([self.state.array.ctypes.data, number, 0, out], np.int64)
        _CALL(jit.address(text(), part))(words.ctypes.data, None, 0, 1)
        self.state.check()

    def draw(self, part: str, count: int) -> np.ndarray:
        out = Guarded(dtypes.int32 if part == "raw32" else dtypes.int64, (count,))
        self._run(part, count, out.array.ctypes.data)
        out.check()
        drawn = out.array.copy()
        return drawn.view(np.uint32).astype(np.int64) if part == "raw32" else drawn


def numpys(seed: int) -> np.random.MT19937:
    """NumPy's generator after the seeding of 1998, which PyTorch uses too."""
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    return generator


@pytest.mark.parametrize("seed", SEEDS)
def test_the_state_after_seeding(seed: int) -> None:
    stream = Stream(seed)
    held = numpys(seed).state["state"]
    assert_same(stream.state.array[:624].view(np.uint32), held["key"].astype(np.uint32))
    assert stream.state.array[624] == held["pos"] == 624


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_32_bits(seed: int) -> None:
    """Beyond several renewals of the state."""
    got = Stream(seed).draw("raw32", 2000)
    assert_same(got, numpys(seed).random_raw(2000).astype(np.int64))


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_64_bits_have_the_first_draw_on_top(seed: int) -> None:
    got = Stream(seed).draw("raw64", 700)
    drawn = numpys(seed).random_raw(1400).astype(np.uint64).reshape(700, 2)
    assert_same(got, (drawn[:, 0] << np.uint64(32) | drawn[:, 1]).view(np.int64))


def test_the_published_sequence() -> None:
    """The 10,000th number for the seed 5489 is in the C++ standard ([rand.predef])."""
    assert Stream(5489).draw("raw32", 10_000)[-1] == 4123659995


def test_seeds_count_by_their_low_32_bits() -> None:
    seeds = (7, 2**32 + 7, 2**63 - 2**32 + 7, -(2**32) + 7)
    drawn = [Stream(seed).draw("raw32", 5).tolist() for seed in seeds]
    assert drawn == [drawn[0]] * 4


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.sampled_from(["raw32", "raw64"]), st.integers(0, 700)), max_size=6),
)
def test_the_stream_goes_on_from_call_to_call(seed: int, draws: list[tuple[str, int]]) -> None:
    stream, reference = Stream(seed), numpys(seed)
    for part, count in draws:
        got = stream.draw(part, count)
        if part == "raw32":
            wanted = reference.random_raw(count).astype(np.int64)
        else:
            pairs = reference.random_raw(2 * count).astype(np.uint64).reshape(count, 2)
            wanted = (pairs[:, 0] << np.uint64(32) | pairs[:, 1]).view(np.int64)
        assert_same(got, wanted)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 623, 624, 625, 5000])
def test_shuffle(count: int) -> None:
    """Fisher and Yates from the front, one number of 32 bits for each swap."""
    stream, reference = Stream(123), numpys(123)
    wanted = list(range(count))
    for i in range(count - 1):
        other = i + int(reference.random_raw()) % (count - i)
        wanted[i], wanted[other] = wanted[other], wanted[i]
    assert stream.draw("shuffle", count).tolist() == wanted
    assert stream.draw("raw32", 3).tolist() == reference.random_raw(3).tolist(), "what follows"


def test_the_state_has_the_size_that_is_told() -> None:
    assert (STATE_WORDS, STATE_BYTES) == (625, 2500)
