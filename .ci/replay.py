"""Execute docker/Dockerfile without a Docker engine, and run the result as the manifests do.

    python .ci/replay.py BASE WORK TARGET [--share PATH]... [--run] [--env NAME=VALUE]...

Needs root. BASE is a root file system that replaces the base image:

    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates bookworm BASE
    ln -s python3 BASE/usr/bin/python; rm BASE/usr/lib/python3.*/EXTERNALLY-MANAGED
    rm -r BASE/var/cache/apt/* BASE/var/lib/apt/lists/*

Each stage becomes a folder in WORK, built with chroot; an existing folder is used unchanged. The script prints the size
that the target adds to its base. --share makes files of this machine available to the steps, such as pip's settings.
--run starts the target's command with its user, without privileges and shells, on a read-only root, with memory at
/dev/shm. Ctrl-C stops it.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHES = shutil.ignore_patterns("__pycache__")
DEVICES = ("null", "zero", "random", "urandom")
SHELLS = ("sh", "bash", "dash", "rbash")


@dataclass(frozen=True)
class Stage:
    """A stage: its root file system, and the process settings of its image."""

    root: Path
    environment: dict[str, str]
    folder: str = "/"
    user: str = "0:0"
    command: tuple[str, ...] = ()

    def inside(self, path: str) -> Path:
        return self.root / str(Path(self.folder, path)).lstrip("/")

    def command_line(self, command: tuple[str, ...]) -> str:
        """Return the shell line that runs a command in this stage."""
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        enter = ["chroot", f"--userspec={self.user}", str(self.root), "/usr/bin/env", "-C", self.folder, "-i"]
        return shlex.join([*enter, *environment, *command])


def instructions(text: str) -> list[tuple[str, str]]:
    """Return each instruction of a Dockerfile with its argument."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def stages(text: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Return each stage of a Dockerfile by its name: its base and its instructions."""
    found = {}
    for name, argument in instructions(text):
        if name == "FROM":
            source, stage = argument.split(" AS ")
            found[stage] = (source, [])
        elif found:
            found[stage][1].append((name, argument))
    return found


class Builder:
    """Builds each stage once."""

    def __init__(self, base: Path, work: Path, shared: list[Path]) -> None:
        self._base = Stage(base, {"PATH": "/usr/local/bin:/usr/bin:/bin"})
        self._work = work
        self._shared = shared
        self._plans = stages((ROOT / "docker/Dockerfile").read_text())
        self._built: dict[str, Stage] = {}

    def stage(self, name: str) -> Stage:
        """Return a stage, by its name or that of an image."""
        if name not in self._plans:
            return self._base
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> Stage:
        source, steps = self._plans[name]
        parent, root = self.stage(source), self._work / name
        exists = root.is_dir()
        if not exists:
            subprocess.run(["cp", "-a", "--reflink=auto", parent.root, root], check=True)
        stage = replace(parent, root=root)
        for instruction, argument in steps:
            if instruction in ("RUN", "COPY"):
                if not exists:
                    print(name, instruction, argument, flush=True)
                    (self._run if instruction == "RUN" else self._copy)(stage, argument)
            else:
                stage = with_instruction(stage, instruction, argument)
        return stage

    def _run(self, stage: Stage, argument: str) -> None:
        command = json.loads(argument) if argument.startswith("[") else ["/bin/sh", "-c", argument]
        stage.inside(".").mkdir(parents=True, exist_ok=True)
        lines = ["set -e", *(mount_of(path, stage.root) for path in self._shared), stage.command_line(command)]
        subprocess.run(["unshare", "--mount", "sh", "-c", "\n".join(lines)], check=True)

    def _copy(self, stage: Stage, argument: str) -> None:
        *options, rest = re.fullmatch(r"(?:--from=(\S+) )?(.+)", argument).groups()
        source_root = self.stage(options[0]).root if options[0] else ROOT
        *sources, target = rest.split()
        for source in (source_root / one.lstrip("/") for one in sources):
            path = stage.inside(target)
            if source.is_dir():
                ignored = None if options[0] else CACHES
                shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True, ignore=ignored)
            else:
                path = path / source.name if target.endswith("/") else path
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, path)


def with_instruction(stage: Stage, instruction: str, argument: str) -> Stage:
    """Return the stage with the process settings of an instruction."""
    if instruction == "ENV":
        pairs = dict(pair.split("=", 1) for pair in shlex.split(argument))
        known = stage.environment
        return replace(stage, environment={**known, **{k: v.replace("$PATH", known["PATH"]) for k, v in pairs.items()}})
    if instruction == "CMD":
        return replace(stage, command=tuple(json.loads(argument)))
    fields = {"WORKDIR": "folder", "USER": "user"}
    return replace(stage, **{fields[instruction]: argument}) if instruction in fields else stage


def mount_of(path: Path, root: Path) -> str:
    """Return the lines that make a path of this machine visible in a root."""
    target = shlex.quote(str(root) + str(path))
    make = "mkdir -p" if path.is_dir() else f"mkdir -p $(dirname {target}); touch"
    return f"{make} {target}; mount --bind {shlex.quote(str(path))} {target}"


def size(root: Path) -> int:
    """Return the bytes on disk of a root file system."""
    return int(subprocess.run(["du", "-s", "-B1", root], capture_output=True, check=True).stdout.split()[0])


def run(stage: Stage) -> None:
    """Replace this process by the command of the stage in new namespaces."""
    shells = [path for name in SHELLS if (path := stage.root / "usr/bin" / name).exists() and not path.is_symlink()]
    root = shlex.quote(str(stage.root))
    lines = [
        "set -e",
        f"mount --bind {root} {root}",
        f"mount -t proc proc {root}/proc",
        f"mount -t tmpfs -o mode=755 tmpfs {root}/dev",
        *(mount_of(Path("/dev", device), stage.root) for device in DEVICES),
        f"mkdir {root}/dev/shm",
        f"mount -t tmpfs -o mode=1777,size=16m tmpfs {root}/dev/shm",
        *(f"mount --bind /dev/null {shlex.quote(str(shell))}" for shell in shells),
        f"mount -o remount,bind,ro {root}",
        f"exec setpriv --no-new-privs {stage.command_line(stage.command)}",
    ]
    os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", "\n".join(lines)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("base", "work"):
        parser.add_argument(name, type=lambda text: Path(text).resolve())
    parser.add_argument("target")
    parser.add_argument("--share", type=Path, action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--run", action="store_true")
    given = parser.parse_args()
    stage = Builder(given.base, given.work, given.share).stage(given.target)
    if given.run:
        extra = dict(pair.split("=", 1) for pair in given.env)
        run(replace(stage, environment={**stage.environment, **extra}))
    print(f"{given.target} adds {(size(stage.root) - size(given.base)) / 1e6:.1f} MB to its base")


if __name__ == "__main__":
    main()
