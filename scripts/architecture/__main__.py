"""Draw docs/architecture/*.svg: `make pictures`.

Boxes and arrows of the packages come from the imports of app/ and from the layers of .importlinter. Each step of the
request names a module and a class; a class that the code does not have is an error.
"""

from pathlib import Path

from scripts.architecture.packages import packages
from scripts.architecture.request import request
from scripts.architecture.service import service

FOLDER = Path(__file__).parents[2] / "docs" / "architecture"
PICTURES = {"packages.svg": packages, "request.svg": request, "service.svg": service}


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw())


if __name__ == "__main__":
    main()
