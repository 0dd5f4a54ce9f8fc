"""Finds personal data that begins in one part of a message and ends in the next one."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from app.pii.detector import find_personal_data
from app.pii.findings import Finding


def adjacent_texts(value: Any) -> Iterator[list[str]]:
    """Yield the texts of each list of parts, in a JSON value; upstreams join them without a space."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from adjacent_texts(item)
    elif isinstance(value, list | tuple):
        texts = [item["text"] for item in value if isinstance(item, Mapping) and isinstance(item.get("text"), str)]
        if len(texts) > 1:
            yield texts
        for item in value:
            yield from adjacent_texts(item)


def add_spanning_findings(parts: Sequence[str], found: dict[str, list[Finding]], kinds: Collection[str]) -> None:
    """Add to the findings of each part its share of those that span several parts."""
    starts = [0, *accumulate(map(len, parts))]
    for finding in find_personal_data("".join(parts), kinds):
        first = bisect_right(starts, finding.start) - 1
        last = bisect_right(starts, finding.end - 1) - 1
        if first == last:
            continue
        for index in range(first, last + 1):
            start = max(0, finding.start - starts[index])
            end = min(len(parts[index]), finding.end - starts[index])
            others = found[parts[index]]
            if start < end and all(other.end <= start or end <= other.start for other in others):
                found[parts[index]] = sorted(
                    [*others, replace(finding, start=start, end=end)], key=lambda one: one.start
                )
