"""Who reaches the local API from a browser: nobody but a page of its own."""

import json

import pytest
from fakes.local_api import TOKEN, local_api
from fakes.raw_http import exchange, written
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.api.own_names import Authority, OwnNames, is_same_origin
from kling_daemon.config import TcpAddress, UnixAddress

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SUBMIT = json.dumps({"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "a cat"}}).encode()


@pytest.fixture
async def api(tmp_path):
    async with local_api(tmp_path, hosts=["kling.example.com"]) as running:
        yield running


async def ask(api, host, *, method="GET", target="/api/v1/jobs", body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await exchange(api.target.url, written(method, target, {"Host": host, **BEARER, **named}, body))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9999",
        "LocalHost:1",
        "localhost.",
        "localhost:",
        "api.localhost:8766",
        "127.0.0.1",
        "127.0.0.1:8766",
        "127.3.2.1",
        "[::1]:8766",
        "[0:0:0:0:0:0:0:1]",
        "192.0.2.7:8766",
        "kling.example.com",
        "KLING.example.com.:443",
    ],
)
async def test_the_daemons_own_names_are_answered_whatever_the_port(api, host):
    assert (await ask(api, host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:8766",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "notlocalhost",
        "xn--localhost-",
        "sub.kling.example.com",
        "0x7f.1",
        "2130706433",
        "127.1",
        ".localhost.evil",
    ],
)
@pytest.mark.parametrize("target", ["/api/v1/jobs", "/metrics", "/readyz", "/docs", "/api/v1/openapi.json", "/nothing"])
async def test_a_name_that_was_made_to_lead_here_is_told_nothing(api, host, target):
    answer = await ask(api, host, target=target)
    assert answer.status == 421
    assert set(answer.problem) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "localhost:x", "localhost:999999", "[localhost]", "[::1", "::1", "u@localhost", "ä", "a/b"]
)
async def test_what_is_no_host_is_a_bad_request(api, host):
    assert (await ask(api, host)).status == 400


async def test_a_request_without_a_host_is_taken_of_what_is_older_than_the_header(api):
    assert (await exchange(api.target.url, b"GET /readyz HTTP/1.0\r\n\r\n")).status == 200
    assert (await exchange(api.target.url, b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n")).status == 400
    old_page = b"GET /readyz HTTP/1.0\r\nOrigin: http://attacker.example\r\n\r\n"
    assert (await exchange(api.target.url, old_page)).status == 403


async def test_two_hosts_are_a_bad_request(api):
    raw = b"GET /readyz HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nHost: localhost\r\n\r\n"
    assert (await exchange(api.target.url, raw)).status == 400


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost:8766/readyz", "localhost:8766", 200),
        ("http://LOCALHOST:8766/readyz", "localhost:8766", 200),
        ("http://localhost/readyz", "127.0.0.1", 400),
        ("http://attacker.example/readyz", "localhost", 400),
        ("http://localhost/readyz", "attacker.example", 400),
        ("http://attacker.example/readyz", "attacker.example", 421),
        ("//attacker.example/readyz", "localhost", 404),
        ("http://u:p@localhost/readyz", "localhost", 400),
    ],
)
async def test_a_host_in_the_request_line_must_be_the_same(api, target, host, status):
    assert (await ask(api, host, target=target)).status == status


@pytest.mark.parametrize(
    "origin",
    [
        "http://attacker.example",
        "https://attacker.example",
        "null",
        "",
        "file://",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "http://localhost:8766",
        "https://127.0.0.1",
        "http://127.0.0.1:8766/",
        "http://127.0.0.1:8766.attacker.example",
        "http://127.0.0.1:8766@attacker.example",
        "chrome-extension://abc",
        "http://kling.example.com:8766",
    ],
)
@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/api/v1/jobs", {}),
        ("GET", "/metrics", {}),
        ("GET", "/api/v1/events", {"Accept": "text/event-stream"}),
        ("GET", "/api/v1/jobs/nobody/wait", {}),
        ("POST", "/api/v1/jobs", {"Content-Type": "application/json"}),
        ("OPTIONS", "/api/v1/jobs", {"Access-Control-Request-Method": "POST"}),
    ],
)
async def test_a_foreign_page_is_refused_whatever_it_asks_for(api, origin, method, target, headers):
    body = SUBMIT if method == "POST" else b""
    request = {"Host": "127.0.0.1:8766", "Origin": origin, **BEARER, **headers}
    answer = await exchange(api.target.url, written(method, target, request, body))
    assert answer.status == 403
    assert b"access-control" not in answer.head.lower()
    assert "web page" in answer.problem["detail"]
    assert await api.store.read.job_counts() == {}


async def test_two_origins_are_refused(api):
    raw = b"GET /readyz HTTP/1.1\r\nConnection: close\r\nHost: a.localhost\r\n" + b"Origin: http://a.localhost\r\n" * 2
    assert (await exchange(api.target.url, raw + b"\r\n")).status in {400, 403}


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8766", "127.0.0.1:8766"),
        ("http://localhost:9999", "localhost:9999"),
        ("http://[::1]:8766", "[::1]:8766"),
        ("http://localhost", "localhost"),
        ("https://kling.example.com", "kling.example.com"),
        ("https://kling.example.com", "kling.example.com:443"),
    ],
)
async def test_a_page_of_the_daemons_own_may_ask(api, origin, host):
    assert (await ask(api, host, Origin=origin)).status == 200


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"endpoint=%2Ftext-to-video%2Fkling-3.0&body=x"),
        ("text/plain", SUBMIT[:-1] + b', "x": "="}'),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'),
        ("", SUBMIT),
    ],
)
async def test_a_form_on_a_web_page_changes_nothing(api, media_type, body):
    """Even with a token, and without the header that tells where the form stands."""
    answer = await ask(api, "127.0.0.1:8766", method="POST", body=body, Content_Type=media_type)
    assert answer.status == 415
    assert await api.store.read.job_counts() == {}


async def test_over_a_unix_socket_any_name_will_do_unless_some_are_configured(tmp_path):
    address = UnixAddress(path=tmp_path / "api.sock")
    async with local_api(tmp_path, address=address) as api:
        assert (await ask(api, "whatever.example")).status == 200
        assert (await ask(api, "whatever.example", Origin="http://attacker.example")).status == 403
    async with local_api(tmp_path, address=address, hosts=["kling.example.com"]) as api:
        assert (await ask(api, "kling.example.com")).status == 200
        assert (await ask(api, "attacker.example")).status == 421


def test_the_address_that_is_listened_on_is_a_name():
    names = OwnNames(TcpAddress(host="Box.lan", port=8766))
    assert names.have("box.lan")
    assert not names.have("lan")


@given(st.text(max_size=40))
def test_whatever_stands_in_the_headers_is_read_without_an_error(text):
    for authority in filter(None, [Authority.parse(text), Authority(host="127.0.0.1", port=None)]):
        assert OwnNames(TcpAddress(host="127.0.0.1", port=1)).have(authority.host) in {True, False}
        assert is_same_origin(text, authority) in {True, False}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("OPTIONS", "*", 404),
        ("OPTIONS", "/api/v1/jobs", 405),
        ("TRACE", "/api/v1/jobs", 405),
        ("CONNECT", "127.0.0.1:8766", 404),
        ("CONNECT", "attacker.example:443", 400),
        ("BREW", "/api/v1/jobs", 400),
        ("GET", "*", 400),
    ],
)
async def test_unusual_methods_are_answered_with_a_problem_of_ours(api, method, target, status):
    answer = await ask(api, "127.0.0.1:8766", method=method, target=target)
    assert (answer.status, answer.problem["status"]) == (status, status)
    assert TOKEN.encode() not in answer.head + answer.body


async def test_head_tells_what_get_would_without_its_body(api):
    answer = await ask(api, "127.0.0.1:8766", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert (await ask(api, "attacker.example", method="HEAD")).status == 421
