"""A short form of `make fuzz`: cases generated from the OpenAPI document, sent to the running service."""

import subprocess
import sys

from support.servers import ROOT


def test_responses_to_generated_cases_match_the_document():
    command = [sys.executable, "benchmarks/fuzz.py", "--phases", "examples,fuzzing", "--max-examples", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(done.stdout.split(" cases in all")[0].split()[-1]) > 40
