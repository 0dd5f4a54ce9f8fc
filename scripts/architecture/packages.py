"""The packages of app/ as layers, and the imports between them."""

import ast
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from functools import partial
from itertools import permutations
from pathlib import Path

from scripts.architecture.svg import GREEN, GREY, WIDTH, box, path, svg, text

ROOT = Path(__file__).parents[2]
# centres of the columns of packages, the height of a row, and half of a box
COLUMNS, ROW, HALF_WIDTH, HALF_HEIGHT = (140, 430, 720), 76, 115, 24
# one line for each package and module directly below app/
PURPOSES = {
    "backends": "what each backend is sent; no I/O",
    "cache": "cached responses, single flight",
    "cli": "the command ai-huggingface",
    "clients": "keys, rate limits, token quotas",
    "config": "settings from the environment",
    "context": "deadline, timeline and trace of a call",
    "embedded": "processes of the embedded engine",
    "evaluation": "scores of an operation on labelled texts",
    "factory": "builds each object of an app once",
    "inference": "plans, fallbacks, cached calls",
    "observability": "logs, metrics, traces",
    "openapi": "the OpenAPI document and /docs",
    "translators": "between other APIs and chat",
    "operations": "one module for each operation",
    "redis_store": "Redis within a time budget",
    "schemas": "fields of requests and responses",
    "server": "gunicorn's worker, without Flask",
    "upstream": "calls, retries, breakers, connections",
    "web": "Flask: hooks, bodies, errors",
}


def layers() -> list[list[str]]:
    """Return the packages of each layer, the highest layer first."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    lines = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip() for name in line.split("|")] for line in lines if line.strip()]


def imports() -> set[tuple[str, str]]:
    """Return the pairs (package, imported package) of app/; both are names directly below app/."""
    found: set[tuple[str, str]] = set()
    for file in sorted((ROOT / "app").rglob("*.py")):
        importer = file.relative_to(ROOT / "app").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            found |= {(importer, name.split(".")[1]) for name in _imported(node) if name.startswith("app.")}
    # `from app import create_app` imports whatever app/__init__.py imports
    root = {imported for importer, imported in found if importer == "__init__"}
    found |= {(importer, imported) for importer, name in found if name == "create_app" for imported in root}
    return {(importer, imported) for importer, imported in found if importer != imported}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module == "app":
        yield from (f"app.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module


def reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges that no path of other edges replaces (the transitive reduction)."""
    below: dict[str, set[str]] = {}
    for importer, imported in edges:
        below.setdefault(importer, set()).add(imported)
    return {
        (importer, imported)
        for importer, imported in edges
        if not any(imported in _reachable(other, below) for other in below[importer] - {imported})
    }


def _reachable(start: str, below: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    left = [start]
    while left:
        new = below.get(left.pop(), set()) - seen
        seen |= new
        left += new
    return seen


def packages() -> str:
    """Return the picture of the packages: an arrow leads from a package to one that it imports."""
    *rows, leaves = layers()
    level = {name: number for number, row in enumerate(rows) for name in row}
    # lint-imports reports the others, which lead to a higher layer
    downward = {edge for edge in imports() if level.keys() >= set(edge) and level[edge[0]] < level[edge[1]]}
    edges = reduced(downward)
    columns = _columns(rows, edges)
    places = {name: (COLUMNS[columns[name]], 40 + ROW * number) for number, row in enumerate(rows) for name in row}
    parts = [_arrow(places[importer], places[imported]) for importer, imported in sorted(edges)]
    parts += [_package(name, *place) for name, place in places.items()]
    bottom = 40 + ROW * len(rows)
    parts.append(box(20, bottom - 22, WIDTH - 40, 44, GREY))
    parts.append(text(WIDTH / 2, bottom - 4, ", ".join(leaves), bold=True))
    parts.append(text(WIDTH / 2, bottom + 13, "import nothing of app/; every package may import them", size=11))
    return svg(bottom + 40, parts, "Packages of app/ and their imports")


def _columns(rows: list[list[str]], edges: set[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each package, as near to those of its importers as the row allows."""
    columns: dict[str, int] = {}
    for row in rows:
        wanted = {name: _mean([columns[importer] for importer, imported in edges if imported == name]) for name in row}
        orders = permutations(range(len(COLUMNS)), len(row))
        columns |= min((dict(zip(row, order, strict=True)) for order in orders), key=partial(_distance, wanted))
    return columns


def _distance(wanted: Mapping[str, float], columns: Mapping[str, int]) -> float:
    return sum(abs(column - wanted[name]) for name, column in columns.items())


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 2.0


def _package(name: str, x: float, y: float) -> str:
    frame = box(x - HALF_WIDTH, y - HALF_HEIGHT, 2 * HALF_WIDTH, 2 * HALF_HEIGHT, GREEN)
    return "\n".join([frame, text(x, y - 4, name, bold=True), text(x, y + 14, PURPOSES[name], size=11)])


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return an arrow from box to box: down to the next row, beside the boxes between to a row below that."""
    (x1, y1), (x2, y2) = start, end
    if y2 - y1 == ROW:
        y1, y2 = y1 + HALF_HEIGHT, y2 - HALF_HEIGHT
        return path(f"M{x1:g},{y1:g} C{x1:g},{y2:g} {x2:g},{y1:g} {x2:g},{y2:g}")
    side = 1 if x2 > x1 or x1 == x2 == COLUMNS[0] else -1
    x1, x2 = x1 + side * HALF_WIDTH, x2 - side * (HALF_WIDTH if x1 != x2 else -HALF_WIDTH)
    bend1, bend2 = x1 + side * 45, x2 + side * (45 if x1 == x2 else -45)
    return path(f"M{x1:g},{y1:g} C{bend1:g},{y1:g} {bend2:g},{y2:g} {x2:g},{y2:g}")
