"""Elementwise operations: the machinery behind ``@elementwise``.

The body of an operation is traced once per combination of types; the trace is the kernel. Its
gradient is another elementwise operation, whose trace is the derivative of the first; that one has
a gradient in the same way, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from argand.autograd.grad_mode import mode
from argand.autograd.node import Node, Port
from argand.dtypes import dtype
from argand.errors import message
from argand.kernels.emit import compute_dtype
from argand.kernels.expr import INPUT, SCALAR, Expr, leaf, parts, substitute
from argand.kernels.loops import input_leaf
from argand.ops.fastcall import binary_call, binary_in_place, unary_call
from argand.ops.fitting import fit, pass_on, vanishing
from argand.ops.history import check_overlap, check_written, is_recorded, rebase
from argand.ops.outputs import check_cast, check_not_recorded, check_out, check_same, fit_out
from argand.ops.plans import map_plan
from argand.ops.record import GIVEN, NUMBERS, Record, _Defaults, camel, describe, to_number
from argand.ops.samples import ANY, operands
from argand.ops.traces import (
    Derivative,
    Trace,
    arranged,
    derivative,
    derivative_by_output,
    derived_trace,
    promoted,
    symbol_of,
)
from argand.runtime.layout import (
    Layout,
    broadcast_shapes,
    contiguous_strides,
    elementwise_strides,
    strided,
)
from argand.runtime.memory import allocate
from argand.runtime.tensor_base import TensorBase, alias, make

SAME = "same"  # the result has the promoted type of the operands
FLOAT = "float"  # integers become the default floating type

# which kinds of types an operation takes
EVERY = "fiub"
NUMERIC = "fiu"
FLOATING = "f"
COMPLEX = "c"  # to be added to one of the others
WHOLE = "iub"


class MapPlan:
    """A prepared kind of call."""

    __slots__ = ("new", "run", "form", "layouts", "trace", "gradients", "ordered")

    def __init__(self, trace: Trace, layouts: Sequence[Layout]) -> None:
        self.trace = trace
        self.layouts = tuple(layouts)
        self.form = layouts[0]
        self.gradients: dict[int, Gradient | None] = {}
        self.ordered = arranged(trace)
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

    Parameters without a default are operands (tensors or numbers); those with one are settings.
    A setting that is annotated as `float` is a number of the call: its default is folded into the
    kernel, every other value travels as the numbers among the operands do, so that a new value
    compiles nothing. All other settings shape the kernel.
    """

    default_out = "cast"

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        promote: str | Callable[..., str] = SAME,
        masks: Sequence[str] = (),
        result_of: str = "",
        kinds: str = EVERY,
        row_major: bool = False,
        tensors: Sequence[str] = (),
        from_output: Callable[[Expr, Expr], Expr] | None = None,
        check: Callable[[Sequence[Any], Sequence[Any]], None] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(body, **facts)
        self.check = check  # refuses values: a function of the operands and the settings
        self.promote = promote  # or a function of the settings that returns it
        self.tensors = frozenset(tensors)  # operands that must not be numbers
        self.from_output = from_output  # the gradient, from those of the output and the output
        self.row_major = row_major  # whether results ignore the order of the operands' memory
        self.kinds = kinds  # of the promoted type of the operands
        self.masks = frozenset(masks)  # operands that keep their own type
        self.typed_by = result_of  # the only operand that decides the type of the result
        self.arity = len(self.parameters) - len(self.defaults)
        self.operand_names = self.parameters[: self.arity]
        self.samples = self.samples or operands(*[ANY] * self.arity)
        self.fast: dict[Any, MapPlan] = {}  # plans of calls with default settings
        self.writes: dict[Any, MapPlan] = {}  # the same, for changes of the first operand
        self._static = tuple(self.defaults.values())
        annotations = body.__annotations__
        kinds_of = [annotations.get(name) for name in self.defaults]
        self._moving = [i for i, kind in enumerate(kinds_of) if kind in ("float", float)]

    # ---- calling --------------------------------------------------------------------------

    def __call__(self, *args: Any, out: TensorBase | None = None, **kwargs: Any) -> Any:
        if len(args) == self.arity and not kwargs and out is None:
            return self.apply(args, self._static)
        operands, static = self._bind(args, kwargs)
        if out is not None:
            return self._into(out, operands, static)
        return self.apply(operands, static)

    def _bind(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        values = self.bind(args, kwargs)
        for i in self._moving:
            value = values[self.arity + i]
            if type(value) not in NUMBERS:
                values[self.arity + i] = self._number(self.parameters[self.arity + i], value)
        return tuple(values[: self.arity]), tuple(values[self.arity :])

    def _number(self, name: str, value: Any) -> Any:
        """The value of a setting as a Python number."""
        if isinstance(value, TensorBase) and value.form.numel == 1:
            return value.item()  # type: ignore[attr-defined]
        number = to_number(value)
        if number is None:
            rule = f"argument '{name}' must be Number, not {type(value).__name__}"
            raise TypeError(f"{self.name}(): {rule}")
        return number

    def _given(
        self, operands: tuple[Any, ...], static: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Operands and settings, with the numbers among the settings moved to the operands."""
        if self.check is not None:
            self.check(self._operands(operands) if self.tensors else operands, static)
        if static == self._static or not self._moving:
            return operands, static
        moved, left = [], list(static)
        for i in self._moving:
            if static[i] == self._static[i]:
                left[i] = self._static[i]
            else:
                moved.append(static[i])
                left[i] = GIVEN
        return (*operands, *moved), tuple(left)

    def apply(self, operands: tuple[Any, ...], static: tuple[Any, ...] = ()) -> Any:
        """Compute, and record when an operand is part of a graph."""
        if static or self.check is not None:
            operands, static = self._given(operands, static)
        key = (*(x.form if isinstance(x, TensorBase) else type(x) for x in operands), *static)
        plan = self.plans.get(key)
        if plan is None:
            operands = self._operands(operands)
            key = (*(x.form if isinstance(x, TensorBase) else type(x) for x in operands), *static)
            plan = self.plans.get(key) or self._prepare(key, operands, static)
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        if len(plan.layouts) == 1:
            outputs: tuple[Any, ...] = (make(plan.new(*plan.ordered(words)), plan.form),)
        else:
            outputs = tuple(make(allocate(x.nbytes), x) for x in plan.layouts)
            plan.run(*plan.ordered(words), *(o.ptr for o in outputs))
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
            if not isinstance(value, TensorBase) and (
                type(value) not in NUMBERS or name in self.tensors
            ):
                number = to_number(value)
                if number is None:
                    rule = f"argument '{name}' must be Tensor or a number"
                    raise TypeError(message(self.name, rule, describe(value)))
                if name in self.tensors:
                    rule = f"argument '{name}' must be Tensor, not {type(value).__name__}"
                    raise TypeError(message(self.name, rule, describe(value)))
                value = next(kind(number) for kind in NUMBERS if isinstance(number, kind))
            found.append(value)
        found += operands[self.arity :]
        if not any(isinstance(x, TensorBase) for x in found):
            given = ", ".join(map(describe, found))
            raise TypeError(message(self.name, "one argument must be a Tensor", given))
        return tuple(found)

    def forget(self) -> None:
        super().forget()
        self.fast.clear()
        self.writes.clear()

    # ---- planning -------------------------------------------------------------------------

    def _prepare(self, key: Any, operands: Sequence[Any], static: tuple[Any, ...]) -> MapPlan:
        trace = self.trace(operands, static)
        layouts = [x.form for x in operands if isinstance(x, TensorBase)]
        shape = broadcast_shapes(x.shape for x in layouts)
        strides = () if self.row_major else elementwise_strides(shape, layouts)
        strides = strides or contiguous_strides(shape)
        outputs = [strided(kind, shape, strides) for kind in trace.outputs]
        plan = self._compile(trace, layouts, outputs, shape)
        self.plans[key] = plan
        if static == self._static and len(plan.layouts) == 1 and self._is_plain(plan):
            self.fast[key[: len(operands)]] = plan
        return plan

    @property
    def has_one_number(self) -> bool:
        """Whether the only setting is a number that travels with the call."""
        return len(self.defaults) == 1 and self._moving == [0]

    def _is_plain(self, plan: MapPlan) -> bool:
        """Whether calls need neither a check nor other words than their arguments.

        What is refused in calls with default settings concerns integers.
        """
        if plan.trace.has_complex_numbers:
            return False
        return self.check is None or plan.form.dtype.kind == "f"

    def function(self) -> Callable[..., Any]:
        if self.arity == 1:
            return unary_call(self)
        if self.arity == 2:
            return binary_call(self)
        return super().function()

    def method(self) -> Callable[..., Any]:
        return self.function() if self.arity <= 2 else super().method()

    def operator(self) -> Callable[..., Any]:
        return binary_call(self, operator=True) if self.arity == 2 else self.function()

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
        result = self.result_dtype(operands, static)
        work = compute_dtype(result)
        inputs: list[int] = []
        scalars: list[dtype] = []
        symbols = []
        for i, x in enumerate(operands):
            if isinstance(x, TensorBase):
                symbol = input_leaf(len(inputs), x.dtype)
                kept = self.operand_names[i] in self.masks
                symbols.append(symbol if kept else symbol.to(work))
                inputs.append(i)
            else:
                kind = number_type(x, work)
                symbol = leaf(SCALAR, len(scalars), kind)
                symbols.append(symbol.to(work) if i < self.arity else symbol)
                scalars.append(kind)
        moved = iter(symbols[self.arity :])
        settings = [next(moved) if value is GIVEN else value for value in static]
        root = self.body(*symbols[: self.arity], **dict(zip(self.defaults, settings)))
        roots = root if isinstance(root, tuple) else (root,)
        outputs = tuple(
            result if r.dtype is work else r.dtype for r in roots
        )
        return Trace(roots, outputs, tuple(inputs), tuple(scalars))

    def result_dtype(self, operands: Sequence[Any], static: tuple[Any, ...] = ()) -> dtype:
        """The promoted type of tensors and numbers."""
        if self.typed_by:
            deciding = [operands[self.operand_names.index(self.typed_by)]]
        else:
            deciding = [x for n, x in zip(self.operand_names, operands) if n not in self.masks]
        result = promoted(deciding)
        if result.kind not in self.kinds:
            raise NotImplementedError(f'"{self.name}" not implemented for \'{result.name}\'')
        promote = self.promote if isinstance(self.promote, str) else self.promote(*static)
        if promote == FLOAT and result.kind in "bui":
            return _Defaults.float_dtype
        return result

    # ---- gradients ------------------------------------------------------------------------

    def attach(self, plan: MapPlan, operands: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Record the call in the graph."""
        mask, bit = 0, 1
        for x in operands:
            if isinstance(x, TensorBase) and x.node is not None:
                mask += bit
            bit += bit
        gradient = plan.gradients.get(mask, _UNKNOWN)
        if gradient is _UNKNOWN:
            gradient = plan.gradients[mask] = self._gradient(plan, operands, mask)
        if gradient is None:
            return
        name, function, wanted, saves, saves_outputs = gradient
        edges: tuple[Any, ...]
        if len(wanted) == 1:
            edges = (operands[wanted[0]].node,)
        elif len(wanted) == 2:
            edges = (operands[wanted[0]].node, operands[wanted[1]].node)
        else:
            edges = tuple([operands[i].node for i in wanted])
        if not (saves or saves_outputs) and len(outputs) == 1:
            outputs[0].node = Node(name, edges, function)
            return
        saved = [operands[i] for i in saves]
        versions = [x.buffer.version if isinstance(x, TensorBase) else None for x in saved]
        for number in saves_outputs:
            saved.append(alias(outputs[number]))
            versions.append(outputs[number].buffer.version)
        node = Node(name, edges, function, tuple(saved), tuple(versions), len(saves), len(outputs))
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
        if not wanted:
            return None
        name = self.graph_name + "0"
        shapes = [operands[i].form for i in wanted]
        found: Derivative | None
        if self.from_output is not None:
            found = derivative_by_output(self.from_output, trace, len(operands))
        else:
            found = derivative(trace, operands, wanted)
        if found is None:
            return Gradient(name, vanishing(shapes), tuple(wanted), (), ())
        roots, saves, saves_outputs = found
        function = _backward(self.name, roots, trace, operands, saves, saves_outputs, shapes)
        names = [*self.operand_names, *self.defaults]
        shown = [*(names[i] for i in saves), *(["result"] * len(saves_outputs))]
        function.saved_names = shown  # type: ignore[attr-defined]
        return Gradient(name, function, tuple(wanted), saves, saves_outputs)

    # ---- in place and into ------------------------------------------------------------------

    def in_place_method(self) -> Callable[..., Any]:
        record = self
        if self.arity == 2:
            return binary_in_place(self)

        def method(self: TensorBase, *args: Any, **kwargs: Any) -> TensorBase:
            if kwargs or len(args) + 1 != record.arity:
                return record.apply_in_place(*record._bind((self, *args), kwargs))
            return record.apply_in_place((self, *args), record._static)

        return method

    def apply_in_place(self, operands: tuple[Any, ...], static: tuple[Any, ...]) -> Any:
        """Write the result over the first operand."""
        target = operands[0]
        if static or self.check is not None:
            operands, static = self._given(operands, static)
        plan = self.plans.get(_key_into(target, operands, static))
        if plan is None:
            operands = self._operands(operands)
        others = operands[1:]
        recorded = is_recorded(self.name, target, others)
        if plan is None:
            plan = self._plan_into(target, operands, static)
            if static in (self._static, (GIVEN,)) and self._is_plain(plan):
                kinds = [x.form if isinstance(x, TensorBase) else type(x) for x in others]
                self.writes[(target.form, *kinds)] = plan
        if others:
            check_overlap(self.name, target, others)
        if recorded:
            node = target.node
            given = self._kept(plan, operands)
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        plan.run(*plan.ordered(words), target.ptr)
        target.buffer.version += 1
        if recorded:
            self.attach(plan, given, (target,))
            del given  # who holds the memory tells whether there are views
            rebase(target, node)
        return target

    def _kept(self, plan: MapPlan, operands: Sequence[Any]) -> Sequence[Any]:
        """The operands as they are before the first is changed, for the graph."""
        target = operands[0]
        before = target.clone() if self._saves_first(plan, operands) else alias(target)
        before.node = target.node
        given = [before]
        for x in operands[1:]:
            if isinstance(x, TensorBase) and x.buffer is target.buffer:
                node, x = x.node, x.clone()  # type: ignore[attr-defined]
                x.node = node
            given.append(x)
        return given

    def _saves_first(self, plan: MapPlan, operands: Sequence[Any]) -> bool:
        tensors = [(i, x) for i, x in enumerate(operands) if isinstance(x, TensorBase)]
        mask = sum(1 << i for i, x in tensors if x.node is not None)
        gradient = plan.gradients.get(mask, _UNKNOWN)
        if gradient is _UNKNOWN:
            gradient = plan.gradients[mask] = self._gradient(plan, operands, mask)
        return gradient is not None and 0 in gradient.saves

    def _plan_into(
        self, out: TensorBase, operands: Sequence[Any], static: tuple[Any, ...]
    ) -> MapPlan:
        key = _key_into(out, operands, static)
        plan = self.plans.get(key)
        if plan is None:
            check_written(self.name, out.form)
            trace = self.trace(operands, static)
            layouts = [x.form for x in operands if isinstance(x, TensorBase)]
            shape = broadcast_shapes(x.shape for x in layouts)
            if shape != out.shape:
                rule = f"output with shape {list(out.shape)} doesn't match the broadcast shape"
                raise RuntimeError(message(self.name, rule, str(list(shape))))
            check = check_same if self.out == "exact" else check_cast
            check(self.name, trace.outputs[0], out.dtype)
            root = trace.roots[0].to(compute_dtype(out.dtype))
            trace = trace._replace(roots=(root,), outputs=(out.dtype,))
            plan = self.plans[key] = self._compile(trace, layouts, [out.form], shape)
        return plan

    def _into(self, out: Any, operands: tuple[Any, ...], static: tuple[Any, ...]) -> Any:
        self.check_takes_out()
        check_out(self.name, out)
        operands, static = self._given(self._operands(operands), static)
        check_not_recorded(self.name, (*operands, out))
        shape = broadcast_shapes(x.shape for x in operands if isinstance(x, TensorBase))
        fit_out(self.name, out, shape)
        plan = self._plan_into(out, operands, static)
        check_overlap(self.name, out, operands)
        words = [x.ptr if isinstance(x, TensorBase) else x for x in operands]
        plan.run(*plan.ordered(words), out.ptr)
        out.buffer.version += 1
        return out


def _key_into(out: TensorBase, operands: Sequence[Any], static: tuple[Any, ...]) -> Any:
    kinds = [x.form if isinstance(x, TensorBase) else type(x) for x in operands]
    return ("into", out.form, static, *kinds)


_UNKNOWN: Any = object()


def number_type(value: Any, work: dtype) -> dtype:
    """The type in which a number travels to a kernel that computes in `work`."""
    if work.kind == "c":
        return work if isinstance(value, complex) else work.to_real()
    if isinstance(value, complex):
        raise RuntimeError(
            f"value {value} cannot be converted to type {work.name}: for non-complex tensors "
            "numbers must not be complex"
        )
    if work.kind == "f" or not isinstance(value, float):
        return work
    return compute_dtype(_Defaults.float_dtype)


class _Derived(Elementwise):
    """The backward of an elementwise operation, as an operation: its trace is given."""

    def __init__(self, name: str, trace: Trace) -> None:
        self.name = name
        self.graph_name = camel(name) + "Backward"
        self.row_major = False
        self.from_output = None
        self.out = ""
        self.tensors = frozenset()
        self.check = None
        self.arity = len(trace.inputs) + len(trace.scalars)
        self.given = trace
        self.plans = {}
        self.fast = {}
        self._static = ()
        self.defaults = {}
        self.operand_names = [f"operand {i}" for i in range(len(trace.inputs) + len(trace.scalars))]

    def trace(self, operands: Sequence[Any], static: tuple[Any, ...]) -> Trace:
        return self.given


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
        return pass_on([r is not None for r in plain], targets)
    kept = [symbol_of(trace, operands, i) for i in saves]  # this outlives the operands
    kernels: dict[tuple[bool, ...], tuple[Callable[..., Any], list[int]]] = {}

    def prepare(given: tuple[bool, ...]) -> tuple[Callable[..., Any], list[int]]:
        """The derivative when only some outputs have gradients: the others count as 0."""
        absent = [c for c, there in zip(cotangents, given) if not there]
        zeros = {part: part.constant(0) for c in absent for part in parts(c)}
        present = [k for k, r in enumerate(plain) if r is not None]
        chosen = substitute([plain[k] for k in present], zeros)  # type: ignore[misc]
        reads = [c for c, there in zip(cotangents, given) if there]
        reads += kept
        reads += [leaf(INPUT, count + outputs + k, compute_dtype(trace.outputs[k]))
                  for k in saves_outputs]  # fmt: skip
        made = derived_trace(chosen, reads, [targets[k].dtype for k in present])
        derived = _Derived(f"{name}_backward", made)
        if len(present) == 1 and len(reads) == 2:
            return binary_call(derived), present
        return lambda *values: derived.apply(values), present

    def backward(node: Node, *gradients: Any) -> Sequence[Any]:
        given = tuple([g is not None for g in gradients])
        found = kernels.get(given)
        if found is None:
            found = kernels[given] = prepare(given)
        derived, present = found
        arrived = [g for g in gradients if g is not None]
        computed = derived(*arrived, *node.unpack())
        if len(present) == 1:
            computed = (computed,)
        results: list[Any] = [None] * len(targets)
        for k, value in zip(present, computed):
            results[k] = fit(value, targets[k])
        return results

    if outputs > 1 or len(targets) > 1 or plain[0] is None:
        return backward
    target, single = targets[0], None

    def backward_of_one(node: Node, gradient: Any) -> Sequence[Any]:
        """The same for one operand and one output."""
        nonlocal single
        if single is None:
            single = prepare(_ALONE)[0]
        return (fit(single(gradient, *node.unpack()), target),)

    return backward_of_one


_ALONE = (True,)  # the one output of an operation has a gradient


def elementwise(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an elementwise operation from a function of scalars; see `Record` for the facts."""
    if body is None:
        return lambda function: Elementwise(function, **facts)
    return Elementwise(body, **facts)
