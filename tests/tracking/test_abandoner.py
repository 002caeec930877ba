"""A person may end what time never does: once, never over another end, and never against what Kling says later."""

import asyncio

import pytest
from fakes.asking import asking
from fakes.reports import make_report

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.store import News
from kling_daemon.tracking import Abandoner, NotAbandonableError

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def here(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        yield here


def abandoner(here):
    return Abandoner(store=here.store, tracker=here.tracker, clock=here.clock)


async def told(here, state, task_id="t"):
    return (await here.tracker.record(News(report=make_report(task_id, state), adopt=True))).job


async def types(here, job):
    return [entry.type for entry in (await here.store.read.history(job.id, limit=100)).entries if entry.type]


@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.PROCESSING])
async def test_an_open_job_is_lost_with_the_name_of_who_said_so_and_is_not_polled_any_more(here, state):
    job = await told(here, state)
    lost = await abandoner(here).abandon(job, "the operator")
    assert (lost.state, lost.reason) == (JobState.FAILED, FailureReason.LOST)
    assert lost.message == "given up by the operator; Kling may still know it"
    assert lost == await here.job(job.id)
    assert (await types(here, job))[-2:] == ["job.status_changed", "job.failed"]
    assert (await here.store.read.history(job.id, limit=1)).stored.following.poll_at is None


async def test_said_again_it_changes_nothing_and_the_first_who_said_so_stands(here):
    job = await told(here, JobState.PROCESSING)
    lost = await abandoner(here).abandon(job, "one")
    before = await types(here, job)
    assert await abandoner(here).abandon(job, "another") == lost
    assert await types(here, job) == before


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED])
async def test_an_end_that_came_first_stands_also_against_who_has_not_seen_it(here, end):
    job = await told(here, JobState.PROCESSING)
    ended = await told(here, end)
    with pytest.raises(NotAbandonableError, match=f"has {end} already"):
        await abandoner(here).abandon(job, "one")
    assert await here.job(job.id) == ended


async def test_at_the_same_moment_one_of_both_ends_stands_and_is_told_once(here):
    jobs = [await told(here, JobState.PROCESSING, f"t{number}") for number in range(20)]

    async def abandon(job):
        try:
            return (await abandoner(here).abandon(job, "one")).reason is FailureReason.LOST
        except NotAbandonableError:
            return False

    async with asyncio.TaskGroup() as tasks:
        steps = []
        for job in jobs:
            steps.append(tasks.create_task(abandon(job), name="abandon"))
            tasks.create_task(told(here, JobState.SUCCEEDED, job.task_id), name="callback")
    for job, step in zip(jobs, steps, strict=True):
        is_lost = step.result()
        stands = await here.job(job.id)
        assert stands.state is (JobState.FAILED if is_lost else JobState.SUCCEEDED)
        assert stands.contradicted == is_lost
        assert len([one for one in await types(here, job) if one in ("job.failed", "job.completed")]) == 1


async def test_what_kling_tells_later_contradicts_it(here):
    job = await told(here, JobState.PROCESSING)
    await abandoner(here).abandon(job, "one")
    await told(here, JobState.SUCCEEDED)
    stands = await here.job(job.id)
    assert (stands.state, stands.contradicted) == (JobState.FAILED, True)
