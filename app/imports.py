"""How a library is loaded that would load another one for what is not used here."""

import sys
from importlib import import_module
from types import ModuleType


def imported_without(name: str, other: str) -> ModuleType:
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
