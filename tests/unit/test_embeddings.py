"""Token counts of embeddings; tests/functional/test_openai.py covers the vectors."""

import json

import pytest

from app.backends.base import UpstreamResponse
from app.backends.responses.embeddings import parse_openai
from app.backends.types import Usage


def parse(usage):
    payload = {"data": [{"embedding": [1.0]}], **({"usage": usage} if usage is not None else {})}
    response = UpstreamResponse(200, {}, json.dumps(payload).encode())
    return parse_openai(response, count=1, model="org/model", prompt="12345678", encoding="float")


def test_valid_counts_are_returned_unchanged():
    result = parse({"prompt_tokens": 3, "total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}})
    assert result.usage == Usage(3, None)
    assert result.payload["usage"] == {
        "prompt_tokens": 3,
        "total_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": 3}, *({"prompt_tokens": n} for n in ("7", -4, True, 0))])
def test_missing_and_invalid_counts_are_estimated(usage):
    result = parse(usage)
    assert result.usage == Usage(8, None, estimated=True)
    counts = result.payload["usage"]
    assert (counts["prompt_tokens"], counts["total_tokens"], counts["estimated"]) == (8, 8, True)
