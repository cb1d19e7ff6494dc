"""What all schedulers share: when learning rates are set, and what is saved."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import ref

from argand.autograd.grad_mode import no_grad
from argand.optim.optimizer import Optimizer
from argand.tensor import Tensor

EPOCH_WARNING = (
    "scheduler.step: the argument `epoch` is deprecated; with it the closed form of a schedule is "
    "used where there is one, instead of what follows from the last learning rate"
)


class LRScheduler:
    """Base class: sets the learning rate of every group of an optimizer, once per `step`.

    A subclass computes the learning rates in `get_lr` from ``last_epoch``, ``base_lrs`` (those at
    the start) and the groups' present ones.

    Args:
        optimizer: whose learning rates are set.
        last_epoch: number of the last epoch when a training is resumed; -1 starts anew.

    Raises:
        TypeError: when `optimizer` is none.
        KeyError: when a training is resumed and a group has no ``initial_lr``.

    >>> import argand
    >>> optimizer = argand.optim.SGD([argand.ones(1, requires_grad=True)], lr=1.0)
    >>> class Half(LRScheduler):
    ...     def get_lr(self):
    ...         return [base / 2**self.last_epoch for base in self.base_lrs]
    >>> scheduler = Half(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming with "
                    f"last_epoch={last_epoch} (load the optimizer's state first)"
                )
        self.base_lrs: list[Any] = self._values("initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with self._while("_is_initial"):
            self.step()

    @contextmanager
    def _while(self, flag: str) -> Iterator[None]:
        setattr(self, flag, True)
        try:
            yield
        finally:
            setattr(self, flag, False)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last step set, one per group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of this epoch; meant for `step`."""
        if not self._get_lr_called_within_step:
            warnings.warn("get_lr: the last learning rates are those of get_last_lr", stacklevel=2)
        return self._rates()

    def _rates(self) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no schedule: override get_lr")

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch; call it after the optimizer's step."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(
                    "scheduler.step: optimizer.step was replaced after the scheduler was made, so "
                    "it is unknown whether it was called before",
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(
                    "scheduler.step was called before optimizer.step: the first learning rate is "
                    "skipped (call optimizer.step first)",
                    stacklevel=2,
                )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_WARNING, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        with self._while("_get_lr_called_within_step"):
            rates = self.get_lr() if closed is None else closed()
        self._set(rates)

    def _set(self, rates: Sequence[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", rate)
        self._last_lr: list[Any] = self._values("lr")

    def _values(self, key: str) -> list[Any]:
        """A setting of all groups."""
        return [_copied(group[key]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[Any]:
        """The present learning rates times `factor`."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler knows but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.__dict__.update(state_dict)


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Set a setting of a group; a tensor stays the same one."""
    if isinstance(group[key], Tensor):
        with no_grad():
            group[key].fill_(float(value))
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting for each group: one for all, or a list of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [_copied(value) for _ in range(groups)]
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {groups}."
        )
    return [_copied(v) for v in value]


def saved_function(function: Callable[..., Any]) -> dict[str, Any] | None:
    """What is saved of a function: the attributes of an object that can be called, else nothing."""
    return None if isinstance(function, types.FunctionType) else function.__dict__.copy()


def _watch_steps(optimizer: Optimizer) -> None:
    """Let the optimizer note that it made a step."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function = optimizer.step.__func__  # type: ignore[attr-defined]
    known = ref(optimizer)  # the optimizer would hold itself otherwise

    @wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = known()
        owner._opt_called = True
        return function(owner, *args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step  # type: ignore[method-assign]
