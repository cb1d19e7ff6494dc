"""Fork, exit and interruption, each in a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def start(program: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> str:
    """What the process printed; it must end well, soon, and without complaints."""
    try:
        out, error = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        out, error = process.communicate()
        pytest.fail(f"the process hangs; it said {out}{error}")
    assert error == ""
    assert process.returncode == 0
    return out


# ---- fork ---------------------------------------------------------------------------------------


@posix
def test_fork_after_work_was_shared() -> None:
    """The child has no workers of the parent's; it computes the same and shares its work again."""
    told = finish(
        start("""
        import os
        import argand
        from argand.runtime import threads
        argand.set_num_threads(3)
        x = argand.arange(300_000, dtype=argand.float64)
        wanted = float((x * 2).sum())
        for _ in range(5):
            child = os.fork()
            if child == 0:
                good = all(float((x * 2).sum()) == wanted for _ in range(20))
                good = good and argand.get_num_threads() == 3 and threads._state.running == 2
                argand.set_num_threads(2)
                good = good and float((x * 2).sum()) == wanted
                os._exit(0 if good else 1)
            print(os.waitpid(child, 0)[1], float((x * 2).sum()) == wanted)
    """)
    )
    assert told == "0 True\n" * 5


@posix
def test_fork_while_others_compute() -> None:
    """Another Python thread is inside of a shared kernel at that moment, again and again."""
    told = finish(
        start("""
        import os
        import threading
        import argand
        from argand.runtime import threads
        argand.set_num_threads(3)
        x = argand.arange(400_000, dtype=argand.float64)
        wanted = float((x * 2).sum())
        stop = False
        def work():
            while not stop:
                assert float((x * 2).sum()) == wanted
        thread = threading.Thread(target=work)
        thread.start()
        codes = set()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                good = float((x * 2).sum()) == wanted
                shares = threads._busy.value == 0 and threads._workers.value == 2
                os._exit(0 if good and shares else 1)
            codes.add(os.waitpid(child, 0)[1])
        stop = True
        thread.join()
        print(codes)
    """)
    )
    assert told == "{0}\n"


@posix
def test_fork_while_others_compile() -> None:
    """The child of a process whose other thread is making kernels can make kernels."""
    told = finish(
        start("""
        import os
        import threading
        os.environ["ARGAND_CACHE"] = "off"
        import argand
        from argand.kernels import jit
        def module(number):
            return "define i64 @NAME.kernel() {\\n  ret i64 %d\\n}\\n" % number
        stop = False
        def work():
            number = 0
            while not stop:
                number += 1
                jit.compile_module(module(number))
        thread = threading.Thread(target=work)
        thread.start()
        codes = set()
        for k in range(10):
            child = os.fork()
            if child == 0:
                jit.compile_module(module(-1 - k))
                os._exit(0)
            codes.add(os.waitpid(child, 0)[1])
        stop = True
        thread.join()
        print(codes)
    """)
    )
    assert told == "{0}\n"


@posix
def test_a_child_that_ends_does_not_disturb_its_parent() -> None:
    told = finish(
        start("""
        import os, sys
        import argand
        argand.set_num_threads(2)
        x = argand.ones(500_000)
        print(float(x.sum()), flush=True)
        child = os.fork()
        if child == 0:
            sys.exit(int(float(x.sum()) != 500_000))  # with all that happens at exit
        os.waitpid(child, 0)
        print(float(x.sum()))
    """)
    )
    assert told == "500000.0\n500000.0\n"


# ---- exit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last",
    [
        "",  # workers spin
        "time.sleep(0.1)",  # workers sleep
        "os._exit(0)",
        "sys.exit(0)",
        "argand.set_num_threads(1)",
        "argand.set_num_threads(4)",
    ],
)
def test_exit_without_stopping(last: str) -> None:
    told = finish(
        start(f"""
        import os, sys, time
        import argand
        argand.set_num_threads(3)
        print(float(argand.ones(500_000).sum()), flush=True)
        {last}
    """)
    )
    assert told == "500000.0\n"


def test_exit_while_another_thread_computes() -> None:
    told = finish(
        start("""
        import threading, time
        import argand
        argand.set_num_threads(3)
        x = argand.ones(300_000)
        begun = threading.Event()
        def work():
            while True:
                x * 2
                begun.set()
        threading.Thread(target=work, daemon=True).start()
        begun.wait()
        time.sleep(0.05)
        print("bye", flush=True)
    """)
    )
    assert told == "bye\n"


# ---- interruption -------------------------------------------------------------------------------


@posix
def test_interruption_between_kernels() -> None:
    """Ctrl-C during a long sequence of kernels: KeyboardInterrupt, and all goes on."""
    process = start("""
        import argand
        argand.set_num_threads(3)
        x = argand.arange(300_000, dtype=argand.float64)
        wanted = float((x * 2).sum())
        print("ready", flush=True)
        for _ in range(3):
            try:
                while True:
                    y = (x * 2).exp().sum()
            except KeyboardInterrupt:
                good = float((x * 2).sum()) == wanted
                print("interrupted", good, flush=True)
        argand.set_num_threads(2)
        print(float((x * 2).sum()) == wanted)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(3):
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted True\n"
    assert finish(process) == "True\n"


@posix
def test_interruption_that_nobody_catches() -> None:
    process = start("""
        import argand
        argand.set_num_threads(3)
        x = argand.ones(300_000)
        print("ready", flush=True)
        while True:
            y = x * 2
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert error.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT
