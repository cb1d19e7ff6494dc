"""Operations written with views, and ``name_copy``, the form of them that returns copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from argand.ops.function import Composite
from argand.ops.record import Record
from argand.ops.samples import Call, Draw, Samples

_EXAMPLE = '''

    >>> import argand
    >>> x = argand.zeros(2, 2)
    >>> argand.{name}_copy{call}._is_view()
    False
    '''


class ViewComposite(Composite):
    """An operation written with views.

    Attributes:
        copy: how the example of ``name_copy``, the form that returns copies, is called on a
            matrix `x`; without it there is no such form.
        copy_method: whether that is a method as well.
    """

    def __init__(
        self, body: Callable[..., Any], *, copy: str = "", copy_method: bool = False, **facts: Any
    ) -> None:
        super().__init__(body, view=True, **facts)
        if copy:
            with_copy(self, copy, copy_method)


def viewing(body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """Make an operation from a function that calls views; see `ViewComposite` and `Record`."""
    if body is None:
        return lambda function: ViewComposite(function, **facts)
    return ViewComposite(body, **facts)


def with_copy(
    record: Record, example: str, as_method: bool = False, samples: Samples | None = None
) -> Composite:
    """Make ``name_copy``, which returns what `record` does, with memory of its own."""

    @wraps(record.body)
    def copying(*args: Any, **kwargs: Any) -> Any:
        found = record(*args, **kwargs)  # type: ignore[operator]
        return tuple([_copied(x) for x in found]) if type(found) is tuple else _copied(found)

    shown = f"What `{record.name}` returns, with memory of its own."
    copying.__doc__ = shown + _EXAMPLE.format(name=record.name, call=example)
    samples = samples or _as_functions_take_them(record)
    name = f"{record.name}_copy"
    made = Composite(
        copying, name=name, as_method=as_method, samples=samples, reference=record.reference
    )
    made.has_keywords = False  # those of `copying` are the parameters of `record`
    return made


def _as_functions_take_them(record: Record) -> Samples | None:
    """Sizes that a method takes one by one are one argument of a function."""
    samples = record.samples
    if samples is None or "more" not in record.parameters:
        return samples

    def adapted(draw: Draw) -> Iterable[Call]:
        for (first, *sizes), kwargs in samples(draw):
            yield Call((first, tuple(sizes) if isinstance(sizes[0], int) else sizes[0]), kwargs)

    return adapted


def _copied(view: Any) -> Any:
    return view.clone() if view.form.contiguous else view.contiguous()
