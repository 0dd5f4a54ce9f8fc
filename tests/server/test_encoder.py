"""The encoder with its real models, behind the real server and its launcher."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
from support.servers import until
from support.surfaces.table import DOCUMENTS

from app.config.encoder_models import ENGLISH, MULTILINGUAL

SENTENCE = "The ferry leaves at noon and the crossing takes an hour."


def encoder_of(service) -> psutil.Process:
    [encoder] = [one for one in service.processes() if "app.embedded.encoder.process" in one.cmdline()]
    return encoder


def embed(service, texts, **options):
    response = service.post("/v1/embeddings", timeout=120, input=texts, **options)
    assert response.status_code == 200, response.text
    return [entry["embedding"] for entry in response.json()["data"]]


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("model", "length"), [(MULTILINGUAL, 512), (ENGLISH, 384)])
def test_vectors_have_length_one_and_do_not_depend_on_the_list(embedded, model, length):
    texts = ["A dog sleeps on the sofa.", SENTENCE, "A puppy takes a nap on the couch."]
    together = embed(embedded, texts, model=model)
    assert [len(vector) for vector in together] == [length] * 3
    assert cosine(together[1], together[1]) == pytest.approx(1, abs=1e-5)
    assert embed(embedded, texts[1], model=model)[0] == pytest.approx(together[1], abs=1e-6)
    assert cosine(together[0], together[2]) > cosine(together[0], together[1]) + 0.1


def test_the_meaning_counts_across_languages(embedded):
    vectors = embed(embedded, ["Where is the railway station?", "Wo ist der Bahnhof?", "Quiero una sopa caliente."])
    assert cosine(vectors[0], vectors[1]) > 0.7 > cosine(vectors[0], vectors[2])


@pytest.mark.parametrize("model", [MULTILINGUAL, ENGLISH])
def test_the_end_of_a_long_text_counts_too(embedded, model):
    beginning = "The committee met on Monday and approved the minutes of the last session. " * 60
    one, other = embed(embedded, [beginning, beginning + "Sharks hunt seals off the coast. " * 60], model=model)
    assert cosine(one, other) < 0.99


@pytest.mark.parametrize("text", ["", " ", "🙂" * 3000, "a" * 3000, "好" * 3000, "\u0000", "é\u0301" * 500])
def test_any_text_gets_a_vector(embedded, text):
    for model in (MULTILINGUAL, ENGLISH):
        response = embedded.post("/v1/embeddings", input=[text], model=model)
        assert response.status_code == (400 if "\0" in text else 200), response.text


@pytest.mark.parametrize("model", [MULTILINGUAL, ENGLISH])
def test_a_text_that_is_too_long_is_400_with_the_limit(embedded, model):
    response = embedded.post("/v1/embeddings", input="a " * 32_769, model=model)
    assert (response.status_code, "32768" in response.json()["error"]["message"]) == (400, True)
    response = embedded.post("/v1/embeddings", input="a" * 200_001, model=model)
    assert "200000 characters" in response.json()["error"]["message"]


def test_documents_are_ranked_and_texts_compared(embedded):
    ranked = embedded.post("/v1/rerank", query="What warns ships?", documents=DOCUMENTS).json()
    assert ranked["results"][0]["index"] == 1
    body = embedded.post("/v1/text/similarity", texts=["Brot backen", "Schiffe"], candidates=DOCUMENTS).json()
    assert [result["best"] for result in body["results"]] == [0, 1]


def test_an_encoder_that_is_killed_under_load_is_back_soon(start):
    service = start(AI_BACKEND="embedded", HUGGINGFACE_RETRY_ATTEMPTS="0", CACHE_TTL="0")
    until(service.is_ready)
    killed = encoder_of(service)
    assert killed.memory_info().rss < 40 * 1024**2, "it has loaded no model yet"
    embed(service, SENTENCE)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(service.post, "/v1/embeddings", input=[f"{SENTENCE} {n}"] * 60) for n in range(4)]
        until(lambda: any(call.done() for call in calls))
        killed.kill()
        responses = [call.result() for call in calls]
    for response in responses:
        assert response.status_code in (200, 503)
        if response.status_code == 503:
            assert response.json()["error"]["type"] in ("model_loading", "circuit_open")
            assert int(response.headers["Retry-After"]) >= 1
    until(lambda: service.post("/v1/embeddings", input="Hi.").status_code == 200)
    assert encoder_of(service).pid != killed.pid
    assert service.post("/v1/text/generate", prompt="Hi.", max_tokens=1).status_code == 200
    assert service.stop() == 0


def test_while_the_encoder_is_down_only_what_needs_it_fails(start):
    service = start(AI_BACKEND="embedded", HUGGINGFACE_RETRY_ATTEMPTS="0")
    until(service.is_ready)
    supervisor = encoder_of(service).parent()
    supervisor.suspend()  # it cannot start another
    encoder_of(service).kill()
    until(lambda: service.get("/health/deep").json()["checks"]["encoder"]["status"] == "unhealthy")
    report = service.get("/health/deep").json()
    assert (report["status"], report["checks"]["embedded"]["status"]) == ("degraded", "healthy")
    response = service.post("/v1/embeddings", input="Hi.")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert service.get("/health/ready").status_code == 200
    assert service.post("/v1/text/generate", prompt="Hi.", max_tokens=1).status_code == 200
    supervisor.resume()
    until(lambda: service.post("/v1/embeddings", input="Hi.").status_code == 200)


def test_a_single_call_waits_for_one_text_of_a_list_at_most(embedded):
    texts = [f"{SENTENCE} {n}" for n in range(300)]
    embed(embedded, SENTENCE)
    session, took, busy = requests.Session(), [], threading.Event()

    def call(number):
        started = time.monotonic()
        response = session.post(f"{embedded.url}/v1/embeddings", json={"input": f"Hi {number}."}, timeout=30)
        took.append(time.monotonic() - started)
        assert response.status_code == 200

    with ThreadPoolExecutor(1) as pool:
        listed = pool.submit(embed, embedded, texts)
        while not listed.done():
            call(len(took))
            busy.set()
    assert len(listed.result()) == len(texts)
    assert len(took) > 20
    assert statistics.median(took) < 0.1


def test_the_memory_of_the_encoder_stays_flat(embedded):
    encoder = encoder_of(embedded)
    embed(embedded, [f"{SENTENCE} {n}" for n in range(100)])
    before = encoder.memory_info().rss
    for part in range(4):
        embed(embedded, [f"{part} {SENTENCE} {n}" for n in range(200)])
    assert encoder.memory_info().rss < before + 8 * 1024**2
