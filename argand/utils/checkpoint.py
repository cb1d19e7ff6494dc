"""Memory for time: parts of a network that keep their inputs and compute the rest again.

In the forward pass, a checkpointed part saves no intermediate results; in the backward pass it runs
once more to get them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import argand
from argand.autograd import Function, backward, enable_grad
from argand.autograd.grad_mode import mode
from argand.autograd.graph import saved_tensors_hooks
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn",
           "set_checkpoint_debug_enabled", "set_checkpoint_early_stop"]  # fmt: skip


class CheckpointError(RuntimeError):
    """What was computed again is not what was computed at first."""


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: the default for the two runs of a checkpointed function."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function without keeping what it computes; backward calls it again.

    Args:
        function: what to call with `args` and `kwargs`. It must do the same each time.
        use_reentrant: whether the second run is a backward pass of its own. That kind is older: it
            needs an argument that requires gradients, takes no keyword arguments, and works with
            ``backward()`` only. None is taken for True, with a warning.
        context_fn: returns two contexts, for the first and the second run.
        determinism_check: "default" compares sizes and types of what the two runs save, "none"
            does not.
        debug: accepted for compatibility.
        early_stop: whether the second run stops as soon as everything needed is there.
        preserve_rng_state: whether the second run draws the random numbers of the first.

    Raises:
        CheckpointError: in backward, if the second run saved something else than the first.
        ValueError: keyword arguments, or other settings, that the older kind does not know.

    >>> import argand
    >>> x = argand.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([1.2534, 1.2534])
    """
    if use_reentrant is None:
        warnings.warn(
            "checkpoint: the use_reentrant parameter should be passed explicitly; "
            "use_reentrant=False is recommended",
            stacklevel=2,
        )
        use_reentrant = True
    if not use_reentrant:
        run = _Recomputed(function, args, kwargs, preserve_rng_state, context_fn,
                          _early_stop[-1] and early_stop, determinism_check)  # fmt: skip
        return run.first()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        rule = "context_fn and debug are there only with use_reentrant=False"
        raise ValueError(message("checkpoint", rule))
    if not any(isinstance(x, Tensor) and x.requires_grad for x in args):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )
    return CheckpointFunction.apply(function, preserve_rng_state, *args)


# ---- the older kind -----------------------------------------------------------------------------


class CheckpointFunction(Function):
    """A function whose backward runs it again, and a backward pass through it."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        ctx.function = function
        ctx.state = argand.get_rng_state() if preserve else None
        ctx.others = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*(x if isinstance(x, Tensor) else None for x in args))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if mode.walk.targets is not None:
            raise RuntimeError(
                "When use_reentrant=True, checkpoint is incompatible with .grad() or passing an "
                "`inputs` parameter to .backward(). Set use_reentrant=False, or call .backward() "
                "without the `inputs` argument."
            )
        args = [
            other if saved is None else _detached(saved)
            for saved, other in zip(ctx.saved_tensors, ctx.others)
        ]
        with _random_state(ctx.state), enable_grad():
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (x, g) for x, g in zip(outputs, gradients) if isinstance(x, Tensor) and x.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([x for x, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in args))


def _detached(x: Any) -> Any:
    """The same values as a leaf of a new graph."""
    return x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x


@contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Draw random numbers from `state` on, and go on afterwards as if nothing had been drawn."""
    if state is None:
        yield
        return
    before = argand.get_rng_state()
    argand.set_rng_state(state)
    try:
        yield
    finally:
        argand.set_rng_state(before)


# ---- the newer kind -----------------------------------------------------------------------------


class _Stop(Exception):
    """Everything that backward needs has been computed."""


class _Recomputed:
    """A call whose saved tensors are numbers; the first one that is needed runs it again."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve: bool,
        context_fn: Callable[[], tuple[Any, Any]],
        early_stop: bool,
        determinism_check: str,
    ) -> None:
        if determinism_check not in ("default", "none"):
            rule = "determinism_check must be 'default' or 'none'"
            raise ValueError(message("checkpoint", rule, repr(determinism_check)))
        self.function, self.args, self.kwargs = function, args, kwargs
        self.state = argand.get_rng_state() if preserve else None
        self.contexts = context_fn()
        self.early_stop = early_stop
        self.compares = determinism_check == "default"
        self.described: list[Any] = []  # shape and type of every saved tensor
        self.found: dict[int, Any] = {}

    def first(self) -> Any:
        """The result, in a graph that saves numbers."""
        with self.contexts[0], saved_tensors_hooks(self._note, self._get):
            return self.function(*self.args, **self.kwargs)

    def _note(self, tensor: Any) -> int:
        self.described.append((tuple(tensor.shape), tensor.dtype))
        return len(self.described) - 1

    def _get(self, number: int) -> Any:
        if number not in self.found:
            self._run_again()
        return self.found.pop(number)

    def _run_again(self) -> None:
        count = 0

        def keep(tensor: Any) -> None:
            nonlocal count
            self.found[count] = tensor.detach()
            count += 1
            if self.early_stop and count == len(self.described):
                raise _Stop

        self.found.clear()
        args = [_detached(x) for x in self.args]
        kwargs = {name: _detached(x) for name, x in self.kwargs.items()}
        with _random_state(self.state), enable_grad(), self.contexts[1]:
            try:
                with saved_tensors_hooks(keep, _never):
                    self.function(*args, **kwargs)
            except _Stop:
                pass
        self._check(count)

    def _check(self, count: int) -> None:
        if count != len(self.described):
            raise CheckpointError(
                "checkpoint: the two runs of a function must save the same tensors, but the first "
                f"saved {len(self.described)} and the second {count}"
            )
        if not self.compares:
            return
        for number, (shape, kind) in enumerate(self.described):
            again = self.found[number]
            if tuple(again.shape) != shape or again.dtype is not kind:
                raise CheckpointError(
                    "checkpoint: the two runs of a function must save the same tensors, but tensor "
                    f"{number} was {kind} of shape {list(shape)} at first and is {again.dtype} of "
                    f"shape {list(again.shape)} now"
                )


def _never(value: Any) -> Any:
    raise RuntimeError(message("checkpoint", "a second run must not be differentiated by itself"))


_early_stop = [True]


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Say within a ``with`` block whether second runs may stop early."""
    _early_stop.append(bool(enable))
    try:
        yield
    finally:
        _early_stop.pop()


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted for compatibility; it changes nothing."""
    yield


# ---- sequences ----------------------------------------------------------------------------------


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run modules or functions in order, in segments that are checkpointed, all but the last.

    Args:
        functions: an `nn.Sequential`, or a list of functions.
        segments: into how many parts to cut it.
        input: what the first function gets.
        use_reentrant: see `checkpoint`, as for `preserve_rng_state`.

    >>> import argand
    >>> net = argand.nn.Sequential(argand.nn.Linear(2, 3), argand.nn.Tanh(), argand.nn.Linear(3, 1))
    >>> x = argand.ones(4, 2)
    >>> y = checkpoint_sequential(net, 2, x, use_reentrant=False)
    >>> bool((y == net(x)).all())
    True
    """
    if use_reentrant is None:
        warnings.warn(
            "checkpoint_sequential: the use_reentrant parameter should be passed explicitly",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    parts = list(functions.children()) if isinstance(functions, argand.nn.Sequential) else functions
    size = len(parts) // segments
    start = 0
    for _ in range(segments - 1):
        run = _chained(parts[start : start + size])
        input = checkpoint(  # noqa: A001  (PyTorch's name, by which it can be passed)
            run, input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
        start += size
    return _chained(parts[start:])(input)


def _chained(parts: Any) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for part in parts:
            value = part(value)
        return value

    return run
