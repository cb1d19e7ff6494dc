"""`Tensor`: the state of `TensorBase`, what Python asks of a tensor, and the records' methods."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import argand.ops as ops
from argand import dtypes, printing
from argand.autograd import api
from argand.autograd.grad_mode import no_grad
from argand.autograd.node import AccumulateGrad, Port, RemovableHandle, output_hooks, retain
from argand.device import device, strided
from argand.dtypes import dtype
from argand.ops import random
from argand.ops.arrays import as_array, from_array, require
from argand.ops.copies import converted
from argand.ops.create import check_device
from argand.ops.dims import normalize_dim
from argand.ops.history import adopt, base_of, check_written, is_recorded
from argand.ops.index import get_item, set_item
from argand.ops.record import RECORDS, get_default_dtype
from argand.ops.shape import permuted
from argand.runtime.layout import dense
from argand.runtime.memory import allocate, wrap
from argand.runtime.tensor_base import TensorBase, alias, bind, make

if TYPE_CHECKING:
    from argand._methods import Methods  # what `_attach_records` and `_conversions` add
else:
    Methods = TensorBase


class Tensor(Methods):
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
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __new__(cls, *data: Any, **kwargs: Any) -> Any:
        """``Tensor(data)`` or ``Tensor(*sizes)``, of the default floating type."""
        if not data:
            made = ops.create.empty(0)
        elif len(data) == 1 and not isinstance(data[0], int):
            made = ops.create.tensor(data[0], dtype=get_default_dtype())
        else:
            made = ops.create.empty(*data)
        return made if cls is Tensor else cls._make_subclass(cls, made)

    @staticmethod
    def _make_subclass(cls: type, data: Any, require_grad: bool = False) -> Any:
        """A tensor of class `cls` over the memory of `data`, as a leaf."""
        out: Any = object.__new__(cls)
        out.storage, out.ptr, out.form = data.storage, data.ptr, data.form
        out.node = out.grad = out.base = None
        return require(out) if require_grad else out

    # ---- what it is -----------------------------------------------------------------------

    device = device("cpu")
    layout = strided
    is_sparse = is_quantized = is_meta = is_cuda = is_nested = is_mkldnn = False
    names = property(lambda self: (None,) * self.ndim)

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
        memory = wrap(self.storage.ptr, self.storage.nbytes, self.storage)  # has its own version
        return make(memory, self.form, self.ptr)

    @data.setter
    def data(self, other: Tensor) -> None:
        self.storage, self.ptr, self.form = other.storage, other.ptr, other.form

    @property
    def _version(self) -> int:
        return int(self.storage.version)

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
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return self.transpose(-2, -1)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.form.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.form.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.form.nbytes

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is None:
            return self.form.shape
        return self.form.shape[normalize_dim(dim, self.ndim)]

    def stride(self, dim: int | None = None) -> Any:
        """Steps in elements from one index to the next, in every dimension or in one."""
        if dim is None:
            return self.form.strides
        return self.form.strides[normalize_dim(dim, self.ndim)]

    def dim(self) -> int:
        """The number of dimensions."""
        return self.form.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.form.numel

    nelement = numel

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.ptr if self.form.numel else 0

    def storage_offset(self) -> int:
        """Elements between the begin of the storage and the first element."""
        return (self.ptr - self.storage.ptr) // self.form.dtype.itemsize

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order without holes."""
        return self.form.contiguous

    def is_floating_point(self) -> bool:
        """Whether the type is a floating one."""
        return self.form.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether the type is complex."""
        return self.form.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the type has negative numbers."""
        return self.form.dtype.is_signed

    # ---- Python ---------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.form.numel != 1:
            raise RuntimeError(
                f"a Tensor with {self.form.numel} elements cannot be converted to Scalar"
            )
        kind = _CTYPES.get(self.form.dtype)
        if kind is not None:
            return kind.from_address(self.ptr).value
        if self.form.dtype is dtypes.bfloat16:
            return float(as_array(converted.body(self, dtypes.float32)).item())
        return as_array(self).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        if self.form.dtype is dtypes.bfloat16:
            return as_array(converted.body(self, dtypes.float32)).tolist()
        return as_array(self).tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array over the same memory."""
        if self.node is not None and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if self.form.dtype is dtypes.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return as_array(self)

    def __array__(self, kind: Any = None, copy: Any = None) -> Any:
        array = self.numpy()
        if kind is not None and array.dtype != kind:
            return array.astype(kind)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        if self.form.numel != 1:
            if self.form.numel == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.form.dtype.kind not in "bui" or self.form.numel != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self.form.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.form.shape[0]

    def __iter__(self) -> Any:
        if not self.form.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __getitem__(self, index: Any) -> Any:
        return get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        set_item(self, index, value)

    def __reversed__(self) -> Any:
        return self[::-1] if self.form.ndim else self

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

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self.form.ndim else object.__format__(self, spec)

    def __deepcopy__(self, memory: dict[int, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment."
            )
        if id(self) in memory:
            return memory[id(self)]
        with no_grad():
            out = self._make_subclass(type(self), self.clone(), self.requires_grad)
            if self.grad is not None:
                out.grad = self.grad.clone()
            out.__dict__.update(self.__dict__)
        memory[id(self)] = out
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaves of the graph can be pickled: detach the tensor first")
        array = np.ascontiguousarray(as_array(self))
        state = (type(self), array, self.form.dtype, self.requires_grad, dict(self.__dict__))
        return rebuild, state

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

    def detach(self) -> Any:
        """The same memory outside of the graph."""
        return alias(self)

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph; views cannot leave alone."""
        if self._is_view():
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node = None
        return self

    # ---- conversion -----------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert to a type, or to the type of another tensor; the device is always the CPU."""
        kind, copy = _target(args, kwargs)
        if kind is None or kind is self.form.dtype:
            return self.clone() if copy else self
        return converted(self, kind)

    def type(self, dtype: Any = None) -> Any:
        """The name of the type, or the tensor converted to another."""
        if dtype is None:
            return f"torch.{_TYPE_NAMES[self.form.dtype.name]}"
        if isinstance(dtype, str):
            dtype = _by_type_name(dtype)
        return self.to(dtype)

    def type_as(self, other: Tensor) -> Any:
        """Converted to the type of another tensor."""
        return self.to(other.dtype)

    def cpu(self, memory_format: Any = None) -> Tensor:
        """The tensor itself: everything lives on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """There is no GPU: raises RuntimeError."""
        return self.to("cuda")

    def pin_memory(self, device: Any = None) -> Tensor:
        """The tensor itself."""
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

    def place_values_(self, value: Any, index: Any, accumulate: bool) -> Tensor:
        """Write values at the places of a NumPy index."""
        return ops.inplace.place_into(self, value, index, accumulate)

    def resize_(self, *sizes: Any) -> Tensor:
        """Change the shape; new elements are uninitialized."""
        shape = ops.shape.sizes_of("resize_", sizes)
        layout = dense(self.form.dtype, shape)
        if layout.nbytes > self.storage.nbytes - (self.ptr - self.storage.ptr):
            self.storage = allocate(layout.nbytes)
            self.ptr = self.storage.ptr
        self.form = layout
        return self

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


_CTYPES: dict[dtype, Any] = {
    dtypes.float32: ctypes.c_float, dtypes.float64: ctypes.c_double, dtypes.bool_: ctypes.c_bool,
    dtypes.int64: ctypes.c_int64, dtypes.int32: ctypes.c_int32, dtypes.int16: ctypes.c_int16,
    dtypes.int8: ctypes.c_int8, dtypes.uint8: ctypes.c_uint8,
}  # fmt: skip
_TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor", "int8": "CharTensor",
    "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def _by_type_name(name: str) -> dtype:
    short = name.removeprefix("torch.")
    for kind in dtypes.ALL:
        if _TYPE_NAMES[kind.name] == short:
            return kind
    raise ValueError(f"invalid type: '{name}'")


def _target(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[dtype | None, bool]:
    """The type that ``to`` was asked for, and whether it must copy."""
    kind = kwargs.pop("dtype", None)
    copy = bool(kwargs.pop("copy", False))
    check_device(kwargs.pop("device", None))
    other = kwargs.pop("other", None)
    for value in (*args, other):
        if isinstance(value, dtype):
            kind = value
        elif isinstance(value, TensorBase):
            kind = value.dtype
        elif isinstance(value, (str, device)):
            check_device(value)
    return kind, copy


def rebuild(cls: type, array: Any, kind: dtype, requires_grad: bool, state: dict[str, Any]) -> Any:
    """A tensor from its pickled parts."""
    data = from_array(array)
    if kind is dtypes.bfloat16:
        data.form = dense(kind, array.shape)
    out = Tensor._make_subclass(cls, data, requires_grad)
    out.__dict__.update(state)
    return out


def _conversions() -> None:
    names = {
        "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
        "bfloat16": dtypes.bfloat16, "int": dtypes.int32, "long": dtypes.int64,
        "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
        "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
    }  # fmt: skip
    for name, kind in names.items():
        setattr(Tensor, name, _conversion(name, kind))


def _conversion(name: str, kind: dtype) -> Callable[..., Any]:
    def method(self: Tensor, memory_format: Any = None) -> Any:
        return self.to(kind)

    method.__name__ = name
    method.__doc__ = f"Converted to {kind}."
    return method


def _attach_records() -> None:
    """Methods, in-place methods and operators, from the records."""
    for record in RECORDS.values():
        method = record.method()
        if record.as_method:
            for name in (record.name, *record.aliases):
                setattr(Tensor, name, _named(method, name, record.__doc__))
        for name in record.operators:
            setattr(Tensor, name, _operator(method))
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


def _operator(method: Callable[..., Any]) -> Callable[..., Any]:
    return method


bind(Tensor)
_attach_records()
_conversions()
