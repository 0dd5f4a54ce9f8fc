"""The command `evaluate` in front of a service whose responses the tests choose."""

import io
import json
import re
from html.parser import HTMLParser

import pytest

from app.calibration import read_calibrations
from app.cli import main
from app.cli.progress import Progress

URL = "http://service.test"
ROUTE = f"{URL}/v1/text/sentiment"
ROWS = [("Good.", "positive"), ("Great.", "positive"), ("Bad.", "negative"), ("So <b>so</b>.", "neutral")]
SCORES = {"positive": 0.8, "negative": 0.15, "neutral": 0.05}


def rated(text):
    """Return a result of sentiment: texts with a B are negative, all others positive."""
    scores = dict(zip(SCORES, (0.05, 0.9, 0.05), strict=True)) if "B" in text else SCORES
    label = max(scores, key=scores.__getitem__)
    return {"sentiment": label, "score": scores[label], "scores": scores, "model": "small"}


@pytest.fixture
def service(upstream):
    """The service: `respond` returns the result or the error of a text, `requests` are the bodies it got."""

    class Service:
        def __init__(self):
            self.requests = []
            self.respond = rated

        def call(self, request):
            body = json.loads(request.body)
            self.requests.append(body)
            results, errors = [], []
            for index, text in enumerate(body["texts"]):
                found = self.respond(text)
                (
                    errors.append({"index": index, "error": found})
                    if "type" in found
                    else results.append({"index": index, "text": text, **found})
                )
            payload = {"results": results, "errors": errors, "usage": {"total_tokens": 5 * len(body["texts"])}}
            return 200, {}, json.dumps(payload)

    service = Service()
    upstream.assert_all_requests_are_fired = False
    upstream.add_callback("POST", ROUTE, lambda request: service.call(request))
    return service


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS))
    return path


@pytest.fixture
def evaluate(file, capsys):
    """Run the command on the file; return its status and what it printed."""

    def run(*arguments, operation="sentiment", path=file):
        status = main(["evaluate", operation, str(path), "--url", URL, *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def texts_sent(service):
    return [text for body in service.requests for text in body["texts"]]


def test_the_figures_of_a_file_are_printed(service, evaluate):
    status, out, err = evaluate()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["accuracy", "0.7500"]
    assert "baseline: accuracy of the majority class  0.5000" in lines
    assert ["positive", "0.6667", "1.0000", "0.8000", "2"] in [line.split() for line in lines]
    assert ["neutral", "0", "0", "1"] in [line.split() for line in lines]
    assert re.search(r"^4 rows; 4 texts in \d+\.\d s: \d+\.\d texts a second\.$", out, re.MULTILINE)
    assert "20 tokens." in lines
    assert "Model: small." in lines
    assert service.requests == [{"texts": [text for text, _ in ROWS]}]


def test_a_second_start_uses_the_results_of_the_first(service, evaluate, file):
    first = evaluate()
    with file.open("a") as more:
        more.write('{"text": "Finer.", "label": "positive"}\n')
    second = evaluate("--json")
    assert texts_sent(service) == [*(text for text, _ in ROWS), "Finer."]
    assert second[0] == first[0] == 0
    assert (json.loads(second[1])["rows"], json.loads(second[1])["figures"]["accuracy"]) == (5, 0.8)


def test_other_options_need_other_results(service, evaluate):
    evaluate()
    evaluate("--model", "other", "--option", "granularity=document", "--option", "aspects=[]")
    assert service.requests[1] == {
        "texts": service.requests[0]["texts"],
        "model": "other",
        "granularity": "document",
        "aspects": [],
    }


def test_an_incomplete_last_line_of_a_killed_run_is_cut_off(service, evaluate, file, tmp_path):
    evaluate()
    results = tmp_path / "rows.jsonl.results.jsonl"
    complete = results.read_bytes()
    cut = complete[: complete.rstrip().rfind(b"\n") + 20]
    results.write_bytes(cut)
    assert evaluate()[0] == 0
    assert texts_sent(service)[4:] == [ROWS[-1][0]]
    assert [json.loads(line)["line"] for line in results.read_text().splitlines()] == [1, 2, 3, 4]


def test_an_interrupt_keeps_the_results_so_far(service, evaluate, monkeypatch):
    calls = []

    def interrupted(text):
        calls.append(text)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rated(text)

    monkeypatch.setattr(service, "respond", interrupted)
    assert evaluate("--texts", 1)[::2] == (1, "Interrupted.\n")
    monkeypatch.setattr(service, "respond", rated)
    assert evaluate("--texts", 1)[0] == 0
    assert texts_sent(service) == ["Good.", "Great.", "Great.", "Bad.", "So <b>so</b>."]


def test_texts_that_are_there_twice_are_sent_once(service, evaluate, file):
    file.write_text(file.read_text() * 2)
    assert json.loads(evaluate("--json")[1])["rows"] == 8
    assert len(texts_sent(service)) == 4


def test_a_text_without_a_result_is_counted_and_fails_the_command(service, evaluate, monkeypatch):
    monkeypatch.setattr(
        service, "respond", lambda text: {"type": "upstream_rejected"} if "Bad" in text else rated(text)
    )
    status, out, _ = evaluate()
    assert status == 1
    assert "1 rows without a result: upstream_rejected." in out
    monkeypatch.setattr(service, "respond", rated)
    assert evaluate()[0] == 0
    assert texts_sent(service)[4:] == ["Bad."]


def test_a_temporary_error_of_a_text_is_tried_again(service, evaluate, monkeypatch):
    failing = ["Bad.", "Bad."]

    def respond(text):
        if text in failing:
            failing.remove(text)
            return {"type": "upstream_timeout", "message": "late"}
        return rated(text)

    monkeypatch.setattr(service, "respond", respond)
    assert evaluate()[0] == 0
    assert texts_sent(service)[4:] == ["Bad.", "Bad."]


def test_a_temporary_error_that_stays_is_an_error(service, evaluate, monkeypatch):
    monkeypatch.setattr(service, "respond", lambda text: {"type": "overloaded"})
    status, out, _ = evaluate("--report", "/dev/null")
    assert status == 1
    assert "4 rows without a result: overloaded." in out
    assert len(texts_sent(service)) == 12


def refuse(status, **error):
    return lambda request: (status, {}, json.dumps(error))


def test_a_call_that_is_refused_for_one_text_is_made_in_halves(service, evaluate, monkeypatch):
    answer = service.call

    def call(request):
        texts = json.loads(request.body)["texts"]
        if "Great." in texts:
            return refuse(400, type="validation_error", message="too long", details={"texts": ["long"]})(request)
        return answer(request)

    monkeypatch.setattr(service, "call", call)
    status, out, _ = evaluate()
    assert status == 1
    assert "1 rows without a result: validation_error." in out
    assert sorted(texts_sent(service)) == ["Bad.", "Good.", "So <b>so</b>."]


def test_a_service_that_refuses_every_text_ends_the_run(service, evaluate, monkeypatch):
    monkeypatch.setattr(
        service, "call", refuse(400, type="validation_error", message="No.", details={"x": ["Unknown."]})
    )
    assert evaluate("--texts", 1) == (1, "", 'validation_error: No. {"x": ["Unknown."]}\n')


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"type": "authentication_error", "message": "Wrong key."}, "authentication_error: Wrong key.\n"),
        (501, {"error": {"type": "not_supported", "message": "No."}}, "not_supported: No.\n"),
        (404, ["x"], f"no_service: {ROUTE} returned 404 and no error of the service\n"),
    ],
)
def test_an_error_of_every_call_ends_the_run_at_once(upstream, evaluate, status, body, message):
    upstream.post(ROUTE, status=status, json=body)
    assert evaluate() == (1, "", message)
    assert len(upstream.calls) == 1


def test_a_response_that_is_no_json_is_no_service(upstream, evaluate):
    upstream.post(ROUTE, body="<html>")
    assert evaluate("--texts", 4)[2] == f"no_service: {ROUTE} returned 200 and no error of the service\n"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({"ok": True}, "/v1/text/sentiment returned another form of response: KeyError('results')"),
        (
            {"results": [{"index": index, "label": "x"} for index in range(4)], "errors": []},
            "a result of sentiment has",
        ),
    ],
)
def test_a_response_of_another_form_is_an_error(upstream, evaluate, response, message):
    upstream.post(ROUTE, json=response)
    status, _, err = evaluate()
    assert (status, err.startswith(message)) == (1, True)


def test_the_command_waits_as_long_as_a_limited_service_asks(upstream, service, evaluate, monkeypatch):
    waited = []
    monkeypatch.setattr("app.evaluation.client.time.sleep", waited.append)
    limited = {"type": "rate_limit_exceeded", "message": "Later."}
    answers = [(429, {"Retry-After": "7"}, limited), (503, {}, limited), None]
    answer = service.call
    monkeypatch.setattr(
        service,
        "call",
        lambda request: (
            (found[0], found[1], json.dumps(found[2])) if (found := answers.pop(0)) is not None else answer(request)
        ),
    )
    assert evaluate()[0] == 0
    assert waited == [7, 4]


def test_a_service_that_does_not_respond_ends_the_run(upstream, evaluate, monkeypatch):
    monkeypatch.setattr("app.evaluation.client.time.sleep", lambda seconds: None)
    status, _, err = evaluate()
    assert status == 1
    assert err.startswith(f"no_response: no response of {URL}: ")


def test_the_key_is_sent_and_the_cache_is_not_used(upstream, service, evaluate):
    evaluate("--key", "secret")
    headers = upstream.calls[0].request.headers
    assert (headers["Authorization"], headers["Cache-Control"]) == ("Bearer secret", "no-store")


def test_an_accuracy_below_the_minimum_fails_the_command(service, evaluate):
    assert evaluate("--min-accuracy", 0.75)[0] == 0
    status, _, err = evaluate("--min-accuracy", 0.76)
    assert (status, err) == (1, "accuracy is 0.7500, and --min-accuracy is 0.76.\n")


def test_columns_and_labels_may_have_other_names(service, evaluate, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("review,stars\nGood.,5\nBad.,1\n")
    arguments = ("--text-column", "review", "--label-column", "stars", "--map", "5=positive", "--map", "1=negative")
    assert json.loads(evaluate(*arguments, "--json", path=path)[1])["figures"]["accuracy"] == 1


@pytest.mark.parametrize("arguments", [["--map", "x"], ["--option", "=x"]])
def test_a_pair_without_a_name_is_wrong_usage(evaluate, arguments):
    with pytest.raises(SystemExit) as ended:
        evaluate(*arguments)
    assert ended.value.code == 2


def test_an_unknown_operation_is_wrong_usage(evaluate, capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate(operation="guess")
    assert ended.value.code == 2
    assert "the operation must be one of sentiment, classify, " in capsys.readouterr().err


def test_a_value_of_an_option_may_be_a_file(service, evaluate, tmp_path):
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    evaluate("--option", f"schema=@{tmp_path}/schema.json")
    assert service.requests[0]["schema"] == {"type": "object"}


def test_the_labels_of_the_file_are_those_to_choose_from(upstream, evaluate, tmp_path):
    def call(request):
        body = json.loads(request.body)
        bodies.append(body)
        scores = {label: 1 / len(body["labels"]) for label in body["labels"]}
        results = [
            {"index": index, "label": body["labels"][0], "score": 0.5, "scores": scores}
            for index in range(len(body["texts"]))
        ]
        return 200, {}, json.dumps({"results": results, "errors": [], "usage": None})

    bodies = []
    upstream.add_callback("POST", f"{URL}/v1/text/classify", call)
    path = tmp_path / "tickets.csv"
    path.write_text("text,label\nPay me.,billing\nIt broke.,bug\n")
    evaluate(operation="classify", path=path)
    evaluate("--labels", "bug, billing", operation="classify", path=path)
    assert [body["labels"] for body in bodies] == [["billing", "bug"], ["bug", "billing"]]


def test_texts_with_other_options_are_sent_in_other_calls(upstream, evaluate, tmp_path):
    def call(request):
        body = json.loads(request.body)
        bodies.append(body)
        results = [{"index": index, "answer": "Paris"} for index in range(len(body["texts"]))]
        return 200, {}, json.dumps({"results": results, "errors": []})

    bodies = []
    upstream.add_callback("POST", f"{URL}/v1/text/answer", call)
    path = tmp_path / "questions.csv"
    path.write_text(
        "question,text,label\nWhere?,Ada is in Paris.,Paris\nWhere?,Bo is here.,\nWho?,Ada is in Paris.,Ada\n"
    )
    status, out, _ = evaluate(operation="answer", path=path)
    assert [(body["question"], len(body["texts"])) for body in bodies] == [("Where?", 2), ("Who?", 1)]
    assert status == 0
    assert "F1                          0.3333" in out


def test_embeddings_compare_queries_with_the_right_documents(upstream, evaluate, tmp_path):
    vectors = {"sun": [1, 0], "Solar panels": [0.9, 0.1], "rain": [0, 1], "Umbrellas": [0.2, 1]}

    def call(request):
        data = [{"index": i, "embedding": vectors[text]} for i, text in enumerate(json.loads(request.body)["input"])]
        return 200, {}, json.dumps({"data": data, "model": "m", "usage": {"total_tokens": 8}})

    upstream.add_callback("POST", f"{URL}/v1/embeddings", call)
    path = tmp_path / "pairs.csv"
    path.write_text("text,label\nsun,Solar panels\nrain,Umbrellas\n")
    status, out, _ = evaluate(operation="embeddings", path=path)
    assert (status, out.splitlines()[0].split()[-1]) == (0, "1.0000")
    assert "2 rows; 4 texts in" in out


def test_similarity_ranks_the_right_documents_of_the_file(upstream, evaluate, tmp_path):
    def call(request):
        bodies.append(json.loads(request.body))
        results = [{"index": 0, "scores": [0.2, 0.7]}, {"index": 1, "scores": [0.1, 0.3]}]
        return 200, {}, json.dumps({"results": results, "errors": []})

    bodies = []
    upstream.add_callback("POST", f"{URL}/v1/text/similarity", call)
    path = tmp_path / "pairs.csv"
    path.write_text("text,label\nsun,Solar panels\nrain,Rain coats\n")
    _, out, _ = evaluate(operation="similarity", path=path)
    assert bodies[0]["candidates"] == ["Rain coats", "Solar panels"]
    assert out.splitlines()[0].split()[-1] == "0.5000"


class Page(HTMLParser):
    """The tags, addresses and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.texts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.texts.append(data)


def test_a_report_is_one_page_with_plots_and_escaped_texts(service, evaluate, tmp_path):
    assert evaluate("--report", tmp_path / "out.html")[0] == 0
    content = (tmp_path / "out.html").read_text()
    page = Page(content)
    assert (page.tags.count("svg"), page.addresses) == (3, [])
    assert "So <b>so</b>." in page.texts
    assert not {"b", "script", "link", "img"} & set(page.tags)
    assert "url(" not in content
    assert "prefers-color-scheme: dark" in content
    assert "@media print" in content


def test_a_report_without_a_wrong_result_has_no_list_of_them(service, evaluate, file, tmp_path):
    file.write_text('{"text": "Good.", "label": "positive"}\n')
    evaluate("--report", tmp_path / "out.html")
    assert "Wrong results" not in Page((tmp_path / "out.html").read_text()).texts


def test_a_report_of_an_operation_without_scores_has_its_figures(upstream, evaluate, tmp_path):
    results = [{"index": 0, "keywords": []}]
    upstream.post(f"{URL}/v1/text/keywords", json={"results": results, "errors": []})
    path = tmp_path / "rows.csv"
    path.write_text(f"text,label\n{'long ' * 200},sun\n")
    evaluate("--report", tmp_path / "out.html", operation="keywords", path=path)
    page = Page((tmp_path / "out.html").read_text())
    assert "svg" not in page.tags
    assert [text for text in page.texts if text.startswith("long")] == [("long " * 200)[:500] + "…"]


def test_a_file_of_many_classes_shows_the_most_frequent_confusions(upstream, evaluate, tmp_path):
    def call(request):
        texts = json.loads(request.body)["texts"]
        results = [{"index": i, "language": text[:2], "confidence": 0.5} for i, text in enumerate(texts)]
        return 200, {}, json.dumps({"results": results, "errors": []})

    upstream.add_callback("POST", f"{URL}/v1/text/language", call)
    path = tmp_path / "rows.csv"
    codes = [f"{a}{b}" for a in "abcdefg" for b in "uvwxyz"]
    path.write_text("text,label\n" + "".join(f"{code} text,{code}\n" for code in codes) + "ab one,au\nab two,au\n")
    _, out, _ = evaluate("--report", tmp_path / "out.html", operation="language", path=path)
    assert ["au", "ab", "2"] in [line.split() for line in out.splitlines()]
    page = Page((tmp_path / "out.html").read_text())
    assert page.tags.count("svg") == 2


@pytest.mark.parametrize("option", ["--report", "--calibrate", "--results"])
def test_a_file_that_cannot_be_written_is_an_error(service, evaluate, file, option):
    file.write_text(calibratable())
    status, _, err = evaluate(option, "/nowhere/file")
    assert status == 1
    assert err.splitlines()[-1].startswith("/nowhere/file")
    assert err.splitlines()[-1].endswith("No such file or directory.")


def test_results_of_another_kind_are_not_touched(service, evaluate, tmp_path):
    (tmp_path / "own.jsonl").write_text('{"text": "x"}\n')
    status, _, err = evaluate("--results", tmp_path / "own.jsonl")
    assert status == 1
    assert err.endswith("own.jsonl, line 1 is no result; move the file away.\n")


def test_two_runs_do_not_write_to_one_file(service, evaluate, monkeypatch):
    errors = []
    monkeypatch.setattr(service, "respond", lambda text: errors.append(evaluate()[2]) or rated(text))
    evaluate()
    assert errors[0].endswith("rows.jsonl.results.jsonl is in use by another run.\n")


def calibratable():
    """Texts of which half of those that are rated negative are neutral."""
    rows = [
        *[("Good.", "positive")] * 30,
        *[("Bad.", "negative")] * 20,
        *[("Bad too.", "neutral")] * 20,
        ("Both.", "mixed"),
    ]
    return "".join(
        json.dumps({"text": f"{number} {text}", "label": label}) + "\n" for number, (text, label) in enumerate(rows)
    )


def test_a_calibration_that_helps_is_written_beside_those_of_others(service, evaluate, file, tmp_path):
    file.write_text(calibratable())
    other = {"operation": "classify", "model": "small", "temperature": 1, "bias": {"a": 0, "b": 0}}
    old = {"operation": "sentiment", "model": "small", "temperature": 9, "bias": dict.fromkeys(SCORES, 0)}
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"version": 1, "calibrations": [other, old]}))
    status, _, err = evaluate("--calibrate", path)
    assert (status, err[:60]) == (0, "small: on held-out texts the calibration error falls from 0.")
    first, second = read_calibrations(str(path))
    assert (first.operation, second.operation) == ("classify", "sentiment")
    scores = second.apply(rated("Bad.")["scores"])
    assert scores["negative"] == pytest.approx(0.5, abs=0.05)
    assert scores["neutral"] == pytest.approx(0.5, abs=0.05)
    assert json.loads(path.read_text())["calibrations"][1]["texts"] == 70


def test_each_model_of_the_results_has_a_calibration_of_its_own(service, evaluate, file, monkeypatch, tmp_path):
    file.write_text(calibratable() + '{"text": "Gut.", "label": "positive"}\n')
    monkeypatch.setattr(service, "respond", lambda text: rated(text) | ({"model": "other"} if "Gut" in text else {}))
    status, _, err = evaluate("--calibrate", tmp_path / "new.json")
    assert status == 0
    assert err.splitlines()[1].startswith("other: 5 texts of each label are needed")
    assert [one.model for one in read_calibrations(str(tmp_path / "new.json"))] == ["small"]


def test_a_calibration_that_does_not_help_leaves_the_file_as_it_is(service, evaluate, file, tmp_path):
    rows = [("Bad.", "negative")] * 18 + [("Bad.", "positive")] + [("Bad.", "neutral")]
    rows += [("Good.", "positive")] * 16 + [("Good.", "negative")] * 3 + [("Good.", "neutral")]
    file.write_text(
        "".join(json.dumps({"text": f"{n} {text}", "label": label}) + "\n" for n, (text, label) in enumerate(rows * 5))
    )
    status, _, err = evaluate("--calibrate", tmp_path / "new.json")
    assert status == 1
    assert err.startswith("small: a calibration does not help on held-out texts: ")
    assert not (tmp_path / "new.json").exists()


def test_a_file_that_holds_no_calibrations_is_not_replaced(service, evaluate, file, tmp_path):
    file.write_text(calibratable())
    (tmp_path / "own.json").write_text("[1]")
    status, _, err = evaluate("--calibrate", tmp_path / "own.json")
    assert (status, (tmp_path / "own.json").read_text()) == (1, "[1]")
    assert "own.json exists and must be a readable file of" in err


@pytest.mark.parametrize(
    ("result", "options", "message"),
    [
        ({"calibrated": True}, [], "the service has changed the scores already"),
        ({}, ["--option", "multi_label=true"], "with multi_label each score stands for itself"),
        ({"model": ""}, [], "the results name no model"),
    ],
)
def test_other_scores_are_not_calibrated(service, evaluate, monkeypatch, tmp_path, result, options, message):
    monkeypatch.setattr(service, "respond", lambda text: rated(text) | result)
    status, _, err = evaluate("--calibrate", tmp_path / "new.json", *options)
    assert status == 1
    assert err.startswith(message)


def test_an_operation_without_scores_is_not_calibrated(upstream, evaluate, tmp_path):
    upstream.post(f"{URL}/v1/text/keywords", json={"results": [{"index": 0, "keywords": []}], "errors": []})
    (tmp_path / "rows.csv").write_text("text,label\nx,y\n")
    found = evaluate("--calibrate", tmp_path / "new.json", operation="keywords", path=tmp_path / "rows.csv")
    assert found[2] == "the results of keywords have no scores to calibrate\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_the_progress_and_the_rest_of_the_time():
    terminal = Terminal()
    with Progress(terminal) as progress:
        for done in (5, 5, 10):
            progress.show(done, 20)
    drawn = terminal.getvalue().split("\r")
    assert drawn[1] == "[#######                       ] 5 of 20 texts\x1b[K"
    assert re.fullmatch(r"\[#{15} {15}\] 10 of 20 texts, \d+ s left\x1b\[K\n", drawn[3])


def test_a_terminal_without_texts_to_do_stays_empty():
    terminal = Terminal()
    with Progress(terminal):
        pass
    assert terminal.getvalue() == ""
