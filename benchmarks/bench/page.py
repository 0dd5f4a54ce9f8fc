"""Write docs/performance.md: the template performance.md of this folder with tables and plots of the results."""

from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

from bench import ROOT, plots
from bench.plots import short
from bench.ratios import MEGABYTE, OURS, aims
from bench.results import BOUNDS_MS, MEMORY_FILE, PEERS_FILE, Results, read
from bench.tables import TABLES, UNKNOWN, Column, of, render, table

TEMPLATE = ROOT / "benchmarks" / "bench" / "performance.md"
PAGE, PLOTS = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance"
# measures of the comparison, and whether more is better
MEASURES: Mapping[str, tuple[Column, bool]] = {
    "requests a second, 16 connections": (of("plain.rate"), True),
    "requests a second, 60 ms upstream": (of("slow.rate"), True),
    "p99 with a 60 ms upstream, ms": (of("slow.latency.p99", 1000), False),
    "latency at one connection, ms": (of("single.latency.p50", 1000), False),
    "processor time for a request, µs": (of("plain.cpu_us"), False),
    "time to the first event of 64 streams, ms": (of("stream.first.p50", 1000), False),
    "complete streams a second, 256 at once": (of("streams.256.rate"), True),
    "memory at rest, MB": (of("rest_bytes", MEGABYTE), False),
    "memory after all loads, MB": (of("after_bytes", MEGABYTE), False),
    "start to first response, s": (of("start_seconds"), False),
}
DOTS = {
    "rate": ("Requests a second, 16 connections", "plain.rate", 1),
    "single": ("Latency at one connection, ms", "single.latency.p50", 1000),
    "events": ("Time to the first event of 64 streams, ms", "stream.first.p50", 1000),
    "memory": ("Memory at rest, MB", "rest_bytes", MEGABYTE),
    "start": ("Start to first response, s", "start_seconds", 1),
}
# rounds of one machine vary by more than a smaller ratio
MIN_RATIO = 1.03


def write() -> None:
    """Write the page and its plots from the committed results."""
    results, memory = Results(read(PEERS_FILE)), read(MEMORY_FILE)
    PLOTS.mkdir(exist_ok=True)
    plotted = dict(_plots(results))
    for name, drawn in plotted.items():
        (PLOTS / f"{name}.svg").write_text(drawn)
    rows = [
        [one.text, UNKNOWN if one.measured is None else f"{one.measured:.2f}", one.wanted, one.verdict]
        for one in aims(results, memory)
    ]
    blocks = {block: render(results, block) for block in TABLES} | _facts(results)
    blocks |= {f"plot_{name}": f"![{name}](performance/{name}.svg)" if plotted else "" for name in (*DOTS, "frontier")}
    blocks["aims"] = table(["", "measured", "aim", ""], rows)
    blocks["ahead"] = table(["peer", "in", "peer's", "ours", "times better"], list(_ahead(results)))
    blocks["grown"] = table(["", "MB"], _grown(memory))
    PAGE.write_text(Template(TEMPLATE.read_text()).substitute(blocks))


def _plots(results: Results) -> Iterator[tuple[str, str]]:
    if not results.names:
        return
    for file, (title, path, unit) in DOTS.items():
        rows = {name: [value / unit for value in results.all(name, path)] for name in results.names}
        yield file, plots.dots(title, rows, OURS)
    lines = {name: [(p99, rate) for rate, p99, right in results.curve(name) if right] for name in results.names}
    title = "p99 latency at each rate"
    yield "frontier", plots.curves(title, ("p99, ms", "requests a second"), lines, BOUNDS_MS)


def _facts(results: Results) -> dict[str, str]:
    facts = {**results.data.get("machine", {}), **results.data.get("settings", {})}
    if results.names:
        facts["loads disturbed by other programs"] = f"{results.disturbed():.0%}"
    as_measured = [
        [name, gateway["version"], gateway["configured"].replace("\n", " ")]
        for name, gateway in results.data.get("gateways", {}).items()
    ]
    return {
        "machine": table(["", ""], [[name, str(value)] for name, value in facts.items()]),
        "gateways": table(["gateway", "version", "as measured"], as_measured),
    }


def _ahead(results: Results) -> Iterator[list[str]]:
    """Yield each measure in which a peer is better than the service."""
    for name in results.names:
        for measure, (column, more) in MEASURES.items() if results.facts(name)["peer"] else ():
            ours, theirs = column(results, OURS), column(results, name)
            if ours and theirs and (times := theirs / ours if more else ours / theirs) > MIN_RATIO:
                yield [name, measure, short(theirs), short(ours), f"{times:.2f}"]


def _grown(memory: Mapping[str, Any]) -> list[list[str]]:
    if not memory:
        return []
    counts = {"at rest": "rest", f"after {memory['early_requests']:,} requests": "early"}
    counts[f"after {memory['after_requests']:,} requests"] = "after"
    return [[title, f"{memory[f'{name}_bytes'] / MEGABYTE:.1f}"] for title, name in counts.items()]
