"""The backends: for each name in BACKEND_SETTINGS (app/config/model_ref.py) a module of that name with its class."""

from importlib import import_module

from app.backends.base import Backend


def backend_class(name: str) -> type[Backend]:
    """Return the class of the backend with this name, from the module app.backends.<name>."""
    module = import_module(f"{__name__}.{name}")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Backend) and vars(value).get("name") == name
    )
