"""A job's history holds everything that is kept of it, and is found without reading what others left."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from fakes.stored_news import ALL_EVENTS, callback, news, opened

from kling_daemon.deliveries import Failed, RetryPolicy, settle
from kling_daemon.jobs import JobState
from kling_daemon.store import HintWeight, News, Registration
from kling_daemon.store.statements import Statements
from kling_daemon.testing.clock import START, ManualClock


async def test_everything_is_told_in_its_order(tmp_path):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        first = await store.record(replace(news(state=JobState.PROCESSING), callback=callback()))
        (delivery,) = await store.claim("archive", limit=1, lease=timedelta(minutes=1))
        settlement = settle(Failed(error="no"), attempt=1, created_at=START, policy=RetryPolicy(), now=START, jitter=0)
        await store.settle(delivery, settlement, outcome="failed", started_at=START)
        clock.advance(timedelta(seconds=5))
        forged = replace(callback(b"{}"), verdict="hint", received_at=clock.now())
        for _ in range(2):
            await store.record(News(callback=forged, hint=HintWeight.JOB, job_id=first.job.id))
        history = await store.read.history(first.job.id, limit=10)
    told = [(entry.kind, entry.verdict or entry.type, entry.count, entry.effect) for entry in history.entries]
    assert told == [
        ("callback", "believed", 1, "advanced"),
        ("event", "job.status_changed", None, None),
        ("attempt", "job.status_changed", None, None),
        ("callback", "hint", 2, None),
    ]
    assert (history.entries[2].outcome, history.entries[2].error) == ("failed", "no")
    (waiting,) = history.deliveries
    assert (waiting.handler, waiting.state, waiting.due_at) == ("archive", "pending", settlement.due_at)
    assert history.stored.following.poll_at == clock.now()


async def test_the_latest_entries_are_told_when_there_are_more(tmp_path):
    async with opened(tmp_path) as store:
        recorded = await store.record(news())
        history = await store.read.history(recorded.job.id, limit=2)
        assert [entry.type for entry in history.entries] == ["job.status_changed", "job.completed"]
        assert await store.read.history("nobody", limit=2) is None


async def test_no_table_is_read_from_end_to_end(tmp_path):
    async with opened(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "kling.db")) as db:
        sql = Statements("reader")
        for name, given in (
            ("history", {"job": 1, "limit": 1}), ("create", (1,)), ("unfinished_deliveries", (1,)),
            ("hinted_at", ("t", "default")),
        ):  # fmt: skip
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql[name]}", given)]
            assert [step for step in plan if step.startswith("SCAN")] == [], name
