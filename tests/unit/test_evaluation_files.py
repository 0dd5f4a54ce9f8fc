"""Files of labelled texts in the forms that spreadsheets and programs write, and files that are broken."""

import json

import pytest

from app.evaluation.gold import spans_of
from app.evaluation.rows import Columns, InvalidFile, read_rows
from app.evaluation.spans import Span
from app.evaluation.tasks import TASKS

COLUMNS = Columns("text", "label", ("language",))


@pytest.fixture
def read(tmp_path):
    """Return the texts, labels and lines of a file with this content."""

    def read_one(content, name="rows.csv", columns=COLUMNS, operation="classify"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [(row.text, row.right, row.line) for row in read_rows(path, columns, TASKS[operation].parse)]

    return read_one


@pytest.fixture
def error(read):
    """Return the error of a file, without the folder."""

    def error_of(*arguments, **more):
        with pytest.raises(InvalidFile) as raised:
            read(*arguments, **more)
        return [line.rpartition("/")[2] for line in str(raised.value).splitlines()]

    return error_of


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_shows_the_delimiter(read, delimiter):
    content = 'id,text,label\n1,Fine.,a\n\n2,"Two\nlines, one ""text""",b\n'.replace(",", delimiter)
    assert read(content) == [("Fine.", "a", 2), (f'Two\nlines{delimiter} one "text"', "b", 5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_of_spreadsheets_are_understood(read, encoding):
    assert read("text,label\r\nEin schöner Tag,gut\r\n".encode(encoding)) == [("Ein schöner Tag", "gut", 2)]


def test_a_tsv_has_no_quotes(read):
    assert read('# source\nlabel\ttext\na\t"Fine", he said\n', "rows.TSV") == [('"Fine", he said', "a", 3)]


def test_json_lines_have_keys(read):
    content = '{"header": "source"}\n{"text": "Fine.\u2028", "label": 5, "more": 1}\n\n{"text": "x", "label": "b"}\n'
    assert read(content, "rows.jsonl") == [("Fine.\u2028", "5", 2), ("x", "b", 4)]


def test_other_columns_of_the_operation_are_options(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label,language,other\nFine.,a,en,1\nGut.,a,,1\n")
    rows = read_rows(path, COLUMNS, TASKS["classify"].parse)
    assert [row.options for row in rows] == [{"language": "en"}, {}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the column text"),
        ("texts,label\nx,a\n", "rows.csv, line 1: the column text is missing; the columns are texts, label. "),
        ("text,label,text\nx,a,y\n", "rows.csv, line 1: the column text is there twice"),
        ("text,label\nx,a\ny\n", "rows.csv, line 3: 1 cells, and the header has 2 columns."),
        ("text,label\nx,a\ny,b,c\n", "rows.csv, line 3: 3 cells, and the header has 2 columns."),
        ('text,label\nx,a\n"open,b\n', "rows.csv, line 4: unexpected end of data."),
        ('text,label\nx,a\n"a"b,c\n', "rows.csv, line 3: ',' expected after '\"'."),
        ("text,label\n ,a\n", "rows.csv, line 2: text must be a text that is not empty."),
        ("text,label\nx, \n", "rows.csv, line 2: the label is empty."),
        ("text,label\n", "rows.csv has no rows."),
        (b"text,label\nx,a\n\xff,b\n", "rows.csv, line 3: the file must be in UTF-8."),
    ],
)
def test_an_error_of_a_table_names_its_line(error, content, message):
    if content == "":
        assert error(content) == ["rows.csv has no rows."]
    else:
        assert error(content)[0].startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "x", "label": "a"}\n{"text"\n', "line 2: each line must be a JSON object."),
        ('["x"]\n', "line 1: each line must be a JSON object."),
        ("[" * 100_000 + "\n", "line 1: each line must be a JSON object."),
        ('{"label": "a", "body": "x"}\n', "line 1: the key text is missing; the keys are label, body."),
        ('{"text": 5, "label": "a"}\n', "line 1: text must be a text that is not empty."),
        ('{"text": "x", "label": ["a"]}\n', "line 1: the label must be a text."),
        ('{"text": "x", "label": true}\n', "line 1: the label must be a text."),
    ],
)
def test_an_error_of_json_lines_names_its_line(error, content, message):
    assert error(content, "rows.jsonl") == [f"rows.jsonl, {message}"]


def test_the_first_errors_of_a_file_are_shown_together(error):
    content = "text,label\n" + "x,\n" * 9
    assert error(content) == [f"rows.csv, line {number}: the label is empty." for number in range(2, 7)]


def test_labels_of_sentiment_are_known(read, error):
    assert read("text,label\nx,Positive\n", operation="sentiment") == [("x", "positive", 2)]
    assert error("text,label\nx,good\n", operation="sentiment") == [
        "rows.csv, line 2: the label good is none of mixed, negative, neutral, positive; --map renames labels."
    ]


def test_an_empty_label_of_language_means_that_there_is_none(read):
    assert read("text,label\n123,\n", operation="language") == [("123", "none", 2)]


def test_a_file_needs_a_known_extension(error):
    assert error("text,label\nx,a\n", "rows.xlsx") == ["rows.xlsx must end in .csv, .tsv or .jsonl."]


def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(InvalidFile, match=r"none\.csv cannot be read: No such file or directory\."):
        read_rows(tmp_path / "none.csv", COLUMNS, TASKS["classify"].parse)


def test_a_long_cell_is_read(read):
    [(text, _, _)] = read(f"text,label\n{'x' * 200_000},a\n")
    assert len(text) == 200_000


TEXT = "Ada met Ada in Paris."


@pytest.mark.parametrize(
    "cell",
    [
        [{"type": "Person", "start": 0, "end": 3}, {"type": "person", "start": 8, "end": 11, "text": "Ada"}],
        [{"type": "person", "text": "Ada"}, {"type": "person", "text": "Ada"}],
        '[{"type": "person", "text": "Ada"}, {"type": "person", "start": 8, "end": 11}]',
        [["person", 0, 3], ["person", 8, 11]],
    ],
)
def test_spans_have_offsets_or_texts(cell):
    assert spans_of(TEXT, cell) == [Span(0, 3, "person"), Span(8, 11, "person")]


@pytest.mark.parametrize("cell", ["", None, [], "[]"])
def test_a_text_may_have_no_spans(cell):
    assert spans_of(TEXT, cell) == []


@pytest.mark.parametrize(
    ("operation", "cell", "message"),
    [
        ("entities", "person", "the label must be JSON"),
        ("entities", "[" * 100_000, "the label must be JSON"),
        ("entities", {"type": "person"}, "the label must be a list"),
        ("entities", ["Ada"], "a span must be an object with a type"),
        ("entities", [{"type": "person"}], "a span needs its text, or start and end"),
        ("entities", [{"type": "person", "text": "Bo"}], "the text does not contain 'Bo' 1 times"),
        ("entities", [{"type": "person", "text": "Ada"}] * 3, "the text does not contain 'Ada' 3 times"),
        ("entities", [{"type": "person", "start": 0, "end": 99}], "the span 0 to 99 is outside of the text"),
        ("entities", [{"type": "person", "start": 0, "end": 3, "text": "Bo"}], "the text from 0 to 3 is 'Ada' and not"),
        ("answer", 5, "the answer must be a text or null"),
        ("translate", " ", "the label must be a text that is not empty"),
        ("keywords", [1], "the label must be a list of texts"),
        ("keywords", " ; ", "the label is empty"),
        ("extract", "{", "the label must be JSON"),
    ],
)
def test_a_wrong_label_is_explained(operation, cell, message):
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        TASKS[operation].parse(TEXT, cell)


@pytest.mark.parametrize(
    ("operation", "cell", "right"),
    [
        ("answer", " Paris ", "Paris"),
        ("answer", "", None),
        ("answer", " ", None),
        ("answer", None, None),
        ("translate", " Paris ", "Paris"),
        ("keywords", "solar; cost ;", ["solar", "cost"]),
        ("keywords", '["a;b", "c"]', ["a;b", "c"]),
        ("summarize", ["May"], ["May"]),
        ("extract", json.dumps({"a": 1}), {"a": 1}),
        ("extract", {"a": 1}, {"a": 1}),
    ],
)
def test_labels_have_the_form_of_their_operation(operation, cell, right):
    assert TASKS[operation].parse(TEXT, cell) == right
