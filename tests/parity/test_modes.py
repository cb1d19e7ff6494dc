"""Switches and questions about the machine, in Argand and in PyTorch."""

import pytest

import argand
from tests.parity.scenarios import attempt, torch

# Expressions of `f`, the framework; each group is evaluated from its begin to its end.
SWITCHES = """
f.use_deterministic_algorithms(True); f.are_deterministic_algorithms_enabled()
f.is_deterministic_algorithms_warn_only_enabled(); f.get_deterministic_debug_mode()
f.set_deterministic_debug_mode("warn"); f.get_deterministic_debug_mode()
f.is_deterministic_algorithms_warn_only_enabled(); f.set_deterministic_debug_mode(5)
f.set_deterministic_debug_mode("default"); f.are_deterministic_algorithms_enabled()
f.get_float32_matmul_precision(); f.set_float32_matmul_precision("high")
f.get_float32_matmul_precision(); f.set_float32_matmul_precision("highest")
f.is_warn_always_enabled(); f.set_warn_always(True); f.is_warn_always_enabled()
f.set_warn_always(False); str(f.get_default_device()); f.set_default_device("cpu")
f.compiled_with_cxx11_abi(); f.set_default_tensor_type(f.DoubleTensor); str(f.get_default_dtype())
f.set_default_tensor_type("torch.FloatTensor"); str(f.get_default_dtype())
f.set_default_tensor_type(f.LongTensor); f.set_num_interop_threads(0)
"""

MACHINE = """
f.cuda.is_available(); f.cuda.device_count(); f.cuda.is_bf16_supported(); f.cuda.memory_allocated()
f.cuda.current_device(); f.cuda.get_device_name(); f.cuda.synchronize(); f.cuda.get_arch_list()
f.cuda.get_device_properties(0); f.cuda.get_device_capability(); f.cuda.init()
f.backends.cudnn.is_available(); f.backends.cudnn.version(); f.backends.cudnn.enabled
f.backends.cudnn.benchmark; f.backends.cudnn.deterministic; f.backends.cudnn.allow_tf32
f.backends.cuda.matmul.allow_tf32; f.backends.cuda.is_built(); f.backends.mps.is_available()
f.backends.mps.is_built(); f.backends.cpu.get_cpu_capability(); f.version.cuda; f.version.hip
f.version.debug; f.backends.opt_einsum.enabled; f.backends.no_such_backend
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [SWITCHES, MACHINE])
def test_answers(text: str) -> None:
    for part in text.replace("\n", ";").split(";"):
        if not part.strip():
            continue
        own, theirs = (
            attempt(lambda f=f, part=part: eval(part.strip(), {"f": f})) for f in (argand, torch)
        )
        if theirs == "AttributeError":
            assert own in ("AttributeError", "MissingError"), part
        else:
            assert own == theirs, part


def test_switches_of_backends_are_kept() -> None:
    cudnn = argand.backends.cudnn
    with cudnn.flags(benchmark=True, enabled=False):
        assert cudnn.benchmark
        assert not cudnn.enabled
    assert not cudnn.benchmark
    assert not argand.backends.mkl.is_available()


def test_forked_random_state() -> None:
    found = []
    for f in (argand, torch):
        f.manual_seed(3)
        with f.random.fork_rng(devices=[]):
            f.manual_seed(4)
            inside = f.rand(2).tolist()
        with f.random.fork_rng(enabled=False):
            f.rand(1)
        found.append([inside, f.rand(2).tolist()])
    assert found[0] == found[1]
