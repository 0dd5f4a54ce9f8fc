"""Writes the bill of materials of each image in CycloneDX's format, from the locked requirements: IMAGE.cdx.json."""

import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from app.version import SERVICE, __version__

IMAGES = {"service": ["run"], "service-embedded": ["run", "embedded", "model"]}
# the locked lists cover every system; the images have one (docker/Dockerfile)
PLATFORM = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.11.99",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def locked(*names: str) -> list[Requirement]:
    """Return the requirements that the images install from these lists."""
    lines = [line for name in names for line in Path(f"requirements/{name}.txt").read_text().splitlines()]
    found = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    return [one for one in found if one.marker is None or one.marker.evaluate(PLATFORM)]


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as project:
        project.write(f'[project]\nname = "{SERVICE}"\nversion = "{__version__}"\n')
        project.flush()
        for image, names in IMAGES.items():
            command = [Path(sys.executable).parent / "cyclonedx-py", "requirements", "--pyproject", project.name]
            options = ["--output-reproducible", "--output-file", folder / f"{image}.cdx.json", "-"]
            listed = "".join(f"{one.name}{one.specifier}\n" for one in locked(*names))
            subprocess.run([*command, *options], input=listed, text=True, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "sbom"))
