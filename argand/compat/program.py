"""Running a PyTorch program in this process, as `python` would run it.

The program gets a fresh ``__main__`` module of its own, so that pickling of its classes and
`multiprocessing` work, and `sys.argv` and `sys.path` as it would find them without Argand.
"""

import builtins
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple

from argand.compat import names, spawned

_SPAWNED = os.path.dirname(os.path.abspath(spawned.__file__))
_RUNNER = (__file__, names.__file__, "<frozen importlib")  # files whose frames say nothing
_CANNOT_IMPORT = re.compile(r"cannot import name '(\w+)'")
_INTERRUPTED = 128 + 2  # what a shell reports after SIGINT


class ProgramError(Exception):
    """There is no program to run; the text says why."""


class Program(NamedTuple):
    """What to execute, and how it sees itself."""

    code: CodeType
    argument0: str  # its `sys.argv[0]`
    attributes: dict[str, Any]  # of its `__main__` module


def script(path: str) -> Program:
    """The program in the file `path`."""
    full = os.path.abspath(path)
    try:
        with io.open_code(full) as file:
            source = file.read()
    except OSError as error:
        raise ProgramError(f"cannot open {path!r}: {error.strerror}") from None
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    loader = importlib.machinery.SourceFileLoader("__main__", full)
    code = compile(source, full, "exec", dont_inherit=True)
    return Program(code, path, {"__file__": full, "__loader__": loader, "__package__": None})


def module(name: str) -> Program:
    """The program that is the module `name`, or `name`'s ``__main__`` if that is a package."""
    _set_first_path(os.getcwd())
    found = importlib.util.find_spec(name)
    if found is not None and found.submodule_search_locations is not None:
        found = importlib.util.find_spec(f"{name}.__main__")
    get_code = getattr(found and found.loader, "get_code", None)
    code = get_code(found.name) if found and get_code else None
    if found is None or code is None:
        raise ProgramError(f"no module named {name!r} that can be run")
    attributes = {
        "__file__": found.origin,
        "__loader__": found.loader,
        "__package__": found.parent,
        "__spec__": found,
    }
    return Program(code, found.origin or name, attributes)


def command(text: str) -> Program:
    """The program that is `text` itself."""
    _set_first_path("")
    code = compile(text, "<string>", "exec", dont_inherit=True)
    return Program(code, "-c", {"__package__": None})


def run(load: Callable[[str], Program], target: str, arguments: Sequence[str] = ()) -> int:
    """Run the program that `load` makes of `target`, with `torch` and `torchvision` as Argand.

    Args:
        load: `script`, `module` or `command`.
        target: the path, the module's name or the text.
        arguments: the program's `sys.argv[1:]`.

    Returns:
        The exit status: 0, 1 after an exception that nobody caught, 130 after Ctrl-C.

    Raises:
        ProgramError: if there is no such program.
        SystemExit: if the program raises it.
    """
    names.install()
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.argv = [target, *arguments]
    try:
        program = load(target)
        sys.argv[0] = program.argument0
        main.__dict__.update(program.attributes)
        sys.modules["__main__"] = main
        exec(program.code, main.__dict__)
    except (SystemExit, ProgramError):
        raise
    except BaseException as error:  # noqa: BLE001  # reported as the interpreter would
        return _report(error)
    return 0


def _set_first_path(folder: str) -> None:
    """Put the program's folder where the interpreter would, and `spawned` after it."""
    if getattr(sys.flags, "safe_path", False):  # -P or PYTHONSAFEPATH: no such entry
        sys.path.insert(0, _SPAWNED)
    else:
        sys.path[:1] = [folder, _SPAWNED]


def _report(error: BaseException) -> int:
    """Print an uncaught exception without the frames that ran it; the exit status."""
    sys.stdout.flush()
    traceback = _trim(error.__traceback__)
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    missing = _missing_name(error)
    if missing:
        print(f"argand: Argand does not have {missing} (yet)", file=sys.stderr)
    sys.stderr.flush()
    return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _trim(traceback: TracebackType | None) -> TracebackType | None:
    """`traceback` without the runner's frames at its start and at its end."""
    while traceback is not None and _is_runner(traceback):
        traceback = traceback.tb_next
    last = here = traceback
    while here is not None:
        if not _is_runner(here):
            last = here
        here = here.tb_next
    if last is not None:
        last.tb_next = None
    return traceback


def _is_runner(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_RUNNER)


def _missing_name(error: BaseException) -> str | None:
    """PyTorch's name of what the program wanted from one of Argand's modules and did not find."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        owner, name = error.obj.__name__, error.name
    elif isinstance(error, ImportError) and (found := _CANNOT_IMPORT.match(str(error))):
        owner, name = error.name or "", found[1]
    else:
        return None
    public = names.torch_name(owner)
    return f"{public}.{name}" if public else None

