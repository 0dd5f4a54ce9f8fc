"""README.md, docs/ and .env.example, compared with the code."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from app.config import Config
from app.errors import Overloaded, ServiceError
from app.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
FOLDERS = ("docs", "docs/apis", "docker", "k8s", "ecs", "monitoring", "tests/data")
PAGES = [path for folder in (".", *FOLDERS) for path in sorted((ROOT / folder).glob("*.md"))]
PAGES += sorted((ROOT / "app").rglob("*.md"))
# rows of the README's comparison, by the section and the column of docs/performance.md that they quote
COMPARISON = {
    "requests a second, 16 connections": ("Rate", 1),
    "added latency at one connection, ms": ("One connection", 3),
    "p99 at 128 connections, upstream of 60 ms, ms": ("Upstream of 60 ms", 3),
    "first event of 64 concurrent streams, ms": ("Streams", 1),
    "memory at rest, MB": ("Memory", 1),
    "start to first response, s": ("Start", 1),
}
GATEWAYS = ("this service", "LiteLLM proxy", "Portkey gateway", "TensorZero")


def read(page: str) -> str:
    return (DOCS / page).read_text()


def section(page: str, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or a higher one."""
    level, rest = re.search(rf"^(#+) {re.escape(heading)}\n(.*)", page, re.MULTILINE | re.DOTALL).groups()
    return re.split(rf"^#{{1,{len(level)}}} ", rest, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of each table."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    ]


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings."""
    outside_code = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def subclasses(error):
    for subclass in error.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_the_example_names_every_setting_and_no_other():
    assert sorted(EXAMPLE) == sorted(Config.variables())


def test_the_example_holds_the_defaults():
    assert Config.from_env(EXAMPLE) == Config()


def test_the_page_of_settings_has_a_row_for_every_setting_and_no_other():
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \|", read("settings.md"), re.MULTILINE)) == sorted(Config.variables())


def test_the_page_of_settings_shows_the_defaults_of_the_example():
    shown = dict(re.findall(r"^\| `([A-Z_]+)` \| `(.+?)` \|", read("settings.md"), re.MULTILINE))
    derived = {"LOG_FORMAT": "json", "LOG_STRUCTURED": "true"}
    assert shown == {name: default for name, default in EXAMPLE.items() if default} | derived


def test_the_pages_of_the_interface_show_a_call_of_every_route(make_app):
    rules = {rule.rule for rule in make_app().url_map.iter_rules() if "<" not in rule.rule}
    assert len(rules) >= len(OPERATIONS) + 6
    pages = [DOCS / "api.md", DOCS / "openai.md", *(DOCS / "apis").glob("*.md")]
    shown = "".join(page.read_text() for page in pages)
    assert not [rule for rule in rules if f"localhost:8080{rule}" not in shown]


def test_the_page_of_the_interface_lists_every_route(make_app):
    rules = {re.sub("<[^>]*>", "{id}", rule.rule) for rule in make_app().url_map.iter_rules()}
    listed = set(re.findall(r"`(?:GET|POST) (/[^`]*)`", section(read("api.md"), "Routes")))
    assert listed == rules - {"/docs/assets/{id}"}


def test_the_page_of_errors_has_every_type_with_its_status():
    cells = re.findall(r"^\| ([0-9, ]+) \| (`.*?) \|", read("errors.md"), re.MULTILINE)
    shown = {kind: statuses for statuses, kinds in cells for kind in re.findall(r"`(\w+)`", kinds)}
    types = {error.type: str(error.status) for error in subclasses(ServiceError)}
    assert set(shown) == set(types)
    assert all(status in shown[kind] for kind, status in types.items())


def test_the_page_of_errors_has_every_limit_behind_overloaded():
    shown = re.findall(
        r"^\| `(\w+)` \|", section(read("errors.md"), "Errors").split("names the limit:")[1], re.MULTILINE
    )
    assert sorted(shown) == sorted(error.limit for error in subclasses(Overloaded))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_to_a_heading_of_it(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_existing_files_only(page):
    named = re.findall(
        r"`((?:app|tests|benchmarks|scripts|monitoring|docs|docker|k8s|ecs)/[\w./-]*)`", page.read_text()
    )
    assert not [name for name in named if not (ROOT / name).exists() and page.name not in ("CHANGELOG.md", "adding.md")]


def test_the_architecture_names_existing_modules_only():
    named = re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", read("architecture.md"))
    roots = (ROOT, ROOT / "app", ROOT / "tests/server", *(ROOT / "app").iterdir(), *(ROOT / "app/upstream").iterdir())
    assert not [name for name in named if not any((root / name).exists() for root in roots)]


def test_every_make_target_of_the_pages_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target for page in PAGES for target in re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert not named - targets


def test_the_page_of_clients_has_a_row_for_each_in_its_version_and_no_other():
    clients = tomllib.loads((ROOT / "clients" / "clients.toml").read_text())["client"]
    packages = {one["name"]: (one.get("pip") or one.get("npm"))[0] for one in clients}
    shown = {cells[0]: cells[1] for cells in rows(read("clients.md")) if cells[0] in packages}
    assert len(packages) == len(clients)
    assert shown == {name: re.split("==|@", package)[-1] for name, package in packages.items()}


def test_the_readme_fits_its_length():
    assert len(README.splitlines()) <= 250


def test_the_readme_and_the_site_link_every_page():
    pages = {path.name for path in DOCS.glob("*.md")}
    assert set(re.findall(r"\(docs/([\w-]+\.md)", README)) == pages - {"index.md"}
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    below = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert set(re.findall(r"[\w/-]+\.md", str(navigation))) == below


@pytest.mark.parametrize("row", COMPARISON)
def test_the_readme_compares_the_figures_of_the_benchmark(row):
    heading, column = COMPARISON[row]
    table = section(read("performance.md"), heading).split("\n\n![")[0]
    measured = {cells[0]: cells[column] for cells in rows(table)}
    [shown] = [cells[1:] for cells in rows(README) if cells[0] == row]
    assert [cell.strip("*") for cell in shown] == [measured[gateway] for gateway in GATEWAYS]


def test_the_page_of_metrics_has_each_with_its_labels_and_no_other(make_app, redis, monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1")
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", tmp_path / "memory.max")
    metrics = make_app(
        REDIS_URL=redis.url, FALLBACK_MODELS="embedded:x", EMBEDDED_PORT="9", ENCODER_PORT="10"
    ).extensions["metrics"]
    registered = {
        metric._name + ("_total" if metric._type == "counter" else ""): metric._labelnames
        for metric in metrics.registry._collector_to_names
    }
    cells = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|(.*?)\|", read("metrics.md"), re.MULTILINE)
    shown = {name: re.findall(r"`(\w+)`", labels) for names, labels in cells for name in re.findall(r"`(\w+)`", names)}
    assert set(shown) == set(registered)
    everywhere = {"service", "gen_ai_operation_name", "gen_ai_provider_name"}
    assert {name: set(labels) - everywhere for name, labels in registered.items()} == {
        name: set(labels) for name, labels in shown.items()
    }
