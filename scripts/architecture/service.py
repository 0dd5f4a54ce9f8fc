"""The service from outside: its clients and its backends."""

from scripts.architecture.svg import GREEN, ORANGE, WIDTH, box, path, svg, text


def service() -> str:
    """Return the picture for the README: applications, the service, and its backends."""
    inside = (
        "validation, client keys, rate limits, token quotas",
        "deadline, retries, hedging, circuit breakers, bulkheads",
        "fallbacks, response cache, idempotency keys, streams",
        "logs, metrics, traces",
    )
    sides = {
        20: ("curl, any HTTP client", "OpenAI, LangChain and", "Hugging Face clients"),
        WIDTH - 210: ("embedded engine", "Hugging Face", "OpenAI-compatible server"),
    }
    parts = [box(250, 20, 360, 160, ORANGE), text(430, 46, "ai-huggingface", bold=True, size=16)]
    parts += [text(430, 80 + 24 * number, line, size=12) for number, line in enumerate(inside)]
    for x, lines in sides.items():
        parts.append(box(x, 44, 190, 112, GREEN))
        parts += [text(x + 95, 78 + 26 * number, line) for number, line in enumerate(lines)]
    for x in (210, 610):
        parts.append(path(f"M{x},100 h36"))
    return svg(200, parts, "Applications call ai-huggingface, which calls inference backends")
