"""Extraction, summaries and translations by a real llama.cpp server, as by any OpenAI-compatible upstream."""

import pytest

from app.config.model_file import model_name

TEXT = (
    "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. Its lamp warned ships of the "
    "rocks for a century. The keeper kept a diary of every storm. Today the lighthouse is a museum of the sea."
)
SCHEMA = {
    "type": "object",
    "properties": {"builder": {"type": "string", "maxLength": 40}, "year": {"type": "integer"}},
    "required": ["builder", "year"],
    "additionalProperties": False,
}


@pytest.fixture
def service(start, llama):
    """A service before llama.cpp."""
    return start(OPENAI_BASE_URL=llama, OPENAI_DEFAULT_MODEL=model_name(None))


def test_data_is_valid_under_a_schema_that_the_server_enforces(service):
    body = service.post("/v1/text/extract", text=TEXT, schema=SCHEMA, max_tokens=100).json()
    assert set(body["data"]) == {"builder", "year"}
    assert isinstance(body["data"]["year"], int)


def test_what_the_server_cannot_enforce_is_validated(service):
    schema = {"type": "object", "properties": {"a": {"type": "string", "not": {"type": "string"}}}, "required": ["a"]}
    response = service.post("/v1/text/extract", text=TEXT, schema=schema, max_tokens=60)
    assert (response.status_code, response.json()["type"]) == (422, "extraction_invalid")
    assert response.json()["details"]["path"] in ("$", "$.a")


def test_a_summary_has_whole_sentences(service):
    body = service.post("/v1/text/summarize", text=TEXT, length=2).json()
    assert body["summary"].endswith((".", "!", "?"))
    assert (body["style"], body["chunks"]) == ("abstractive", 1)


def test_the_context_of_the_server_is_learnt_from_its_refusal(service):
    text = " ".join(f"Keeper {n} saw ship {n} near the rock." for n in range(200))
    response = service.post("/v1/text/summarize", text=text, long="reject")
    assert (response.status_code, response.json()["type"]) == (400, "upstream_rejected")
    assert "the model reads 1" in response.json()["message"]


def test_a_translation_has_its_shape(service):
    body = service.post("/v1/text/translate", text="The museum is closed on Mondays.", target="de").json()
    assert (body["source"], body["target"], body["chunks"]) == ("en", "de", 1)
    assert body["translation"]
