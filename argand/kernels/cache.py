"""Machine code on disk.

An entry is one file: a magic word, the digest of the rest, the object code. Its name is the hash
of everything that shaped it. Whatever is wrong with the folder or a file costs only the cache: it
is said once, and the program goes on. Code of another owner, or that somebody else could have
changed, never runs.

The folder has a limit. Whoever makes it larger than that removes what was not used for longest: the
time of an entry is that of its last use, to within a day. Entries that another process removes in
the meantime are generated again.
"""

import contextlib
import hashlib
import os
import stat
import threading
import time
from pathlib import Path

from argand import config

_MAGIC = b"ARGAND01"
_DIGEST = 32
_DAY = 86_400.0


class DiskCache:
    """Object code by key in `folder`; every method is safe under threads and processes."""

    def __init__(self, folder: Path | None, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = config.cache_limit() if limit is None else limit
        self._size: int | None = None  # of the folder, as far as this process knows
        self.problem: str | None = None if folder else "disabled"
        self._prepared = False
        self.hits = 0
        self.misses = 0

    def load(self, key: str) -> bytes | None:
        """The object code stored under `key`, or None; a damaged entry is removed."""
        if not self._prepare():
            return None
        path = os.path.join(str(self.folder), key)
        try:
            content = _read_own(path)
        except FileNotFoundError:
            self.misses += 1
            return None
        except OSError as error:
            self.misses += 1
            self._report(f"cannot use {path}: {error.strerror or error}", lasting=False)
            return None  # the entry will be replaced
        code = _unpack(content)
        if code is None:
            self.misses += 1
            _remove(path)
            self._report(f"{path} is damaged and was removed", lasting=False)
            return None
        self.hits += 1
        return code

    def store(self, key: str, code: bytes) -> None:
        """Keep `code`: written beside its place and renamed, so nobody ever sees half of it."""
        if not self._prepare():
            return
        path = os.path.join(str(self.folder), key)
        part = f"{path}.{os.getpid()}.{threading.get_ident()}"
        try:
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(part, path)
        except OSError as error:
            _remove(part)
            self._report(f"cannot write to {self.folder}: {error.strerror or error}")
            return
        self._count(len(code) + len(_MAGIC) + _DIGEST)

    def _count(self, added: int) -> None:
        """Note that the folder grew, and prune it when it is too large."""
        if self._size is None:
            self._size = sum(size for _, size, _ in self._entries())
        else:
            self._size += added
        if self._size > self.limit:
            self.prune()

    def _entries(self) -> list[tuple[float, int, str]]:
        """Time of the last use, size and path of every file in the folder."""
        found = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(str(self.folder)):
                with contextlib.suppress(OSError):  # another process may be removing it
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found.append((status.st_mtime, status.st_size, entry.path))
        return found

    def prune(self) -> None:
        """Remove the entries that were not used for longest, until a quarter of the room is free.

        Half an entry that is younger than an hour belongs to a process that is writing it.
        """
        now = time.time()
        entries = sorted(self._entries())
        left = sum(size for _, size, _ in entries)
        for used, size, path in entries:
            if left <= self.limit * 3 // 4:
                break
            if "." in os.path.basename(path) and now - used < 3600:
                continue
            _remove(path)
            left -= size
        self._size = left

    def _prepare(self) -> bool:
        if self._prepared or self.folder is None:
            return self.problem is None
        self._prepared = True
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_own(os.stat(self.folder), str(self.folder))
        except OSError as error:
            self._report(f"cannot use {self.folder}: {error.strerror or error}")
        return self.problem is None

    def _report(self, problem: str, lasting: bool = True) -> None:
        import logging

        if lasting:
            self.problem = problem
        logging.getLogger("argand").warning("kernel cache: %s", problem)


def _check_own(status: os.stat_result, path: str) -> None:
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise PermissionError(0, f"{path} belongs to another user")
    if hasattr(os, "getuid") and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(0, f"{path} can be written by other users")


def _read_own(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(fd, "rb", buffering=0) as file:
        status = os.fstat(fd)
        _check_own(status, path)
        content = file.read()
    if time.time() - status.st_mtime > _DAY:
        with contextlib.suppress(OSError):  # a folder that can only be read
            os.utime(path)
    return content


def _unpack(content: bytes) -> bytes | None:
    head = len(_MAGIC) + _DIGEST
    code = content[head:]
    if content[: len(_MAGIC)] != _MAGIC or not code:
        return None
    if hashlib.sha256(code).digest() != content[len(_MAGIC) : head]:
        return None
    return code


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass


disk = DiskCache(config.cache_folder())


def describe() -> dict[str, str]:
    """The cache in words, for ``argand doctor``."""
    if disk.folder is None:
        return {"folder": "none", "state": "disabled by ARGAND_CACHE"}
    disk._prepare()
    try:
        sizes = [entry.stat().st_size for entry in os.scandir(disk.folder)]
        content = f"{len(sizes)} kernels, {sum(sizes) / 2**20:.1f} of {disk.limit / 2**20:.0f} MiB"
    except OSError as error:
        content = str(error)
    return {"folder": str(disk.folder), "state": disk.problem or "in use", "content": content}
