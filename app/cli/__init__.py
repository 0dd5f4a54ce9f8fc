"""The command `ai-huggingface`: serve, make client keys, check the settings, evaluate an operation, fetch a model."""

import argparse
import sys
from collections.abc import Callable

from app.cli.evaluate_arguments import add_arguments as add_evaluate_arguments
from app.config import ConfigError
from app.version import SERVICE, __version__


def main(arguments: list[str] | None = None) -> int:
    """Run the command line's subcommand and return the exit status: 0, or 1 for a fault. Wrong usage exits with 2."""
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except ConfigError as error:
        print(*error.errors, sep="\n", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=SERVICE, description="Text AI behind plain REST. Environment variables are the settings: see the README."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="start the service; SIGTERM or Ctrl-C stops it")
    serve.set_defaults(command=_serve)

    check = commands.add_parser("check", help="check the settings, then call each backend and Redis")
    check.set_defaults(command=_check)

    evaluate = commands.add_parser("evaluate", help="score an operation on labelled texts")
    add_evaluate_arguments(evaluate)
    evaluate.set_defaults(command=_evaluate, parser=evaluate)

    model = commands.add_parser("model", help="download a larger model for the embedded engine; print its path")
    model.add_argument("name", metavar="NAME", help="qwen2.5-coder-0.5b (491 MB) or qwen2.5-coder-1.5b (1,117 MB)")
    model.set_defaults(command=_fetch_model)

    keys = commands.add_parser("keys", help="make client keys").add_subparsers(metavar="COMMAND", required=True)
    create = keys.add_parser("create", help="make a key for a client")
    create.add_argument("name", metavar="NAME", help="the client's name in logs and metrics")
    create.add_argument("attributes", metavar="ATTRIBUTE=VALUE", nargs="*", help="such as operations=generate+chat")
    create.set_defaults(command=_create_key, parser=create)
    return parser


# each imports its modules when it runs: gunicorn's arbiter must not load what its worker patches


def _serve(_given: argparse.Namespace) -> int:
    from app.cli.serve import serve

    serve()


def _check(_given: argparse.Namespace) -> int:
    from app.cli.check import check

    return check()


def _evaluate(given: argparse.Namespace) -> int:
    from app.cli.evaluate import run

    return run(given)


def _fetch_model(given: argparse.Namespace) -> int:
    from app.cli.models import ModelError, fetch

    try:
        print(fetch(given.name))
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _create_key(given: argparse.Namespace) -> int:
    from app.config.client_keys import create_key

    try:
        key, line = create_key(given.name, given.attributes)
    except ValueError as error:
        given.parser.error(f"the name or an attribute is not valid: API_KEYS must be {error}")
    print(f"The key, shown this once:                    {key}")
    print(f"To be put into API_KEYS or API_KEYS_FILE:     {line}")
    return 0
