"""Giving up: what is cancelled is never sent, and what may be at Kling is never called cancelled.

What is drawn by lot comes of the seed that pytest-randomly prints.
"""

import asyncio
import random
from contextlib import suppress

import pytest
from aiohttp import web
from fakes.asking import Asking, asking
from fakes.kling_caller import NEW_VIDEO
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.submission import Canceller, NotCancellableError


@pytest.fixture
async def kling():
    async def answer(_request):
        return web.json_response(envelope(task("k1", "submitted")))

    async with ScriptedKling(answer=answer).serve() as kling:
        yield kling


def canceller(here: Asking, **given) -> Canceller:
    return Canceller(store=here.store, tracker=here.tracker, clock=here.clock, **given)


async def test_a_cancelled_job_has_failed_with_its_events_and_is_never_sent(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        cancelled = await canceller(here).cancel(job)
        assert (cancelled.state, cancelled.reason) == (JobState.FAILED, FailureReason.CANCELLED)
        assert [event.type for _, event in await here.store.read.events(limit=9, job_id=job.id)] == [
            "job.status_changed", "job.status_changed", "job.failed",
        ]  # fmt: skip
        await here.send()
        assert kling.asked == []
        assert await here.job(job.id) == cancelled


async def test_cancelling_again_changes_nothing(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await canceller(here).cancel(await here.intake().accept(NEW_VIDEO, {"prompt": "x"}))
        here.clock.advance(60)
        assert await canceller(here).cancel(job) == job


async def test_a_cancelled_jobs_body_is_swept_away(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        submitter = here.submitter()
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await canceller(here, on_cancelled=submitter.note_cancelled).cancel(job)
        await here.send(submitter)
        assert list((tmp_path / "spool").iterdir()) == []


async def test_a_create_that_is_on_the_wire_or_was_not_answered_clearly_is_not_cancelled(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.store.claim_submissions(1)
        with pytest.raises(NotCancellableError, match="is being sent"):
            await canceller(here).cancel(job)
    async with asking(tmp_path, kling.url) as here:  # it is ambiguous now
        with pytest.raises(NotCancellableError, match="is being sent"):
            await canceller(here).cancel(job)
        assert (await here.job(job.id)).state is JobState.QUEUED


async def test_what_kling_has_taken_or_ended_is_not_cancelled(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        with pytest.raises(NotCancellableError, match="Kling has taken"):
            await canceller(here).cancel(job)
        await here.called_back("k1", JobState.SUCCEEDED)
        with pytest.raises(NotCancellableError, match="has succeeded already"):
            await canceller(here).cancel(await here.job(job.id))


async def test_between_cancelling_and_sending_each_job_goes_one_way_only(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        jobs = [await here.intake().accept(NEW_VIDEO, {"prompt": str(number)}) for number in range(40)]
        cancelled, claimed = set(), set()

        async def cancel(job):
            with suppress(NotCancellableError):
                cancelled.add((await canceller(here).cancel(job)).id)

        async def claim(limit):
            claimed.update(submission.job.id for submission in await here.store.claim_submissions(limit))

        steps = [cancel(job) for job in jobs] + [claim(number % 5 + 1) for number in range(12)]
        random.shuffle(steps)
        async with asyncio.TaskGroup() as tasks:
            for number, step in enumerate(steps):
                tasks.create_task(step, name=f"step {number}")
        await claim(100)
        assert not cancelled & claimed
        assert cancelled | claimed == {job.id for job in jobs}
