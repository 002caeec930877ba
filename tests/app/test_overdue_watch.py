"""Jobs that have been open for too long are counted, told of once until they have doubled, and never ended."""

import re
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import timedelta

from fakes.stored_news import news, opened, record_all

from kling_daemon.app.overdue_watch import OverdueWatch
from kling_daemon.bus import Bus
from kling_daemon.ids import new_id
from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, Intent
from kling_daemon.store.statements import Statements
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START, ManualClock
from kling_daemon.tracking import NoticeBoard

AFTER = timedelta(hours=72)


class Watching:
    def __init__(self, store, clock):
        self.store, self.clock, self.counts = store, clock, []
        board = NoticeBoard(store, Bus(), clock, count=lambda _kind: None)
        self.watch = OverdueWatch(store, board, clock, after=AFTER, measure=self.counts.append)

    async def open(self, *task_ids, state=JobState.PROCESSING):
        now = self.clock.now()
        await record_all(self.store, [news(task_id, state, created_at=now, updated_at=now) for task_id in task_ids])

    async def look(self):
        """Look once; return how many are overdue, and what the open notice says."""
        await self.watch.look()
        return self.counts[-1], [notice.message for notice in await self.store.read.open_notices()]


@asynccontextmanager
async def watching(directory, clock=None):
    clock = clock or ManualClock()
    async with opened(directory, clock=clock) as store:
        yield Watching(store, clock)


async def test_jobs_are_overdue_after_three_days_and_the_oldest_is_named(tmp_path):
    async with watching(tmp_path) as here:
        await here.open("first")
        here.clock.advance(1)
        await here.open("second", state=JobState.SUBMITTED)
        await here.open("ended", state=JobState.SUCCEEDED)
        here.clock.advance(AFTER - timedelta(seconds=2))
        assert await here.look() == (0, [])
        here.clock.advance(2)
        count, (message,) = await here.look()
        job = await here.store.read.job("first")
        assert count == 2
        assert message.startswith(f"2 jobs are overdue; the oldest, {job.id}, has been processing since 2026-")
        here.clock.advance(AFTER)
        await here.look()
        assert await here.store.read.open_job_counts() == {"processing": 1, "submitted": 1}


async def test_a_job_that_waits_to_be_sent_counts_from_when_it_was_asked_for(tmp_path):
    async with watching(tmp_path) as here:
        job = make_job(
            id=new_id(START),
            external_id="e1",
            state=JobState.QUEUED,
            created_at=START,
            submitted_at=None,
            updated_at=START,
        )
        await here.store.make_job(Intent(job=job, path=job.endpoint, digest="0" * 64, callback_expected=True))
        here.clock.advance(AFTER)
        count, (message,) = await here.look()
        assert (count, "has been queued since" in message) == (1, True)


async def test_the_notice_is_told_again_when_there_are_twice_as_many_and_goes_with_the_last(tmp_path):
    async with watching(tmp_path) as here:
        told = []
        for number in range(8):
            await here.open(f"t{number}")
            here.clock.advance(AFTER)
            _, (message,) = await here.look()
            told.append(re.match("(A|[0-9]+) job", message)[1])
        assert told == ["A", "2", "2", "4", "4", "4", "4", "8"]
        await here.open(*(f"t{number}" for number in range(8)), state=JobState.SUCCEEDED)
        assert await here.look() == (0, [])


async def test_a_notice_of_an_earlier_run_stays_and_goes_with_the_last(tmp_path):
    async with watching(tmp_path) as here:
        await here.open("t1")
        here.clock.advance(AFTER)
        _, before = await here.look()
        clock = here.clock
    async with watching(tmp_path, clock) as here:
        assert await here.look() == (1, before)
        await here.open("t1", state=JobState.SUCCEEDED)
        assert await here.look() == (0, [])


async def test_overdue_jobs_are_found_without_reading_the_others(tmp_path):
    async with opened(tmp_path):
        pass
    given = {"before": 0, "before_seq": 0, "state": None, "limit": 5}
    sql = Statements("reader")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        for name in ("overdue_count", "longest_overdue", "overdue_jobs"):
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql[name]}", given)]
            assert len([step for step in plan if "INDEX jobs_open (state=? AND " in step]) == 3, plan
            assert [step for step in plan if step.startswith("SCAN jobs")] == []
