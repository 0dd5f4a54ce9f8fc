"""Run rounds over all gateways, or one long run that shows whether memory grows."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench import load, machine, measure
from bench.gateway import Gateway
from bench.load import Load
from bench.own import Service
from bench.results import DIRECT
from bench.wire import chat

MEMORY_EARLY = 10_000


def rounds(gateways: Sequence[Gateway], upstream: int, number: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the figures so far after each round.

    Each round begins with another gateway. A gateway that fails is listed in `errors`, and omitted from that round.
    """
    about = {gateway.name: gateway.facts() for gateway in gateways}
    about[DIRECT] = {"version": "", "peer": False, "configured": "The upstream, without a gateway."}
    data: dict[str, Any] = {
        "machine": machine.facts(),
        "settings": {"rounds": number, "seconds": seconds},
        "errors": [],
        "gateways": {name: {**facts, "rounds": []} for name, facts in about.items()},
    }
    for turn in range(number):
        data["gateways"][DIRECT]["rounds"].append(_direct(upstream, seconds))
        first = turn % len(gateways)
        for gateway in [*gateways[first:], *gateways[:first]]:
            try:
                _measure(gateway, data["gateways"][gateway.name]["rounds"], upstream, seconds)
            except measure.ERRORS as error:
                data["errors"].append(f"round {turn + 1}, {gateway.name}: {error}")
        yield data


def _measure(gateway: Gateway, before: list[dict[str, Any]], upstream: int, seconds: float) -> None:
    capacity = before[0]["plain"]["rate"] if before else None
    figures = measure.round_of(gateway, upstream, seconds, capacity)
    before.append(figures)
    print(f"{gateway.name}: {_line(figures)}", flush=True)


def memory(upstream: int, requests: int, seconds: float) -> dict[str, Any]:
    """Return the service's memory at rest, after 10,000 requests and after all of them."""
    service = Service()
    with measure.started(service, upstream, seconds) as (running, _):
        data: dict[str, Any] = {"machine": machine.facts(), "rest_bytes": running.program.memory()}
        done = 0
        for name, until in (("early", MEMORY_EARLY), ("after", requests)):
            while done < until:
                done += running.load("plain", measure.CONNECTIONS)["right"]
            time.sleep(measure.SETTLE_SECONDS)  # for work still in flight
            data |= {f"{name}_requests": done, f"{name}_bytes": running.program.memory()}
    return data


def _direct(upstream: int, seconds: float) -> dict[str, Any]:
    def of(kind: str, connections: int) -> dict[str, Any]:
        request = chat(kind, "/v1/chat/completions", "slow" if kind == "slow" else "plain")
        return load.run(Load(connections, seconds / 2), upstream, request)

    return {
        "single": of("plain", 1),
        "plain": of("plain", measure.CONNECTIONS),
        "slow": of("slow", measure.SLOW_CONNECTIONS),
        "stream": of("stream", measure.STREAMS),
    }


def _line(figures: dict[str, Any]) -> str:
    plain, slow = figures["plain"], figures["slow"]
    return (
        f"{plain['rate']:.0f}/s, {plain['cpu_us'] or 0:.0f} us each; one connection "
        f"{figures['single']['latency'].get('p50', 0) / 1000:.2f} ms; 60 ms upstream {slow['rate']:.0f}/s; "
        f"at rest {figures['rest_bytes'] / 1e6:.0f} MB; started in {figures['start_seconds']:.2f} s"
    )
