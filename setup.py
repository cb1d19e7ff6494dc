"""What pyproject.toml cannot say: the type stubs are made from the records when Argand is built."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithStubs(build_py):
    """Write the stubs beside the sources, and then collect the files of the package."""

    def run(self) -> None:
        command = [sys.executable, "-m", "argand.stubs"]
        subprocess.run(command, check=True, cwd=Path(__file__).parent)
        super().run()


setup(cmdclass={"build_py": BuildWithStubs})
