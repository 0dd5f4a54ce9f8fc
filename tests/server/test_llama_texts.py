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


def test_data_is_valid_or_the_error_names_the_path(service):
    body = service.post("/v1/text/extract", text=TEXT, schema=SCHEMA, max_tokens=100).json()
    assert set(body["data"]) == {"builder", "year"}
    assert isinstance(body["data"]["year"], int)
    unenforced = {"type": "object", "properties": {"a": {"type": "string", "not": {}}}, "required": ["a"]}
    response = service.post("/v1/text/extract", text=TEXT, schema=unenforced, max_tokens=30)
    assert (response.status_code, response.json()["type"]) == (422, "extraction_invalid")
    assert response.json()["details"]["path"] in ("$", "$.a")


def test_summaries_and_translations_have_their_shape(service):
    summary = service.post("/v1/text/summarize", text=TEXT, length=2, max_length=60).json()
    assert summary["summary"].endswith((".", "!", "?", "…"))
    assert (summary["style"], summary["chunks"]) == ("abstractive", 1)
    translation = service.post("/v1/text/translate", text="The museum is closed on Mondays.", target="de").json()
    assert (translation["source"], translation["target"], translation["chunks"]) == ("en", "de", 1)
    assert translation["translation"]
    long_text = " ".join(f"Keeper {n} saw ship {n} near the rock." for n in range(200))
    response = service.post("/v1/text/summarize", text=long_text, long="reject")
    assert (response.status_code, response.json()["type"]) == (400, "upstream_rejected")
    assert "the model reads 1" in response.json()["message"]  # learnt from the refusal of the server
