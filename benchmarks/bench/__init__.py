"""Measures the service beside other gateways, in one run on one machine; docs/performance.md tells how.

PYTHONPATH=benchmarks python -m bench --help
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".bench"
RESULTS = ROOT / "benchmarks" / "results"
# all processes of a gateway run on the one, the load, the upstream and the harness on the other
GATEWAY_CORE, OTHER_CORE = 0, 1
