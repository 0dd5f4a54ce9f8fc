"""Operations that read several short texts at once, because that is faster."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Options = Mapping[str, Any]
Output = tuple[Any, int]
Run = Callable[[Any, Options], Output]


@dataclass(frozen=True)
class Grouped:
    """An operation on groups of inputs, which `split` makes; single calls wait for one group."""

    split: Callable[[Sequence[Any], Options], Iterable[list[Any]]]
    run: Callable[[list[Any], Options], list[Output]]


def one_by_one(run: Run) -> Grouped:
    """Return an operation on one input as one on groups of one."""
    return Grouped(lambda inputs, _: ([item] for item in inputs), lambda group, options: [run(group[0], options)])


def split_by_length(inputs: Sequence[Any], max_chars: int) -> Iterator[list[Any]]:
    """Yield the inputs in groups of at most `max_chars` characters; a longer text is a group of its own."""
    group: list[Any] = []
    chars = 0
    for item in inputs:
        length = len(item) if isinstance(item, str) else max_chars
        if group and chars + length > max_chars:
            yield group
            group, chars = [], 0
        group.append(item)
        chars += length
    yield group
