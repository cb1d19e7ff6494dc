"""The command `argand`, mostly as a process of its own, as people start it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import argand
from argand import cli, doctor
from argand.compat import program


def start(*words: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "argand", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(*words: str, folder: Path, status: int = 0) -> tuple[str, str]:
    """Standard output and standard error of `argand words`, which must end with `status`."""
    process = start(*words, folder=folder)
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    return out, err


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_program_finds_what_python_would_give_it(tmp_path: Path) -> None:
    write(tmp_path / "programs" / "beside.py", "VALUE = 41\n")
    write(
        tmp_path / "programs" / "train.py",
        "import sys, os, torch, argand, beside\n"
        "import torch.nn.functional as F\n"
        "assert torch is argand and F is argand.nn.functional\n"
        "assert sys.modules['__main__'].__dict__ is globals()\n"
        "assert __spec__ is None and __package__ is None\n"
        "assert os.path.isabs(__file__) and __file__.endswith('train.py')\n"
        "print(__name__, beside.VALUE, sys.argv)\n",
    )
    words = ["--lr", "0.1", "-h", "--", "-m", "x"]
    out, _ = call("run", "programs/train.py", *words, folder=tmp_path)
    assert out == f"__main__ 41 {['programs/train.py', *words]}\n"


def test_a_module_and_a_package_run_by_name(tmp_path: Path) -> None:
    text = "import sys, torch\nprint(__name__, __package__, __spec__.name, sys.argv[1:])\n"
    write(tmp_path / "pack" / "__init__.py", "")
    write(tmp_path / "pack" / "__main__.py", text)
    write(tmp_path / "pack" / "train.py", text)
    out, _ = call("run", "-m", "pack", "-m", "a", folder=tmp_path)
    assert out == "__main__ pack pack.__main__ ['-m', 'a']\n"
    out, _ = call("run", "-m", "pack.train", "--lr", folder=tmp_path)
    assert out == "__main__ pack pack.train ['--lr']\n"


def test_code_on_the_command_line(tmp_path: Path) -> None:
    write(tmp_path / "beside.py", "")
    code = "import sys, torch, beside; print(torch.__name__, sys.argv)"
    out, _ = call("run", "-c", code, "-x", folder=tmp_path)
    assert out == "argand ['-c', '-x']\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["no_such.py"], "cannot open 'no_such.py': No such file"),
        (["-m", "no_such_module"], "no module named 'no_such_module'"),
        ([], "name a program"),
    ],
)
def test_without_a_program_there_is_nothing_to_run(
    words: list[str], text: str, tmp_path: Path
) -> None:
    out, err = call("run", *words, folder=tmp_path, status=2)
    assert text in err
    assert not out
    assert "Traceback" not in err


@pytest.mark.parametrize(("value", "status"), [("3", 3), ("0", 0), ("", 0), ("'reason'", 1)])
def test_the_programs_exit_status_is_kept(value: str, status: int, tmp_path: Path) -> None:
    _, err = call("run", "-c", f"raise SystemExit({value})", folder=tmp_path, status=status)
    assert err == ("reason\n" if "reason" in value else "")


def test_a_traceback_shows_the_program_alone(tmp_path: Path) -> None:
    write(
        tmp_path / "fails.py",
        "print('before')\n\ndef inner():\n    raise ValueError('broken')\n\ninner()\n",
    )
    out, err = call("run", "fails.py", folder=tmp_path, status=1)
    assert out == "before\n"
    frames = re.findall(r'File "(.*)", line (\d+), in (.*)', err)
    file = str(tmp_path / "fails.py")
    assert frames == [(file, "6", "<module>"), (file, "4", "inner")]
    assert err.endswith("ValueError: broken\n")


def test_a_syntax_error_shows_the_program_alone(tmp_path: Path) -> None:
    write(tmp_path / "fails.py", "x = 1\nx = = 2\n")
    _, err = call("run", "fails.py", folder=tmp_path, status=1)
    assert re.findall(r'File "(.*)", line (\d+)', err) == [(str(tmp_path / "fails.py"), "2")]
    assert "SyntaxError" in err


def test_an_exception_hook_of_the_program_is_used(tmp_path: Path) -> None:
    code = "import sys; sys.excepthook = lambda *a: print(a[0].__name__, a[2].tb_lineno); 1 / 0"
    out, err = call("run", "-c", code, folder=tmp_path, status=1)
    assert (out, err) == ("ZeroDivisionError 1\n", "")


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import torch.no_such", "torch.no_such"),
        ("from torch.nn import NoSuch", "torch.nn.NoSuch"),
        ("from torch.nn.functional import no_such", "torch.nn.functional.no_such"),
        ("import torch; torch.nn.functional.no_such", "torch.nn.functional.no_such"),
        ("import torchvision.no_such", "torchvision.no_such"),
    ],
)
def test_what_argand_lacks_is_named_as_in_pytorch(
    statement: str, name: str, tmp_path: Path
) -> None:
    _, err = call("run", "-c", statement, folder=tmp_path, status=1)
    assert re.search(rf"{name}\b.*Argand does not have it|does not have {name} \(yet\)", err), err
    assert "find_spec" not in err


def test_a_lacking_module_can_be_done_without(tmp_path: Path) -> None:
    code = (
        "try:\n    from torch.onnx.no_such import export\n"
        "except ImportError:\n    print('without')\n"
    )
    out, _ = call("run", "-c", code, folder=tmp_path)
    assert out == "without\n"


def test_classes_of_the_program_can_be_pickled(tmp_path: Path) -> None:
    write(
        tmp_path / "pickles.py",
        "import pickle\n\nclass Point:\n    x = 1\n\n"
        "copy = pickle.loads(pickle.dumps(Point()))\n"
        "print(type(copy) is Point, Point.__module__)\n",
    )
    out, _ = call("run", "pickles.py", folder=tmp_path)
    assert out == "True __main__\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_have_the_names_too(method: str, tmp_path: Path) -> None:
    write(
        tmp_path / "workers.py",
        "import multiprocessing\nimport torchvision\nimport torch\nimport torch.nn as nn\n\n"
        "def work(number):\n    return number + 1, torch.__name__, torchvision.__name__\n\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context({method!r}).Pool(1) as pool:\n"
        "        print(pool.map(work, [1]))\n",
    )
    if method == "fork" and not hasattr(signal, "SIGKILL"):
        pytest.skip("this system cannot fork")
    out, _ = call("run", "workers.py", folder=tmp_path)
    assert out == "[(2, 'argand', 'argand.vision')]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_ends_with_130_and_what_was_printed(tmp_path: Path) -> None:
    code = "import sys, time; print('printed'); sys.stderr.write('x'); time.sleep(100)"
    with start("run", "-c", code, folder=tmp_path) as process:
        assert process.stderr is not None
        process.stderr.read(1)  # the program runs
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == "printed\n"
    assert err.endswith("KeyboardInterrupt\n")


def test_without_a_command_the_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    out = capsys.readouterr().out
    assert all(word in out for word in ("run", "demo", "doctor", "bench"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"argand {argand.__version__}\n"


def test_running_a_program_loads_neither_demonstration_nor_doctor(tmp_path: Path) -> None:
    names = ["argand.demo", "argand.doctor", "argand.vision", "multiprocessing"]
    code = f"import sys; print([name for name in {names} if name in sys.modules])"
    out, _ = call("run", "-c", code, folder=tmp_path)
    assert out == "[]\n"


def test_trim_cuts_the_runner_at_the_end_of_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # which a program's folder joins

    def inner() -> None:
        program.command("x = = 2")

    with pytest.raises(SyntaxError) as caught:
        inner()
    trimmed = program._trim(caught.value.__traceback__)
    assert trimmed is not None
    assert trimmed.tb_next is not None
    assert trimmed.tb_next.tb_frame.f_code.co_name == "inner"
    assert trimmed.tb_next.tb_next is None


def test_doctor_describes_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for fact in ("python", "numpy", "llvmlite", "cpu", "vector width", "threads", "folder"):
        assert re.search(rf"^  {fact} +\S", out, re.MULTILINE), fact
    assert len(re.findall(r"^  [\w ]+ ok$", out, re.MULTILINE)) == len(doctor._CHECKS)


@pytest.mark.parametrize(
    ("check", "text"), [(lambda: 2.5, "FAILED: 2.5 times"), (lambda: 1 / 0, "FAILED")]
)
def test_doctor_reports_a_failed_check(
    check: object,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(doctor._CHECKS, "map", check)
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert re.search(rf"^  map +{text}", out, re.MULTILINE)
    assert re.search(r"^  matmul +ok", out, re.MULTILINE)


@pytest.mark.slow
def test_demo_learns_to_read(tmp_path: Path) -> None:
    out, err = call("demo", folder=tmp_path)
    losses = [float(loss) for loss in re.findall(r"loss (\d\.\d+)", out)]
    assert losses[-1] < 0.1 < 1 < losses[0]
    accuracy = re.search(r"accuracy on 297 other digits: ([\d.]+) %", out)
    assert accuracy is not None
    assert float(accuracy[1]) >= 95
    assert len(re.findall(r"\d read as \d", out)) == 8
    assert not err  # the progress bar is for terminals
