"""Measure the service and other gateways in one run on one machine; docs/performance.md describes the method.

PYTHONPATH=benchmarks python -m bench --help
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".bench"
RESULTS = ROOT / "benchmarks" / "results"
# a gateway runs on the first core; load, upstream and harness run on the second
GATEWAY_CORE, OTHER_CORE = 0, 1
