"""`Tensor`: the state of `TensorBase`, what Python asks of a tensor, and the records' methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import argand.ops as ops
from argand import dtypes, printing
from argand.autograd import api
from argand.autograd.grad_mode import no_grad
from argand.autograd.node import (
    AccumulateGrad,
    Port,
    RemovableHandle,
    is_retained,
    output_hooks,
    retain,
)
from argand.ops import random
from argand.ops.arrays import as_array, require
from argand.ops.copies import converted, ordered_strides
from argand.ops.fastcall import is_foreign
from argand.ops.history import adopt, base_of, check_written, is_recorded
from argand.ops.index import get_item, set_item
from argand.ops.outputs import resize
from argand.ops.record import NUMBERS, RECORDS, get_default_dtype
from argand.ops.shape import permuted
from argand.runtime.layout import strided
from argand.runtime.memory import wrap
from argand.runtime.tensor_base import TensorBase, alias, bind, make
from argand.tensor.conversion import Conversion, conversions
from argand.tensor.facts import Facts
from argand.tensor.interchange import Interchange
from argand.tensor.legacy import legacy_new, storage_type
from argand.tensor.saving import Saving
from argand.tensor.sides import Sides
from argand.tensor.storage import over_storage


class Tensor(Facts, Sides, Conversion, Interchange, Saving):
    """A multi-dimensional array of numbers of one type.

    Make tensors with `argand.tensor`, `argand.zeros` and the like. Arithmetic, reductions and so
    on are methods as well as functions of the package.

    >>> import argand
    >>> x = argand.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__")
    __hash__ = object.__hash__

    def __new__(cls, *data: Any, **kwargs: Any) -> Any:
        """``Tensor(data)`` or ``Tensor(*sizes)``, of the default floating type."""
        like = data[0].form.dtype if len(data) == 1 and isinstance(data[0], TensorBase) else None
        made = legacy_new(like or get_default_dtype(), *data, **kwargs)
        return made if cls is Tensor else cls._make_subclass(cls, made)

    @staticmethod
    def _make_subclass(cls: type, data: Any, require_grad: bool = False) -> Any:
        """A tensor of class `cls` over the memory of `data`, as a leaf."""
        out: Any = object.__new__(cls)
        out.buffer, out.ptr, out.form = data.buffer, data.ptr, data.form
        out.node = out.grad = out.base = None
        return require(out) if require_grad else out

    # ---- what it is -----------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients of this tensor are wanted."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether gradients of this leaf are wanted."""
        if requires_grad:
            require(self)
        elif self.node is not None and not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        else:
            self.node = None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.node is None or isinstance(self.node, AccumulateGrad)

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made this tensor; None for leaves."""
        if self.is_leaf:
            return None
        return self.node.node if isinstance(self.node, Port) else self.node

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this is."""
        return self.node.number if isinstance(self.node, Port) else 0

    @property
    def data(self) -> Tensor:
        """The same memory outside of the graph; changes to it are not noticed by backward."""
        memory = wrap(self.buffer.ptr, self.buffer.nbytes, self.buffer)  # has its own version
        return make(memory, self.form, self.ptr)

    @data.setter
    def data(self, other: Tensor) -> None:
        self.buffer, self.ptr, self.form = other.buffer, other.ptr, other.form

    @property
    def _version(self) -> int:
        return int(self.buffer.version)

    @property
    def _base(self) -> Any:
        return base_of(self)

    def _is_view(self) -> bool:
        return base_of(self) is not None

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return permuted(self, tuple(range(self.ndim))[::-1])

    @property
    def H(self) -> Tensor:
        """A matrix transposed (and conjugated)."""
        if self.ndim not in (0, 2):
            rule = "tensor.H is only supported on matrices (2-D tensors)"
            raise RuntimeError(f"{rule}. Got {self.ndim}-D tensor: consider mH for batches.")
        return self.mH if self.ndim else self

    @property
    def mH(self) -> Tensor:
        """The last two dimensions exchanged (and elements conjugated)."""
        self._check_matrix("mH")
        turned: Any = self.transpose(-2, -1)
        return turned.conj() if self.is_complex() else turned

    def _check_matrix(self, name: str) -> None:
        if self.ndim < 2:
            rule = f"tensor.{name} is only supported on matrices or batches of matrices"
            raise RuntimeError(f"{rule}. Got {self.ndim}-D tensor.")

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        self._check_matrix("mT")
        return self.transpose(-2, -1)

    # ---- Python ---------------------------------------------------------------------------

    def __iter__(self) -> Any:
        if not self.form.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (TensorBase, *NUMBERS)):
            rule = "Tensor.__contains__ only supports Tensor or scalar"
            raise RuntimeError(f"{rule}, but you passed in a {type(element)}.")
        equal: Any = self == element
        return bool(equal.any())

    def __getitem__(self, index: Any) -> Any:
        return get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        set_item(self, index, value)

    def __delitem__(self, index: Any) -> None:
        raise TypeError("Tensor does not support deleting items")

    def __pos__(self) -> Any:
        if self.form.dtype is dtypes.bool_:
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __rmatmul__(self, other: Any) -> Any:
        return NotImplemented if is_foreign(other) else ops.matmul.matmul(other, self)

    def __reversed__(self) -> Any:
        return self.flip(0) if self.form.ndim else self

    def __repr__(self) -> str:
        values = self.detach()
        if self.form.dtype in (dtypes.bfloat16, dtypes.float16):
            values = converted.body(values, dtypes.float32)
        array = as_array(values)
        kind = self.form.dtype
        suffixes = []
        if self.grad_fn is not None:
            suffixes.append(f"grad_fn=<{self.grad_fn.label}>")
        elif self.requires_grad:
            suffixes.append("requires_grad=True")
        default = kind in (get_default_dtype(), dtypes.int64, dtypes.bool_) or (
            kind is get_default_dtype().to_complex()
        )
        return printing.tensor_repr(array, kind.name, default, suffixes)

    # ---- the graph ------------------------------------------------------------------------

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the ``grad`` of the leaves it depends on.

        Args:
            gradient: the gradient that begins; may be left out for a single element.
            retain_graph: whether backward can run again.
            create_graph: whether the gradients can be differentiated.
            inputs: the only leaves to consider.
        """
        given = None if gradient is None else (gradient,)
        api.backward(self, given, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` when a gradient arrives; it may return another one."""
        if self.node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return RemovableHandle(output_hooks(self.node), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(leaf)`` after a gradient was added to this leaf."""
        if not isinstance(self.node, AccumulateGrad):
            rule = "post accumulate grad hooks cannot be registered on non-leaf tensors"
            raise RuntimeError(rule)
        return RemovableHandle(self.node.after_accumulation, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in ``grad`` although it is no leaf."""
        if self.node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf:
            retain(self.node, self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this tensor, which is no leaf."""
        return self.node is not None and not self.is_leaf and is_retained(self.node)

    @property
    def grad_dtype(self) -> Any:
        """The type of gradients: that of the tensor."""
        return self.form.dtype if self.form.dtype.kind in "fc" else None

    def detach(self) -> Any:
        """The same memory outside of the graph."""
        return alias(self)

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph; views cannot leave alone."""
        if self._is_view():
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node = None
        return self

    # ---- in place -------------------------------------------------------------------------

    def copy_(self, src: Any, non_blocking: bool = False) -> Tensor:
        """Write the values of another tensor into this one, converted and broadcast."""
        if not isinstance(src, TensorBase):
            src = ops.create.tensor(src)
        return ops.inplace.copy_into(self, src)

    def fill_(self, value: Any) -> Tensor:
        """Set every element."""
        if isinstance(value, TensorBase):
            return self.copy_(value)
        return ops.inplace.fill_into(self, value)

    def zero_(self) -> Tensor:
        """Set every element to 0."""
        return self.fill_(0)

    def adopt_(self, name: str, node: Any) -> Tensor:
        """Become the result of an operation that changed this tensor in place, and is `node`."""
        is_recorded(name, self, (self,))
        adopt(self, node)
        return self

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Tensor:
        """Change the shape. What the memory holds stays, new elements are uninitialized.

        A tensor that outgrows its memory gets another one, and its views keep the old one.
        """
        if self.node is not None:
            raise RuntimeError("cannot resize variables that require grad")
        resize(self, ops.shape.sizes_of("resize_", sizes))
        if memory_format is not None:
            strides = ordered_strides(self.form, memory_format)
            self.form = strided(self.form.dtype, self.form.shape, strides)
        self.buffer.version += 1
        return self

    def new_empty_strided(self, size: Sequence[int], stride: Sequence[int], **kwargs: Any) -> Any:
        """Uninitialized, with these sizes and strides, of the same type."""
        given = {"dtype": self.form.dtype, **kwargs}
        return ops.facts.empty_strided.body(size, stride, **given)

    def resize_as_(self, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
        """Take the shape of another tensor; see `resize_`."""
        return self.resize_(the_template.shape, memory_format=memory_format)

    def set_(
        self,
        source: Any = None,
        storage_offset: int = 0,
        size: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
    ) -> Tensor:
        """Show the memory of another tensor, or of a storage, from now on.

        Args:
            source: a tensor or a storage; without it, no memory at all.
            storage_offset: elements before the first one.
            size: the shape; by default that of `source`, or all its elements.
            stride: steps in elements; row-major by default.

        Raises:
            RuntimeError: when the types differ, or the memory is too small.
        """
        kind = self.form.dtype
        if source is None:
            made = ops.create.empty.body(0, dtype=kind)
        elif isinstance(source, TensorBase):
            if source.dtype is not kind:
                rule = f"Could not set tensor of type {source.dtype.name} to a tensor of type"
                raise RuntimeError(f"{rule} {kind.name}")
            made = source
            if size is not None:
                made = source.detach().as_strided(size, stride, storage_offset)  # type: ignore[attr-defined]
        else:
            made = over_storage(source, kind, storage_offset, size, stride)
        self.buffer, self.ptr, self.form = made.buffer, made.ptr, made.form
        self.buffer.version += 1
        return self

    def new(self, *data: Any, **kwargs: Any) -> Any:
        """A tensor of the same type, from sizes or data."""
        return legacy_new(self.form.dtype, *data, **kwargs)

    def apply_(self, callable: Callable[..., Any]) -> Tensor:
        """Replace every element by a Python function of it. This is slow."""
        return self._replaced(callable, self)

    def map_(self, tensor: Any, callable: Callable[..., Any]) -> Tensor:
        """Replace every element by a Python function of it and of that of another tensor."""
        return self._replaced(callable, self, tensor)

    def map2_(self, x: Any, y: Any, callable: Callable[..., Any]) -> Tensor:
        """Replace every element by a Python function of it and of those of two tensors."""
        return self._replaced(callable, self, x, y)

    def _replaced(self, function: Callable[..., Any], *tensors: Any) -> Tensor:
        values = [x.expand(self.shape).reshape(-1).tolist() for x in tensors]
        found = [function(*given) for given in zip(*values)]
        with no_grad():
            return self.copy_(ops.create.tensor(found, dtype=self.dtype).view(self.shape))

    def share_memory_(self) -> Tensor:
        """Is not there: memory belongs to one process."""
        raise NotImplementedError("share_memory_: memory that processes share is not there (yet)")

    def storage_type(self) -> Any:
        """``FloatStorage`` and so on."""
        return storage_type(self.form.dtype)

    def as_subclass(self, cls: Any) -> Any:
        """The same memory as a tensor of class `cls`."""
        out = self._make_subclass(cls, self)
        out.node, out.base = self.node, self.base
        return out

    def _random(self, filler: Callable[..., Any], *args: Any) -> Tensor:
        name = filler.__name__.removesuffix("_into")
        check_written(name, self.form)
        return ops.inplace.overwrite(name, self, lambda x: filler(x, *args))

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with uniform numbers between `a` and `b`."""
        return self._random(random.uniform_into, float(a), float(b), generator)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with normal numbers."""
        return self._random(random.normal_into, float(mean), float(std), generator)

    def exponential_(self, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with exponential numbers of rate `lambd`."""
        return self._random(random.exponential_into, float(lambd), generator)

    def cauchy_(self, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with Cauchy numbers."""
        return self._random(random.cauchy_into, float(median), float(sigma), generator)

    def log_normal_(self, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
        """Fill with numbers whose logarithms are normal, with this mean and deviation."""
        return self._random(random.log_normal_into, float(mean), float(std), generator)

    def geometric_(self, p: float, *, generator: Any = None) -> Tensor:
        """Fill with the numbers of trials, of success `p` each, up to the first success."""
        return self._random(random.geometric_into, float(p), generator)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Fill with ones with probability `p`, zeros otherwise."""
        return self._random(random.bernoulli_into, p, generator)

    def random_(self, low: int | None = None, high: int | None = None, *,
                generator: Any = None) -> Tensor:  # fmt: skip
        """Fill with integers from `low` to ``high - 1``, or with all the type can hold."""
        if high is None:
            low, high = 0, low
        if high is None:
            return self._random(random.anything_into, generator)
        return self._random(random.integers_into, int(low or 0), int(high), generator)


def _attach_records() -> None:
    """Methods, in-place methods and operators, from the records."""
    for record in RECORDS.values():
        method = record.method()
        if record.as_method:
            for name in (record.name, *record.aliases):
                setattr(Tensor, name, _named(method, name, record.__doc__))
        for name in record.operators:
            setattr(Tensor, name, record.operator())
        if record.in_place and record.as_method:
            changing = record.in_place_method()
            for name in (record.name, *record.aliases):
                setattr(Tensor, f"{name}_", _named(changing, f"{name}_", record.__doc__))
            for name in record.operators:
                if name.startswith("__") and not name.startswith("__r") and name not in _PLAIN:
                    setattr(Tensor, f"__i{name[2:]}", changing)


# operators without an augmented form
_PLAIN = (
    "__neg__", "__abs__", "__invert__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__",
)  # fmt: skip


def _named(method: Any, name: str, doc: str | None) -> Any:
    if getattr(method, "__name__", name) in ("method", name):
        method.__name__ = name
        method.__qualname__ = f"Tensor.{name}"
        method.__doc__ = doc
    return method


bind(Tensor)
_attach_records()
for _name, _method in conversions().items():
    setattr(Tensor, _name, _method)
