"""POST /v1/text/summarize."""

import json

import pytest
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

from app.backends.responses.token_estimate import estimated_tokens

BART = f"{PIPELINE}facebook/bart-large-cnn"
ENCODER = "http://127.0.0.1:10/embeddings"
ENGINE = "http://127.0.0.1:9/v1/chat/completions"
TEXT = (
    "The old lighthouse stands on the northern cliff. It was built in 1852 by Ada Moor. "
    "Its lamp warned ships of the rocks for a century. The keeper kept a diary of every storm. "
    "Today the lighthouse is a museum of the sea. Visitors climb its two hundred steps."
)
SENTENCES = TEXT.replace(". ", ".|").split("|")
GERMAN = "Der alte Leuchtturm steht auf dem Felsen im Norden. Er wurde 1852 von Ada Moor gebaut und ist ein Museum."
CHINESE = "这座灯塔建于1852年。它警告船只避开岩石。今天它是一座海洋博物馆。游客可以登上二百级台阶。"
LONG = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(300))
THREE_THOUSAND = " ".join(LONG.split()[: 230 * 5])
TOO_LONG = {"error": {"message": "The maximum context length is 1,500 tokens; you sent 4,000.", "code": "x"}}
FACTS = {"style": "abstractive", "chunks": 1}


def summarize(client, text=TEXT, **body):
    return client.post("/v1/text/summarize", json={"text": text, **body})


def bodies(upstream):
    return [json.loads(call.request.body) for call in upstream.calls]


def instruction(upstream):
    return sent(upstream)["messages"][0]["content"]


def is_extract(summary, text=TEXT):
    return all(f"{sentence.rstrip('.')}." in text for sentence in summary.split(". "))


def test_the_response_has_the_documented_fields(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": " The lighthouse is a museum. "}])
    body = summarize(make_client(HUGGINGFACE), max_length=50, min_length=5).get_json()
    compression = round(len("The lighthouse is a museum.") / len(TEXT), 4)
    summary = {"original_text": TEXT, "summary": "The lighthouse is a museum.", "compression": compression}
    assert body == {**summary, **FACTS, "model": "facebook/bart-large-cnn"}
    assert sent(upstream) == {"inputs": TEXT, "parameters": {"max_length": 50, "min_length": 5}}


def test_the_default_length_is_130_tokens(make_client, upstream):
    upstream.post(BART, json={"summary_text": "A museum."})
    summarize(make_client(HUGGINGFACE))
    assert sent(upstream)["parameters"] == {"max_length": 130, "min_length": 0}


# A pipeline that reads about a thousand tokens.


def test_a_text_that_is_too_long_for_the_pipeline_is_summarized_in_parts(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": f"Part {n} is short."} for n in range(4)])
    upstream.post(BART, json={"summary_text": "All is short."})
    body = summarize(make_client(HUGGINGFACE), THREE_THOUSAND).get_json()
    assert (body["summary"], body["chunks"]) == ("All is short.", 4)
    assert "truncated" not in body
    parts, reduced = bodies(upstream)
    assert " ".join("".join(parts["inputs"]).split()) == THREE_THOUSAND
    assert all(estimated_tokens(part) <= 900 for part in parts["inputs"])
    assert reduced["inputs"] == "\n\n".join(f"Part {n} is short." for n in range(4))


def test_parts_that_the_pipeline_refuses_are_made_shorter_once(make_client, upstream):
    upstream.post(BART, json={"error": "`inputs` must have less than 512 tokens. Given: 602"}, status=422)
    upstream.post(BART, json=[{"summary_text": "One."}, {"summary_text": "Two."}])
    upstream.post(BART, json={"summary_text": "A museum."})
    text = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(60))
    assert summarize(make_client(HUGGINGFACE), text).get_json()["chunks"] == 2
    whole, parts, _ = bodies(upstream)
    assert whole["inputs"] == text
    assert all(estimated_tokens(part) <= 450 for part in parts["inputs"])


@pytest.mark.parametrize(("status", "text"), [(422, TEXT), (403, LONG[:3000])])
def test_a_short_or_moderated_text_is_refused(make_client, upstream, status, text):
    upstream.post(BART, json={"error": "The input was flagged by moderation."}, status=status)
    assert summarize(make_client(HUGGINGFACE), text).get_json()["type"] == "upstream_rejected"
    assert len(upstream.calls) == 1


def test_many_parts_are_sent_four_at_a_time_and_summarized_until_they_fit(make_client, upstream):
    part = {"summary_text": " ".join(f"Ship{n} sank." for n in range(60))}
    for count in (4, 4, 2, 4, 2):
        upstream.post(BART, json=[part] * count)
    upstream.post(BART, json=[{"summary_text": "Ships sank."}])
    text = " ".join(f"Keeper{n} saw ship{n} near rock{n}." for n in range(700))
    body = summarize(make_client(HUGGINGFACE), text[:19_000]).get_json()
    assert (body["summary"], body["chunks"]) == ("Ships sank.", 10)


def test_a_model_that_does_not_shorten_reads_the_beginning_of_what_it_wrote(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": LONG}] * 4)
    upstream.post(BART, json={"summary_text": "A museum."})
    assert summarize(make_client(HUGGINGFACE), THREE_THOUSAND).get_json()["summary"] == "A museum."
    assert estimated_tokens(sent(upstream)["inputs"]) <= 900


def test_a_long_text_can_be_truncated(make_client, upstream):
    upstream.post(BART, json={"summary_text": "A museum."})
    body = summarize(make_client(HUGGINGFACE), LONG, long="truncate").get_json()
    read = sent(upstream)["inputs"]
    assert LONG.startswith(read)
    assert (body["truncated"], body["characters_read"], body["chunks"]) == (True, len(read), 1)


def test_a_long_text_can_be_rejected(make_client, upstream):
    response = summarize(make_client(HUGGINGFACE), LONG, long="reject")
    assert (response.status_code, response.get_json()["type"]) == (400, "upstream_rejected")
    assert "map_reduce" in response.get_json()["message"]
    assert len(upstream.calls) == 0


def test_a_chat_model_summarizes_if_the_pipelines_model_is_gone(make_client, upstream):
    upstream.post(BART, status=410, json={"error": "The requested model is deprecated"})
    upstream.post(ROUTER_CHAT, json=chat_response("It is a museum. It was bui", finish_reason="length"))
    body = summarize(make_client(HUGGINGFACE), min_length=8).get_json()
    assert body["summary"] == "It is a museum."
    assert sent(upstream)["max_tokens"] == 130
    assert "at least 6 and at most 78 words" in instruction(upstream)


@pytest.mark.parametrize("body", [{"focus": "Who built it?"}, {"language": "de"}])
def test_a_chat_model_summarizes_what_the_default_pipeline_cannot(make_client, upstream, body):
    upstream.post(ROUTER_CHAT, json=chat_response("It is a museum."))
    assert summarize(make_client(HUGGINGFACE), **body).get_json()["model"] == "meta-llama/Llama-3.1-8B-Instruct"


def test_a_named_pipeline_summarizes_any_language(make_client, upstream):
    upstream.post(f"{PIPELINE}org/mt5", json=[{"summary_text": "Ein Museum."}])
    assert summarize(make_client(HUGGINGFACE), GERMAN, model="org/mt5").get_json()["summary"] == "Ein Museum."
    upstream.post(f"{PIPELINE}org/own", json=[{"summary_text": "Ein Museum."}])
    client = make_client(HUGGINGFACE, SUMMARIZATION_MODEL="org/own")
    assert summarize(client, GERMAN).get_json()["model"] == "org/own"


def test_a_pipelines_summary_has_no_more_sentences_than_asked_for(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": "One is here. Two is here. Three is here."}])
    assert summarize(make_client(HUGGINGFACE), length=2).get_json()["summary"] == "One is here. Two is here."
    assert sent(upstream)["parameters"]["max_length"] == 200
    listed = summarize(make_client(HUGGINGFACE), style="bullets", length=2).get_json()
    assert (listed["summary"], listed["items"]) == ("- One is here.\n- Two is here.", ["One is here.", "Two is here."])


@pytest.mark.parametrize(
    "body", [[], {}, [1], {"summary_text": 5}, "x", [{"generated_text": "x"}], [{"summary_text": " "}]]
)
def test_a_pipeline_response_of_another_form_is_an_invalid_response(make_client, upstream, body):
    upstream.post(BART, json=body)
    assert summarize(make_client(HUGGINGFACE)).get_json()["type"] == "upstream_invalid_response"


def test_texts_become_one_call_of_the_pipeline(make_client, upstream):
    upstream.post(BART, json=[{"summary_text": "One."}, {"summary_text": "Two."}])
    texts = [TEXT, f"{TEXT} It is open."]
    body = make_client(HUGGINGFACE).post("/v1/text/summarize", json={"texts": texts}).get_json()
    assert [result["summary"] for result in body["results"]] == ["One.", "Two."]
    assert sent(upstream)["inputs"] == texts


# A chat model.


def test_the_instruction_names_language_and_length(client, upstream):
    upstream.post(CHAT, json=chat_response("Ein Museum."))
    summarize(client, GERMAN)
    assert "Write in German (de), whole sentences, at most 78 words." in instruction(upstream)
    summarize(client, GERMAN, length=1)
    assert "1 whole sentence, without a heading." in instruction(upstream)
    summarize(client, GERMAN, length=2, focus="Wer baute ihn?")
    assert "2 whole sentences" in instruction(upstream)
    assert "bears on this: Wer baute ihn?" in instruction(upstream)
    assert sent(upstream)["max_tokens"] == 200
    summarize(client, "ᚠᚢᚦᚨᚱᚲ")
    assert "in the language of the text" in instruction(upstream)


@pytest.mark.parametrize(("text", "factor"), [(TEXT, 1), (GERMAN, 1), (CHINESE, 3)])
def test_scripts_that_need_more_tokens_get_them(client, upstream, text, factor):
    upstream.post(CHAT, json=chat_response("好。"))
    summarize(client, text, max_length=50)
    assert sent(upstream)["max_tokens"] == 50 * factor


def test_chinese_has_a_length_in_characters_and_whole_sentences(client, upstream):
    upstream.post(
        CHAT, json=chat_response("它建于1852年。今天它是一座海洋博物馆。游客可以登上", finish_reason="length")
    )
    assert summarize(client, CHINESE, max_length=10).get_json()["summary"] == "它建于1852年。"
    assert "at most 10 characters" in instruction(upstream)
    assert summarize(client, CHINESE, max_length=5).get_json()["summary"] == "它建于1852年。"
    assert summarize(client, CHINESE).get_json()["summary"] == "它建于1852年。今天它是一座海洋博物馆。"


def test_a_chat_models_summary_has_no_more_sentences_than_asked_for(client, upstream):
    upstream.post(CHAT, json=chat_response("One is here.\n\nTwo is here. Three is here."))
    assert summarize(client, length=2).get_json()["summary"] == "One is here.\n\nTwo is here."
    assert len(summarize(client).get_json()["summary"].split()) == 9


def test_bullets_are_lines_of_a_list(client, upstream):
    upstream.post(CHAT, json=chat_response("- It was built in 1852.\n* It is a museum.\n\n- It has steps."))
    body = summarize(client, style="bullets", length=2).get_json()
    assert body["summary"] == "- It was built in 1852.\n- It is a museum."
    assert body["items"] == ["It was built in 1852.", "It is a museum."]
    assert "a list of 2 lines" in instruction(upstream)
    assert len(summarize(client, style="bullets").get_json()["items"]) == 3
    assert "a list of lines, each one whole sentence after '- ', at most 78 words" in instruction(upstream)
    summarize(client, style="bullets", length=1)
    assert "a list of 1 line," in instruction(upstream)


def test_a_text_beyond_the_context_of_a_chat_model_is_summarized_in_parts(client, upstream):
    upstream.post(CHAT, status=400, json=TOO_LONG)
    upstream.post(CHAT, json=chat_response("Ships were seen."))
    body = summarize(client, LONG, focus="Ships").get_json()
    assert (body["summary"], body["chunks"]) == ("Ships were seen.", 6)
    first, *parts, reduced = [body["messages"][1]["content"] for body in bodies(upstream)]
    assert first == LONG
    assert " ".join("".join(parts).split()) == LONG
    assert reduced == "\n\n".join(["Ships were seen."] * 6)
    assert all("bears on this: Ships" in body["messages"][0]["content"] for body in bodies(upstream))


def test_the_context_of_a_chat_model_is_remembered(client, upstream):
    upstream.post(CHAT, status=400, json=TOO_LONG)
    upstream.post(CHAT, json=chat_response("Ships were seen."))
    summarize(client, LONG)
    calls = len(upstream.calls)
    assert summarize(client, f"{LONG} The end.", long="truncate").get_json()["truncated"] is True
    assert len(upstream.calls) == calls + 1
    assert summarize(client, f"{LONG} End.", long="reject").status_code == 400
    assert "truncated" not in summarize(client, TEXT, long="truncate").get_json()


def test_a_context_without_a_number_is_found_by_halving(client, upstream):
    for _ in range(2):
        upstream.post(CHAT, status=400, json={"error": {"message": "The prompt is too long."}})
    upstream.post(CHAT, json=chat_response("Ships were seen."))
    assert summarize(client, LONG).get_json()["chunks"] == 5


@pytest.mark.parametrize(("text", "reason"), [(TEXT, "The prompt is too long."), (LONG, "No.")])
def test_other_refusals_are_passed_on(client, upstream, text, reason):
    upstream.post(CHAT, status=400, json={"error": {"message": reason}})
    assert summarize(client, text).get_json()["details"] == {"reason": reason}
    assert len(upstream.calls) == 1


def test_reasoning_is_stripped_from_the_summary(client, upstream):
    upstream.post(CHAT, json=chat_response("<think>Hm. Long.</think>\n\nIt is a museum."))
    assert summarize(client).get_json()["summary"] == "It is a museum."


@pytest.mark.parametrize("text", ["", " ", "<think>I cannot stop"])
def test_an_empty_summary_is_an_invalid_response(client, upstream, text):
    upstream.post(CHAT, json=chat_response(text))
    assert summarize(client).get_json()["type"] == "upstream_invalid_response"


def test_the_configured_summarization_model_is_used(make_client, upstream):
    upstream.post(CHAT, json=chat_response("A museum."))
    summarize(make_client(SUMMARIZATION_MODEL="org/writer"))
    assert sent(upstream)["model"] == "org/writer"


# Sentences of the text.


@pytest.mark.parametrize("backend", [{}, HUGGINGFACE, EMBEDDED])
def test_an_extractive_summary_needs_no_model(make_client, upstream, backend):
    body = summarize(make_client(backend), style="extractive", length=3).get_json()
    assert body["summary"].count(".") == 3
    assert is_extract(body["summary"])
    assert (body["style"], body["model"], body["chunks"]) == ("extractive", None, 1)
    assert len(upstream.calls) == 0


def test_the_embedded_engine_takes_sentences_of_the_text_by_default(make_client, upstream):
    client = make_client(EMBEDDED)
    assert summarize(client).get_json()["style"] == "extractive"
    body = summarize(client, style="bullets", length=2).get_json()
    assert len(body["items"]) == 2
    assert body["summary"] == "\n".join(f"- {item}" for item in body["items"])
    assert set(body["items"]) <= set(SENTENCES)


def test_the_default_embedded_model_writes_no_summaries(make_client):
    response = summarize(make_client(EMBEDDED), style="abstractive")
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")
    assert "extractive" in response.get_json()["message"]


def test_a_larger_embedded_model_writes_summaries(make_client, upstream, tmp_path):
    events = [{"choices": [{"index": 0, "delta": {"content": "A museum."}, "finish_reason": "stop"}]}]
    upstream.post(ENGINE, body=stream(events), content_type="text/event-stream")
    model = tmp_path / "qwen.gguf"
    model.write_bytes(b"GGUF")
    client = make_client(EMBEDDED, EMBEDDED_MODEL_PATH=str(model))
    assert summarize(client, style="abstractive").get_json()["summary"] == "A museum."


def test_the_focus_is_compared_by_the_encoder(make_client, upstream):
    vectors = [[1.0, 0.0], *[[0.0, 1.0]] * 3, [1.0, 0.0], *[[0.0, 1.0]] * 2]
    upstream.post(ENCODER, json={"outputs": vectors, "tokens": [5] * 7})
    client = make_client(EMBEDDED, ENCODER_PORT="10")
    assert summarize(client, focus="Wer führte ein Tagebuch?", length=1).get_json()["summary"] == SENTENCES[3]
    assert sent(upstream)["inputs"] == ["Wer führte ein Tagebuch?", *SENTENCES]


@pytest.mark.parametrize(
    ("focus", "index"), [("Who built it?", 1), ("the storms in a diary", 3), ("museums", 4), ("stairs, steps", 5)]
)
def test_without_an_encoder_the_focus_is_compared_by_words(client, focus, index):
    body = summarize(client, style="extractive", focus=focus, length=1).get_json()
    assert body["summary"] == SENTENCES[index]


def test_the_summary_has_the_asked_length(make_client):
    client = make_client(EMBEDDED)
    short, default = (summarize(client, max_length=length).get_json()["summary"] for length in (20, 130))
    filled = summarize(client, min_length=200, max_length=200).get_json()["summary"]
    assert short in SENTENCES
    assert len(short) < len(default) < len(filled)
    assert filled == TEXT
    assert summarize(client, length=100).get_json()["summary"] == TEXT


def test_repetitions_are_left_out_unless_too_few_sentences_remain(make_client):
    text = "The storm hit the harbour hard in May. The storm hit the harbour very hard in May. Boats of all sizes sank."
    client = make_client(EMBEDDED)
    assert "Boats" in summarize(client, text, length=2).get_json()["summary"]
    assert summarize(client, text, length=3).get_json()["summary"] == text


def test_chinese_sentences_are_joined_without_spaces(make_client):
    summary = summarize(make_client(EMBEDDED), CHINESE, length=2).get_json()["summary"]
    assert summary.count("。") == 2
    assert " " not in summary


def test_headings_lists_tables_and_timestamps_are_no_part_of_a_summary(make_client):
    text = (
        "THE LIGHTHOUSE\nIt was built in 1852 by Ada Moor, who lived\nin the village for the rest of her life.\n\n"
        "- steps\n- lamp\n\n"
        "[00:12] Ben: The old lamp of the tower warned ships for a century.\n"
        "(00:15:01) Ada: It is a museum of the sea today.\n\nyear\tvisitors\n2020\t40,000\n"
    )
    body = summarize(make_client(EMBEDDED), text, length=9, format="plain").get_json()
    assert body["summary"] == (
        "It was built in 1852 by Ada Moor, who lived in the village for the rest of her life. "
        "Ben: The old lamp of the tower warned ships for a century. Ada: It is a museum of the sea today."
    )


def test_short_sentences_count_if_there_are_no_others(make_client):
    assert summarize(make_client(EMBEDDED), "Yes. No. Maybe.", length=2).get_json()["summary"].count(".") == 2


def test_a_text_without_words_is_returned_unchanged(make_client):
    assert summarize(make_client(EMBEDDED), "*** ---").get_json()["summary"] == "*** ---"


@pytest.mark.parametrize("focus", [{}, {"focus": "words"}])
def test_a_text_without_sentences_is_cut_at_a_word(make_client, focus):
    summary = summarize(make_client(EMBEDDED), "word " * 4000, max_length=50, **focus).get_json()["summary"]
    assert summary.startswith("word word")
    assert summary.endswith("…")


@pytest.mark.parametrize(
    "body", [{"length": 0}, {"length": 101}, {"style": "short"}, {"long": "cut"}, {"focus": " "}, {"min_length": 200}]
)
def test_invalid_options_are_refused(client, body):
    assert summarize(client, **body).status_code == 400


def test_the_quota_of_tokens_covers_the_summaries_of_parts(make_client, upstream):
    upstream.post(CHAT, json=chat_response("It is a museum."))
    client = make_client(TOKENS_PER_MINUTE="6000")
    assert summarize(client, LONG).status_code == 429
    assert summarize(client, LONG, long="truncate").status_code == 200
