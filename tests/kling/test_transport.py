import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.byte_server import byte_server
from fakes.scripted_kling import ScriptedKling, envelope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.transport import Transport

KEY = "sk-live-0123456789"
OK = (200, envelope([]))


@asynccontextmanager
async def transport(url, *, outcomes=None, within=10, max_answer=2**20, rate=1000):
    seen = [] if outcomes is None else outcomes
    async with Transport(
        url,
        ApiKey(key=KEY),
        timeout=timedelta(seconds=within),
        max_requests_per_second=rate,
        max_answer=max_answer,
        on_request=lambda verb, outcome: seen.append((verb, outcome)),
    ) as sending:
        yield sending


@asynccontextmanager
async def raw_server(answer, *, hang=False):
    """Answer every request with these bytes and close, or leave the connection open until the end."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if hang:
            await asyncio.Event().wait()

    async with byte_server(serve) as port:
        yield f"http://127.0.0.1:{port}"


async def refused_url():
    """Return the URL of a port on which nobody listens any more."""
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0) as server:
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def error_of(url, **options):
    outcomes = []
    async with transport(url, outcomes=outcomes, **options) as sending:
        with pytest.raises(KlingError) as caught:
            await sending.request("create", "POST", "/text-to-video/kling-3.0", body=b"{}")
    assert outcomes == [("create", caught.value.kind)]
    assert KEY not in f"{caught.value!r} {caught.value} {caught.value.message}"
    return caught.value


async def test_a_success_is_returned_and_counted():
    outcomes = []
    async with ScriptedKling(answer=[OK]).serve() as kling, transport(kling.url, outcomes=outcomes) as sending:
        assert await sending.request("query", "GET", "/tasks", query={"task_ids": "a,b"}) == OK[1]
    [asked] = kling.asked
    assert (asked.method, asked.path) == ("GET", "/tasks?task_ids=a,b")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert outcomes == [("query", "ok")]


async def test_a_body_of_megabytes_is_sent_as_it_stands():
    body = b'{"image": "' + b"A" * 3 * 2**20 + b'"}'
    async with ScriptedKling(answer=[OK]).serve() as kling, transport(kling.url) as sending:
        await sending.request("create", "POST", "/v1/videos/image2video", body=body)
    [asked] = kling.asked
    assert asked.body == body
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Content-Length"] == str(len(body))


async def test_a_path_below_the_base_url_is_kept():
    async with ScriptedKling(answer=[OK]).serve() as kling, transport(kling.url + "/proxy/") as sending:
        await sending.request("query", "GET", "/tasks")
    assert kling.asked[0].path == "/proxy/tasks"


@pytest.mark.parametrize("path", ["@evil.test/x", "//evil.test/x", "/x?a=1#b", "/ü/%2F"])
async def test_no_path_leaves_the_host_or_brings_a_query(path):
    async with ScriptedKling(answer=[OK]).serve() as kling, transport(kling.url) as sending:
        await sending.request("create", "POST", path, body=b"{}")
    assert "?" not in kling.asked[0].path
    assert "#" not in kling.asked[0].path


async def test_the_service_code_of_an_error_is_read():
    answer = {"code": 1303, "message": "parallel task over resource pack limit", "request_id": "r"}
    async with ScriptedKling(answer=[(429, answer)]).serve() as kling:
        error = await error_of(kling.url)
    assert (error.kind, error.http_status, error.request_id) == (ErrorKind.CONCURRENCY, 429, "r")


async def test_a_key_that_kling_quotes_is_cut_out():
    answer = {"code": 1002, "message": f"invalid token {KEY}", "request_id": "r"}
    async with ScriptedKling(answer=[(401, answer)]).serve() as kling:
        error = await error_of(kling.url)
    assert (error.message, error.code) == ("invalid token [credential]", 1002)


@pytest.mark.parametrize("status", [200, 404, 502])
@pytest.mark.parametrize("body", [b"<html>404</html>", b"", b"[]", b'{"code": 0', b"\xff", b"[" * 100_000, b"{}"])
async def test_html_and_other_oddities_are_unintelligible(status, body):
    async def answer(_):
        return web.Response(status=status, body=body, content_type="text/html")

    async with ScriptedKling(answer=answer).serve() as kling:
        error = await error_of(kling.url)
    assert (error.kind, error.http_status) == (ErrorKind.UNINTELLIGIBLE, status)


async def test_a_redirect_is_not_followed_since_it_would_carry_the_key_elsewhere():
    async def answer(_):
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with ScriptedKling(answer=answer).serve() as kling:
        error = await error_of(kling.url)
    assert error.kind is ErrorKind.UNINTELLIGIBLE
    assert len(kling.asked) == 1


async def test_an_endless_answer_is_cut_off():
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65_536)
        except ConnectionError:
            return response

    async with ScriptedKling(answer=answer).serve() as kling:
        error = await error_of(kling.url, max_answer=2**20)
    assert error.kind is ErrorKind.UNINTELLIGIBLE
    assert "1048576 bytes" in error.message


async def test_a_small_answer_that_inflates_is_counted_inflated():
    async def answer(_):
        response = web.Response(body=b" " * 2**21)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with ScriptedKling(answer=answer).serve() as kling:
        error = await error_of(kling.url, max_answer=2**20)
    assert "1048576 bytes" in error.message


async def test_a_large_answer_is_read_whole():
    data = [{"id": str(number), "status": "processing"} for number in range(20_000)]
    async with (
        ScriptedKling(answer=[(200, envelope(data))]).serve() as kling,
        transport(kling.url, max_answer=2**24) as sending,
    ):
        assert (await sending.request("query", "GET", "/tasks"))["data"] == data


async def test_a_refused_connection_never_sent_anything():
    error = await error_of(await refused_url())
    assert (error.kind, error.http_status, error.code) == (ErrorKind.UNREACHABLE, None, None)
    assert not error.kind.may_have_created


async def test_a_server_that_speaks_no_tls_never_sent_anything():
    async with ScriptedKling(answer=[OK]).serve() as kling:
        error = await error_of(kling.url.replace("http:", "https:"))
    assert error.kind is ErrorKind.UNREACHABLE
    assert kling.asked == []


async def test_a_connection_lost_before_the_answer_leaves_it_open():
    async with raw_server(b"") as url:
        error = await error_of(url)
    assert error.kind is ErrorKind.NO_ANSWER
    assert error.kind.may_have_created


async def test_a_truncated_answer_leaves_it_open():
    async with raw_server(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code": 0') as url:
        error = await error_of(url)
    assert error.kind is ErrorKind.NO_ANSWER


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
async def test_a_slow_answer_is_given_up_in_time(begun):
    async with raw_server(begun, hang=True) as url:
        error = await error_of(url, within=0.2)
    assert error.kind is ErrorKind.NO_ANSWER
    assert "no answer within 0.2 s" in error.message


async def test_a_base_url_that_is_none_is_unreachable():
    for url in ("http://", "nonsense", "ftp://127.0.0.1"):
        assert (await error_of(url)).kind is ErrorKind.UNREACHABLE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda junk: b"HTTP/1.1 200 OK\r\n" + junk + b"\r\n\r\n{}"),
        st.binary(max_size=60).map(lambda junk: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + junk),
        st.binary(max_size=60).map(lambda junk: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + junk),
    )
)
def test_no_bytes_on_the_wire_lead_to_another_error(answer):
    async def ask():
        async with raw_server(answer) as url:
            return await error_of(url, within=5)

    assert asyncio.run(ask()).kind.may_have_created


async def test_cancelling_a_request_cancels_it():
    async with raw_server(b"", hang=True) as url, transport(url) as sending:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sending.request("query", "GET", "/tasks")


async def test_the_rate_is_kept():
    loop = asyncio.get_running_loop()
    async with ScriptedKling(answer=[OK]).serve() as kling, transport(kling.url, rate=20) as sending:
        started = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(sending.request("query", "GET", "/tasks"), name=f"request {number}")
        # Twenty may go at once, the other ten follow at twenty a second.
        assert loop.time() - started >= 0.45
