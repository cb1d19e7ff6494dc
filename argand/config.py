"""The few settings of Argand, each with the environment variable that presets it.

Nothing here changes generated code, so nothing here is part of a kernel's cache key.
"""

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """The folder that keeps compiled kernels, or None when ``ARGAND_CACHE=off`` disables it.

    ``ARGAND_CACHE`` names another folder; otherwise the platform's cache folder is used.

    >>> cache_folder() is None or cache_folder().is_absolute()
    True
    """
    named = os.environ.get("ARGAND_CACHE")
    if named is not None and named.lower() in ("", "0", "off"):
        return None
    if named is not None:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        root = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:  # no home folder can be determined
        return None
    return (root / "argand").absolute()


def cache_limit() -> int:
    """How many bytes of compiled kernels may stay on disk; ``ARGAND_CACHE_LIMIT`` says it in MiB.

    >>> cache_limit() >= 2**20
    True
    """
    value = os.environ.get("ARGAND_CACHE_LIMIT", "")
    return (max(1, int(value)) if value.isdigit() else 256) * 2**20


def requested_threads() -> int | None:
    """The number of threads that ``ARGAND_NUM_THREADS`` or ``OMP_NUM_THREADS`` asks for.

    >>> requested_threads() is None or requested_threads() >= 1
    True
    """
    for name in ("ARGAND_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0]
        if value.isdigit() and int(value) > 0:
            return int(value)
    return None


def winograd() -> bool:
    """Whether 3 x 3 convolutions may take Winograd's method: ``ARGAND_WINOGRAD=off`` forbids it.

    It is several times as fast as the direct way, and its rounding errors are several times as
    large.

    >>> winograd() in (True, False)
    True
    """
    return os.environ.get("ARGAND_WINOGRAD", "on").lower() not in ("", "0", "off")


def debug(topic: str) -> bool:
    """Whether ``ARGAND_DEBUG`` (a list of words) names `topic`: ``ir`` prints generated code.

    >>> debug("no such topic")
    False
    """
    return topic in os.environ.get("ARGAND_DEBUG", "").split(",")
