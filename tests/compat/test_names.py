"""PyTorch's names for Argand's modules, each case in a process of its own."""

import subprocess
import sys

import pytest

from argand.compat.names import argand_name, torch_name

INSTALL = "import sys, argand, argand.compat; argand.compat.install()\n"


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("import torch as it", "argand"),
        ("import torch.nn as it", "argand.nn"),
        ("import torch.nn.functional as it", "argand.nn.functional"),
        ("from torch.nn import functional as it", "argand.nn.functional"),
        ("import torch.optim.lr_scheduler as it", "argand.optim.lr_scheduler"),
        ("from torch.optim import lr_scheduler as it", "argand.optim.lr_scheduler"),
        ("from torch.utils import data as it", "argand.utils.data"),
        ("import torchvision as it", "argand.vision"),
        ("import torchvision.transforms as it", "argand.vision.transforms"),
        ("from torchvision import datasets as it", "argand.vision.datasets"),
    ],
)
def test_an_import_gives_the_same_module(statement: str, module: str) -> None:
    check = f"import {module}; assert it is sys.modules[{module!r}], it"
    python(f"{INSTALL}{statement}\n{check}")


def test_modules_keep_what_they_know_about_themselves() -> None:
    python(
        INSTALL + "import torch.nn.functional, torchvision.transforms\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.partition('.')[0] in ('torch', 'torchvision'):\n"
        "        assert module.__spec__.name == module.__name__, (name, module.__spec__)\n"
        "        assert module.__name__.startswith('argand'), name\n"
    )


def test_names_defined_in_a_module_are_imported_from_it() -> None:
    python(
        INSTALL + "from torch.utils.data import DataLoader\n"
        "from torch import nn\n"
        "from argand.utils import data\n"
        "assert DataLoader is data.DataLoader and nn is argand.nn\n"
    )


def test_importing_a_module_leaves_a_function_of_its_name_alone() -> None:
    python(INSTALL + "import torch.autograd.gradcheck\nassert callable(torch.autograd.gradcheck)\n")


@pytest.mark.parametrize(
    "name",
    ["kernels", "runtime", "ops", "graph", "tensor", "vision", "compat", "cli", "demo", "config"],
)
def test_modules_that_pytorch_lacks_are_not_found(name: str) -> None:
    """Not even when they are loaded under their own name, or lie in the folder to be found."""
    out = python(
        f"{INSTALL}try:\n    import torch.{name}\n"
        "except ModuleNotFoundError as error:\n    print(error.name, '|', error)\n"
    )
    assert out == f"torch.{name} | No module named 'torch.{name}': Argand does not have it (yet)\n"


@pytest.mark.parametrize("name", ["torch.no_such", "torch.nn.no_such", "torchvision.no_such"])
def test_what_is_missing_is_named_as_in_pytorch(name: str) -> None:
    out = python(
        f"{INSTALL}try:\n    import {name}\n"
        "except ModuleNotFoundError as error:\n    print(error.name, 'Argand' in str(error))\n"
    )
    assert out == f"{name} True\n"


def test_uninstall_frees_the_names() -> None:
    python(
        INSTALL + "import torch.nn, torchvision\n"
        "argand.compat.install()\n"  # a second time changes nothing
        "argand.compat.uninstall()\n"
        "assert not [n for n in sys.modules if n.partition('.')[0] in ('torch', 'torchvision')]\n"
        "assert 'argand.nn' in sys.modules and 'argand.vision' in sys.modules\n"
        "sys.path[:] = []\n"
        "try:\n    import torch\nexcept ModuleNotFoundError as error:\n"
        "    assert 'Argand' not in str(error)\nelse:\n    raise SystemExit(torch)\n"
    )


def test_a_pytorch_that_is_already_imported_is_refused() -> None:
    out = python(
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n"
        "import argand.compat\ntry:\n    argand.compat.install()\n"
        "except RuntimeError as error:\n    print(error)\n"
        "assert not any('compat' in type(f).__module__ for f in sys.meta_path)\n"
    )
    assert "torch must not have been imported before" in out


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("torch", "argand"),
        ("torch.nn.functional", "argand.nn.functional"),
        ("torchvision.ops", "argand.vision.ops"),
        ("torch.ops", None),
        ("torch.nn._private", None),
        ("torchaudio", None),
        ("torch2", None),
    ],
)
def test_argand_name(name: str, own: str | None) -> None:
    assert argand_name(name) == own
    if own is not None:
        assert torch_name(own) == name


@pytest.mark.parametrize("own", ["argand.vision._io", "argand.cli", "argandx", "numpy"])
def test_own_modules_have_no_name_in_pytorch(own: str) -> None:
    assert torch_name(own) is None
