"""Runs the standard tests of LangChain against a server, and returns the outcome of each."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from support.servers import ROOT

SUITE = Path(__file__).with_name("langchain_suite.py")
PLUGINS = ("pytest_asyncio.plugin", "pytest_benchmark.plugin", "pytest_recording.plugin")
# LangChain shares a client among its asynchronous models, so all tests need the same event loop
SETTINGS = ("asyncio_mode=auto", "asyncio_default_test_loop_scope=session")
SECONDS = 180
ALL_PASSED, SOME_FAILED = 0, 1


def outcomes(url: str, report: Path, *, model: str, other_model: str, tools: bool) -> dict[str, str]:
    """Return "passed", "skipped" or the error of each test of the suite by its name; write a JUnit report.

    Without `tools` the suite skips its tests of tools.
    """
    plugins = [f"-p{plugin}" for plugin in ("no:cacheprovider", *PLUGINS)]
    settings = [f"-o{setting}" for setting in SETTINGS]
    files = [SUITE, "-c", os.devnull, f"--rootdir={ROOT}", f"--junitxml={report}"]
    names = {
        "SUITE_URL": url,
        "SUITE_MODEL": model,
        "SUITE_OTHER_MODEL": other_model,
        "SUITE_TOOLS": "1" if tools else "",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *settings, *files],
        env={**os.environ, **names, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode in (ALL_PASSED, SOME_FAILED), done.stdout + done.stderr
    return {case.get("name", ""): _outcome(case) for case in ElementTree.parse(report).iter("testcase")}


def _outcome(case: ElementTree.Element) -> str:
    for kind in ("error", "failure"):
        if (found := case.find(kind)) is not None:
            return f"{kind}: {found.get('message', '').partition(chr(10))[0]}"
    return "passed" if case.find("skipped") is None else "skipped"
