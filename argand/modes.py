"""Switches that PyTorch has and that change little or nothing here: they are kept and answered.

Results do not depend on the number of threads or on the run, so there is nothing for
`use_deterministic_algorithms` to change; float32 products are computed in float32.
"""

from __future__ import annotations

from typing import Any

from argand.device import check_available, device


class _Modes:
    deterministic = False
    warn_only = False
    precision = "highest"
    warn_always = False
    interop_threads = 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are the same in every run, which they are anyway.

    >>> use_deterministic_algorithms(False)
    """
    _Modes.deterministic, _Modes.warn_only = bool(mode), bool(mode) and warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was asked for.

    >>> are_deterministic_algorithms_enabled()
    False
    """
    return _Modes.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether operations that are not deterministic would only warn."""
    return _Modes.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same by a number or name: 0 "default", 1 "warn", 2 "error".

    Raises:
        RuntimeError: for another number or name.
        TypeError: for anything else.
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    names = ("default", "warn", "error")
    number = names.index(debug_mode) if debug_mode in names else debug_mode
    if number not in (0, 1, 2):
        rule = "invalid value of debug_mode, expected 0, 1, or 2"
        raise RuntimeError(f"{rule} (or {', '.join(names)}), but got {debug_mode}")
    use_deterministic_algorithms(number != 0, warn_only=number == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2; see `set_deterministic_debug_mode`."""
    return (1 if _Modes.warn_only else 2) if _Modes.deterministic else 0


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less than float32 inside of matrix products; none of them makes use of it.

    >>> set_float32_matmul_precision("highest")
    """
    if precision in ("highest", "high", "medium"):
        _Modes.precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given.

    >>> get_float32_matmul_precision()
    'highest'
    """
    return _Modes.precision


def set_warn_always(b: bool, /) -> None:
    """Whether warnings that are given once should be given always."""
    _Modes.warn_always = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was given."""
    return _Modes.warn_always


def set_flush_denormal(mode: bool) -> bool:
    """Whether denormal numbers should count as 0: this cannot be chosen, so it returns False."""
    return False


def get_num_interop_threads() -> int:
    """The threads that run operations beside each other."""
    return _Modes.interop_threads


def set_num_interop_threads(num: int) -> None:
    """Operations run one after the other, whatever the number.

    Raises:
        RuntimeError: when `num` is not positive.
    """
    if num <= 0:
        raise RuntimeError("Expected nthreads > 0")
    _Modes.interop_threads = num


def get_default_device() -> device:
    """Where new tensors live: on the CPU."""
    return device("cpu")


def set_default_device(device: Any) -> None:
    """New tensors live on the CPU; another device is refused as everywhere."""
    check_available(device)


def compiled_with_cxx11_abi() -> bool:
    """Whether extensions would need the newer C++ ABI."""
    return True
