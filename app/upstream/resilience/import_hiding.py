"""Libraries that would load others for what is not used here, loaded without them."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING


def import_hiding(name: str, other: str) -> ModuleType:
    """Import a module, for which another one seems not to be installed; it must be one that does without."""
    loaded = sys.modules.get(other)
    sys.modules[other] = None  # type: ignore[assignment]  # as the import system has it
    try:
        return import_module(name)
    finally:
        if loaded is None:
            del sys.modules[other]
        else:
            sys.modules[other] = loaded


if TYPE_CHECKING:
    import pybreaker as pybreaker
else:  # redis, for a storage of its own, is a fifth of what is loaded at start
    pybreaker = import_hiding("pybreaker", "redis")
