"""Writes for each image what it is made of, as CycloneDX has it, from the pinned requirements: IMAGE.cdx.json."""

import subprocess
import sys
import tempfile
from pathlib import Path

from app.version import SERVICE, __version__

IMAGES = {
    "service": ["requirements.txt"],
    "service-embedded": ["requirements.txt", "requirements-embedded.txt", "requirements-model.txt"],
}


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as project:
        project.write(f'[project]\nname = "{SERVICE}"\nversion = "{__version__}"\n')
        project.flush()
        for image, files in IMAGES.items():
            command = [Path(sys.executable).parent / "cyclonedx-py", "requirements", "--pyproject", project.name]
            options = ["--output-reproducible", "--output-file", folder / f"{image}.cdx.json", "-"]
            pinned = "".join(Path(file).read_text() for file in files)
            subprocess.run([*command, *options], input=pinned, text=True, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "sbom"))
