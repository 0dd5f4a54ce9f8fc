"""A real Prometheus as a process, with the configuration and the rules of monitoring/."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests
import yaml

from support.monitoring import MONITORING, RULES, read
from support.servers import LONG_SECONDS, Service, free_port, until

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")


class Prometheus:
    """Scrapes a service and evaluates the rules each second.

    With `short_windows` every window of the rules is 10 s and every `for` is 2 s, so that alerts fire within a test.
    """

    def __init__(self, folder: Path, service: Service, *, short_windows: bool = False) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        for path in RULES:
            text = path.read_text()
            if short_windows:
                text = re.sub(r"for: \w+", "for: 2s", re.sub(r"\[\w+\]|offset \w+", _shorten, text))
            (folder / path.name).write_text(text)
        config = read(MONITORING / "prometheus.yml")
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [path.name for path in RULES]
        [job] = config["scrape_configs"]
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{service.port}"]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process = subprocess.Popen(
            [
                PROMETHEUS,
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            cwd=folder,
        )
        until(self._is_ready)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(LONG_SECONDS)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the current series of an expression."""
        return self._query("query", query=expression)

    def query_range(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return the series of an expression at each second between two times."""
        return self._query("query_range", query=expression, start=start, end=end, step=1)

    def sums(self, metric: str, *labels: str) -> dict[str, float]:
        """Return the non-zero sums of a metric's series, by the values of these labels joined by spaces."""
        series = self.query(f"sum by ({', '.join(labels)}) ({metric}) != 0")
        return {" ".join(item["metric"][label] for label in labels): float(item["value"][1]) for item in series}

    def firing(self) -> set[str]:
        """Return the names of the firing alerts."""
        return {item["metric"]["alertname"] for item in self.query('ALERTS{alertstate="firing"}')}

    def scraped_at(self) -> float:
        """Return the time of the latest scrape."""
        return max((float(item["value"][1]) for item in self.query("timestamp(up)")), default=0.0)

    def _query(self, endpoint: str, **parameters: Any) -> Any:
        response = requests.post(f"{self.url}/api/v1/{endpoint}", data=parameters, timeout=LONG_SECONDS)
        assert response.status_code == 200, response.text
        return response.json()["data"]["result"]

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=LONG_SECONDS).status_code == 200
        except OSError:
            return False


def _shorten(window: re.Match[str]) -> str:
    return "[10s]" if window[0].startswith("[") else "offset 10s"
