"""Texts of several formats in text operations: models get the text itself, offsets refer to the text as it was sent."""

import json
from threading import current_thread

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, chat_response, sent

from app.operations import text_operation
from app.texts.document import Document

SENTIMENT = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"
SUMMARY = f"{PIPELINE}facebook/bart-large-cnn"
ENCODER = "http://127.0.0.1:10/sentiment"

MAIL = (
    "From: Ann <ann@example.org>\nTo: shop@example.com\nSubject: Kettle\nContent-Type: text/plain; charset=utf-8\n\n"
    "The kettle is lovely.\n\nBest regards,\nAnn\n\n"
    "On Tue, Feb 3, 2026 at 10:11 AM Shop <shop@example.com> wrote:\n"
    "> This is terrible. We are so sorry.\n> It is broken, ugly and late.\n"
)
PAGE = "<html><head><title>A</title></head><nav>Home</nav><p>The <b>tea</b> &amp; cake were lovely.</p></html>"
NOTES = "# Kettle\n\nThe **kettle** is [lovely](https://example.org/kettle).\n\n```\nbroken()\n```\n"
CHAT_LOG = "[10:11] Ann: The kettle is lovely.\n[10:12] Bob: The lid is loose.\n"
FORMATS = [
    (MAIL, "The kettle is lovely."),
    (PAGE, "The tea & cake were lovely."),
    (NOTES, "Kettle\n\nThe kettle is lovely."),
    (CHAT_LOG, "The kettle is lovely.\nThe lid is loose."),
    ("1 < 2 * 3 and <3, # 1!", "1 < 2 * 3 and <3, # 1!"),
]


def post(client, operation, text, **body):
    return client.post(f"/v1/text/{operation}", json={"text": text, **body})


@pytest.fixture
def hub(make_client):
    """A client of a service with Hugging Face."""
    return make_client(HUGGINGFACE)


@pytest.mark.parametrize(("text", "itself"), FORMATS)
def test_a_rated_text_is_the_text_itself(hub, upstream, text, itself):
    upstream.post(SENTIMENT, json=[[{"label": "positive", "score": 0.9}]])
    assert post(hub, "sentiment", text).get_json()["text"] == text
    assert sent(upstream)["inputs"] in (itself, [itself])


@pytest.mark.parametrize(("text", "itself"), FORMATS)
def test_a_summarized_text_is_the_text_itself(hub, upstream, text, itself):
    upstream.post(SUMMARY, json=[{"summary_text": "The kettle is lovely."}])
    assert post(hub, "summarize", text).get_json()["original_text"] == text
    assert sent(upstream)["inputs"] == itself


@pytest.mark.parametrize(("text", "_itself"), FORMATS)
def test_a_plain_text_stays_as_it_is(hub, upstream, text, _itself):
    upstream.post(SUMMARY, json=[{"summary_text": "A kettle."}])
    post(hub, "summarize", text, format="plain")
    assert sent(upstream)["inputs"] == text


@pytest.mark.parametrize("text_format", ["html", "markdown", "email", "plain", "auto"])
def test_a_format_that_a_text_has_not_is_no_error(hub, upstream, text_format):
    upstream.post(SUMMARY, json=[{"summary_text": "A kettle."}])
    text = "The kettle is lovely. 1 < 2."
    assert post(hub, "summarize", text, format=text_format).status_code == 200
    assert sent(upstream)["inputs"] == text


def test_a_mail_that_only_quotes_is_what_it_quotes(hub, upstream):
    upstream.post(SUMMARY, json=[{"summary_text": "Quoted."}])
    assert post(hub, "summarize", "> The kettle is lovely.", format="email").status_code == 200
    assert sent(upstream)["inputs"] == "The kettle is lovely."


def test_offsets_of_sentences_refer_to_the_text_as_it_was_sent(make_client, upstream):
    def answer(request):
        outputs = [{"positive": 0.9, "negative": 0.05, "neutral": 0.05}] * len(json.loads(request.body)["inputs"])
        return 200, {}, json.dumps({"outputs": outputs, "tokens": [5] * len(outputs)})

    upstream.add_callback("POST", ENCODER, callback=answer, content_type="application/json")
    page = "<p>Tea &amp; cake were lovely.</p><p>The <i>staff</i> were kind.</p><footer>Imprint. Privacy.</footer>"
    found = post(make_client(EMBEDDED), "sentiment", page, granularity="sentence").get_json()["sentences"]
    assert [page[one["start"] : one["end"]] for one in found] == [
        "Tea &amp; cake were lovely.",
        "The <i>staff</i> were kind.",
    ]
    assert [one["plain_text"] for one in found] == ["Tea & cake were lovely.", "The staff were kind."]


def test_each_text_of_a_list_has_its_own_format(hub, upstream):
    upstream.post(SENTIMENT, json=[[{"label": "positive", "score": 0.9}]] * len(FORMATS))
    response = hub.post("/v1/text/sentiment", json={"texts": [text for text, _ in FORMATS]})
    assert len(response.get_json()["results"]) == len(FORMATS)
    assert sent(upstream)["inputs"] == [itself for _, itself in FORMATS]


def test_a_long_text_is_read_in_a_thread(make_client, upstream, monkeypatch):
    threads = []

    class Watched(Document):
        @property
        def text(self):
            threads.append(current_thread())
            return "The kettle is lovely."

    monkeypatch.setattr(text_operation, "Document", Watched)
    upstream.post(SUMMARY, json=[{"summary_text": "A kettle."}])
    client = make_client({**HUGGINGFACE, "MAX_INPUT_CHARS": "100000"})
    assert post(client, "summarize", "<p>Tea.</p>" * 6000).status_code == 200
    assert threads[0] is not current_thread()
    assert threads[-1] is current_thread()


OPTIONS = {
    "sentiment": {"granularity": "sentence", "aspects": ["kettle"]},
    "classify": {"labels": ["praise", "blame"]},
    "entities": {},
    "keywords": {},
    "language": {},
    "translate": {"target": "de"},
    "answer": {"question": "How is the kettle?"},
    "extract": {"schema": {"type": "object", "properties": {"thing": {"type": "string"}}}},
    "summarize": {},
    "similarity": {"candidates": ["A kettle."]},
}


@pytest.mark.parametrize("operation", OPTIONS)
@pytest.mark.parametrize(
    ("text", "gone"),
    [(MAIL, ("terrible", "ann@", "Subject")), (PAGE, ("Home", "<b>", "&amp;")), (NOTES, ("**", "https", "broken"))],
    ids=["mail", "page", "notes"],
)
def test_no_operation_sends_what_is_not_the_text(make_client, upstream, operation, text, gone):
    bodies = []
    upstream.assert_all_requests_are_fired = False

    def answer(request):
        bodies.append(request.body.decode() if isinstance(request.body, bytes) else request.body)
        return 200, {}, json.dumps({**chat_response("positive"), "data": []})

    for route in (CHAT, CHAT.replace("chat/completions", "embeddings")):
        upstream.add_callback("POST", route, callback=answer, content_type="application/json")
    response = post(make_client(OPENAI), operation, text, **OPTIONS[operation])
    # the upstream's answer is not of the right kind for every operation
    assert response.status_code in {200, 422, 502}
    assert operation in {"language", "keywords"} or any("lovely" in body for body in bodies)
    assert not any(part in body for part in gone for body in bodies)
