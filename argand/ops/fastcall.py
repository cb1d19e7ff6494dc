"""Calls of elementwise operations with one or two operands, where a microsecond counts.

Such a call looks up its plan and makes its tensor by hand, instead of through the functions that do
so for all operations. What is not as usual goes the general way, by ``record(...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argand.autograd.grad_mode import mode
from argand.ops.record import GIVEN, to_number
from argand.runtime.tensor_base import TensorBase, current_type

_new = object.__new__


def is_foreign(value: Any) -> bool:
    """Whether a value is neither a tensor nor a number."""
    return not isinstance(value, TensorBase) and to_number(value) is None


def unary_call(record: Any) -> Callable[..., Any]:
    """A call with one tensor: the look-up of a plan, and as little else as possible."""
    fast, kind = record.fast, current_type
    plans = record.plans if record.has_one_number and record.check is None else {}

    def call(input: TensorBase, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) > 1 or not isinstance(input, TensorBase):
            return record(input, *args, **kwargs)
        if args:
            plan = plans.get((input.form, type(args[0]), GIVEN))
            if plan is None or input.node is not None:
                return record(input, *args)
        else:
            plan = fast.get((input.form,))
            if plan is None:
                return record.apply((input,), record._static)
        out = _new(kind[0])
        out.buffer = buffer = plan.new(input.ptr, *args)
        out.ptr = buffer.ptr
        out.form = plan.form
        out.node = out.grad = out.base = None
        if input.node is not None and mode.enabled:
            record.attach(plan, (input,), (out,))
        return out

    return _named(call, record)


def binary_call(record: Any, operator: bool = False) -> Callable[..., Any]:
    """A call with two operands, the first a tensor; the other one may be a number.

    As an `operator` it leaves what is neither to the other operand's class, as Python has it.
    """
    fast, kind = record.fast, current_type

    def call(input: TensorBase, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 1 or not isinstance(input, TensorBase):
            return record(input, *args, **kwargs)
        (other,) = args
        tensor = isinstance(other, TensorBase)
        plan = fast.get((input.form, other.form if tensor else type(other)))
        if plan is None:
            if operator and is_foreign(other):
                return NotImplemented
            return record.apply((input, other), record._static)
        out = _new(kind[0])
        out.buffer = buffer = plan.new(input.ptr, other.ptr if tensor else other)
        out.ptr = buffer.ptr
        out.form = plan.form
        out.node = out.grad = out.base = None
        if (input.node is not None or (tensor and other.node is not None)) and mode.enabled:
            record.attach(plan, (input, other), (out,))
        return out

    return _named(call, record)


def binary_in_place(record: Any) -> Callable[..., Any]:
    """A change of a tensor by another operand, outside of any graph."""
    plans = record.writes
    setting = next(iter(record.defaults), "") if record.has_one_number else ""

    def call(input: TensorBase, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or (kwargs and (len(kwargs) > 1 or setting not in kwargs)):
            return record.apply_in_place(*record._bind((input, *args), kwargs))
        (other,) = args
        tensor = isinstance(other, TensorBase)
        number = (kwargs[setting],) if kwargs else ()
        plan = plans.get((input.form, other.form if tensor else type(other), *map(type, number)))
        if plan is None or (tensor and other.buffer is input.buffer and other is not input):
            return record.apply_in_place(*record._bind((input, other), kwargs))
        if (
            input.node is not None or input.base is not None or (tensor and other.node is not None)
        ) and mode.enabled:
            return record.apply_in_place(*record._bind((input, other), kwargs))
        plan.run(input.ptr, other.ptr if tensor else other, *number, input.ptr)
        input.buffer.version += 1
        return input

    return _named(call, record)


def _named(call: Callable[..., Any], record: Any) -> Callable[..., Any]:
    call.__name__ = call.__qualname__ = record.name
    call.__doc__, call.__module__ = record.__doc__, record.__module__
    return call
