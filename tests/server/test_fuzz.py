"""The short form of `make fuzz`: cases made from the document, sent to the running service."""

import subprocess
import sys

from support.servers import ROOT


def test_cases_made_from_the_document_are_answered_as_it_says():
    command = [sys.executable, "benchmarks/fuzz.py", "--phases", "examples,fuzzing", "--max-examples", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(done.stdout.split(" cases in all")[0].split()[-1]) > 40
