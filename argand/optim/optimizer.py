"""The base of all optimizers: parameter groups, states, hooks, saving and loading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from argand.autograd.grad_mode import enable_grad, no_grad
from argand.autograd.node import RemovableHandle
from argand.optim.fused import Launch
from argand.tensor import Tensor


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class: holds the parameters in groups with settings, and a state per parameter.

    A subclass names its states and writes its rule; `step` applies it to each group in one call.

    Args:
        params: tensors, or dictionaries with ``params`` and settings of their own.
        defaults: settings of groups that do not say otherwise.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {type(params).__name__}"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._bundles: dict[Any, Any] = {}
        self._before_step: dict[int, Callable[..., Any]] = {}
        self._after_step: dict[int, Callable[..., Any]] = {}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- parameters -----------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with its own settings.

        Raises:
            ValueError: when a parameter is in a group already, or is no leaf.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections")
        named = [params] if isinstance(params, Tensor) else list(params)
        if named and isinstance(named[0], tuple):
            param_group["param_names"] = [name for name, _ in named]
            named = [p for _, p in named]
        param_group["params"] = named
        for p in named:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p)}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in named) or len({id(p) for p in named}) != len(named):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach().zero_()

    # ---- stepping -------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter by the rule; `closure` computes the loss again where needed."""
        for hook in list(self._before_step.values()):
            hook(self, (closure,) if closure else (), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for number, group in enumerate(self.param_groups):
            self._step_group(number, group)
        for hook in list(self._after_step.values()):
            hook(self, (closure,) if closure else (), {})
        return loss

    def _step_group(self, number: int, group: dict[str, Any]) -> None:
        """Apply the rule to one group."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return RemovableHandle(self._before_step, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle(self._after_step, hook)

    # ---- saving and loading -----------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """States by the number of the parameter, and the groups with numbers for parameters."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            ValueError: when groups or their sizes differ.
        """
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        numbers = chain.from_iterable(g["params"] for g in saved)
        params = chain.from_iterable(g["params"] for g in groups)
        by_number = dict(zip(numbers, params))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            owner = by_number.get(key)
            if owner is None:
                state[key] = value
            else:
                state[owner] = {name: _fitted(name, v, owner) for name, v in value.items()}
        for group, new in zip(groups, saved):
            new["params"] = group["params"]
        self.param_groups = saved
        self.state = state
        self._bundles.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bundles = {}
        self._before_step, self._after_step = {}, {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join((*lines, ")"))


def _fitted(name: str, value: Any, owner: Any) -> Any:
    """A loaded state in the type of its parameter; step counts stay."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    if name == "step":
        return value.clone()
    if owner.is_floating_point():
        return value.to(owner.dtype, copy=True)
    return value.clone()


class Bundle:
    """The parameters of a group that step together, with their states and the launch."""

    def __init__(self, params: Sequence[Any], states: Sequence[Any], names: Sequence[str]) -> None:
        self.params = list(params)
        self.columns = [[s[name] for s in states] for name in names]
        self.launches: dict[Any, Launch] = {}

    def run(
        self, rule: Any, numbers: Sequence[float], settings: dict[str, Any]
    ) -> None:
        """Apply the rule to all of them."""
        gradients = [gradient_of(p) for p in self.params]
        columns = [self.params, gradients, *self.columns]
        key = (rule, tuple(settings.items()))
        launch = self.launches.get(key)
        if launch is None:
            launch = self.launches[key] = Launch(rule, columns, len(numbers), settings)
        else:
            launch.point(columns)
        launch(*numbers)
        for p in self.params:
            p.storage.version += 1


def gradient_of(p: Any) -> Any:
    """A parameter's gradient in the parameter's own memory order."""
    gradient = p.grad
    if gradient.layout is p.layout:
        return gradient
    with no_grad():
        out = p.new_empty(p.shape) if p.layout.contiguous else p.detach().clone()
        return out.copy_(gradient)
