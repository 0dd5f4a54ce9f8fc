"""Print the changelog section of a tag; fail if tag, version and changelog differ."""

import re
import sys
from pathlib import Path

from app.version import RELEASE


def notes(tag: str, changelog: str) -> str:
    """Return the section of the version of a tag without its title; exit with a message if it is missing."""
    if tag != f"v{RELEASE}":
        sys.exit(f"The tag is {tag}, but app/version.py says {RELEASE}.")
    section = re.search(rf"^## {re.escape(RELEASE)} - \S+\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not section:
        sys.exit(f"CHANGELOG.md has no section {RELEASE} with a date.")
    return section[1].strip()


if __name__ == "__main__":
    print(notes(sys.argv[1], Path("CHANGELOG.md").read_text()))
