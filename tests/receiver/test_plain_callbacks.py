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
from kling_daemon.receiver.plain_callbacks import TOGETHER
from kling_daemon.tracking import Answer

BODY = raw("new_callback_succeeded_video")
JOB_ID = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
PLAIN = {"Content-Type": "application/json"}
UNUSUAL = {"Content-Type": "application/json; charset=utf-8"}
"""The same media type to the application, and not plain."""


class Taken:
    """An inbox that remembers what it was given, and answers all alike."""

    def __init__(self, answer=None):
        self.batches = []
        self._answer = answer or Answer(status=200)

    async def take_all(self, callbacks):
        self.batches.append(callbacks)
        return [self._answer] * len(callbacks)


def plain_callbacks(tasks=None):
    return PlainCallbacks(Taken(), tasks, path=PATH, max_body=1000)


async def answers_of(inbox, *callbacks):
    """Return what callbacks that come in one turn of the loop are answered, each given as head and body."""
    answers = []
    async with PlainCallbacks.running(inbox, path=PATH, max_body=1000) as plain:
        for message, body in callbacks:
            plain.take(message, body, answers.append)
    return answers


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


async def test_the_inbox_is_given_the_headers_and_the_body_as_they_came():
    inbox = Taken()
    await answers_of(inbox, (await parse(request(wEbHook_Id="m\xe4")), b"{ }"))
    ((callback,),) = inbox.batches
    assert (b"wEbHook-Id", "m\xe4".encode()) in callback.headers
    assert (callback.body, callback.path) == (b"{ }", PATH)


async def test_callbacks_that_come_in_one_turn_of_the_loop_are_taken_together_up_to_a_limit():
    inbox = Taken()
    message = await parse(request())
    answers = await answers_of(inbox, *[(message, b"%d" % number) for number in range(TOGETHER + 10)])
    assert [len(batch) for batch in inbox.batches] == [TOGETHER, 10]
    assert [callback.body for batch in inbox.batches for callback in batch] == [b"%d" % n for n in range(TOGETHER + 10)]
    assert len(answers) == TOGETHER + 10


async def test_a_sender_is_told_when_to_come_again():
    (answer,) = await answers_of(Taken(Answer(status=503, retry_after=5)), (await parse(request()), b"{}"))
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 5\r\n" in answer


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
