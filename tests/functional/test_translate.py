"""POST /v1/text/translate."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

OPUS = f"{PIPELINE}Helsinki-NLP/opus-mt-en-de"
T5 = f"{PIPELINE}google-t5/t5-small"
MBART = "facebook/mbart-large-50-many-to-many-mmt"
NLLB = "facebook/nllb-200-distilled-600M"
ENGINE = "http://127.0.0.1:9/v1/chat/completions"
TEXT = "The museum is closed on Mondays."
GERMAN = "Das Museum ist montags geschlossen."
GONE = {"error": "Model not supported by provider hf-inference"}


def translate(client, text=TEXT, target="de", **body):
    return client.post("/v1/text/translate", json={"text": text, "target": target, **body})


def bodies(upstream):
    return [json.loads(call.request.body) for call in upstream.calls]


def asked_texts(upstream):
    return [body["messages"][-1]["content"] for body in bodies(upstream)]


def test_a_chat_model_translates(client, upstream):
    upstream.post(CHAT, json=chat_response(GERMAN))
    facts = {"source": "en", "target": "de", "model": "org/small", "chunks": 1}
    assert translate(client).get_json() == {"translation": GERMAN, **facts}
    system, user = sent(upstream)["messages"]
    assert "from English (en) into German (de)" in system["content"]
    assert user == {"role": "user", "content": TEXT}
    assert sent(upstream)["temperature"] == 0


def test_the_source_is_the_given_one(client, upstream):
    upstream.post(CHAT, json=chat_response(GERMAN))
    assert translate(client, source="nl").get_json()["source"] == "nl"
    assert translate(client, language="da").get_json()["source"] == "da"
    assert "from Danish (da)" in sent(upstream)["messages"][0]["content"]


def test_languages_without_a_known_name_are_named_by_their_codes(client, upstream):
    upstream.post(CHAT, json=chat_response("..."))
    translate(client, target="pt-BR")
    assert "into Brazilian Portuguese (pt-BR)" in sent(upstream)["messages"][0]["content"]
    translate(client, target="tlh")
    assert "into the language tlh" in sent(upstream)["messages"][0]["content"]


def test_an_unknown_source_is_left_to_the_model(client, upstream):
    upstream.post(CHAT, json=chat_response("ok"))
    assert translate(client, "ᚠᚢᚦᚨᚱᚲ").get_json()["source"] is None
    assert "user's text into German" in sent(upstream)["messages"][0]["content"]


@pytest.mark.parametrize("backend", [{}, HUGGINGFACE, EMBEDDED])
@pytest.mark.parametrize(("text", "target"), [(TEXT, "en"), (TEXT, "EN"), ("12 + 30 = 42 🙂", "de")])
def test_a_text_that_needs_no_translation_is_the_translation(make_client, upstream, backend, text, target):
    response = translate(make_client(backend), text, target).get_json()
    assert (response["translation"], response["chunks"], response["model"]) == (text, 0, None)
    assert len(upstream.calls) == 0


def test_a_region_is_another_target(client, upstream):
    upstream.post(CHAT, json=chat_response("The museum is shut on Mondays."))
    assert translate(client, target="en-GB").get_json()["chunks"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        f"<think>Hm.</think>\n{GERMAN}",
        f'"{GERMAN}"',
        f"„{GERMAN}“",
        f"```\n{GERMAN}\n```",
        f"```text\n{GERMAN}```",
        f"  {GERMAN}\n",
    ],
)
def test_the_translation_is_freed_of_what_surrounds_it(client, upstream, answer):
    upstream.post(CHAT, json=chat_response(answer))
    assert translate(client).get_json()["translation"] == GERMAN


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('"Closed" they said.', '"Geschlossen", sagten sie.'),
        ("```\nclosed\n```", "```\ngeschlossen\n```"),
        ("He said stop and go.", '"Halt", sagte er, "und los"'),
        ('"We are closed."', '"Wir haben geschlossen."'),
    ],
)
def test_marks_of_the_text_stay_in_the_translation(client, upstream, text, answer):
    upstream.post(CHAT, json=chat_response(answer))
    assert translate(client, text, source="en").get_json()["translation"] == answer


def test_a_long_text_is_translated_in_parts_of_whole_sentences(client, upstream):
    upstream.post(CHAT, json=chat_response("Teil."))
    sentences = [f"The museum number {number} of the town is closed on Mondays." for number in range(300)]
    text = "\n\n".join(" ".join(sentences[start : start + 10]) for start in range(0, 300, 10))
    response = translate(client, text, source="en").get_json()
    asked = asked_texts(upstream)
    assert response["chunks"] == len(asked) > 2
    assert " ".join(" ".join(asked).split()) == " ".join(sentences)
    assert all(part.endswith(".") for part in asked)
    assert response["translation"].split() == ["Teil."] * len(asked)


def test_spaces_around_parts_are_kept(client, upstream):
    upstream.post(CHAT, json=chat_response("Teil."))
    assert translate(client, f"\n  {TEXT}\n\n").get_json()["translation"] == "\n  Teil.\n\n"


LONG = " ".join(f"The museum {number} is closed on Mondays." for number in range(8))


def test_a_translation_that_is_cut_off_is_made_in_halves(client, upstream):
    upstream.post(CHAT, json=chat_response("Das Mus", finish_reason="length"))
    upstream.post(CHAT, json=chat_response("Eins."))
    upstream.post(CHAT, json=chat_response("Zwei."))
    response = translate(client, LONG).get_json()
    assert response["translation"] == "Eins. Zwei."
    first, second, third = asked_texts(upstream)
    assert (first, f"{second} {third}") == (LONG, LONG)


def test_a_text_beyond_the_context_of_the_model_is_translated_in_halves(client, upstream):
    error = {"message": "This model's maximum context length is 4096 tokens.", "code": "context_length_exceeded"}
    upstream.post(CHAT, status=400, json={"error": error})
    upstream.post(CHAT, json=chat_response("Eins."))
    upstream.post(CHAT, json=chat_response("Zwei."))
    assert translate(client, LONG).get_json()["translation"] == "Eins. Zwei."


def test_an_answer_without_text_gets_more_tokens_for_reasoning(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Well", finish_reason="length"))
    upstream.post(CHAT, json=chat_response(GERMAN))
    assert translate(client, LONG).get_json()["translation"] == GERMAN
    first, second = (body["max_tokens"] for body in bodies(upstream))
    assert second == 4 * first


def test_a_translation_that_stays_cut_off_is_an_error(client, upstream):
    upstream.post(CHAT, json=chat_response("Das Mus", finish_reason="length"))
    response = translate(client)
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")
    assert "no complete translation" in response.get_json()["message"]
    assert len(upstream.calls) == 2


def test_an_empty_translation_is_an_error(client, upstream):
    upstream.post(CHAT, json=chat_response(" "))
    assert translate(client).get_json()["type"] == "upstream_invalid_response"


def test_another_refusal_is_passed_on(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "No."}})
    assert translate(client, LONG).get_json()["details"] == {"reason": "No."}
    assert len(upstream.calls) == 1


def test_a_short_text_that_the_model_does_not_read_is_refused(client, upstream):
    upstream.post(CHAT, status=400, json={"error": {"message": "The input is too long."}})
    assert translate(client).get_json()["type"] == "upstream_rejected"


def test_the_configured_translation_model_is_used(make_client, upstream):
    upstream.post(CHAT, json=chat_response(GERMAN))
    translate(make_client(TRANSLATION_MODEL="org/translator"))
    assert sent(upstream)["model"] == "org/translator"


def test_a_model_for_the_languages_translates_on_hugging_face(make_client, upstream):
    upstream.post(OPUS, json=[{"translation_text": GERMAN}])
    response = translate(make_client(HUGGINGFACE)).get_json()
    assert response["translation"] == GERMAN
    assert response["model"] == "Helsinki-NLP/opus-mt-en-de"
    assert sent(upstream) == {"inputs": TEXT, "parameters": {"max_length": 512}}


def test_t5_is_told_its_languages_in_the_text(make_client, upstream):
    upstream.post(OPUS, status=400, json=GONE)
    upstream.post(T5, json=[{"translation_text": GERMAN}])
    client = make_client(HUGGINGFACE)
    assert translate(client).get_json()["model"] == "google-t5/t5-small"
    assert sent(upstream)["inputs"] == f"translate English to German: {TEXT}"
    translate(client, "It opens on Tuesdays.")
    assert len(upstream.calls) == 3  # it is known that the other model is not served


def test_a_chat_model_translates_if_no_pipeline_serves_the_languages(make_client, upstream):
    upstream.post(f"{PIPELINE}Helsinki-NLP/opus-mt-en-ja", status=404, json={"error": "Not Found"})
    upstream.post(ROUTER_CHAT, json=chat_response("月曜日は休館です。"))
    response = translate(make_client(HUGGINGFACE), target="ja").get_json()
    assert response["translation"] == "月曜日は休館です。"


def test_a_chat_model_translates_from_an_unknown_language(make_client, upstream):
    upstream.post(ROUTER_CHAT, json=chat_response("ok"))
    assert translate(make_client(HUGGINGFACE), "ᚠᚢᚦᚨᚱᚲ").get_json()["translation"] == "ok"


def test_a_dedicated_endpoint_is_asked_by_chat(make_client, upstream):
    url = "https://x.eu-west-1.aws.endpoints.huggingface.cloud"
    upstream.post(f"{url}/v1/chat/completions", json=chat_response(GERMAN))
    client = make_client(HUGGINGFACE, HUGGINGFACE_BASE_URL=url)
    assert translate(client).get_json()["translation"] == GERMAN


# the request is that of a recording of huggingface_hub's tests
def test_mbart_gets_its_own_codes(make_client, upstream):
    upstream.post(f"{PIPELINE}{MBART}", json=[{"translation_text": "Bonjour"}])
    translate(make_client(HUGGINGFACE), "Hello world", "fr", source="en", model=MBART)
    assert sent(upstream)["parameters"] == {"src_lang": "en_XX", "tgt_lang": "fr_XX", "max_length": 512}


@pytest.mark.parametrize(
    ("model", "target", "codes"),
    [
        (NLLB, "zh-TW", ("eng_Latn", "zho_Hant")),
        (NLLB, "pt-BR", ("eng_Latn", "por_Latn")),
        ("facebook/m2m100_418M", "hi", ("en", "hi")),
    ],
)
def test_models_for_many_languages_get_their_own_codes(make_client, upstream, model, target, codes):
    upstream.post(f"{PIPELINE}{model}", json=[{"translation_text": "x"}])
    translate(make_client(HUGGINGFACE), target=target, model=model)
    parameters = sent(upstream)["parameters"]
    assert (parameters["src_lang"], parameters["tgt_lang"]) == codes


@pytest.mark.parametrize(
    ("model", "text", "target", "reason"),
    [
        (NLLB, "ᚠᚢᚦᚨᚱᚲ", "de", "send `source`"),
        (MBART, TEXT, "tlh", "does not know the language tlh"),
        ("google-t5/t5-base", TEXT, "es", "from English to German, French and Romanian only"),
        ("Helsinki-NLP/opus-mt-en-de", TEXT, "fr", "to the language de only"),
    ],
)
def test_a_model_that_does_not_know_the_languages_is_refused(make_client, model, text, target, reason):
    response = translate(make_client(HUGGINGFACE), text, target, model=model)
    assert (response.status_code, response.get_json()["type"]) == (400, "upstream_rejected")
    assert reason in response.get_json()["message"]


def test_a_named_model_without_a_pipeline_is_asked_by_chat(make_client, upstream):
    upstream.post(f"{PIPELINE}org/chat", status=400, json=GONE)
    upstream.post(ROUTER_CHAT, json=chat_response(GERMAN))
    translate(make_client(HUGGINGFACE), model="org/chat")
    assert sent(upstream)["model"] == "org/chat"


def test_lines_are_translated_one_by_one_and_keep_their_breaks(make_client, upstream):
    upstream.post(OPUS, json=[[{"translation_text": "Eins."}], [{"translation_text": "Zwei."}]])
    response = translate(make_client(HUGGINGFACE), " One line is here.\n\n\tTwo lines are here. \n").get_json()
    assert response["translation"] == " Eins.\n\n\tZwei. \n"
    assert response["chunks"] == 2
    assert sent(upstream)["inputs"] == ["One line is here.", "Two lines are here."]


def test_long_lines_are_cut_into_sentences_and_sent_in_lists_of_16(make_client, upstream):
    upstream.post(OPUS, json=[{"translation_text": "Teil."}] * 16)
    upstream.post(OPUS, json={"translation_text": "Ende."})
    lines = [f"The museum number {number} is closed." for number in range(17)]
    response = translate(make_client(HUGGINGFACE), "\n".join(lines)).get_json()
    assert response["translation"] == "\n".join(["Teil."] * 16 + ["Ende."])
    assert [body["inputs"] for body in bodies(upstream)] == [lines[:16], lines[16]]


@pytest.mark.parametrize("body", [[], {}, [1], [{"translation_text": 5}], [{"translation_text": " "}], [[], []]])
def test_a_pipeline_response_of_another_form_is_an_invalid_response(make_client, upstream, body):
    upstream.post(OPUS, json=body)
    assert translate(make_client(HUGGINGFACE)).get_json()["type"] == "upstream_invalid_response"


def test_texts_become_one_call_of_the_pipeline(make_client, upstream):
    upstream.post(OPUS, json=[{"translation_text": "Eins."}, {"translation_text": "Zwei."}])
    texts = ["The first text is here.", "The second text is here."]
    body = make_client(HUGGINGFACE).post("/v1/text/translate", json={"texts": texts, "target": "de"}).get_json()
    assert [result["translation"] for result in body["results"]] == ["Eins.", "Zwei."]
    assert sent(upstream)["inputs"] == texts


def test_the_default_embedded_model_does_not_translate(make_client):
    response = translate(make_client(EMBEDDED))
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")
    assert "EMBEDDED_MODEL_PATH" in response.get_json()["message"]


def test_a_larger_embedded_model_translates_in_parts_of_its_context(make_client, upstream, tmp_path):
    events = [{"choices": [{"index": 0, "delta": {"content": "Teil."}, "finish_reason": "stop"}]}]
    upstream.post(ENGINE, body=stream(events), content_type="text/event-stream")
    model = tmp_path / "qwen.gguf"
    model.write_bytes(b"GGUF")
    text = " ".join([TEXT] * 150)
    response = translate(make_client(EMBEDDED, EMBEDDED_MODEL_PATH=str(model)), text).get_json()
    assert response["chunks"] > 1
    assert response["translation"] == " ".join(["Teil."] * response["chunks"])


@pytest.mark.parametrize("body", [{}, {"target": "german!"}, {"target": "de", "source": "x"}])
def test_languages_are_codes(client, body):
    assert client.post("/v1/text/translate", json={"text": TEXT, **body}).status_code == 400


def test_the_quota_of_tokens_covers_the_translation(make_client, upstream):
    upstream.post(CHAT, json=chat_response(GERMAN))
    client = make_client(TOKENS_PER_MINUTE="500")
    assert translate(client, TEXT * 30).status_code == 429
    assert translate(client).status_code == 200
