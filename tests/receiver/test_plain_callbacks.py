"""The short way must answer as the application does, and take nothing that could mean something else to it."""

import asyncio

import pytest
from aiohttp import web
from fakes.dispatching import PATIENCE
from fakes.running_daemon import PATH, running_daemon, signature, trusting
from hypothesis import given
from hypothesis import strategies as st
from recorded.kling_bodies import raw

from kling_daemon.receiver import PlainCallbacks
from kling_daemon.tracking import Answer

BODY = raw("new_callback_succeeded_video")
JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
PLAIN = {"Content-Type": "application/json"}
UNUSUAL = {"Content-Type": "application/json; charset=utf-8"}
"""The same media type to the application, and not plain."""


class Taken:
    """An inbox that remembers what it was given."""

    def __init__(self, answer=None):
        self.calls = []
        self._answer = answer

    async def take(self, headers, body, path):
        self.calls.append((headers, body, path))
        if self._answer is None:
            raise RuntimeError("a mistake of our own")
        return self._answer


def plain_callbacks(inbox=None, **changes):
    return PlainCallbacks(inbox or Taken(), **{"path": PATH, "max_body": 1000, **changes})


async def say_nothing(_request):
    raise AssertionError("nothing is served here")


async def parse(request):
    """Return the head of a request as aiohttp's parser understands it."""
    connection = web.Server(say_nothing)()
    ((message, _),) = connection._parser.feed_data(request.removesuffix(b"{}"))[0]
    return message


def request(line="POST /webhooks/kling HTTP/1.1", **headers):
    given = {"Host": "x", "Content-Type": "application/json", "Content-Length": "2"}
    for name, value in headers.items():
        given[name.replace("_", "-")] = value
    lines = [line, *(f"{name}: {value}" for name, value in given.items() if value is not None)]
    return "\r\n".join([*lines, "", "{}"]).encode()


@pytest.mark.parametrize(
    "plain",
    [
        request(),
        request(f"POST /webhooks/kling/{JOB_ID}.AbC_-9 HTTP/1.1"),
        request(Content_Length="1000"),
        request(Connection="keep-alive"),
        request(User_Agent="anything", Accept="*/*"),
    ],
)
async def test_what_kling_sends_is_plain(plain):
    assert plain_callbacks().takes(await parse(plain))


@pytest.mark.parametrize(
    "unusual",
    [
        request("PUT /webhooks/kling HTTP/1.1"),
        request("POST /webhooks/kling HTTP/1.0"),
        request("POST /webhooks/kling/ HTTP/1.1"),
        request("POST /webhooks/kling?a=b HTTP/1.1"),
        request("POST /webhooks/klingon HTTP/1.1"),
        request("POST /webhooks/kling.a HTTP/1.1"),
        request("POST /webhooks/kling/%2e%2e/x.y HTTP/1.1"),
        request("POST /webhooks/kling/../x.y HTTP/1.1"),
        request(f"POST /webhooks/kling/{JOB_ID}.a/b HTTP/1.1"),
        request(f"POST /webhooks/kling/{JOB_ID}.a%41 HTTP/1.1"),
        request("POST http://x/webhooks/kling HTTP/1.1"),
        request("POST /healthz HTTP/1.1"),
        request(Content_Type=None),
        request(Content_Type="application/json; charset=utf-8"),
        request(Content_Type="text/plain"),
        request(Content_Length=None),
        request(Content_Length="0"),
        request(Content_Length="1001"),
        request(Content_Length=None, Transfer_Encoding="chunked"),
        request(Content_Encoding="gzip"),
        request(Content_Encoding="identity"),
        request(Expect="100-continue"),
        request(Connection="close"),
        request(Connection="upgrade", Upgrade="websocket"),
    ],
)
async def test_whatever_else_comes_is_left_to_the_application(unusual):
    assert not plain_callbacks().takes(await parse(unusual))


@given(path=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40))
async def test_a_path_that_is_taken_means_the_same_to_the_application(path):
    try:
        message = await parse(request(f"POST {PATH}{path} HTTP/1.1"))
    except Exception:  # noqa: BLE001 - whatever aiohttp's parser refuses never comes here
        return
    if plain_callbacks().takes(message):
        assert message.url.path == message.path == f"{PATH}{path}"
        assert message.url.query_string == message.url.fragment == ""


async def test_a_mistake_of_our_own_is_answered_503_and_come_again():
    answer = await plain_callbacks(Taken()).answer(await parse(request()), b"{}")
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 30\r\n" in answer


async def test_the_inbox_is_given_the_headers_and_the_body_as_they_came():
    inbox = Taken(Answer(status=200))
    message = await parse(request(wEbHook_Id="m\xe4"))
    await plain_callbacks(inbox).answer(message, b"{ }")
    ((headers, body, path),) = inbox.calls
    assert (b"wEbHook-Id", "m\xe4".encode()) in headers
    assert (body, path) == (b"{ }", PATH)


@pytest.mark.parametrize(
    ("path", "body", "signed", "status"),
    [
        (PATH, BODY, True, 200),
        (PATH, BODY, False, 202),
        (PATH, b"{", True, 400),
        (PATH, b'{"id": "t"}', False, 400),
        (f"{PATH}/{JOB_ID}.wrong", BODY, False, 401),
        ("capability", BODY, False, 200),
    ],
)
async def test_both_ways_answer_alike(tmp_path, path, body, signed, status):
    async with running_daemon(tmp_path, trust=trusting()) as daemon:
        if path == "capability":
            path = f"{PATH}/{daemon.capability(JOB_ID)}"
        proof = signature(body, daemon.clock) if signed else {}
        short = await exchange(daemon, path, body, {**PLAIN, **proof})
        long = await exchange(daemon, path, body, {**UNUSUAL, **proof})
    assert short == long
    assert short[0] == f"HTTP/1.1 {status}".encode()


async def test_a_store_that_cannot_commit_is_answered_alike_both_ways():
    inbox = Taken(Answer(status=503, retry_after=5))
    answer = await plain_callbacks(inbox).answer(await parse(request()), b"{}")
    assert b"\r\nRetry-After: 5\r\n" in answer


async def exchange(daemon, path, body, headers):
    """Return an answer's status, header lines in order of their names, and body; without the moment."""
    address = daemon.addresses.receiver
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        status, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        named = dict(field.split(b": ", 1) for field in fields)
        received = await reader.readexactly(int(named[b"Content-Length"]))
        writer.close()
    assert named.pop(b"Date").endswith(b" GMT")
    return status[: len(b"HTTP/1.1 200")], sorted(named.items()), received
