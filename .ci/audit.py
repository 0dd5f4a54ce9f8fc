"""Audit the pinned libraries; exit 1 if there are vulnerabilities, and warn if vulnerability data is missing."""

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
        warn("the vulnerability data is unavailable.")
        print(done.stderr.strip()[-300:])
        return 0
    skipped = [library["name"] for library in libraries if "skip_reason" in library]
    found = [(library["name"], one["id"]) for library in libraries for one in library.get("vulns", ())]
    print(f"{len(libraries) - len(skipped)} of {len(libraries)} libraries audited, {len(found)} known vulnerabilities.")
    if skipped:
        warn(f"no data for {', '.join(skipped)}")
    for name, vulnerability in found:
        print(f"  {name}: {vulnerability}")
    return int(bool(found))


def warn(text: str) -> None:
    """Print a warning; GitHub shows it on the page of the run."""
    print("::warning::" * ("GITHUB_ACTIONS" in os.environ) + "NOT AUDITED:", text)


if __name__ == "__main__":
    sys.exit(main())
