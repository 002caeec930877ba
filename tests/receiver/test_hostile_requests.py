"""What anybody on the internet may send: it is refused in one generic line, and the daemon goes on."""

import asyncio
import io
import json
import logging
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import structlog
from fakes.dispatching import PATIENCE
from fakes.hostile_requests import BODY, CHUNKED, GARBAGE, HEAD, LIMIT, MALFORMED, WRONG, tells_nothing
from fakes.running_daemon import PATH, RunningDaemon, running_daemon, trusting
from recorded.kling_bodies import parsed


@asynccontextmanager
async def receiver(directory, caplog):
    """Run a daemon, and insist that no traceback was logged, that no job was made, and that it still takes news."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        async with running_daemon(directory, trust=trusting()) as daemon:
            yield daemon
            assert await daemon.jobs() == []
            assert (await daemon.post_signed(BODY)).status == 200
            assert len(await daemon.jobs()) == 1
    assert [line for line in lines if line["log_level"] in {"error", "critical"} or line.get("exc_info")] == []
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING] == []
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
async def test_garbage_is_answered_400_and_makes_no_job(tmp_path, caplog, signed):
    async with receiver(tmp_path, caplog) as daemon:
        for name, body in GARBAGE.items():
            answer = await (daemon.post_signed if signed else daemon.post)(body)
            assert (name, answer.status, answer.body) == (name, 400, b'{"error": "unreadable body"}')


@pytest.mark.parametrize("capable", [True, False], ids=["with a capability", "on the plain path"])
async def test_wrong_types_in_every_field_harm_nobody(tmp_path, caplog, capable):
    async with receiver(tmp_path, caplog) as daemon:
        path = f"{PATH}/{daemon.capability('01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f')}" if capable else PATH
        for fixture in ("new_callback_succeeded_video", "legacy_callback_succeed_video"):
            for field in parsed(fixture):
                for value in WRONG:
                    answer = await daemon.post(json.dumps({**parsed(fixture), field: value}).encode(), path=path)
                    assert answer.status in {200, 202, 400}, (field, value)


async def test_wrong_types_in_every_field_of_a_signed_callback_are_never_a_server_error(tmp_path):
    async with running_daemon(tmp_path, trust=trusting()) as daemon:
        for fixture in ("new_callback_succeeded_video", "legacy_callback_succeed_video"):
            for field in parsed(fixture):
                for value in WRONG:
                    answer = await daemon.post_signed(json.dumps({**parsed(fixture), field: value}).encode())
                    assert answer.status in {200, 400}, (field, value)


async def test_a_body_past_the_limit_is_answered_413_by_its_announced_length(tmp_path, caplog):
    async with receiver(tmp_path, caplog) as daemon:
        answer = await daemon.post(io.BytesIO(b" " * (2 * LIMIT)))
        assert (answer.status, answer.body) == (413, b'{"error": "body too large"}')


async def test_the_limit_is_a_body_that_is_still_taken(tmp_path, caplog):
    async with receiver(tmp_path, caplog) as daemon:
        padding = b" " * (LIMIT - len(b'{"id": "t", "status": "processing"}'))
        body = b'{"id": "t", "status": "processing"}' + padding
        assert (await daemon.post(io.BytesIO(body))).status == 202
        assert (await daemon.post(io.BytesIO(body + b" "))).status == 413


async def test_a_body_that_is_streamed_past_the_limit_is_answered_413(tmp_path, caplog):
    async with receiver(tmp_path, caplog) as daemon:
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        answer = await exchange(daemon, head.encode(), *[chunk] * 20)
        assert answer.startswith(b"HTTP/1.1 413 ")


NOT_FOUND = (404, b'{"error": "not found"}')
NOT_ALLOWED = (405, b'{"error": "method not allowed"}')
NO_HTTP = b'{"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "this is no request in HTTP"}'
NO_JSON = (415, b'{"error": "unsupported media type"}')
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/", NOT_FOUND),
        ("POST", "/webhooks/klingon", NOT_FOUND),
        ("POST", "/api/v1/jobs", NOT_FOUND),
        ("GET", "/metrics", NOT_FOUND),
        ("POST", "/webhooks/kling/../../etc/passwd", NOT_FOUND),
        ("GET", PATH, NOT_ALLOWED),
        ("PUT", PATH, NOT_ALLOWED),
        ("DELETE", f"{PATH}/x", NOT_ALLOWED),
        ("PROPFIND", PATH, NOT_ALLOWED),
        ("POST", "/healthz", NOT_ALLOWED),
        ("GET", "/healthz", (200, b'{"received": true}')),
        ("BREW", PATH, (400, NO_HTTP)),
    ],
)
async def test_other_paths_and_methods_get_one_generic_line(tmp_path, caplog, method, path, answer):
    async with receiver(tmp_path, caplog) as daemon:
        got = await daemon.send(method, path, data=BODY, headers=JSON)
        assert (got.status, got.body, got.headers["Server"]) == (*answer, "kling-daemon")


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, NO_JSON),
        ({"Content-Type": "text/plain"}, NO_JSON),
        ({"Content-Type": "application/x-www-form-urlencoded"}, NO_JSON),
        ({**JSON, "Content-Encoding": "gzip"}, NO_JSON),
        ({"Content-Type": "application/json; charset=utf-8"}, (202, b'{"received": true}')),
        ({"Content-Type": "APPLICATION/JSON"}, (202, b'{"received": true}')),
    ],
)
async def test_only_json_is_taken(tmp_path, caplog, headers, answer):
    async with receiver(tmp_path, caplog) as daemon:
        got = await daemon.send("POST", PATH, data=BODY, headers=headers)
        assert (got.status, got.body) == answer


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_http_is_refused_without_an_echo(tmp_path, caplog, request_):
    async with receiver(tmp_path, caplog) as daemon:
        answer = await exchange(daemon, request_)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
        tells_nothing(answer)


@pytest.mark.parametrize(
    "beginning",
    [HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", CHUNKED + b"10\r\n{"],
    ids=["in a header", "in a body", "in a chunk"],
)
async def test_who_hangs_up_in_the_middle_leaves_nothing_behind(tmp_path, caplog, beginning):
    async with receiver(tmp_path, caplog) as daemon:
        tells_nothing(await exchange(daemon, beginning))
        assert daemon.rows("SELECT * FROM callbacks") == []


async def exchange(daemon: RunningDaemon, *parts: bytes) -> bytes:
    """Send bytes as they are, hang up, and return all that comes back."""
    address = daemon.addresses.receiver
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return await reader.read() if not reader.at_eof() else b""
        finally:
            writer.close()


async def test_a_flood_of_refusals_leaves_few_lines_in_the_log(tmp_path):
    with structlog.testing.capture_logs() as lines:
        async with running_daemon(tmp_path, trust=trusting()) as daemon:
            for _ in range(300):
                assert (await daemon.post_signed(BODY, late=timedelta(hours=1))).status == 401
            for _ in range(100):
                await exchange(daemon, b"what is this\r\n\r\n")
            for _ in range(100):  # by somebody who has caught one
                assert (await daemon.post_signed(b"[]")).status == 400
    for said in ("callback refused", "connection failed", "signed callback cannot be read"):
        assert 1 <= sum(line["event"] == said for line in lines) < 20
