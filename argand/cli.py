"""The command `argand`: run PyTorch programs, see a demonstration, check the installation.

    argand run train.py --epochs 3    torch and torchvision are Argand in that process
    argand demo                       learn to read handwritten digits
    argand doctor                     describe the machine and check the generated kernels
    argand bench matmul               hold Argand against PyTorch (from a source tree)
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from argand.version import __version__

_RUN_USAGE = "argand run [-h] PROGRAM [ARGS ...] | -m MODULE [ARGS ...] | -c CODE [ARGS ...]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; the exit status.

    Args:
        arguments: the words after `argand`; those of this process when None.

    >>> main(["doctor", "--help"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    SystemExit: 0
    """
    parser = _parser()
    words, rest = _split(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(words, argparse.Namespace(rest=rest))
    if options.command is None:
        parser.print_help()
        return 2
    try:
        status: int = options.command(options)
    except KeyboardInterrupt:
        print("argand: interrupted", file=sys.stderr)
        return 130  # what a shell reports after SIGINT
    return status


def _split(words: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """The words that are for `argand`, and those behind a program, which are for the program."""
    if words[:1] != ["run"]:
        return words, []
    end = 3 if words[1:2] in (["-m"], ["-c"]) else 2
    return words[:end], list(words[end:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="argand", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"argand {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    run = commands.add_parser("run", help="run a PyTorch program with Argand", usage=_RUN_USAGE)
    run.add_argument("program", metavar="PROGRAM", nargs="?", help="a Python file")
    run.add_argument("-m", dest="module", metavar="MODULE", help="a module, as with python -m")
    run.add_argument("-c", dest="code", metavar="CODE", help="the program itself")
    run.set_defaults(command=_run, parser=run)

    demo = commands.add_parser("demo", help="train a perceptron to read handwritten digits")
    demo.set_defaults(command=_demo)

    doctor = commands.add_parser("doctor", help="describe the machine, check the kernels")
    doctor.set_defaults(command=_doctor)

    bench = commands.add_parser("bench", help="compare with PyTorch (needs the source tree)")
    bench.add_argument("names", metavar="NAME", nargs="*", help="a table; without names all")
    bench.set_defaults(command=_bench)
    return parser


def _run(options: argparse.Namespace) -> int:
    program = importlib.import_module("argand.compat.program")
    if options.module is not None:
        load, target = program.module, options.module
    elif options.code is not None:
        load, target = program.command, options.code
    elif options.program is not None:
        load, target = program.script, options.program
    else:
        options.parser.error("name a program, -m MODULE or -c CODE")
    try:
        status: int = program.run(load, target, options.rest)
    except program.ProgramError as error:
        print(f"argand run: {error}", file=sys.stderr)
        return 2
    return status


def _demo(options: argparse.Namespace) -> int:
    status: int = importlib.import_module("argand.demo").main()
    return status


def _doctor(options: argparse.Namespace) -> int:
    status: int = importlib.import_module("argand.doctor").main()
    return status


def _bench(options: argparse.Namespace) -> int:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if os.path.isfile(os.path.join(root, "benchmarks", "__main__.py")):
        os.chdir(root)
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *options.names])
    print("argand bench: the benchmarks are in the source tree only", file=sys.stderr)
    return 2
