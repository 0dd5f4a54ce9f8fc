"""A short form of `make fuzz`: cases generated from the OpenAPI document, sent to the running service."""

import subprocess
import sys

import pytest
from support.servers import ROOT

# it takes 40 s alone, and more than twice that beside other tests
SECONDS = 280


@pytest.mark.timeout(300)
def test_responses_to_generated_cases_match_the_document():
    command = [sys.executable, "benchmarks/fuzz.py", "--phases", "examples,fuzzing", "--max-examples", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(done.stdout.split(" cases in all")[0].split()[-1]) > 40
