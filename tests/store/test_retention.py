"""What is old goes, a few rows at a time and whole; what is open, dead, young or the last of its numbers stays."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.stored_news import ALL_EVENTS, callback, news, opened, record_all

from kling_daemon.deliveries import Acknowledged, Failed, Rejected, RetryPolicy, settle
from kling_daemon.events import NoticeKind, notice
from kling_daemon.jobs import JobState
from kling_daemon.store import DATABASE, OldRows, Registration, Sweep
from kling_daemon.store.sequences import TABLES
from kling_daemon.testing.clock import START, ManualClock

KEEP = timedelta(days=90)
LATER = timedelta(days=91)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def store(tmp_path, clock):
    async with opened(tmp_path, clock=clock) as opened_store:
        await opened_store.register_handlers([Registration(name="archive", events=ALL_EVENTS | {"notice"})])
        yield opened_store


async def deliver(store, clock, outcome=None):
    """Claim and end all deliveries that are due, each with an attempt and a step."""
    while claimed := await store.claim("archive", limit=100, lease=timedelta(minutes=5)):
        for delivery in claimed:
            await store.save_step(delivery.id, "half", {"way": 1})
            ended = settle(
                outcome or Acknowledged(),
                attempt=delivery.attempt,
                created_at=delivery.created_at,
                policy=RetryPolicy(),
                now=clock.now(),
                jitter=0,
            )
            await store.settle(delivery, ended, outcome="test", started_at=clock.now())


async def sweep_all(store):
    """Sweep until nothing old is left; returns how many rows went, by kind."""
    removed = {}
    for rows in OldRows:
        sweep, total = Sweep(rows=rows, keep=KEEP), 0
        while True:
            swept = await store.sweep(sweep)
            total += swept.changed
            if swept.after is None:
                break
            sweep = replace(sweep, after=swept.after)
        removed[rows.value] = total
    return removed


def called(task_id, state=JobState.SUCCEEDED, **changes):
    return replace(news(task_id, state, **changes), callback=callback(b'{"id": "%s"}' % task_id.encode()))


def rows(tmp_path, table):
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - a table's name


async def test_an_old_job_goes_with_all_that_hangs_on_it_and_a_young_one_stays(tmp_path, store, clock):
    await record_all(store, [called(f"old{number}") for number in range(30)])
    await deliver(store, clock)
    clock.advance(LATER)
    await store.record(called("young", updated_at=clock.now(), received_at=clock.now()))
    await deliver(store, clock)
    # The callback says itself when it came.
    assert (await sweep_all(store)) == {"jobs": 30, "callbacks": 30, "notices": 0, "hints": 0}
    assert [job.task_id for _, job in await store.read.jobs(limit=50)] == ["young"]
    left = {table: rows(tmp_path, table) for table in ("jobs", "callbacks", "reports", "events", "deliveries")}
    assert left == {"jobs": 1, "callbacks": 1, "reports": 1, "events": 2, "deliveries": 2}
    assert (rows(tmp_path, "attempts"), rows(tmp_path, "steps")) == (2, 2)


@pytest.mark.parametrize("outcome", [None, Failed(error="not today"), Rejected(reason="never")])
async def test_a_job_with_an_open_or_dead_delivery_stays_with_its_evidence(store, clock, outcome):
    await store.record(called("t1"))
    if outcome is not None:
        await deliver(store, clock, outcome)
    clock.advance(LATER)
    await record_all(store, [news("t2", updated_at=clock.now())])
    assert (await sweep_all(store))["jobs"] == 0
    assert len(await store.read.jobs(limit=5)) == 2
    assert len(await store.read.callbacks(limit=5)) == 1


async def test_a_job_that_has_not_ended_is_never_too_old(store, clock):
    await store.record(news("t1", JobState.PROCESSING))
    await deliver(store, clock)
    clock.advance(10 * LATER)
    await store.record(news("t2", updated_at=clock.now()))
    assert (await sweep_all(store))["jobs"] == 0


async def test_a_job_of_which_kling_told_something_newer_counts_from_then(store, clock):
    await store.record(news("t1"))
    await deliver(store, clock)
    clock.advance(LATER)
    await store.record(news("t1", updated_at=clock.now(), outputs=()))
    await store.record(news("t2", updated_at=clock.now()))
    assert (await sweep_all(store))["jobs"] == 0
    assert (await store.read.job("t1")).updated_at == clock.now()


async def test_no_number_is_given_out_again_after_the_next_start(tmp_path, clock):
    async with opened(tmp_path, clock=clock) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        await record_all(store, [called("t1"), called("t2"), called("t3")])
        await deliver(store, clock)
        clock.advance(LATER)
        await store.record(news("t3", updated_at=clock.now()))
        with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
            highest = {table: db.execute(f"SELECT max(seq) FROM {table}").fetchone() for table in TABLES}  # noqa: S608
        assert (await sweep_all(store))["jobs"] == 2
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert {table: db.execute(f"SELECT max(seq) FROM {table}").fetchone() for table in TABLES} == highest  # noqa: S608


async def test_a_job_with_very_many_attempts_goes_in_several_bounded_transactions(tmp_path, store, clock):
    await store.record(news("t1"))
    await deliver(store, clock)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.executemany("INSERT INTO attempts VALUES (1, ?, 'failed', NULL, 0, 0)", [(n,) for n in range(1200)])
    clock.advance(LATER)
    await store.record(news("t2", updated_at=clock.now()))
    before = rows(tmp_path, "attempts")
    sweep = Sweep(rows=OldRows.JOBS, keep=KEEP)
    first = await store.sweep(sweep)
    assert (first.changed, first.after) == (0, 0)
    assert before - rows(tmp_path, "attempts") == 500
    assert (await sweep_all(store))["jobs"] == 1
    assert rows(tmp_path, "attempts") == 0


async def test_a_notice_goes_when_it_was_cleared_long_ago_and_its_deliveries_are_closed(store, clock):
    for number in range(15):
        await store.raise_notice(notice(NoticeKind.HANDLER_CLOSED, f"{number}", "closed", now=START))
    await store.clear_notice(NoticeKind.HANDLER_CLOSED, "1")
    await deliver(store, clock)
    clock.advance(LATER)
    await store.record(news("t1", updated_at=clock.now()))
    assert (await sweep_all(store))["notices"] == 1
    assert len(await store.read.open_notices()) == 14


async def test_pages_that_became_free_are_used_again(tmp_path, store, clock):
    async def a_season(number):
        told = [called(f"{number}.{each}", updated_at=clock.now()) for each in range(300)]
        await record_all(store, told)
        await deliver(store, clock)
        clock.advance(LATER)
        await store.record(called(f"{number}.young", updated_at=clock.now()))
        await sweep_all(store)
        with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
            return db.execute("PRAGMA page_count").fetchone()[0]

    sizes = [await a_season(number) for number in range(4)]
    assert sizes[3] <= sizes[1] * 1.1


async def test_a_clock_far_in_the_future_makes_nothing_old_also_over_restarts(tmp_path):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        await record_all(store, [called(f"t{number}", updated_at=clock.now()) for number in range(9)])
    clock.set(START + timedelta(days=4000))
    for _ in range(2):
        async with opened(tmp_path, clock=clock) as store:
            # What we ourselves write meanwhile bears the wrong time, what Kling tells does not.
            await store.raise_notice(notice(NoticeKind.HANDLER_CLOSED, "archive", "closed", now=clock.now()))
            await store.clear_notice(NoticeKind.HANDLER_CLOSED, "archive")
            later = START + timedelta(days=80)
            await store.record(called("late", updated_at=later, received_at=clock.now()))
            assert set((await sweep_all(store)).values()) == {0}
            assert len(await store.read.jobs(limit=50)) == 10


async def test_nothing_grows_old_while_kling_tells_nothing_new(store, clock):
    await record_all(store, [called("t1"), called("t2")])
    clock.advance(10 * LATER)
    assert set((await sweep_all(store)).values()) == {0}
    await store.record(called("t3", updated_at=clock.now()))
    assert (await sweep_all(store))["jobs"] == 0, "its delivery is open"
    await deliver(store, clock)
    assert (await sweep_all(store))["jobs"] == 2
