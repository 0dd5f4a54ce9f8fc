"""Classification by a real llama.cpp server, which stands for any OpenAI-compatible upstream."""

import pytest

from app.config.model_file import model_name

LABELS = ["animals", "cars", "weather"]
TEXT = "The dog chased the cat and the cat chased the mouse."


@pytest.fixture
def service(start, llama):
    """A service before llama.cpp."""
    return start(OPENAI_BASE_URL=llama, OPENAI_DEFAULT_MODEL=model_name(None))


def test_the_letters_of_labels_get_log_probabilities(service):
    body = service.post("/v1/text/classify", text=TEXT, labels=LABELS).json()
    assert body["source"] == "logprobs"
    assert sum(body["scores"].values()) == pytest.approx(1, abs=0.001)
    assert body["label"] == max(body["scores"], key=body["scores"].get)
    assert all(0 < score < 1 for score in body["scores"].values())


def test_several_labels_are_rated_as_json_that_the_server_enforces(service):
    body = service.post("/v1/text/classify", text=TEXT, labels=LABELS, multi_label=True).json()
    assert body["source"] == "stated"
    assert list(body["scores"]) == LABELS


def test_more_labels_than_letters_are_chosen_from_as_json(service):
    labels = [f"class {number}" for number in range(30)]
    body = service.post("/v1/text/classify", text=TEXT, labels=labels).json()
    assert (body["source"], body["score"]) == ("stated", 1)
    assert body["label"] in labels
