"""Every way to sign a callback, over a real socket to the real receiver, by both ways that requests take in it."""

import asyncio
from datetime import timedelta

import pydantic
from fakes.running_daemon import PATH, running_daemon
from fakes.signature_cases import CASES, SECRETS

from kling_daemon.clock import EPOCH
from kling_daemon.testing.clock import ManualClock

WAYS = {"plain": b"application/json", "by the application": b"application/json; charset=utf-8"}
SERIES = "kling_daemon_callbacks_total"


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    assert len({case.says for case in CASES}) == len(CASES) >= 60


async def test_every_case_is_answered_and_counted_as_it_should_be_and_never_by_5xx(tmp_path):
    clock, wrong = ManualClock(), []
    secrets = {name: pydantic.SecretStr(text) for name, text in SECRETS.items()}
    trust = {"secrets": secrets, "hint_queries_per_minute": 0.001}
    async with running_daemon(tmp_path, clock=clock, trust=trust) as daemon:
        for case in CASES:
            clock.set(EPOCH + timedelta(seconds=case.at))
            for way, media_type in WAYS.items():
                before = await counted(daemon)
                status, head = await post(daemon, case, media_type)
                found = [labels for labels, count in (await counted(daemon)).items() if count > before.get(labels, 0)]
                expected = [] if case.answer[1] is None else [case.answer[1:]]
                if (status, found) != (case.answer[0], expected) or b"aiohttp" in head:
                    wrong.append((case.says, way, status, found))
        assert wrong == []


async def test_the_secret_that_matched_is_the_one_that_is_kept(tmp_path):
    clock = ManualClock()
    secrets = {name: pydantic.SecretStr(text) for name, text in SECRETS.items()}
    for number, case in enumerate(case for case in CASES if case.secret is not None):
        async with running_daemon(tmp_path / str(number), clock=clock, trust={"secrets": secrets}) as daemon:
            clock.set(EPOCH + timedelta(seconds=case.at))
            await post(daemon, case, WAYS["plain"])
            assert daemon.rows("SELECT secret FROM callbacks") == [(case.secret,)], case.says


async def post(daemon, case, media_type):
    """Send a case as its bytes stand; return the status and the whole answer."""
    host, _, port = str(daemon.addresses.receiver).rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [b"POST %b HTTP/1.1" % PATH.encode(), b"Host: x", b"Content-Type: %b" % media_type]
    lines += [b"%b: %b" % header for header in case.headers]
    lines += [b"Content-Length: %d" % len(case.body), b"", case.body]
    writer.write(b"\r\n".join(lines))
    try:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split(b" ")[1]), head


async def counted(daemon):
    """Return how often each verdict and reason was counted."""
    async with daemon.api.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    counts = {}
    for line in lines:
        if line.startswith(f"{SERIES}{{"):
            labels, count = line.removeprefix(SERIES).rsplit(" ", 1)
            reason, verdict = (part.split('"')[1] for part in labels.strip("{}").split(","))
            counts[verdict, reason] = float(count)
    return counts
