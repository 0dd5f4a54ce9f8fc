"""Client keys for tests."""

from app.config.client_keys import create_key


def made(name: str = "team", *attributes: str) -> tuple[str, str]:
    """Return a new key, and the line to store."""
    return create_key(name, attributes)
