"""Our metric classes behave like those of prometheus_client, which they override."""

import errno

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest, multiprocess, values

from app.observability.metrics import labelled_metric
from app.observability.metrics.labelled_metric import counter, gauge, histogram, renamed_counter
from app.observability.metrics.shared_file import ReservedFile


def change_counter(metric):
    metric.inc()
    metric.inc(2.5)


def change_gauge(metric):
    metric.set(7)
    metric.inc()
    metric.inc(0.5)
    metric.dec(3)


def change_histogram(metric):
    for value in (0, 0.1, 0.10001, 1, 5, 1e9):
        metric.observe(value)


@pytest.mark.parametrize(
    ("kind", "change", "options"),
    [
        ("Counter", change_counter, {}),
        ("Gauge", change_gauge, {}),
        ("Histogram", change_histogram, {"buckets": (0.1, 1, 5)}),
    ],
)
@pytest.mark.parametrize("labels", [(), ("route",)])
def test_samples_equal_those_of_the_library(kind, change, options, labels):
    exposed = []
    for module in (prometheus_client, labelled_metric):
        registry = CollectorRegistry()
        metric = getattr(module, kind)("a_metric", "Text.", labels, registry=registry, **options)
        change(metric.labels(*labels) if labels else metric)
        exposed.append(generate_latest(registry).decode())
    ours, theirs = ([line for line in text.splitlines() if "_created" not in line] for text in exposed)
    assert ours == theirs


def test_the_librarys_value_class_is_not_replaced():
    assert values.ValueClass is values.MutexValue


def test_series_are_made_at_first_use_and_have_the_label_service():
    registry = CollectorRegistry()
    requests = counter(registry, "requests_total", "Requests.", "route", "status")
    assert "requests_total{" not in generate_latest(registry).decode()
    requests["/health", 200].inc()
    requests["/health", 200].inc()
    assert (
        registry.get_sample_value("requests_total", {"service": "ai-huggingface", "route": "/health", "status": "200"})
        == 2
    )


def test_a_metric_without_labels_of_its_own_has_one_series():
    registry = CollectorRegistry()
    gauge(registry, "in_flight", "In flight.", workers="livesum")[()].set(3)
    histogram(registry, "seconds", "Seconds.", buckets=(1,))[()].observe(0.5)
    assert registry.get_sample_value("in_flight", {"service": "ai-huggingface"}) == 3
    assert registry.get_sample_value("seconds_bucket", {"service": "ai-huggingface", "le": "1.0"}) == 1


def test_a_renamed_counter_counts_under_both_names():
    registry = CollectorRegistry()
    rejected = renamed_counter(registry, "rejected_total", "refused_total", "Rejected requests.", "status")
    rejected[400,].inc()
    rejected[400,].inc()
    labels = {"service": "ai-huggingface", "status": "400"}
    assert [registry.get_sample_value(name, labels) for name in ("rejected_total", "refused_total")] == [2, 2]
    assert "# HELP refused_total Deprecated: use rejected_total." in generate_latest(registry).decode()


@pytest.fixture
def shared(monkeypatch, tmp_path):
    """Keep values in files, as with several workers."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("prometheus_client.metrics.values.ValueClass", values.MultiProcessValue())
        yield tmp_path


def samples(folder):
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return {sample.labels["a"]: sample.value for metric in registry.collect() for sample in metric.samples}


def test_files_of_several_workers_have_their_blocks_before_they_are_written(shared):
    counted = labelled_metric.counter(CollectorRegistry(), "x_total", "X.", "a")
    for number in range(1000):  # more than the first 64 KiB hold
        counted[str(number),].inc()
    [file] = shared.glob("counter_*.db")
    assert file.stat().st_blocks * 512 >= file.stat().st_size > 64 * 1024
    assert samples(shared) == {str(number): 1.0 for number in range(1000)}


def test_a_full_file_system_costs_series_and_neither_requests_nor_the_process(shared, monkeypatch, caplog):
    counted = labelled_metric.counter(CollectorRegistry(), "x_total", "X.", "a")
    counted["before",].inc()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.observability.metrics.shared_file.os.posix_fallocate", full)
    for number in range(1000):
        counted[str(number),].inc()
    counted["before",].inc()
    found = samples(shared)
    assert found["before"] == 2.0
    assert len(found) < 1000
    assert "a series of x is not counted: No space left on device" in caplog.text


def test_a_shared_file_is_read_without_a_reservation(tmp_path):
    file = tmp_path / "metrics.db"
    ReservedFile(str(file)).close()
    size = file.stat().st_size
    ReservedFile(str(file), read_mode=True).close()
    assert file.stat().st_size == size
