"""The figures of docs/quality.md, measured again on a sample with the real embedded engine."""

import json

import pytest

from scripts.quality.measure import measure
from scripts.quality.page import RESULTS
from scripts.quality.sections import SECTIONS

RESULTS_OF_ALL = json.loads(RESULTS.read_text())["sections"]
SAMPLE = 12
# a sample of a dozen texts differs from the whole file by this much
TOLERANCE = 0.25


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_sample_of_the_texts_has_about_the_figures_of_all(section, embedded):
    committed = RESULTS_OF_ALL[section.name]
    found = measure(section, embedded.url, committed["rows"] // SAMPLE)
    name, value = next(iter(found["figures"].items()))
    assert found["faults"] == {}
    assert value >= committed["figures"][name] - TOLERANCE
