"""Whatever is wrong with the cache costs only the cache, and no foreign code runs."""

import ctypes
import errno
import hashlib
import itertools
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from argand import config
from argand.kernels import cache, jit
from argand.kernels.cache import DiskCache

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")
_numbers = itertools.count(5000)


def module(number: int) -> str:
    return f"define i64 @NAME.kernel() {{\n  ret i64 {number}\n}}\n"


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """An empty cache in place of the user's."""
    made = DiskCache(tmp_path / "kernels")
    monkeypatch.setattr(jit, "disk", made)
    return made


def again(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """The cache as another process finds it."""
    other = DiskCache(disk.folder)
    monkeypatch.setattr(jit, "disk", other)
    monkeypatch.setattr(jit, "_loaded", {})
    return other


def result(number: int) -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int64)(jit.address(module(number)))())


def entries(disk: DiskCache) -> list[Path]:
    assert disk.folder is not None
    return sorted(disk.folder.iterdir()) if disk.folder.is_dir() else []


# ---- entries ------------------------------------------------------------------------------------


def test_what_is_stored_is_loaded(disk: DiskCache) -> None:
    assert disk.load("key") is None
    disk.store("key", b"code")
    disk.store("key", b"other code")  # another process may have been first
    assert disk.load("key") == b"other code"
    assert (disk.hits, disk.misses, disk.problem) == (1, 1, None)
    assert [path.name for path in entries(disk)] == ["key"]


@posix
def test_folder_and_entries_are_the_owners_alone(disk: DiskCache) -> None:
    disk.store("key", b"code")
    assert disk.folder is not None
    assert stat.S_IMODE(disk.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entries(disk)[0].stat().st_mode) == 0o600


def flipped(position: int) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[position] ^= 1
        return bytes(changed)

    return damage


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a bit of the magic": flipped(0),
    "a bit of the digest": flipped(8),
    "the first bit of the code": flipped(40),
    "the last bit of the code": flipped(-1),
    "no code": lambda content: content[:40],
    "half a head": lambda content: content[:20],
    "cut off": lambda content: content[:-1],
    "half": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
    "garbage": lambda content: os.urandom(len(content)),
    "zeros": lambda content: bytes(len(content)),
    "another version": lambda content: b"ARGAND00" + content[8:],
    "digest of nothing": lambda content: content[:8] + hashlib.sha256(b"").digest(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_and_mended(
    damage: str, disk: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    number = next(_numbers)
    assert result(number) == number
    (path,) = entries(disk)
    good = path.read_bytes()
    path.write_bytes(DAMAGE[damage](good))
    other = again(disk, monkeypatch)
    compiled = jit.compiled
    assert result(number) == number
    assert jit.compiled == compiled + 1, "the damaged entry was used"
    assert path.read_bytes() == good, "the entry was not made anew"
    assert "damaged" in caplog.text
    assert other.problem is None
    assert again(disk, monkeypatch).load(path.name) is not None


def test_a_damaged_entry_is_removed(disk: DiskCache) -> None:
    disk.store("key", b"code")
    entries(disk)[0].write_bytes(b"ARGAND01")
    assert disk.load("key") is None
    assert entries(disk) == []


def foreign(path: Path) -> None:
    os.chown(path, 65534, 65534)


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


ROOT = hasattr(os, "getuid") and os.getuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root gives files away")


@posix
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(foreign, "belongs to another user", marks=needs_root),
        (lambda path: path.chmod(0o620), "can be written by other users"),
        (lambda path: path.chmod(0o602), "can be written by other users"),
        (linked, "cannot use"),
        (dangling, "cannot use"),
    ],
)
def test_entries_that_somebody_else_could_have_made_never_run(
    spoil: Callable[[Path], None],
    said: str,
    disk: DiskCache,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    number = next(_numbers)
    assert result(number) == number
    (path,) = entries(disk)
    spoil(path)
    again(disk, monkeypatch)
    compiled = jit.compiled
    assert result(number) == number
    assert jit.compiled == compiled + 1, "the entry was used"
    assert said in caplog.text
    # it was replaced by one of our own
    assert again(disk, monkeypatch).load(path.name) is not None
    assert not path.is_symlink()


@posix
def test_entries_of_another_user_by_what_the_system_says(
    disk: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As the test above, where nobody is root."""
    disk.store("key", b"code")
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert disk.load("key") is None
    assert "belongs to another user" in caplog.text
    fresh = DiskCache(disk.folder)
    assert fresh.load("key") is None
    assert fresh.problem is not None


def test_a_folder_in_place_of_an_entry(disk: DiskCache, caplog: pytest.LogCaptureFixture) -> None:
    disk.store("other", b"code")
    assert disk.folder is not None
    (disk.folder / "key").mkdir()
    assert disk.load("key") is None
    disk.store("key", b"code")
    assert "cannot" in caplog.text
    assert (disk.folder / "key").is_dir()


def test_what_a_killed_process_left_behind_does_no_harm(disk: DiskCache) -> None:
    disk.store("key", b"code")
    entries(disk)[0].with_name("key.1234.5678").write_bytes(b"ARG")
    assert disk.load("key") == b"code"
    disk.store("key", b"more")
    assert disk.load("key") == b"more"


# ---- folders ------------------------------------------------------------------------------------


def check_goes_on_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """Kernels are made and run, nothing is read, and the trouble is said once."""
    made = DiskCache(folder)
    monkeypatch.setattr(jit, "disk", made)
    records: list[logging.LogRecord] = []
    logger = logging.getLogger("argand")
    monkeypatch.setattr(logger, "handle", records.append)
    for _ in range(3):
        number = next(_numbers)
        assert result(number) == number
    assert made.problem is not None
    assert len(records) == 1, [r.getMessage() for r in records]
    assert made.hits == 0
    return made


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    made = DiskCache(tmp_path / "a" / "b" / "c")
    made.store("key", b"code")
    assert made.load("key") == b"code"


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_others_can_write_to_is_not_used(
    mode: int, disk: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(_numbers)
    assert result(number) == number
    assert disk.folder is not None
    disk.folder.chmod(mode)
    before = entries(disk)
    again(disk, monkeypatch)
    compiled = jit.compiled
    assert result(number) == number
    assert jit.compiled == compiled + 1
    made = check_goes_on_without(disk.folder, monkeypatch)
    assert "can be written by other users" in str(made.problem)
    assert entries(disk) == before


@posix
@needs_root
def test_a_folder_of_another_user_is_not_used(
    disk: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.store("key", b"code")
    assert disk.folder is not None
    os.chown(disk.folder, 65534, 65534)
    made = check_goes_on_without(disk.folder, monkeypatch)
    assert "belongs to another user" in str(made.problem)


def test_a_file_in_place_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    check_goes_on_without(tmp_path / "file", monkeypatch)
    check_goes_on_without(tmp_path / "file" / "below", monkeypatch)
    assert (tmp_path / "file").read_text() == "mine"


@posix
def test_a_folder_that_cannot_be_written(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.store("key", b"code")
    assert disk.folder is not None
    if ROOT:  # whom no mode keeps out
        real = os.open

        def refusing(path: str, flags: int, *rest: int) -> int:
            if flags & os.O_CREAT:
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, flags, *rest)

        monkeypatch.setattr(os, "open", refusing)
    else:
        disk.folder.chmod(0o500)
    made = check_goes_on_without(disk.folder, monkeypatch)
    assert "Permission denied" in str(made.problem)
    disk.folder.chmod(0o700)
    assert [path.name for path in entries(disk)] == ["key"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.store("key", b"code")
    real = os.open

    def full(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            os.close(real(path, flags, *rest))
            return real("/dev/full", os.O_WRONLY)
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", full)
    assert disk.folder is not None
    made = check_goes_on_without(disk.folder, monkeypatch)
    assert "No space left" in str(made.problem)
    assert [path.name for path in entries(disk)] == ["key"], "a part was left behind"


def test_a_disk_that_fails_at_the_last_moment(
    disk: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(source: str, goal: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", goal)

    monkeypatch.setattr(os, "replace", failing)
    assert disk.folder is not None
    check_goes_on_without(disk.folder, monkeypatch)
    assert entries(disk) == []


@pytest.mark.skipif(not ROOT or sys.platform != "linux", reason="only root mounts disks")
def test_a_disk_that_is_really_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "argand-test", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (place / "filler").write_bytes(bytes(4096))
        check_goes_on_without(place, monkeypatch)
        assert [path.name for path in place.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(place)], check=True)


# ---- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["off", "OFF", "0", ""])
def test_the_cache_can_be_switched_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGAND_CACHE", word)
    assert config.cache_folder() is None
    made = DiskCache(config.cache_folder())
    made.store("key", b"code")
    assert made.load("key") is None
    assert made.problem == "disabled"


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGAND_CACHE", str(tmp_path / "here"))
    assert config.cache_folder() == tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARGAND_CACHE", "below")
    assert config.cache_folder() == tmp_path / "below"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("ARGAND_CACHE", "~/mine")
    assert config.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("ARGAND_CACHE")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert config.cache_folder() == tmp_path / ".cache" / "argand"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert config.cache_folder() == tmp_path / "xdg" / "argand"


def test_no_home_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("ARGAND_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", staticmethod(nobody))
    assert config.cache_folder() is None


def test_the_doctor_is_told(disk: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "disk", disk)
    disk.store("key", bytes(2**20))
    told = cache.describe()
    content = "1 kernels, 1.0 of 256 MiB"
    assert told == {"folder": str(disk.folder), "state": "in use", "content": content}
    monkeypatch.setattr(cache, "disk", DiskCache(None))
    assert cache.describe()["state"] == "disabled by ARGAND_CACHE"


# ---- processes ----------------------------------------------------------------------------------

_PROGRAM = """
import sys
import argand
from argand.kernels import cache, jit
if len(sys.argv) > 1:
    sys.stdin.read()  # until all are there
x = argand.arange(1000, dtype=argand.float32) / 1000
print(float((x.exp() * x + 1).sum()), float(argand.softmax(x, 0).max()), float(x.sin().mean()))
print(jit.compiled, cache.disk.hits, cache.disk.problem)
"""


def run(folder: str, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "ARGAND_CACHE": folder}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_processes_at_once_with_an_empty_cache(tmp_path: Path) -> None:
    """Four fill it together; a fifth finds all it needs."""
    folder = tmp_path / "kernels"
    together = [run(str(folder), "wait") for _ in range(4)]
    for process in together:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    told = [process.communicate(timeout=120) for process in together]
    assert [error for _, error in told] == [""] * 4
    numbers = {out.splitlines()[0] for out, _ in told}
    assert len(numbers) == 1, numbers
    found = DiskCache(folder)
    names = [path.name for path in folder.iterdir()]
    assert names
    assert all(len(name) == 64 and found.load(name) for name in names), "a part was left"
    out, error = run(str(folder)).communicate(timeout=120)
    assert error == ""
    assert out.splitlines() == [*numbers, f"0 {len(names)} None"], "not all was found on disk"


def test_a_program_without_a_cache(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, **environment, "ARGAND_CACHE": "off"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert process.stderr == ""
    compiled, hits, problem = process.stdout.splitlines()[1].split()
    assert int(compiled) > 3
    assert (hits, problem) == ("0", "disabled")
    assert list(tmp_path.iterdir()) == []


# ---- the limit -----------------------------------------------------------------------------------


def kept(disk: DiskCache) -> set[str]:
    return {path.name for path in entries(disk)}


def filled(folder: Path, count: int, limit: int) -> DiskCache:
    """A cache with entries of 1000 bytes, the first the oldest."""
    disk = DiskCache(folder, limit)
    for number in range(count):
        disk.store(f"{number}", bytes(1000 - 40))
        os.utime(folder / f"{number}", (1e9 + number, 1e9 + number))
    return disk


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    disk = filled(tmp_path / "kernels", 8, limit=8500)
    assert disk.load("0") is not None  # so it is young again
    disk.store("new", bytes(960))
    assert kept(disk) == {"0", "new", "4", "5", "6", "7"}


def test_a_cache_that_others_filled_is_pruned_too(tmp_path: Path) -> None:
    filled(tmp_path / "kernels", 8, limit=10**9)
    other = DiskCache(tmp_path / "kernels", 4000)
    other.store("new", bytes(960))
    assert kept(other) == {"new", "6", "7"}


def test_pruning_leaves_folders_and_what_is_being_written(tmp_path: Path) -> None:
    disk = filled(tmp_path / "kernels", 3, limit=10**9)
    assert disk.folder is not None
    (disk.folder / "folder").mkdir()
    (disk.folder / "key.123.456").write_bytes(bytes(5000))
    disk.limit = 100
    disk.prune()
    assert kept(disk) == {"folder", "key.123.456"}
    os.utime(disk.folder / "key.123.456", (1e9, 1e9))  # its process is long gone
    disk.prune()
    assert kept(disk) == {"folder"}


def test_entries_that_vanish_while_pruning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = filled(tmp_path / "kernels", 4, limit=10**9)
    found = disk._entries()
    assert disk.folder is not None
    (disk.folder / "0").unlink()
    monkeypatch.setattr(disk, "_entries", lambda: found)
    disk.limit = 2000
    disk.prune()
    assert kept(disk) == {"3"}


def test_kernels_work_while_their_cache_is_pruned(disk: DiskCache) -> None:
    disk.limit = 1
    for _ in range(3):
        number = next(_numbers)
        assert result(number) == number
        assert len(entries(disk)) == 0


def test_the_limit_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGAND_CACHE_LIMIT", "3")
    assert DiskCache(None).limit == 3 * 2**20
    monkeypatch.setenv("ARGAND_CACHE_LIMIT", "much")
    assert DiskCache(None).limit == 256 * 2**20
