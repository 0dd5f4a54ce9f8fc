"""Runs the gateway that TensorZero's wheel carries, on a port that it chooses and prints: its own code, no other."""

import signal
import sys

from tensorzero import _start_http_gateway

gateway = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print(gateway.base_url, flush=True)
signal.pause()
