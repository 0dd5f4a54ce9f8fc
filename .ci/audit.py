"""Audits the pinned libraries for known holes: exit 1 where there are any, and a plain word on what was not audited."""

import json
import os
import subprocess
import sys
from pathlib import Path

FILES = ("requirements/run.txt", "requirements/embedded.txt", "requirements/tracing.txt")


def main() -> int:
    files = [option for file in FILES for option in ("--requirement", file)]
    command = [Path(sys.executable).parent / "pip-audit", "--no-deps", "--disable-pip", "--format", "json", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    try:
        libraries = json.loads(done.stdout)["dependencies"]
    except json.JSONDecodeError:
        warn("the data on known holes could not be reached.")
        print(done.stderr.strip()[-300:])
        return 0
    skipped = [library["name"] for library in libraries if "skip_reason" in library]
    holes = [(library["name"], hole["id"]) for library in libraries for hole in library.get("vulns", ())]
    print(f"{len(libraries) - len(skipped)} of {len(libraries)} libraries audited, {len(holes)} known holes.")
    if skipped:
        warn(f"there is no data where they were installed from on {', '.join(skipped)}")
    for name, hole in holes:
        print(f"  {name}: {hole}")
    return int(bool(holes))


def warn(text: str) -> None:
    """Say what was not audited; GitHub shows it on the page of the run, since the step does not fail."""
    print("::warning::" * ("GITHUB_ACTIONS" in os.environ) + "NOT AUDITED:", text)


if __name__ == "__main__":
    sys.exit(main())
