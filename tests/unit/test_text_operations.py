"""The operations of a backend that has none."""

import pytest

from app.backends.base import Backend
from app.backends.text_operations import TextOperations
from app.config import Config
from app.errors import NotSupported

OTHERS = ["chat", "embeddings", "vectors", "similarity", "rerank", "generate", "vllm_classify"]
NAMES = [name for name in vars(TextOperations) if not name.startswith("_")]


class Bare(Backend):
    """A backend without operations."""

    name = "bare"
    models = ()

    def default_model(self, operation):
        return None

    def probe(self):
        yield from ()


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_backend_does_not_support_what_it_lacks(name):
    with pytest.raises(NotSupported):
        getattr(Bare(Config()), name)(None, None)
