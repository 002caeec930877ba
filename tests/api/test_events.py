from datetime import timedelta, timezone

import aiohttp
import pytest
from fakes.local_api import TOKEN, daemon_and_api, local_api

from kling_daemon.client import DaemonError
from kling_daemon.jobs import JobState
from kling_daemon.testing.clock import START, ManualClock


async def ended(api, state=JobState.SUCCEEDED):
    job = await api.make_job()
    await api.report(job, state)
    return job


def told(page):
    return [(event.job_id, event.type, event.job.state.value) for event in page.items]


async def test_events_are_listed_the_latest_first_in_parts_that_follow_each_other(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        first, second = await ended(api), await ended(api, JobState.FAILED)
        whole = await daemon.list_events()
        assert told(whole) == [
            (second.id, "job.failed", "failed"),
            (second.id, "job.status_changed", "failed"),
            (second.id, "job.status_changed", "queued"),
            (first.id, "job.completed", "succeeded"),
            (first.id, "job.status_changed", "succeeded"),
            (first.id, "job.status_changed", "queued"),
        ]
        assert whole.next is None
        part = await daemon.list_events(limit=4)
        await ended(api)
        rest = await daemon.list_events(limit=4, cursor=part.next)
        assert [*part.items, *rest.items] == whole.items
        forwards = await daemon.list_events(oldest_first=True, cursor=whole.items[-1].cursor, limit=5)
        assert forwards.items == whole.items[-2::-1]


async def test_events_are_chosen_by_job_type_and_time(tmp_path):
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        first = await ended(api)
        clock.advance(timedelta(hours=1))
        second = await ended(api, JobState.FAILED)
        later, east = START + timedelta(hours=1), timezone(timedelta(hours=2))
        assert told(await daemon.list_events(types=["job.failed"])) == [(second.id, "job.failed", "failed")]
        assert len((await daemon.list_events(types=["job.failed", "job.completed"])).items) == 2
        assert {job for job, _, _ in told(await daemon.list_events(job=f"t-{first.id}"))} == {first.id}
        assert {job for job, _, _ in told(await daemon.list_events(since=later.astimezone(east)))} == {second.id}
        assert {job for job, _, _ in told(await daemon.list_events(until=later))} == {first.id}
        between = await daemon.list_events(since=START, until=later, oldest_first=True, limit=2)
        rest = await daemon.list_events(since=START, until=later, oldest_first=True, limit=2, cursor=between.next)
        assert [event.job.state for event in (*between.items, *rest.items)] == ["queued", "succeeded", "succeeded"]
        assert (await daemon.list_events(since=START + timedelta(days=1))).items == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("type=job.done", "type must be one of"),
        ("type=job.failed,", "type must be one of"),
        ("since=yesterday", "since must be a moment such as"),
        ("until=2026-11-21T19:18:39", "until must be a moment such as"),
        ("since=0001-01-01T00:00:00%2B23:00", "since must be a moment such as"),
        ("order=random", "order must be one of latest, oldest"),
        ("cursor=QAAAAAAAAAA", "cursor must be"),
        ("cursors=x", "did you mean"),
    ],
)
async def test_what_makes_no_sense_is_refused(tmp_path, query, says):
    async with local_api(tmp_path) as api, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with session.get(f"{api.target.url}/api/v1/events?{query}", headers=headers) as answer:
            assert answer.status == 400
            assert says in (await answer.json(content_type=None))["detail"]


async def test_the_events_of_an_unknown_job_are_not_an_empty_list(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        with pytest.raises(DaemonError, match="no job has this id"):
            await daemon.list_events(job="nothing")
