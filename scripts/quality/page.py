"""Writes docs/quality.md from the results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.quality.sections import ROOT, SECTIONS, Section

PAGE = ROOT / "docs" / "quality.md"
GUIDE = ROOT / "docs" / "evaluate.md"
RESULTS = ROOT / "benchmarks" / "results" / "quality.json"
# its output is the example of docs/evaluate.md
EXAMPLE = "ratings"
COMMAND = "ai-huggingface evaluate sentiment tests/data/sentiment-dev.tsv"
MAX_CLASSES = 12
# scores of several sets of labels have no common matrix
MAX_MATRIX = 4

INTRO = """# Quality

How good the results of the embedded engine are: each operation on labelled texts, beside trivial methods.
`make quality` measures it with the code of [`ai-huggingface evaluate`](evaluate.md) and writes this page from
`benchmarks/results/quality.json`. Evaluate your own texts before you rely on a figure of this page: texts of another
kind have other figures.
"""

HOW = """## How it is measured

    make quality                    # all operations
    make quality NAME=sentiment     # one section again

A service with the settings of a fresh installation runs on one machine, with one thread for the engine. The command
sends calls of up to 100 texts, one after the other, so that the times include the service and its HTTP. Each text is
sent once, and nothing is cached.

- **Macro F1** is the mean F1 of the classes of the file.
- **Expected calibration error** is how far scores are from the share of right results, in ten bins of equal width
  (C. Guo et al., ICML 2017).
- **F1** of spans counts a span whose type and borders are equal, as in CoNLL-2003. Types that a file never uses are
  left out.
- **F1** of answers compares words as SQuAD 2.0 does; an answer to a question without one counts 0.
- **Majority class** is the rating that gives each text the most frequent class of the file.
- **VADER** is vaderSentiment 3.3.2 with the thresholds of its documentation.

`tests/server/test_quality.py` measures a sample of each section again.
"""


def write(results: Mapping[str, Any]) -> None:
    """Write the page, and the example of the guide."""
    PAGE.write_text(page(results), encoding="utf-8")
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(f"$ {COMMAND}\n")
    after = rest.partition("```")[2]
    GUIDE.write_text(f"{before}{example(results)}```{after}", encoding="utf-8")


def example(results: Mapping[str, Any]) -> str:
    """Return the command of the guide with its output."""
    return f"$ {COMMAND}\n{results['example']}\n"


def page(results: Mapping[str, Any]) -> str:
    """Return the page for results."""
    sections = [(one, results["sections"][one.name]) for one in SECTIONS if one.name in results["sections"]]
    parts = [INTRO, *_overview(sections), _versions(results)]
    for section, found in sections:
        parts += _section(section, found)
    return "\n".join([*parts, HOW])


def _versions(results: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in results["packages"].items())
    return f"Measured on {results['date']} with ai-huggingface {results['version']}; {packages}.\n"


def _overview(sections: Sequence[tuple[Section, Mapping[str, Any]]]) -> Iterator[str]:
    rows = []
    for section, found in sections:
        name, value = next(iter(found["figures"].items()))
        trivial = {
            **_first(found["baseline"]),
            **{method: _value(figures) for method, figures in found["methods"].items()},
        }
        beside = "; ".join(f"{method}: {number:.3f}" for method, number in trivial.items())
        link = f"[{section.title}](#{_anchor(section.title)})"
        rows += [[link, str(found["rows"]), name, f"{value:.3f}", beside, f"{found['rate']:.0f}"]]
    yield _table(["", "texts", "figure", "embedded engine", "trivial methods", "texts a second"], rows)


def _first(figures: Mapping[str, float]) -> dict[str, float]:
    return dict(list(figures.items())[:1])


def _value(figures: Mapping[str, float]) -> float:
    return next(iter(figures.values()))


def _section(section: Section, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield f"{section.source} `{section.operation}`, {found['rows']} texts{_models(found)}.\n"
    names = list(found["figures"])
    rows = [["embedded engine", *(f"{found['figures'][name]:.3f}" for name in names)]]
    for method, figures in found["methods"].items():
        rows += [[method, *(f"{figures[name]:.3f}" if name in figures else "" for name in names)]]
    yield _table(["", *names], rows)
    if found["baseline"]:
        trivial = "; ".join(f"{name} {value:.3f}" for name, value in found["baseline"].items())
        yield f"Without any model: {trivial}.\n"
    if found["classes"]:
        yield from _classes(found["classes"])
    confusion = found["confusion"]
    if confusion and len(confusion["names"]) <= MAX_MATRIX:
        rows = [[name, *map(str, counts)] for name, counts in zip(confusion["names"], confusion["counts"], strict=True)]
        yield _table(["right \\ predicted", *confusion["names"]], rows)
    if len(found["groups"]) > 1:
        rows = [[group, str(count), f"{value:.3f}"] for group, (count, value) in found["groups"].items()]
        yield _table([section.group, "texts", names[0]], rows)
    for kind, count in found["faults"].items():
        yield f"{count} texts have no result: `{kind}`.\n"


def _models(found: Mapping[str, Any]) -> str:
    return f", model {', '.join(found['models'])}" if found["models"] else ""


def _classes(classes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of classes; of many classes those with the lowest F1."""
    shown = sorted(classes, key=lambda one: one["f1"])[:MAX_CLASSES] if len(classes) > MAX_CLASSES else classes
    if len(classes) > MAX_CLASSES:
        yield f"The {MAX_CLASSES} of {len(classes)} classes with the lowest F1:\n"
    rows = [
        [one["name"], *(f"{one[name]:.3f}" for name in ("precision", "recall", "f1")), str(one["support"])]
        for one in shown
    ]
    yield _table(["class", "precision", "recall", "F1", "texts or spans"], rows)


def _anchor(title: str) -> str:
    return title.lower().replace("'", "").replace(" ", "-")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
