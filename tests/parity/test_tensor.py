"""What Python asks of a tensor, in Argand and in PyTorch: the same answers, the same errors."""

import copy
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import argand
from tests.parity.scenarios import attempt, torch

BOTH = (argand, torch)


def plain(value: Any) -> Any:
    """A result without the framework it came from."""
    if hasattr(value, "requires_grad"):
        return [str(value.dtype), list(value.shape), value.requires_grad, str(value.tolist())]
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), value.tolist()]
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return str(value)
    return value if isinstance(value, (int, str, bool, complex, type(None))) else str(value)


class Answering:
    """An operand of a class that neither framework knows."""

    def __radd__(self, other: Any) -> str:
        return "radd"

    def __rmatmul__(self, other: Any) -> str:
        return "rmatmul"

    def __rpow__(self, other: Any) -> str:
        return "rpow"


# Expressions of `f`, the framework. Those that fail must raise the same type of exception.
NUMBERS = """
bool(f.ones(2)); bool(f.ones(0)); bool(f.zeros(1, 1)); int(f.ones(2)); float(f.ones(2))
int(f.ones(0)); float(f.tensor(1j)); int(f.tensor(1j)); complex(f.tensor(2.0))
complex(f.tensor(1j)); float(f.tensor(3)); int(f.tensor(float("nan")))
int(f.tensor(float("inf"))); int(f.tensor(2.7)); int(f.tensor(-2.7)); [1, 2, 3][f.tensor(1)]
[1, 2, 3][f.tensor(1.0)]; [1, 2, 3][f.tensor([1])]; [1, 2][f.tensor(True)]
[1, 2][f.tensor([1, 0])]; list(range(f.tensor(3))); "a" * f.tensor(3); round(2.567, f.tensor(1))
format(f.tensor(2.5), ".3f"); format(f.ones(2), ".3f"); format(f.tensor(3), "d"); f"{f.ones(2)}"
format(f.tensor(3), "x"); f"{f.tensor(2.5)}"; format(f.ones(1), ".2f"); 3 in f.arange(4)
9 in f.arange(4); "a" in f.arange(4); [1] in f.arange(4); None in f.arange(4)
f.arange(2) in f.arange(4); f.tensor(3) in f.arange(4); True in f.tensor([1]); len(f.tensor(1))
len(f.ones(3, 2)); list(f.tensor(1)); [x.item() for x in f.arange(3)]; reversed(f.arange(3))
f.ones(2).item(); f.ones(0).item(); f.tensor(1 + 2j).item(); f.tensor(True).item()
f.ones(1, 1).item(); f.ones(2).tolist(); f.tensor(1).tolist(); f.ones(0, 2).tolist()
f.ones(2).bfloat16().tolist(); f.ones(2).half().tolist(); f.ones(1).is_nonzero()
f.ones(2).is_nonzero(); f.ones(0).is_nonzero(); f.ones(1).__long__(); f.ones(1).__nonzero__()
+f.ones(2); +f.tensor(True); sum(f.arange(4)); max(f.arange(4))
sorted(f.tensor([3, 1, 2]))[0].item(); abs(f.tensor(-1)); divmod(7, 2); round(f.tensor(2.5))
hash(f.ones(1)) == hash(f.ones(1))
"""

OPERANDS = """
f.ones(1) + A(); f.ones(1) @ A(); f.ones(1) ** A(); f.ones(1) + "a"; f.ones(1) == "a"
f.ones(1) == None; f.ones(1) != None; f.ones(1) < None; f.ones(1) + None; None + f.ones(1)
f.ones(1) @ 3; f.ones(1) & 1.5; f.ones(1) == [1]; f.ones(1) + [1]; f.ones(2) + (1, 2)
f.ones(1) ** "a"; "a" ** f.ones(1); f.ones(2) // None; f.ones(2) % "a"; f.ones(1) + np.ones(1)
f.ones(2) + np.int64(1); f.ones(2) * np.float64(2); np.float64(2) * f.ones(2)
np.add(f.ones(2), 1); np.sin(f.zeros(2)); np.multiply(np.ones(2), f.ones(2))
np.asarray(f.ones(2)); np.array(f.ones(2), dtype="i4"); np.concatenate([f.ones(2), f.ones(2)])
np.array([f.ones(2), f.ones(2)]); np.array(f.ones(2, requires_grad=True))
np.sin(f.ones(2, requires_grad=True)); np.array(f.ones(2).bfloat16()); np.greater(f.ones(2), 0)
f.add(f.ones(1), np.ones(1)); f.ones(3)[3]; f.ones(3)[np.int64(1)]; f.ones(3)[np.array([1])]
f.ones(2)[np.array([True, False])]; f.ones(2).__array_priority__; f.ones(1) is None
not f.zeros(1)
"""

KINDS = """
f.ones(2).type(); f.ones(2).long().type(); f.ones(2).type("torch.LongTensor")
f.ones(2).type(f.int8); f.ones(2).type("foo"); f.ones(2).type(f.LongTensor); f.ones(2).type(int)
f.ones(2).to(int); f.ones(2).to(float); f.ones(2).to(bool); f.ones(2, dtype=int)
f.zeros(1, dtype="float"); f.ones(2).to(); f.ones(2).to("cpu", f.float64)
f.ones(2).to(f.device("cpu:0")).device; f.ones(2).to(f.ones(1).long())
f.ones(2).to(f.float64, True, True); f.ones(2).to(None); f.ones(2).to(device=None, dtype=None)
f.ones(2).to(dtype=f.float64, non_blocking=True, copy=True, memory_format=f.preserve_format)
f.ones(2).to(3); f.ones(2).to(foo=1); f.ones(2).to("float64"); f.ones(2).to("cuda")
f.ones(2).cuda(); f.ones(2).to("cuda:1"); f.ones(2).to("mps"); f.ones(2).to("xpu")
f.zeros(2, device="cuda"); f.device("foo"); f.ones(2).pin_memory(); f.ones(2).is_pinned()
f.ones(2).is_shared(); f.ones(2).get_device(); f.tensor(3, device="cuda"); f.ones(2).cpu()
f.ones(2).double(); f.ones(2).type_as(f.ones(1).int()); f.LongTensor([1, 2])
f.LongTensor(3).dtype; f.FloatTensor(2, 2).shape; f.BoolTensor([1, 0])
isinstance(f.ones(2), f.FloatTensor); isinstance(f.ones(2), f.LongTensor); f.Tensor(2, 3).shape
f.Tensor([1, 2]); f.Tensor(f.ones(2).long()); f.Tensor(2.5); f.Tensor("a"); f.Tensor()
f.Tensor((2, 3)); f.Tensor(f.Size([2, 3])).shape; f.Tensor(5, dtype=f.int64)
f.LongTensor(f.ones(2)); f.tensor(f.Size([2, 3])); f.typename(f.ones(2)); f.typename(3)
f.typename("a"); f.is_storage(f.ones(2).storage()); f.is_storage(f.ones(2).untyped_storage())
f.is_storage(f.ones(1)); f.is_tensor(f.ones(1)); f.is_tensor(1); f.ones(2).storage_type().__name__
f.ones(2).new(3).shape; f.ones(2).new([1, 2]); f.ones(2).long().new([1])
"""

MEMORY = """
f.ones(2).storage().tolist(); f.ones(2).untyped_storage().tolist(); f.ones(4)[1:].storage_offset()
f.ones(2).untyped_storage().nbytes(); f.ones(2).untyped_storage()[2]; f.ones(2).storage().dtype
f.ones(2).storage()[0]; len(f.ones(3).storage()); f.ones(2).storage().size()
str(f.ones(2).storage()); str(f.ones(1).untyped_storage())
f.ones(3)[1:].untyped_storage() == f.ones(3).untyped_storage(); f.ones(2).element_size()
f.ones(2).nbytes; f.ones(2).itemsize; f.ones(2).is_cpu; f.ones(2).is_cuda; f.ones(2).mT
f.ones(2).T; f.ones(2, 3).H; f.ones(2).mH; f.ones(2, 2, 2).H; f.ones(2, 2, 3).mT.shape
f.ones(2).is_set_to(f.ones(2)); f.ones(2).set_(); f.ones(2).set_(f.ones(3)); f.ones(2).dim_order()
f.ones(2).set_(f.ones(3).long())
f.ones(2).set_(f.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1))
f.ones(2).set_(f.arange(6.0).storage(), 1, (2,), (2,))
f.ones(2).set_(f.arange(6.0).storage(), 5, (2,)); f.ones(2).resize_(3, 0).shape
f.arange(4).resize_(2); f.arange(4).resize_(2, 2); f.arange(3).resize_as_(f.ones(1))
f.ones(2, requires_grad=True).resize_(1); f.ones(2, 3).t().dim_order()
f.ones(2).is_same_size(f.ones(2)); f.ones(2).name; f.ones(2).retains_grad; f.ones(2).grad_dtype
f.ones(2).layout; f.ones(2).is_distributed(); f.ones(2).is_inference(); f.ones(2).is_neg()
f.ones(2).to_dense(); f.ones(2).coalesce(); f.ones(2).values(); f.ones(2).indices()
f.ones(2).sparse_dim(); f.ones(2).dense_dim(); f.ones(2).is_coalesced()
f.ones(2).apply_(lambda v: v + 1); f.ones(2).map_(f.ones(2), lambda a, b: a + b)
f.ones(2).is_contiguous(); f.ones(1, 2, 3, 4).contiguous(memory_format=f.channels_last).stride()
f.ones(1, 2, 3, 4).to(memory_format=f.channels_last).is_contiguous(memory_format=f.channels_last)
f.ones(2, 2, 3, 4).clone(memory_format=f.channels_last).is_contiguous()
f.ones(2, 3).t().clone(memory_format=f.contiguous_format).stride()
f.ones(2).contiguous(memory_format=f.channels_last)
f.ones(2, 2, 3, 4, 5).contiguous(memory_format=f.channels_last_3d).stride()
f.ones(2, 3).t().clone().stride()
f.empty_like(f.ones(1, 2, 3, 4), memory_format=f.channels_last).stride()
f.ones(2, 2, 3, 4).to(memory_format=f.channels_last).to(f.float64).stride()
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [NUMBERS, OPERANDS, KINDS, MEMORY])
def test_expressions(text: str) -> None:
    faults = []
    for part in text.replace("\n", ";").split(";"):
        found = []
        for framework in BOTH:
            names = {"f": framework, "np": np, "A": Answering}
            found.append(attempt(lambda names=names, part=part: plain(eval(part.strip(), names))))
        if part.strip() and found[0] != found[1]:
            faults.append(f"{part.strip()}: {found[0]}, PyTorch: {found[1]}")
    assert not faults, "\n".join(faults)


def shared(framework: ModuleType, made: Any) -> Any:
    a, b = made
    a[2] = 100
    return plain([a, b]), b.stride(), b.storage_offset()


def test_deepcopy_keeps_shared_memory() -> None:
    found = []
    for framework in BOTH:
        x = framework.arange(8.0)
        found.append(shared(framework, copy.deepcopy([x, x[2::2]])))
    assert found[0] == found[1]


def test_deepcopy_and_pickle_of_leaves() -> None:
    found = []
    for framework in BOTH:
        x = framework.ones(2, requires_grad=True)
        x.grad = framework.ones(2)
        x.note = [1]
        notes = []
        copies = [copy.deepcopy(x), copy.copy(x)]
        copies += [pickle.loads(pickle.dumps(x, protocol)) for protocol in (2, 3, 4, 5)]
        notes += [
            plain([made, made.grad, made.note, made.note is x.note, made.is_leaf])
            for made in (*copies, *copy.deepcopy([x, x]))
        ]
        again = copy.deepcopy([x, x])
        notes.append(again[0] is again[1])
        notes.append(attempt(lambda x=x: copy.deepcopy(x * 2)))
        notes.append(plain(copy.copy(x * 2)))
        p = framework.nn.Parameter(framework.ones(2))
        notes.append(type(copy.deepcopy(p)).__name__)
        notes.append(type(pickle.loads(pickle.dumps(p))).__name__)
        found.append(notes)
    assert found[0] == found[1]
