"""Security headers, trusted hosts, CORS origins, and client addresses behind proxies."""

import pytest
from support.lines import request_lines
from support.upstreams import OPENAI

from app.web.security_headers import SECURITY_HEADERS

ORIGIN = "https://app.example.com"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
GENERATE = "/v1/text/generate"


@pytest.mark.parametrize("route", ["/health", "/nowhere", "/v1/models/validate", "/metrics", "/docs", "/openapi.json"])
def test_every_response_has_the_security_headers(client, route):
    headers = client.get(route).headers
    assert set(SECURITY_HEADERS) <= set(headers)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_hsts_is_sent_if_a_trusted_proxy_terminated_tls(make_client):
    forwarded = {"X-Forwarded-Proto": "https"}
    assert "Strict-Transport-Security" not in make_client().get("/health", headers=forwarded).headers
    assert (
        "max-age="
        in make_client(TRUSTED_PROXIES="1").get("/health", headers=forwarded).headers["Strict-Transport-Security"]
    )


def test_a_page_of_another_origin_gets_no_cors_headers(make_client, chat):
    client = make_client()
    response = client.post(GENERATE, json={"prompt": "x"}, headers={"Origin": ORIGIN})
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    assert client.options(GENERATE, headers=PREFLIGHT).headers.get("Access-Control-Allow-Origin") is None
    other = make_client(CORS_ORIGINS="https://other.example.com")
    response = other.post(GENERATE, json={"prompt": "x"}, headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_a_page_of_a_named_origin_may_send_a_key_and_read_every_header(make_client):
    client = make_client({**OPENAI, "API_KEYS": "team:" + "a" * 64}, CORS_ORIGINS=f"https://other.example.com,{ORIGIN}")
    preflight = client.options(GENERATE, headers=PREFLIGHT)
    assert (preflight.status_code, preflight.data) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization, *"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    refused = client.post(GENERATE, json={"prompt": "x"}, headers={"Origin": ORIGIN})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, ORIGIN)
    assert refused.headers["Access-Control-Expose-Headers"] == "*"


@pytest.mark.parametrize(
    ("route", "methods"),
    [(GENERATE, "OPTIONS, POST"), ("/v1/models", "GET, HEAD, OPTIONS"), ("/nowhere", "")],
)
def test_a_preflight_lists_the_methods_of_its_route(make_client, route, methods):
    client = make_client(CORS_ORIGINS=ORIGIN)
    assert client.options(route, headers=PREFLIGHT).headers["Access-Control-Allow-Methods"] == methods


def test_a_preflight_lists_a_method_that_only_this_route_has(make_app):
    app = make_app(CORS_ORIGINS=ORIGIN)
    app.add_url_rule("/v1/things", "things", dict, methods=["DELETE"])
    allowed = app.test_client().options("/v1/things", headers=PREFLIGHT).headers["Access-Control-Allow-Methods"]
    assert allowed == "DELETE, OPTIONS"


def test_pages_may_send_credentials_if_a_setting_says_so(make_client, chat):
    client = make_client(CORS_ORIGINS=ORIGIN, CORS_CREDENTIALS="true")
    preflight = client.options(GENERATE, headers=PREFLIGHT).headers
    assert preflight["Access-Control-Allow-Credentials"] == "true"
    # a wildcard would be the name of a header
    assert preflight["Access-Control-Allow-Headers"] == "x-api-key"
    response = client.post(GENERATE, json={"prompt": "x"}, headers={"Origin": ORIGIN})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    described = {
        name for name, _ in response.headers if name.startswith(("X-AI", "X-Request", "RateLimit", "Server-T"))
    }
    assert described <= exposed
    other = client.post(GENERATE, json={"prompt": "x"}, headers={"Origin": "https://other.example.com"})
    assert "Access-Control-Allow-Credentials" not in other.headers


def test_a_star_allows_every_origin(make_client):
    client = make_client(CORS_ORIGINS="*")
    assert client.get("/health", headers={"Origin": "null"}).headers["Access-Control-Allow-Origin"] == "*"


def test_other_hosts_than_the_trusted_ones_are_refused_except_for_probes(make_client):
    client = make_client(TRUSTED_HOSTS="api.example.com,.example.org")

    def status(host, route="/v1/models/validate"):
        return client.get(route, headers={"Host": host}).get_json()

    for host in ("api.example.com", "API.example.com:8080", "a.example.org"):
        assert "Host" not in status(host)["details"]
    for host in ("10.0.0.1", "evil.com", "api.example.com.evil.com", "", "notexample.org", "a b"):
        error = status(host)
        assert (error["code"], error["details"]) == (400, {"Host": ["This service does not serve that host."]})
    assert status("10.0.0.1:8080", "/health")["status"] == "healthy"


def calls(client, *forwarded):
    """Return the status of one call with each value of X-Forwarded-For."""
    return [
        client.get("/v1/models/validate?model=%20", headers={"X-Forwarded-For": value}).status_code
        for value in forwarded
    ]


def test_the_client_address_comes_from_the_last_trusted_proxy(make_client):
    first, again, other = "6.6.6.6, 192.0.2.1", "7.7.7.7, 192.0.2.1", "192.0.2.2"
    assert calls(limited(make_client, proxies=1), first, again, other) == [400, 429, 400]
    assert calls(limited(make_client, proxies=0), first, again, other) == [400, 429, 429]


def test_with_two_trusted_proxies_the_client_address_comes_from_the_outer_one(make_client):
    client = limited(make_client, proxies=2)
    assert calls(client, "6.6.6.6, 192.0.2.1, 10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.2, 10.0.0.1") == [
        400,
        429,
        400,
    ]


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),  # a subscriber has many
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("203.0.113.1:1111", "203.0.113.1:2222", True),
        ("203.0.113.1:1111", "203.0.113.1", True),
        ("203.0.113.1:1111", "203.0.113.2:1111", False),
        ("203.0.113.1", " 203.0.113.1\t", True),
        ("[2001:db8::1]:443", "2001:db8::2", True),
        ("[2001:db8::1]", '"[2001:db8::2]:4711"', True),
        ("[2001:db8::1]:443", "[2001:db8:0:1::1]:443", False),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1:81", True),
        ("fe80::1%eth0", "[fe80::2%25eth1]:80", True),
        ("203.0.113.1:_obfuscated", "203.0.113.1", True),
        ("nonsense", "\tother nonsense", True),  # then the peer is the client
    ],
)
def test_addresses_of_one_subscriber_share_a_limit(make_client, one, another, same):
    assert calls(limited(make_client, proxies=1), one, another) == [400, 429 if same else 400]


@pytest.mark.parametrize(
    "entry",
    [
        "192.0.2.1\tstatus=200",
        "unknown",
        "_hidden",
        "",
        "[2001:db8::1",
        "203.0.113.1:",
        "203.0.113.256",
        "for=192.0.2.1",
    ],
)
@pytest.mark.parametrize(("proxies", "hops", "client"), [(1, "{}", "192.0.2.77"), (2, "{}, 192.0.2.8:9", "192.0.2.8")])
def test_an_entry_that_is_no_address_makes_the_next_hop_the_client(make_client, caplog, entry, proxies, hops, client):
    caplog.set_level("INFO")
    headers = {"X-Forwarded-For": f"6.6.6.6, {hops.format(entry)}"}
    peer = {"REMOTE_ADDR": "192.0.2.77"}
    limited(make_client, proxies).get("/v1/models/validate?model=%20", headers=headers, environ_base=peer)
    assert [line.client for line in request_lines(caplog)] == [client]


def test_a_request_past_the_outer_proxy_has_the_address_that_the_inner_one_saw(make_client):
    client = limited(make_client, proxies=2)
    assert calls(client, "192.0.2.1", "192.0.2.2") == [400, 400]


def test_a_peer_without_an_address_is_logged_as_unknown(make_client, caplog):
    caplog.set_level("INFO")
    limited(make_client, proxies=1).get("/v1/models/validate?model=%20", environ_base={"REMOTE_ADDR": ""})
    assert [line.client for line in request_lines(caplog)] == ["unknown"]


def limited(make_client, proxies):
    return make_client(RATE_LIMIT="1/hour", TRUSTED_PROXIES=str(proxies))
