"""What every backend has in common."""

import pytest

from app.backends.base import Backend
from app.config import Config
from app.errors import NotSupported


class Mute(Backend):
    """A backend that can do nothing."""

    name = "mute"
    models = ()

    def probe(self):
        yield from ()


@pytest.mark.parametrize(
    "operation", ["generate", "complete", "sentiment", "summarize", "chat", "completions", "embeddings"]
)
def test_an_operation_that_a_backend_does_not_have_is_not_supported(operation):
    with pytest.raises(NotSupported):
        getattr(Mute(Config()), operation)(None, None)


def test_a_backend_without_a_list_of_its_models_names_none():
    with pytest.raises(StopIteration) as end:
        next(Mute(Config()).list_models())
    assert end.value.value == []


def test_a_backend_that_cannot_validate_says_so():
    with pytest.raises(NotSupported):
        Mute(Config()).validate("model")
