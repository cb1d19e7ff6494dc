"""What a tensor is: sizes, memory, kind. Nothing here computes."""

from __future__ import annotations

from typing import Any

from argand.device import contiguous_format, device, strided
from argand.errors import message
from argand.ops.copies import in_order
from argand.ops.dims import normalize_dim
from argand.tensor.base import Methods
from argand.tensor.storage import TypedStorage, UntypedStorage, root


class Facts(Methods):
    """Sizes, memory, kind."""

    __slots__ = ()

    device = device("cpu")
    layout = strided
    is_cpu = property(lambda self: True)
    is_sparse = is_quantized = is_meta = is_cuda = is_nested = is_mkldnn = _no = property(
        lambda self: False
    )
    is_sparse_csr = is_mps = is_xpu = is_xla = is_ipu = is_mtia = is_maia = is_vulkan = _no
    volatile = _no
    name = None

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

    ndimension = dense_dim = dim

    def sparse_dim(self) -> int:
        """The number of sparse dimensions: 0."""
        return 0

    def numel(self) -> int:
        """The number of elements."""
        return self.form.numel

    nelement = numel

    def __len__(self) -> int:
        if not self.form.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.form.shape[0]

    def dim_order(self) -> tuple[int, ...]:
        """The dimensions from the outermost to the innermost in memory.

        >>> import argand
        >>> argand.zeros(2, 3).t().dim_order()
        (1, 0)
        """
        strides = self.form.strides
        return tuple(sorted(range(self.ndim), key=lambda d: -strides[d]))

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements lie in memory in row-major order (or another) without holes."""
        return in_order(self.form, memory_format)

    def is_floating_point(self) -> bool:
        """Whether the type is a floating one."""
        return self.form.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether the type is complex."""
        return self.form.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the type has negative numbers."""
        return self.form.dtype.is_signed

    def is_same_size(self, other: Any) -> bool:
        """Whether another tensor has the same shape."""
        return bool(self.form.shape == other.shape)

    def is_distributed(self) -> bool:
        """Whether the tensor is spread over processes: no."""
        return False

    def is_inference(self) -> bool:
        """Whether the tensor can never be part of a graph: no."""
        return False

    def is_neg(self) -> bool:
        """Whether the elements are stored with the other sign: no."""
        return False

    # ---- memory ---------------------------------------------------------------------------

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.ptr if self.form.numel else 0

    const_data_ptr = data_ptr

    def storage_offset(self) -> int:
        """Elements between the begin of the storage and the first element."""
        return (self.ptr - self.buffer.ptr) // self.form.dtype.itemsize

    def untyped_storage(self) -> UntypedStorage:
        """The memory as bytes.

        >>> import argand
        >>> argand.zeros(3, dtype=argand.int16).untyped_storage().nbytes()
        6
        """
        return UntypedStorage(self.buffer)

    def storage(self) -> TypedStorage:
        """The memory as elements."""
        return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.form.dtype)

    _typed_storage = storage

    def is_set_to(self, tensor: Any) -> bool:
        """Whether another tensor shows exactly the same memory in the same way."""
        same = root(self.buffer) is root(tensor.buffer) and self.ptr == tensor.ptr
        return same and self.form is tensor.form

    def is_shared(self) -> bool:
        """Whether other processes see the memory: no."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """Whether a GPU could read the memory directly: no."""
        return False

    def pin_memory(self, device: Any = None) -> Any:
        """Memory that a GPU can read directly: there is no GPU, so this raises RuntimeError."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    # ---- what other layouts have ----------------------------------------------------------

    def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool = True) -> Any:
        """The tensor itself: it is no sparse one."""
        return self if dtype is None else self.to(dtype)


def _refusing(name: str) -> Any:
    def method(self: Any) -> Any:
        rule = "expected sparse tensor layout"
        raise RuntimeError(message(name, rule, "strided", "there are no sparse tensors here"))

    method.__name__ = name
    method.__doc__ = "Part of a sparse tensor: a dense one has none, so this raises RuntimeError."
    return method


for _name in ("coalesce", "is_coalesced", "indices", "values", "crow_indices", "col_indices",
              "ccol_indices", "row_indices"):  # fmt: skip
    setattr(Facts, _name, _refusing(_name))
