"""docs/quality.md, which a script writes from measured results."""

import json

from scripts.quality.page import GUIDE, PAGE, RESULTS, example, page
from scripts.quality.sections import SECTIONS

RESULTS_OF_ALL = json.loads(RESULTS.read_text())["sections"]


def test_the_committed_page_is_that_of_the_committed_results():
    assert PAGE.read_text() == page(json.loads(RESULTS.read_text())), "run `python -m scripts.quality --page`"


def test_the_example_of_the_guide_is_the_output_of_the_command():
    assert example(json.loads(RESULTS.read_text())) in GUIDE.read_text()


def test_every_section_is_measured():
    assert list(RESULTS_OF_ALL) == [section.name for section in SECTIONS]


def test_the_results_are_those_of_the_committed_texts():
    counts = {section.name: len(list(section.records())) for section in SECTIONS}
    assert {name: found["rows"] for name, found in RESULTS_OF_ALL.items()} == counts


def test_every_text_has_a_result():
    assert not {name: found["faults"] for name, found in RESULTS_OF_ALL.items() if found["faults"]}
