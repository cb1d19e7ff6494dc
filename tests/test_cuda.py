"""Programs that ask for a GPU go on without one."""

import pytest

import argand


def test_there_is_no_gpu() -> None:
    argand.cuda.manual_seed_all(0)
    argand.cuda.empty_cache()
    device = argand.device("cuda" if argand.cuda.is_available() else "cpu")
    assert argand.zeros(1, device=device).device == argand.device("cpu")
    assert argand.cuda.device_count() == 0


def test_using_one_is_refused() -> None:
    with pytest.raises(AssertionError, match="CUDA"):
        argand.cuda.synchronize()
    assert not hasattr(argand.cuda, "graphs")
