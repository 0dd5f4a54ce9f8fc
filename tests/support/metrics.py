"""Reads samples of /metrics."""

from prometheus_client.parser import text_string_to_metric_families


def total(client, name, /, **labels):
    """Return the sum of the samples with this name and these labels, or None without such a sample."""
    values = [
        sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == name and sample.labels.items() >= labels.items()
    ]
    return sum(values) if values else None
