"""Wrong keys that resemble a valid key take as long as others."""

import statistics
import time

import requests
from support.keys import made

KEY, LINE = made()
ROUNDS = 150
WRONG = {
    "other": made()[0],
    "truncated": KEY[:-1],
    "long": KEY + "x",
    "last character": KEY[:-1] + ("A" if KEY[-1] != "A" else "B"),
    "first character": "x" + KEY[1:],
}


def test_a_nearly_valid_key_is_rejected_as_fast_as_any_other(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", API_KEYS=LINE)
    times = {name: [] for name in WRONG}
    with requests.Session() as session:
        for _ in range(ROUNDS):
            for name, key in WRONG.items():
                started = time.perf_counter()
                response = session.post(f"{service.url}/v1/text/generate", headers={"X-API-Key": key}, timeout=10)
                times[name].append(time.perf_counter() - started)
                assert response.status_code == 401
    medians = [statistics.median(seconds) for seconds in times.values()]
    # 1 ms is above the noise of the medians, and too coarse for a timing attack over a network
    assert max(medians) - min(medians) < 0.001
    assert remote.requests == []
