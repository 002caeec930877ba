import asyncio
import itertools
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from fakes.local_api import daemon_and_api, local_api
from fakes.reports import make_report
from fakes.silent_bus import SilentBus

from kling_daemon.bus import Bus
from kling_daemon.client import Daemon, DaemonError
from kling_daemon.clock import SystemClock
from kling_daemon.jobs import JobState
from kling_daemon.store import News

NEW = "/text-to-video/kling-3.0"


async def test_a_submitted_job_is_answered_and_found_by_all_its_ids(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        made = await daemon.submit(NEW, {"prompt": "a cat"}, tags={"shot": "7"}, external_id="order/7 ä")
        assert (made.state, made.tags, made.endpoint) == (JobState.QUEUED, {"shot": "7"}, NEW)
        await api.report(await api.store.read.job(made.id), JobState.SUBMITTED, task_id="889")
        for reference in (made.id, "889", "order/7 ä"):
            found = await daemon.job(reference)
            assert (found.id, found.state) == (made.id, JobState.SUBMITTED)


async def test_an_answer_is_exactly_the_jobs_own_json(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        assert (await daemon.job(job.id)).as_json() == {**job.as_json(), "overdue": False}


async def test_an_id_that_fits_two_jobs_is_a_conflict_unless_it_is_our_own(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        first, second = await api.make_job(), await api.make_job()
        for job in (first, second):
            await api.report(job, JobState.SUBMITTED)
            await api.report(job, JobState.PROCESSING, external_id="twice")
        with pytest.raises(DaemonError, match="more than one job") as refused:
            await daemon.job("twice")
        assert refused.value.status == 409
        assert (await daemon.job(first.id)).id == first.id


async def test_what_cannot_be_submitted_is_refused_with_the_submitters_words(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        with pytest.raises(DaemonError, match="no create path") as refused:
            await daemon.submit("videos", {})
        assert refused.value.status == 422
        assert (await daemon.jobs()).items == []


async def test_a_list_comes_in_parts_that_overlap_nowhere_and_leave_nothing_out(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        made = [(await api.make_job()).id for _ in range(7)]
        seen, cursor = [], None
        for _ in itertools.count():
            page = await daemon.jobs(limit=3, cursor=cursor)
            seen += [job.id for job in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert seen == made[::-1]


async def test_a_list_can_be_cut_down_to_a_state(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        _, failed = await api.make_job(), await api.make_job()
        await api.report(failed, JobState.FAILED)
        assert [job.id for job in (await daemon.jobs(state="failed")).items] == [failed.id]


async def test_limits_are_brought_to_what_is_possible(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        made = [await api.make_job() for _ in range(3)]
        for limit, expected in ((0, 1), (-5, 1), (10**30, len(made)), (-(10**30), 1)):
            assert len((await daemon.jobs(limit=limit)).items) == expected


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED])
async def test_a_wait_ends_with_the_job(tmp_path, end):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(daemon.wait(job.id), name="wait")
            await api.report(job, JobState.PROCESSING)
            await api.report(job, end)
        assert waiting.result().state is end


async def test_a_wait_sees_the_end_although_every_ring_is_lost(tmp_path):
    async with daemon_and_api(tmp_path, bus=SilentBus()) as (daemon, api):
        job = await api.make_job()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(daemon.wait(job.id), name="wait")
            await api.report(job, JobState.SUCCEEDED)
        assert waiting.result().state is JobState.SUCCEEDED


async def test_a_wait_that_is_over_answers_the_job_as_it_stands(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        assert (await daemon.wait(job.id, timedelta(milliseconds=20))).state is JobState.QUEUED
        assert (await daemon.wait(job.id, timedelta())).state is JobState.QUEUED


async def test_a_wait_for_an_ended_job_is_answered_at_once(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        await api.report(job, JobState.FAILED)
        assert (await daemon.wait(job.id)).state is JobState.FAILED


class WatchedBus(Bus):
    """A bus that tells when somebody listens."""

    def __init__(self):
        super().__init__()
        self.subscribed = asyncio.Event()

    def subscribe(self, types, **given):
        self.subscribed.set()
        return super().subscribe(types, **given)


async def test_a_daemon_that_stops_answers_those_who_wait(tmp_path):
    async with AsyncExitStack() as running:
        bus = WatchedBus()
        api = await running.enter_async_context(local_api(tmp_path, bus=bus))
        job = await api.make_job()
        async with Daemon(api.target) as daemon, asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(daemon.poll(job.id, timedelta(minutes=4)), name="wait")
            await bus.subscribed.wait()
            await running.aclose()
    assert waiting.result().state is JobState.QUEUED


async def test_a_queued_job_is_cancelled_and_one_that_kling_has_is_a_conflict(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        queued, sent = await api.make_job(), await api.make_job()
        await api.report(sent, JobState.PROCESSING)
        cancelled = await daemon.cancel(queued.id)
        assert (cancelled.state, cancelled.reason) == (JobState.FAILED, "cancelled")
        assert await daemon.cancel(queued.id) == cancelled
        with pytest.raises(DaemonError, match="Kling has taken") as refused:
            await daemon.cancel(sent.id)
        assert refused.value.status == 409


async def test_a_job_that_kling_has_is_abandoned_and_one_that_was_not_sent_is_a_conflict(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        queued, sent = await api.make_job(), await api.make_job()
        await api.report(sent, JobState.PROCESSING)
        lost = await daemon.abandon(sent.id)
        assert (lost.state, lost.reason) == (JobState.FAILED, "lost")
        assert await daemon.abandon(sent.id) == lost
        with pytest.raises(DaemonError, match="Kling has not taken") as refused:
            await daemon.abandon(queued.id)
        assert refused.value.status == 409


async def test_jobs_that_have_been_open_for_too_long_say_so_and_can_be_listed_alone(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        made = SystemClock().now() - timedelta(hours=73)
        for task_id, state in (("old", JobState.PROCESSING), ("ended", JobState.SUCCEEDED)):
            await api.store.record(News(report=make_report(task_id, state, created_at=made), adopt=True))
        old = await api.store.read.job("old")
        young = await api.make_job()
        # Kling's clock may be wrong: ours tells when a job of ours was made.
        await api.report(young, JobState.PROCESSING, created_at=made)
        assert {job.id: job.overdue for job in (await daemon.jobs()).items if job.overdue} == {old.id: True}
        assert (await daemon.job(old.id)).overdue
        assert [job.id for job in (await daemon.jobs(overdue=True)).items] == [old.id]
        assert (await daemon.jobs(overdue=True, state="queued")).items == []
        assert (await daemon.stats()).overdue == 1
