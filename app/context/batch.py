"""The texts of one request that run at the same time."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Batch:
    """The calls of the texts that wait for others which they can be joined with, by kind."""

    waiting: dict[Hashable, Any] = field(default_factory=dict)
