"""The arguments of `ai-huggingface evaluate`, without the modules that only the command itself needs."""

import argparse
import os
from pathlib import Path

KEY_VARIABLE = "AI_HUGGINGFACE_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("operation", metavar="OPERATION", help="such as sentiment, classify or entities")
    parser.add_argument("file", metavar="FILE", type=Path, help="labelled texts: .csv, .tsv or .jsonl")
    service = parser.add_argument_group("service")
    service.add_argument("--url", help="a running service; without it the command starts one for the run")
    service.add_argument(
        "--key", default=os.environ.get(KEY_VARIABLE), help=f"client key (default: the variable {KEY_VARIABLE})"
    )
    service.add_argument("--model", help="the model of each request")
    service.add_argument("--labels", help="labels to choose from, separated by commas (default: those of the file)")
    service.add_argument(
        "--option", metavar="NAME=VALUE", action="append", default=[], help="a field of each request; JSON or a text"
    )
    service.add_argument("--texts", type=int, default=100, help="texts a request at most (default: %(default)s)")
    columns = parser.add_argument_group("file")
    columns.add_argument("--text-column", default="text", help="column or key of the text (default: %(default)s)")
    columns.add_argument("--label-column", default="label", help="column or key of the label (default: %(default)s)")
    columns.add_argument("--map", metavar="LABEL=NAME", action="append", default=[], help="rename a label of the file")
    columns.add_argument("--results", type=Path, help="file of results, which a second start continues")
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument("--report", metavar="OUT.html", type=Path, help="write a page with plots")
    output.add_argument("--calibrate", metavar="OUT.json", type=Path, help="fit and write the file of CALIBRATION_FILE")
    output.add_argument("--min-accuracy", type=float, default=0.0, help="fail if the first figure is less")
