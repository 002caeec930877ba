from datetime import timedelta

import pytest
from fakes.local_api import daemon_and_api

from kling_daemon.client import DaemonError
from kling_daemon.client.models import ReplayedModel
from kling_daemon.clock import SystemClock
from kling_daemon.deliveries import Acknowledged, RetryPolicy, settle
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration


async def ended(api, state=JobState.SUCCEEDED):
    job = await api.make_job()
    await api.report(job, state)
    return job


async def archived(api):
    now = SystemClock().now()
    for delivery in await api.store.claim("archive", limit=100, lease=timedelta(minutes=1)):
        end = settle(Acknowledged(), attempt=1, created_at=now, policy=RetryPolicy(), now=now, jitter=0)
        await api.store.settle(delivery, end, outcome="acknowledged", started_at=now)


async def states(daemon, handler):
    return [delivery.state.value for delivery in (await daemon.deliveries(handler=handler)).items]


async def test_a_dry_run_counts_and_changes_nothing_and_a_replay_wakes_the_handler(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        await archived(api)
        counted = await daemon.replay("archive", dry_run=True)
        assert (counted.handler, counted.first, counted.again, counted.next) == ("archive", 0, 1, None)
        assert (await states(daemon, "archive"), api.woken) == (["done"], [])
        done = await daemon.replay("archive", until=counted.until)
        assert (done.first, done.again) == (0, 1)
        assert (await states(daemon, "archive"), api.woken) == (["pending"], ["archive"])
        assert (await daemon.replay("archive")).again == 0


async def test_a_replay_can_be_cut_down(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        job = await ended(api)
        await ended(api, JobState.FAILED)
        await archived(api)
        now = SystemClock().now()
        assert (await daemon.replay("archive", job=f"t-{job.id}", dry_run=True)).again == 1
        assert (await daemon.replay("archive", types=["job.completed"], dry_run=True)).again == 2
        assert (await daemon.replay("archive", since=now + timedelta(hours=1), dry_run=True)).again == 0
        assert (await daemon.replay("archive", until=now - timedelta(hours=1), dry_run=True)).again == 0
        await api.store.register_handlers([Registration(name="late", events=frozenset({"job.failed"}))])
        assert (await daemon.replay("late")).first == 1


async def test_what_cannot_be_replayed_is_refused(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        for given, status, says in (
            ({"handler": "nobody"}, 404, "no handler has this name"),
            ({"handler": "archive", "job": "nothing"}, 404, "no job has this id"),
            ({"handler": "archive", "types": ["job.failed"]}, 409, "archive takes job.completed, and not job.failed"),
            ({"handler": "archive", "types": ["job.done"]}, 400, "types"),
            ({"handler": "archive", "cursor": "x"}, 400, "cursor"),
        ):
            with pytest.raises(DaemonError, match=says) as refused:
                await daemon.replay(**given)
            assert refused.value.status == status
        for wrong in ({"since": 5}, {"since": "5"}, {"until": "2026-11-21T19:18:39"}, {"dry_run": 1}, {"typ": None}):
            with pytest.raises(DaemonError) as refused:
                await daemon._connection.post("handlers/archive/replay", wrong, ReplayedModel)
            assert refused.value.status in {400, 422}
        assert await api.store.forget_handler("archive") is not None
        with pytest.raises(DaemonError, match="no handler has this name"):
            await daemon.replay("archive")
