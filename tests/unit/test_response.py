"""The response class: its shortcut, its late headers, and the steps at the end of a stream."""

import flask
import pytest
from werkzeug.test import create_environ

from app.web.response import EndStep, Response


def sent(response, method):
    chunks, status, headers = response.get_wsgi_response(create_environ(method=method))
    return b"".join(chunks), status, headers


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 503])
@pytest.mark.parametrize("body", [b"{}", "text", None, [b"a", b"b"], [b"a"]])
def test_the_shortcut_sends_the_same_as_flask(method, status, body):
    ours, flasks = Response(body, status), flask.Response(body, status)
    assert sent(ours, method) == sent(flasks, method)


def test_late_headers_follow_the_others():
    for body in (b"x", iter([b"x"])):
        response = Response(body)
        response.late_headers = (("X-Late", "1"),)
        assert sent(response, "POST")[2][-1] == ("X-Late", "1")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_callbacks_of_a_plain_response_run_when_it_is_closed(method):
    called, response = [], Response(b"x")
    response.call_on_close(lambda: called.append(True))
    chunks, *_ = response.get_wsgi_response(create_environ(method=method))
    chunks.close()
    assert called == [True]


def test_the_end_steps_of_a_stream_run_once_in_their_order_when_it_is_closed():
    ran, response = [], Response(iter([b"x"]))
    for step in reversed(EndStep):
        response.run_at_end(step, lambda step=step: ran.append(step))
    assert not ran
    response.close()
    assert ran == list(EndStep)


def test_a_stream_may_have_some_of_the_end_steps_only():
    ran, response = [], Response(iter([b"x"]))
    response.run_at_end(EndStep.WRITE_LOG_LINE, lambda: ran.append("log"))
    response.run_at_end(EndStep.RECORD_METRICS, lambda: ran.append("metrics"))
    response.close()
    assert ran == ["metrics", "log"]


def test_an_end_step_of_a_complete_response_runs_at_once():
    ran = []
    Response(b"x").run_at_end(EndStep.WRITE_LOG_LINE, lambda: ran.append("log"))
    assert ran == ["log"]
