"""Adds one step to the build: it writes the commit into the package, which git does not name once it is installed."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCommit(build_py):
    """Writes the commit of the version (app/version.py) to the built package."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)  # else a module that was removed since the last build stays
        super().run()
        commit = self.distribution.get_version().partition("+g")[2]
        Path(self.build_lib, "app/_commit.txt").write_text(commit, encoding="ascii")


if sys.version_info < (3, 11):  # noqa: UP036 - pip names a dependency of the project before it names python_requires
    sys.exit("ai-huggingface needs Python 3.11 or newer.")
setup(cmdclass={"build_py": BuildWithCommit})
