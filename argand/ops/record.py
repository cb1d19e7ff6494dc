"""Records: everything the project knows about an operation, in one object.

Functions, methods, in-place forms, ``out=``, aliases, documentation, stubs and tests derive from
the records in `RECORDS`; there is no other list of operations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from argand import dtypes
from argand.dtypes import dtype
from argand.ops.samples import Samples
from argand.runtime.tensor_base import TensorBase

_VAR_POSITIONAL = 0x04  # CPython's flag of a function with ``*parameters``
_VAR_KEYWORDS = 0x08  # and of one with ``**keywords``
NUMBERS: tuple[type[Any], ...] = (bool, int, float, complex)
GIVEN: Any = object()  # the value of a setting that travels with the call
Either = Any  # the type of results that are one tensor or several, as the arguments ask


class _Defaults:
    """Settings that shape results; changing one drops every plan."""

    float_dtype = dtypes.float32


def get_default_dtype() -> dtype:
    """The floating type of new tensors.

    >>> get_default_dtype()
    torch.float32
    """
    return _Defaults.float_dtype


def set_default_dtype(kind: Any) -> None:
    """Make `kind` the floating type of new tensors.

    Raises:
        TypeError: when `kind` is not a floating type.
    """
    if not isinstance(kind, dtype) or not kind.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {kind}")
    _Defaults.float_dtype = kind
    for record in RECORDS.values():
        record.forget()


class Record:
    """One operation; the decorators of this package make them.

    Attributes:
        name: PyTorch's name.
        body: the function that the operation was written as.
        plans: what has been prepared, by the layouts and numbers of a kind of call.
        as_method: whether tensors have it as a method.
        as_function: whether it is a function of the package.
        in_place: whether there is ``name_``, which changes its first argument.
        view: whether the result shows the memory of the first argument where it can; ``name_`` then
            changes only sizes and strides.
        out: what the function does with ``out=``: "exact" wants a tensor of the result's type,
            "cast" converts the result, "typed" computes in the type of the given tensor (as
            ``dtype=``), "" has no ``out=``. By default functions that return new tensors have it,
            but for those of `nn.functional`.
        apart: parameters that must not share any memory with the tensor that is written, be it
            ``out=`` or, in place, the first argument.
        aliases: further names.
        elsewhere: full names of the same function in other modules, for example ``linalg.det``.
        namespace: the module that has it as a function, for example ``nn.functional``; the package
            when empty.
        graph_name: what its nodes in the graph are called, without the number at the end.
        operators: Python's special methods that mean this operation.
        reference: the same with NumPy, for tests; None: derived or compared otherwise.
        samples: calls for tests; see ``argand.ops.samples``.
        unpredictable: whether results are random or uninitialized, so that tests do not compare
            values.
    """

    default_out = "exact"

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        name: str | None = None,
        as_method: bool = True,
        as_function: bool = True,
        in_place: bool = False,
        view: bool = False,
        out: str | None = None,
        apart: Sequence[str] = (),
        aliases: Sequence[str] = (),
        elsewhere: Sequence[str] = (),
        operators: Sequence[str] = (),
        namespace: str = "",
        graph_name: str = "",
        reference: Callable[..., Any] | None = None,
        samples: Samples | None = None,
        unpredictable: bool = False,
    ) -> None:
        self.body = body
        self.name = name or body.__name__
        self.__name__ = self.name
        self.__doc__ = body.__doc__
        self.__module__ = body.__module__
        self.parameters = _parameters(body)
        self.has_keywords = bool(body.__code__.co_flags & _VAR_KEYWORDS)
        self.defaults = _defaults(body)
        self._filling = [self.defaults.get(name) for name in self.parameters]
        self._required = sum(name not in self.defaults for name in self.parameters)
        self.plans: dict[Any, Any] = {}
        self.as_method = as_method
        self.as_function = as_function
        self.in_place = in_place
        self.view = view
        lacks_out = view or not as_function or namespace.startswith("nn")
        self.out = ("" if lacks_out else self.default_out) if out is None else out
        self.apart = frozenset(apart)
        self.aliases = tuple(aliases)
        self.elsewhere = tuple(elsewhere)
        self.operators = tuple(operators)
        self.namespace = namespace
        self.graph_name = camel(graph_name or self.name) + "Backward"
        self.reference = reference
        self.samples = samples
        self.unpredictable = unpredictable
        register(self)

    def bind(self, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """The values of all parameters of the body, for a call with these arguments.

        Raises:
            TypeError: when an argument is missing, unknown, or given twice.
        """
        values = list(args)
        if not named and self._required <= len(values) <= len(self.parameters):
            return values + self._filling[len(values) :]
        used = 0
        for name in self.parameters[len(values) :]:
            if name in named:
                values.append(named[name])
                used += 1
            elif name in self.defaults:
                values.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}() missing required argument '{name}'")
        if used < len(named):
            wrong = next(n for n in named if n not in self.parameters[len(args) :])
            raise TypeError(f"{self.name}() got an unexpected argument '{wrong}'")
        if len(values) > len(self.parameters):
            rule = f"takes {len(self.parameters)} arguments but {len(values)} were given"
            raise TypeError(f"{self.name}() {rule}")
        return values

    def forget(self) -> None:
        """Drop all plans: a setting that shaped them has changed."""
        self.plans.clear()

    def function(self) -> Callable[..., Any]:
        """What ``argand.name`` is."""
        return self  # type: ignore[return-value]

    def method(self) -> Callable[..., Any]:
        """What ``Tensor.name`` is."""
        call = self.function()

        def method(self: TensorBase, *args: Any, **kwargs: Any) -> Any:
            return call(self, *args, **kwargs)

        return method

    def operator(self) -> Callable[..., Any]:
        """What the special methods in `operators` are: operands of other classes may answer."""
        call = self.method()

        def method(self: TensorBase, *args: Any) -> Any:
            if args and not isinstance(args[0], TensorBase) and to_number(args[0]) is None:
                return NotImplemented
            return call(self, *args)

        return method

    def in_place_method(self) -> Callable[..., Any]:
        """What ``Tensor.name_`` is."""
        raise NotImplementedError(f"{self.name} has no in-place form")

    def check_takes_out(self) -> None:
        """Refuse ``out=`` where there is none; raises TypeError."""
        if not self.out:
            raise TypeError(f"{self.name}() got an unexpected keyword argument 'out'")

    @property
    def __signature__(self) -> Any:
        """What `inspect.signature` shows: the parameters of the body, and ``out``."""
        shown = inspect.signature(self.body)
        given = list(shown.parameters.values())
        if not self.out or any(p.name == "out" or p.kind is p.VAR_KEYWORD for p in given):
            return shown
        out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
        return shown.replace(parameters=[*given, out])

    def __reduce__(self) -> str:
        return self.body.__code__.co_name  # the name in its module

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def _parameters(body: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters, by its code: a signature is slow to make."""
    code = body.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & _VAR_POSITIONAL)
    return list(code.co_varnames[:count])


def _defaults(body: Callable[..., Any]) -> dict[str, Any]:
    values = body.__defaults__ or ()
    names = body.__code__.co_varnames[: body.__code__.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values)) | (body.__kwdefaults__ or {})


def camel(name: str) -> str:
    """``log_softmax`` as ``LogSoftmax``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


RECORDS: dict[str, Record] = {}


def register(record: Record) -> None:
    """Enter a record under its name."""
    key = f"{record.namespace}.{record.name}".lstrip(".")
    assert key not in RECORDS, f"there are two records of {key}"
    RECORDS[key] = record


def functions_in(namespace: str) -> dict[str, Record]:
    """The records that a module has as functions, by their names there."""
    found = {}
    for record in RECORDS.values():
        if not record.as_function:
            continue
        own = (record.name, *record.aliases) if record.namespace == namespace else ()
        places = (name.rpartition(".") for name in record.elsewhere)
        for name in (*own, *(last for home, _, last in places if home == namespace)):
            found[name] = record
    return found


def describe(value: object) -> str:
    """A value in an error text: tensors by type and shape."""
    if isinstance(value, TensorBase):
        return f"{value.dtype.name} tensor of shape {list(value.shape)}"
    return f"{type(value).__name__} {value!r}"[:80]


def to_number(value: object) -> Any:
    """A Python number from a Python or NumPy one; anything else is returned as None."""
    if isinstance(value, NUMBERS):
        return value
    item = getattr(value, "item", None)
    if item is not None and not isinstance(value, TensorBase) and getattr(value, "ndim", 1) == 0:
        return item()
    return None
