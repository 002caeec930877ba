"""Results that will soon be gone are told of while a handler has not got them, those first that will be gone first."""

import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest
from fakes.stored_news import news, opened, record_all

from kling_daemon.app.expiry_watch import ExpiryWatch
from kling_daemon.bus import Bus
from kling_daemon.deliveries import Acknowledged, Rejected, RetryPolicy, settle
from kling_daemon.outputs import Output, OutputFile
from kling_daemon.store import DATABASE, Registration
from kling_daemon.store.statements import Statements
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import NoticeBoard

DAY = timedelta(days=1)
MONTH = timedelta(days=30)


class Watching:
    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.watch = ExpiryWatch(store, NoticeBoard(store, Bus(), clock, count=lambda _kind: None), clock)

    async def complete(self, *task_ids, lasting=MONTH):
        """Let jobs complete whose results last so long, and others that bear no moment."""
        expires_at = None if lasting is None else self.clock.now() + lasting
        files = (
            OutputFile(role="main", url="https://cdn.test/1.mp4", expires_at=expires_at),
            OutputFile(role="cover", url="https://cdn.test/1.png", expires_at=None),
        )
        output = Output(type="video", id=None, duration=None, files=files)
        await record_all(self.store, [news(task_id, outputs=(output,)) for task_id in task_ids])

    async def deliver(self, outcome, handler="archive"):
        for delivery in await self.store.claim(handler, limit=100, lease=timedelta(minutes=1)):
            now = self.clock.now()
            ended = settle(outcome, attempt=1, created_at=delivery.created_at, policy=RetryPolicy(), now=now, jitter=0)
            await self.store.settle(delivery, ended, outcome="test", started_at=now)

    async def look(self):
        await self.watch.look()
        return {
            notice.subject: notice.message
            for notice in await self.store.read.open_notices()
            if notice.kind.value == "results.expiring"
        }

    async def id(self, task_id):
        return (await self.store.read.job(task_id)).id


@asynccontextmanager
async def watching(directory, clock=None):
    clock = clock or ManualClock()
    async with opened(directory, clock=clock) as store:
        await store.register_handlers(
            [Registration(name=name, events=frozenset({"job.completed"})) for name in ("archive", "notify")]
        )
        yield Watching(store, clock)


@pytest.mark.parametrize("outcome", [None, Rejected(reason="no room")])
async def test_a_handler_that_has_not_got_results_is_told_of_three_days_before_they_go(tmp_path, outcome):
    async with watching(tmp_path) as here:
        await here.complete("late")
        await here.complete("early", lasting=MONTH - timedelta(hours=1))
        await here.complete("for ever", lasting=None)
        await here.deliver(Acknowledged(), "notify")
        if outcome is not None:
            await here.deliver(outcome)
        here.clock.advance(MONTH - 3 * DAY - timedelta(hours=2))
        assert await here.look() == {}
        here.clock.advance(timedelta(hours=2))
        told = await here.look()
        assert told.keys() == {"archive"}
        assert "has not got 2 completed jobs whose results Kling deletes within three days" in told["archive"]
        assert told["archive"].index(await here.id("early")) < told["archive"].index(await here.id("late"))
        assert "gone already" not in told["archive"]


async def test_what_is_gone_is_told_of_until_a_person_has_dropped_it(tmp_path):
    async with watching(tmp_path) as here:
        await here.complete("t1")
        await here.deliver(Acknowledged(), "notify")
        await here.deliver(Rejected(reason="no room"))
        here.clock.advance(2 * MONTH)
        assert "Those of 1 are gone already." in (await here.look())["archive"]
        clock = here.clock
    async with watching(tmp_path, clock) as here:
        (dead,) = [row for row in await here.store.read.deliveries(limit=5) if row.state == "dead"]
        await here.store.drop_delivery(dead.id)
        assert await here.look() == {}


async def test_what_has_just_been_made_is_on_its_way(tmp_path):
    async with watching(tmp_path) as here:
        await here.complete("t1", lasting=DAY)
        assert await here.look() == {}
        here.clock.advance(timedelta(hours=1))
        assert (await here.look()).keys() == {"archive", "notify"}
        for handler in ("archive", "notify"):
            await here.deliver(Acknowledged(), handler)
        assert await here.look() == {}


async def test_more_than_a_page_is_gone_through(tmp_path):
    async with watching(tmp_path) as here:
        await here.complete(*(f"t{number}" for number in range(600)))
        here.clock.advance(MONTH - DAY)
        told = await here.look()
        assert "has not got 600 completed jobs" in told["archive"]
        assert "has not got 600 completed jobs" in told["notify"]


async def test_only_what_is_undelivered_is_read(tmp_path):
    async with opened(tmp_path):
        pass
    given = {"after": 0, "last": 0, "limit": 5, "made": 0, "expiring": 0}
    sql = Statements("due")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        for kind, index in (("open", "deliveries_open"), ("dead", "deliveries_dead_by_job")):
            for part in ("window", "results"):
                plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql[f'{kind}_{part}']}", given)]
                assert any(f"INDEX {index} (job>?" in step for step in plan), plan
                assert not any(step.startswith(("SCAN d", "SCAN j ", "SCAN jobs", "SCAN e")) for step in plan), plan
