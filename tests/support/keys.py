"""Client keys for tests."""

from app.config.client_keys import main


def made(name: str = "team", *attributes: str) -> tuple[str, str]:
    """Return a new key, and the line to store."""
    key, line = (line.partition(":")[2].strip() for line in main(["create", name, *attributes]).splitlines())
    return key, line
