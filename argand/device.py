"""Where and in which order memory lies: PyTorch's names for devices and memory formats."""

from __future__ import annotations

_KNOWN = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class device:
    """Where a tensor lives.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("type", "index")

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        if isinstance(type, int):
            raise RuntimeError("Cannot access accelerator device when none is available.")
        name = str(type)
        if ":" in name:
            name, _, number = name.partition(":")
            index = int(number)
        if name not in _KNOWN:
            raise RuntimeError(
                f"Expected one of {', '.join(_KNOWN)} device type at start of device string: {name}"
            )
        self.type = name
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> device:
        check_available(self)
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"


def check_available(wanted: object) -> None:
    """Refuse every device but the CPU, with PyTorch's types of exceptions.

    Raises:
        AssertionError: for CUDA and XPU.
        RuntimeError: for other devices and unknown names.
        NotImplementedError: for "meta", where tensors would have no memory.

    >>> check_available("cpu:0")
    """
    if wanted is None:
        return
    kind = wanted.type if isinstance(wanted, device) else device(wanted).type  # type: ignore[arg-type]
    if kind == "cpu":
        return
    if kind in ("cuda", "xpu"):
        raise AssertionError(f"Torch not compiled with {kind.upper()} enabled")
    if kind == "meta":
        raise NotImplementedError("tensors without memory (device 'meta') are not there")
    raise RuntimeError(f"device '{kind}' is not available: Argand computes on 'cpu'")


class memory_format:
    """How the dimensions of images are ordered in memory.

    >>> contiguous_format
    torch.contiguous_format
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # its name in this module


class layout:
    """How the elements of a tensor are stored: one after the other, at regular steps.

    >>> strided
    torch.strided
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
