"""The names `torch` and `torchvision`, standing for Argand's own modules.

A finder in front of the others answers every import of the two names with the module object that
Argand has already: ``torch.nn.functional is argand.nn.functional``. Only names that PyTorch has
are found. What Argand lacks raises ModuleNotFoundError, so that a program which can do without
finds out in the usual way, and an installed PyTorch is never mixed in.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from argand.errors import message

_ROOTS = {"torch": "argand", "torchvision": "argand.vision"}

# The public modules of PyTorch, one name a line. Whatever else lies in Argand's folders (kernels,
# runtime, vision, helpers of nn, ...) is Argand's own and has no name under `torch`.
TABLE = Path(__file__).with_name("torch_modules.txt")
_TORCH = frozenset(TABLE.read_text(encoding="ascii").split())


def argand_name(name: str) -> str | None:
    """The name in Argand of PyTorch's module `name`; None if PyTorch has no such public module.

    >>> argand_name("torch.nn.functional")
    'argand.nn.functional'
    >>> argand_name("torchvision.transforms")
    'argand.vision.transforms'
    >>> argand_name("torch.kernels") is None
    True
    """
    root, dot, rest = name.partition(".")
    is_public = name in _TORCH if root == "torch" else "._" not in name
    return f"{_ROOTS[root]}{dot}{rest}" if root in _ROOTS and is_public else None


def torch_name(name: str) -> str | None:
    """The name in PyTorch of Argand's module `name`; None if PyTorch has no such public module.

    >>> torch_name("argand.vision.datasets")
    'torchvision.datasets'
    >>> torch_name("argand.cli") is None
    True
    """
    for alias, own in reversed(_ROOTS.items()):  # argand.vision is torchvision, not torch.vision
        if name == own or name.startswith(own + "."):
            candidate = alias + name[len(own) :]
            return candidate if argand_name(candidate) == name else None
    return None


class _Alias(Loader):
    """The loader behind one name: it hands out Argand's module as it is."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.own)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has just put the alias's in its place
        _alias_loaded()


class _Finder(MetaPathFinder):
    """Finds `torch`, `torchvision` and what is under them, and leaves other names alone."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        own = argand_name(fullname)
        if own is None or not (own in sys.modules or importlib.util.find_spec(own)):
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: Argand does not have it (yet)", name=fullname
            )
        return ModuleSpec(fullname, _Alias(own))


_finder = _Finder()


def _alias_loaded() -> None:
    """Enter every loaded module of Argand under PyTorch's name too.

    A name that is in `sys.modules` is not imported again. That saves the search, and it keeps
    attributes: importing ``torch.autograd.gradcheck`` afresh would set the attribute `gradcheck`
    of its package, which is a function, to the module.
    """
    for own, module in list(sys.modules.items()):
        if own == "argand" or own.startswith("argand."):
            alias = torch_name(own)
            if alias is not None:
                sys.modules.setdefault(alias, module)


def install() -> None:
    """Let `torch` and `torchvision` mean Argand in this process from now on.

    Raises:
        RuntimeError: if PyTorch or torchvision itself has been imported before.

    >>> import argand, argand.compat
    >>> argand.compat.install()  # doctest: +SKIP
    >>> import torch  # doctest: +SKIP
    >>> torch is argand  # doctest: +SKIP
    True
    """
    if _finder in sys.meta_path:
        return
    for alias, own in _ROOTS.items():
        if alias in sys.modules and sys.modules[alias] is not sys.modules.get(own):
            rule = f"{alias} must not have been imported before"
            got = str(getattr(sys.modules[alias], "__file__", alias))
            raise RuntimeError(message("compat.install", rule, got, "call it first of all"))
    sys.meta_path.insert(0, _finder)
    _alias_loaded()


def uninstall() -> None:
    """Undo `install`: the names are free again, for PyTorch if it is installed.

    >>> import sys
    >>> uninstall()
    >>> _finder in sys.meta_path
    False
    """
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for alias in list(sys.modules):
        own = argand_name(alias)
        if own and sys.modules[alias] is sys.modules.get(own):
            del sys.modules[alias]
