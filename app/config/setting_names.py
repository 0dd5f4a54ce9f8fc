"""The names of variables: old names that still work, and misspelt names."""

from collections.abc import Iterable, Mapping

from app.config.similar_names import find_similar

# settings that were renamed; an old name works for one version: {old name: current name}
RENAMED_SETTINGS = {"METRICS_REQUIRE_KEY": "OPERATOR_ROUTES_REQUIRE_KEY"}


def set_texts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the texts without surrounding spaces. Empty variables count as unset and are left out."""
    return {name: text.strip() for name, text in environ.items() if text.strip()}


def written_name(name: str, texts: Mapping[str, str]) -> str:
    """Return the old name of a setting if only the old name is set, else `name`."""
    old_names = [old for old, current in RENAMED_SETTINGS.items() if current == name and old in texts]
    return old_names[0] if old_names and name not in texts else name


def name_conflicts(texts: Mapping[str, str]) -> list[str]:
    """Return a sentence for each setting that has different values under its old and its current name."""
    return [
        f"{old} is the old name of {current}, which has another value: remove {old}."
        for old, current in RENAMED_SETTINGS.items()
        if old in texts and texts.get(current, texts[old]) != texts[old]
    ]


def name_warnings(texts: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each old name, and for each name that looks like a misspelling of a known one."""
    warnings = []
    for name in texts.keys() - set(known):
        if current := RENAMED_SETTINGS.get(name):
            warnings.append(f"{name} is now called {current}; the old name stops working in the next version.")
        elif meant := find_similar(name, known):
            warnings.append(f"{name} is not a setting; did you mean {meant}?")
    return sorted(warnings)
