"""A module as a tree: walking over children, parameters and buffers, and finding one by path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from argand.errors import message
from argand.nn.modules.registry import ModuleBase
from argand.nn.parameter import Parameter
from argand.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

    from argand.nn.modules.module import Module

Member = TypeVar("Member", bound=Tensor)


class Tree(ModuleBase):
    """The part of `Module` that walks over the tree below it.

    Every walk calls the same method of each child, so a subclass can change it for its own subtree.
    """

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
        for _, child in self.named_children():
            yield child

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, each once, with the name of the attribute.

        Example:
            >>> from argand import nn
            >>> [name for name, child in nn.Sequential(nn.ReLU(), nn.Tanh()).named_children()]
            ['0', '1']
        """
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all modules below it: see `named_modules`."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all modules below it, each before its children, with their paths.

        Args:
            memo (set): modules to leave out; those found are added.
            prefix (str): the path of this module. Default: the empty path.
            remove_duplicate (bool): give a module that occurs twice only once. Default: True.

        Example:
            >>> from argand import nn
            >>> net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
            >>> [path for path, module in net.named_modules()]
            ['', '0', '1', '1.0']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self  # type: ignore[misc]
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, _join(prefix, name), remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if `recurse`, of those below it: what to optimize.

        Example:
            >>> from argand import nn
            >>> [tuple(parameter.shape) for parameter in nn.Linear(2, 3).parameters()]
            [(3, 2), (3,)]
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths.

        Args:
            prefix (str): the path of this module. Default: the empty path.
            recurse (bool): include the modules below this one. Default: True.
            remove_duplicate (bool): give a parameter that occurs twice only once. Default: True.
        """
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if `recurse`, of those below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths; the arguments are those of `named_parameters`."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def _named_members(
        self,
        get_members_fn: Callable[[Any], Iterable[tuple[str, Member | None]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Member]]:
        """What a function finds in each module, with the paths."""
        seen: set[int] = set()
        modules: Iterable[tuple[str, Any]] = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _join(path, name), member

    def get_submodule(self, target: str) -> Module:
        """The module with a path like `"encoder.0"`; the empty path is this module.

        Raises:
            AttributeError: there is no such attribute, or it is not a module.

        Example:
            >>> from argand import nn
            >>> nn.Sequential(nn.Sequential(nn.Tanh())).get_submodule("0.0")
            Tanh()
        """
        found: Any = self
        for name in target.split(".") if target else ():
            found = _attribute(found, name, Tree, "Module")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path like `"encoder.0"`, in the place of the one that is there.

        Args:
            target (str): the path. All of it but the last name must exist.
            module (Module): the new module.
            strict (bool): the last name must exist too. Default: False.

        Raises:
            ValueError: the path is empty, or `module` is not a module.
            AttributeError: there is no such attribute, or it is not a module.
        """
        if target == "":
            raise ValueError(message("Module.set_submodule", "the path must not be empty"))
        if not isinstance(module, Tree):
            got = type(module).__name__
            raise ValueError(message("Module.set_submodule", "expects a Module", got))
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            _attribute(parent, name, Tree, "Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a path like `"encoder.0.weight"`.

        Raises:
            AttributeError: there is no such attribute, or it is not a parameter.
        """
        path, _, name = target.rpartition(".")
        return _attribute(self.get_submodule(path), name, Parameter, "Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a path like `"norm.running_mean"`.

        Raises:
            AttributeError: there is no such attribute, or it is not a buffer.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = _attribute(module, name, object, "buffer")
        if name not in module._buffers:
            raise AttributeError(message(module._get_name(), f"`{name}` is not a buffer"))
        return buffer

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function on every module of the tree, children first.

        Example:
            >>> from argand import nn
            >>> def fill(module):
            ...     if isinstance(module, nn.Linear):
            ...         nn.init.ones_(module.weight)
            >>> nn.Sequential(nn.Linear(2, 2)).apply(fill)[0].weight
            Parameter containing:
            tensor([[1., 1.],
                    [1., 1.]], requires_grad=True)
        """
        for child in self.children():
            child.apply(fn)
        fn(self)  # type: ignore[arg-type]
        return self

    def train(self, mode: bool = True) -> Self:
        """Set the tree to training, where layers like `Dropout` are active, or to evaluation.

        Args:
            mode (bool): True for training. Default: True.

        Raises:
            ValueError: `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(message("Module.train", "the mode must be a bool", repr(mode)))
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set the tree to evaluation: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether `backward` accumulates gradients in the parameters of the tree."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove the gradients of the parameters, or without `set_to_none` make them zero."""
        for parameter in self.parameters():
            gradient = parameter.grad
            if gradient is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if gradient.grad_fn is not None:
                gradient.detach_()
            else:
                gradient.requires_grad_(False)
            gradient.zero_()


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _attribute(module: ModuleBase, name: str, kind: type, described: str) -> Any:
    """An attribute of a module that must be of a kind."""
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    value = getattr(module, name)
    if not isinstance(value, kind):
        rule = f"`{name}` must be an nn.{described}"
        raise AttributeError(message(module._get_name(), rule, type(value).__name__))
    return value
