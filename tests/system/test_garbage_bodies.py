"""Garbage at the real process's receiver: refused, without a traceback and without a job, and the daemon goes on."""

import json
from contextlib import asynccontextmanager

from fakes.daemon_process import Machine
from fakes.hostile_requests import BODY, CHUNKED, GARBAGE, HEAD, LIMIT, MALFORMED, WRONG, tells_nothing
from recorded.kling_bodies import parsed

SEVERE = ("error", "critical")


@asynccontextmanager
async def unimpressed(folder):
    """Run a daemon, and insist that afterwards it has no job, complained of nothing of its own, and takes news."""
    machine = Machine(folder)
    machine.configure('[log]\nlevel = "debug"')
    async with machine.daemon() as daemon:
        yield daemon
        assert await daemon.jobs() == []
        assert (await daemon.post_signed(BODY)).status == 200
        (job,) = await daemon.jobs()
        assert job["state"] == "succeeded"
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
        lines = [json.loads(line) for line in daemon.text.splitlines()]
        assert [line for line in lines if line["level"] in SEVERE or "exception" in line] == []


async def test_unreadable_bodies_are_answered_400_signed_or_not(tmp_path):
    async with unimpressed(tmp_path) as daemon:
        for name, body in GARBAGE.items():
            for post in (daemon.post, daemon.post_signed):
                answer = await post(body)
                assert (name, answer.status, answer.body) == (name, 400, b'{"error": "unreadable body"}')


async def test_bodies_over_the_cap_are_answered_413_announced_or_streamed(tmp_path):
    async with unimpressed(tmp_path) as daemon:
        announced = b"%sContent-Length: %d\r\n\r\n" % (HEAD, 2 * LIMIT)
        chunk = b"10000\r\n%s\r\n" % (b" " * 0x10000)
        one_huge_chunk = b"%x\r\n" % (2 * LIMIT)
        for parts in (
            (announced, b" " * (2 * LIMIT)),
            (CHUNKED, *[chunk] * 32, b"0\r\n\r\n"),
            (CHUNKED, one_huge_chunk, b" " * (2 * LIMIT), b"\r\n0\r\n\r\n"),
        ):
            answer = await daemon.exchange(*parts)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.endswith(b'{"error": "body too large"}')


async def test_what_is_no_json_or_no_http_is_refused_and_told_nothing(tmp_path):
    async with unimpressed(tmp_path) as daemon:
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Encoding": "gzip"}):
            assert (await daemon.post(BODY, headers=headers)).status == 415
        for name, request in MALFORMED.items():
            answer = await daemon.exchange(request)
            assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (name, answer)
            tells_nothing(answer)
        for beginning in (HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", CHUNKED + b"10\r\n{"):
            tells_nothing(await daemon.exchange(beginning))


async def test_wrong_types_in_every_field_are_refused_or_harmless(tmp_path):
    async with unimpressed(tmp_path) as daemon:
        for fixture in (
            "new_callback_succeeded_video",
            "legacy_callback_succeed_video",
            "thirdparty_callback_enveloped",
        ):
            for field in parsed(fixture):
                for value in WRONG:
                    answer = await daemon.post(json.dumps({**parsed(fixture), field: value}).encode())
                    assert answer.status in {202, 400}, (fixture, field, value)
