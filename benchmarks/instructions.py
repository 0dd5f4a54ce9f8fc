"""Count the instructions of a request, in units of a bare Flask view: a check independent of the clock.

    python benchmarks/instructions.py [--write]

Callgrind counts the instructions of a worker that serves requests on a real connection. Client keys, limits, metrics
and log lines are on; start and imports are excluded. A bare Flask view is counted too, because interpreters differ. The
script fails if a request takes over TOLERANCE more than benchmarks/instructions.json has for this Python; `--write`
writes that file.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPECTED = ROOT / "benchmarks/instructions.json"
TOLERANCE = 0.05
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
COUNTED = 50
PROMPT = b'{"prompt": "What is a lighthouse?", "temperature": %b}'
KINDS = {
    "bare": b"GET /bare HTTP/1.1\r\nHost: x\r\n\r\n",
    "health": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "generate": PROMPT % b"0.7",
    "cached": PROMPT % b"0",
}
BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"org/small","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"A tower with a light."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}'
)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def serve_upstream(listener: socket.socket) -> None:
    """Serve as the upstream, one connection at a time."""
    while True:
        connection, _ = listener.accept()
        while connection.recv(65536):
            connection.sendall(RESPONSE)


def instructions(port: int) -> dict[str, float]:
    """Return the instructions of one request of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts")
        callgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", "--dump-before=getloadavg"]
        done = subprocess.run(
            [*callgrind, sys.executable, "benchmarks/serving.py", str(port)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        # two dumps for each kind: before its counted requests, and after them
        dumps = [counts.with_name(f"counts.{number + 1}").read_text() for number in range(2 * len(KINDS))]
    totals = [int(re.search(r"^totals: (\d+)", dump, re.MULTILINE)[1]) for dump in dumps[1::2]]
    return {kind: total / COUNTED for kind, total in zip(KINDS, totals, strict=True)}


def measure() -> dict[str, float]:
    """Return the instructions of a request of each kind as multiples of a bare view."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_upstream, args=(listener,), daemon=True).start()
        each = instructions(listener.getsockname()[1])
    for kind, count in each.items():
        print(f"{kind:>9}: {count / 1000:8.0f} thousand instructions a request, {count / each['bare']:5.2f} bare views")
    return {kind: round(count / each["bare"], 3) for kind, count in each.items()}


def main(arguments: list[str]) -> int:
    """Measure, and compare with the expected values; return the exit status."""
    current, every = measure(), json.loads(EXPECTED.read_text())
    if arguments == ["--write"]:
        EXPECTED.write_text(json.dumps({**every, PYTHON: current}, indent=2) + "\n")
        return 0
    if PYTHON not in every:
        print(f"NOT COMPARED: {EXPECTED.name} has no entry for Python {PYTHON}")
        return 0
    expected = every[PYTHON]
    more = {kind: current[kind] / expected[kind] - 1 for kind in KINDS}
    for kind, share in more.items():
        print(f"{kind:>9}: {share:+.1%} against {EXPECTED.name}")
    return int(max(more.values()) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
