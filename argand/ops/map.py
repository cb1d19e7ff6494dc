"""Elementwise operations: the machinery behind ``@elementwise``.

The body of an operation is traced once per combination of types; the trace is the kernel. Its
gradient is another elementwise operation, whose trace is the derivative of the first; that one has a
gradient in the same way, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from argand import dtypes
from argand.autograd.grad_mode import mode
from argand.autograd.node import AccumulateGrad, Node, Port
from argand.dtypes import dtype
from argand.errors import message
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import INPUT, SCALAR, Expr, differentiate, leaf, leaves, substitute
from argand.kernels.loops import input_leaf
from argand.ops.function import camel
from argand.ops.plans import map_plan
from argand.ops.record import NUMBERS, Record, _Defaults, describe, to_number
from argand.runtime.layout import (
    Layout,
    broadcast_shapes,
    elementwise_strides,
    strided,
)
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make, tensor_type

SAME = "same"  # the result has the promoted type of the operands
FLOAT = "float"  # integers become the default floating type


class Trace(NamedTuple):
    """What an operation computes for operands of certain types."""

    roots: tuple[Expr, ...]
    outputs: tuple[dtype, ...]  # types in memory
    inputs: tuple[int, ...]  # which operands are tensors
    scalars: tuple[dtype, ...]  # types of the operands that are numbers


class MapPlan:
    """A prepared kind of call."""

    __slots__ = ("new", "run", "layout", "layouts", "trace", "gradients")

    def __init__(self, trace: Trace, layouts: Sequence[Layout]) -> None:
        self.trace = trace
        self.layouts = tuple(layouts)
        self.layout = layouts[0]
        self.gradients: dict[int, Gradient | None] = {}
        self.new: Callable[..., Any] = _no_output
        self.run: Callable[..., None] = _no_output


def _no_output(*arguments: Any) -> None:
    return None


class Gradient(NamedTuple):
    """How the gradients of some operands are computed."""

    name: str
    function: Callable[..., Sequence[Any]]
    wanted: tuple[int, ...]  # operands
    saves: tuple[int, ...]  # operands
    saves_outputs: tuple[int, ...]


class Elementwise(Record):
    """An operation on corresponding elements of broadcast operands.

    Parameters without a default are operands (tensors or numbers); those with one are settings,
    which are folded into the kernel.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        promote: str = SAME,
        masks: Sequence[str] = (),
        result_of: str = "",
        **facts: Any,
    ) -> None:
        super().__init__(body, **facts)
        self.promote = promote
        self.masks = frozenset(masks)  # operands that keep their own type
        self.typed_by = result_of  # the only operand that decides the type of the result
        parameters = self.signature.parameters.values()
        self.operand_names = [p.name for p in parameters if p.default is p.empty]
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.arity = len(self.operand_names)
        self.fast: dict[Any, MapPlan] = {}  # plans of calls with default settings
        self._static = tuple(self.defaults.values())

    # ---- calling --------------------------------------------------------------------------

    def __call__(self, *args: Any, out: TensorBase | None = None, **kwargs: Any) -> Any:
        if len(args) == self.arity and not kwargs and out is None:
            return self.apply(args, self._static)
        operands, static = self._bind(args, kwargs)
        if out is not None:
            return self._into(out, operands, static)
        return self.apply(operands, static)

    def _bind(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            given = ", ".join(map(describe, args))
            raise TypeError(message(self.name, str(error), f"({given})")) from None
        values = {**self.defaults, **bound.arguments}
        operands = tuple(values[name] for name in self.operand_names)
        return operands, tuple(values[name] for name in self.defaults)

    def apply(self, operands: tuple[Any, ...], static: tuple[Any, ...] = ()) -> Any:
        """Compute, and record when an operand is part of a graph."""
        key = (*(x.layout if isinstance(x, TensorBase) else type(x) for x in operands), *static)
        plan = self.plans.get(key)
        if plan is None:
            operands = self._operands(operands)
            key = (*(x.layout if isinstance(x, TensorBase) else type(x) for x in operands), *static)
            plan = self.plans.get(key) or self._prepare(key, operands, static)
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        if len(plan.layouts) == 1:
            outputs = (make(plan.new(*_order(words, plan.trace)), plan.layout),)
        else:
            outputs = tuple(make(allocate(x.nbytes), x) for x in plan.layouts)
            plan.run(*_order(words, plan.trace), *(o.ptr for o in outputs))
        for x in operands:
            if isinstance(x, TensorBase) and x.node is not None:
                if mode.enabled:
                    self.attach(plan, operands, outputs)
                break
        return outputs[0] if len(outputs) == 1 else outputs

    def _operands(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Operands as tensors and Python numbers; raises TypeError for anything else."""
        found = []
        for name, value in zip(self.operand_names, operands):
            if not isinstance(value, (TensorBase, *NUMBERS)):
                number = to_number(value)
                if number is None:
                    rule = f"argument '{name}' must be Tensor or a number"
                    raise TypeError(message(self.name, rule, describe(value)))
                value = number
            elif isinstance(value, NUMBERS) and type(value) not in NUMBERS:
                value = to_number(value)
                for kind in NUMBERS:
                    if isinstance(value, kind):
                        value = kind(value)
                        break
            found.append(value)
        if not any(isinstance(x, TensorBase) for x in found):
            given = ", ".join(map(describe, found))
            raise TypeError(message(self.name, "one argument must be a Tensor", given))
        return tuple(found)

    def forget(self) -> None:
        super().forget()
        self.fast.clear()

    # ---- planning -------------------------------------------------------------------------

    def _prepare(self, key: Any, operands: Sequence[Any], static: tuple[Any, ...]) -> MapPlan:
        trace = self.trace(operands, static)
        layouts = [x.layout for x in operands if isinstance(x, TensorBase)]
        shape = broadcast_shapes(x.shape for x in layouts)
        strides = elementwise_strides(shape, layouts)
        outputs = [strided(kind, shape, strides) for kind in trace.outputs]
        plan = self._compile(trace, layouts, outputs, shape)
        self.plans[key] = plan
        if static == self._static and len(plan.layouts) == 1:
            self.fast[key[: len(operands)]] = plan
        return plan

    def method(self) -> Callable[..., Any]:
        if self.arity == 1 and not self.defaults:
            return unary_method(self)
        if self.arity == 2:
            return binary_method(self)
        return super().method()

    def _compile(
        self,
        trace: Trace,
        inputs: Sequence[Layout],
        outputs: Sequence[Layout],
        shape: Sequence[int],
    ) -> MapPlan:
        plan = MapPlan(trace, outputs)
        if outputs[0].numel == 0:
            plan.new = lambda *words: allocate(0)
            return plan
        used = [inputs[i] for i, _ in enumerate(trace.inputs)]
        kernel = map_plan(trace.roots, used, trace.scalars, outputs, shape)
        plan.new, plan.run = kernel.new, kernel.run
        return plan

    def trace(self, operands: Sequence[Any], static: tuple[Any, ...]) -> Trace:
        """Trace the body on operands of these types."""
        result = self.result_dtype(operands)
        work = compute_dtype(result)
        inputs, scalars, symbols = [], [], []
        for i, x in enumerate(operands):
            if isinstance(x, TensorBase):
                symbol = input_leaf(len(inputs), x.dtype)
                kept = self.operand_names[i] in self.masks
                symbols.append(symbol if kept else symbol.to(work))
                inputs.append(i)
            else:
                symbols.append(leaf(SCALAR, len(scalars), work))
                scalars.append(work)
        root = self.body(*symbols, **dict(zip(self.defaults, static)))
        roots = root if isinstance(root, tuple) else (root,)
        outputs = tuple(
            result if r.dtype is work else r.dtype for r in roots
        )
        return Trace(roots, outputs, tuple(inputs), tuple(scalars))

    def result_dtype(self, operands: Sequence[Any]) -> dtype:
        """The promoted type of tensors and numbers."""
        if self.typed_by:
            deciding = [operands[self.operand_names.index(self.typed_by)]]
        else:
            deciding = [x for n, x in zip(self.operand_names, operands) if n not in self.masks]
        result = promoted(deciding)
        if self.promote == FLOAT and result.kind in "bui":
            return _Defaults.float_dtype
        return result

    # ---- gradients ------------------------------------------------------------------------

    def attach(self, plan: MapPlan, operands: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Record the call in the graph."""
        mask = 0
        for i, x in enumerate(operands):
            if isinstance(x, TensorBase) and x.node is not None:
                mask |= 1 << i
        gradient = plan.gradients.get(mask, _UNKNOWN)
        if gradient is _UNKNOWN:
            gradient = plan.gradients[mask] = self._gradient(plan, operands, mask)
        if gradient is None:
            return
        saved = [operands[i] for i in gradient.saves]
        versions = [x.storage.version if isinstance(x, TensorBase) else None for x in saved]
        first_output = len(saved)
        for number in gradient.saves_outputs:
            saved.append(alias(outputs[number]))
            versions.append(outputs[number].storage.version)
        node = Node(
            gradient.name,
            tuple([operands[i].node for i in gradient.wanted]),
            gradient.function,
            tuple(saved),
            tuple(versions),
            first_output,
            len(outputs),
        )
        if len(outputs) == 1:
            outputs[0].node = node
            return
        for number, output in enumerate(outputs):
            if output.dtype.kind in "fc":
                output.node = Port(node, number)

    def _gradient(self, plan: MapPlan, operands: Sequence[Any], mask: int) -> Gradient | None:
        wanted = [i for i in range(len(operands)) if mask >> i & 1]
        trace = plan.trace
        if not any(kind.kind in "fc" for kind in trace.outputs):
            return None
        derivative = _differentiate(trace, operands, wanted)
        if derivative is None:
            return None
        roots, saves, saves_outputs = derivative
        name = f"{camel(self.name)}Backward0"
        shapes = [operands[i].layout for i in wanted]
        function = _backward(self.name, roots, trace, operands, saves, saves_outputs, shapes)
        return Gradient(name, function, tuple(wanted), saves, saves_outputs)

    # ---- in place and into ------------------------------------------------------------------

    def in_place_method(self) -> Callable[..., Any]:
        record = self

        def method(self: TensorBase, *args: Any, **kwargs: Any) -> TensorBase:
            operands, static = record._bind((self, *args), kwargs)
            return record.apply_in_place(operands, static)

        return method

    def apply_in_place(self, operands: tuple[Any, ...], static: tuple[Any, ...]) -> Any:
        """Write the result over the first operand."""
        target = operands[0]
        operands = self._operands(operands)
        recording = mode.enabled and any(
            isinstance(x, TensorBase) and x.node is not None for x in operands
        )
        if recording:
            check_in_place(self.name, target)
        plan = self._plan_into(target, operands, static)
        before = target
        if recording:
            before = alias(target)
            before.node = target.node
            mask_saves = self._saves_first(plan, operands)
            if mask_saves:
                before = target.clone()
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        plan.run(*_order(words, plan.trace), target.ptr)
        target.storage.version += 1
        if recording:
            self.attach(plan, (before, *operands[1:]), (target,))
        return target

    def _saves_first(self, plan: MapPlan, operands: Sequence[Any]) -> bool:
        mask = sum(
            1 << i for i, x in enumerate(operands) if isinstance(x, TensorBase) and x.node is not None
        )
        gradient = plan.gradients.get(mask, _UNKNOWN)
        if gradient is _UNKNOWN:
            gradient = plan.gradients[mask] = self._gradient(plan, operands, mask)
        return gradient is not None and 0 in gradient.saves

    def _plan_into(
        self, out: TensorBase, operands: Sequence[Any], static: tuple[Any, ...]
    ) -> MapPlan:
        key = ("into", out.layout, static,
               *(x.layout if isinstance(x, TensorBase) else type(x) for x in operands))  # fmt: skip
        plan = self.plans.get(key)
        if plan is None:
            trace = self.trace(operands, static)
            layouts = [x.layout for x in operands if isinstance(x, TensorBase)]
            shape = broadcast_shapes(x.shape for x in layouts)
            if shape != out.shape:
                rule = f"output with shape {list(out.shape)} doesn't match the broadcast shape"
                raise RuntimeError(message(self.name, rule, str(list(shape))))
            if trace.outputs[0].category > out.dtype.category:
                got = f"result type {trace.outputs[0].name} can't be cast to the desired output"
                raise RuntimeError(f"{self.name}: {got} type {out.dtype.name}")
            root = trace.roots[0].to(compute_dtype(out.dtype))
            trace = trace._replace(roots=(root,), outputs=(out.dtype,))
            plan = self.plans[key] = self._compile(trace, layouts, [out.layout], shape)
        return plan

    def _into(self, out: TensorBase, operands: tuple[Any, ...], static: tuple[Any, ...]) -> Any:
        operands = self._operands(operands)
        if mode.enabled and any(isinstance(x, TensorBase) and x.node for x in (*operands, out)):
            raise RuntimeError(
                f"{self.name}: functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad."
            )
        shape = broadcast_shapes(x.shape for x in operands if isinstance(x, TensorBase))
        if shape != out.shape:
            out.resize_(shape)
        plan = self._plan_into(out, operands, static)
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        plan.run(*_order(words, plan.trace), out.ptr)
        out.storage.version += 1
        return out


_UNKNOWN: Any = object()


def unary_method(record: Elementwise) -> Callable[..., Any]:
    """A method of one tensor: the look-up of a plan, and as little else as possible."""
    fast, bind = record.fast, tensor_type

    def method(self: TensorBase) -> Any:
        plan = fast.get((self.layout,))
        if plan is None:
            return record.apply((self,), ())
        out = _new(bind())
        out.storage = storage = plan.new(self.ptr)
        out.ptr = storage.ptr
        out.layout = plan.layout
        out.node = out.grad = out.base = None
        if self.node is not None and mode.enabled:
            record.attach(plan, (self,), (out,))
        return out

    return method


def binary_method(record: Elementwise) -> Callable[..., Any]:
    """A method of two operands; the other one may be a number."""
    fast, static = record.fast, record._static

    def method(self: TensorBase, other: Any, **settings: Any) -> Any:
        tensor = isinstance(other, TensorBase)
        plan = fast.get((self.layout, other.layout if tensor else type(other)))
        if plan is None or settings:
            if settings:
                return record(self, other, **settings)
            return record.apply((self, other), static)
        out = _new(tensor_type())
        out.storage = storage = plan.new(self.ptr, other.ptr if tensor else other)
        out.ptr = storage.ptr
        out.layout = plan.layout
        out.node = out.grad = out.base = None
        if (self.node is not None or (tensor and other.node is not None)) and mode.enabled:
            record.attach(plan, (self, other), (out,))
        return out

    return method


_new = object.__new__


class _Derived(Elementwise):
    """The backward of an elementwise operation, as an operation: its trace is given."""

    def __init__(self, name: str, trace: Trace) -> None:
        self.name = name
        self.given = trace
        self.plans = {}
        self.fast = {}
        self._static = ()
        self.operand_names = [f"operand {i}" for i in range(len(trace.inputs) + len(trace.scalars))]

    def trace(self, operands: Sequence[Any], static: tuple[Any, ...]) -> Trace:
        return self.given


def _order(words: list[Any], trace: Trace) -> list[Any]:
    """Addresses first, then numbers, as kernels expect them."""
    if not trace.scalars:
        return words
    tensors = set(trace.inputs)
    return [words[i] for i in trace.inputs] + [w for i, w in enumerate(words) if i not in tensors]


def promoted(operands: Sequence[Any]) -> dtype:
    """The type that PyTorch gives to the combination of tensors and Python numbers."""
    dimensioned = zero_dim = number = None
    for x in operands:
        if not isinstance(x, TensorBase):
            kind = dtypes.of_number(x, _Defaults.float_dtype)
            number = kind if number is None else dtypes.promote_types(number, kind)
        elif x.layout.ndim:
            known = x.dtype if dimensioned is None else dimensioned
            dimensioned = dtypes.promote_types(known, x.dtype)
        else:
            known = x.dtype if zero_dim is None else zero_dim
            zero_dim = dtypes.promote_types(known, x.dtype)
    return dtypes.result_of(dimensioned, zero_dim, number)


def check_in_place(name: str, target: TensorBase) -> None:
    """Refuse to change a leaf that requires gradients, as PyTorch does."""
    if isinstance(target.node, AccumulateGrad):
        raise RuntimeError(
            f"{name}_: a leaf Variable that requires grad is being used in an in-place operation."
        )


def _differentiate(
    trace: Trace, operands: Sequence[Any], wanted: Sequence[int]
) -> tuple[list[Expr | None], tuple[int, ...], tuple[int, ...]] | None:
    """The derivative's roots (one per wanted operand), and what they read.

    In these roots cotangents are inputs from ``len(operands)`` on, outputs after them.
    """
    count = len(trace.inputs)
    position = {operand: k for k, operand in enumerate(trace.inputs)}
    symbols = [
        input_leaf(position[i], operands[i].dtype) for i in wanted
    ]
    totals: list[Expr | None] = [None] * len(wanted)
    outputs = len(trace.roots)
    for number, (root, kind) in enumerate(zip(trace.roots, trace.outputs)):
        if kind.kind not in "fc":
            continue
        cotangent = leaf(INPUT, count + number, compute_dtype(kind))
        out = leaf(INPUT, count + outputs + number, compute_dtype(kind))
        parts = differentiate(root, cotangent.to(root.dtype), symbols, out.to(root.dtype))
        totals = [p if t is None else t if p is None else t + p for t, p in zip(totals, parts)]
    if all(t is None for t in totals):
        return None
    read = {x.value for x in leaves([t for t in totals if t is not None], INPUT)}
    scalars = {x.value for x in leaves([t for t in totals if t is not None], SCALAR)}
    numbers = [i for i in range(len(operands)) if i not in position]
    saves = sorted(
        [trace.inputs[k] for k in read if k < count] + [numbers[k] for k in scalars]
    )
    saves_outputs = sorted(k - count - outputs for k in read if k >= count + outputs)
    return totals, tuple(saves), tuple(saves_outputs)


def _backward(
    name: str,
    roots: Sequence[Expr | None],
    trace: Trace,
    operands: Sequence[Any],
    saves: tuple[int, ...],
    saves_outputs: tuple[int, ...],
    targets: Sequence[Layout],
) -> Callable[..., Sequence[Any]]:
    """The function of a node: from the gradients of the outputs to those of the operands."""
    count, outputs = len(trace.inputs), len(trace.roots)
    cotangents = [leaf(INPUT, count + k, compute_dtype(t)) for k, t in enumerate(trace.outputs)]
    plain = [r if r is None else r.to(compute_dtype(t.dtype)) for r, t in zip(roots, targets)]
    if outputs == 1 and all(r is None or r is cotangents[0] for r in plain):
        return _pass_on([r is not None for r in plain], targets)
    kernels: dict[tuple[bool, ...], tuple[_Derived, list[int]]] = {}

    def prepare(given: tuple[bool, ...]) -> tuple[_Derived, list[int]]:
        """The derivative when only some outputs have gradients: the others count as 0."""
        zeros = {c: c.constant(0) for c, there in zip(cotangents, given) if not there}
        present = [k for k, r in enumerate(plain) if r is not None]
        chosen = substitute([plain[k] for k in present], zeros)  # type: ignore[misc]
        reads = [c for c, there in zip(cotangents, given) if there]
        reads += [_symbol(trace, operands, i) for i in saves]
        reads += [leaf(INPUT, count + outputs + k, compute_dtype(trace.outputs[k]))
                  for k in saves_outputs]  # fmt: skip
        made = _derived_trace(chosen, reads, [targets[k].dtype for k in present])
        return _Derived(f"{name}_backward", made), present

    def backward(node: Node, *gradients: Any) -> Sequence[Any]:
        given = tuple([g is not None for g in gradients])
        found = kernels.get(given)
        if found is None:
            found = kernels[given] = prepare(given)
        derived, present = found
        arrived = [g for g in gradients if g is not None]
        computed = derived.apply((*arrived, *node.unpack()))
        if len(present) == 1:
            computed = (computed,)
        results: list[Any] = [None] * len(targets)
        for k, value in zip(present, computed):
            results[k] = fit(value, targets[k])
        return results

    return backward


def _symbol(trace: Trace, operands: Sequence[Any], operand: int) -> Expr:
    """The leaf that stands for an operand in the trace."""
    if operand in trace.inputs:
        return input_leaf(trace.inputs.index(operand), operands[operand].dtype)
    numbers = [i for i in range(len(operands)) if i not in trace.inputs]
    place = numbers.index(operand)
    return leaf(SCALAR, place, trace.scalars[place])


def _derived_trace(
    roots: Sequence[Expr], reads: Sequence[Expr], kinds: Sequence[dtype]
) -> Trace:
    """A trace whose operands are `reads`, in their order."""
    renamed: dict[Expr, Expr] = {}
    inputs, scalars = [], []
    for i, symbol in enumerate(reads):
        if symbol.op == INPUT:
            renamed[symbol] = leaf(INPUT, len(inputs), symbol.dtype)
            inputs.append(i)
        else:
            renamed[symbol] = leaf(SCALAR, len(scalars), symbol.dtype)
            scalars.append(symbol.dtype)
    # renaming may swap numbers, so that it must happen at once
    new = tuple(substitute(roots, renamed))
    return Trace(new, tuple(kinds), tuple(inputs), tuple(scalars))


def _pass_on(present: Sequence[bool], targets: Sequence[Layout]) -> Callable[..., Sequence[Any]]:
    """The gradient goes on unchanged."""

    def backward(node: Node, gradient: Any) -> Sequence[Any]:
        return [fit(gradient, t) if there else None for there, t in zip(present, targets)]

    return backward


def fit(gradient: Any, target: Layout) -> Any:
    """A gradient in the operand's shape and type: summed over what was broadcast."""
    if gradient.layout.shape != target.shape:
        gradient = gradient.sum_to_size(target.shape)
    if gradient.layout.dtype is not target.dtype:
        gradient = gradient.to(target.dtype)
    return gradient


def elementwise(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an elementwise operation from a function of scalars; see `Record` for the facts."""
    if body is None:
        return lambda function: Elementwise(function, **facts)
    return Elementwise(body, **facts)
