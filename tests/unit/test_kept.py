"""What this process keeps of an answer, beside its bytes."""

from functools import partial

from app.backends.base import UpstreamRequest
from app.backends.types import Generation, Usage
from app.cache.response_cache import SHORT_BYTES, CachedBytes
from app.inference.cached_client import parse_cached

TEXT = Generation("a", "stop", usage=Usage(1, 1), model="")


def call(parse):
    return UpstreamRequest("openai", "chat/completions", "http://llm.test/v1/chat/completions", parse)


def test_a_kept_answer_is_read_once_by_each_way_to_read_it():
    reads = []

    def read(answer, prompt):
        reads.append(answer.body)
        return TEXT

    def read_otherwise(answer):
        return {"text": answer.body}

    kept = CachedBytes(b"{}\nbody")
    assert parse_cached(call(partial(read, prompt="x")), kept) is TEXT
    assert parse_cached(call(partial(read, prompt="x")), kept) is TEXT
    assert reads == [b"body"]
    assert parse_cached(call(read_otherwise), kept) == {"text": b"body"}


def test_what_others_could_change_is_read_anew_for_each():
    kept = CachedBytes(b"{}\nbody")
    first, second = (parse_cached(call(lambda answer: {"text": answer.body}), kept) for _ in range(2))
    assert first == second
    assert first is not second


def test_a_way_to_read_within_another_is_another_way():
    def within(parse, answer):
        return parse(answer)

    kept = CachedBytes(b"{}\nbody")
    assert parse_cached(call(partial(within, lambda _: TEXT)), kept) is TEXT
    assert parse_cached(call(partial(within, lambda _: {"text": "a"})), kept) == {"text": "a"}


def test_what_was_read_of_a_long_answer_is_not_kept_since_nobody_counts_it():
    reads = []

    def read(answer):
        reads.append(answer)
        return TEXT

    kept = CachedBytes(b"{}\n" + b"x" * SHORT_BYTES)
    assert [parse_cached(call(read), kept) for _ in range(2)] == [TEXT, TEXT]
    assert len(reads) == 2
