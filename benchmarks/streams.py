"""Measure the delay of events in 200 streams of 20 events a second.

    python benchmarks/streams.py [streams] [seconds]

One worker. Each event contains the time at which the upstream sent it; all processes share the clock. The script prints
the delays of events, the latency of /health, the worker's memory, and its processor time for each event. This time
includes one wake-up for each event.
"""

import asyncio
import json
import math
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import Service, until

EVENTS_A_SECOND = 20
MAX_LATE_SECONDS = 0.25
MAX_MEDIAN_LATE_SECONDS = 0.02
MAX_HEALTH_SECONDS = 0.1
MAX_MEBIBYTES = 150
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = json.dumps({"messages": [{"role": "user", "content": "Hi."}], "stream": True}).encode()
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


def event(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    payload = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "org/small", "choices": [choice]}
    data = b"data: %b\n\n" % json.dumps(payload).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def upstream(port: "multiprocessing.Queue[int]", seconds: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        began = time.monotonic()
        for number in range(round(seconds * EVENTS_A_SECOND)):
            await asyncio.sleep(began + number / EVENTS_A_SECOND - time.monotonic())
            writer.write(event(f"{time.monotonic():.6f} "))
        writer.write(event("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


class Load:
    """The clients, and the events that they received."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.late: list[float] = []
        self.health: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.complete = 0

    async def run(self, streams: int, seconds: float) -> None:
        watch = asyncio.create_task(self.watch_health())
        await asyncio.gather(*(self.listen(seconds * number / streams / 10) for number in range(streams)))
        watch.cancel()

    async def listen(self, delay: float) -> None:
        await asyncio.sleep(delay)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(REQUEST % (len(BODY), BODY))
        status = (await reader.readline()).split()[1].decode()
        self.statuses[status] += 1
        if status != "200":
            writer.close()
            return
        async for line in reader:
            if line.startswith(b"data: {"):
                text = json.loads(line[6:])["choices"][0]["delta"]["content"]
                if text:
                    self.late.append(time.monotonic() - float(text))
            elif line == b"data: [DONE]\n":
                self.complete += 1
                break
        writer.close()

    async def watch_health(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while True:
            sent = time.monotonic()
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            while (await reader.readline()).strip():
                pass
            self.health.append(time.monotonic() - sent)
            await asyncio.sleep(0.05)
            await reader.read(65536)


def main(streams: int, seconds: float) -> int:
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=upstream, args=(port, seconds), daemon=True)
    server.start()
    service = Service(
        OPENAI_BASE_URL=f"http://127.0.0.1:{port.get()}/v1", OPENAI_DEFAULT_MODEL="org/small", LOG_LEVEL="warning"
    )
    until(service.is_ready)
    [worker] = service.processes()[0].children()
    load = Load(service.port)
    before = sum(worker.cpu_times()[:2])
    asyncio.run(load.run(streams, seconds))
    spent = sum(worker.cpu_times()[:2]) - before
    mebibytes = worker.memory_info().rss / 2**20
    service.stop()
    server.kill()
    return report(load, streams, streams * round(seconds * EVENTS_A_SECOND), spent, mebibytes)


def report(load: Load, streams: int, sent: int, spent: float, mebibytes: float) -> int:
    """Print the results; return the exit status, 0 if all limits are met."""
    late = sorted(load.late)
    print(
        f"statuses {dict(load.statuses)}; {load.complete} of {streams} streams complete, "
        f"{len(late)} of {sent} events arrived"
    )
    print(
        f"late: median {statistics.median(late) * 1000:.1f} ms, "
        f"p99 {late[math.ceil(0.99 * len(late)) - 1] * 1000:.1f} ms, latest {late[-1] * 1000:.1f} ms"
    )
    print(f"/health: {len(load.health)} responses, longest {max(load.health) * 1000:.1f} ms")
    print(f"memory at the end: {mebibytes:.1f} MiB; processor time: {spent / len(late) * 1e6:.0f} us an event")
    passed = (
        load.complete == streams
        and len(late) == sent
        and late[-1] < MAX_LATE_SECONDS
        and statistics.median(late) < MAX_MEDIAN_LATE_SECONDS
        and max(load.health) < MAX_HEALTH_SECONDS
        and mebibytes < MAX_MEBIBYTES
    )
    return 0 if passed else 1


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    sys.exit(main(int(given.get(1, 200)), float(given.get(2, 10))))
