"""Products with Jacobians and Hessians of functions of tensors, and these matrices themselves.

Unlike those of `argand.func`, these functions take a function together with its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import argand
from argand.autograd.grad_mode import enable_grad
from argand.autograd.levels import Linearized, gradients
from argand.errors import message
from argand.tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]


def _listed(name: str, what: str, value: Any) -> list[Any]:
    """A tensor or a tuple of tensors as a list; raises TypeError for anything else."""
    rule = f"the {what} must be a Tensor or a tuple of Tensors"
    if not isinstance(value, (Tensor, tuple)):
        raise TypeError(message(name, rule, str(type(value))))
    listed = [value] if isinstance(value, Tensor) else list(value)
    for place, x in enumerate(listed):
        if not isinstance(x, Tensor):
            raise TypeError(message(name, rule, f"{type(x)} at position {place}"))
    return listed


def _vector(name: str, v: Any, like: Sequence[Any], what: str) -> list[Any]:
    """The vector `v` as a list of tensors of the sizes of `like`."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            rule = f"v may only be left out if there is one {what}, of one element"
            raise RuntimeError(message(name, rule))
        return [argand.ones_like(like[0]).detach()]
    listed = _listed(name, "vector v", v)
    if len(listed) != len(like):
        rule = f"v must have one tensor for each of {len(like)} {what}s"
        raise RuntimeError(message(name, rule, str(len(listed))))
    for place, (one, x) in enumerate(zip(listed, like)):
        if one.shape != x.shape:
            rule = f"entry {place} of v must be of shape {list(x.shape)}"
            raise RuntimeError(message(name, rule, str(list(one.shape))))
    return listed


class _Call:
    """A call of the user's function on inputs of its own."""

    def __init__(
        self, name: str, func: Function, inputs: Any, create_graph: bool, strict: bool
    ) -> None:
        self.name = name
        self.create_graph = create_graph
        self.strict = strict
        self.several_inputs = isinstance(inputs, tuple)
        self.inputs = []
        with enable_grad():
            for x in _listed(name, "inputs", inputs):
                chained = create_graph and x.requires_grad
                self.inputs.append(x.view_as(x) if chained else x.detach().requires_grad_())
            result = func(*self.inputs)
        self.several_outputs = isinstance(result, tuple)
        self.outputs = _listed(name, "outputs of the function", result)
        if strict:
            for place, output in enumerate(self.outputs):
                if not output.requires_grad:
                    rule = f"output {place} of the function must depend on its inputs (strict mode)"
                    raise RuntimeError(message(name, rule, "one that requires no gradient"))

    def check_scalar(self) -> None:
        """Refuse anything but a single number as the result."""
        if self.several_outputs:
            rule = "the function must return a single Tensor"
            raise RuntimeError(message(self.name, rule, f"{len(self.outputs)}"))
        if self.outputs[0].numel() != 1:
            rule = "the Tensor that the function returns must have a single element"
            raise RuntimeError(message(self.name, rule, f"shape {list(self.outputs[0].shape)}"))

    def filled(self, found: Sequence[Any], like: Sequence[Any], what: str) -> list[Any]:
        """Derivatives with zeros for those that are None; in strict mode an error."""
        filled = []
        for place, (g, x) in enumerate(zip(found, like)):
            if g is None and self.strict:
                rule = f"{what} {place} (strict mode)"
                raise RuntimeError(message(self.name, rule, "one that does not"))
            filled.append(x.new_zeros(x.shape).detach() if g is None else g)
        return filled

    def check_chained(self, derivatives: Sequence[Any]) -> None:
        """In strict mode with a graph: refuse derivatives that are constant."""
        if self.strict and self.create_graph:
            for place, g in enumerate(derivatives):
                if not g.requires_grad:
                    rule = f"the derivative by input {place} must depend on the inputs"
                    raise RuntimeError(
                        message(self.name, f"{rule} (strict mode, create_graph)", "a constant")
                    )

    def packed(self, values: Sequence[Any], several: bool) -> Any:
        """Results as the caller gets them."""
        kept = tuple(x if self.create_graph else x.detach() for x in values)
        return kept if several else kept[0]

    def gradients(
        self, outputs: Sequence[Any], seeds: Sequence[Any], create_graph: bool
    ) -> list[Any]:
        """The gradients of the inputs."""
        return gradients(outputs, seeds, self.inputs, create_graph)


_BY_INPUT = "the function must depend on input"


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of `func` at `inputs`, and the product of `v` with its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: its arguments: a tensor or a tuple of tensors.
        v: of the shape of the output; may be left out for a single number.
        create_graph: whether the results can be differentiated.
        strict: refuse inputs that the output does not depend on, instead of giving zeros.

    >>> import argand
    >>> vjp(argand.square, argand.tensor([1.0, 2.0]), argand.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    seeds = _vector("vjp", v, call.outputs, "output")
    found = call.filled(
        call.gradients(call.outputs, seeds, create_graph), call.inputs, _BY_INPUT
    )
    call.check_chained(found)
    return (
        call.packed(call.outputs, call.several_outputs),
        call.packed(found, call.several_inputs),
    )


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of `func` at `inputs`, and the product of its Jacobian with `v`.

    The arguments are those of `vjp`, but `v` has the shape of the inputs.

    >>> import argand
    >>> jvp(argand.square, argand.tensor([1.0, 2.0]), argand.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    direction = _vector("jvp", v, _listed("jvp", "inputs", inputs), "input")
    call = _Call("jvp", func, inputs, create_graph, strict)
    found = _forward(call, call.outputs, direction)
    found = call.filled(found, call.outputs, "the inputs must change output")
    call.check_chained(found)
    return (
        call.packed(call.outputs, call.several_outputs),
        call.packed(found, call.several_outputs),
    )


def _forward(call: _Call, outputs: Sequence[Any], direction: Sequence[Any]) -> list[Any]:
    """The derivatives of `outputs` in a direction of the inputs."""
    places = [i for i, x in enumerate(outputs) if x.requires_grad]
    linear = Linearized([outputs[i] for i in places], call.inputs)
    found: list[Any] = [None] * len(outputs)
    for place, value in zip(places, linear(direction, call.create_graph)):
        found[place] = value
    return found


def _first_gradients(call: _Call) -> list[Any]:
    """The gradients of a single number, to be differentiated again."""
    call.check_scalar()
    output = call.outputs[0]
    found = call.gradients([output], [argand.ones_like(output).detach()], create_graph=True)
    found = call.filled(found, call.inputs, _BY_INPUT)
    for place, g in enumerate(found):
        if call.strict and not g.requires_grad:
            rule = f"the gradient by input {place} must depend on the inputs (strict mode)"
            raise RuntimeError(message(call.name, rule, "a constant"))
    return found


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of `func`, a single number, and the product of `v` with its Hessian.

    The arguments are those of `vjp`, but `v` has the shape of the inputs.

    >>> import argand
    >>> vhp(lambda x: (x ** 3).sum(), argand.tensor([1.0, 2.0]), argand.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    direction = _vector("vhp", v, _listed("vhp", "inputs", inputs), "input")
    call = _Call("vhp", func, inputs, create_graph, strict)
    found = call.gradients(_first_gradients(call), direction, create_graph)
    found = call.filled(found, call.inputs, "the gradient must depend on input")
    call.check_chained(found)
    return call.packed(call.outputs, False), call.packed(found, call.several_inputs)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of `func`, a single number, and the product of its Hessian with `v`.

    `vhp` gives the same in less time, if the Hessian is symmetric.

    >>> import argand
    >>> hvp(lambda x: (x ** 3).sum(), argand.tensor([1.0, 2.0]), argand.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    direction = _vector("hvp", v, _listed("hvp", "inputs", inputs), "input")
    call = _Call("hvp", func, inputs, create_graph, strict)
    found = _forward(call, _first_gradients(call), direction)
    found = call.filled(found, call.inputs, "the gradient must depend on input")
    call.check_chained(found)
    return call.packed(call.outputs, False), call.packed(found, call.several_inputs)


def _check_strategy(name: str, strategy: str, vectorize: bool, strict: bool) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        rule = "the strategy must be 'reverse-mode' or 'forward-mode'"
        raise ValueError(message(name, rule, repr(strategy)))
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(message(name, "forward-mode is there only with vectorize=True"))
    if vectorize and strict:
        raise RuntimeError(message(name, "strict=True and vectorize=True exclude each other"))


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`: one backward pass for each element of the output.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: its arguments: a tensor or a tuple of tensors.
        create_graph: whether the result can be differentiated.
        strict: refuse outputs that do not depend on an input, instead of giving zeros.
        vectorize: accepted for compatibility; it changes nothing.
        strategy: accepted for compatibility: both give the same.

    Returns:
        A tensor of shape `(*output, *input)`; a tuple of them for several inputs or outputs, a
        tuple (over outputs) of tuples (over inputs) for both.

    >>> import argand
    >>> jacobian(argand.square, argand.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strategy("jacobian", strategy, vectorize, strict)
    call = _Call("jacobian", func, inputs, create_graph, strict)
    table = []
    for number, output in enumerate(call.outputs):
        rows = []
        for place in range(output.numel()):
            seed = output.new_zeros(output.numel()).detach()
            seed[place] = 1
            row = call.gradients([output], [seed.reshape(output.shape)], create_graph)
            row = call.filled(row, call.inputs, f"output {number} of the function must depend on "
                              "input")  # fmt: skip
            call.check_chained(row)
            rows.append(row)
        blocks = [
            argand.stack([row[i] for row in rows]) if rows else x.new_zeros((0, *x.shape)).detach()
            for i, x in enumerate(call.inputs)
        ]
        shaped = [b.view((*output.shape, *x.shape)) for b, x in zip(blocks, call.inputs)]
        table.append(call.packed(shaped, call.several_inputs))
    return tuple(table) if call.several_outputs else table[0]


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func`, which returns a single number: the Jacobian of its gradient.

    The arguments are those of `jacobian`. For several inputs the result is a tuple of tuples.

    >>> import argand
    >>> hessian(lambda x: (x ** 3).sum(), argand.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy, vectorize, strict)
    several = isinstance(inputs, tuple)

    def first(*args: Any) -> Any:
        call = _Call("hessian", func, args, True, strict)
        return tuple(_first_gradients(call))

    whole = jacobian(first, inputs, create_graph, strict)
    return whole if several else whole[0]
