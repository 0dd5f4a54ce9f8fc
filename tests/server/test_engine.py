"""The embedded engine behind the server, both for real."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.servers import reply, until

MODEL = "SmolLM2-135M-Instruct"


def test_generate_returns_text_of_the_model(embedded):
    response = embedded.post("/v1/text/generate", prompt="What is the capital of France?", max_tokens=20, temperature=0)
    body = response.json()
    assert response.status_code == 200
    assert body["model"] == MODEL
    assert len(body["choices"][0]["text"].split()) > 3
    usage = body["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert "estimated" not in usage
    assert 0 < usage["completion_tokens"] <= 20


def test_complete_continues_the_prompt(embedded):
    body = embedded.post("/v1/text/complete", prompt="One, two, three, four,", max_tokens=6, temperature=0).json()
    assert "five" in body["choices"][0]["text"]


def test_the_same_seed_gives_the_same_text(embedded):
    texts = {
        embedded.post("/v1/text/generate", prompt="Tell a story.", max_tokens=12, temperature=1, seed=7).json()[
            "choices"
        ][0]["text"]
        for _ in range(3)
    }
    assert len(texts) == 1


def test_a_stop_sequence_ends_the_text(embedded):
    body = embedded.post(
        "/v1/text/complete", prompt="One, two, three,", max_tokens=20, temperature=0, stop=["six"]
    ).json()
    assert "six" not in body["choices"][0]["text"]
    assert body["choices"][0]["finish_reason"] == "stop"


def test_a_prompt_beyond_the_context_is_rejected_with_both_counts(embedded):
    response = embedded.post("/v1/text/generate", prompt="word " * 3000)
    body = response.json()
    assert (response.status_code, body["type"]) == (400, "upstream_rejected")
    assert "2048" in body["details"]["reason"]


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("A wonderful film, I loved every minute of it.", "positive"),
        ("Broken on arrival and a waste of money.", "negative"),
    ],
)
def test_sentiment_is_recognized(embedded, text, sentiment):
    body = embedded.post("/v1/text/sentiment", text=text).json()
    assert body["sentiment"] == sentiment
    assert body["score"] == body["confidence"] == body["scores"][sentiment] > 0.5
    assert sum(body["scores"].values()) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("text", ["🙂" * 5000, "a" * 20_000, "好" * 20_000, "x\n" * 10_000, "9" * 20_000, "."])
def test_any_text_within_the_limit_gets_a_sentiment_and_a_summary(embedded, text):
    assert embedded.post("/v1/text/sentiment", text=text).status_code == 200
    summary = embedded.post("/v1/text/summarize", text=text, max_length=30)
    assert summary.status_code == 200
    assert summary.json()["summary"]


def test_a_long_text_is_summarized_in_complete_sentences_of_its_own(embedded):
    facts = "".join(
        f"In the year {1800 + year} the lighthouse keeper wrote {year % 7} letters about storms and the harbour. "
        for year in range(1, 220)
    )
    text = ("The lighthouse of the harbour was built of granite. " + facts)[:20_000]
    body = embedded.post("/v1/text/summarize", text=text, max_length=80).json()
    assert body["original_text"] == text
    assert body["summary"].endswith(".")
    assert all(f"{sentence}." in text for sentence in body["summary"].rstrip(".").split(". "))
    assert body["compression"] == round(len(body["summary"]) / len(text), 4) < 0.1


def test_embedded_models_are_validated(embedded):
    assert embedded.get(f"/v1/models/validate?model={MODEL}").json()["valid"] is True
    assert embedded.get("/v1/models/validate?model=gpt2").json()["valid"] is True
    assert embedded.get("/v1/models/validate?model=org/other").json()["valid"] is False


def test_deep_health_includes_the_engine(embedded):
    body = embedded.get("/health/deep").json()
    assert (body["status"], body["checks"]["embedded"]["status"]) == ("healthy", "healthy")
    assert body["checks"]["embedded"]["latency_ms"] > 0


def test_an_engine_killed_under_load_is_back_soon_and_clients_get_503_or_text(start):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    service.post("/v1/text/generate", prompt="Hi.", max_tokens=1)
    killed = service.engine()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(service.post, "/v1/text/generate", prompt=f"Story {n}.", max_tokens=40) for n in range(12)]
        until(lambda: any(call.done() for call in calls))
        killed.kill()
        died = time.monotonic()
        responses = [call.result() for call in calls]
    for response in responses:
        assert response.status_code in (200, 503)
        if response.status_code == 503:
            assert response.json()["type"] in ("model_loading", "circuit_open")
            assert int(response.headers["Retry-After"]) >= 1
    until(lambda: service.post("/v1/text/generate", prompt="Hi.", max_tokens=1).status_code == 200, seconds=20)
    assert service.engine().pid != killed.pid
    assert time.monotonic() - died < 25
    assert service.stop() == 0


def test_while_the_engine_is_down_deep_health_is_unhealthy(start):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    supervisor = service.engine().parent()
    supervisor.suspend()  # it cannot start another
    service.engine().send_signal(signal.SIGKILL)
    until(lambda: service.get("/health/deep").status_code == 503)
    check = service.get("/health/deep").json()["checks"]["embedded"]
    assert (check["status"], check["type"]) == ("unhealthy", "model_loading")
    response = service.post("/v1/text/generate", prompt="Hi.", max_tokens=1)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert service.get("/health").status_code == 200
    supervisor.resume()
    until(lambda: service.post("/v1/text/generate", prompt="Hi.", max_tokens=1).status_code == 200)


def test_the_engine_can_be_the_fallback_of_a_remote_backend(start, remote):
    remote.respond = lambda handler: reply(handler, {}, 402)
    service = start(HUGGINGFACE_API_KEY="hf_x", HUGGINGFACE_BASE_URL=remote.url, FALLBACK_MODELS="embedded")
    until(lambda: service.post("/v1/text/generate", prompt="Hi.", max_tokens=3).status_code == 200)
    assert service.post("/v1/text/generate", prompt="Hi.", max_tokens=3).json()["model"] == MODEL
    engines = [one for one in service.processes() if any("app.embedded" in word for word in one.cmdline())]
    assert len(engines) == 2
    assert not [one for one in engines if "hf_x" in one.environ().values()]
    assert service.stop() == 0


def test_a_supervisor_that_is_killed_is_started_again_with_its_engine(start):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    killed = service.engine()
    killed.parent().kill()
    killed.wait(20)
    until(lambda: service.post("/v1/text/generate", prompt="Hi.", max_tokens=1).status_code == 200)
    assert service.engine().pid != killed.pid
    assert service.stop() == 0


def test_the_engine_does_not_outlive_a_server_that_is_killed(start):
    service = start(AI_BACKEND="embedded")
    until(lambda: service.get("/health/ready").status_code == 200)
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize("streamed", [False, True])
def test_an_unsupported_feature_of_the_engine_is_400_and_does_not_open_the_breaker(embedded, streamed):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    unsupported = [{"tools": [1]}, {"messages": [{"role": "user", "content": [picture]}]}]
    hi = {"messages": [{"role": "user", "content": "Hi."}], "max_tokens": 1}
    for fields in unsupported * 3:
        response = embedded.post("/v1/chat/completions", **{**hi, **fields, "stream": streamed})
        assert (response.status_code, response.json()["error"]["type"]) == (400, "upstream_rejected")
        assert response.headers["X-AI-Attempts"] == "1"
    assert embedded.post("/v1/chat/completions", **hi).status_code == 200
