"""The backends by name. A new one needs a class beside these and a line here."""

from app.backends.base import Backend
from app.backends.embedded import EmbeddedBackend
from app.backends.huggingface import HuggingFaceBackend
from app.backends.openai import OpenAIBackend

BACKENDS: dict[str, type[Backend]] = {
    backend.name: backend for backend in (EmbeddedBackend, HuggingFaceBackend, OpenAIBackend)
}
