"""Files from the network, whole and verified or not at all.

Everything is written under a temporary name of its own and renamed when complete, so that a
broken connection, a killed program or a second process leaves no half file under the final name.
"""

import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from argand.errors import message

_TIMEOUT_SECONDS = 60


def download(urls: Sequence[str], path: Path, md5: str) -> None:
    """Fetch `path` from the first of `urls` that has it with the checksum `md5`.

    A file that is there already, with that checksum, is kept.

    Raises:
        RuntimeError: none of the addresses gave the file; the message says why, for each.
    """
    # Loaded here because most programs never download, and they are slow to load.
    import http.client
    import urllib.request

    if path.exists() and checksum(path) == md5:
        return
    failures = []
    for url in urls:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "argand"})
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                _write_whole(path, lambda part: _save(response, part, md5))
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {error}")
    raise RuntimeError(message("download", f"no mirror gave {path.name}", "; ".join(failures)))


def decompress(path: Path) -> Path:
    """Unpack the gzip file `path` beside itself, without `.gz`; the new path."""
    target = path.with_suffix("")

    def write(part: Path) -> None:
        with gzip.open(path) as packed, open(part, "xb") as plain:
            shutil.copyfileobj(packed, plain)

    _write_whole(target, write)
    return target


def checksum(path: Path) -> str:
    """The MD5 checksum of a file, in hexadecimal digits."""
    import hashlib

    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _save(response: Any, part: Path, md5: str) -> None:
    with open(part, "xb") as file:
        shutil.copyfileobj(response, file)
    found = checksum(part)
    if found != md5:
        raise ValueError(f"the MD5 checksum must be {md5}, but got {found}")


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new file, and give it the name `path` only then."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
