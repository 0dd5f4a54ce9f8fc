"""What the app is told of a request."""

from types import SimpleNamespace

import pytest

from app.server.wsgi_environ import environ_of


def environ(path="/v1/text/generate", headers=(), version=(1, 1)):
    request = SimpleNamespace(
        path=path, query="a=b", version=version, body=object(), scheme="http", method="POST", headers=list(headers)
    )
    return environ_of(request, "the connection", ("10.0.0.7", 4711), ("::1", 8000, 0, 0))


def test_it_has_the_two_addresses_and_the_line_of_the_request():
    told = environ()
    assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("10.0.0.7", "4711")
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("::1", "8000")
    assert (told["REQUEST_METHOD"], told["PATH_INFO"], told["QUERY_STRING"]) == ("POST", "/v1/text/generate", "a=b")
    assert (told["SERVER_PROTOCOL"], told["wsgi.url_scheme"]) == ("HTTP/1.1", "http")


@pytest.mark.parametrize(("path", "told"), [("/a%20b", "/a b"), ("/%C3%A4", "/Ã¤"), ("/a+b", "/a+b")])
def test_the_path_is_decoded_into_characters_that_stand_for_bytes(path, told):
    assert environ(path)["PATH_INFO"] == told


def test_headers_have_the_names_of_variables_and_those_of_one_name_are_joined():
    told = environ(
        headers=[("CONTENT-TYPE", "a"), ("CONTENT-LENGTH", "2"), ("X-API-KEY", "b"), ("ACCEPT", "c"), ("ACCEPT", "d")]
    )
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("a", "2")
    assert (told["HTTP_X_API_KEY"], told["HTTP_ACCEPT"]) == ("b", "c,d")
    assert "HTTP_CONTENT_TYPE" not in told
