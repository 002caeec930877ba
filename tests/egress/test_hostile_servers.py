"""Servers that answer what no server should: each ends in one error that names the host, and in time."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fakes.byte_server import byte_server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.http_client import HttpError

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = b"a" * 65_536
NO_HTTP = "the answer is not valid HTTP"
ANSWERS = {
    "headers without end": (OK, b"X-A: " + b"a" * 4000 + b"\r\n", NO_HTTP),
    "a header without end": (OK + b"X-A: ", MUCH, NO_HTTP),
    "a status without end": (b"HTTP/1.1 200 ", MUCH, NO_HTTP),
    "one interim answer after the other": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "not done within"),
    "hints without end": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "not done within"),
    "a chunk longer than can be": (CHUNKED + b"F" * 20 + b"\r\n", MUCH, NO_HTTP),
    "a chunk's extension without end": (CHUNKED + b"1;", MUCH, "broke off"),
    "trailers without end": (CHUNKED + b"0\r\n", b"X: " + b"a" * 4000 + b"\r\n", "broke off"),
    "chunks of one byte": (CHUNKED, b"1\r\na\r\n" * 1000, "not done within"),
    "a length below nothing": (OK + b"Content-Length: -5\r\n\r\n", b"", NO_HTTP),
    "two lengths": (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", b"", NO_HTTP),
    "a length beyond all": (OK + b"Content-Length: 99999999999999999999999999\r\n\r\n", MUCH, NO_HTTP),
    "a version that there is not": (b"HTTP/9.9 200 OK\r\n\r\n", b"", NO_HTTP),
    "a nul in a header": (OK + b"X: a\0b\r\n\r\n", b"", NO_HTTP),
    "a body without end": (b"HTTP/1.0 200 OK\r\n\r\n", MUCH, "longer than the 20000000 bytes"),
    "redirects with bodies without end": (b"HTTP/1.1 302 F\r\nLocation: /x\r\n\r\n", MUCH, "more than 5 redirects"),
}


@asynccontextmanager
async def answering(first, repeated=b""):
    """Answer every connection with some bytes, and then with others again and again; give the port."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while repeated:
            writer.write(repeated)
            await writer.drain()

    async with byte_server(serve) as port:
        yield port


def client():
    return EgressClient(
        allow_http=True,
        networks=LOOPBACK,
        max_size=20_000_000,
        idle_timeout=timedelta(seconds=20),
        total_timeout=timedelta(seconds=0.5),
    )


async def read(egress, port):
    async with egress.request("GET", f"http://127.0.0.1:{port}/?sign=secret") as answer:
        async for _ in answer.chunks():
            pass


@pytest.mark.parametrize(("first", "repeated", "reason"), ANSWERS.values(), ids=ANSWERS)
async def test_it_is_one_error_that_names_the_host(first, repeated, reason):
    async with answering(first, repeated) as port, client() as egress:
        # What is slow here, because the machine is, may not be done before it is too long.
        with pytest.raises(HttpError, match=rf"^127\.0\.0\.1: .*({re.escape(reason)}|not done within)") as caught:
            await read(egress, port)
    assert "secret" not in str(caught.value)


PARTS = [
    b"HTTP/1.1 ", b"200 OK", b"302 F", b"100 C", b"\r\n", b"\r\n\r\n", b"\n", b"Location: ", b"http://", b"[", b"%",
    b"\0", b"Content-Length: ", b"5", b"-1", b"Transfer-Encoding: chunked", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\xff",
    b"//", b"Content-Encoding: gzip", b"Connection: close", b"https://10.0.0.1/", b"Upgrade: websocket",
]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=20)), max_size=30).map(b"".join))
async def test_no_answer_whatever_makes_another_error_or_one_that_repeats_the_url(answer):
    async with answering(answer) as port, client() as egress:
        try:
            await read(egress, port)
        except HttpError as error:
            assert "secret" not in str(error)  # noqa: PT017 - only if there is one
