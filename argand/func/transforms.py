"""Derivatives of functions: `grad`, `vjp`, `jvp` and their like.

The functions may be nested, and may use tensors from outside, which are differentiated through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from argand.autograd import enable_grad
from argand.autograd.levels import Linearized, close, enter, gradients, leave, or_zeros, reaches_out
from argand.tensor import Tensor
from argand.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_map_only, tree_unflatten

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]

Function = Callable[..., Any]


class Level:
    """One call of a function whose inputs are differentiated with respect to.

    Attributes:
        inputs: the leaves of the positional arguments `argnums`, as the function gets them.
        outputs: the leaves of the result.
        outside: whether the result depends on anything else that is differentiated.
    """

    def __init__(
        self,
        name: str,
        function: Function,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Any = None,
        has_aux: bool = False,
    ) -> None:
        self.name = name
        given = list(args)
        self.argnums = range(len(given)) if argnums is None else places(argnums, len(given))
        self.specs: list[TreeSpec] = []
        self.inputs: list[Any] = []
        for place in self.argnums:
            leaves, spec = tree_flatten(given[place])
            entered = [_entered(x) for x in leaves]
            given[place] = tree_unflatten(entered, spec)
            self.inputs += entered
            self.specs.append(spec)
        with enable_grad():
            result = function(*given, **kwargs)
        close(self.inputs)
        self.aux: Any = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{name}(f)(*args): output of function f should be a tuple: (output, aux) if "
                    "has_aux is True"
                )
            result, self.aux = result
        self.outputs, self.spec = tree_flatten(result)
        self.outside = reaches_out(self.outputs, self.inputs)

    def gradients(self, seeds: Sequence[Any]) -> list[Any]:
        """The gradients of the inputs, zeros where the outputs do not depend on one."""
        create = self.outside or reaches_out(seeds, ())
        found = gradients(self.outputs, seeds, self.inputs, create)
        return or_zeros(found, self.inputs)

    def arranged(self, values: Sequence[Any]) -> list[Any]:
        """Values for the inputs in the structure of the arguments, one for each of `argnums`."""
        found, start = [], 0
        for spec in self.specs:
            found.append(tree_unflatten(values[start : start + spec.num_leaves], spec))
            start += spec.num_leaves
        return found

    def result(self) -> Any:
        """The result, as the caller gets it."""
        return tree_unflatten([leave(x, self.outside) for x in self.outputs], self.spec)

    def left_aux(self) -> Any:
        """The second part of the result, as the caller gets it."""
        outside = reaches_out(tree_leaves(self.aux), self.inputs)
        return tree_map_only(Tensor, lambda x: leave(x, outside), self.aux)

    def check_tensors(self) -> None:
        """Raise RuntimeError if the result has anything but tensors in it."""
        for x in self.outputs:
            if not isinstance(x, Tensor):
                raise RuntimeError(
                    f"{self.name}(f, *primals): expected f(*primals) to return only tensors, got "
                    f"unsupported type {type(x)}"
                )


def _entered(x: Any) -> Any:
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    return enter(x)


def places(argnums: Any, count: int) -> list[int]:
    """The numbers of the arguments to differentiate by, counted from the start."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnum must be int or Tuple[int, ...], got: {type(argnums)}")
    found = [argnums] if isinstance(argnums, int) else list(argnums)
    if not found:
        raise RuntimeError("argnums must be non-empty")
    for place in found:
        if not -count <= place < count:
            raise RuntimeError(f"Got argnum={place}, but only {count} positional inputs")
    found = [place % count for place in found]
    if len(set(found)) < len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


# ---- gradients ----------------------------------------------------------------------------------


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """A function that computes the gradient of `func`, which returns a single number.

    Args:
        func: takes tensors (or nested lists, tuples and dictionaries of them), returns a tensor
            without dimensions.
        argnums: which positional arguments to differentiate by: an int, or a tuple of them.
        has_aux: whether `func` returns ``(output, aux)``; then ``(gradients, aux)`` is returned.

    Raises:
        RuntimeError: if `func` returns anything else.

    >>> import argand
    >>> x = argand.tensor(2.0)
    >>> grad(lambda x: x ** 3)(x)
    tensor(12.)
    >>> grad(grad(lambda x: x ** 3))(x)
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapped


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Like `grad`, for a function that returns the gradient together with the value.

    >>> import argand
    >>> grad_and_value(lambda x: x ** 3)(argand.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        level = Level("grad_and_value", func, args, kwargs, argnums, has_aux)
        output = level.result() if level.spec.is_leaf() else None
        if not isinstance(output, Tensor):
            got = type(level.outputs[0]) if level.spec.is_leaf() else level.spec.type
            raise RuntimeError(
                f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {got}"
            )
        if output.ndim:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
                f"with {output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = level.arranged(level.gradients([output.new_ones(())]))
        gradient = found[0] if isinstance(argnums, int) else tuple(found)
        return gradient, ((output, level.left_aux()) if has_aux else output)

    return wrapped


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func`, and a function from cotangents of it to gradients of `primals`.

    Args:
        func: takes `primals`, returns tensors in any structure.
        has_aux: whether `func` returns ``(output, aux)``.

    Returns:
        ``(output, vjp_fn)`` or ``(output, vjp_fn, aux)``. ``vjp_fn`` takes cotangents in the
        structure of the output and returns a tuple with one gradient for each of `primals`.

    >>> import argand
    >>> output, vjp_fn = vjp(argand.sin, argand.zeros(2))
    >>> vjp_fn(argand.tensor([1.0, 2.0]))
    (tensor([1., 2.]),)
    """
    level = Level("vjp", func, primals, {}, None, has_aux)
    level.check_tensors()

    def vjp_fn(
        cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> Any:
        seeds, spec = tree_flatten(cotangents)
        if spec != level.spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {spec}, primal output: {level.spec}"
            )
        return tuple(level.arranged(level.gradients(seeds)))

    return (level.result(), vjp_fn, level.left_aux()) if has_aux else (level.result(), vjp_fn)


# ---- forward mode -------------------------------------------------------------------------------


def jvp(
    func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """The value of `func` at `primals`, and its derivative in the direction of `tangents`.

    It is computed with two backward passes, of which the second differentiates the first.

    Args:
        func: takes ``*primals``, returns tensors in any structure.
        primals: a tuple of arguments.
        tangents: a tuple of the same structure.
        strict: refuse outputs that do not depend on the arguments, instead of giving zeros.
        has_aux: whether `func` returns ``(output, aux)``.

    Returns:
        ``(output, tangent)`` or ``(output, tangent, aux)``.

    >>> import argand
    >>> jvp(argand.square, (argand.tensor(3.0),), (argand.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            "call f(*primals)."
        )
    level = Level("jvp", func, primals, {}, None, has_aux)
    level.check_tensors()
    directions = _directions(level, primals, tangents)
    found = _Forward(level)(directions, strict)
    output = level.result(), tree_unflatten(found, level.spec)
    return (*output, level.left_aux()) if has_aux else output


def _directions(level: Level, primals: Any, tangents: Any) -> list[Any]:
    """The leaves of `tangents`; raises RuntimeError if they do not fit the primals."""
    given, spec = tree_flatten(tangents)
    if spec != tree_flatten(primals)[1]:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            f"structure, but got {len(level.inputs)} and {len(given)} tensors"
        )
    for x, tangent in zip(level.inputs, given):
        if x.shape != tangent.shape:
            raise RuntimeError(
                "jvp: a tangent must have the size of its tensor: the tensor is of size "
                f"{list(x.shape)} while the tangent is of size {list(tangent.shape)}"
            )
    return given


class _Forward:
    """The derivative of a level's outputs in directions of its inputs."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.places = [i for i, x in enumerate(level.outputs) if x.requires_grad]
        self.linear = Linearized([level.outputs[i] for i in self.places], level.inputs)

    def __call__(self, directions: Sequence[Any], strict: bool = False) -> list[Any]:
        outputs = self.level.outputs
        create = self.level.outside or reaches_out(directions, ())
        found: list[Any] = [None] * len(outputs)
        for place, tangent in zip(self.places, self.linear(directions, create)):
            found[place] = tangent
        if strict and any(tangent is None for tangent in found):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the "
                "inputs. This is not allowed with strict=True."
            )
        return or_zeros(found, outputs)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of `func` at `primals`, and its derivative there as a function of tangents.

    Many derivatives at one place cost one run of `func`.

    >>> import argand
    >>> output, derivative = linearize(argand.square, argand.tensor(3.0))
    >>> output, derivative(argand.tensor(1.0))
    (tensor(9.), tensor(6.))
    """
    level = Level("linearize", func, primals, {})
    level.check_tensors()
    forward = _Forward(level)

    def jvp_fn(*tangents: Any) -> Any:
        return tree_unflatten(forward(_directions(level, primals, tangents)), level.spec)

    return level.result(), jvp_fn
