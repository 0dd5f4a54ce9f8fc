"""The decision points of one request, in order."""

import ast
from dataclasses import dataclass
from pathlib import Path

from scripts.architecture.svg import ORANGE, WIDTH, box, path, svg, text

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """One decision point of a request: the symbol that decides, its question, and the ways out of it."""

    name: str
    module: str
    symbol: str
    question: str
    outcomes: tuple[str, ...]


STEPS = (
    Step(
        "endpoint",
        "app/operations/endpoint.py",
        "OperationEndpoint",
        "Is the body valid, and may this client use the model?",
        ("400, 403, 413 or 415", "the stored response of an Idempotency-Key"),
    ),
    Step(
        "quota",
        "app/clients/quotas.py",
        "Quotas",
        "Are enough tokens left? Is a stream slot free?",
        ("429 rate_limit_exceeded",),
    ),
    Step(
        "executor",
        "app/inference/plan_executor.py",
        "PlanExecutor",
        "Which backend and model? Which fallback after an error?",
        ("404 model_not_found", "the first target's error, if no fallback answers"),
    ),
    Step(
        "backend",
        "app/backends/base.py",
        "Backend",
        "Which upstream requests does the operation need?",
        ("501 not_supported",),
    ),
    Step(
        "cached client",
        "app/inference/cached_client.py",
        "CachedClient",
        "Is the response cached, or an equal call in flight?",
        ("a cached or a coalesced response", "504 at the deadline, 499 after a disconnect"),
    ),
    Step(
        "upstream client",
        "app/upstream/client.py",
        "UpstreamClient",
        "Breaker closed? Permit free? Retry or hedge?",
        ("503 circuit_open or 503 overloaded", "the last attempt's error"),
    ),
    Step(
        "pool",
        "app/upstream/transport/connection_pool.py",
        "HTTPPool",
        "Which connection? Is the response complete?",
        ("502 upstream_unavailable", "502 upstream_invalid_response"),
    ),
)


def request() -> str:
    """Return the picture of the seven decision points, from the client's request to the upstream."""
    parts = [text(WIDTH / 4, 26, "request", size=12), text(WIDTH * 0.75, 26, "ways out", size=12)]
    for number, step in enumerate(STEPS):
        check(step.module, step.symbol)
        parts += _step(number, step)
    return svg(40 + 84 * len(STEPS), parts, "The seven decision points of a request")


def check(module: str, symbol: str) -> None:
    """Raise LookupError if the module has no class of that name."""
    tree = ast.parse((ROOT / module).read_text())
    if symbol not in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}:
        raise LookupError(f"{module} has no class {symbol}")


def _step(number: int, step: Step) -> list[str]:
    top = 40 + 84 * number
    middle = top + 32
    parts = [
        box(20, top, 430, 64, ORANGE),
        text(34, top + 20, f"{number + 1}  {step.name}", bold=True, anchor="start"),
        text(436, top + 20, f"{step.symbol} · {step.module.removeprefix('app/')}", size=11, anchor="end"),
        text(34, top + 46, step.question, anchor="start"),
        path(f"M450,{middle} H494"),
        *[
            text(504, middle + 4 + 18 * (line - (len(step.outcomes) - 1) / 2), outcome, size=12, anchor="start")
            for line, outcome in enumerate(step.outcomes)
        ],
    ]
    if number + 1 < len(STEPS):
        parts.append(path(f"M235,{top + 64} V{top + 82}"))
    return parts
