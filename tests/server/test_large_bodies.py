"""Large and hostile bodies: the memory of a worker is bounded, and returned."""

from pathlib import Path

import pytest
import requests

JSON = {"Content-Type": "application/json"}
MIB = 1024  # of the kernel's kB
# the raw body of 15 MiB twice while it is read, and up to 30 MiB of values
MAX_PEAK = 80 * MIB
MAX_RETAINED = 15 * MIB


def memory(pid, field):
    """Return a figure of /proc/PID/status in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("chat/completions", b'{"messages":[' + b"1," * 8_000_000 + b"1]}"),
        ("chat/completions", b'{"messages":[' + b"{}," * 99_000 + b"{}]}"),
        ("completions", b'{"prompt":[' + b"[1]," * 4_000_000 + b"[1]]}"),
        ("chat/completions", b"{" + b",".join(b'"k%d":1' % number for number in range(95_000)) + b"}"),
        ("embeddings", b'{"input":[' + b'"",' * 2_000_000 + b'""]}'),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_body_of_many_values_takes_little_memory(service, route, body):
    service.post("/v1/chat/completions", messages=[{"role": "user", "content": "Hi."}])
    worker = next(one.pid for one in service.processes() if one.pid != service.process.pid)
    before = memory(worker, "VmRSS")
    for _ in range(8):
        response = requests.post(f"{service.url}/v1/{route}", data=body, headers=JSON, timeout=60)
        assert response.status_code == 400
        assert len(response.content) < 20_000
    assert memory(worker, "VmHWM") - before < MAX_PEAK
    assert memory(worker, "VmRSS") - before < MAX_RETAINED
