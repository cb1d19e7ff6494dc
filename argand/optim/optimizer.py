"""The base of all optimizers: parameter groups, states, hooks, saving and loading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from operator import is_
from typing import Any, NamedTuple

from argand.autograd.grad_mode import enable_grad
from argand.autograd.node import RemovableHandle
from argand.optim.fused import Bundle
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
        if defaults.get("differentiable"):
            raise NotImplementedError(
                f"{type(self).__name__} does not have differentiable=True (yet)"
            )
        if defaults.get("fused") and defaults.get("foreach"):
            raise RuntimeError(f"{type(self).__name__}: fused and foreach exclude each other")
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
        args: tuple[Any, ...] = (self,) if closure is None else (self, closure)
        kwargs: dict[str, Any] = {}
        for hook in list(self._before_step.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        loss = self._step(args[1] if len(args) > 1 else kwargs.get("closure"))
        for hook in list(self._after_step.values()):
            hook(self, args, kwargs)
        return loss

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for number, group in enumerate(self.param_groups):
            self._step_group(number, group)
        return loss

    def _step_group(self, number: int, group: dict[str, Any]) -> None:
        """Apply the rule to one group."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other arguments.

        The first of `args` is the optimizer.
        """
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
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
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
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
            for name, default in self.defaults.items():
                new.setdefault(name, default)  # settings that came after the file
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


class FusedOptimizer(Optimizer):
    """An optimizer whose step is one kernel per group: a rule, its states and its numbers."""

    @staticmethod
    def _rule(*values: Any, **settings: Any) -> tuple[Any, ...]:
        """New ``(parameter, *states)`` of ``(parameter, gradient, *states, *numbers)``."""
        raise NotImplementedError("the optimizer has no rule")

    def _starts(self, group: dict[str, Any]) -> dict[str, float]:
        """The states that the rule changes, and their first values."""
        return {}

    def _counters(self, group: dict[str, Any]) -> dict[str, float]:
        """Numbers kept per parameter, and their first values."""
        return {"step": 0.0}

    def _settings(self, group: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
        """What shapes the kernel."""
        return {"maximize": group["maximize"], "decays": group["weight_decay"] != 0}

    def _numbers(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        """The rule's numbers for a step that is counted already; other counters move on here."""
        raise NotImplementedError(f"{type(self).__name__} has no numbers")

    def _step_group(self, number: int, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        if group.get("capturable"):
            raise AssertionError(
                f"{type(self).__name__}: capturable=True needs parameters on an accelerator, but "
                "got them on the CPU"
            )
        for bundle in self._bundled(number, group, params):
            if bundle.counted:
                bundle["step"] += 1
            settings = self._settings(group, bundle)
            bundle.run(self._rule, self._numbers(group, bundle), settings)

    def _bundled(self, number: int, group: dict[str, Any], params: list[Any]) -> list[Bundle]:
        """The parameters in bundles: those of the last step, when nothing changed."""
        starts = self._starts(group)
        layouts = [p.form for p in params]
        known = self._bundles.get(number)
        if (
            known is not None
            and known.state is self.state
            and known.size == len(self.state)
            and known.names == list(starts)
            and known.layouts == layouts
            and all(map(is_, known.params, params))
        ):
            return known.bundles
        bundles = self._bundle(params, self._counters(group), starts)
        self._bundles[number] = _Known(
            self.state, len(self.state), list(starts), layouts, params, bundles
        )
        return bundles

    def _bundle(
        self, params: list[Any], counters: dict[str, float], starts: dict[str, float]
    ) -> list[Bundle]:
        """What differs in type, counters or age cannot share a call."""
        alike: dict[tuple[Any, ...], list[tuple[Any, dict[str, Any]]]] = {}
        for p in params:
            state = self.state[p] if counters or starts else {}
            counts = [float(state.get(name, first)) for name, first in counters.items()]
            fresh = all(state.get(name) is None for name in starts)
            alike.setdefault((p.dtype, fresh, *counts), []).append((p, state))
        return [
            Bundle([p for p, _ in some], [s for _, s in some], dict(zip(counters, counts)), starts)
            for (_, _, *counts), some in alike.items()
        ]


class _Known(NamedTuple):
    """The bundles of a group, and what they were made for."""

    state: Any
    size: int
    names: list[str]
    layouts: list[Any]
    params: list[Any]
    bundles: list[Bundle]


def check_settings(lr: Any, betas: Sequence[float] = (), **others: float) -> None:
    """Refuse settings that are negative, and shares that are not below one.

    Raises:
        ValueError: for those, and when a learning rate is a tensor of several elements.
    """
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, but has shape {tuple(lr.shape)}")
    if not lr >= 0:
        raise ValueError(f"Invalid learning rate: {lr}")
    for name, value in others.items():
        if not value >= 0:
            shown = {"eps": "epsilon"}.get(name, name)
            raise ValueError(f"Invalid {shown} value: {value}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def decay_number(group: dict[str, Any]) -> float:
    """The number that `descent` takes: what is added to gradients, or kept of parameters."""
    decay = float(group["weight_decay"])
    return 1.0 - float(group["lr"]) * decay if group.get("decoupled_weight_decay") else decay
