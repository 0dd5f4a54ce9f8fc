"""Sentences and aspects of POST /v1/text/sentiment, mixed texts, and the embedded engine's encoder."""

import json

import pytest
from support.calls import post, rate
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent

ENCODER = "http://127.0.0.1:10/sentiment"
DEFAULT_PIPELINE = f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest"
TEXT = "The room was lovely. The staff were rude, but the price was fair."
# what the upstreams of these tests think of a text that has such a word
OPINIONS = {"lovely": (0.96, 0.02), "rude": (0.02, 0.96), "fair": (0.7, 0.1)}


def scores_of(text):
    """Scores by the last word of opinion."""
    found = max(OPINIONS, key=text.rfind)
    positive, negative = OPINIONS[found] if found in text else (0.1, 0.1)
    return {"positive": positive, "negative": negative, "neutral": 1 - positive - negative}


def answer(request):
    """The response of the encoder."""
    inputs = json.loads(request.body)["inputs"]
    return 200, {}, json.dumps({"outputs": [scores_of(item["text"]) for item in inputs], "tokens": [5] * len(inputs)})


def pipeline_answer(request):
    """The response of a text-classification pipeline to a list."""
    inputs = json.loads(request.body)["inputs"]
    labels = [[{"label": label, "score": score} for label, score in scores_of(text).items()] for text in inputs]
    return 200, {}, json.dumps(labels)


@pytest.fixture
def embedded(make_client, upstream):
    """A client of a service on the embedded engine, whose encoder knows OPINIONS."""
    upstream.add_callback("POST", ENCODER, answer)
    return make_client(EMBEDDED)


@pytest.fixture
def pipeline(make_client, upstream):
    """A client of a service on Hugging Face, whose pipeline knows OPINIONS."""
    upstream.add_callback("POST", DEFAULT_PIPELINE, pipeline_answer)
    return make_client(HUGGINGFACE)


def test_the_encoder_rates_a_single_sentence_by_one_input(embedded, upstream):
    body = rate(embedded, "The room was lovely.").get_json()
    assert (body["sentiment"], body["score"], body["model"], body["language"]) == (
        "positive",
        0.96,
        "bge-small-en-v1.5",
        "en",
    )
    assert sent(upstream)["inputs"] == [{"text": "The room was lovely.", "language": "en"}]


@pytest.mark.parametrize("text", ["fine", "Nice!", "Alles gut"])
def test_a_few_words_of_a_script_of_many_languages_are_rated_by_both_models(embedded, upstream, text):
    rate(embedded, text)
    assert sent(upstream)["inputs"] == [{"text": text, "language": None}]


def test_another_language_is_rated_by_the_multilingual_model(embedded, upstream):
    body = rate(embedded, "Das Zimmer war sehr schön und sauber.").get_json()
    assert (body["model"], body["language"]) == ("universal-sentence-encoder-multilingual-3", "de")


def test_a_text_is_rated_with_its_clauses(embedded, upstream):
    rate(embedded, TEXT)
    assert [item["text"] for item in sent(upstream)["inputs"]] == [
        TEXT,
        "The room was lovely.",
        "The staff were rude,",
        "but the price was fair.",
    ]


def test_clear_praise_beside_clear_blame_is_mixed(embedded):
    body = rate(embedded, "The room was lovely. The staff were rude.").get_json()
    assert (body["sentiment"], body["score"], body["confidence"]) == ("mixed", 0.96, 0.96)
    assert body["scores"]["positive"] == pytest.approx(body["scores"]["negative"])


@pytest.mark.parametrize("text", ["The room was lovely. The price was fair.", "The staff were rude. " * 4 + "Lovely?"])
def test_weak_blame_or_a_small_part_of_praise_is_not_mixed(embedded, text):
    assert rate(embedded, text.replace("Lovely", "lovely")).get_json()["sentiment"] != "mixed"


def test_a_text_of_many_clauses_is_rated_by_all_of_them(embedded, upstream):
    blame, praise = ([f"The {name} {part}." for part in range(5)] for name in ("rude staff", "lovely room"))
    body = rate(embedded, " ".join(blame + praise)).get_json()
    assert "truncated" not in body
    assert [item["text"] for item in sent(upstream)["inputs"]] == blame + praise
    assert body["sentiment"] == "mixed"


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("★☆☆☆☆ lovely", "negative"),
        ("lovely 2/5", "negative"),
        ("rude. 5 stars", "positive"),
        ("★★★☆☆ rude", "neutral"),
    ],
)
def test_a_rating_in_stars_outweighs_the_words(embedded, text, sentiment):
    assert rate(embedded, text).get_json()["sentiment"] == sentiment


def test_sentences_have_their_place_in_the_text_as_sent(embedded):
    text = "<p>The room was 😀 lovely.</p>\n<p>The staff were rude.</p>"
    body = rate(embedded, text, granularity="sentence", format="html", offset_unit="utf16").get_json()
    assert [(one["text"], one["sentiment"]) for one in body["sentences"]] == [
        ("The room was 😀 lovely.", "positive"),
        ("The staff were rude.", "negative"),
    ]
    units = text.encode("utf-16-le")
    for one in body["sentences"]:
        assert units[2 * one["start"] : 2 * one["end"]].decode("utf-16-le") == one["text"]


def test_an_aspect_is_rated_by_the_clauses_that_name_it(embedded):
    found, missing = rate(embedded, TEXT, aspects=["Staff", "food"]).get_json()["aspects"]
    assert (found["aspect"], found["found"], found["sentiment"]) == ("Staff", True, "negative")
    assert found["mentions"] == [{"text": "The staff were rude,", "start": 21, "end": 41}]
    assert found["opinions"] == [{"text": "rude", "start": 36, "end": 40}]
    assert missing == {"aspect": "food", "found": False, "mentions": [], "opinions": []}


@pytest.mark.parametrize(
    ("text", "sentiment", "part"),
    [
        ("We saw rude staff, and lovely rooms.", "negative", "We saw rude staff"),
        ("Lovely rooms and rude staff.", "negative", "rude staff."),
        ("The staff left.", "neutral", "The staff left."),
        ("staff", "neutral", "staff"),
    ],
)
def test_an_aspect_is_rated_by_its_part_of_an_enumeration(embedded, text, sentiment, part):
    [aspect] = rate(embedded, text, aspects=["staff"]).get_json()["aspects"]
    assert (aspect["sentiment"], [place["text"] for place in aspect["mentions"]]) == (sentiment, [part])
    assert [place["text"] for place in aspect["opinions"]] == (["rude"] if sentiment == "negative" else [])


@pytest.mark.parametrize(
    ("text", "aspect"), [("rude  Staffs", "staff"), ("the front\ndesk is rude", "front desk"), ("店員很rude", "店員")]
)
def test_an_aspect_is_found_in_any_case_as_a_plural_and_over_line_breaks(embedded, text, aspect):
    assert rate(embedded, text, aspects=[aspect]).get_json()["aspects"][0]["found"] is True


def test_a_word_within_another_is_no_aspect(embedded):
    assert rate(embedded, "The barstaffing was rude.", aspects=["staff"]).get_json()["aspects"][0]["found"] is False


@pytest.mark.parametrize(
    "options",
    [
        {"aspects": "staff"},
        {"aspects": [" "]},
        {"aspects": ["x" * 101]},
        {"aspects": ["x"] * 21},
        {"granularity": "word"},
    ],
)
def test_invalid_options_are_named(client, options):
    response = rate(client, TEXT, **options)
    assert response.status_code == 400
    assert list(response.get_json()["details"]) == list(options)


def test_a_pipeline_rates_sentences_as_a_list(pipeline, upstream):
    body = rate(pipeline, TEXT, granularity="sentence").get_json()
    assert [one["sentiment"] for one in body["sentences"]] == ["positive", "positive"]
    assert len(sent(upstream)["inputs"]) == 5
    assert len(upstream.calls) == 1


def test_a_pipeline_reads_many_sentences_in_several_lists(pipeline, upstream):
    text = " ".join(f"Room {number} was lovely." for number in range(40))
    body = rate(pipeline, text, granularity="sentence").get_json()
    assert len(body["sentences"]) == 40
    assert [len(sent(upstream, index)["inputs"]) for index in range(2)] == [32, 8]


def test_a_sentence_longer_than_the_pipeline_reads_is_cut_and_the_response_says_so(pipeline):
    assert rate(pipeline, "食" * 900, granularity="sentence").get_json()["truncated"] is True


@pytest.mark.parametrize("body", [[], [[]], {"label": "positive", "score": 1}, [[{"label": "positive"}]]])
def test_a_list_of_another_length_or_form_is_an_invalid_response(make_client, upstream, body):
    upstream.post(DEFAULT_PIPELINE, json=body)
    response = rate(make_client(HUGGINGFACE), "The room was lovely.", granularity="sentence")
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_a_pipeline_may_answer_a_single_input_without_the_outer_list(make_client, upstream):
    upstream.post(DEFAULT_PIPELINE, json=[{"label": "positive", "score": 1}])
    body = rate(make_client(HUGGINGFACE), "The room was lovely.", granularity="sentence").get_json()
    assert body["sentences"][0]["sentiment"] == "positive"


PARTS = {
    "sentences": ["positive", "negative"],
    "aspects": [
        {"aspect": "staff", "found": True, "sentiment": "negative", "opinion": "rude"},
        {"aspect": "food", "found": False, "sentiment": "neutral", "opinion": ""},
    ],
}


def test_a_chat_model_rates_sentences_and_aspects_as_json(client, upstream):
    upstream.post(CHAT, json=chat_response("negative"))
    upstream.post(CHAT, json=chat_response(json.dumps(PARTS)))
    body = rate(client, TEXT, granularity="sentence", aspects=["staff", "food"]).get_json()
    assert [one["sentiment"] for one in body["sentences"]] == ["positive", "negative"]
    staff, food = body["aspects"]
    assert (staff["sentiment"], staff["opinions"]) == ("negative", [{"text": "rude", "start": 36, "end": 40}])
    assert [place["text"] for place in staff["mentions"]] == ["The staff were rude, but the price was fair."]
    assert food["found"] is False
    schema = sent(upstream)["response_format"]["json_schema"]["schema"]
    assert set(schema["properties"]) == {"sentences", "aspects"}
    assert sent(upstream)["messages"][1]["content"].startswith("1. The room was lovely.\n2. The staff")


@pytest.mark.parametrize(
    "item",
    [
        "staff",
        {"aspect": "room", "found": True, "sentiment": "negative", "opinion": "rude"},
        {"aspect": "staff", "found": True, "sentiment": "angry", "opinion": "rude"},
    ],
)
def test_an_aspect_that_the_chat_model_garbles_counts_as_not_found(client, upstream, item):
    upstream.post(CHAT, json=chat_response("negative"))
    upstream.post(CHAT, json=chat_response(json.dumps({"aspects": [item]})))
    assert rate(client, TEXT, aspects=["staff"]).get_json()["aspects"][0]["found"] is False


@pytest.mark.parametrize("opinion", ["friendly", "", 5])
def test_a_quote_that_the_text_does_not_have_is_left_out(client, upstream, opinion):
    upstream.post(CHAT, json=chat_response("negative"))
    item = {"aspect": "staff", "found": True, "sentiment": "negative", "opinion": opinion}
    upstream.post(CHAT, json=chat_response(json.dumps({"aspects": [item]})))
    [aspect] = rate(client, TEXT, aspects=["staff"]).get_json()["aspects"]
    assert (aspect["found"], aspect["opinions"]) == (True, [])


@pytest.mark.parametrize("labels", [["positive", "great"], "positive"])
def test_a_sentence_without_a_valid_label_is_left_out(client, upstream, labels):
    upstream.post(CHAT, json=chat_response("negative"))
    upstream.post(CHAT, json=chat_response(json.dumps({"sentences": labels})))
    sentences = rate(client, TEXT, granularity="sentence").get_json()["sentences"]
    assert len(sentences) == isinstance(labels, list)


def test_aspects_of_another_form_are_none(client, upstream):
    upstream.post(CHAT, json=chat_response("negative"))
    upstream.post(CHAT, json=chat_response('{"aspects": 5}'))
    assert rate(client, TEXT, aspects=["staff"]).get_json()["aspects"][0]["found"] is False


def test_a_long_text_is_shown_to_the_chat_model_in_parts(client, upstream):
    found = {"aspects": [{"aspect": "room", "found": True, "sentiment": "positive", "opinion": "lovely"}]}
    other = {"aspects": [{"aspect": "room", "found": True, "sentiment": "negative", "opinion": "loud"}]}
    upstream.post(CHAT, json=chat_response("positive"))
    upstream.post(CHAT, json=chat_response(json.dumps(found)))
    upstream.post(CHAT, json=chat_response(json.dumps(other)))
    text = " ".join(f"Room {number} was lovely." for number in range(50))
    body = rate(client, text, aspects=["room"]).get_json()
    assert body["aspects"][0]["sentiment"] == "positive"
    assert len(upstream.calls) == 3


def test_a_chat_model_rates_sentences_if_the_pipelines_model_is_gone(make_client, upstream):
    upstream.post(DEFAULT_PIPELINE, status=404, body="Not Found", content_type="text/plain")
    upstream.post(ROUTER_CHAT, json=chat_response("negative"))
    upstream.post(ROUTER_CHAT, json=chat_response('{"sentences": ["negative"]}'))
    body = rate(make_client(HUGGINGFACE), "The staff were rude.", granularity="sentence").get_json()
    assert body["sentences"][0]["sentiment"] == "negative"


def test_a_chat_model_may_call_a_text_mixed(client, upstream):
    upstream.post(CHAT, json=chat_response("mixed"))
    body = rate(client, TEXT).get_json()
    assert (body["sentiment"], body["score"]) == ("mixed", 1)
    assert body["scores"] == {"positive": 0.5, "negative": 0.5, "neutral": 0}


def test_without_an_encoder_the_embedded_engine_has_no_sentiment(make_client):
    settings = {name: value for name, value in EMBEDDED.items() if name != "ENCODER_PORT"}
    response = post(make_client(settings), "/v1/text/sentiment", {"text": TEXT})
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")
