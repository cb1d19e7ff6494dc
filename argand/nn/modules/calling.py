"""The call of a module that has hooks, in the forward and in the backward direction.

Around a module with backward hooks stand two identities of the graph: one for its inputs, one for
its outputs. Gradients first pass the outputs' (the pre-hooks see them there), then the module, then
the inputs' (the hooks see them there).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import argand
from argand.autograd import Function
from argand.errors import message
from argand.nn.modules import hooks
from argand.tensor import Tensor

if TYPE_CHECKING:
    from argand.nn.modules.module import Module

Gradients = tuple["Tensor | None", ...]


class HookedCall:
    """One call of a module: its arguments and result as the hooks leave them."""

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.finished: set[int] = set()  # ids of the forward hooks that have run

    def run(self) -> Any:
        """The module's result. If the forward fails, the hooks that are always called still run."""
        try:
            return self._run()
        except Exception:
            self._after_failure()
            raise

    def _run(self) -> Any:
        self._before_forward()
        module = self.module
        full, last_node_only = _backward_hooks(module)
        pre_hooks = (
            *hooks.global_backward_pre_hooks.values(),
            *module._backward_pre_hooks.values(),
        )
        backward = BackwardCall(module, full, pre_hooks) if full or pre_hooks else None
        if backward is not None:
            self.args = backward.watch_inputs(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key, hook in _forward_hooks(module):
            self.finished.add(key)
            self._after_forward(key, hook)
        if backward is not None:
            self.result = backward.watch_outputs(self.result)
        if last_node_only:
            _watch_last_node(module, last_node_only, self.args, self.result)
        return self.result

    def _before_forward(self) -> None:
        module = self.module
        for hook in hooks.global_forward_pre_hooks.values():
            self._replace_args(hook(module, self.args))
        for key, hook in list(module._forward_pre_hooks.items()):
            if key not in module._forward_pre_hooks_with_kwargs:
                self._replace_args(hook(module, self.args))
                continue
            returned = hook(module, self.args, self.kwargs)
            if returned is None:
                continue
            if not (isinstance(returned, tuple) and len(returned) == 2):
                rule = "a forward pre-hook must return None or a tuple (new_args, new_kwargs)"
                raise RuntimeError(message(module._get_name(), rule, str(returned)))
            self.args, self.kwargs = returned

    def _replace_args(self, returned: Any) -> None:
        if returned is not None:
            self.args = returned if isinstance(returned, tuple) else (returned,)

    def _after_forward(self, key: int, hook: Callable) -> None:
        options = (self.module._forward_hooks_with_kwargs, hooks.global_forward_hooks_with_kwargs)
        if any(key in option for option in options):
            returned = hook(self.module, self.args, self.kwargs, self.result)
        else:
            returned = hook(self.module, self.args, self.result)
        if returned is not None:
            self.result = returned

    def _after_failure(self) -> None:
        module = self.module
        always = (module._forward_hooks_always_called, hooks.global_forward_hooks_always_called)
        for key, hook in _forward_hooks(module):
            if key in self.finished or not any(key in option for option in always):
                continue
            try:
                self._after_forward(key, hook)
            except Exception as error:  # noqa: BLE001  (the first exception must reach the caller)
                warnings.warn(
                    f"forward hook of {module._get_name()} with always_call=True raised an "
                    f"exception while another was being handled; it is not raised: {error}",
                    stacklevel=2,
                )


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module in a process in which some module has, or has had, a hook."""
    if (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or hooks.global_forward_hooks
        or hooks.global_forward_pre_hooks
        or hooks.global_backward_hooks
        or hooks.global_backward_pre_hooks
    ):
        return HookedCall(module, args, kwargs).run()
    return module.forward(*args, **kwargs)


def _forward_hooks(module: Module) -> list[tuple[int, Callable]]:
    return [*hooks.global_forward_hooks.items(), *module._forward_hooks.items()]


def _backward_hooks(module: Module) -> tuple[list[Callable], list[Callable]]:
    """The full backward hooks of a call, and those of the deprecated kind."""
    chosen: dict[bool | None, list[Callable]] = {True: [], False: [], None: []}
    chosen[hooks.global_is_full_backward_hook] += hooks.global_backward_hooks.values()
    chosen[module._is_full_backward_hook] += module._backward_hooks.values()
    return chosen[True], chosen[False]


class _Watched(Function):
    """Identity whose backward lets `observe` see, and replace, the gradients that pass."""

    @staticmethod
    def forward(
        ctx: Any, observe: Callable[[Gradients], Gradients], zeros_for_none: bool, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.observe = observe
        ctx.set_materialize_grads(zeros_for_none)
        outputs = tuple(tensor.view_as(tensor) for tensor in tensors)
        constant = [out for out, tensor in zip(outputs, tensors) if not tensor.requires_grad]
        ctx.mark_non_differentiable(*constant)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        return None, None, *ctx.observe(gradients)


class BackwardCall:
    """The backward hooks of one call of a module, and the gradients they have seen."""

    def __init__(
        self, module: Module, hooks: list[Callable], pre_hooks: tuple[Callable, ...]
    ) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.argument_count = 0
        self.output_count = 0
        self.inputs_at: list[int] | None = None  # which arguments are tensors; None: no gradients
        self.outputs_at: list[int] | None = None
        self.grad_output: Gradients | None = None

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with their gradients watched."""
        self.argument_count = len(args)
        watched, self.inputs_at = _watch(args, self._on_grad_input, zeros_for_none=True)
        return watched

    def watch_outputs(self, result: Any) -> Any:
        """The outputs, with their gradients watched."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                f"backward hooks of {self.module._get_name()} cannot be called: its output should "
                f"be a Tensor or a tuple of Tensors, but is {type(result)}",
                stacklevel=5,
            )
        outputs = result if isinstance(result, tuple) else (result,)
        self.output_count = len(outputs)
        watched, self.outputs_at = _watch(outputs, self._on_grad_output, zeros_for_none=False)
        return watched if isinstance(result, tuple) else watched[0]

    def _on_grad_output(self, gradients: Gradients) -> Gradients:
        assert self.outputs_at is not None
        grad_output = _spread(gradients, self.outputs_at, self.output_count)
        for hook in self.pre_hooks:
            returned = hook(self.module, grad_output)
            grad_output = self._replaced(
                grad_output, returned, "a backward pre-hook", "grad_output"
            )
        self.grad_output = grad_output
        if self.inputs_at is None:
            self._no_grad_input(grad_output)
        return tuple(grad_output[place] for place in self.outputs_at)

    def _on_grad_input(self, gradients: Gradients) -> Gradients:
        if self.grad_output is None:  # the inputs were used outside of the outputs' graph
            return gradients
        assert self.inputs_at is not None
        grad_input = _spread(gradients, self.inputs_at, self.argument_count)
        for hook in self.hooks:
            returned = hook(self.module, grad_input, self.grad_output)
            grad_input = self._replaced(grad_input, returned, "a backward hook", "grad_input")
        self.grad_output = None
        return tuple(grad_input[place] for place in self.inputs_at)

    def _no_grad_input(self, grad_output: Gradients) -> None:
        """No input requires a gradient: the hooks run as soon as those of the outputs are known."""
        if self.hooks:
            warnings.warn(
                f"full backward hook of {self.module._get_name()} runs without gradients of its "
                "inputs, since no input requires a gradient",
                stacklevel=5,
            )
        grad_input = (None,) * self.argument_count
        for hook in self.hooks:
            returned = hook(self.module, grad_input, grad_output)
            nothing = isinstance(returned, tuple) and all(value is None for value in returned)
            if returned is not None and not nothing:
                rule = "a backward hook must return None where no input requires a gradient"
                raise RuntimeError(message(self.module._get_name(), rule, "gradients"))
        self.grad_output = None

    def _replaced(self, gradients: Gradients, returned: Any, hook: str, what: str) -> Gradients:
        """What a hook leaves of the gradients it got."""
        if returned is None:
            return gradients
        if len(returned) != len(gradients):
            rule = f"{hook} must return as many {what} as it gets, here {len(gradients)}"
            raise RuntimeError(message(self.module._get_name(), rule, str(len(returned))))
        return returned


def _watch(
    values: tuple[Any, ...], observe: Callable[[Gradients], Gradients], zeros_for_none: bool
) -> tuple[tuple[Any, ...], list[int] | None]:
    """The values with their tensors behind an identity, and where these tensors are.

    Where no gradient will flow, the values themselves and None.
    """
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor)]
    tensors = [values[place] for place in places]
    if not argand.is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors):
        return values, None
    watched = list(values)
    outputs = _Watched.apply(observe, zeros_for_none, *tensors)
    for place, tensor in zip(places, outputs):
        watched[place] = tensor
    # A named tuple takes its fields one by one.
    return tuple(watched) if type(values) is tuple else type(values)(*watched), places


def _spread(gradients: Gradients, places: list[int], count: int) -> Gradients:
    """The gradients at their places among all values, None elsewhere."""
    spread: list[Tensor | None] = [None] * count
    for place, gradient in zip(places, gradients):
        spread[place] = gradient
    return tuple(spread)


def _watch_last_node(
    module: Module, last_node_hooks: list[Callable], args: tuple[Any, ...], result: Any
) -> None:
    """Put hooks of the deprecated kind on the operation that made the result."""
    output = result
    while not isinstance(output, Tensor):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    node = output.grad_fn
    if node is None:
        return
    for hook in last_node_hooks:
        node.register_hook(hooks.ModuleHook(hook, module))
    if not all(isinstance(argument, Tensor) for argument in args) or isinstance(result, tuple):
        warnings.warn(
            f"the backward hook of {module._get_name()} does not see all gradients of its inputs "
            "and outputs; use register_full_backward_hook",
            FutureWarning,
            stacklevel=4,
        )
