"""The version of the service, as `/health`, the metrics and the User-Agent report it."""

import re
from pathlib import Path

SERVICE = "ai-huggingface"
RELEASE = "0.2.0"


def read_commit(package: Path) -> str | None:
    """Return the short hash of the commit that a package was built or checked out from; None if it is unknown.

    A build writes the hash to `_commit.txt` in the package. In a checkout git's files are read (0.1 ms), since
    starting git takes 9 ms.
    """
    found = re.match("[0-9a-f]{7}", _read(package / "_commit.txt") or _read_head(package.parent / ".git"))
    return found[0] if found else None


def _read_head(git: Path) -> str:
    """Return the hash of the checked-out commit; `git` is a folder, or the file of a worktree that names its folder."""
    folder = git.parent / _read(git).removeprefix("gitdir: ") if git.is_file() else git
    head = _read(folder / "HEAD")
    if not head.startswith("ref: "):
        return head
    ref = head.removeprefix("ref: ")
    common = folder / _read(folder / "commondir")
    return _read(common / ref) or _read_packed(common / "packed-refs", ref)


def _read_packed(file: Path, ref: str) -> str:
    return next((line for line in _read(file).splitlines() if line.endswith(f" {ref}")), "")


def _read(file: Path) -> str:
    """Return the text of a file; an empty one if there is no such file."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


_commit = read_commit(Path(__file__).parent)
# PEP 440 calls the part after the plus sign a local version, semantic versioning build metadata
__version__ = f"{RELEASE}+g{_commit}" if _commit else RELEASE
