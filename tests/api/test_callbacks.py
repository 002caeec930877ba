"""The kept callbacks over the local API: listed, and checked again with the secrets of then, of now and of others."""

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.local_api import daemon_and_api, trust_in
from fakes.running_daemon import SECRET, signature

from kling_daemon.client import DaemonError
from kling_daemon.clock import SystemClock
from kling_daemon.standard_webhooks import Secret
from kling_daemon.store import HintWeight, News, RawCallback
from kling_daemon.testing.clock import ManualClock

BODY = b'{"id": "1", "message": "\xc3\xa4"}'
OTHER = Secret.parse("other", "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0")
SAME_NAME = Secret(name=SECRET.name, key=OTHER.key)
HOUR = timedelta(hours=1)


def came(webhook_id="msg_1", *, secret=SECRET, clock=None, verdict="believed"):
    """Return a callback as it is kept, signed when it came."""
    clock = clock or SystemClock()
    headers = {"Host": "x", **signature(BODY, clock, secrets=(secret,), webhook_id=webhook_id), "User-Agent": "k"}
    return RawCallback(
        webhook_id=webhook_id,
        body=BODY,
        headers="".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode(),
        verdict=verdict,
        secret=secret.name,
        received_at=clock.now(),
    )


def unsigned():
    return replace(came(webhook_id="", verdict="hint"), headers=b"Host: x\r\n", secret=None)


async def keep(api, callback, job=None):
    await api.store.record(News(callback=callback, hint=HintWeight.JOB, job_id=job.id if job else None))


async def findings(daemon, **query):
    page = await daemon.check_callbacks(**query)
    assert page.next is None
    return [(checked.finding, checked.verified_with, checked.flaw) for checked in page.items]


async def test_the_kept_callbacks_are_listed_the_latest_first_with_the_secret_that_matched(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        await keep(api, came(), job)
        for _ in range(2):
            await keep(api, unsigned(), job)
        hint, signed = (await daemon.callbacks()).items
        assert (signed.webhook_id, signed.verdict) == ("msg_1", "believed")
        assert (signed.secret, signed.job_id) == ("vendor", job.id)
        assert (hint.webhook_id, hint.verdict, hint.secret, hint.job_id, hint.count) == ("", "hint", None, job.id, 2)
        for query, expected in (
            ({"job": job.id}, [hint, signed]),
            ({"verdict": "hint"}, [hint]),
            ({"verdict": "unreadable"}, []),
            ({"job": job.id, "verdict": "hint"}, [hint]),
            ({"job": (await api.make_job()).id}, []),
            ({"since": SystemClock().now() - HOUR}, [hint, signed]),
            ({"since": SystemClock().now() + HOUR}, []),
        ):
            assert (await daemon.callbacks(**query)).items == expected
        with pytest.raises(DaemonError, match="no job has this id"):
            await daemon.callbacks(job="nobody")
        with pytest.raises(DaemonError, match="verdict must be one of believed, hint, unreadable"):
            await daemon.callbacks(verdict="refused")


async def test_a_list_comes_in_parts_without_a_gap_or_a_repetition(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        for number in range(7):
            await keep(api, came(f"msg_{number}"))
        seen, cursor = [], None
        while len(seen) < 7:
            page = await daemon.callbacks(limit=3, cursor=cursor)
            seen += [found.webhook_id for found in page.items]
            cursor = page.next
        assert seen == [f"msg_{number}" for number in reversed(range(7))]
        assert cursor is None


async def test_months_later_a_signature_is_checked_as_of_when_it_came(tmp_path):
    clock = ManualClock()
    long_ago = came(clock=clock)
    clock.advance(timedelta(days=200))
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        await keep(api, long_ago)
        assert await findings(daemon) == [("verified", "vendor", None)]
        await keep(api, came(clock=clock))  # the same once more, signed anew: the later proof is kept
        assert await findings(daemon) == [("verified", "vendor", None)]
        (kept,) = (await daemon.callbacks()).items
        assert kept.count == 2
        assert kept.last_at - kept.received_at == timedelta(days=200)


async def test_of_a_callback_that_came_under_two_secrets_the_later_one_and_its_proof_are_kept(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await keep(api, came(secret=OTHER))
        await keep(api, came(secret=SECRET))
        assert [found.secret for found in (await daemon.callbacks()).items] == ["vendor"]
        assert await findings(daemon) == [("verified", "vendor", None)]


async def test_what_verifies_depends_on_the_secrets_of_now(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await keep(api, came())
        for secrets, expected in (
            ((SECRET,), ("verified", "vendor", None)),
            ((OTHER, Secret(name="renamed", key=SECRET.key)), ("verified", "renamed", None)),
            ((OTHER,), ("secret_gone", None, "no_match")),
            ((), ("secret_gone", None, "no_signature")),
            ((SAME_NAME,), ("failed", None, "no_match")),
        ):
            api.trust = trust_in(*secrets)
            assert await findings(daemon) == [expected]


@pytest.mark.parametrize(
    ("altered", "flaw"),
    [
        ({"body": BODY + b" "}, "no_match"),
        ({"body": BODY + b" ", "secret": None}, "no_match"),
        ({"headers": b"Host: x\r\n"}, "missing_header"),
        ({"headers": b"\xff\x00"}, "missing_header"),
    ],
)
async def test_what_was_altered_since_does_not_verify(tmp_path, altered, flaw):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await keep(api, replace(came(), **altered), await api.make_job())
        assert await findings(daemon) == [("failed", None, flaw)]


@pytest.mark.parametrize("millis", [-(2**63), 2**63 - 1])
async def test_a_time_of_no_calendar_keeps_nothing_else_from_being_checked(tmp_path, millis):
    async with daemon_and_api(tmp_path) as (daemon, api):
        for webhook_id in ("altered", "whole"):
            await keep(api, came(webhook_id))
        with sqlite3.connect(tmp_path / "kling.db") as database:
            database.execute(
                "UPDATE callbacks SET received_at = ?1, last_at = ?1 WHERE webhook_id = 'altered'", (millis,)
            )
        database.close()
        assert await findings(daemon) == [("verified", "vendor", None), ("failed", None, "stale")]
        assert len((await daemon.callbacks()).items) == 2
        assert [secret.callbacks for secret in (await daemon.stats()).secrets] == [2]


async def test_without_a_signature_there_is_nothing_to_check(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await keep(api, unsigned(), await api.make_job())
        assert await findings(daemon) == [("unsigned", None, None)]


async def test_those_of_a_job_or_a_single_one_are_checked(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        await keep(api, came("mine"), job)
        await keep(api, replace(came("others"), body=b"altered"))
        assert await findings(daemon, job=job.id) == [("verified", "vendor", None)]
        second, first = (found.id for found in (await daemon.callbacks()).items)
        assert await findings(daemon, callback=first) == [("verified", "vendor", None)]
        assert await findings(daemon, callback=second) == [("failed", None, "no_match")]
        with pytest.raises(DaemonError, match="no callback has this id"):
            await daemon.check_callbacks(callback=10**6)
        assert await findings(daemon, callback=first, job=job.id) == [("verified", "vendor", None)]
        with pytest.raises(DaemonError, match="no callback has this id"):
            await daemon.check_callbacks(callback=second, job=job.id)


async def test_the_numbers_tell_which_secret_signed_how_many_and_when_last(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await keep(api, came("a", secret=OTHER))
        for webhook_id, verdict in (("b", "hint"), ("b", "hint"), ("c", "believed")):
            await keep(api, came(webhook_id, verdict=verdict))
        api.trust = trust_in(SECRET, Secret(name="new", key=bytes(32)))
        vendor, unused, gone = (await daemon.stats()).secrets
        latest = max(found.last_at for found in (await daemon.callbacks()).items if found.secret == "vendor")
    assert (vendor.name, vendor.configured, vendor.callbacks, vendor.last_at) == ("vendor", True, 3, latest)
    assert (unused.name, unused.configured, unused.callbacks, unused.last_at) == ("new", True, 0, None)
    assert (gone.name, gone.configured, gone.callbacks) == ("other", False, 1)
