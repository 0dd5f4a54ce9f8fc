"""The tables of the page, in Markdown."""

from collections.abc import Callable, Mapping, Sequence

from bench.measure import MORE_STREAMS
from bench.plots import short
from bench.ratios import MEGABYTE
from bench.results import BOUNDS_MS, Results

Column = Callable[[Results, str], float | None]
UNKNOWN = "-"


def of(path: str, unit: float = 1) -> Column:
    """Return a column of a figure, divided by `unit`."""

    def column(results: Results, name: str) -> float | None:
        value = results.median(name, path)
        return None if value is None else value / unit

    return column


def _times(load: str) -> dict[str, Column]:
    return {"median, ms": of(f"{load}.latency.p50", 1000), "p99, ms": of(f"{load}.latency.p99", 1000)}


def _under(bound: float) -> Column:
    return lambda results, name: results.best_rate(name, bound)


TABLES: Mapping[str, Mapping[str, Column]] = {
    "rates": {
        "requests a second": of("plain.rate"),
        **_times("plain"),
        "processor time for each, µs": of("plain.cpu_us"),
        "wrk's requests a second": of("wrk_rate"),
    },
    "frontier": {f"p99 under {bound} ms": _under(bound) for bound in BOUNDS_MS},
    "cached": {"requests a second": of("cached.rate"), **_times("cached")},
    "single": {**_times("single"), "added to the median, ms": Results.added_ms},
    "slow": {"requests a second": of("slow.rate"), **_times("slow")},
    "streams": {
        "first event, median, ms": of("stream.first.p50", 1000),
        "first event, p99, ms": of("stream.first.p99", 1000),
        "complete streams a second": of("stream.rate"),
        "incomplete streams": of("stream.wrong"),
    },
    "more_streams": {f"{count} at once": of(f"streams.{count}.rate") for count in MORE_STREAMS},
    "memory": {f"{name}, MB": of(f"{name}_bytes", MEGABYTE) for name in ("rest", "loaded", "after")},
    "start": {"seconds": of("start_seconds")},
}


def render(results: Results, block: str) -> str:
    """Return one of the tables with a row for each measured gateway."""
    columns = TABLES[block]
    rows = []
    for name in results.names:
        values = [column(results, name) for column in columns.values()]
        if any(value is not None for value in values):
            rows.append([name, *(UNKNOWN if value is None else short(value) for value in values)])
    return table(["", *columns], rows)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, or a sentence if there are no rows."""
    if not rows:
        return "Not measured yet."
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
