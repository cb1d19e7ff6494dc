"""The version, and the names of `torch.version` for what Argand is not built with."""

__version__ = "0.1.0"

cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
